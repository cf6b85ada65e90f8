/**
 * The tokens of a provider that are kept with an identity, and the jobs that revoke them there when they are not kept any more:
 * the identity is removed, its connection is deleted or keeps none. Invariant: tokens are cleared in the transaction that writes the
 * job to revoke them, and what it revokes them with is kept as long (released-connections.ts). No request touches the tokens
 * of all identities of a connection: that is a job's, some in each transaction.
 */
import { sql } from 'kysely'
import { z } from 'zod'
import type { Clock } from '../../../base/clock.ts'
import type { Keyring } from '../../../base/crypto.ts'
import type { Db, Statements, Tx } from '../../../base/db/types.ts'
import { findConnection, listConnectionsOf, type UsableConnection } from '../../../core/connections/index.ts'
import { type Jobs, job } from '../../../core/jobs/index.ts'
import type { ExternalIdentity } from '../../../core/providers/index.ts'
import type { SealedColumn, SealedColumns } from '../../../core/secrets/index.ts'
import type { KeptTokens } from './identities.ts'
import { findReleased, purgeReleased, sealedReleasedSecrets, storeReleased } from './released-connections.ts'

type Tokens = NonNullable<ExternalIdentity['tokens']>

/**
 * Run by accounts/connected. `came_at`: when the tokens came, which tells by what the connection was then. Of earlier versions absent:
 * `released`: with the connection as it was last; `connection`: the same, encrypted.
 */
const revokeTokensJob = job(
  'identities.revoke_tokens',
  z.object({
    connection_id: z.string(),
    tokens: z.string(),
    came_at: z.iso.datetime().optional(),
    released: z.boolean().optional(),
    connection: z.string().optional(),
  }),
)

/** Run by accounts/connected: all tokens that came by a connection until an instant. */
const releaseTokensJob = job(
  'identities.release_kept_tokens',
  z.object({ connection_id: z.string(), until: z.iso.datetime() }),
)

/** Of an earlier version. */
const formerReleaseJob = job(
  'identities.release_tokens',
  z.object({ connection_id: z.string(), connection: z.string() }),
)

export const sealTokens = (keyring: Pick<Keyring, 'encrypt'>, tokens: Tokens): string =>
  keyring.encrypt('identities', JSON.stringify(tokens))

/** @throws where they are not readable under the secret of the server */
const readKeptTokens = (keyring: Pick<Keyring, 'decrypt'>, sealed: string): Tokens =>
  // sealed by this server
  JSON.parse(keyring.decrypt('identities', sealed)) as Tokens

const selectKept = (tx: Tx, userIds: readonly string[]): Promise<KeptTokens[]> =>
  tx
    .selectFrom('identities')
    .select(['connection_id', 'tokens', 'linked_at', 'last_used_at'])
    .where('user_id', 'in', userIds)
    .where('tokens', 'is not', null)
    .execute()

/** Enqueues the revocation of what is kept no more: of removed identities, of those of users who are deleted, or what `updateIdentityUse` names. */
export async function revokeKeptTokens(
  jobs: Pick<Jobs, 'enqueue'>,
  tx: Tx,
  removed: readonly KeptTokens[] | { userIds: readonly string[] },
  now: Date,
): Promise<void> {
  for (const { connection_id, tokens, linked_at, last_used_at } of 'userIds' in removed
    ? await selectKept(tx, removed.userIds)
    : removed) {
    if (connection_id === null || tokens === null) continue
    const came_at = (last_used_at ?? linked_at).toISOString()
    await jobs.enqueue(tx, revokeTokensJob, { connection_id, tokens, came_at }, { now })
  }
}

type ReleaseTools = { jobs: Pick<Jobs, 'enqueue'> }

/** Whether tokens are kept that came by the connection. */
async function hasKept(db: Statements, connectionId: string): Promise<boolean> {
  const { rows } = await sql`
    select from identities where connection_id = ${connectionId} and tokens is not null
    order by id limit 1`.execute(db)
  return rows.length > 0
}

const enqueueRelease = ({ jobs }: ReleaseTools, tx: Tx, connection_id: string, now: Date): Promise<void> =>
  jobs.enqueue(tx, releaseTokensJob, { connection_id, until: now.toISOString() }, { now })

/**
 * Has all tokens of a connection revoked and cleared, by jobs after the commit, before it is deleted or because they came by another
 * client, or it does not keep them any more. Its row is locked, so that it is released later than any of its sign-ins that
 * are committed: a call that waited for them has begun before. @param connection as the tokens came by it, before the change
 */
async function releaseTokens(
  tools: ReleaseTools & { clock: Pick<Clock, 'now'> },
  tx: Tx,
  connection: UsableConnection,
): Promise<void> {
  const now = tools.clock.now()
  const isAnyKept = await hasKept(tx, connection.id)
  // those of an account that was disconnected may wait for their job
  if (isAnyKept || connection.settings.keeps_tokens) await storeReleased(tx, connection, now)
  if (isAnyKept) await enqueueRelease(tools, tx, connection.id, now)
}

/**
 * The same for all connections of an organization, before it is purged, also those that were deleted. System scope.
 * @returns whether there were any tokens: until the jobs have cleared them, the organization has to stay
 */
