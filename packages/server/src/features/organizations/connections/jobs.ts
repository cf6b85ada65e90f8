/**
 * What follows from a change of a connection, in its transaction: by jobs, the end of what it alone has proven and of the tokens that
 * were kept for it, where it is deleted; and where domains lead, and what members are required. Leaves running the jobs to signin/federation and
 * accounts/connected, which are above.
 *
 * And the mark of connections whose stored settings this version cannot read, because a newer one has written them or they are damaged.
 * Without a setting that restricts it, such a connection could let in more than was meant. Invariant: the row says so, with the status
 * `disabled`, so that every statement agrees that it is not used, and no member is required to sign in by it; it is active again
 * once its settings can be read. What is stored stays, unless a change gives it again. Sessions that it has proven stay too: the
 * connection has not ended.
 */
import { sql } from 'kysely'
import { type Call, systemCall } from '../../../base/call.ts'
import { limitOf } from '../../../base/db/limit.ts'
import type { Db, Tx } from '../../../base/db/types.ts'
import { endProofs } from '../../../core/connection-ended.ts'
import type { UsableConnection } from '../../../core/connections/index.ts'
import { recurs, type Work } from '../../../core/jobs/index.ts'
import { readStoredSettings, rolesIn } from '../../../core/providers/settings.ts'
import { changingRequirement } from '../../../core/sso/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { releaseKeptTokens } from '../../identity/identities/index.ts'
import { domainChanges } from '../domains/index.ts'
import { lockOrganization } from '../membership/index.ts'
import { type Owner, recordChange } from './owners.ts'
import { lockConnection, lockServerConnections } from './sql.ts'

/** Before the row of the connection is deleted. As the system; its owner is locked. */
export async function prepareDeletion(
  tools: Pick<Tools, 'clock' | 'jobs'>,
  tx: Tx,
  call: Call,
  connection: UsableConnection,
): Promise<void> {
  const { id, status, version } = connection
  // a draft has proven nothing
  if (status === 'draft') return
  await releaseKeptTokens.ofConnection(tools, tx, connection)
  await endProofs(tools.jobs, tx, [{ id, version: version + 1 }], call.now)
}

/**
 * Runs a change of the connections. If it changes which are active, it decides where domains lead, and by which connections members
 * can be required to sign in.
 * @throws Problem INSUFFICIENT_PERMISSIONS where domains would lead to a connection of a set-up link, which speaks for those that lead
 * to it alone, and which gives roles beyond the caller's
 */
export async function changingUse<T>(
  tools: Pick<Tools, 'clock' | 'jobs'>,
  tx: Tx,
  call: Call,
  { organizationId, assertMayGive }: Owner,
  decides: boolean,
  change: () => Promise<T>,
): Promise<T> {
  if (!decides || organizationId === null) return await change()
  const assertMayLead = async (id: string): Promise<void> => {
    const connection = await lockConnection(tx, organizationId, id)
    if (connection?.origin === 'setup_link') await assertMayGive(rolesIn(connection.settings))
  }
  return await changingRequirement(tools, tx, organizationId, () =>
    domainChanges.recordLeads(tools, tx, call, organizationId, change, assertMayLead),
  )
}

type MarkTools = Pick<Tools, 'clock' | 'jobs'>

/**
 * Brings the status of a locked connection into line with whether its settings can be read. Its owner is locked. As the system.
 * @returns whether it changed
 */
export async function markReading(
  tools: MarkTools,
  tx: Tx,
  call: Call,
  { organizationId }: Pick<Owner, 'organizationId'>,
  connection: UsableConnection,
): Promise<boolean> {
  const isUnreadable = connection.unreadable.length > 0
  if (connection.resumes === false) return false
  const owner: Owner = { organizationId, userId: null, async assertMayGive() {} }
  const { id } = connection
  if (isUnreadable && organizationId !== null) await keepLeads(tools, tx, call, organizationId, id)
  const change = async () => {
    const { numUpdatedRows } = await tx
      .updateTable('connections')
      .set(
        isUnreadable
          ? { status: 'disabled', unreadable_since: call.now }
          : { status: 'active', unreadable_since: null },
      )
      .where('id', '=', id)
      .where('status', '=', isUnreadable ? 'active' : 'disabled')
      .executeTakeFirst()
    return numUpdatedRows > 0n
  }
  const isChanged = await changingUse(tools, tx, call, owner, true, change)
  if (isChanged)
    await recordChange(
      tx,
      call,
      owner,
      isUnreadable ? 'connection.disabled' : 'connection.activated',
      connection,
      {
        reason: isUnreadable ? 'unreadable_settings' : 'readable_settings',
        ...(isUnreadable && { unreadable: connection.unreadable }),
      },
    )
  return isChanged
}

/** Domains do not come to lead to a connection that a reader of a set-up link has made, which then would speak for them. */
async function keepLeads(
  tools: MarkTools,
  tx: Tx,
  call: Call,
  organizationId: string,
  id: string,
): Promise<void> {
  const active = await tx
    .selectFrom('connections')
    .select(['id', 'origin'])
    .where('organization_id', '=', organizationId)
    .where('status', '=', 'active')
    .orderBy('id')
    .limit(2)
    .execute()
  if (active[0]?.id === id && active[1]?.origin === 'setup_link')
    await domainChanges.setConnection(tools, tx, call, organizationId, () => true, id)
}

interface StoredRow {
  id: string
  organization_id: string | null
  status: string
  settings: unknown
  unreadable_since: Date | null
}

const AT_ONCE = 500

/**
 * Judges the connections whose settings were not read since they changed, and those that could not be read.
 * @param all also those that another version has read: at a start
 */
export async function readAllSettings(
  tools: MarkTools & { db: Db },
  now: Date,
  { all = false }: { all?: boolean } = {},
): Promise<void> {
  const { db } = tools
  for (let after = ''; ; ) {
    const { rows } = await sql<StoredRow>`
      select id, organization_id, status, settings, unreadable_since from connections
      where id > ${after} and ${all ? sql`(status = 'active' or unreadable_since is not null)` : sql`(not settings_read or unreadable_since is not null)`}
      order by id limit ${limitOf(AT_ONCE)}`.execute(db.hot)
    for (const row of rows) {
      const isReadable = readStoredSettings(row.settings).unreadable.length === 0
      const isMarked = row.unreadable_since !== null
      if (isReadable ? isMarked : row.status === 'active') await markOne(tools, row, now)
    }
    const last = rows.at(-1)
    if (last === undefined) return
    if (!all)
      await sql`
        update connections c set settings_read = true
        from jsonb_to_recordset(${JSON.stringify(rows.map(({ id, settings }) => ({ id, settings })))}::jsonb) as r(id text, settings jsonb)
        where c.id = r.id and c.settings = r.settings and not c.settings_read`.execute(db.hot)
    if (rows.length < AT_ONCE) return
    after = last.id
  }
}

const markOne = (
  tools: MarkTools & { db: Db },
  { id, organization_id: organizationId }: StoredRow,
  now: Date,
): Promise<void> =>
  tools.db.tx('system', async (tx) => {
    if (organizationId === null) await lockServerConnections(tx)
    else if (!(await lockOrganization(tx, organizationId))) return
    const connection = await lockConnection(tx, organizationId, id)
    if (connection) await markReading(tools, tx, systemCall(now), { organizationId }, connection)
  })

export const settingsReading = (tools: MarkTools & { db: Db }): Work =>
  recurs('connections.unreadable_settings', '1m', (now) => readAllSettings(tools, now))
