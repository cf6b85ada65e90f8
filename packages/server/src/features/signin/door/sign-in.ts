/**
 * Runs a sign-in method: count the guess → verify the credential → record or clear the failure → advance the attempt.
 * Invariant: only this file and registration make a Proof, so no method can sign in without its guess being counted
 * (method.test.ts holds that in types).
 */
import type { Call } from '../../../base/call.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { type Problem, problem } from '../../../base/errors.ts'
import type { OfferedMethod } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { findUser, getUser, lockUserRow, type User } from '../../identity/users/index.ts'
import {
  assertUnlocked,
  countUnprovenGuess,
  type Device,
  findCallersDevice,
  lockGuesses,
  openGuess,
  recordFailedGuess,
} from '../guesses/index.ts'
import {
  advance,
  attemptEnded,
  type CheckedUser,
  type DoorTools,
  judge,
  type Outcome,
  refusalAt,
  type StepTaken,
} from './advance.ts'
import { type AfterSignIn, type Attempt, beginAttempt, resumeAttempt } from './attempts.ts'
import type { Identified, Method, Verified } from './method.ts'
import type { Proof, ProofMethod, Requirement, WaitingStep } from './next-step.ts'

type SignInTools = Pick<Tools, 'config' | 'db' | 'jobs' | 'keyring'>

/** Signs in by a method. Refusals are returned, except for ACCOUNT_LOCKED. @throws Problem ACCOUNT_LOCKED, UNAVAILABLE */
export const signInWith = <Input, Stored>(
  tools: SignInTools,
  call: Call,
  method: Method<Input, Stored>,
  input: Input,
  after: AfterSignIn,
): Promise<Outcome> =>
  proveWith(tools, call, method, input, after, (tx, taken) =>
    advance(tools, tx, call, beginAttempt(after, call.now), taken),
  )

/**
 * Checks a credential as a sign-in does, without starting a session: the same guesses, refusals, and audit events of
 * failures. @throws Problem the refusal
 */
export async function checkWith<Input, Stored>(
  tools: SignInTools,
  call: Call,
  method: Method<Input, Stored>,
  input: Input,
): Promise<CheckedUser> {
  const outcome = await proveWith(tools, call, method, input, null, (tx, taken) =>
    judge(tools, tx, call, taken),
  )
  if ('refused' in outcome) throw outcome.refused
  return outcome
}

/** Counts the guess, verifies the credential, and hands the proof to `then`, in one transaction. */
async function proveWith<Input, Stored, Result>(
  tools: SignInTools,
  call: Call,
  method: Method<Input, Stored>,
  input: Input,
  signIn: AfterSignIn | null,
  then: (tx: Tx, taken: StepTaken & { proof: Proof }) => Promise<Result>,
): Promise<Result | { refused: Problem }> {
  const db = tools.db.hot
  const [named, device] = await Promise.all([method.identify(db, input), findCallersDevice(db, call)])
  const [guess, stored] = await Promise.all([
    openGuess(tools, db, call, { ...named, device, method: method.name, signIn }),
    method.read(db, named),
  ])
  await assertUnlocked(tools, call, guess)
  const verified = await method.verify(call, named, stored, input)
  if (verified === null) return { refused: await recordFailedGuess(tools, call, guess, method.failure) }
  const isCounted = guess.user?.id === verified.user.id
  const outcome = await tools.db.tx('system', async (tx): Promise<Result | { refused: Problem } | null> => {
    const [user, failures] = await Promise.all([
      verified.recheck(tx),
      isCounted ? lockGuesses(tx, call, guess) : null,
    ])
    if (!user) return null
    // a registration that is not verified tells something about the identifier without proving it: that is a guess
    const locked = await (failures ? failures.clear() : countUnprovenGuess(tools, tx, call, guess))
    if (locked) return { refused: locked }
    const proof = prove(method.name, method.proof, user, call)
    const { requires } = verified
    return await then(tx, { user, device, proof, requires, events: guess.attempt })
  })
  // it was replaced while it was checked
  return outcome ?? { refused: await recordFailedGuess(tools, call, guess, method.failure) }
}

