/**
 * User search with keyset pagination, for a million users: every query starts at an index from a position, and nothing
 * is counted. There are two orders: lists by creation time, and searches by the matched text, because the matches of a
 * prefix are contiguous in an index in this order only. Runs as the caller, under row-level security.
 */
import { type RawBuilder, sql } from 'kysely'
import { limitOf } from '../../../base/db/limit.ts'
import { columnsOf } from '../../../base/db/named-columns.ts'
import type { Tx } from '../../../base/db/types.ts'
import { searchByText, type UserPosition } from '../../identity/search/index.ts'
import type { User } from '../../identity/users/index.ts'

export interface PeopleFilter {
  status?: 'pending' | 'active' | 'disabled' | 'locked' | undefined
  role?: string | undefined
  createdAfter?: Date | undefined
  createdBefore?: Date | undefined
}

/** `found`: matches of a canonical prefix, in the order of the matched text. */
export type PeopleOrder = { by: 'created'; direction: 'asc' | 'desc' } | { by: 'found'; prefix: string }

interface Page {
  /** The position of the last row of the previous page. */
  after: UserPosition | null
  limit: number
  now: Date
}

/** A page may be short or empty although there are more results, where a filter excludes most matches of a search. */
export interface People {
  rows: User[]
  /** The position after which the next page starts; null for the last page. */
  next: UserPosition | null
}

type Found = User & { position: string }
type Condition = RawBuilder<unknown>
const all = (conditions: readonly Condition[]): Condition => sql.join([sql`true`, ...conditions], sql` and `)

const WHOLE = sql`${columnsOf('users', 'u')}, p.address as email, p.id as email_id, p.verified_at as email_verified_at`
const PRIMARY = sql`join emails p on p.user_id = u.id and p.is_primary`

export async function searchUsers(
  tx: Tx,
  filter: PeopleFilter,
  order: PeopleOrder,
  page: Page,
): Promise<People> {
  if (order.by === 'found') {
    const search = { columns: WHOLE, conditions: conditionsOf(filter, page.now) }
    return await searchByText<User>(tx, search, order.prefix, page)
  }
  const { rows } = await byCreation(filter, order.direction, { ...page, limit: page.limit + 1 }).execute(tx)
  const last = rows[page.limit - 1]
  const next: UserPosition | null = rows.length > page.limit && last ? [last.position, last.id] : null
  return { rows: rows.slice(0, page.limit), next }
}

/** Uses the index of the role's holders, of its holders in a status, of the status, or of all users. */
function byCreation(filter: PeopleFilter, direction: 'asc' | 'desc', page: Page): RawBuilder<Found> {
  const { role } = filter
  const [at, id] = role === undefined ? [sql`u.created_at`, sql`u.id`] : [sql`h.created_at`, sql`h.user_id`]
  const [down, beyond] = direction === 'desc' ? [sql`desc`, sql`<`] : [sql`asc`, sql`>`]
  // `nulls first/last` selects the index of all users, or of a role and a status; without it a condition uses the index
  // of its column
  const isSelected = (role === undefined) === (filter.status === undefined)
  const nulls = isSelected ? (direction === 'desc' ? sql`nulls last` : sql`nulls first`) : sql``
  const conditions = [...statusIs(filter.status, page.now), ...createdBetween(filter, at)]
  if (role !== undefined) conditions.push(sql`h.role = ${role}`)
  // a role's holders carry what `statusIs` requires of the user
  if (role !== undefined && filter.status !== undefined)
    conditions.push(filter.status === 'locked' ? sql`h.is_locked` : sql`h.status = ${filter.status}`)
  if (page.after !== null)
    conditions.push(sql`(${at}, ${id}) ${beyond} (${page.after[0]}::timestamptz, ${page.after[1]})`)
  return sql<Found>`
    select ${WHOLE}, u.created_at::text as position
    from users u ${PRIMARY} ${role === undefined ? sql`` : sql`join role_holders h on h.user_id = u.id`}
    where ${all(conditions)}
    order by ${at} ${down} ${nulls}, ${id} ${down} limit ${limitOf(page.limit)}`
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

function conditionsOf(filter: PeopleFilter, now: Date): Condition[] {
  const conditions = [...statusIs(filter.status, now), ...createdBetween(filter, sql`u.created_at`)]
  if (filter.role !== undefined)
    conditions.push(
      sql`exists (select from role_holders h where h.user_id = u.id and h.role = ${filter.role})`,
    )
  return conditions
}
