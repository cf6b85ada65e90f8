/**
 * Apps that operators and organizations did not add: by a registration (RFC 7591), and by a metadata document. They belong to the
 * server. Until a user has allowed one something it expires, so that what is never used does not stay.
 */
import { sql } from 'kysely'
import { type Call, outside, type Principal } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { newId } from '../../../base/ids.ts'
import { differing, only } from '../../../core/audit/changes.ts'
import { type AuditEventType, audit } from '../../../core/audit/index.ts'
import { makeClientSecret } from '../../../core/clients/index.ts'
import { type ClientSettings, readClientSettings } from '../../../core/clients/settings.ts'
import { hasSecrets, readClient, recordedSettings, type ShownClient } from './clients.ts'
import { type ClientRow, insertClient, insertClientSecret, lockClient, updateClient } from './sql.ts'

/** How many there may be by each way. */
export const MOST_REGISTERED = 10_000
/** How long an app stays that no user has allowed anything: since its document was fetched, longer than that is held. */
const UNUSED = 48 * 3_600_000

export interface DocumentClient {
  /** The address of the document. */
  id: string
  name: string
  settings: ClientSettings
}

/** Writes the app of a document as it is now; whether it is disabled stays. As the system. @returns null where there are too many */
export async function storeDocumentClient(
  tx: Tx,
  call: Call,
  { id, name, settings }: DocumentClient,
): Promise<ShownClient | null> {
  const row = await lockClient(tx, null, id)
  const expiresAt = later(call.now, UNUSED)
  if (row === undefined) {
    if ((await countRegistered(tx, 'document', null)) >= MOST_REGISTERED) return null
    const client = registeredRow(call, { id, name, settings, source: 'document', createdBy: null, expiresAt })
    // another process may have fetched it just now
    if (await insertClient(tx, client))
      await recordRegistered(tx, call, 'client.created', client, { settings: recordedSettings(settings) })
    return await readClient(tx, null, id)
  }
  const before = { name: row.name, ...readClientSettings(row.settings).settings }
  const changed = differing(before, { name, ...settings })
  if (changed.length > 0) {
    await updateClient(tx, id, { name, settings: JSON.stringify(settings), updated_at: call.now })
    const { name: former, ...formerSettings } = before
    await recordRegistered(tx, call, 'client.updated', row, {
      from: only(changed, { name: former, ...recordedSettings(formerSettings) }),
      to: only(changed, { name, ...recordedSettings(settings) }),
    })
  }
  if (row.expires_at !== null) await updateClient(tx, id, { expires_at: expiresAt })
  return await readClient(tx, null, id)
}

export interface RegisteredClient {
  client: ShownClient
  secret: string | null
}

/**
 * Registers an app, with a secret where it needs one. As the system.
 * @param holder who has the initial access token; without one it expires unless it is used. @returns null where there are too many
 */
export async function registerClient(
  tx: Tx,
  call: Call,
  { name, settings }: Omit<DocumentClient, 'id'>,
  holder: Principal | null,
): Promise<RegisteredClient | null> {
  await lockRegistrations(tx)
  if ((await countRegistered(tx, 'registration', holder)) >= MOST_REGISTERED) return null
  const row = registeredRow(call, {
    id: newId('cli'),
    name,
    settings,
    source: 'registration',
    createdBy: holder?.userId ?? null,
    expiresAt: holder === null ? later(call.now, UNUSED) : null,
  })
  await insertClient(tx, row)
  await recordRegistered(tx, call, 'client.created', row, { settings: recordedSettings(settings) }, holder)
  const secret = hasSecrets(settings) ? await issueSecret(tx, call, row, holder) : null
  return { client: await readClient(tx, null, row.id), secret }
}

async function issueSecret(
  tx: Tx,
  call: Call,
  client: Pick<ClientRow, 'id' | 'name' | 'source'>,
  holder: Principal | null,
): Promise<string> {
  const { secret, hash, hint } = makeClientSecret()
  const id = newId('csec')
  const times = { created_at: call.now, expires_at: null, last_used_at: null }
  await insertClientSecret(tx, { id, client_id: client.id, hash, hint, ...times })
  const details = { secret_id: id, hint, expires_at: null }
  await recordRegistered(tx, call, 'client.secret.created', client, details, holder)
  return secret
}

interface NewRegistered extends DocumentClient {
  source: 'registration' | 'document'
  createdBy: string | null
  expiresAt: Date | null
}

const registeredRow = (
  { now }: Call,
  { id, name, settings, source, createdBy, expiresAt }: NewRegistered,
) => ({
  id,
  organization_id: null,
  source,
  name,
  status: 'active' as const,
  settings: JSON.stringify(settings),
  created_by: createdBy,
  created_at: now,
  updated_at: now,
  last_used_at: null,
  expires_at: expiresAt,
})

const recordRegistered = (
  tx: Tx,
  call: Call,
  type: Extract<AuditEventType, `client.${string}`>,
  { id, name, source }: Pick<ClientRow, 'id' | 'name' | 'source'>,
  details: Record<string, unknown>,
  holder: Principal | null = null,
): Promise<void> =>
  audit(tx, outside(call), {
    type,
    userId: holder?.userId ?? null,
    username: holder?.username ?? null,
    details: {
      client_id: id,
      name,
      source,
      ...details,
      ...(holder === null ? { by: source } : { key: holder.keyId }),
    },
  })

/** Serializes registrations, so that concurrent ones are counted (advisory lock until the commit). */
async function lockRegistrations(tx: Tx): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('latchkey registrations', 0))`.execute(tx)
}

/** Of one way, by strangers or by holders of a token, whom strangers cannot keep out; no further than the limit. */
async function countRegistered(
  tx: Tx,
  source: NewRegistered['source'],
  holder: Principal | null,
): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from (
      select 1 from clients where source = ${source} and source in ('registration', 'document')
        and ${holder === null ? sql`created_by is null` : sql`created_by is not null`}
      limit ${sql.lit(MOST_REGISTERED)}
    ) as counted`.execute(tx)
  return rows[0]?.count ?? 0
}

/** Those that a user has allowed something stay; of the others, those that have expired are deleted, disabled ones excepted. */
export async function purgeRegistered(db: Statements, now: Date): Promise<void> {
  await sql`
    update clients c set expires_at = null
    where c.expires_at is not null and exists (select 1 from grants g where g.client_id = c.id)`.execute(db)
  // one that an administrator has disabled stays disabled: its document would make it again
  await sql`
    delete from clients where expires_at < ${now} and status = 'active' and source in ('registration', 'document')`.execute(
    db,
  )
}

/** A user has allowed it something: it stays. */
export async function keepRegistered(tx: Tx, id: string): Promise<void> {
  await tx
    .updateTable('clients')
    .set({ expires_at: null })
    .where('id', '=', id)
    .where('expires_at', 'is not', null)
    .execute()
}
