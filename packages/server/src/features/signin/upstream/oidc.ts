/**
 * OpenID Connect (Core §3.1.3): the ID token of a token endpoint's answer, verified by openid-client, and the userinfo
 * endpoint. The only importer of openid-client, which is loaded when the first answer comes. It makes no request by itself:
 * metadata and keys come from discovery.ts, and what it would fetch is passed through this server's guarded requests.
 *
 * Invariant: the signature is always verified. openid-client leaves it out in the code flow, where the token came by TLS,
 * unless enableNonRepudiationChecks is called.
 */
import { systemClock } from '../../../base/clock.ts'
import type { UsableConnection } from '../../../core/connections/index.ts'
import { requestProvider } from '../../../core/connections/requests.ts'
import { CLOCK_SKEW, spellSpan } from '../../../core/providers/diagnostics.ts'
import { type ConnectionSettings, FederationFault } from '../../../core/providers/index.ts'
import { claimOf, membersOf } from '../../../core/providers/profile.ts'
import type { Claims, OidcProvider, ProfileContext } from '../../../core/providers/provider.ts'
import type { Tools } from '../../../core/tools.ts'
import { clientIdOf, type Expected } from './authorization.ts'
import { findNewKeys, getKeys, getMetadata, type KeySet, type Metadata } from './discovery.ts'
import { type CodeExchange, exchangeCode, type Proven, readJson, type TokenAnswer } from './exchange.ts'

type Needs = Pick<Tools, 'config' | 'outbound' | 'keyring'>

/** Signatures by public keys only: with HS256 the client secret would sign, and `none` signs nothing. */
const ALGORITHMS = [
  'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519',
] // biome-ignore format: a list
const TOLERANCE_SECONDS = CLOCK_SKEW / 1000
/** The time of this machine, which openid-client reads. The clock of a test differs from it. */
const machine = systemClock()

/** What an ID token states, before it is verified. */
interface Stated {
  header: Claims
  claims: Claims
}

/** The caller has checked the issuer of the answer. @throws FederationFault */
export async function proveByIdToken(
  tools: Needs,
  connection: UsableConnection,
  provider: OidcProvider,
  code: Omit<CodeExchange, 'tokenEndpoint' | 'methods'> & Pick<Expected, 'nonce'>,
  context: ProfileContext,
): Promise<Proven> {
  const metadata = await getMetadata(tools, connection, provider)
  const tokens = await exchangeCode(tools, connection, provider, {
    ...code,
    tokenEndpoint: metadata.token_endpoint,
    methods: metadata.token_endpoint_auth_methods_supported,
  })
  const stated = readStated(tokens)
  const issuers = provider.tokenIssuers?.(stated.claims, metadata.issuer) ?? [metadata.issuer]
  const verifier = {
    tools,
    connection,
    metadata,
    tokens,
    stated,
    issuers,
    nonce: provider.nonce ? code.nonce : null,
    now: code.now,
  }
  const verified = await verify(verifier)
  const isWhole = metadata.userinfo_endpoint === undefined || !lacks(verified.claims, connection.settings)
  const claims = isWhole ? verified.claims : merge(verified.claims, await verified.userinfo())
  return {
    issuer: issuers[0] ?? metadata.issuer,
    profile: provider.profile(claims, context),
    claims,
    idToken: verified.claims,
    tokens,
  }
}

/**
 * RFC 9207 §2.4: an answer of another issuer, an error too, is not taken for one of this issuer, and its code is not sent to
 * this one's token endpoint. @param iss the issuer that the answer names. @throws FederationFault
 */
export async function checkIssuerParameter(
  tools: Needs,
  connection: UsableConnection,
  provider: OidcProvider,
  iss: string | undefined,
): Promise<void> {
  const { issuer, authorization_response_iss_parameter_supported: isAnnounced } = await getMetadata(
    tools,
    connection,
    provider,
  )
  if (iss === undefined && !isAnnounced) return
  // several tenants share metadata whose issuer is a pattern; the ID token says which
  if (iss === issuer || (iss !== undefined && !isAnnounced && provider.tokenIssuers)) return
  const named = iss === undefined ? 'names no issuer' : `names the issuer ${iss.slice(0, 200)}`
  throw new FederationFault('wrong_issuer', `the answer ${named}, expected ${issuer}`)
}

interface Verifier {
  tools: Needs
  connection: UsableConnection
  metadata: Metadata
  tokens: TokenAnswer
  stated: Stated
  /** The issuers that the ID token may name. */
  issuers: readonly string[]
  nonce: string | null
  now: Date
}

