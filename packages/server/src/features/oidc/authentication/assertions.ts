/**
 * Assertions by which apps authenticate with a key (`private_key_jwt`: RFC 7523 §3, OpenID Connect Core §9). What is wrong with one
 * that the app has signed is in the answer; until then nothing is.
 */
import { isSignedBy, type Jws, jwsAlgorithm, readJws, timeOfClaim } from '../../../base/jws.ts'
import type { Client } from '../../../core/clients/index.ts'
import type { SingleUse } from '../replays/index.ts'
import { type KeyTools, someKey } from './client-keys.ts'
import { invalidClient } from './refusals.ts'

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** Milliseconds: an assertion is made for one request, and clocks differ. */
const LONGEST = 5 * 60_000
const TOLERANCE = 60_000
const LONGEST_ID = 500

/**
 * A proof of another kind is none of an app; `client-authentication+jwt` is that of draft-ietf-oauth-rfc7523bis, which most
 * libraries do not write yet.
 */
const TYPE = /^(?:application\/)?(?:jwt|client-authentication\+jwt)$/i

/** The app that an assertion names, not verified. */
export function appNamedIn(assertion: string): string | undefined {
  const { sub } = readJws(assertion)?.claims ?? {}
  return typeof sub === 'string' ? sub : undefined
}

export interface AssertionRules {
  now: Date
  /** What the assertion may be for: the issuer, the token endpoint, and the endpoint that is requested (RFC 9126 §2). */
  audiences: readonly string[]
}

/** @returns what uses it up. @throws Problem `invalid_client` */
export async function checkAssertion(
  tools: KeyTools,
  client: Client,
  assertion: string,
  { now, audiences }: AssertionRules,
): Promise<SingleUse> {
  const jws = readJws(assertion)
  if (jws === null || !(await isSigned(tools, client, jws))) throw invalidClient(false)
  const { iss, sub, aud, exp, nbf, iat, jti } = jws.claims
  const refuse = (message: string): never => {
    throw invalidClient(false, message)
  }
  if (iss !== client.id || sub !== client.id)
    refuse('The iss and the sub of the assertion are not the client_id.')
  // one that names another server too could have been made for that, and been sent on
  const named = [aud].flat()
  if (named.length === 0 || !named.every((one) => audiences.includes(String(one))))
    refuse('The aud of the assertion is not the issuer of this server alone.')
  const ends = timeOfClaim(exp)
  if (ends === null) return refuse('The assertion has no exp.')
  const at = now.getTime()
  if (ends <= at) refuse('The assertion has expired.')
  if (ends > at + LONGEST + TOLERANCE) refuse('The assertion is valid for more than 5 minutes.')
  for (const begins of [nbf, iat]) {
    const time = timeOfClaim(begins)
    if (begins !== undefined && (time === null || time > at + TOLERANCE))
      refuse('The nbf or the iat of the assertion is in the future.')
  }
  const issued = timeOfClaim(iat)
  if (issued !== null && issued < at - LONGEST - TOLERANCE) refuse('The assertion is older than 5 minutes.')
  if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_ID)
    return refuse(`The assertion has no jti of at most ${LONGEST_ID} characters.`)
  // for a node whose clock is behind it has not expired then
  return { kind: 'assertion', owner: client.id, id: jti, until: new Date(ends + TOLERANCE) }
}

/** By a key of the app, with the algorithm that the app is registered for. */
async function isSigned(tools: KeyTools, client: Client, jws: Jws): Promise<boolean> {
  const { alg: name, kid, typ } = jws.header
  const alg = jwsAlgorithm(name)
  const { token_endpoint_auth_signing_alg: only } = client.settings
  if (alg === null || (only !== null && alg !== only)) return false
  if (typ !== undefined && !(typeof typ === 'string' && TYPE.test(typ))) return false
  if (kid !== undefined && typeof kid !== 'string') return false
  return await someKey(tools, client, { alg, kid: kid ?? null }, (key) => isSignedBy(jws, alg, key))
}
