/**
 * The `latchkey` method: access tokens are verified here, against the server's published keys; API keys and
 * session tokens are asked of the server; revocations are pushed. While the line is not live the server is
 * asked about every credential, and where it cannot be asked the answer is 503: never is something believed
 * that may have been revoked.
 */
import { boundedCache } from '../cache.ts'
import type { Credential } from '../credentials.ts'
import { remoteKeys } from '../jwt/jwks.ts'
import { type KeySource, secretKey, UNKNOWN_KEY } from '../jwt/keys.ts'
import { type TokenRules, tokenVerifier, type Verified } from '../jwt/verifier.ts'
import { type Answered, asker, type Vouched } from '../latchkey/ask.ts'
import { type Revocable, revocations } from '../latchkey/revocations.ts'
import { openStream, type Stream } from '../latchkey/stream.ts'
import { type Fetch, outboundUrl, unreachable } from '../outbound.ts'
import type { Principal } from '../principal.ts'
import { Problem, refusedToken } from '../problem.ts'
import type { Attempt, LineState, Method, MethodPlan, Surroundings } from './method.ts'

/** How a guard learns what was revoked: pushed, asked for every credential, or not at all. */
export type RevocationMode = 'stream' | 'ask' | 'none'

export interface LatchkeyOptions {
  /** The server's public URL, the `iss` of its tokens: `https://id.example.com`. */
  issuer: string
  /** One of these stands in a token's `aud`. By default the issuer itself. */
  audience?: string | readonly string[] | undefined
  /** Where the server is reached, if not at the issuer: `http://latchkey:4000`. */
  url?: string | undefined
  /** Allows plain http to another machine, where the network itself is trusted. */
  allowHttp?: boolean | undefined
  /** What this guard itself signs in with for the stream: an API key, or a bearer, that holds `revocations:read`. */
  credential?: string | (() => string | Promise<string>) | undefined
  /** By default `stream` with a `credential` and `ask` without. `none` believes a token until it expires. */
  revocation?: RevocationMode | undefined
  /** For a server with the single-service setting HS256: its token secret, at least 32 bytes. */
  secret?: string | Uint8Array | undefined
  /** How far clocks may differ, in seconds; 5 by default. */
  clockTolerance?: number | undefined
  /** How many verified tokens are remembered; 10,000 by default. */
  cacheSize?: number | undefined
  /** How many seconds the server's answer about an API key or a session is remembered while the stream is live; 5 by default. */
  rememberFor?: number | undefined
  /** How long one question to the server may take, in milliseconds; 3,000 by default. */
  timeout?: number | undefined
  /** After how many milliseconds without a beat the stream counts as lost; 40,000 by default. */
  silence?: number | undefined
  /** Instead of the global `fetch`. */
  fetch?: Fetch | undefined
}

/** Questions under way about tokens whose key is unknown here. */
const MOST_ABOUT_KEYS = 16
const FRAUD_FOR = 30_000

const API_KEY = /^[a-z][a-z0-9]*_(?:live|test)_[A-Za-z0-9]{32}$/
const SESSION_TOKEN = /^st_[\w-]{43}$/

/**
 * Accepts what a Latchkey server issues: access tokens, API keys (`Authorization: Bearer`, `Authorization:
 * Api-Key`, `X-API-Key`) and session tokens (`Bearer st_…`).
 *
 * @param options at least the issuer
 * @returns a method for {@link createGuard}
 * @throws TypeError (from `createGuard`) for a URL that is not https, `stream` without a credential, a weak secret
 * @see RFC 9068 for the form of access tokens, RFC 6750 for how they are sent
 */
export function latchkey(options: LatchkeyOptions): MethodPlan {
  return { name: 'latchkey', open: (surroundings) => openLatchkey(options, surroundings) }
}

interface Remembered {
  principal: Principal
  revocable: Revocable
  until: number
}

