/** The SQL of routing by domain. As the system. */
import { type RawBuilder, sql } from 'kysely'
import type { Statements } from '../../../base/db/types.ts'
import { connectionsOf } from '../../../core/policies.ts'

/** Whether the members of the organization `o` have to sign in by one of its connections, as core/policies enforces it. */
const REQUIRED: RawBuilder<unknown> = sql`exists (
  select from security_policies sp where sp.organization_id = o.id and sp.sign_in = 'sso_required'
    and cardinality(${connectionsOf(sql`o.id`)}) > 0) as required`

export interface RouteRow {
  slug: string
  name: string
  organization_id: string
  organization_name: string
  required: boolean
}

/** What people who sign in by a connection of an organization are shown. */
export async function selectRoute(db: Statements, connectionId: string): Promise<RouteRow | undefined> {
  const { rows } = await sql<RouteRow>`
    select c.slug, c.name, o.id as organization_id, o.name as organization_name, ${REQUIRED}
    from connections c join organizations o on o.id = c.organization_id
    where c.id = ${connectionId} and c.status = 'active' and o.deleted_at is null`.execute(db)
  return rows[0]
}

export async function selectOrganizationBySlug(
  db: Statements,
  slug: string,
): Promise<{ id: string; name: string; required: boolean } | undefined> {
  const { rows } = await sql<{ id: string; name: string; required: boolean }>`
    select o.id, o.name, ${REQUIRED} from organizations o where o.slug = ${slug} and o.deleted_at is null`.execute(
    db,
  )
  return rows[0]
}
