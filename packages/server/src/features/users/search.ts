/**
 * Finding people among a million: every variant begins at an index and is read from a position on, and nothing is
 * counted. Two orders: by when they were made; and, of a search, by what it found, because the first ones of a prefix
 * are where the index begins, while the newest ones of it are anywhere. Runs as a caller, under row-level security.
 */
import { type RawBuilder, sql } from 'kysely'
import type { Tx } from '../../base/db/types.ts'
import type { UserRow } from './sql.ts'

export interface PeopleFilter {
  status?: 'pending' | 'active' | 'disabled' | 'locked' | undefined
  role?: string | undefined
  createdAfter?: Date | undefined
  createdBefore?: Date | undefined
}

/** `found`: what begins with a canonical text, in the order of what it is. */
export type PeopleOrder = { by: 'created'; direction: 'asc' | 'desc' } | { by: 'found'; prefix: string }

/** A user, and where in the order: the time as exact as it is stored, or what was found. */
export type FoundUser = UserRow & { position: string }

interface Page {
  /** `position` and id of the last one before. */
  after: readonly [position: string, id: string] | null
  limit: number
  now: Date
}

type Condition = RawBuilder<unknown>
const all = (conditions: readonly Condition[]): Condition => sql.join([sql`true`, ...conditions], sql` and `)

const WHOLE = sql`u.*, p.address as email, p.id as email_id, p.verified_at as email_verified_at`
const PRIMARY = sql`join emails p on p.user_id = u.id and p.is_primary`

export async function searchUsers(
  tx: Tx,
  filter: PeopleFilter,
  order: PeopleOrder,
  page: Page,
): Promise<FoundUser[]> {
  const query =
    order.by === 'created' ? byCreation(filter, order.direction, page) : byText(filter, order.prefix, page)
  return (await query.execute(tx)).rows
}

/** Along the index of the role's holders, or of the status, or of all. */
function byCreation(filter: PeopleFilter, direction: 'asc' | 'desc', page: Page): RawBuilder<FoundUser> {
  const { role } = filter
  const [at, id] = role === undefined ? [sql`u.created_at`, sql`u.id`] : [sql`h.created_at`, sql`h.user_id`]
  const [down, beyond] = direction === 'desc' ? [sql`desc`, sql`<`] : [sql`asc`, sql`>`]
  // only the index of all people is in the order with `nulls`: a condition is looked for along its own
  const isOfAll = role === undefined && filter.status === undefined
  const nulls = isOfAll ? (direction === 'desc' ? sql`nulls last` : sql`nulls first`) : sql``
  const conditions = [...statusIs(filter.status, page.now), ...madeBetween(filter, at)]
  if (role !== undefined) conditions.push(sql`h.role = ${role}`)
  if (page.after !== null)
    conditions.push(sql`(${at}, ${id}) ${beyond} (${page.after[0]}::timestamptz, ${page.after[1]})`)
  return sql<FoundUser>`
    select ${WHOLE}, u.created_at::text as position
    from users u ${PRIMARY} ${role === undefined ? sql`` : sql`join role_holders h on h.user_id = u.id`}
    where ${all(conditions)}
    order by ${at} ${down} ${nulls}, ${id} ${down} limit ${page.limit}`
}

/** What people are found by; each has an index in the order of bytes, the one in which a prefix is a range. */
const KEYS = [sql`u.username_key collate "C"`, sql`p.address_key collate "C"`, sql`u.name_key collate "C"`]

/** The three indexes merged. Whoever is found by several is told where the first of them stands. */
function byText(filter: PeopleFilter, prefix: string, page: Page): RawBuilder<FoundUser> {
  // no text has this character, which comes after all others
  const isFound = (key: Condition) => sql`${key} >= ${prefix} and ${key} < ${`${prefix}\u{10ffff}`}`
  const conditions = [...statusIs(filter.status, page.now), ...madeBetween(filter, sql`u.created_at`)]
  if (filter.role !== undefined)
    conditions.push(
      sql`exists (select from role_holders h where h.user_id = u.id and h.role = ${filter.role})`,
    )
  const branches = KEYS.map((key, rank) => {
    const isBefore = KEYS.flatMap((other, at) =>
      at === rank
        ? []
        : sql`(${isFound(other)} and ${other} ${at < rank ? sql`<=` : sql`<`} ${key}) is not true`,
    )
    const after = page.after && sql`(${key}, u.id) > (${page.after[0]}, ${page.after[1]})`
    return sql`(
      select ${WHOLE}, ${key} as position from users u ${PRIMARY}
      where ${isFound(key)} and ${all([...isBefore, ...conditions, ...(after ? [after] : [])])}
      order by ${key}, u.id limit ${page.limit})`
  })
  return sql<FoundUser>`
    select * from (${sql.join(branches, sql` union all `)}) as found
    order by position collate "C", id limit ${page.limit}`
}

function statusIs(status: PeopleFilter['status'], now: Date): Condition[] {
  if (status === undefined) return []
  if (status === 'locked')
    return [
      sql`u.locked_at is not null and (u.locked_until is null or u.locked_until > ${now}) and u.status <> 'disabled'`,
    ]
  const isSo = sql`u.status = ${status}`
  return status === 'disabled' ? [isSo] : [isSo, sql`(u.locked_at is null or u.locked_until <= ${now})`]
}

function madeBetween({ createdAfter, createdBefore }: PeopleFilter, at: Condition): Condition[] {
  return [
    ...(createdAfter ? [sql`${at} >= ${createdAfter}`] : []),
    ...(createdBefore ? [sql`${at} < ${createdBefore}`] : []),
  ]
}
