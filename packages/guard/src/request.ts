/**
 * The request abstraction: method, URL, header fields and, on demand, the raw body, the same for every framework. A body
 * that was read can still be parsed by the framework afterwards.
 */
import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
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
   * @throws TypeError where a parser has consumed the body already; install the guard before the parser
   */
  body(): Promise<Buffer>
  /** SHA-256 of a string in base64; the last digest of each connection is cached. */
  digest(text: string): string
  /** The request object of the framework. */
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

  /** Reads `rawHeaders`: Node creates `headers` on first access, which this avoids. */
  header(name: string): string | undefined {
    const { rawHeaders } = this.#raw
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

  isRepeated(name: string): boolean {
    return this.#raw.rawHeaders.filter((field, i) => i % 2 === 0 && field.toLowerCase() === name).length > 1
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
    throw new TypeError('the body has been read already: put the guard before the body parser')
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

  digest(text: string): string {
    return sha256(text)
  }

  /** `Headers` joins repeated fields with commas; none of the credentials contains a comma. */
  isRepeated(name: string): boolean {
    const value = this.header(name)
    if (!value?.includes(',')) return false
    return name !== 'authorization' || /^(?:bearer|basic|api-key) |,\s*(?:bearer|basic|api-key) /i.test(value)
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
