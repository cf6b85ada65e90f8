/**
 * Adding a passkey: the options that a browser creates it with, the verification of what it created, and storing it as a
 * factor. The same for a signed-in user and for a sign-in that stops at enrolling; the challenge is bound to the session,
 * or to the attempt.
 */
import type { Call } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { invalid, type Problem, problem } from '../../../base/errors.ts'
import { deviceName } from '../../../base/http/request/device.ts'
import { getOfferingParty } from '../../../base/relying-party.ts'
import type { RegistrationAnswer } from '../../../base/webauthn.ts'
import { audit } from '../../../core/audit/index.ts'
import { insertFactor, recordEnrolment } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import type { StartedSession } from '../../identity/sessions/index.ts'
import { getUser, lockUserRow, type User } from '../../identity/users/index.ts'
import { issueWhereNone, type OfferedSet } from '../backup-codes/index.ts'
import { enrolInAttempt, enrolInSession, type Outcome } from '../door/index.ts'
import { getAttempt } from '../steps/index.ts'
import {
  type CeremonyFault,
  type RegisteredPasskey,
  registrationOptions,
  verifyRegistration,
} from './ceremonies.ts'
import { consumeChallenge, isChallengeFor, issueChallenge } from './challenges.ts'
import { passkeyEmail } from './mail.tsx'
import { proofOf } from './method.ts'
import { ensureHandle, insertCredential, selectOwn } from './sql.ts'

type RegistrationTools = Pick<Tools, 'config' | 'counts' | 'db' | 'jobs' | 'keyring' | 'mail'>
type CreationOptions = Awaited<ReturnType<typeof registrationOptions>>

export interface CreatedPasskey {
  credential: RegistrationAnswer
  name?: string | undefined
}

/** The most passkeys of one user. */
const MOST = 20

/** @param boundTo the id of the session or attempt. @throws Problem CONFLICT where the user has the most already */
async function beginRegistration(
  tools: RegistrationTools,
  call: Call,
  userId: string,
  boundTo: string,
): Promise<CreationOptions> {
  const party = getOfferingParty(tools.config)
  const { user, handle, own } = await tools.db.tx('system', async (tx) => {
    await lockUserRow(tx, userId)
    const [user, handle, own] = [
      await getUser(tx, userId),
      await ensureHandle(tx, userId),
      await selectOwn(tx, userId),
    ]
    return { user, handle, own }
  })
  if (own.length >= MOST) throw tooMany()
  const challenge = issueChallenge(tools.keyring, { purpose: 'register', boundTo }, call.now)
  const known = own.map(({ credential_id: credentialId, transports }) => ({ credentialId, transports }))
  const names = { name: user.email, displayName: user.full_name ?? user.email }
  return await registrationOptions(party, { handle, ...names }, challenge, known)
}

/** A created passkey that is verified and not stored yet. */
interface VerifiedRegistration {
  passkey: RegisteredPasskey
  transports: readonly string[]
  name: string
}

/** @throws Problem VALIDATION_ERROR where the answer is not that of a ceremony of this server that was begun by `boundTo` */
async function verifyCreated(
  tools: Pick<Tools, 'config' | 'keyring'>,
  call: Call,
  boundTo: string,
  { credential, name }: CreatedPasskey,
): Promise<VerifiedRegistration> {
  const party = getOfferingParty(tools.config)
  const issuedFor = { purpose: 'register', boundTo } as const
  const checked = await verifyRegistration(party, credential, (challenge) =>
    isChallengeFor(tools.keyring, issuedFor, challenge, call.now),
  )
  if ('fault' in checked) throw refusedRegistration(checked.fault)
  return {
    passkey: checked.passed,
    transports: credential.response.transports ?? [],
    name: name ?? nameOf(call),
  }
}

/**
 * Stores the passkey, once. The caller holds the user's row.
 * @returns the id of its factor @throws Problem CONFLICT, VALIDATION_ERROR
 */
