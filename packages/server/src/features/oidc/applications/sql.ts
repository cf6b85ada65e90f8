/** The statements of the apps that a user has allowed. */
import { sql } from 'kysely'
import { limitOf } from '../../../base/db/limit.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { endClientAccess } from '../../../core/client-access.ts'
import type { ClientsTable } from '../../../core/clients/tables.ts'
import type { Allowed } from '../consents/index.ts'
import type { SessionAtApp } from '../logout/index.ts'

export interface ApplicationRow {
  id: string
  client_id: string
  name: string
  settings: unknown
  source: ClientsTable['source']
  organization_id: string | null
  organization: string | null
  allowed: Allowed
  created_at: Date
  last_used_at: Date | null
  /** Open sessions of the user that have signed in to it. */
  sessions: number
  /** Whether it keeps its access while the user is away. */
  is_offline: boolean
}

/** The newest first, from the position `after`. */
export async function selectApplications(
  db: Statements,
  userId: string,
  {
    after,
    limit,
    now,
    only = null,
  }: { after: readonly [Date, string] | null; limit: number; now: Date; only?: string | null },
): Promise<ApplicationRow[]> {
  const [at, id] = after ?? [null, '']
  const { rows } = await sql<ApplicationRow>`
    select g.id, g.client_id, c.name, c.settings, c.source, c.organization_id, o.name as organization, g.allowed, g.created_at,
      greatest(
        (select max(t.created_at) from token_families f join refresh_tokens t on t.family_id = f.id where f.grant_id = g.id),
        (select max(a.created_at) from authorization_codes a where a.grant_id = g.id)) as last_used_at,
      (select count(*)::int from sessions s join client_sessions k on k.session_id = s.id and k.client_id = g.client_id
        where s.user_id = g.user_id and s.ended_at is null and s.expires_at > ${now}) as sessions,
      exists (select 1 from token_families f
        where f.grant_id = g.id and f.session_id is null and f.revoked_at is null and f.expires_at > ${now}) as is_offline
    from grants g join clients c on c.id = g.client_id left join organizations o on o.id = c.organization_id
    where g.user_id = ${userId} and g.withdrawn_at is null ${only === null ? sql`` : sql`and g.id = ${only}`}
      ${at === null ? sql`` : sql`and (g.created_at, g.id) < (${at}, ${id})`}
    order by g.created_at desc, g.id desc limit ${limitOf(limit)}`.execute(db)
  return rows
}

/** Locks the access of an app, so that codes of it are made before or not at all. @returns undefined where there is none */
export const lockGrant = (tx: Tx, userId: string, id: string): Promise<{ client_id: string } | undefined> =>
  tx
    .selectFrom('grants')
    .select('client_id')
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .where('withdrawn_at', 'is', null)
    .forNoKeyUpdate()
    .executeTakeFirst()

/** Takes the access away, and forgets what was allowed. @returns the families, whose access tokens are still to be revoked */
export async function withdrawGrant(tx: Tx, id: string, now: Date): Promise<string[]> {
  const families = await endClientAccess(tx, { grantId: id }, now)
  await tx
    .updateTable('grants')
    .set({ allowed: '{}', updated_at: now, withdrawn_at: now })
    .where('id', '=', id)
    .execute()
  return families
}

/** Ends the sessions of a user at an app, locked in the order of their ids. @returns these */
export async function deleteClientSessions(
  tx: Tx,
  userId: string,
  clientId: string,
): Promise<SessionAtApp[]> {
  const { rows } = await sql<SessionAtApp>`
    with held as materialized (
      select k.session_id from client_sessions k join sessions s on s.id = k.session_id
      where s.user_id = ${userId} and s.ended_at is null and k.client_id = ${clientId}
      order by k.session_id for update of k
    )
    delete from client_sessions k using held where k.session_id = held.session_id and k.client_id = ${clientId}
    returning k.session_id as id, k.sid`.execute(tx)
  return rows
}
