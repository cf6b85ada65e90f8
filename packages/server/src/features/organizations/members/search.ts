/**
 * Search inside one organization, by a prefix of name, username or address, in the order of the matched text. A small
 * organization is read whole. For a large one the indexes of all users are read, in bounded sections: row-level
 * security would look up each scanned user, so the sections are read as the system, which keeps only ids of members,
 * and the members are then read as the caller. Positions may be those of other users: they leave the server encrypted
 * only.
 */
import { sql } from 'kysely'
import { limitOf } from '../../../base/db/limit.ts'
import type { Tx } from '../../../base/db/types.ts'
import { positionIn, searchByText, type UserPosition } from '../../identity/search/index.ts'
import { type MemberRow, membersWith } from './sql.ts'

/** The number of members up to which an organization is read whole. */
const SMALL = 2000

export interface FoundMembers {
  rows: readonly MemberRow[]
  /** The position after which the next page starts; null for the last page. */
  next: UserPosition | null
}

/** A page may be short or empty although there are more results, where few users with the prefix are members. */
export async function searchMembers(
  tx: Tx,
  organizationId: string,
  prefix: string,
  page: { after: UserPosition | null; limit: number },
): Promise<FoundMembers> {
  if (await isSmall(tx, organizationId)) return await searchWhole(tx, organizationId, prefix, page)
  const { rows, next } = await tx.asSystem((system) => searchIds(system, organizationId, prefix, page))
  const ids = rows.map(({ id }) => id)
  return { rows: await selectInOrder(tx, organizationId, ids), next }
}

/** As the system. */
export function searchIds(
  tx: Tx,
  organizationId: string,
  prefix: string,
  page: { after: UserPosition | null; limit: number },
): ReturnType<typeof searchByText<{ id: string }>> {
  // not `exists`, which becomes a join: by the statistics an organization has few members, so all would be read first
  const isMember = sql`(
    select true from memberships m where m.organization_id = ${organizationId} and m.user_id = u.id)`
  return searchByText(tx, { columns: sql`u.id`, conditions: [isMember] }, prefix, page)
}

async function isSmall(tx: Tx, organizationId: string): Promise<boolean> {
  const { rows } = await sql<{ members: number }>`
    select count(*)::int as members from (
      select 1 from memberships where organization_id = ${organizationId} limit ${limitOf(SMALL + 1)}) as counted`.execute(
    tx,
  )
  return (rows[0]?.members ?? 0) <= SMALL
}

export async function searchWhole(
  tx: Tx,
  organizationId: string,
  prefix: string,
  { after, limit }: { after: UserPosition | null; limit: number },
): Promise<FoundMembers> {
  const beyond = after && sql`and (position collate "C", user_id) > (${after[0]}, ${after[1]})`
  const { rows } = await sql<MemberRow & { position: string }>`
    select * from (${membersWith(positionIn(prefix))} where m.organization_id = ${organizationId}) as found
    where position is not null ${beyond ?? sql``}
    order by position collate "C", user_id limit ${limitOf(limit + 1)}`.execute(tx)
  const last = rows[limit - 1]
  const next: UserPosition | null = rows.length > limit && last ? [last.position, last.user_id] : null
  return { rows: rows.slice(0, limit), next }
}

/** The members with these ids whom the caller may read, in the order of the ids. */
export async function selectInOrder(
  tx: Tx,
  organizationId: string,
  ids: readonly string[],
): Promise<readonly MemberRow[]> {
  // `limit` keeps the look-up of each id from becoming a join with all members
  const { rows } = await sql<MemberRow>`
    select found.* from unnest(${[...ids]}::text[]) with ordinality as wanted (id, place)
    cross join lateral (
      ${membersWith()} where m.organization_id = ${organizationId} and m.user_id = wanted.id limit 1) as found
    order by wanted.place`.execute(tx)
  return rows
}
