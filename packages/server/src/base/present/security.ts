/**
 * The headers that protect a hosted page, made once, and the one that every answer carries. No inline code, no foreign content, no frames. The
 * referrer stays within the origin: with `no-referrer` browsers send `Origin: null` with our own forms, and
 * the origin check could not tell them from strangers' (tests/browser/forms.test.tsx pins that in Chromium).
 */
import type { Config } from '../../config.ts'

const PERMISSIONS =
  'camera=(), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-create=(self), publickey-credentials-get=(self)'

export interface PageSecurity {
  /** Flat name-value pairs. `formTargets`: further origins a form on this page may end up at, redirects included. */
  headers(formTargets?: readonly string[]): readonly string[]
}

/**
 * RFC 6797 §6.1: only https from now on. On every answer, whoever writes it: the first one of a host that a browser
 * sees may be a redirect, a file or the API's. Flat name-value pairs, none where the public URL is no https.
 */
export const transportSecurity = ({ publicUrl }: Pick<Config, 'publicUrl'>): readonly string[] =>
  publicUrl.startsWith('https://') ? ['strict-transport-security', 'max-age=31536000'] : []

export function pageSecurity(config: Pick<Config, 'publicUrl' | 'returnOrigins'>): PageSecurity {
  // Chromium applies form-action to the redirects after a form as well, so registered origins stand here
  const targets = ["'self'", ...config.returnOrigins]
  const make = (formTargets: readonly string[]): string[] => [
    'content-security-policy',
    `default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action ${formTargets.join(' ')}; base-uri 'none'; frame-ancestors 'none'`,
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

/** @throws where the text is no URL; anything but an origin could smuggle a directive in */
const originOnly = (url: string): string => new URL(url).origin
