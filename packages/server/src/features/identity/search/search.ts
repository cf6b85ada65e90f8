/**
 * Search for users by a prefix of username, address or name, with keyset pagination, for a million users: the matches
 * of a prefix are contiguous in an index, in the order of the matched text. Which users are wanted is a condition of
 * the caller; a page may be short or empty although there are more results, where it excludes most matches.
 */
import { type RawBuilder, sql } from 'kysely'
import { limitOf } from '../../../base/db/limit.ts'
import type { Tx } from '../../../base/db/types.ts'

/** A position in the order of a list: the value that it is ordered by as text, and the user's id. */
export type UserPosition = readonly [position: string, id: string]
type Condition = RawBuilder<unknown>

/** Of the user `u` and the primary address `p`. The columns contain the user's `id`. */
interface TextSearch {
  columns: Condition
  conditions: readonly Condition[]
}

interface Matches<T> {
  rows: T[]
  /** The position after which the next page starts; null for the last page. */
  next: UserPosition | null
}

/** The searched columns; each has an index in byte order, in which the matches of a prefix are a range. */
const KEYS = [
  { key: sql`u.username_key collate "C"`, id: sql`u.id`, from: sql`users u` },
  {
    key: sql`p.address_key collate "C"`,
    id: sql`p.user_id`,
    from: sql`(select * from emails where is_primary) as p`,
  },
  { key: sql`u.name_key collate "C"`, id: sql`u.id`, from: sql`users u` },
]

/** Whether a text begins with the prefix; an index serves it. Only the last code point, which no text contains, is greater. */
const beginsWith = (key: Condition, prefix: string): Condition =>
  sql`(${key} >= ${prefix} and ${key} < ${`${prefix}\u{10ffff}`})`

/**
 * The position of a user in the order of a search, null for no match: for a statement that selects its users otherwise,
 * and has them as `u`, their primary addresses as `p`.
 */
export const positionIn = (prefix: string): RawBuilder<string | null> =>
  sql`least(${sql.join(KEYS.map(({ key }) => sql`case when ${beginsWith(key, prefix)} then ${key} end`))})`

/** The number of index sections that are read for a page, each larger than the one before. */
const SECTIONS = 4
const LARGEST_SECTION = 5000

/** Reads a bounded part of the indexes, because the conditions may exclude all of a million matches. */
export async function searchByText<T>(
  tx: Tx,
  search: TextSearch,
  prefix: string,
  page: { after: UserPosition | null; limit: number },
): Promise<Matches<T>> {
  // planning takes longer than execution, and the generic plan uses the indexes for every prefix
  await sql`set local plan_cache_mode = force_generic_plan`.execute(tx)
  const rows: Found<T>[] = []
  let { after } = page
  // a user who matches in all three columns is in the sections three times
  let size = KEYS.length * (page.limit + 1)
  for (let section = 0; section < SECTIONS; section++, size = Math.min(4 * size, LARGEST_SECTION)) {
    const limit = page.limit + 1 - rows.length
    const scanned = (await byText<T>(search, prefix, { after, limit }, size).execute(tx)).rows
    for (const row of scanned) if (isFound(row)) rows.push(row)
    const [{ end_position: position, end_id: id } = { end_position: null, end_id: null }] = scanned
    if (rows.length > page.limit || position === null || id === null) return pageOf(rows, page.limit, null)
    after = [position, id]
  }
  return pageOf(rows, page.limit, after)
}

type Found<T> = T & { id: string; position: string }
type Scanned<T> = (Found<T> | { id: null }) & { end_position: string | null; end_id: string | null }
const isFound = <T>(row: Scanned<T>): row is Found<T> & Scanned<T> => row.id !== null

/** @param rows one more than `limit` where there are more */
function pageOf<T>(rows: readonly Found<T>[], limit: number, beyond: UserPosition | null): Matches<T> {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { rows: page, next: rows.length > limit && last ? [last.position, last.id] : beyond }
}

/**
 * A section of each of the three indexes, merged up to the position that all of them reach: `end_…`, null at the end of
 * all. A user who matches in several columns has the position of the first match. Returns at least one row.
 */
function byText<T>(
  { columns, conditions }: TextSearch,
  prefix: string,
  page: { after: UserPosition | null; limit: number },
  size: number,
): RawBuilder<Scanned<T>> {
  const sections = KEYS.map(({ key, id, from }, rank) => {
    const after = page.after && sql`and (${key}, ${id}) > (${page.after[0]}, ${page.after[1]})`
    return sql`(
      select ${rank}::int as rank, ${id} as id, ${key} as position from ${from}
      where ${beginsWith(key, prefix)} ${after ?? sql``} order by ${key}, ${id} limit ${limitOf(size)})`
  })
  const isFirst = KEYS.map(({ key }, rank) => {
    const isBefore = sql`(${key} < m.position or ${key} = m.position and ${rank}::int < m.rank)`
    return sql`(${beginsWith(key, prefix)} and ${isBefore}) is not true`
  })
  return sql<Scanned<T>>`
    with merged as materialized (
      select *, row_number() over (order by position collate "C", id, rank) as place
      from (${sql.join(sections, sql` union all `)}) as sections),
    ends as (
      select min(last) as place from (
        select max(place) as last from merged group by rank having count(*) = ${limitOf(size)}) as cut)
    select found.*, e.position as end_position, e.id as end_id
    from ends left join merged e on e.place = ends.place
    left join lateral (
      select ${columns}, m.position, m.place as found_place
      from merged m join users u on u.id = m.id
        join emails p on p.user_id = u.id and p.is_primary
      where (ends.place is null or m.place <= ends.place) and ${sql.join([...isFirst, ...conditions], sql` and `)}
      order by m.place limit ${limitOf(page.limit)}) as found on true
    order by found.found_place`
}
