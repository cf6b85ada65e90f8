/**
 * User search with keyset pagination, for a million users: every query starts at an index from a position, and nothing
 * is counted. There are two orders: lists by creation time, and searches by the matched text, because the matches of a
 * prefix are contiguous in an index in this order only. Runs as the caller, under row-level security.
 */
import { type RawBuilder, sql } from 'kysely'
import { limitOf } from '../../../base/db/limit.ts'
import type { Tx } from '../../../base/db/types.ts'
import type { User } from '../../identity/users/index.ts'

export interface PeopleFilter {
  status?: 'pending' | 'active' | 'disabled' | 'locked' | undefined
  role?: string | undefined
  createdAfter?: Date | undefined
  createdBefore?: Date | undefined
}

/** `found`: matches of a canonical prefix, in the order of the matched text. */
export type PeopleOrder = { by: 'created'; direction: 'asc' | 'desc' } | { by: 'found'; prefix: string }

/** A position in the order: the creation time in full precision, or the matched text; and the id. */
type Position = readonly [position: string, id: string]

interface Page {
  /** The position of the last row of the previous page. */
  after: Position | null
  limit: number
  now: Date
}

/** A page may be short or empty although there are more results, where a filter excludes most matches of a search. */
export interface People {
  rows: User[]
  /** The position after which the next page starts; null for the last page. */
  next: Position | null
}

type Found = User & { position: string }
type Condition = RawBuilder<unknown>
const all = (conditions: readonly Condition[]): Condition => sql.join([sql`true`, ...conditions], sql` and `)

const WHOLE = sql`u.*, p.address as email, p.id as email_id, p.verified_at as email_verified_at`
const PRIMARY = sql`join emails p on p.user_id = u.id and p.is_primary`

export async function searchUsers(
  tx: Tx,
  filter: PeopleFilter,
  order: PeopleOrder,
  page: Page,
): Promise<People> {
  if (order.by === 'found') return await foundBy(tx, filter, order.prefix, page)
  const { rows } = await byCreation(filter, order.direction, { ...page, limit: page.limit + 1 }).execute(tx)
  return pageOf(rows, page.limit, null)
}

const positionOf = ({ position, id }: Found): Position => [position, id]

/** @param rows one more than `limit` where there are more */
function pageOf(rows: readonly Found[], limit: number, beyond: Position | null): People {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { rows: page, next: rows.length > limit && last ? positionOf(last) : beyond }
}

