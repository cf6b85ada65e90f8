/**
 * Runs a sign-in method: count the guess → verify the credential → record or clear the failure → advance the attempt.
 * Invariant: only this file and registration make a Proof, so no method can sign in without its guess being counted
 * (method.test.ts holds that in types).
 */
import {
  ESTABLISHED_AFTER,
  isStrong,
  kindOf,
  type ProofKind,
  type ProofMethod,
  REMEMBERED_DEVICE,
  type SignInFacts,
  type StoredProof,
} from '../../../base/assurance.ts'
import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { type Problem, problem } from '../../../base/errors.ts'
import { findSignInFacts, listFactors } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { raiseSession, type StartedSession } from '../../identity/sessions/index.ts'
import { getUser, lockUserRow, type User } from '../../identity/users/index.ts'
import {
  type AfterSignIn,
  type Attempt,
  beginAttempt,
  type Proof,
  type Requirement,
} from '../attempts/index.ts'
import { type Device, distrustDevices, findCallersDevice } from '../devices/index.ts'
import {
  assertUnlocked,
  countUnprovenGuess,
  type Guess,
  liftLockout,
  lockGuesses,
  openGuess,
  recordFailedGuess,
} from '../guesses/index.ts'
import { assertOffered, getAttempt } from '../steps/index.ts'
import {
  advance,
  type CheckedUser,
  type DoorTools,
  isStillDue,
  judge,
  type Outcome,
  type StepTaken,
} from './advance.ts'
import { counted, countOutcome } from './counting.ts'
import type { FurtherMethod, Identified, Method, Verified } from './method.ts'
import { ofOrganization, type VouchedUser } from './vouched.ts'

type ProofTools = Pick<Tools, 'config' | 'db' | 'jobs' | 'keyring'>
type SignInTools = ProofTools & Pick<Tools, 'counts'>

/** Signs in by a method. Refusals are returned, except for ACCOUNT_LOCKED. @throws Problem ACCOUNT_LOCKED, UNAVAILABLE */
export const signInWith = <Input, Stored>(
  tools: SignInTools,
  call: Call,
  method: Method<Input, Stored>,
  input: Input,
  after: AfterSignIn,
): Promise<Outcome> =>
  counted(
    tools.counts.signIns,
    method.name,
    proveWith(
      tools,
      call,
      method,
      input,
      { named: method.identify(tools.db.hot, input), signIn: after },
      (tx, taken) => advance(tools, tx, call, beginAttempt(after, call.now), taken),
    ),
  )

/**
 * Proves something further in an attempt that waits at `prove` or `second_factor`. The failure of a guess counts against
 * the attempt's user, in any attempt. Refusals are returned, except for ACCOUNT_LOCKED.
 * @param options `remember_device`: the user chose to remember the browser, once the sign-in is complete
 * @throws Problem NOT_FOUND, CONFLICT, VALIDATION_ERROR where the user has no such method, ACCOUNT_LOCKED
 */
export async function proveAttempt<Input, Stored>(
  tools: SignInTools,
  call: Call,
  token: string,
  method: FurtherMethod<Input, Stored>,
  input: Input,
  { remember_device: remembers }: { remember_device?: boolean | undefined } = {},
): Promise<Outcome> {
  const attempt = await getAttempt(tools, call, token, ['prove', 'second_factor'], { toShow: true })
  const owner = await assertOffered(tools, call, attempt, method.name)
  const { proofs: earlier } = attempt
  const proving = proveWith(tools, call, method, input, { named: byId(owner), earlier }, (tx, taken) => {
    const proof: Proof = remembers && !attempt.stepUp ? { ...taken.proof, remembers } : taken.proof
    return advance(tools, tx, call, attempt, { ...taken, proof })
  })
  return await counted(tools.counts.furtherProofs, method.name, proving)
}

/**
 * Checks a credential as a sign-in does, without starting a session: the same guesses, refusals, and audit events of
 * failures. @throws Problem the refusal
 */
export async function checkWith<Input, Stored>(
  tools: ProofTools,
  call: Call,
  method: Method<Input, Stored>,
  input: Input,
): Promise<CheckedUser> {
  const named = method.identify(tools.db.hot, input)
  const outcome = await proveWith(tools, call, method, input, { named }, (tx, taken) =>
    judge(tools, tx, call, taken),
  )
  if ('refused' in outcome) throw outcome.refused
  return outcome
}

