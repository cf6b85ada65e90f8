/** The answer of a provider at the callback (RFC 6749 §4.1.2), and the identity that it proves. */
import type { UsableConnection } from '../../../core/connections/index.ts'
import { readableClaims } from '../../../core/providers/diagnostics.ts'
import {
  type ConnectionSettings,
  type ExternalIdentity,
  FederationFault,
} from '../../../core/providers/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { type Expected, upstreamProvider } from './authorization.ts'
import { faultOf, type Proven, type TokenAnswer } from './exchange.ts'
import { proveByApi } from './oauth2.ts'
import { checkIssuerParameter, proveByIdToken } from './oidc.ts'

export interface CallbackAnswer {
  /** Of the round trip that the answer's `state` names; the caller has found it, and it is the connection's. */
  expected: Expected
  /** The same as in the authorization request. */
  redirectUri: string
  /** The parameters of the query or of the form, each once. */
  parameters: Readonly<Record<string, string | undefined>>
  /** Whether the address is of a verified domain of the connection's organization. */
  isOwnDomain(email: string): boolean
  now: Date
}

/** @throws FederationFault for every answer that proves no identity */
export async function completeAuthorization(
  tools: Pick<Tools, 'config' | 'outbound' | 'keyring'>,
  connection: UsableConnection,
  { expected, redirectUri, parameters, isOwnDomain, now }: CallbackAnswer,
): Promise<ExternalIdentity> {
  const provider = upstreamProvider(connection)
  const { settings } = connection
  const { code, error, error_description, iss } = parameters
  if (provider.kind === 'oidc') await checkIssuerParameter(tools, connection, provider, iss)
  if (error !== undefined)
    throw faultOf({ code: error, description: error_description?.slice(0, 500) ?? null })
  if (!code || code.length > 4096) throw new FederationFault('bad_answer', 'the answer has no code')
  const exchange = { code, redirectUri, codeVerifier: expected.code_verifier, now }
  const context = { settings, isOwnDomain }
  const proven =
    provider.kind === 'oidc'
      ? await proveByIdToken(tools, connection, provider, { ...exchange, nonce: expected.nonce }, context)
      : await proveByApi(tools, connection, provider, exchange, context)
  const unsignedName = provider.kind === 'oidc' ? provider.unsignedName?.(parameters) : null
  return identityOf(proven, unsignedName ?? null, settings, now)
}

function identityOf(
  { issuer, profile, claims, idToken = {}, tokens }: Proven,
  unsignedName: string | null,
  settings: ConnectionSettings,
  now: Date,
): ExternalIdentity {
  const { subject, fullName } = profile
  if (subject === null) throw new FederationFault('no_subject', 'the provider names no user id')
  const { amr, acr, auth_time } = idToken
  const named = Object.values(settings.attributes ?? {}).flatMap((name) => name ?? [])
  return {
    ...profile,
    issuer,
    subject,
    fullName: fullName ?? unsignedName,
    amr: (Array.isArray(amr) ? amr : []).filter(isShortText).slice(0, 20),
    acr: isShortText(acr) ? acr : null,
    authenticatedAt: timeOf(auth_time),
    claims: readableClaims(claims, [...named, 'email']),
    ...(settings.keeps_tokens === true && { tokens: keptTokens(tokens, now) }),
  }
}

const isShortText = (value: unknown): value is string =>
  typeof value === 'string' && /^[\x21-\x7e]{1,200}$/.test(value)

/** Seconds since 1970, within the years that a Date of PostgreSQL and JSON can be. */
const timeOf = (value: unknown): Date | null =>
  typeof value === 'number' && value > 0 && value < 4_102_444_800 ? new Date(value * 1000) : null

function keptTokens({ access_token, refresh_token, expires_in, scope }: TokenAnswer, now: Date) {
  const seconds = Number(expires_in)
  const isKnown = expires_in !== undefined && seconds >= 0 && seconds < 400 * 86_400
  return {
    access_token,
    ...(typeof refresh_token === 'string' && refresh_token.length <= 20_000 && { refresh_token }),
    ...(isKnown && { expires_at: new Date(now.getTime() + seconds * 1000).toISOString() }),
    ...(typeof scope === 'string' && { scope: scope.slice(0, 2000) }),
  }
}