async function addPasskey(
  tools: RegistrationTools,
  tx: Tx,
  call: Call,
  user: User,
  { passkey, transports, name }: VerifiedRegistration,
): Promise<string> {
  if (!(await consumeChallenge(tx, passkey.challenge))) throw refusedRegistration('wrong_challenge')
  if ((await selectOwn(tx, user.id)).length >= MOST) throw tooMany()
  await recordEnrolment(tools, tx, call, user, 'passkey')
  const factor = await insertFactor(tx, { userId: user.id, kind: 'passkey', name, confirmed: true }, call.now)
  const isNew = await insertCredential(tx, {
    factor_id: factor.id,
    user_id: user.id,
    credential_id: passkey.credentialId,
    public_key: passkey.publicKey,
    algorithm: passkey.algorithm,
    counter: passkey.counter,
    transports: [...transports],
    device_type: passkey.deviceType,
    backed_up: passkey.backedUp,
    user_verified: passkey.userVerified,
    aaguid: passkey.aaguid,
    rp_id: getOfferingParty(tools.config).id,
    origin: passkey.origin,
    flagged_at: null,
  })
  if (!isNew) {
    const message = 'This passkey is registered already. Create a new one.'
    throw problem('CONFLICT', { message, details: { reason: 'already_registered' } })
  }
  await audit(tx, call, {
    type: 'auth.passkey.added',
    userId: user.id,
    username: user.username,
    details: { factor_id: factor.id, name, synced: passkey.deviceType === 'multiDevice' },
  })
  await tools.mail.write(tx, passkeyEmail(tools.config, 'added', { user, name }, call), call.now, user.id)
  return factor.id
}

/** Where it was made: `Chrome, Windows`. */
function nameOf(call: Call): string {
  const { browser, system } = deviceName(call.userAgent)
  return [browser, system].filter(Boolean).join(', ') || 'Passkey'
}

const tooMany = (): Problem =>
  problem('CONFLICT', {
    message: `An account has at most ${MOST} passkeys. Remove one that you do not use.`,
    details: { reason: 'too_many_factors' },
  })

const refusedRegistration = (fault: CeremonyFault): Problem =>
  invalid(
    'credential',
    fault,
    fault === 'wrong_challenge'
      ? 'The challenge has expired or was used already. Begin again.'
      : 'The answer of the authenticator is not accepted. Begin again.',
  )

/** @throws Problem AUTHENTICATION_REQUIRED without a session, CONFLICT */
function ownSession(call: Call): { userId: string; sessionId: string } {
  const { userId } = callerScope(call)
  if (!call.session) throw problem('AUTHENTICATION_REQUIRED')
  return { userId, sessionId: call.session.id }
}

/** Options for the caller's session. @throws Problem CONFLICT */
export const beginOwn = (tools: RegistrationTools, call: Call): Promise<CreationOptions> => {
  const { userId, sessionId } = ownSession(call)
  return beginRegistration(tools, call, userId, sessionId)
}

/**
 * Adds a passkey to the caller's account. The session has proven it as well, and continues under a new token. `set`: backup
 * codes that the user gets where there are none.
 * @throws Problem VALIDATION_ERROR, CONFLICT
 */
export async function addOwnPasskey(
  tools: RegistrationTools,
  call: Call,
  created: CreatedPasskey,
  set: OfferedSet | null = null,
): Promise<{ id: string; session: StartedSession }> {
  let id = ''
  const verified = await verifyCreated(tools, call, ownSession(call).sessionId, created)
  const session = await enrolInSession(tools, call, {
    method: 'passkey',
    proof: proofOf(verified.passkey),
    async enrol(tx, user) {
      id = await addPasskey(tools, tx, call, user, verified)
      if (set) await issueWhereNone(tx, call, user, set)
    },
  })
  return { id, session }
}

/** Options for an attempt that waits at `enrol`. @throws Problem NOT_FOUND, CONFLICT */
export async function beginEnrolment(
  tools: RegistrationTools,
  call: Call,
  token: string,
): Promise<CreationOptions> {
  const { id, userId } = await getAttempt(tools, call, token, ['enrol'], { toShow: true })
  return await beginRegistration(tools, call, userId, id)
}

/**
 * Adds the passkey that the attempt waits for, and takes its step. `set`: backup codes that the user gets where there are
 * none. @throws Problem NOT_FOUND, CONFLICT, VALIDATION_ERROR
 */
export async function enrolPasskey(
  tools: RegistrationTools,
  call: Call,
  token: string,
  created: CreatedPasskey,
  set: OfferedSet | null,
): Promise<Outcome> {
  const { id } = await getAttempt(tools, call, token, ['enrol'], { toShow: true })
  const verified = await verifyCreated(tools, call, id, created)
  return await enrolInAttempt(tools, call, token, {
    method: 'passkey',
    proof: proofOf(verified.passkey),
    async enrol(tx, user) {
      await addPasskey(tools, tx, call, user, verified)
      if (set) await issueWhereNone(tx, call, user, set)
    },
  })
}
