/**
 * To which connection a domain leads, in SQL and for rows that are read already. Two meanings, which differ where the chosen connection
 * is not active: a domain is *assigned* to the connection that was chosen for it, active or not, and otherwise to the first
 * active one of its organization; it *leads* to the connection that it is assigned to, while that is active. A verified domain
 * alone leads anywhere: whether it is verified is left to the statement.
 */
import { type RawBuilder, sql } from 'kysely'

/** The active connection of an organization that was made first; null for none. @param table with the column `organization_id` */
const firstActive = (table: string): RawBuilder<string | null> => sql`(
  select f.id from connections f
  where f.organization_id = ${sql.ref(`${table}.organization_id`)} and f.status = 'active' order by f.id limit 1)`

/** The connection that a domain is assigned to; null for none. @param domain the name of its row in the statement */
export const assignedConnection = (domain: string): RawBuilder<string | null> =>
  sql`coalesce(${sql.ref(`${domain}.connection_id`)}, ${firstActive(domain)})`

/**
 * The one that it would be assigned to once `connection` is active, where no other one changes; null for none.
 * @param domain the name of its row in the statement, as of `connection`
 */
export const assignedOnceActive = (domain: string, connection: string): RawBuilder<string | null> =>
  sql`coalesce(${sql.ref(`${domain}.connection_id`)}, least(${firstActive(domain)}, ${sql.ref(`${connection}.id`)}))`

/** The connection that a domain leads to; null for none. @param domain the name of its row in the statement */
export const leadingConnection = (domain: string): RawBuilder<string | null> => sql`(
  select l.id from connections l where l.id = ${assignedConnection(domain)} and l.status = 'active')`

interface Listed {
  id: string
  status: string
}

/** The same as the statement has it, of all connections of an organization. */
export const firstActiveOf = (connections: readonly Listed[]): string | null =>
  connections
    .filter(({ status }) => status === 'active')
    .map(({ id }) => id)
    .sort()[0] ?? null

/** The connection that a domain is assigned to, of all connections of its organization; null for none. */
export const assignedOf = (
  { connection_id }: { connection_id: string | null },
  connections: readonly Listed[],
): string | null => connection_id ?? firstActiveOf(connections)
