/**
 * Cursor pagination: an opaque, signed cursor contains the position where the next page of a list begins, so that
 * clients can only continue where a page ended. Invariant: a cursor is valid only for its list; the list's name
 * contains everything that positions depend on (its owner, its filter). A position has the values that the list is
 * ordered by, ends with an id, and is never secret, unless the list encrypts it.
 */
import { timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { Keyring } from './crypto.ts'
import { invalid } from './errors.ts'

/** 128 bits of the MAC: more than can be guessed online. */
const MAC_BYTES = 16
const FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{22}$/

/** The values of one row that the list is ordered by. */
export type Position = readonly string[]

/** The cursor of a list; `max` is larger where positions contain text. */
export const cursorField = (max: number) =>
  z
    .string()
    .max(max)
    .optional()
    .describe('`metadata.next_cursor` of the previous page; without it, the list begins at its first entry.')

/** The query fields of every list. */
export const PageInput = z.object({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(100)
    .default(50)
    .describe('The largest number of entries in this page.'),
  cursor: cursorField(512),
})

const signedText = (list: string, body: string): string => JSON.stringify([list, body])

/** @param list the name of the list with its owner: `members org_…`; a cursor of another list is refused */
export function encodeCursor(keyring: Pick<Keyring, 'mac'>, list: string, position: Position): string {
  const body = Buffer.from(JSON.stringify(position)).toString('base64url')
  const mac = keyring.mac('cursors', signedText(list, body)).subarray(0, MAC_BYTES)
  return `${body}.${mac.toString('base64url')}`
}

/**
 * @returns the position, or null if there is no cursor
 * @throws Problem VALIDATION_ERROR on the field `cursor` if `encodeCursor` did not make it for this list
 */
export function decodeCursor(
  keyring: Pick<Keyring, 'macs'>,
  list: string,
  text: string | undefined,
): Position | null {
  if (text === undefined) return null
  const [body = '', mac = ''] = FORM.test(text) ? text.split('.') : []
  const bytes = Buffer.from(mac, 'base64url')
  // a non-canonical encoding would be a second spelling of the same cursor
  const isAuthentic =
    bytes.length === MAC_BYTES &&
    bytes.toString('base64url') === mac &&
    keyring
      .macs('cursors', signedText(list, body))
      .some((accepted) => timingSafeEqual(bytes, accepted.subarray(0, MAC_BYTES)))
  if (!isAuthentic) throw invalid('cursor', 'cursor', 'This is not a cursor of this list.')
  return JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as Position
}

/**
 * One page of a list and the cursor of the next.
 * @param rows at most `limit + 1`: the additional row shows that there is a next page
 */
export function pageOf<T>(
  keyring: Pick<Keyring, 'mac'>,
  list: string,
  rows: readonly T[],
  limit: number,
  position: (row: T) => Position,
): { page: readonly T[]; nextCursor: string | null } {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const nextCursor = rows.length > limit && last ? encodeCursor(keyring, list, position(last)) : null
  return { page, nextCursor }
}