interface NamedGuess {
  named: Identified | Promise<Identified>
  /** What the attempt has proven already. */
  earlier?: readonly Proof[] | undefined
  signIn?: AfterSignIn | null
}

/**
 * Counts the guess, verifies the credential, and hands the proof to `then`, in one transaction. `named`: whom the input
 * names, or the user of the attempt that it continues, whose proofs are `earlier`. `signIn`: what follows a sign-in that
 * begins with it.
 */
async function proveWith<Input, Stored, Result>(
  tools: ProofTools,
  call: Call,
  method: FurtherMethod<Input, Stored>,
  input: Input,
  { named: naming, earlier, signIn = null }: NamedGuess,
  then: (tx: Tx, taken: StepTaken & { proof: Proof }) => Promise<Result>,
): Promise<Result | { refused: Problem }> {
  const opened = await verifyGuess(tools, call, method, input, { named: naming, earlier, signIn })
  if ('refused' in opened) return opened
  const { guess, device, verified } = opened
  const isCounted = guess.user?.id === verified.user.id
  const outcome = await tools.db.tx('system', async (tx): Promise<Result | { refused: Problem } | null> => {
    const rechecking = verified.recheck(tx)
    if (verified.changesFacts) await rechecking
    // in this order: the facts are those under the lock of the user's row
    const [user, failures, facts, trusted] = await Promise.all([
      rechecking,
      isCounted ? lockGuesses(tx, call, guess) : null,
      findSignInFacts(tools, tx, verified.user.id, call.now),
      device?.trustedUntil ? findCallersDevice(tx, call) : null,
    ])
    if (!user) return null
    // a registration that is not verified tells something about the identifier without proving it: that is a guess
    const locked = await (failures ? failures.findRefusal() : countUnprovenGuess(tools, tx, call, guess))
    if (locked) return { refused: locked }
    const { requires, enrolledAt } = verified
    const isEstablished =
      enrolledAt !== undefined && call.now.getTime() - enrolledAt.getTime() >= ESTABLISHED_AFTER
    const kind = { ...(verified.proof ?? method.proof), ...(isEstablished && { established: true as const }) }
    const proof = prove(method.name, kind, user, call)
    const settle = failures ? { settle: () => failures.clear() } : {}
    const remembered = proveDevice(tools, call, user, trusted)
    return await then(tx, {
      user,
      device,
      remembered,
      facts,
      proof,
      requires,
      events: guess.attempt,
      ...settle,
    })
  })
  // it was replaced while it was checked
  const reason = verified.recheckFailure ?? method.failure
  return outcome ?? { refused: await recordFailedGuess(tools, call, guess, reason) }
}

/** Opens a guess and verifies the credential. @returns the refusal of a wrong one, recorded @throws Problem ACCOUNT_LOCKED */
async function verifyGuess<Input, Stored, V extends Verified>(
  tools: ProofTools,
  call: Call,
  method: FurtherMethod<Input, Stored, V>,
  input: Input,
  { named: naming, earlier, signIn = null }: NamedGuess,
): Promise<{ guess: Guess; device: Device | null; verified: V } | { refused: Problem }> {
  const db = tools.db.hot
  const [named, device] = await Promise.all([naming, findCallersDevice(db, call)])
  const [guess, stored] = await Promise.all([
    openGuess(tools, db, call, {
      ...named,
      device,
      isGuessable: method.isGuessable,
      method: earlier?.[0]?.method ?? method.name,
      second: earlier ? secondOf(method.name) : null,
      passkey: [...(earlier ?? []), { method: method.name }].some(isPasskey),
      signIn,
    }),
    method.read(db, named),
  ])
  await assertUnlocked(tools, call, guess)
  const verified = await method.verify(call, named, stored, input)
  if (verified !== null && !('failure' in verified)) return { guess, device, verified }
  return { refused: await recordFailedGuess(tools, call, guess, verified?.failure ?? method.failure) }
}

/** Of a further proof: the password is counted as at the beginning of a sign-in. */
const secondOf = (method: ProofMethod): ProofMethod | null => (method === 'password' ? null : method)

