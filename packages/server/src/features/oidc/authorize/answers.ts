/**
 * Answers to apps at their address: by a redirect (RFC 6749 §4.1.2), or by a form that the browser posts (OAuth 2.0 Form Post
 * Response Mode). Each names the issuer (RFC 9207), so that an app that uses several cannot mix them up.
 */
import { createHash } from 'node:crypto'
import type { Locale } from '../../../base/call.ts'
import type { CookieChange, PageAnswer } from '../../../base/http/row/route.ts'
import { withQuery } from '../../../base/with-query.ts'
import type { AuthorizationError, Recipient } from './request.ts'
import { targetOf } from './stored.ts'
import { authorizeText } from './texts.ts'

type Fields = { code: string } | { error: AuthorizationError; error_description: string }

/** @param issuer the public URL */
export function answerApp(
  issuer: string,
  { redirectUri, mode, state }: Recipient,
  fields: Fields,
  more: { cookies?: readonly CookieChange[]; locale: Locale },
): PageAnswer {
  const all = { ...fields, ...(state !== null && { state }), iss: issuer }
  const cookies = more.cookies ? { cookies: more.cookies } : {}
  if (mode === 'query') return { redirect: withQuery(redirectUri, all), ...cookies }
  return {
    document: formOf(redirectUri, all, more.locale),
    contentSecurityPolicy: `default-src 'none'; script-src '${HASH}'; form-action ${targetOf(redirectUri) ?? "'none'"}; base-uri 'none'; frame-ancestors 'none'`,
    ...cookies,
  }
}

const SCRIPT = 'document.forms[0].submit()'
const HASH = `sha256-${createHash('sha256').update(SCRIPT).digest('base64')}`

/** Without scripts, a button posts it. */
function formOf(action: string, fields: Record<string, string>, locale: Locale): string {
  const inputs = Object.entries(fields).map(
    ([name, value]) => `<input type="hidden" name="${name}" value="${escaped(value)}">`,
  )
  const [title, button] = [
    authorizeText(locale, 'authorize.returning'),
    authorizeText(locale, 'authorize.continue'),
  ]
  return `<!doctype html><html lang="${locale}"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title><body><form method="post" action="${escaped(action)}">${inputs.join('')}<noscript><p>${escaped(title)}</p><button>${escaped(button)}</button></noscript></form><script>${SCRIPT}</script></body></html>`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
const escaped = (text: string): string => text.replace(/[&<>"']/g, (one) => ENTITIES[one] ?? one)