interface Verified {
  claims: Claims
  userinfo(): Promise<Claims>
}

/** Verifies with the keys in memory, and once more where the issuer has changed a key without changing its id. */
async function verify(verifier: Verifier): Promise<Verified> {
  const { tools, connection, metadata, stated } = verifier
  const kid = typeof stated.header.kid === 'string' ? stated.header.kid : null
  const keys = await getKeys(tools, connection, metadata, kid)
  try {
    return await verifyWith(verifier, keys)
  } catch (error) {
    if (!(error instanceof FederationFault) || error.fault !== 'wrong_signature') throw error
    const changed = await findNewKeys(tools, connection, metadata.jwks_uri)
    if (changed === null || JSON.stringify(changed) === JSON.stringify(keys)) throw error
    return await verifyWith(verifier, changed)
  }
}

async function verifyWith(verifier: Verifier, keys: KeySet): Promise<Verified> {
  const { tools, connection, metadata, tokens, issuers, nonce, now } = verifier
  const client = await import('openid-client')
  const { iss } = verifier.stated.claims
  const issuer = issuers.find((one) => one === iss) ?? metadata.issuer
  const config = new client.Configuration(
    { ...metadata, issuer, userinfo_signing_alg_values_supported: ALGORITHMS } as ConstructorParameters<
      typeof client.Configuration
    >[0],
    clientIdOf(connection),
    {
      // oauth4webapi accepts a list here (checkSigningAlgorithm), which its types do not say
      id_token_signed_response_alg: ALGORITHMS as unknown as string,
      [client.clockSkew]: Math.round((now.getTime() - machine.now().getTime()) / 1000),
      [client.clockTolerance]: TOLERANCE_SECONDS,
    },
    client.None(),
  )
  client.enableNonRepudiationChecks(config)
  // whether an address may be without https is checked where it is requested (core/connections)
  client.allowInsecureRequests(config)
  // JSON of this server's own cache, which decides how old it may be
  client.setJwksCache(config, {
    jwks: keys as Parameters<typeof client.setJwksCache>[1]['jwks'],
    uat: Math.floor(machine.now().getTime() / 1000),
  })
  config[client.customFetch] = async (url, { headers }) => {
    if (url === metadata.token_endpoint) return asJson({ token_type: 'bearer', ...tokens })
    if (url !== metadata.userinfo_endpoint) throw new Error('openid-client requests something unexpected')
    return await requestUserinfo(tools, connection, url, headers)
  }
  // the callback is checked, and its code is exchanged
  const callback = new URL(
    `https://callback.invalid/?${new URLSearchParams({ code: 'exchanged', iss: issuer })}`,
  )
  try {
    const checks = { idTokenExpected: true, ...(nonce !== null && { expectedNonce: nonce }) }
    const granted = await client.authorizationCodeGrant(config, callback, checks)
    const claims: Claims = granted.claims() ?? {}
    checkIssueTime(claims, now)
    const subject = String(claims.sub)
    return {
      claims,
      userinfo: () =>
        client.fetchUserInfo(config, tokens.access_token, subject).then(
          (info) => info as Claims,
          (error) => {
            throw faultWithin(error) ?? userinfoFault(error)
          },
        ),
    }
  } catch (error) {
    throw faultWithin(error) ?? explain(verifier, error)
  }
}

const asJson = (value: unknown): Response =>
  new Response(JSON.stringify(value), { headers: { 'content-type': 'application/json' } })

async function requestUserinfo(
  tools: Needs,
  connection: UsableConnection,
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  const answer = await requestProvider(tools, connection, { method: 'GET', url, headers })
  if (answer.status === 200 && answer.type === 'application/jwt')
    return new Response(answer.text, { headers: { 'content-type': answer.type } })
  return asJson(readJson(answer, url))
}

/** Whether the ID token lacks what the connection reads of a user. */
function lacks(claims: Claims, { attributes = {}, group_roles = [] }: ConnectionSettings): boolean {
  const { email = 'email', full_name = 'name', groups = 'groups', ...others } = attributes
  const isGrouped = attributes.groups !== undefined || group_roles.length > 0
  const wanted = [email, full_name, ...Object.values(others), ...(isGrouped ? [groups] : [])]
  return wanted.some((name) => name !== undefined && claimOf(claims, name) === undefined)
}

