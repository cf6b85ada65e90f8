/**
 * The only place that writes an answer's body: API, page, redirect, asset, and what is said to a connection
 * that sent no readable request. An API answer carries only the headers that mean something for JSON, written
 * as one flat array; pages carry what protects a browser. It decides nothing: status, message and cookies are
 * handed in.
 */
import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Config } from '../../config.ts'
import type { ProtocolStyle, Style } from '../call.ts'
import { Problem } from '../errors.ts'
import type { Answer, CookieChange } from '../http/row/route.ts'
import { type CookieJar, cookieJar } from './cookies.ts'
import { detail } from './detail.ts'
import { type DownloadLine, downloadLine } from './download.ts'
import { errors } from './errors.ts'
import { type EventLine, eventLine } from './events.ts'
import { meta } from './meta.ts'
import { oauth } from './oauth.ts'
import { problem } from './problem.ts'
import { scim } from './scim.ts'
import { pageSecurity, transportSecurity } from './security.ts'
import type { Serialise } from './serialise.ts'
import { standard } from './standard.ts'
import { asQuotedText, type Facts, JSON_TYPE, type StyleWriter } from './style.ts'

export { type CookieJar, cookieJar } from './cookies.ts'
export type { EventLine } from './events.ts'
export { OAUTH_ERRORS } from './oauth.ts'
export { SCIM_ERRORS } from './scim.ts'
export { dates, type Serialise, serialiser } from './serialise.ts'

const STYLE_WRITERS: Readonly<Record<Style | ProtocolStyle, StyleWriter>> = {
  standard,
  meta,
  errors,
  detail,
  problem,
  oauth,
  scim,
}

/** What the presenter knows of the request it answers. */
export interface Asked {
  readonly res: ServerResponse
  readonly id: string
  readonly now: Date
  readonly style: Style | ProtocolStyle
  /** The path with its query, as it was asked. */
  readonly url: string
  /** Flat name-value pairs gathered on the way: limits, CORS, version, cookies. */
  readonly headers: string[]
  /** Which credential came, for the challenge of a 401. */
  readonly credential: 'none' | 'cookie' | 'bearer'
}

export interface Presenter {
  cookies: CookieJar
  data(
    asked: Asked,
    answer: Answer<unknown>,
    by: { message: string; status: number; serialise: Serialise; bare?: boolean },
  ): void
  problem(asked: Asked, failed: Problem): void
  /** Begins an answer that goes on. */
  events(asked: Asked): EventLine
  /** Begins an answer that is a file. */
  download(asked: Asked, file: { type: string; name: string }): DownloadLine
  page(asked: Asked, html: string, options: PageOptions): void
  redirect(asked: Asked, location: string, cookies?: readonly CookieChange[]): void
  /** An answer without a body: a preflight, a file that has not changed. */
  empty(asked: Asked, status: number): void
  asset(asked: Asked, asset: { type: string; body: Buffer }, headers: readonly string[]): void
  /** The whole text of an answer to a connection that sent no readable request. */
  raw(failed: Problem, requestId: string, now: Date): string
}

export interface PageOptions {
  status: number
  cookies?: readonly CookieChange[] | undefined
  formTargets?: readonly string[] | undefined
  /** Instead of the pages' own. */
  contentSecurityPolicy?: string | undefined
  failed?: Problem | undefined
}