/** Uses the index of the role's holders, of the status, or of all users. */
function byCreation(filter: PeopleFilter, direction: 'asc' | 'desc', page: Page): RawBuilder<Found> {
  const { role } = filter
  const [at, id] = role === undefined ? [sql`u.created_at`, sql`u.id`] : [sql`h.created_at`, sql`h.user_id`]
  const [down, beyond] = direction === 'desc' ? [sql`desc`, sql`<`] : [sql`asc`, sql`>`]
  // `nulls first/last` selects the index of all users; without it a condition uses the index of its column
  const isOfAll = role === undefined && filter.status === undefined
  const nulls = isOfAll ? (direction === 'desc' ? sql`nulls last` : sql`nulls first`) : sql``
  const conditions = [...statusIs(filter.status, page.now), ...createdBetween(filter, at)]
  if (role !== undefined) conditions.push(sql`h.role = ${role}`)
  if (page.after !== null)
    conditions.push(sql`(${at}, ${id}) ${beyond} (${page.after[0]}::timestamptz, ${page.after[1]})`)
  return sql<Found>`
    select ${WHOLE}, u.created_at::text as position
    from users u ${PRIMARY} ${role === undefined ? sql`` : sql`join role_holders h on h.user_id = u.id`}
    where ${all(conditions)}
    order by ${at} ${down} ${nulls}, ${id} ${down} limit ${limitOf(page.limit)}`
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

/** The number of index sections that are read for a page, each larger than the one before. */
const SECTIONS = 4
const LARGEST_SECTION = 5000

/** Reads a bounded part of the indexes, because a filter may exclude all of a million matches. */
async function foundBy(tx: Tx, filter: PeopleFilter, prefix: string, page: Page): Promise<People> {
  // planning takes longer than execution, and the generic plan uses the indexes for every prefix
  await sql`set local plan_cache_mode = force_generic_plan`.execute(tx)
  const rows: Found[] = []
  let { after } = page
  // a user who matches in all three columns is in the sections three times
  let size = KEYS.length * (page.limit + 1)
  for (let section = 0; section < SECTIONS; section++, size = Math.min(4 * size, LARGEST_SECTION)) {
    const limit = page.limit + 1 - rows.length
    const scanned = (await byText(filter, prefix, { ...page, after, limit }, size).execute(tx)).rows
    for (const row of scanned) if (row.id !== null) rows.push(row)
    const [{ end_position: position, end_id: id } = { end_position: null, end_id: null }] = scanned
    if (rows.length > page.limit || position === null || id === null) return pageOf(rows, page.limit, null)
    after = [position, id]
  }
  return pageOf(rows, page.limit, after)
}

type Scanned = (Found | Record<keyof Found, null>) & { end_position: string | null; end_id: string | null }

/**
 * A section of each of the three indexes, merged up to the position that all of them reach: `end_…`, null at the end of
 * all. A user who matches in several columns has the position of the first match. Returns at least one row.
 */
function byText(filter: PeopleFilter, prefix: string, page: Page, size: number): RawBuilder<Scanned> {
  // the last code point, which no text contains
  const isFound = (key: Condition) => sql`${key} >= ${prefix} and ${key} < ${`${prefix}\u{10ffff}`}`
  const conditions = [...statusIs(filter.status, page.now), ...createdBetween(filter, sql`u.created_at`)]
  if (filter.role !== undefined)
    conditions.push(
      sql`exists (select from role_holders h where h.user_id = u.id and h.role = ${filter.role})`,
    )
  const sections = KEYS.map(({ key, id, from }, rank) => {
    const after = page.after && sql`and (${key}, ${id}) > (${page.after[0]}, ${page.after[1]})`
    return sql`(
      select ${rank}::int as rank, ${id} as id, ${key} as position from ${from}
      where ${isFound(key)} ${after ?? sql``} order by ${key}, ${id} limit ${limitOf(size)})`
  })
  const isFirst = KEYS.map(({ key }, rank) => {
    const isBefore = sql`(${key} < m.position or ${key} = m.position and ${rank}::int < m.rank)`
    return sql`(${isFound(key)} and ${isBefore}) is not true`
  })
  return sql<Scanned>`
    with merged as materialized (
      select *, row_number() over (order by position collate "C", id, rank) as place
      from (${sql.join(sections, sql` union all `)}) as sections),
    ends as (
      select min(last) as place from (
        select max(place) as last from merged group by rank having count(*) = ${limitOf(size)}) as cut)
    select found.*, e.position as end_position, e.id as end_id
    from ends left join merged e on e.place = ends.place
    left join lateral (
      select ${WHOLE}, m.position, m.place as found_place
      from merged m join users u on u.id = m.id ${PRIMARY}
      where (ends.place is null or m.place <= ends.place) and ${all([...isFirst, ...conditions])}
      order by m.place limit ${limitOf(page.limit)}) as found on true
    order by found.found_place`
}

function statusIs(status: PeopleFilter['status'], now: Date): Condition[] {
  if (status === undefined) return []
  if (status === 'locked')
    return [
      sql`u.locked_at is not null and (u.locked_until is null or u.locked_until > ${now}) and u.status <> 'disabled'`,
    ]
  const isStatus = sql`u.status = ${status}`
  return status === 'disabled'
    ? [isStatus]
    : [isStatus, sql`(u.locked_at is null or u.locked_until <= ${now})`]
}

function createdBetween({ createdAfter, createdBefore }: PeopleFilter, at: Condition): Condition[] {
  return [
    ...(createdAfter ? [sql`${at} >= ${createdAfter}`] : []),
    ...(createdBefore ? [sql`${at} < ${createdBefore}`] : []),
  ]
}
