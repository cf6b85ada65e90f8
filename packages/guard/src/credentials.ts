/**
 * Credential extraction: finds the one credential of a request. Explicit credentials (Authorization, an API key header,
 * the query) must agree: two different ones, or a repeated field, are answered with 400, because two components could
 * read two different callers. An explicit credential takes precedence over cookies, which browsers send unasked,
 * even if it is invalid. Beside the session cookie of a Latchkey server, header fields in a form that no method has
 * belong to another component.
 */
import { type Jwt, readJwt } from './jwt/read.ts'
import { type Problem, problem } from './problem.ts'
import type { GuardRequest } from './request.ts'

/** The place or scheme in which a credential was sent. */
export type CredentialKind = 'bearer' | 'dpop' | 'basic' | 'api-key' | 'other' | 'cookie'

/** In characters. Longer credentials are refused before they are parsed or hashed. Node itself limits all fields to 16 kB. */
const MAX_LENGTH = 16_384

type Hasher = Pick<GuardRequest, 'digest'>

export class Credential {
  readonly kind: CredentialKind
  readonly value: string
  /** The name of the cookie; '' for other kinds. */
  readonly name: string
  readonly #hasher: Hasher
  #digest: string | undefined
  #jwt: Jwt | null | undefined

  constructor(hasher: Hasher, kind: CredentialKind, value: string, name = '') {
    this.#hasher = hasher
    this.kind = kind
    this.value = value
    this.name = name
  }

  get isTooLong(): boolean {
    return this.value.length > MAX_LENGTH
  }

  /** SHA-256 in base64, the key of caches: a cache never contains the credential itself. */
  get digest(): string {
    this.#digest ??= this.#hasher.digest(this.value)
    return this.#digest
  }

  /** The credential as a JWT, strictly parsed and not verified; null where it is not a JWT. */
  get jwt(): Jwt | null {
    if (this.#jwt === undefined) this.#jwt = readJwt(this.value)
    return this.#jwt
  }
}

/** The places in which the methods of a guard expect credentials, besides `Authorization`. */
export interface Sources {
  /** Names of header fields that contain an API key, in lower case. */
  readonly headers: readonly string[]
  /** Names of query parameters that contain an API key; empty by default. */
  readonly query: readonly string[]
  /** Names of query parameters that contain a token; empty by default. */
  readonly tokenQuery: readonly string[]
  readonly cookies: readonly string[]
  /** Whether a credential in a header field may be of this method, valid or not: by its form. */
  recognizes(sent: Credential): boolean
}

/** The credentials of a request. */
export interface SentCredentials {
  readonly explicit: Credential | null
  /** Cookies by name, where there is no explicit credential; null for a cookie that was sent twice with different values. */
  readonly cookies: ReadonlyMap<string, Credential | null>
}

const NO_COOKIES: ReadonlyMap<string, Credential | null> = new Map()
const NOTHING: SentCredentials = Object.freeze({ explicit: null, cookies: NO_COOKIES })
const conflict = (message: string): Problem => problem('BAD_REQUEST', { message })

export function readCredentials(request: GuardRequest, sources: Sources): SentCredentials | Problem {
  const authorization = request.header('authorization')
  if (authorization !== undefined && request.isRepeated('authorization'))
    return conflict('There is more than one Authorization header.')
  const cookies = cookiesOf(request, sources)
  let explicit: Credential | null = null
  let isConflict = false
  let isForeign = cookies.size > 0
  const add = (sent: Credential): void => {
    if (explicit !== null && explicit.value !== sent.value) isConflict = true
    explicit ??= sent
    if (isForeign && sources.recognizes(sent)) isForeign = false
  }
  if (authorization !== undefined) add(readAuthorization(request, authorization))
  for (const name of sources.headers) {
    const value = request.header(name)
    if (value === undefined) continue
    if (value.includes(',') && request.isRepeated(name)) return conflict('There is more than one credential.')
    add(new Credential(request, 'api-key', value))
  }
  if (sources.query.length + sources.tokenQuery.length > 0 && request.url.includes('?')) {
    for (const { kind, value } of inQuery(request.url, sources)) {
      add(new Credential(request, kind, value))
      isForeign = false
    }
  }
  if (explicit === null || isForeign) return cookies.size === 0 ? NOTHING : { explicit: null, cookies }
  return isConflict ? conflict('There is more than one credential.') : { explicit, cookies: NO_COOKIES }
}

function cookiesOf(request: GuardRequest, { cookies }: Sources): SentCredentials['cookies'] {
  const header = cookies.length === 0 ? undefined : request.header('cookie')
  return header === undefined ? NO_COOKIES : readCookies(request, header, cookies)
}

/** The credentials of a token that did not arrive in a header field. */
export const bearerCredential = (request: GuardRequest, token: string): SentCredentials => ({
  explicit: new Credential(request, 'bearer', token),
  cookies: NO_COOKIES,
})

/** RFC 9110 §11.4: a case-insensitive scheme, spaces, the credential. Other content is a credential of kind `other`. */
function readAuthorization(request: GuardRequest, value: string): Credential {
  const space = value.indexOf(' ')
  const kind = SCHEMES[value.slice(0, space === -1 ? undefined : space).toLowerCase()]
  if (kind === undefined || space === -1) return new Credential(request, 'other', value)
  let start = space + 1
  while (value.charCodeAt(start) === 0x20) start += 1
  return new Credential(request, kind, value.slice(start))
}

const SCHEMES: Readonly<Record<string, CredentialKind>> = Object.assign(Object.create(null), {
  bearer: 'bearer',
  dpop: 'dpop',
  basic: 'basic',
  'api-key': 'api-key',
})

function inQuery(url: string, { query, tokenQuery }: Sources): { kind: CredentialKind; value: string }[] {
  const parameters = new URLSearchParams(url.slice(url.indexOf('?') + 1))
  const of = (kind: CredentialKind, names: readonly string[]) =>
    names.flatMap((name) => parameters.getAll(name).map((value) => ({ kind, value })))
  return [...of('api-key', query), ...of('bearer', tokenQuery)]
}

/** RFC 6265 §4.2.1. Values are not decoded. */
function readCookies(
  request: GuardRequest,
  header: string,
  names: readonly string[],
): Map<string, Credential | null> {
  const found = new Map<string, Credential | null>()
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    const name = pair.slice(0, Math.max(0, equals)).trim()
    if (!names.includes(name)) continue
    const value = pair.slice(equals + 1).trim()
    const before = found.get(name)
    if (before === undefined) found.set(name, new Credential(request, 'cookie', value, name))
    else if (before?.value !== value) found.set(name, null)
  }
  return found
}

/** RFC 6750 §2.1 `b64token`. */
export const isBearerText = (value: string): boolean => /^[\w.~+/-]+=*$/.test(value)

/** Decodes the credential of `Authorization: Basic` (RFC 7617 §2). @returns null where it is malformed */
export function readBasic(value: string): { username: string; password: string } | null {
  const bytes = Buffer.from(value, 'base64')
  // canonical base64 only, with or without padding: one secret must not have two encodings
  if (value === '' || bytes.toString('base64').replace(/=+$/, '') !== value.replace(/={1,2}$/, ''))
    return null
  const text = bytes.toString('utf8')
  const colon = text.indexOf(':')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 7617 §2 forbids them
  if (colon < 1 || text.includes('\ufffd') || /[\x00-\x1f\x7f]/.test(text)) return null
  return { username: text.slice(0, colon), password: text.slice(colon + 1) }
}
