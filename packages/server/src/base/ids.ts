/**
 * Prefixed ids that sort by their time of creation: `usr_` and a UUIDv7 in 32 hexadecimal digits. The prefix identifies
 * the kind of object in logs, URLs and support requests.
 */
import { randomFillSync } from 'node:crypto'
import { V7Generator } from 'uuidv7'

export const ID_PREFIXES = [
  'usr', 'ses', 'key', 'org', 'cli', 'con', 'inv', 'aud', 'req', 'sgn', 'eml', 'lnk', 'ltr', 'job', 'dev', 'tok', 'fam', 'rvk', 'sig', 'fac',
  'idn', 'rtp', 'cev', 'dom', 'sky', 'csec', 'res', 'gnt', 'lgo',
] as const // biome-ignore format: a table
export type IdPrefix = (typeof ID_PREFIXES)[number]

/** Random numbers drawn 1,024 at a time: every request needs an id, and a draw costs more than the id. */
const pool = new Uint32Array(1024)
let drawn = pool.length
const generator = new V7Generator({
  nextUint32() {
    if (drawn === pool.length) {
      randomFillSync(pool)
      drawn = 0
    }
    drawn += 1
    return pool[drawn - 1] ?? 0
  },
})

export const newId = (prefix: IdPrefix): string => `${prefix}_${generator.generate().toHex()}`

/** An id whose time is `at`; several of one instant are in no particular order. */
export const newIdAt = (prefix: IdPrefix, at: Date): string =>
  `${prefix}_${at.getTime().toString(16).padStart(12, '0')}${newId(prefix).slice(prefix.length + 13)}`

/** Whether the text has the form of such an id; the object may not exist. */
export const isId = (prefix: IdPrefix, text: string): boolean => FORMS[prefix].test(text)

const FORMS = Object.fromEntries(
  ID_PREFIXES.map((prefix) => [prefix, new RegExp(`^${prefix}_[0-9a-f]{32}$`)]),
) as Readonly<Record<IdPrefix, RegExp>>
