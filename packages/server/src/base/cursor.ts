/**
 * Opaque cursors: where the next page of a list begins, signed, so that nobody asks for a place they were not shown.
 * A cursor is good for the list it was made for and no other; the list's name carries whatever the positions depend
 * on (whose it is, its filter). A position is what the list is ordered by, ending in an id, and is never secret.
 */
import { timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { Keyring } from './crypto.ts'
import { invalid } from './errors.ts'

/** 128 bits of the MAC: more than anybody can guess online. */
const MAC_BYTES = 16
const FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{22}$/

/** The values of one row that the list is ordered by. */
export type Position = readonly string[]

/** The query fields of every list. */
export const PageInput = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(50).describe('How many at most'),
  cursor: z
    .string()
    .max(512)
    .optional()
    .describe('`next_cursor` of the page before; left out: the beginning'),
})

const macOf = (keyring: Pick<Keyring, 'mac'>, list: string, body: string): Buffer =>
  keyring.mac('cursors', JSON.stringify([list, body])).subarray(0, MAC_BYTES)

/** @param list the list's name, and whose it is: `members org_…`; a cursor made for another one is refused */
export function encodeCursor(keyring: Pick<Keyring, 'mac'>, list: string, position: Position): string {
  const body = Buffer.from(JSON.stringify(position)).toString('base64url')
  return `${body}.${macOf(keyring, list, body).toString('base64url')}`
}

/**
 * @returns the position, or null where none is asked for
 * @throws Problem VALIDATION_ERROR on the field `cursor` for what `encodeCursor` did not make for this list
 */
export function decodeCursor(
  keyring: Pick<Keyring, 'mac'>,
  list: string,
  text: string | undefined,
): Position | null {
  if (text === undefined) return null
  const [body = '', mac = ''] = FORM.test(text) ? text.split('.') : []
  const given = Buffer.from(mac, 'base64url')
  // a tail that is not canonical would be a second spelling of the same cursor
  const isOurs =
    given.length === MAC_BYTES &&
    given.toString('base64url') === mac &&
    timingSafeEqual(given, macOf(keyring, list, body))
  if (!isOurs) throw invalid('cursor', 'cursor', 'This is not a cursor of this list.')
  return JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as Position
}

/**
 * One page of what was read with one row more than asked for.
 * @param rows at most `limit + 1`
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