/** The ID token's claims come first. `email_verified` is that of the document which has the address. */
function merge(idToken: Claims, userinfo: Claims): Claims {
  const { email_verified, ...merged } = { ...userinfo, ...idToken }
  const isSame = idToken.email === userinfo.email
  const first = idToken.email === undefined ? userinfo.email_verified : idToken.email_verified
  const verified = first ?? (isSame ? (userinfo.email_verified ?? email_verified) : undefined)
  return verified === undefined ? merged : { ...merged, email_verified: verified }
}

/** openid-client does not check that the token was issued in the past. */
function checkIssueTime({ iat }: Claims, now: Date): void {
  const ahead = typeof iat === 'number' ? iat - now.getTime() / 1000 : 0
  if (ahead > TOLERANCE_SECONDS)
    throw new FederationFault(
      'wrong_time',
      `the ID token was issued ${spellSpan(1000 * ahead)} in the future: the clocks differ`,
    )
}

function readStated({ id_token }: TokenAnswer): Stated {
  if (typeof id_token !== 'string' || id_token.length > 100_000)
    throw new FederationFault('bad_answer', 'the token endpoint sent no ID token')
  const [header = '', payload = ''] = id_token.split('.')
  try {
    return { header: decoded(header), claims: decoded(payload) }
  } catch {
    throw new FederationFault('bad_answer', 'the ID token cannot be read; encrypted ones are not supported')
  }
}

const decoded = (part: string): Claims => membersOf(JSON.parse(Buffer.from(part, 'base64url').toString()))

/** A fault that was thrown while openid-client worked, which wraps it. */
function faultWithin(error: unknown): FederationFault | null {
  for (let one = error; one instanceof Error; one = one.cause) if (one instanceof FederationFault) return one
  return null
}

/** A signed answer of the userinfo endpoint names its issuer and audience as an ID token does (Core §5.3.2). */
function userinfoFault(error: unknown): FederationFault {
  const words = wordsOf(error)
  const fault = words.includes('"aud"') ? 'wrong_audience' : words.includes('"iss"') ? 'wrong_issuer' : null
  const signature = /signature|verification key/.test(words) ? 'wrong_signature' : 'bad_answer'
  return new FederationFault(fault ?? signature, `userinfo endpoint: ${words}`, { cause: error })
}

/** The library's own words, which name members and no values. */
function wordsOf(error: unknown): string {
  let [reason, one]: [string, unknown] = ['it is not as it must be', error]
  for (; one instanceof Error; one = one.cause) reason = one.message
  return reason.slice(0, 200)
}

/** What differs in an ID token that openid-client refused, in words. */
function explain({ stated, issuers, connection, nonce, now }: Verifier, error: unknown): FederationFault {
  const { header, claims } = stated
  const say = (fault: ConstructorParameters<typeof FederationFault>[0], detail: string) =>
    new FederationFault(fault, detail, { cause: error })
  if (!ALGORITHMS.includes(String(header.alg)))
    return say('wrong_signature', `the ID token is signed with ${shown(header.alg)}, which is not accepted`)
  if (!issuers.includes(String(claims.iss)))
    return say(
      'wrong_issuer',
      `the ID token is of ${shown(claims.iss)}, expected ${issuers[0] ?? 'a tenant'}`,
    )
  const audience = [claims.aud].flat()
  if (!audience.includes(connection.clientId))
    return say('wrong_audience', `the audience is ${shown(claims.aud)}, expected ${connection.clientId}`)
  if (audience.length > 1 && claims.azp !== connection.clientId)
    return say(
      'wrong_audience',
      `the authorized party is ${shown(claims.azp)}, expected ${connection.clientId}`,
    )
  if (nonce !== null && claims.nonce !== nonce)
    return say('wrong_nonce', claims.nonce === undefined ? 'the ID token has no nonce' : 'the nonce differs')
  const seconds = now.getTime() / 1000
  if (typeof claims.exp === 'number' && claims.exp <= seconds - TOLERANCE_SECONDS)
    return say(
      'wrong_time',
      `the ID token expired ${spellSpan(1000 * (seconds - claims.exp))} ago, or the clocks differ`,
    )
  if (typeof claims.nbf === 'number' && claims.nbf > seconds + TOLERANCE_SECONDS)
    return say(
      'wrong_time',
      `the ID token is valid in ${spellSpan(1000 * (claims.nbf - seconds))}: the clocks differ`,
    )
  const reason = wordsOf(error)
  const isOfKeys = /signature|verification key|modulusLength|"alg"/.test(reason)
  return say(isOfKeys ? 'wrong_signature' : 'bad_answer', `ID token: ${reason}`)
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 200)
