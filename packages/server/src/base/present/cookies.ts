/**
 * Set-Cookie headers. Under https every cookie name has the `__Host-` prefix, so that neither a sibling domain nor an
 * unencrypted connection can set one of our cookies (RFC 6265bis §4.1.3.2).
 */
import { serialize } from 'cookie'
import type { CookieChange } from '../http/row/route.ts'

export interface CookieJar {
  /** `lk_` or `__Host-lk_`. */
  prefix: string
  /** The value of a Set-Cookie header. */
  set(change: CookieChange): string
}

export function cookieJar(publicUrl: string): CookieJar {
  const secure = publicUrl.startsWith('https://')
  const prefix = secure ? '__Host-lk_' : 'lk_'
  return {
    prefix,
    set(change) {
      const age = change.value === null ? { maxAge: 0, expires: new Date(0) } : maxAge(change.maxAgeSeconds)
      return serialize(`${prefix}${change.name}`, change.value ?? '', {
        path: '/',
        httpOnly: true,
        sameSite: 'lax',
        secure,
        ...age,
      })
    },
  }
}

const maxAge = (seconds: number | undefined) =>
  seconds === undefined ? {} : { maxAge: Math.max(0, Math.floor(seconds)) }
