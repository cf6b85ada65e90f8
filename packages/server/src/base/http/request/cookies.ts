/** Cookie parser: reads only our own cookies; under https only names with `__Host-`, which no other site can set. */
import { SESSION_COOKIE } from '../browser-cookies.ts'

export interface CookiesIn {
  /** The session cookie; null if it is present twice with different values, undefined if it is absent. */
  session: string | null | undefined
  /** The others, by name without prefix. */
  others: Readonly<Record<string, string>>
}

const NONE: CookiesIn = Object.freeze({ session: undefined, others: Object.freeze({}) })

export function readCookies(header: string | undefined, prefix: string): CookiesIn {
  if (header === undefined || !header.includes(prefix)) return NONE
  let session: string | null | undefined
  const others: Record<string, string> = {}
  for (let start = 0; start < header.length; ) {
    const semicolon = header.indexOf(';', start)
    const end = semicolon === -1 ? header.length : semicolon
    while (header.charCodeAt(start) === 0x20) start += 1
    // searched only within one of our cookies: in each empty cookie, the search would run to the end of the header
    const equals = header.startsWith(prefix, start) ? header.slice(start, end).indexOf('=') + start : -1
    if (equals >= start) {
      const name = header.slice(start + prefix.length, equals)
      const value = header.slice(equals + 1, end).trim()
      if (name === SESSION_COOKIE) session = session === undefined || session === value ? value : null
      else if (/^[a-z_]{1,32}$/.test(name) && !Object.hasOwn(others, name)) others[name] = value
    }
    start = end + 1
  }
  return { session, others: Object.freeze(others) }
}
