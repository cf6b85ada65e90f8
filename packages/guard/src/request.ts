/**
 * The request abstraction: method, URL, header fields and, on demand, the raw body, the same for every framework. A
 * body that was read can still be parsed by the framework afterwards.
 */
import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isTexts } from './options.ts'
import { type Problem, problem } from './problem.ts'

/** A request, independent of the framework; the argument of a {@link CustomCheck}. */
export interface GuardRequest {
  readonly method: string
  /** Path and query of the request target, `/invoices?page=2`. */
  readonly url: string
  /** A header field by its name in lower case; repeated fields are joined (RFC 9110 §5.3). */
  header(name: string): string | undefined
  /** Whether a header field is repeated. */
  isRepeated(name: string): boolean
  /**
   * The raw body, as it was sent. The framework can still parse it afterwards.
   *
   * @throws Problem PAYLOAD_TOO_LARGE above 1 MiB
   * @throws Problem INTERNAL_ERROR where a parser has consumed the body already; install the guard before the parser
   */
  body(): Promise<Buffer>
  /** SHA-256 of a string in base64; the last digest of each connection is cached. */
  digest(text: string): string
  /** The request object of the framework; null for a token that `guard.verify` checks. */
  readonly native: unknown
}

const MAX_BODY_BYTES = 1_048_576

const tooLarge = (): Problem =>
  problem('PAYLOAD_TOO_LARGE', { reason: `the body exceeds ${MAX_BODY_BYTES} bytes` })

const sha256 = (text: string): string => hash('sha256', text, 'base64')

const LAST = Symbol('the last credential of this connection')
interface Connection {
  [LAST]?: { text: string; digest: string }
}

/**
 * The symbol under which Node keeps `headers`; null before the first access. It is private to Node: where another version
 * or runtime has none, `headers` is read for every request, with the same result (fields.test.ts compares the two).
 */
let cell: symbol | undefined

function isUntouched(raw: IncomingMessage): boolean {
  cell ??= Object.getOwnPropertySymbols(raw).find(({ description }) => description === 'kHeaders')
  return (
    cell !== undefined &&
    (raw as unknown as Record<symbol, unknown>)[cell] === null &&
    !Object.hasOwn(raw, 'headers')
  )
}

function receivedField(rawHeaders: readonly string[], name: string): string | undefined {
  let found: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const field = rawHeaders[i]
    if (field === undefined || field.length !== name.length) continue
    if (field !== name && field.toLowerCase() !== name) continue
    const value = rawHeaders[i + 1] ?? ''
    found = found === undefined ? value : `${found}${name === 'cookie' ? '; ' : ', '}${value}`
  }
  return found
}

const isList = (value: unknown): boolean => Array.isArray(value) && value.length > 1

/** RFC 9110 §5.3, and RFC 6265 §5.4 for cookies. Middleware may have set a list, or something else than text. */
function joined(value: unknown, name: string): string | undefined {
  if (typeof value === 'string' || value === undefined) return value
  return isTexts(value) ? value.join(name === 'cookie' ? '; ' : ', ') : undefined
}

/** Whether a joined value is of several fields; none of the credentials contains a comma. */
const isJoined = (name: string, value: string): boolean =>
  value.includes(',') &&
  (name !== 'authorization' ||
    /^(?:bearer|dpop|basic|api-key) |,\s*(?:bearer|dpop|basic|api-key) /i.test(value))

/** A request of `node:http`, which Express, Fastify and Koa wrap. */
export class NodeRequest implements GuardRequest {
  readonly #raw: IncomingMessage
  readonly #url: string | undefined
  readonly native: unknown

  /** @param url the original request target, where a framework rewrites that of the raw request */
  constructor(raw: IncomingMessage, native: unknown, url?: string) {
    this.#raw = raw
    this.native = native
    this.#url = url
  }

  get method(): string {
    return this.#raw.method ?? 'GET'
  }

  get url(): string {
    return this.#url ?? this.#raw.url ?? '/'
  }

  /**
   * Reads `headers`, which middleware and serverless adapters set and delete. Node creates it on first access; before, it
   * equals the fields that were received, which are read instead.
   */
  header(name: string): string | undefined {
    const raw = this.#raw
    return isUntouched(raw) ? receivedField(raw.rawHeaders, name) : joined(raw.headers[name], name)
  }

