/**
 * Where a browser goes that asked a proxy for something and is not signed in. The proxy says what was asked for
 * in `X-Original-URL` (nginx) or `X-Forwarded-Proto`, `-Host` and `-Uri` (Traefik, Caddy); it is followed only to
 * a registered origin, so forging it leads nowhere. Programs are told, not sent.
 */
import type { Problem } from '../../../base/errors.ts'
import type { TurnedAway } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { safeReturnTo } from '../../signin/door/index.ts'

const BY_SIGNING_IN = new Set(['AUTHENTICATION_REQUIRED', 'SESSION_EXPIRED', 'INVALID_TOKEN'])

export function placeToGo(
  { config }: Pick<Tools, 'config'>,
  asked: TurnedAway,
  closed: Problem,
): string | null {
  const isWanted = new URL(asked.url, config.publicUrl).searchParams.get('redirect') === '1'
  const isBrowser = one(asked, 'accept')?.includes('text/html') && asked.credential !== 'bearer'
  if (!isWanted || !isBrowser) return null
  if (!BY_SIGNING_IN.has(closed.code)) return null
  const parameters = new URLSearchParams()
  const returnTo = safeReturnTo(config, originalUrl(asked))
  if (returnTo) parameters.set('return_to', returnTo)
  if (closed.code === 'SESSION_EXPIRED') parameters.set('expired', '1')
  const query = parameters.size > 0 ? `?${parameters}` : ''
  return `${config.publicUrl}/sign-in${query}`
}

/** What was asked of the proxy; a change that was refused is nothing to come back to. */
function originalUrl(asked: TurnedAway): string | undefined {
  const method = one(asked, 'x-original-method') ?? one(asked, 'x-forwarded-method') ?? 'GET'
  if (method !== 'GET' && method !== 'HEAD') return undefined
  const whole = one(asked, 'x-original-url')
  if (whole !== undefined) return /^https?:\/\//.test(whole) ? whole : undefined
  const [proto, host] = [one(asked, 'x-forwarded-proto'), one(asked, 'x-forwarded-host')]
  const uri = one(asked, 'x-forwarded-uri')
  const isWhole = /^https?$/.test(proto ?? '') && /^[\w.:[\]-]+$/.test(host ?? '') && uri?.startsWith('/')
  return isWhole ? `${proto}://${host}${uri}` : undefined
}

function one({ headers }: TurnedAway, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}