function openLatchkey(options: LatchkeyOptions, { now, report, stateChanged }: Surroundings): Method {
  const issuer = options.issuer.replace(/\/+$/, '')
  const { credential, timeout = 3000, rememberFor = 5, fetch = globalThis.fetch } = options
  const mode = options.revocation ?? (credential === undefined ? 'ask' : 'stream')
  if (mode === 'stream' && credential === undefined)
    throw new TypeError("revocation: 'stream' takes a `credential` with the permission revocations:read")
  const base = outboundUrl(options.url ?? issuer, options.allowHttp ?? false).href.replace(/\/+$/, '')
  const keys = remoteKeys({ url: `${base}/.well-known/jwks.json`, fetch, now, timeout, onFailure: report })
  const rules = accessTokenRules(options)
  const verifier = tokenVerifier(
    options.secret === undefined ? keys : secretOf(options.secret),
    rules,
    options.cacheSize ?? 10_000,
    now,
  )
  const ask = asker({ url: `${base}/api/v1/auth/validate`, fetch, now, timeout })
  const revoked = revocations(() => now() / 1000 - rules.tolerance)
  const remembered = boundedCache<Remembered>(5000)
  /** Tokens of unknown keys that the server refused, until when that need not be asked again. */
  const frauds = boundedCache<number>(5000)
  let asking = 0
  const stream: Stream | null =
    mode !== 'stream' || credential === undefined
      ? null
      : openStream({
          url: `${base}/api/v1/auth/revocations`,
          credential: typeof credential === 'function' ? credential : () => credential,
          fetch,
          now,
          silence: options.silence ?? 40_000,
          onRevoked: (revocation) => revoked.add(revocation),
          onKeys: () => void keys.refetch(),
          onChange: (isLive, reason) => stateChanged(isLive ? 'connected' : 'asking', reason),
        })

  /** Live: what was revoked is known here. */
  const isLive = (): boolean => mode === 'none' || stream?.isLive() === true

  function judgeToken(token: Verified, sent: Credential): Principal | Problem | Promise<Principal | Problem> {
    // what is known to be revoked is refused at once, whether the line is live or not
    if (revoked.covers(token)) return refusedToken('it was revoked')
    return isLive() ? token.principal : askAbout(token, sent)
  }

  async function askAbout(token: Omit<Verified, 'key'>, sent: Credential): Promise<Principal | Problem> {
    const answer = await ask(sent)
    if (answer instanceof Problem) return answer
    const isSame = answer.userId === token.sub && (answer.tokenId === null || answer.tokenId === token.jti)
    return isSame ? answer.principal : refusedToken('the server speaks of another token')
  }

  /**
   * The published keys at hand are older than the token, or it is a fraud: the server knows. Anybody can make such
   * tokens, so what it refused is not asked again, and few are asked about at a time: a flood of them must not
   * become one of questions.
   */
  async function askAboutKey(sent: Credential): Promise<Principal | Problem> {
    const token = verifier.unproven(sent)
    if (token instanceof Problem) return token
    const isKnownFraud = now() < (frauds.get(sent.digest) ?? 0)
    if (mode === 'none' || isKnownFraud || revoked.covers(token)) return refusedToken('no key has its kid')
    if (asking >= MOST_ABOUT_KEYS) return unreachable('too many tokens of unknown keys', undefined, 1)
    asking += 1
    const answer = await askAbout(token, sent).finally(() => {
      asking -= 1
    })
    if (!(answer instanceof Problem)) void keys.refetch()
    else if (answer.status === 401) frauds.set(sent.digest, now() + FRAUD_FOR)
    return answer
  }

  function token(sent: Credential): Attempt | Promise<Attempt> {
    const verdict = verifier.verify(sent)
    if (verdict instanceof Promise) return verdict.then((later) => settle(later, sent))
    return verdict === undefined ? undefined : settle(verdict, sent)
  }
  const settle = (verdict: Verified | Problem | typeof UNKNOWN_KEY, sent: Credential) => {
    if (verdict === UNKNOWN_KEY) return askAboutKey(sent)
    return verdict instanceof Problem ? verdict : judgeToken(verdict, sent)
  }

  function opaque(sent: Credential): Principal | Problem | Promise<Principal | Problem> {
    const known = remembered.get(sent.digest)
    if (known !== undefined && isPushed() && now() < known.until && !revoked.covers(known.revocable))
      return known.principal
    const { version } = revoked
    return ask(sent).then((answer) => {
      // an answer from before a revocation is good for this request, and not for the next
      if (isVouched(answer) && isPushed() && version === revoked.version) remember(sent, answer)
      return answer instanceof Problem ? answer : answer.principal
    })
  }
  const isPushed = (): boolean => stream?.isLive() === true

  function remember(sent: Credential, { principal, userId, sessionId, keyId }: Vouched): void {
    const { roles, organizationId: org } = principal
    const revocable = { sub: userId, sid: sessionId, keyId, roles, org, iat: Math.floor(now() / 1000) }
    const until = Math.min(
      now() + rememberFor * 1000,
      principal.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY,
    )
    remembered.set(sent.digest, { principal, revocable, until })
  }

  return {
    name: 'latchkey',
    schemes: ['Bearer', 'Api-Key'],
    sources: { headers: ['x-api-key'], query: [], cookies: [] },
    sumsUpRoles: true,
    docs: `${issuer}/api/docs`,
    attempt({ explicit: sent }) {
      if (sent === null || sent.isTooLong) return undefined
      if (sent.kind === 'api-key') return API_KEY.test(sent.value) ? opaque(sent) : undefined
      if (sent.kind !== 'bearer') return undefined
      if (sent.value.includes('.')) return token(sent)
      return SESSION_TOKEN.test(sent.value) || API_KEY.test(sent.value) ? opaque(sent) : undefined
    },
    state: (): LineState => (mode === 'none' ? 'off' : isPushed() ? 'connected' : 'asking'),
    close: () => stream?.close(),
  }
}

const isVouched = (answer: Answered): answer is Vouched => !(answer instanceof Problem)

/** RFC 9068 §4: what an access token of a Latchkey server must be like. */
export function accessTokenRules(
  options: Pick<LatchkeyOptions, 'issuer' | 'audience' | 'clockTolerance'>,
): TokenRules {
  const issuer = options.issuer.replace(/\/+$/, '')
  const { audience = issuer, clockTolerance = 5 } = options
  return {
    issuers: [issuer],
    audiences: typeof audience === 'string' ? [audience] : audience,
    // RFC 9068 §2.1
    types: ['at+jwt', 'application/at+jwt'],
    tolerance: clockTolerance,
    method: 'access_token',
    isOurs: true,
  }
}

/** The secret of the single-service setting is not published; only its own tokens are taken then. */
function secretOf(secret: string | Uint8Array): KeySource {
  const key = secretKey(secret, 'HS256')
  return {
    ready: () => null,
    find: (_kid, alg) => (alg === 'HS256' ? key : refusedToken('the server signs with a secret')),
  }
}
