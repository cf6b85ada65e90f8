/**
 * The presenter: the only module that writes the body of an answer, in the envelope styles, as a page, redirect, asset,
 * file or event stream, and to connections that sent no readable request. API answers have only the headers that
 * matter for JSON, written as one flat array; pages have those that protect a browser. The presenter decides nothing:
 * status, message and cookies are parameters.
 */
import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Config } from '../../config.ts'
import type { ProtocolStyle, Style } from '../call.ts'
import { Problem } from '../errors.ts'
import type { Answer, CookieChange } from '../http/row/route.ts'
import { asQuotedText } from '../quoted.ts'
import { type CookieJar, cookieJar } from './cookies.ts'
import { detail } from './detail.ts'
import { type DownloadStream, downloadStream } from './download.ts'
import { errors } from './errors.ts'
import { type EventStream, eventStream } from './events.ts'
import { meta } from './meta.ts'
import { oauth } from './oauth.ts'
import { problem } from './problem.ts'
import { scim } from './scim.ts'
import { pageSecurity, transportSecurity } from './security.ts'
import type { JsonText, Serialise } from './serialise.ts'
import { standard } from './standard.ts'
import { type EnvelopeFields, JSON_TYPE, type StyleWriter } from './style.ts'

export { type CookieJar, cookieJar } from './cookies.ts'
export type { EventStream } from './events.ts'
export { OAUTH_ERRORS } from './oauth.ts'
export { SCIM_ERRORS } from './scim.ts'
export { dates, type JsonText, type Serialise, serialiser } from './serialise.ts'

/** The writers themselves, for the examples of the reference. */
export const STYLE_WRITERS: Readonly<Record<Style | ProtocolStyle, StyleWriter>> = {
  standard,
  meta,
  errors,
  detail,
  problem,
  oauth,
  scim,
}

/** What the presenter needs to know of the request. */
export interface RequestContext {
  readonly res: ServerResponse
  readonly id: string
  readonly now: Date
  readonly style: Style | ProtocolStyle
  /** The path with its query, as received. */
  readonly url: string
  /** Flat name-value pairs that the steps before the answer add: limits, CORS, version, cookies. */
  readonly headers: string[]
  /** The kind of credential in the request, for the challenge of a 401. */
  readonly credential: 'none' | 'cookie' | 'bearer'
}

export interface Presenter {
  cookies: CookieJar
  data(
    request: RequestContext,
    answer: Answer<unknown>,
    by: { message: string; status: number; serialise: Serialise; bare?: boolean },
  ): void
  problem(request: RequestContext, failed: Problem): void
  /** Begins a stream of server-sent events. */
  events(request: RequestContext): EventStream
  /** Begins the answer with a file. */
  download(request: RequestContext, file: { type: string; name: string }): DownloadStream
  page(request: RequestContext, html: string, options: PageOptions): void
  /** @param status default 303: the browser requests it by GET */
  redirect(
    request: RequestContext,
    location: string,
    cookies?: readonly CookieChange[],
    status?: 302 | 303,
  ): void
  /** An answer without a body: a preflight, an unchanged file. */
  empty(request: RequestContext, status: number): void
  asset(request: RequestContext, asset: { type: string; body: Buffer }, headers: readonly string[]): void
  /** The complete text of an answer to a connection that sent no readable request. */
  raw(failed: Problem, requestId: string, now: Date): string
}

const NO_HEADERS: Readonly<Record<string, string>> = {}

export interface PageOptions {
  status: number
  cookies?: readonly CookieChange[] | undefined
  formTargets?: readonly string[] | undefined
  /** Replaces the policy of the pages. */
  contentSecurityPolicy?: string | undefined
  /** The content type; default HTML. */
  type?: string | undefined
  failed?: Problem | undefined
}