async function releaseOfOrganization(
  tools: ReleaseTools,
  tx: Tx,
  organizationId: string,
  now: Date,
): Promise<boolean> {
  const { rows: kept } = await sql<{ id: string }>`
    select distinct connection_id as id from identities
    where organization_id = ${organizationId} and connection_id is not null and tokens is not null`.execute(
    tx,
  )
  const { rows: keeping } = await sql<{ id: string }>`
    select id from connections where organization_id = ${organizationId} and settings -> 'keeps_tokens' = 'true'`.execute(
    tx,
  )
  const ids = [...kept, ...keeping].map(({ id }) => id)
  if (ids.length > 0)
    for (const connection of await listConnectionsOf(tx, [...new Set(ids)]))
      await storeReleased(tx, connection, now)
  for (const { id } of kept) await enqueueRelease(tools, tx, id, now)
  return kept.length > 0
}

export const releaseKeptTokens = {
  ofConnection: releaseTokens,
  ofOrganization: releaseOfOrganization,
} as const

const AT_ONCE = 500

/** Clears the tokens that were released, each with the job that revokes it, some identities in each transaction. */
async function clearReleasedTokens(
  { db, jobs }: { db: Db; jobs: Pick<Jobs, 'enqueue'> },
  of: z.output<typeof releaseTokensJob.payload>,
  now: Date,
): Promise<void> {
  const clearSome = (tx: Tx) => clearPart(tx, jobs, of, now)
  while ((await db.tx('system', clearSome)) === AT_ONCE);
}

async function clearPart(
  tx: Tx,
  jobs: Pick<Jobs, 'enqueue'>,
  { connection_id: id, until }: z.output<typeof releaseTokensJob.payload>,
  now: Date,
): Promise<number> {
  // where it keeps tokens again, those of later sign-ins stay; and a later release is that of another job
  const isBounded =
    (await findConnection(tx, id))?.settings.keeps_tokens === true ||
    (await findReleased(tx, id, new Date(Date.parse(until) + 1))) !== null
  const isReleased = isBounded ? sql`coalesce(last_used_at, linked_at) <= ${until}::timestamptz` : sql`true`
  const { rows } = await sql<{ tokens: string; came_at: Date }>`
    with part as (
      select id, tokens, coalesce(last_used_at, linked_at) as came_at from identities where connection_id = ${id} and tokens is not null and ${isReleased}
      order by id limit ${sql.lit(AT_ONCE)} for no key update)
    update identities i set tokens = null, tokens_from = null from part where i.id = part.id
    returning part.tokens, part.came_at`.execute(tx)
  for (const { tokens, came_at } of rows) {
    const payload = { connection_id: id, tokens, came_at: came_at.toISOString(), released: true }
    await jobs.enqueue(tx, revokeTokensJob, payload, { now })
  }
  return rows.length
}

/** Does what the job of an earlier version is for: its payload has the connection encrypted. */
async function clearFormerlyReleased(
  tools: { db: Db; jobs: Pick<Jobs, 'enqueue'>; keyring: Pick<Keyring, 'decrypt' | 'opens'> },
  { connection_id, connection }: z.output<typeof formerReleaseJob.payload>,
  now: Date,
): Promise<void> {
  const { db, keyring } = tools
  if (keyring.opens('connections', connection)) {
    const released = readReleased(keyring, connection)
    await db.tx('system', (tx) => storeReleased(tx, released, now))
  }
  await clearReleasedTokens(tools, { connection_id, until: now.toISOString() }, now)
}

/** The connection of an earlier version's payload, as it was when its tokens were released; its times are texts. */
const readReleased = (keyring: Pick<Keyring, 'decrypt'>, sealed: string): UsableConnection =>
  // sealed by this server
  JSON.parse(keyring.decrypt('connections', sealed)) as UsableConnection

/** The connection by which tokens are revoked; null where it is not known any more. */
async function connectionOfTokens(
  { db, keyring }: { db: Pick<Db, 'hot'>; keyring: Pick<Keyring, 'decrypt' | 'opens'> },
  { connection_id: id, came_at, released = false, connection }: z.output<typeof revokeTokensJob.payload>,
): Promise<UsableConnection | null> {
  const then = came_at === undefined ? null : await findReleased(db.hot, id, new Date(came_at))
  if (then) return then
  const present = async () => (await listConnectionsOf(db.hot, [id]))[0] ?? null
  const former = () => findReleased(db.hot, id, null)
  const found = released ? ((await former()) ?? (await present())) : ((await present()) ?? (await former()))
  const isSealed = connection !== undefined && keyring.opens('connections', connection)
  return found ?? (isSealed ? readReleased(keyring, connection) : null)
}

/** The jobs, and what runs them. */
export const keptTokenJobs = {
  revoke: revokeTokensJob,
  release: releaseTokensJob,
  formerRelease: formerReleaseJob,
  clear: clearReleasedTokens,
  clearFormer: clearFormerlyReleased,
  purge: purgeReleased,
  read: readKeptTokens,
  connectionOf: connectionOfTokens,
} as const

const sealedTokens: SealedColumn = {
  purpose: 'identities',
  async list(db, after, limit) {
    const rows = await db
      .selectFrom('identities')
      .select(['id', 'tokens'])
      .where('tokens', 'is not', null)
      .where('id', '>', after)
      .orderBy('id')
      .limit(limit)
      .execute()
    return rows.map(({ id, tokens }) => ({ id, sealed: tokens ?? '' }))
  },
  async replace(db, id, from, to) {
    const { numUpdatedRows } = await db
      .updateTable('identities')
      .set({ tokens: to })
      .where('id', '=', id)
      .where('tokens', '=', from)
      .executeTakeFirst()
    return numUpdatedRows > 0n
  },
}

/** What is sealed of identities, by what is counted. */
export const sealedIdentityColumns = {
  released_connections: sealedReleasedSecrets,
  identity_tokens: sealedTokens,
} as const satisfies SealedColumns