  fieldNames(): string[] {
    return Object.keys(this.#raw.headers)
  }

  isRepeated(name: string): boolean {
    const { rawHeaders } = this.#raw
    const value = this.header(name)
    if (value === undefined) return false
    if (!isUntouched(this.#raw) && isList(this.#raw.headers[name])) return true
    let fields = 0
    for (let i = 0; rawHeaders !== undefined && i < rawHeaders.length; i += 2) {
      const field = rawHeaders[i]
      if (field?.length === name.length && (field === name || field.toLowerCase() === name)) fields += 1
    }
    // without raw fields, repeated ones can only be joined
    return fields > 1 || (fields === 0 && isJoined(name, value))
  }

  digest(text: string): string {
    const connection = this.#raw.socket as Connection | undefined
    const last = connection?.[LAST]
    if (last?.text === text) return last.digest
    const digest = sha256(text)
    if (connection) connection[LAST] = { text, digest }
    return digest
  }

  async body(): Promise<Buffer> {
    const kept = keptBody(this.native)
    if (kept) return kept
    if (this.header('transfer-encoding') === undefined && Number(this.header('content-length') ?? 0) === 0)
      return Buffer.alloc(0)
    return readAndPutBack(this.#raw)
  }
}

/** The raw body that a body parser kept: `rawBody` by convention, or the Buffer of `express.raw()`. */
function keptBody(native: unknown): Buffer | null {
  const { rawBody, body } = native as { rawBody?: unknown; body?: unknown }
  if (typeof rawBody === 'string') return Buffer.from(rawBody)
  if (Buffer.isBuffer(rawBody)) return rawBody
  return Buffer.isBuffer(body) ? body : null
}

/** Reads the body and unshifts it into the stream before the stream emits `end`. */
function readAndPutBack(raw: IncomingMessage): Promise<Buffer> {
  if (raw.readableEnded || raw.readableFlowing !== null)
    throw problem('INTERNAL_ERROR', {
      reason: 'the body has been read already',
      cause: new TypeError('the body has been read already: put the guard before the body parser'),
    })
  const expected = Number(raw.headers['content-length'] ?? Number.NaN)
  if (expected > MAX_BODY_BYTES) return Promise.reject(tooLarge())
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const finish = (done: () => void): void => {
      raw.off('readable', onReadable).off('error', onError).off('close', onClose)
      done()
    }
    const onError = (error: Error): void => finish(() => reject(problem('BAD_REQUEST', { cause: error })))
    const onClose = (): void =>
      finish(() => reject(problem('BAD_REQUEST', { reason: 'the body is incomplete' })))
    const onReadable = (): void => {
      for (let chunk: Buffer | null = raw.read(); chunk !== null; chunk = raw.read()) {
        chunks.push(chunk)
        size += chunk.length
        if (size > MAX_BODY_BYTES) {
          finish(() => reject(tooLarge()))
          return
        }
        if (size === expected) break
      }
      // without a Content-Length, null after a complete message is the end; 'end' has not been emitted yet
      if (size !== expected && !raw.complete) return
      const whole = Buffer.concat(chunks, size)
      finish(() => {
        if (size > 0) raw.unshift(whole)
        resolve(whole)
      })
    }
    raw.on('readable', onReadable).on('error', onError).on('close', onClose)
  })
}

/** A `Request` of the Fetch standard, which Hono wraps. */
export class WebRequest implements GuardRequest {
  readonly #raw: Request
  readonly native: unknown

  constructor(raw: Request, native: unknown) {
    this.#raw = raw
    this.native = native
  }

  get method(): string {
    return this.#raw.method
  }

  get url(): string {
    const { pathname, search } = new URL(this.#raw.url)
    return pathname + search
  }

  header(name: string): string | undefined {
    return this.#raw.headers.get(name) ?? undefined
  }

  fieldNames(): string[] {
    return [...this.#raw.headers.keys()]
  }

  digest(text: string): string {
    return sha256(text)
  }

  /** `Headers` joins repeated fields with commas. */
  isRepeated(name: string): boolean {
    return isJoined(name, this.header(name) ?? '')
  }

  async body(): Promise<Buffer> {
    if (this.#raw.body === null) return Buffer.alloc(0)
    const chunks: Uint8Array[] = []
    let size = 0
    // of a clone: the original can still be read
    const reader = this.#raw.clone().body?.getReader()
    for (let next = await reader?.read(); next?.value; next = await reader?.read()) {
      size += next.value.byteLength
      if (size > MAX_BODY_BYTES) {
        // cancellation of a cloned body completes when both branches are cancelled: awaiting one would deadlock
        reader?.cancel().catch(() => {})
        this.#raw.body?.cancel().catch(() => {})
        throw tooLarge()
      }
      chunks.push(next.value)
    }
    return Buffer.concat(chunks)
  }
}

/** A request in the form of any framework: a Fastify or Koa request and a Hono context contain that of Node or the web. */
export type RequestLike =
  | IncomingMessage
  | Request
  | { readonly raw: IncomingMessage | Request }
  | { readonly req: IncomingMessage | { readonly raw: Request } }

/**
 * @param native a request of `node:http` or Express, a web `Request`, a Fastify request, a Koa or Hono context
 * @throws TypeError for anything without header fields
 */
export function guardRequest(native: RequestLike): NodeRequest | WebRequest {
  const { raw, req, originalUrl } = native as Partial<Record<'raw' | 'req', RequestLike>> & {
    originalUrl?: string
  }
  const { headers } = native as { headers?: unknown }
  if (isHeaders(headers)) return new WebRequest(native as Request, native)
  // Fastify's request has header fields too; that of Node has its socket
  const inner = raw ?? (typeof headers === 'object' ? undefined : req)
  if (inner !== undefined) return innerRequest(inner, native, originalUrl)
  if (typeof headers !== 'object' || headers === null) throw noRequest()
  return new NodeRequest(native as IncomingMessage, native, originalUrl)
}

function innerRequest(
  inner: RequestLike,
  native: unknown,
  url: string | undefined,
): NodeRequest | WebRequest {
  const request = (inner as { raw?: Request }).raw ?? inner
  const { headers } = request as { headers?: unknown }
  if (isHeaders(headers)) return new WebRequest(request as Request, native)
  if (typeof headers === 'object' && headers !== null)
    return new NodeRequest(request as IncomingMessage, native, url)
  throw noRequest()
}

const noRequest = (): TypeError =>
  new TypeError('a request of node:http, a web Request, or the request of a framework is required')

const isHeaders = (headers: unknown): boolean =>
  typeof headers === 'object' && headers !== null && typeof (headers as Headers).get === 'function'

/**
 * The request target and all header fields of a request: what a later check of the same credential needs.
 *
 * @throws TypeError for anything without header fields
 */
export function fieldsOf(native: RequestLike): { url: string; headers: Record<string, string> } {
  const request = guardRequest(native)
  const headers = Object.fromEntries(
    request.fieldNames().flatMap((name) => {
      const value = request.header(name)
      // of the message, not of its sender
      return value === undefined || MESSAGE_FIELDS.test(name) ? [] : [[name, value]]
    }),
  )
  return { url: request.url, headers }
}
const MESSAGE_FIELDS = /^(?:connection|upgrade|content-.*|transfer-encoding|expect|sec-websocket-.*)$/

/**
 * A request for a token that did not arrive in a header field: in the first message of a WebSocket, or the parameters
 * of a GraphQL connection. The token is its only credential: of the request it belongs to it has the method and the path,
 * and neither header fields nor query, body or native request, with which a `custom` method could authenticate it.
 */
export class TokenRequest implements GuardRequest {
  readonly native = null
  readonly method: string
  readonly url: string
  readonly #token: string

  constructor(token: string, request: GuardRequest | null) {
    this.#token = token
    this.method = request?.method ?? 'GET'
    this.url = request?.url.split('?', 1)[0] ?? '/'
  }

  header(name: string): string | undefined {
    return name === 'authorization' ? `Bearer ${this.#token}` : undefined
  }

  isRepeated(): boolean {
    return false
  }

  digest(text: string): string {
    return sha256(text)
  }

  async body(): Promise<Buffer> {
    return Buffer.alloc(0)
  }
}
