/**
 * The return URL: where a browser goes after a sign-in. Only a path of this server or a registered origin is followed
 * (no open redirect); anything else is ignored and never an error, so that a bad link still leads to a sign-in.
 */
import type { Config } from '../../../config.ts'

/** @returns a path of this server, or a whole URL of a registered origin; null for anything else */
export function safeReturnTo(
  config: Pick<Config, 'publicUrl' | 'returnOrigins'>,
  wanted: string | undefined,
): string | null {
  // a browser drops tabs and newlines and reads `\` as `/`, so what looks like a path may be another host
  if (!wanted || wanted.length > 2000 || /[\p{Cc}\\\s]/u.test(wanted)) return null
  if (!URL.canParse(wanted, config.publicUrl)) return null
  const url = new URL(wanted, config.publicUrl)
  if (url.username || url.password) return null
  if (url.origin === config.publicUrl) {
    const path = url.pathname + url.search + url.hash
    return path.startsWith('//') ? null : path
  }
  return config.returnOrigins.includes(url.origin) ? url.href : null
}
