/** The SQL of changing clients and their secrets. */
import { type Insertable, type Selectable, sql, type Updateable } from 'kysely'
import { limitOf } from '../../../base/db/limit.ts'
import type { Tx } from '../../../base/db/types.ts'
import type { ClientSecretsTable, ClientsTable } from '../../../core/clients/tables.ts'

export type ClientRow = Selectable<ClientsTable>

/** What callers may read of a secret: everything but the hash. */
const SECRET = ['id', 'client_id', 'hint', 'created_at', 'expires_at', 'last_used_at'] as const
export type ClientSecretRow = Pick<Selectable<ClientSecretsTable>, (typeof SECRET)[number]>

const ofOwner = (tx: Tx, organizationId: string | null) => {
  const all = tx.selectFrom('clients').selectAll()
  return organizationId === null
    ? all.where('organization_id', 'is', null)
    : all.where('organization_id', '=', organizationId)
}

/** In the order of their ids; as a caller, those that row-level security permits. */
export const selectClients = (
  tx: Tx,
  organizationId: string | null,
  after: string | null,
  rows: number,
): Promise<ClientRow[]> => {
  const all = ofOwner(tx, organizationId).orderBy('id').limit(limitOf(rows))
  return (after === null ? all : all.where('id', '>', after)).execute()
}

export const selectClient = (
  tx: Tx,
  organizationId: string | null,
  id: string,
): Promise<ClientRow | undefined> => ofOwner(tx, organizationId).where('id', '=', id).executeTakeFirst()

/** With a row lock, which exchanges of codes do not wait for: a change may wait for these. As the system. */
export const lockClient = (
  tx: Tx,
  organizationId: string | null,
  id: string,
): Promise<ClientRow | undefined> =>
  ofOwner(tx, organizationId).where('id', '=', id).forNoKeyUpdate().executeTakeFirst()

/** The oldest first. */
export const selectClientSecrets = async (
  tx: Tx,
  clientIds: readonly string[],
): Promise<ClientSecretRow[]> =>
  clientIds.length === 0
    ? []
    : await tx
        .selectFrom('client_secrets')
        .select(SECRET)
        .where('client_id', 'in', [...clientIds])
        .orderBy('client_id')
        .orderBy('id')
        .execute()

/** Serializes changes of the clients of the server, so that concurrent ones are counted (advisory lock until the commit). */
export async function lockServerClients(tx: Tx): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('latchkey server clients', 0))`.execute(tx)
}

/** Without those that registered themselves, which have limits of their kind. */
export async function countClients(tx: Tx, organizationId: string | null): Promise<number> {
  const { count } = await tx
    .selectFrom('clients')
    .select(sql<number>`count(*)::int`.as('count'))
    .where('organization_id', organizationId === null ? 'is' : '=', organizationId)
    .where('source', 'in', ['operator', 'organization'])
    .executeTakeFirstOrThrow()
  return count
}

/** @returns false where the id is taken */
export async function insertClient(tx: Tx, row: Insertable<ClientsTable>): Promise<boolean> {
  const inserted = await tx
    .insertInto('clients')
    .values(row)
    .onConflict((on) => on.column('id').doNothing())
    .returning('id')
    .executeTakeFirst()
  return inserted !== undefined
}

export async function updateClient(tx: Tx, id: string, change: Updateable<ClientsTable>): Promise<void> {
  await tx.updateTable('clients').set(change).where('id', '=', id).execute()
}

export async function removeClient(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('clients').where('id', '=', id).execute()
}

export async function insertClientSecret(tx: Tx, row: Insertable<ClientSecretsTable>): Promise<void> {
  await tx.insertInto('client_secrets').values(row).execute()
}

/** @returns the deleted secret; undefined where it does not exist any more */
export const removeClientSecret = (
  tx: Tx,
  clientId: string,
  id: string,
): Promise<ClientSecretRow | undefined> =>
  tx
    .deleteFrom('client_secrets')
    .where('client_id', '=', clientId)
    .where('id', '=', id)
    .returning(SECRET)
    .executeTakeFirst()
