/**
 * Which connections an organization offers: an active one to which no verified domain leads is `pending`, and is on no page and
 * in no list for signing in. The one statement of that, for those who show the state and those who offer.
 */
import { type RawBuilder, type SqlBool, sql } from 'kysely'
import type { Statements } from '../../base/db/types.ts'
import { LEADS_TO_CONNECTION } from '../spoken-domains.ts'
import { connectionOf, isActive, type UsableConnection } from './connections.ts'

const LEADING = sql`from organization_domains d where ${LEADS_TO_CONNECTION}`

const HAS_DOMAIN: RawBuilder<SqlBool> = sql<SqlBool>`exists (select ${LEADING})`

/** Their names, in alphabetical order. */
export const LEADING_DOMAINS: RawBuilder<string[]> = sql<
  string[]
>`array(select d.domain ${LEADING} order by d.domain)`

/** The active connections that an organization offers: those to which a verified domain leads, oldest first. System scope. */
export async function listOfferedConnections(
  db: Statements,
  organizationId: string,
): Promise<UsableConnection[]> {
  const rows = await db
    .selectFrom('connections as c')
    .selectAll('c')
    .where('c.organization_id', '=', organizationId)
    .where('c.status', '=', 'active')
    .where(HAS_DOMAIN)
    .orderBy('c.id')
    .limit(100)
    .execute()
  return rows.map(connectionOf).filter(isActive)
}
