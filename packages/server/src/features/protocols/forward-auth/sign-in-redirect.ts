/**
 * The sign-in redirect of a browser that is not signed in at an app behind a proxy. The proxy names the original URL
 * in `X-Original-URL` (nginx) or `X-Forwarded-Proto`, `-Host` and `-Uri` (Traefik, Caddy). The browser returns only to
 * a registered origin, so that a forged header has no effect. Other clients get the error response.
 */
import type { Problem } from '../../../base/errors.ts'
import type { RefusedRequest } from '../../../base/http/row/route.ts'
import { safeReturnTo } from '../../../base/return-to.ts'
import type { Tools } from '../../../core/tools.ts'

const SIGN_IN_RESOLVES = new Set(['AUTHENTICATION_REQUIRED', 'SESSION_EXPIRED', 'INVALID_TOKEN'])

export function signInRedirect(
  { config }: Pick<Tools, 'config'>,
  request: RefusedRequest,
  refusal: Problem,
): string | null {
  const isRequested = new URL(request.url, config.publicUrl).searchParams.get('redirect') === '1'
  const isBrowser = header(request, 'accept')?.includes('text/html') && request.credential !== 'bearer'
  if (!isRequested || !isBrowser) return null
  if (!SIGN_IN_RESOLVES.has(refusal.code)) return null
  const parameters = new URLSearchParams()
  const returnTo = safeReturnTo(config, originalUrl(request))
  if (returnTo) parameters.set('return_to', returnTo)
  if (refusal.code === 'SESSION_EXPIRED') parameters.set('expired', '1')
  const query = parameters.size > 0 ? `?${parameters}` : ''
  return `${config.publicUrl}/sign-in${query}`
}

/** The URL that the browser requested; only for safe methods, because others cannot be repeated by a redirect. */
function originalUrl(request: RefusedRequest): string | undefined {
  const method = header(request, 'x-original-method') ?? header(request, 'x-forwarded-method') ?? 'GET'
  if (method !== 'GET' && method !== 'HEAD') return undefined
  const whole = header(request, 'x-original-url')
  if (whole !== undefined) return /^https?:\/\//.test(whole) ? whole : undefined
  const [proto, host] = [header(request, 'x-forwarded-proto'), header(request, 'x-forwarded-host')]
  const uri = header(request, 'x-forwarded-uri')
  const isWhole = /^https?$/.test(proto ?? '') && /^[\w.:[\]-]+$/.test(host ?? '') && uri?.startsWith('/')
  return isWhole ? `${proto}://${host}${uri}` : undefined
}

function header({ headers }: RefusedRequest, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}