export function presenter(
  config: Pick<Config, 'publicUrl' | 'envelope' | 'returnOrigins' | 'compat'>,
): Presenter {
  const { publicUrl } = config
  const answersWith403 = config.compat.includes('not-authenticated-403')
  const cookies = cookieJar(publicUrl)
  const security = pageSecurity(config)
  const always = transportSecurity(config)
  /** `bytes` is the length of the body. */
  const write = (
    request: RequestContext,
    status: number,
    headers: string[],
    body: string | Buffer,
    bytes: number,
  ): void => {
    const { res } = request
    if (res.headersSent || res.destroyed) return
    headers.push(...always, ...request.headers)
    res.writeHead(status, headers)
    // a text of ASCII is the same in both encodings, and node writes latin1 faster
    if (bytes === body.length) res.end(body, 'latin1')
    else res.end(body)
  }
  const setCookies = (headers: string[], changes: readonly CookieChange[] | undefined): void => {
    if (changes) for (const change of changes) headers.push('set-cookie', cookies.set(change))
  }
  return {
    cookies,
    data(request, answer, by) {
      const status = answer.status ?? by.status
      const style = STYLE_WRITERS[by.bare ? 'detail' : request.style]
      const message = answer.message ?? by.message
      const { nextCursor } = answer
      const fields: EnvelopeFields = {
        status,
        message,
        requestId: request.id,
        now: answer.at ?? request.now,
        nextCursor,
        publicUrl,
      }
      const json = by.serialise(answer.data)
      const body = style.success(json.text, fields)
      const others = answer.headers ?? NO_HEADERS
      const bytes = bytesOf(body, json, message)
      const type = style.successType ?? JSON_TYPE
      const headers = apiHeaders(request, { type, bytes, keep: others['cache-control'] })
      if (style.headers) headers.push(...style.headers)
      if (style.bare && nextCursor) headers.push('link', `<${nextPage(request.url, nextCursor)}>; rel="next"`)
      for (const name in others) if (name !== 'cache-control') headers.push(name, others[name] ?? '')
      setCookies(headers, answer.cookies)
      if (isKnown(request, others.etag)) return write(request, 304, withoutBody(headers), '', 0)
      write(request, status, headers, body, bytes)
    },
    problem(request, refusal) {
      const style = STYLE_WRITERS[request.style]
      const isUnauthenticated = request.style === 'detail' && refusal.code === 'AUTHENTICATION_REQUIRED'
      const failed = answersWith403 && isUnauthenticated ? forbidden(refusal) : refusal
      const { status, message } = failed
      const body = style.failure(failed, {
        status,
        message,
        requestId: request.id,
        now: request.now,
        publicUrl,
      })
      const bytes = Buffer.byteLength(body)
      const headers = apiHeaders(request, { type: style.failureType, bytes })
      if (style.headers) headers.push(...style.headers)
      failureHeaders(headers, failed, request.credential)
      write(request, status, headers, body, bytes)
    },
    download(request, { type, name }) {
      const headers = ['content-type', type, 'content-disposition', `attachment; filename="${name}"`]
      headers.push(
        'cache-control',
        'no-store',
        'x-content-type-options',
        'nosniff',
        'x-request-id',
        request.id,
      )
      return downloadStream(request.res, [...headers, ...always, ...request.headers])
    },
    events(request) {
      const { 'last-event-id': cursor } = request.res.req.headers
      const headers = ['x-content-type-options', 'nosniff', 'x-request-id', request.id]
      headers.push(...always, ...request.headers)
      return eventStream(request.res, headers, typeof cursor === 'string' && cursor !== '' ? cursor : null)
    },
    page(request, html, options) {
      const bytes = Buffer.byteLength(html)
      const headers = [
        'content-type',
        options.type ?? 'text/html; charset=utf-8',
        'content-length',
        `${bytes}`,
      ]
      headers.push(
        'cache-control',
        'no-store',
        'x-request-id',
        request.id,
        ...withPolicy(security.headers(options.formTargets), options.contentSecurityPolicy),
      )
      setCookies(headers, options.cookies)
      if (options.failed) failureHeaders(headers, options.failed, request.credential)
      write(request, options.status, headers, html, bytes)
    },
    redirect(request, location, changes, status = 303) {
      const headers = ['location', safeLocation(location), 'content-length', '0', 'cache-control', 'no-store']
      headers.push(
        'x-request-id',
        request.id,
        'x-content-type-options',
        'nosniff',
        'referrer-policy',
        'same-origin',
      )
      setCookies(headers, changes)
      write(request, status, headers, '', 0)
    },
    empty(request, status) {
      write(request, status, ['x-request-id', request.id], '', 0)
    },
    asset(request, asset, more) {
      const headers = ['content-type', asset.type, 'content-length', `${asset.body.length}`, ...more]
      headers.push('x-request-id', request.id, 'x-content-type-options', 'nosniff')
      headers.push('cross-origin-resource-policy', 'same-origin')
      write(request, 200, headers, asset.body, asset.body.length)
    },
    raw(failed, requestId, now) {
      const style = STYLE_WRITERS[config.envelope]
      const { status, message } = failed
      const body = style.failure(failed, { status, message, requestId, now, publicUrl })
      const headers = `content-type: ${style.failureType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\nx-request-id: ${requestId}\r\n`
      const transport = always.length === 0 ? '' : `${always.join(': ')}\r\n`
      return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${headers}${transport}connection: close\r\n\r\n${body}`
    },
  }
}

/** The status of some frameworks for a request without a credential, which their clients expect. */
const forbidden = ({ code, message, details }: Problem): Problem =>
  new Problem(code, { status: 403, message, details })

/** The policy is the first pair (security.ts). */
const withPolicy = (headers: readonly string[], policy: string | undefined): readonly string[] =>
  policy === undefined ? headers : [headers[0] ?? '', policy, ...headers.slice(2)]

/** RFC 9110 §13.1.2: weak comparison, any of a list. */
const isKnown = ({ res }: RequestContext, tag: string | undefined): boolean =>
  tag !== undefined &&
  (res.req.headers['if-none-match'] ?? '')
    .split(',')
    .some((candidate) => candidate.trim().replace(/^W\//, '') === tag)

/** Removes content type and length, the first two pairs (apiHeaders): they describe a body, and a 304 has none. */
const withoutBody = (headers: readonly string[]): string[] => headers.slice(4)

/** Of the members of an envelope, only `data` and the message may contain other characters than those of ASCII. */
const bytesOf = (body: string, json: JsonText, message: string): number =>
  isAscii(message) ? body.length - json.text.length + json.bytes : Buffer.byteLength(body)

const isAscii = (text: string): boolean => /^[\x20-\x7e]*$/.test(text)

function apiHeaders(
  request: RequestContext,
  { type, bytes, keep = 'no-store' }: { type: string; bytes: number; keep?: string | undefined },
): string[] {
  return [
    'content-type',
    type,
    'content-length',
    `${bytes}`,
    'cache-control',
    keep,
    'x-content-type-options',
    'nosniff',
    'x-request-id',
    request.id,
  ]
}

function failureHeaders(headers: string[], failed: Problem, credential: RequestContext['credential']): void {
  for (const name in failed.headers) headers.push(name, failed.headers[name] ?? '')
  if (failed.status === 401 && failed.headers['www-authenticate'] === undefined)
    headers.push('www-authenticate', challenge(failed, credential))
  const wait = failed.retryAfter ?? (failed.status === 503 ? 5 : undefined)
  if (wait !== undefined) headers.push('retry-after', `${Math.max(1, Math.ceil(wait))}`)
}

/** RFC 9110 §11.6.1: a 401 names an authentication scheme. Never Basic: browsers would open their own dialog. */
function challenge(failed: Problem, credential: RequestContext['credential']): string {
  if (credential !== 'bearer') return 'Session realm="latchkey"'
  // RFC 9470 §3 for an authentication that is too old, RFC 6750 §3.1 for all others
  if (failed.code === 'STEP_UP_REQUIRED')
    return `Bearer realm="latchkey", error="insufficient_user_authentication"${requiredBy(failed)}`
  return `Bearer realm="latchkey", error="invalid_token", error_description="${asQuotedText(failed.message)}"`
}

/** What a step-up must reach, RFC 9470 §3. */
function requiredBy({ details }: Problem): string {
  const { acr, max_age: maxAge } = Array.isArray(details) ? {} : (details ?? {})
  const level = typeof acr === 'string' ? `, acr_values="${asQuotedText(acr)}"` : ''
  return typeof maxAge === 'number' ? `${level}, max_age="${maxAge}"` : level
}

/** A path on this server or an absolute URL; `//host` and `/\host` look like paths and lead to another host. */
function safeLocation(location: string): string {
  if (/^[/\\][/\\]/.test(location)) throw new Error('a redirect to a protocol-relative address')
  return location.replace(/[^\x21-\x7e]/gu, encodeURIComponent)
}

function nextPage(url: string, cursor: string): string {
  const [path = '', query] = url.split('?', 2)
  const parameters = new URLSearchParams(query)
  parameters.set('cursor', cursor)
  return `${path}?${parameters}`
}

/** Translates any thrown value to the Problem that the caller may see. */
export const asProblem = (error: unknown, isUnavailable: (error: unknown) => boolean): Problem =>
  error instanceof Problem
    ? error
    : new Problem(isUnavailable(error) ? 'UNAVAILABLE' : 'INTERNAL_ERROR', { cause: error })
