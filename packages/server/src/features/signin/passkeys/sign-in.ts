/**
 * Signing in with a passkey: the options for a browser without a user name (conditional mediation), for an account that was
 * named, and for the step of an attempt, which write nothing; and what the browser answers, by the door.
 */
import type { Call } from '../../../base/call.ts'
import { randomSecret } from '../../../base/crypto.ts'
import type { CookieChange } from '../../../base/http/row/route.ts'
import { canonical } from '../../../base/identifiers.ts'
import { getRelyingParty } from '../../../base/relying-party.ts'
import type { AssertionAnswer } from '../../../base/webauthn.ts'
import type { Tools } from '../../../core/tools.ts'
import type { AfterSignIn } from '../attempts/index.ts'
import { type Outcome, proveAttempt, signInWith } from '../door/index.ts'
import { assertionOptions } from './ceremonies.ts'
import { CHALLENGE_LIFETIME, type ChallengeFor, issueChallenge } from './challenges.ts'
import { type PasskeyTools, passkeyMethod } from './method.ts'
import { type NamedPasskeyRow, selectAccepted, selectAcceptedOf } from './sql.ts'

/** The cookie that binds a challenge to the browser that is not signed in. */
export const PASSKEY_COOKIE = 'passkey'

type BeginTools = Pick<Tools, 'config' | 'db' | 'keyring'>
type RequestOptions = Awaited<ReturnType<typeof assertionOptions>>

const browserSecret = (call: Pick<Call, 'cookies'>): string | null => {
  const value = call.cookies[PASSKEY_COOKIE]
  return value && /^[A-Za-z0-9_-]{43}$/.test(value) ? value : null
}

/** What the challenge of this browser may have been issued for, whether or not the user named an account. */
function challengesOf(call: Pick<Call, 'cookies'>): ChallengeFor[] {
  const boundTo = browserSecret(call)
  return boundTo === null
    ? []
    : [
        { purpose: 'sign_in', boundTo },
        { purpose: 'sign_in_named', boundTo },
      ]
}

/** @param identifier null: the user chooses among the passkeys of the browser */
export async function beginSignIn(
  tools: BeginTools,
  call: Call,
  identifier: string | null,
): Promise<{ options: RequestOptions; cookies: readonly CookieChange[] }> {
  const party = getRelyingParty(tools.config)
  const boundTo = browserSecret(call) ?? randomSecret()
  const purpose = identifier === null ? 'sign_in' : 'sign_in_named'
  const challenge = issueChallenge(tools.keyring, { purpose, boundTo }, call.now)
  const allow = identifier === null ? null : await credentialsOf(tools, identifier)
  return {
    options: await assertionOptions(party, challenge, allow, 'required'),
    cookies: [{ name: PASSKEY_COOKIE, value: boundTo, maxAgeSeconds: Math.ceil(CHALLENGE_LIFETIME / 1000) }],
  }
}

/** Signs in with a passkey. Refusals are returned. */
export const signInByPasskey = (
  tools: PasskeyTools,
  call: Call,
  credential: AssertionAnswer,
  after: AfterSignIn,
): Promise<Outcome> =>
  signInWith(tools, call, passkeyMethod(tools), { credential, issuedFor: challengesOf(call) }, after)

/** Proves a passkey in an attempt that waits for it. @throws Problem as proveAttempt */
export async function proveByPasskey(
  tools: PasskeyTools,
  call: Call,
  token: string,
  credential: AssertionAnswer,
  chosen: { remember_device?: boolean | undefined } = {},
): Promise<Outcome> {
  const [boundTo = ''] = token.split('.')
  const issuedFor = [{ purpose: 'second_factor', boundTo } as const]
  return await proveAttempt(tools, call, token, passkeyMethod(tools), { credential, issuedFor }, chosen)
}

/** Options for the second factor of an attempt: its user's passkeys, with or without user verification. */
export async function secondFactorOptions(
  tools: BeginTools,
  call: Call,
  attempt: { id: string; userId: string },
): Promise<RequestOptions> {
  const party = getRelyingParty(tools.config)
  const issuedFor = { purpose: 'second_factor', boundTo: attempt.id } as const
  const own = await selectAccepted(tools.db.hot, attempt.userId, party.id)
  return await assertionOptions(
    party,
    issueChallenge(tools.keyring, issuedFor, call.now),
    namedBy(own),
    'preferred',
  )
}

/** In one order, as those of imaginary passkeys are. */
const namedBy = (own: readonly NamedPasskeyRow[]) =>
  own.map(({ credential_id: credentialId, transports }) => ({
    credentialId,
    transports: transports.toSorted(),
  }))

/** The passkeys of an account; imaginary ones for an account without, or an identifier of none (WebAuthn §14.6.2). */
async function credentialsOf(tools: BeginTools, identifier: string) {
  const { id } = getRelyingParty(tools.config)
  const real = namedBy(await selectAcceptedOf(tools.db.hot, canonical(identifier), id))
  const imagined = imaginary(tools, identifier)
  return real.length > 0 ? real : imagined
}

/** What authenticators that are in use make: their ids have 16 bytes, 20 or 32. */
const KINDS = [
  { length: 16, transports: ['hybrid', 'internal'] },
  { length: 20, transports: ['hybrid', 'internal'] },
  { length: 32, transports: ['internal'] },
] as const

const MOST_IMAGINED = 3

/**
 * One to three, as accounts have, so that their number tells nothing. The same for each spelling of an identifier, at each
 * time and on each node. All three are computed, so that the time does not tell a number that an account's passkeys hide.
 */
function imaginary({ keyring }: Pick<Tools, 'keyring'>, identifier: string) {
  const [count = 0, ...kinds] = keyring.mac('identifiers', `passkeys\n${canonical(identifier)}`)
  const all = Array.from({ length: MOST_IMAGINED }, (_, n) => {
    const { length, transports } = KINDS[(kinds[n] ?? 0) % KINDS.length] ?? KINDS[0]
    const id = keyring.mac('identifiers', `passkey ${n}\n${canonical(identifier)}`)
    return { credentialId: id.subarray(0, length), transports }
  })
  return all.slice(0, 1 + (count % MOST_IMAGINED))
}
