/** The SQL of organizations' domains. */
import { type Selectable, sql } from 'kysely'
import { limitOf } from '../../../base/db/limit.ts'
import { columnsOf } from '../../../base/db/named-columns.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { assignedConnection, leadingConnection } from '../../../core/leading-connections.ts'
import type { ConnectionSettings } from '../../../core/providers/index.ts'
import { readStoredSettings } from '../../../core/providers/settings.ts'
import { SPEAKS_FOR_DOMAIN } from '../../../core/spoken-domains.ts'
import type { OrganizationDomainsTable } from './tables.ts'

export type DomainRow = Selectable<OrganizationDomainsTable>

/** Those of an organization, the oldest first. There are at most 100. */
export const selectDomains = (tx: Tx, organizationId: string): Promise<DomainRow[]> =>
  tx
    .selectFrom('organization_domains')
    .selectAll()
    .where('organization_id', '=', organizationId)
    .orderBy('id')
    .execute()

export const selectDomain = (tx: Tx, organizationId: string, id: string): Promise<DomainRow | undefined> =>
  tx
    .selectFrom('organization_domains')
    .selectAll()
    .where('id', '=', id)
    .where('organization_id', '=', organizationId)
    .executeTakeFirst()

export const insertDomain = async (
  tx: Tx,
  row: Pick<
    DomainRow,
    'id' | 'organization_id' | 'domain' | 'token' | 'added_by' | 'created_at' | 'next_check_at'
  >,
): Promise<void> => void (await tx.insertInto('organization_domains').values(row).execute())

export const updateConnection = async (tx: Tx, id: string, connectionId: string | null): Promise<void> =>
  void (await tx
    .updateTable('organization_domains')
    .set({ connection_id: connectionId })
    .where('id', '=', id)
    .execute())

/** As the system. */
export const updateAddedBy = async (tx: Tx, id: string, userId: string): Promise<void> =>
  void (await tx.updateTable('organization_domains').set({ added_by: userId }).where('id', '=', id).execute())

/** As the system. */
export async function selectConnectionSettings(tx: Tx, id: string): Promise<ConnectionSettings> {
  const row = await tx.selectFrom('connections').select('settings').where('id', '=', id).executeTakeFirst()
  return readStoredSettings(row?.settings ?? {}).settings
}

/** @returns whether this call deleted it */
export async function deleteDomain(tx: Tx, id: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('organization_domains')
    .where('id', '=', id)
    .executeTakeFirst()
  return numDeletedRows > 0n
}

/**
 * Locks the rows of a domain in all organizations, in the order of their ids, so that of several that prove it one is the
 * first. As the system.
 */
export const lockRivals = (tx: Tx, domain: string): Promise<DomainRow[]> =>
  tx
    .selectFrom('organization_domains')
    .selectAll()
    .where('domain', '=', domain)
    .orderBy('id')
    .forUpdate()
    .execute()

/** What a check changes. */
export type CheckedDomain = Pick<
  DomainRow,
  | 'verified_at'
  | 'checked_at'
  | 'outcome'
  | 'found'
  | 'fault'
  | 'failing_since'
  | 'warned_at'
  | 'next_check_at'
>

export const updateChecked = async (tx: Tx, id: string, checked: CheckedDomain): Promise<void> =>
  void (await tx
    .updateTable('organization_domains')
    .set({ ...checked, found: [...checked.found] })
    .where('id', '=', id)
    .execute())

export async function isDeletedOrganization(tx: Tx, id: string): Promise<boolean> {
  const row = await tx
    .selectFrom('organizations')
    .select('id')
    .where('id', '=', id)
    .where('deleted_at', 'is not', null)
    .executeTakeFirst()
  return row !== undefined
}

/** Claims domains whose check is due: no other node has them before `until`. As the system. */
export async function claimDueDomains(tx: Tx, limit: number, now: Date, until: Date): Promise<DomainRow[]> {
  const { rows } = await sql<DomainRow>`
    with due as materialized (
      select id from organization_domains where next_check_at <= ${now} and next_check_at is not null
      order by next_check_at limit ${limitOf(limit)} for update skip locked)
    update organization_domains d set next_check_at = ${until} from due where d.id = due.id returning ${columnsOf('organization_domains', 'd')}`.execute(
    tx,
  )
  return rows
}

/** The owner of a verified domain, and the connection for it, if that is active. */
export async function selectDomainOwner(
  db: Statements,
  domain: string,
): Promise<{ organization_id: string; connection_id: string | null } | undefined> {
  const { rows } = await sql<{ organization_id: string; connection_id: string | null }>`
    select d.organization_id, ${leadingConnection('d')} as connection_id
    from organization_domains d join organizations o on o.id = d.organization_id
    where d.domain = ${domain} and d.verified_at is not null and o.deleted_at is null`.execute(db)
  return rows[0]
}

/** The domains that a connection speaks for (core/spoken-domains.ts). None of an organization that is deleted. */
function spokenFor(db: Statements, id: string) {
  return db
    .selectFrom('organization_domains as d')
    .innerJoin('connections as c', (join) => join.on(SPEAKS_FOR_DOMAIN))
    .innerJoin('organizations as o', 'o.id', 'd.organization_id')
    .select(['d.id', 'd.domain', 'd.added_by'])
    .where('c.id', '=', id)
    .where('o.deleted_at', 'is', null)
}

export async function selectSpokenFor(db: Statements, by: string): Promise<string[]> {
  const rows = await spokenFor(db, by).orderBy('domain').execute()
  return rows.map(({ domain }) => domain)
}

export const selectSpokenDomain = (
  db: Statements,
  by: string,
  domain: string,
): Promise<Pick<DomainRow, 'id' | 'added_by'> | undefined> =>
  spokenFor(db, by).where('domain', '=', domain).executeTakeFirst()

/**
 * The domains that lead to a connection: those for which it was chosen, and the verified ones that lead to the first active
 * one, where it is that. As the system.
 */
export async function selectLeading(
  tx: Tx,
  organizationId: string,
  connectionId: string,
): Promise<DomainRow[]> {
  const { rows } = await sql<DomainRow>`
    select ${columnsOf('organization_domains', 'd')} from organization_domains d
    where d.organization_id = ${organizationId} and ${assignedConnection('d')} = ${connectionId}
      and (d.connection_id is not null or d.verified_at is not null)
    order by d.domain`.execute(tx)
  return rows
}

/** The choice of each domain of an organization, and the active connection to which it leads, if it is verified. As the system. */
export async function selectLeads(
  tx: Tx,
  organizationId: string,
): Promise<(Pick<DomainRow, 'id' | 'domain' | 'connection_id'> & { leads_to: string | null })[]> {
  const { rows } = await sql<
    Pick<DomainRow, 'id' | 'domain' | 'connection_id'> & { leads_to: string | null }
  >`
    select d.id, d.domain, d.connection_id, case when d.verified_at is not null then ${leadingConnection('d')} end as leads_to
    from organization_domains d where d.organization_id = ${organizationId} order by d.domain`.execute(tx)
  return rows
}

/** The connections of an organization, the oldest first. */
export const selectConnections = (
  tx: Tx,
  organizationId: string,
): Promise<{ id: string; name: string; status: string }[]> =>
  tx
    .selectFrom('connections')
    .select(['id', 'name', 'status'])
    .where('organization_id', '=', organizationId)
    .orderBy('id')
    .limit(100)
    .execute()