export function presenter(
  config: Pick<Config, 'publicUrl' | 'envelope' | 'returnOrigins' | 'compat'>,
): Presenter {
  const { publicUrl } = config
  const forbidsStrangers = config.compat.includes('not-authenticated-403')
  const cookies = cookieJar(publicUrl)
  const security = pageSecurity(config)
  const always = transportSecurity(config)
  const write = (asked: Asked, status: number, headers: string[], body: string | Buffer): void => {
    const { res } = asked
    if (res.headersSent || res.destroyed) return
    headers.push(...always, ...asked.headers)
    res.writeHead(status, headers)
    res.end(body)
  }
  const setCookies = (headers: string[], changes: readonly CookieChange[] | undefined): void => {
    if (changes) for (const change of changes) headers.push('set-cookie', cookies.set(change))
  }
  return {
    cookies,
    data(asked, answer, by) {
      const status = answer.status ?? by.status
      const style = STYLE_WRITERS[by.bare ? 'detail' : asked.style]
      const message = answer.message ?? by.message
      const { nextCursor } = answer
      const facts: Facts = { status, message, requestId: asked.id, now: asked.now, nextCursor, publicUrl }
      const body = style.success(by.serialise(answer.data), facts)
      const { 'cache-control': keep, ...others } = answer.headers ?? {}
      const headers = apiHeaders(asked, style.successType ?? JSON_TYPE, body, keep)
      if (style.headers) headers.push(...style.headers)
      if (style.bare && nextCursor) headers.push('link', `<${nextPage(asked.url, nextCursor)}>; rel="next"`)
      for (const name in others) headers.push(name, others[name] ?? '')
      setCookies(headers, answer.cookies)
      if (isKnown(asked, others.etag)) return write(asked, 304, withoutBody(headers), '')
      write(asked, status, headers, body)
    },
    problem(asked, refusal) {
      const style = STYLE_WRITERS[asked.style]
      const isStranger = asked.style === 'detail' && refusal.code === 'AUTHENTICATION_REQUIRED'
      const failed = forbidsStrangers && isStranger ? NOT_AUTHENTICATED : refusal
      const { status, message } = failed
      const body = style.failure(failed, { status, message, requestId: asked.id, now: asked.now, publicUrl })
      const headers = apiHeaders(asked, style.failureType, body)
      if (style.headers) headers.push(...style.headers)
      failureHeaders(headers, failed, asked.credential)
      write(asked, status, headers, body)
    },
    download(asked, { type, name }) {
      const headers = ['content-type', type, 'content-disposition', `attachment; filename="${name}"`]
      headers.push('cache-control', 'no-store', 'x-content-type-options', 'nosniff', 'x-request-id', asked.id)
      return downloadLine(asked.res, [...headers, ...always, ...asked.headers])
    },
    events(asked) {
      const { 'last-event-id': cursor } = asked.res.req.headers
      const headers = ['x-content-type-options', 'nosniff', 'x-request-id', asked.id]
      headers.push(...always, ...asked.headers)
      return eventLine(asked.res, headers, typeof cursor === 'string' && cursor !== '' ? cursor : null)
    },
    page(asked, html, options) {
      const headers = [
        'content-type',
        'text/html; charset=utf-8',
        'content-length',
        `${Buffer.byteLength(html)}`,
      ]
      headers.push(
        'cache-control',
        'no-store',
        'x-request-id',
        asked.id,
        ...withPolicy(security.headers(options.formTargets), options.contentSecurityPolicy),
      )
      setCookies(headers, options.cookies)
      if (options.failed) failureHeaders(headers, options.failed, asked.credential)
      write(asked, options.status, headers, html)
    },
    redirect(asked, location, changes) {
      const headers = ['location', safeLocation(location), 'content-length', '0', 'cache-control', 'no-store']
      headers.push(
        'x-request-id',
        asked.id,
        'x-content-type-options',
        'nosniff',
        'referrer-policy',
        'same-origin',
      )
      setCookies(headers, changes)
      write(asked, 303, headers, '')
    },
    empty(asked, status) {
      write(asked, status, ['x-request-id', asked.id], '')
    },
    asset(asked, asset, more) {
      const headers = ['content-type', asset.type, 'content-length', `${asset.body.length}`, ...more]
      headers.push('x-request-id', asked.id, 'x-content-type-options', 'nosniff')
      headers.push('cross-origin-resource-policy', 'same-origin')
      write(asked, 200, headers, asset.body)
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

/** What some frameworks say of a request without a credential, and their clients wait for. */
const NOT_AUTHENTICATED = new Problem('AUTHENTICATION_REQUIRED', {
  status: 403,
  message: 'Not authenticated',
})

/** The policy is the first of them (security.ts). */
const withPolicy = (headers: readonly string[], policy: string | undefined): readonly string[] =>
  policy === undefined ? headers : [headers[0] ?? '', policy, ...headers.slice(2)]

/** RFC 9110 §13.1.2: weak comparison, any of a list. */
const isKnown = ({ res }: Asked, tag: string | undefined): boolean =>
  tag !== undefined &&
  (res.req.headers['if-none-match'] ?? '')
    .split(',')
    .some((candidate) => candidate.trim().replace(/^W\//, '') === tag)

/** Type and length stand first (apiHeaders), and describe a body that does not follow. */
const withoutBody = (headers: readonly string[]): string[] => headers.slice(4)

function apiHeaders(asked: Asked, type: string, body: string, keep = 'no-store'): string[] {
  return [
    'content-type',
    type,
    'content-length',
    `${Buffer.byteLength(body)}`,
    'cache-control',
    keep,
    'x-content-type-options',
    'nosniff',
    'x-request-id',
    asked.id,
  ]
}

function failureHeaders(headers: string[], failed: Problem, credential: Asked['credential']): void {
  if (failed.status === 401) headers.push('www-authenticate', challenge(failed, credential))
  const wait = failed.retryAfter ?? (failed.status === 503 ? 5 : undefined)
  if (wait !== undefined) headers.push('retry-after', `${Math.max(1, Math.ceil(wait))}`)
}

/** RFC 9110 §11.6.1: a 401 names how to prove who one is. Never Basic: browsers would ask with a box of their own. */
function challenge(failed: Problem, credential: Asked['credential']): string {
  if (credential !== 'bearer') return 'Session realm="latchkey"'
  // RFC 9470 §3 for a proof that is too old, RFC 6750 §3.1 for the rest
  if (failed.code === 'STEP_UP_REQUIRED')
    return 'Bearer realm="latchkey", error="insufficient_user_authentication"'
  return `Bearer realm="latchkey", error="invalid_token", error_description="${asQuotedText(failed.message)}"`
}

/** A path of ours or an absolute URL; `//host` and `/\host` look like the one and are the other. */
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

/** Whatever was thrown, as the problem that the caller may see. */
export const asProblem = (error: unknown, isUnreachable: (error: unknown) => boolean): Problem =>
  error instanceof Problem
    ? error
    : new Problem(isUnreachable(error) ? 'UNAVAILABLE' : 'INTERNAL_ERROR', { cause: error })
