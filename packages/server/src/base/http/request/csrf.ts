/**
 * CSRF protection, in two independent checks: a stateless token `nonce.mac`, bound to the session (before sign-in: to a
 * random cookie of the browser), with a fresh nonce each time so that compression cannot reveal it; and
 * `Sec-Fetch-Site` and `Origin` of every unsafe request. Invariant: a token of one session is invalid for another, and
 * an anonymous token is invalid after sign-in.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import type { Config } from '../../../config.ts'
import type { Call } from '../../call.ts'
import { type Keyring, randomSecret } from '../../crypto.ts'
import { EXAMPLE_CSRF_TOKEN, textField } from '../../described.ts'
import { operation } from '../row/operation.ts'
import { type CookieChange, type Row, route } from '../row/route.ts'

/** The name of the anonymous cookie, without prefix. */
export const CSRF_COOKIE = 'csrf'
export const CSRF_FIELD = 'csrf_token'

const signedText = (binding: string, nonce: string): string => `${binding}\n${nonce}`

function tokenFor(keyring: Keyring, binding: string): string {
  const nonce = randomBytes(16).toString('base64url')
  return `${nonce}.${keyring.mac('csrf', signedText(binding, nonce)).toString('base64url')}`
}

/** A fresh token of a session; the login returns it as `session.csrf_token`. */
export const csrfToken = (keyring: Keyring, sessionId: string): string =>
  tokenFor(keyring, `session:${sessionId}`)

/**
 * A fresh token for the caller: bound to the session, or before sign-in to the cookie of the browser. `cookies` has that
 * cookie if it has to be set.
 */
export function csrfFor(
  keyring: Keyring,
  call: Pick<Call, 'session' | 'cookies'>,
): { token: string; cookies: readonly CookieChange[] } {
  if (call.session) return { token: csrfToken(keyring, call.session.id), cookies: [] }
  const known = anonymousSecret(call)
  const secret = known ?? randomSecret()
  return {
    token: tokenFor(keyring, `anonymous:${secret}`),
    cookies: known ? [] : [{ name: CSRF_COOKIE, value: secret }],
  }
}

function anonymousSecret(call: Pick<Call, 'cookies'>): string | null {
  const value = call.cookies[CSRF_COOKIE]
  return value && /^[A-Za-z0-9_-]{43}$/.test(value) ? value : null
}

/** Whether the token was issued to this caller. */
export function isTokenOf(keyring: Keyring, call: Pick<Call, 'session' | 'cookies'>, token: string): boolean {
  const match = /^([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/.exec(token)
  const secret = call.session ? null : anonymousSecret(call)
  if (!match?.[1] || !match[2] || (!call.session && !secret)) return false
  const binding = call.session ? `session:${call.session.id}` : `anonymous:${secret}`
  const mac = Buffer.from(match[2], 'base64url')
  const accepted = keyring.macs('csrf', signedText(binding, match[1]))
  return accepted.some((one) => timingSafeEqual(one, mac))
}

/** The token of a request: a header, otherwise the field of the body. */
export function tokenIn(req: IncomingMessage, body: Readonly<Record<string, unknown>>): string {
  const sent = req.headers['x-csrftoken'] ?? req.headers['x-csrf-token'] ?? body[CSRF_FIELD]
  return typeof sent === 'string' ? sent : ''
}

/** @returns a check whether another site made a browser send the request */
export function originCheck(
  config: Pick<Config, 'publicUrl' | 'corsOrigins' | 'profile'>,
): (req: IncomingMessage) => boolean {
  const ours = new Set([new URL(config.publicUrl).origin, ...config.corsOrigins])
  // in development the page may be open as localhost where the public URL says 127.0.0.1
  const isThisHost = (origin: string, host: string | undefined): boolean =>
    config.profile !== 'production' && host !== undefined && origin === `http://${host}`
  return ({ headers }) => {
    const site = headers['sec-fetch-site']
    if (site === 'same-origin') return false
    const { origin } = headers
    if (origin !== undefined) return !ours.has(origin) && !isThisHost(origin, headers.host)
    return site !== undefined && site !== 'none'
  }
}

/**
 * @returns a check whether another site has sent a browser here by a link or a redirect: none that is registered. Of a browser
 * that does not say what has sent it (RFC 9110 §10.1.3), a link does not differ from an address that was typed.
 */
export function senderCheck(
  config: Pick<Config, 'publicUrl' | 'corsOrigins' | 'returnOrigins'>,
): (req: Pick<IncomingMessage, 'headers'>) => boolean {
  const known = new Set([new URL(config.publicUrl).origin, ...config.corsOrigins, ...config.returnOrigins])
  return ({ headers }) => {
    const site = headers['sec-fetch-site']
    if (site === 'same-origin' || site === 'none') return false
    const sender = headers.origin ?? originOf(headers.referer)
    return sender === null ? site !== undefined : !known.has(sender)
  }
}

const originOf = (referer: string | undefined): string | null =>
  referer !== undefined && URL.canParse(referer) ? new URL(referer).origin : null

const getToken = operation({
  name: 'auth.csrf',
  summary: 'Get a CSRF token',
  open: 'forms need a token before sign-in',
  quiet: 'changes nothing',
  limit: { by: 'ip', max: 300, per: '1m' },
})

/** `GET /csrf` and `GET /api/v1/auth/csrf`, faces of one operation; app.ts puts them in the table. */
export function csrfRows(keyring: Keyring): Row[] {
  const row = (path: string, name: string): Row =>
    route({
      of: getToken,
      name,
      method: 'GET',
      path,
      description:
        'Send the token as `X-CSRFToken` or `X-CSRF-Token`, or as the field `csrf_token`, with every unsafe request that is authenticated by a cookie. A token is bound to the session: get a new one after signing in.',
      tag: 'Authentication',
      message: 'CSRF token issued.',
      input: z.object({}),
      output: z.object({
        csrf_token: textField('The token to send with unsafe requests of this browser.', EXAMPLE_CSRF_TOKEN),
      }),
      run: async (call) => {
        const { token, cookies } = csrfFor(keyring, call)
        return { data: { csrf_token: token }, cookies }
      },
    })
  return [row('/csrf', 'csrf.get'), row('/api/v1/auth/csrf', 'auth.csrf')]
}
