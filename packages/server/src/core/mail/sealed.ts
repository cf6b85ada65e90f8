/** Encryption at rest and header-injection checks of rendered emails: their links are credentials. */
import type { Keyring } from '../../base/crypto.ts'
import { invalid } from '../../base/errors.ts'

export interface RenderedEmail {
  to: string
  subject: string
  text: string
  html: string
  links: string[]
}

export const sealEmail = (keyring: Keyring, email: RenderedEmail): string =>
  keyring.encrypt('letters', JSON.stringify(email))

/** @throws where the email was sealed under another LATCHKEY_SECRET */
export const unsealEmail = (keyring: Keyring, sealed: string): RenderedEmail =>
  JSON.parse(keyring.decrypt('letters', sealed)) as RenderedEmail

/** The subject as one line of text without markup: a line break would begin another header. */
export function subjectLine(text: string): string {
  const line = text
    .replaceAll(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ')
    .replaceAll(/[<>]/g, '')
    // RFC 2047: mail clients would decode an encoded word, line breaks included
    .replaceAll('=?', '= ?')
  return [...line.replaceAll(/\s+/g, ' ').trim()].slice(0, 200).join('')
}

/**
 * Checks that the text is one bare address: no header, list or display name. Whether the mailbox exists only its
 * server can tell. @throws Problem VALIDATION_ERROR
 */
export function oneAddress(text: string): string {
  const isOne =
    text.length <= 320 && /^[^\s@<>()[\]\\,;:"\p{C}\p{Z}]+@[^\s@<>()[\]\\,;:"\p{C}\p{Z}]+$/u.test(text)
  if (!isOne) throw invalid('email', 'email', 'No e-mail can be sent to this address.')
  return text
}