const isPasskey = ({ method }: { method: ProofMethod }): boolean => method === 'passkey'

const byId = (owner: User): Identified => ({ identifier: owner.id, owner, pending: null })

/**
 * Verifies a signed-in user's credential once more, before something sensitive. Counts as a guess.
 * @throws Problem AUTHENTICATION_FAILED, ACCOUNT_LOCKED
 */
export async function confirmWith<Input, Stored, V extends Verified>(
  tools: ProofTools,
  call: Call,
  method: Method<Input, Stored, V>,
  user: User,
  input: Input,
): Promise<V> {
  const opened = await verifyGuess(tools, call, method, input, { named: byId(user) })
  if ('refused' in opened) throw opened.refused
  const { guess, verified } = opened
  const locked = await tools.db.tx('system', async (tx) => {
    const failures = await lockGuesses(tx, call, guess)
    const refusal = await failures.findRefusal()
    if (!refusal) await failures.clear()
    return refusal
  })
  if (locked) throw locked
  return verified
}

/** Milliseconds: an e-mail may take its time. */
const REGISTRATION_LIFETIME = 3_600_000

/**
 * Signs in a user who has just chosen a first password: by registering, or by the set-up link. Where the address has to
 * be verified first, the attempt waits for that.
 */
export async function signInNewUser(
  tools: DoorTools,
  tx: Tx,
  call: Call,
  user: User,
  by: Extract<ProofMethod, 'registration' | 'setup_link'>,
  returnTo: string | null = null,
): Promise<Outcome> {
  const after = { remember: false, returnTo, tokens: false }
  const attempt = beginAttempt(after, call.now, REGISTRATION_LIFETIME)
  const proof = prove(by, { amr: ['pwd'], factor: 'knowledge', phishing_resistant: false }, user, call)
  return await advance(tools, tx, call, attempt, {
    user,
    device: null,
    remembered: null,
    proof,
    registers: true,
  })
}

/**
 * Signs in by an identity provider, or proves something further in an attempt. There is no guess to count: the provider has
 * verified the credential, and its answer is used once (federation/round-trips). The caller has linked the identity to the
 * user in this transaction.
 * @param to the attempt that waits at `prove` or `second_factor`, or what follows a new sign-in
 */
export async function signInVouched(
  tools: SignInTools,
  tx: Tx,
  call: Call,
  { userId, by, identity, session, mfa = false, ...vouched }: VouchedUser,
  to: Attempt | AfterSignIn,
): Promise<Outcome> {
  const { user, device } = await lockAttemptUser(tx, call, { userId })
  const facts = await findSignInFacts(tools, tx, user.id, call.now)
  const kind = {
    ...kindOf('federation'),
    connection: by.id,
    connection_version: by.version,
    identity,
    ...ofOrganization(by, facts),
    ...(mfa && { mfa }),
  }
  const proof = prove('federation', kind, user, call)
  const isFurther = 'proofs' in to
  const attempt = isFurther
    ? to
    : beginAttempt(to, call.now, vouched.registers ? REGISTRATION_LIFETIME : undefined)
  const outcome = await advance(tools, tx, call, attempt, {
    ...vouched,
    user,
    device,
    remembered: proveDevice(tools, call, user, device),
    facts,
    proof,
    providerSession: session ? { connection_id: by.id, ...session } : null,
    settle: () => liftLockout(tools, tx, call, user),
  })
  countOutcome(tools.counts[isFurther ? 'furtherProofs' : 'signIns'], 'federation', outcome)
  return outcome
}

/** @param by what it proves */
const prove = (method: ProofMethod, by: ProofKind, user: User, call: Call): Proof => {
  const proof: StoredProof & { subject: string } = {
    ...by,
    method,
    subject: user.id,
    at: call.now.toISOString(),
  }
  return proof as Proof
}

/** What a device proves of the user, read under the lock of the user's row; null: nothing. */
const proveDevice = (
  { config }: Pick<Tools, 'config'>,
  call: Call,
  user: User,
  device: Device | null,
): Proof | null =>
  config.rememberedDevice > 0 &&
  device?.userId === user.id &&
  device.trustedUntil !== null &&
  device.trustedUntil > call.now
    ? prove('remembered_device', REMEMBERED_DEVICE, user, call)
    : null