/**
 * Verifies a signed-in user's credential once more, before something sensitive. Counts as a guess.
 * @throws Problem AUTHENTICATION_FAILED, ACCOUNT_LOCKED
 */
export async function confirmWith<Input, Stored, V extends Verified>(
  tools: SignInTools,
  call: Call,
  method: Method<Input, Stored, V>,
  user: User,
  input: Input,
): Promise<V> {
  const db = tools.db.hot
  const named: Identified = { identifier: user.id, owner: user, pending: null }
  const device = await findCallersDevice(db, call)
  const [guess, stored] = await Promise.all([
    openGuess(tools, db, call, { ...named, device, method: method.name, signIn: null }),
    method.read(db, named),
  ])
  await assertUnlocked(tools, call, guess)
  const verified = await method.verify(call, named, stored, input)
  if (verified === null) throw await recordFailedGuess(tools, call, guess, method.failure)
  const locked = await tools.db.tx('system', async (tx) => (await lockGuesses(tx, call, guess)).clear())
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
  return await advance(tools, tx, call, attempt, { user, device: null, proof })
}

const prove = (
  method: ProofMethod,
  by: Pick<Proof, 'amr' | 'factor' | 'phishing_resistant'>,
  user: User,
  call: Call,
): Proof => ({ ...by, method, subject: user.id, at: call.now.toISOString() }) as Proof

/** The methods that satisfy the step that the attempt waits at. */
export async function methodsAt(
  db: Statements,
  methods: readonly OfferedMethod[],
  { step, userId }: Pick<Attempt, 'step' | 'userId'>,
): Promise<string[]> {
  if (step !== 'prove' || userId === null) return []
  const offered = await Promise.all(methods.map((method) => method.isOffered(db, userId)))
  return methods.filter((_, at) => offered[at]).map(({ name }) => name)
}

/**
 * That continuing the attempt would not be refused: its user may sign in. As the system, because the attempt is the
 * credential. @throws Problem ACCOUNT_DISABLED, ACCOUNT_LOCKED
 */
export async function assertMayContinue(
  tools: Pick<Tools, 'config' | 'db'>,
  call: Call,
  attempt: Attempt,
): Promise<void> {
  const { userId } = attempt
  const user = userId === null ? null : await tools.db.tx('system', (tx) => findUser(tx, userId))
  const refusal = user && refusalAt(tools, call, attempt, user)
  if (refusal) throw refusal
}

export const unknownAttempt = (): Problem =>
  problem('NOT_FOUND', { message: 'This sign-in was completed or has expired. Sign in again.' })

/**
 * The attempt, where it waits at `step`. `toShow`: also refused where continuing it would be, so that no form is shown
 * that cannot succeed. @throws Problem NOT_FOUND; CONFLICT where it waits at another step
 */
export async function getAttempt(
  tools: Pick<Tools, 'config' | 'db'>,
  call: Call,
  token: string,
  step: WaitingStep,
  { toShow = false }: { toShow?: boolean } = {},
): Promise<Attempt & { userId: string }> {
  const attempt = await resumeAttempt(tools.db.hot, token, call.now)
  if (!attempt) throw unknownAttempt()
  const { userId } = attempt
  if (userId === null || attempt.step !== step) throw attemptEnded()
  if (toShow) await assertMayContinue(tools, call, attempt)
  return { ...attempt, userId }
}

/**
 * Takes the step that an attempt waits at, under the lock of its user: by fulfilling a requirement, or because what it
 * waited for has happened. `fulfil` runs in the transaction, only once and only where the user may still sign in; what
 * it throws undoes the step.
 */
export async function continueAttempt(
  tools: Pick<Tools, 'config' | 'db' | 'jobs'>,
  call: Call,
  attempt: Attempt & { userId: string },
  requirement?: { name: Requirement; fulfil(tx: Tx, user: User): Promise<void> },
): Promise<Outcome> {
  return await tools.db.tx('system', async (tx) => {
    await lockUserRow(tx, attempt.userId)
    const user = await getUser(tx, attempt.userId)
    const device: Device | null = await findCallersDevice(tx, call)
    const step = requirement && { fulfilled: requirement.name, fulfil: () => requirement.fulfil(tx, user) }
    return await advance(tools, tx, call, attempt, { user, device, ...step })
  })
}
