/**
 * Security headers: Content-Security-Policy and the other headers of hosted pages, and Strict-Transport-Security of
 * every answer. No inline code, no foreign content, no frames. The referrer policy is `same-origin`: with `no-referrer`
 * browsers send `Origin: null` with our own forms, which the origin check would refuse (tests/browser/forms.test.tsx
 * pins that in Chromium).
 */
import type { Config } from '../../config.ts'

const PERMISSIONS =
  'camera=(), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-create=(self), publickey-credentials-get=(self)'

export interface PageSecurity {
  /** Flat name-value pairs. `formTargets`: further origins that a form on this page may lead to, redirects included. */
  headers(formTargets?: readonly string[]): readonly string[]
}

/**
 * RFC 6797 §6.1: browsers use only https from now on. On every answer of every kind, since the first answer that a
 * browser receives may be a redirect, a file or JSON. Flat name-value pairs; none if the public URL is not https.
 */
export const transportSecurity = ({ publicUrl }: Pick<Config, 'publicUrl'>): readonly string[] =>
  publicUrl.startsWith('https://') ? ['strict-transport-security', 'max-age=31536000'] : []

export function pageSecurity(config: Pick<Config, 'publicUrl' | 'returnOrigins'>): PageSecurity {
  // Chromium applies form-action to the redirects after a form too, so registered origins are listed here
  const targets = ["'self'", ...config.returnOrigins]
  const make = (formTargets: readonly string[]): string[] => [
    'content-security-policy',
    `default-src 'none'; style-src 'self'; script-src 'self'; worker-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action ${formTargets.join(' ')}; base-uri 'none'; frame-ancestors 'none'`,
    'x-frame-options',
    'DENY',
    'x-content-type-options',
    'nosniff',
    'referrer-policy',
    'same-origin',
    'permissions-policy',
    PERMISSIONS,
    'cross-origin-opener-policy',
    'same-origin',
    'cross-origin-resource-policy',
    'same-origin',
  ]
  const usual = make(targets)
  return { headers: (more) => (more?.length ? make([...targets, ...more.map(originOnly)]) : usual) }
}

/** An origin, or the scheme of an app: anything else could inject a directive. @throws if the text is neither */
function originOnly(target: string): string {
  if (/^[a-z][a-z0-9+.-]*:$/.test(target)) return target
  const { origin } = new URL(target)
  if (!/^[a-z][a-z0-9+.-]*:\/\/[a-z0-9.:[\]-]+$/.test(origin))
    throw new Error('a form target that is no plain origin')
  return origin
}
