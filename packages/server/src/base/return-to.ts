/**
 * The return URL: where a browser goes after a sign-in. Only a path of this server or a registered origin is followed
 * (no open redirect), and none that begins or answers a sign-in: after a form of this server it would count as begun by the
 * user (login CSRF). Anything else is ignored and never an error, so that a bad link still leads to a sign-in.
 * In the link of an e-mail it is encrypted, because the recipient may not be who chose it.
 */
import type { Config } from '../config.ts'
import type { Keyring } from './crypto.ts'

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
  // the origin of a blob: URL is that of its maker
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return null
  if (url.origin === config.publicUrl) {
    const path = url.pathname + url.search + url.hash
    return path.startsWith('//') || isOfSignIn(url.pathname) ? null : path
  }
  return config.returnOrigins.includes(url.origin) ? url.href : null
}

/** Below these, sign-ins begin and identity providers answer (signin/federation); no page continues there by `return_to`. */
const SIGN_IN_PATHS = ['/api/v1/auth/external/', '/saml/']

/** Whether a path is below one of them, in whichever way it is written: more than a router would read. */
function isOfSignIn(pathname: string): boolean {
  let [path, before] = [pathname, '']
  while (path !== before) {
    before = path
    path = path.replace(/%([0-7][0-9a-f])/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
  }
  // what were delimiters of the URL are none of the path
  const plain = path
    .replace(/[\p{Cc}\s]/gu, '')
    .replace(/[?#]/g, '_')
    .replace(/[\\/]+/g, '/')
  const resolved = new URL(plain, 'http://localhost').pathname.replace(/\/+/g, '/').toLowerCase()
  return SIGN_IN_PATHS.some((below) => `${resolved}/`.startsWith(below))
}

export interface LinkTools {
  config: Pick<Config, 'publicUrl' | 'returnOrigins'>
  keyring: Pick<Keyring, 'encrypt' | 'decrypt'>
}

/** The URL of a single-use link in an e-mail, with the return URL in `continue`. */
export function emailLink(
  { config, keyring }: LinkTools,
  path: '/verify-email' | '/reset-password' | '/sign-in/link',
  { token, returnTo }: { token: string; returnTo?: string | null | undefined },
): string {
  const query = new URLSearchParams({ token })
  if (returnTo) query.set('continue', keyring.encrypt('return_to', returnTo))
  return `${config.publicUrl}${path}?${query}`
}

/** The return URL of a page that such a link opens, or of its form, which sends it as `return_to`. */
export function linkReturnTo(
  { config, keyring }: LinkTools,
  sent: Readonly<Partial<Record<'continue' | 'return_to', string | undefined>>>,
): string | null {
  return safeReturnTo(config, decrypted(keyring, sent.continue) ?? sent.return_to)
}

function decrypted(keyring: LinkTools['keyring'], sealed: string | undefined): string | undefined {
  try {
    return sealed === undefined ? undefined : keyring.decrypt('return_to', sealed)
  } catch {
    return undefined
  }
}
