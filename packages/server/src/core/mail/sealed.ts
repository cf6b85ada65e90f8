/** A letter as it is kept: rendered, checked, and encrypted, because its links sign people in. */
import type { Keyring } from '../../base/crypto.ts'
import { invalid } from '../../base/errors.ts'

export interface RenderedLetter {
  to: string
  subject: string
  text: string
  html: string
  links: string[]
}

export const seal = (keyring: Keyring, letter: RenderedLetter): string =>
  keyring.encrypt('letters', JSON.stringify(letter))

/** @throws where it was sealed under another LATCHKEY_SECRET */
export const unseal = (keyring: Keyring, sealed: string): RenderedLetter =>
  JSON.parse(keyring.decrypt('letters', sealed)) as RenderedLetter

/** One line of text: a line break would begin another header, and markup means nothing in it. */
export function subjectLine(text: string): string {
  const line = text
    .replaceAll(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ')
    .replaceAll(/[<>]/g, '')
    // RFC 2047: an encoded word would be decoded by whoever reads it, line breaks and all
    .replaceAll('=?', '= ?')
  return [...line.replaceAll(/\s+/g, ' ').trim()].slice(0, 200).join('')
}

/**
 * One bare address, of which no header, list or display name can be made. What is a mailbox beyond that, its
 * server knows. @throws Problem VALIDATION_ERROR
 */
export function oneAddress(text: string): string {
  const isOne =
    text.length <= 320 && /^[^\s@<>()[\]\\,;:"\p{C}\p{Z}]+@[^\s@<>()[\]\\,;:"\p{C}\p{Z}]+$/u.test(text)
  if (!isOne) throw invalid('email', 'email', 'No e-mail can be sent to this address.')
  return text
}