/**
 * Takes the step that an attempt waits at, under the lock of its user: by fulfilling a requirement, or because what it
 * waited for has happened. `fulfil` runs in the transaction, only once and only where the user may still sign in; what
 * it throws undoes the step.
 */
export async function continueAttempt(
  tools: SignInTools,
  call: Call,
  attempt: Attempt & { userId: string },
  requirement?: { name: Requirement; fulfil(tx: Tx, user: User): Promise<void> },
): Promise<Outcome> {
  return await tools.db.tx('system', async (tx) => {
    const { user, device } = await lockAttemptUser(tx, call, attempt)
    const facts = await findSignInFacts(tools, tx, user.id, call.now)
    const isDue = requirement && isStillDue(tools, call, attempt, user, facts)
    const step = isDue && { fulfilled: requirement.name, fulfil: () => requirement.fulfil(tx, user) }
    const second = attempt.proofs.find(
      (proof, n) => isPasskey(proof) || (n > 0 && secondOf(proof.method) !== null),
    )
    const settle = () => liftLockout(tools, tx, call, user, second?.method)
    const remembered = proveDevice(tools, call, user, device)
    return await advance(tools, tx, call, attempt, { user, device, remembered, facts, settle, ...step })
  })
}

/** A second factor that an attempt enrols, and what enrolling it has proven. */
export interface Enrolment {
  method: Extract<ProofMethod, 'totp' | 'passkey'>
  proof: ProofKind
  /** Stores the factor as confirmed. @throws what undoes the step */
  enrol(tx: Tx, user: User): Promise<void>
}

/**
 * Enrols a second factor in an attempt that waits at `enrol`, which is then proven by it.
 * @throws Problem NOT_FOUND, CONFLICT, and what `enrol` throws
 */
export async function enrolInAttempt(
  tools: SignInTools,
  call: Call,
  token: string,
  { method, proof, enrol }: Enrolment,
): Promise<Outcome> {
  const attempt = await getAttempt(tools, call, token, ['enrol'], { toShow: true })
  return await tools.db.tx('system', async (tx) => {
    const { user, device } = await lockAttemptUser(tx, call, attempt)
    const facts = await findSignInFacts(tools, tx, user.id, call.now)
    if (!isStillDue(tools, call, attempt, user, facts))
      return await advance(tools, tx, call, attempt, { user, device, remembered: null, facts })
    return await advance(tools, tx, call, attempt, {
      user,
      device,
      remembered: null,
      facts: { ...facts, factors: [...new Set([...facts.factors, method])] },
      proof: prove(method, proof, user, call),
      fulfil: async () => {
        await distrustWeaker(tx, user, facts)
        await enrol(tx, user)
      },
      settle: () => liftLockout(tools, tx, call, user),
    })
  })
}

/**
 * Enrols a second factor in the caller's session, which then has its proof, and a new token.
 * @throws Problem AUTHENTICATION_REQUIRED, and what `enrol` throws
 */
export async function enrolInSession(
  tools: Pick<Tools, 'db'>,
  call: Call,
  { method, proof, enrol }: Enrolment,
): Promise<StartedSession> {
  const { principal, session } = call
  if (!principal || !session) throw problem('AUTHENTICATION_REQUIRED')
  return await tools.db.tx('system', async (tx) => {
    const { user } = await lockAttemptUser(tx, call, principal)
    await distrustWeaker(tx, user, { factors: (await listFactors(tx, user.id)).map(({ kind }) => kind) })
    await enrol(tx, user)
    const proofs = [prove(method, proof, user, call)]
    return await raiseSession(tx, call, { id: session.id, userId: user.id, proofs })
  })
}

/** A browser that was remembered by a weaker factor does not replace the first authenticator or passkey. */
async function distrustWeaker(
  tx: Tx,
  { id }: User,
  { factors }: Pick<SignInFacts, 'factors'>,
): Promise<void> {
  if (!factors.some(isStrong)) await distrustDevices(tx, id)
}

async function lockAttemptUser(
  tx: Tx,
  call: Call,
  { userId }: { userId: string },
): Promise<{ user: User; device: Device | null }> {
  await lockUserRow(tx, userId)
  return { user: await getUser(tx, userId), device: await findCallersDevice(tx, call) }
}
