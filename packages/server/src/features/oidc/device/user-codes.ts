/**
 * The codes that users type (RFC 8628 §6.1): eight of twenty letters, without vowels, so that they make no words: 34 bits, which the
 * limits of the page make hard to guess within ten minutes.
 */
import { randomInt } from 'node:crypto'

const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ'
const CODE = new RegExp(`^[${LETTERS}]{8}$`)

/** As it is shown: `WDJB-MJHT`. */
export const makeUserCode = (): string =>
  shownAs(Array.from({ length: 8 }, () => LETTERS[randomInt(LETTERS.length)]).join(''))

const shownAs = (letters: string): string => `${letters.slice(0, 4)}-${letters.slice(4)}`

/** The code as it is shown, of a text in any case and with any punctuation; null: it is none. */
export function readUserCode(typed: string): string | null {
  const letters = typed.replace(/[^\p{L}\p{N}]/gu, '').toUpperCase()
  return CODE.test(letters) ? shownAs(letters) : null
}
