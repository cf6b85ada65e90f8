/**
 * The tokens of a provider that are kept with an identity, and the job that revokes them there when they are not kept any more:
 * the identity is removed, its connection is deleted or keeps none. The payload has them encrypted, because their row is gone by then.
 */
import { z } from 'zod'
import type { Keyring } from '../../../base/crypto.ts'
import type { Db, Tx } from '../../../base/db/types.ts'
import { listConnectionsOf, type UsableConnection } from '../../../core/connections/index.ts'
import { type Jobs, job } from '../../../core/jobs/index.ts'
import type { ExternalIdentity } from '../../../core/providers/index.ts'
import type { SealedColumn } from '../../../core/secrets/index.ts'
import type { Identity } from './identities.ts'

type Tokens = NonNullable<ExternalIdentity['tokens']>

/** Run by accounts/connected. `connection`: encrypted, for when it is deleted. */
const revokeTokensJob = job(
  'identities.revoke_tokens',
  z.object({ connection_id: z.string(), tokens: z.string(), connection: z.string().optional() }),
)

/** Run by accounts/connected. */
const releaseTokensJob = job(
  'identities.release_tokens',
  z.object({ connection_id: z.string(), connection: z.string() }),
)

export const sealTokens = (keyring: Pick<Keyring, 'encrypt'>, tokens: Tokens): string =>
  keyring.encrypt('identities', JSON.stringify(tokens))

/** @throws where they are not readable under the secret of the server */
const readKeptTokens = (keyring: Pick<Keyring, 'decrypt'>, sealed: string): Tokens =>
  // sealed by this server
  JSON.parse(keyring.decrypt('identities', sealed)) as Tokens

type KeptTokens = Pick<Identity, 'connection_id' | 'tokens'>

const selectKept = (tx: Tx, userIds: readonly string[]): Promise<KeptTokens[]> =>
  tx
    .selectFrom('identities')
    .select(['connection_id', 'tokens'])
    .where('user_id', 'in', userIds)
    .where('tokens', 'is not', null)
    .execute()

/** Enqueues the revocation of what is kept for removed identities, or for those of users who are deleted. */
export async function revokeKeptTokens(
  jobs: Pick<Jobs, 'enqueue'>,
  tx: Tx,
  removed: readonly KeptTokens[] | { userIds: readonly string[] },
  now: Date,
): Promise<void> {
  for (const { connection_id, tokens } of 'userIds' in removed
    ? await selectKept(tx, removed.userIds)
    : removed)
    if (connection_id !== null && tokens !== null)
      await jobs.enqueue(tx, revokeTokensJob, { connection_id, tokens }, { now })
}

type ReleaseTools = { jobs: Pick<Jobs, 'enqueue'>; keyring: Pick<Keyring, 'encrypt'> }

/**
 * Has all tokens of a connection revoked and cleared, by jobs after the commit, before it is deleted or because it does not keep
 * them any more. The payload has the connection encrypted, as its tokens cannot be revoked without it.
 */
async function releaseTokens(
  { jobs, keyring }: ReleaseTools,
  tx: Tx,
  connection: UsableConnection,
  now: Date,
): Promise<void> {
  const { numUpdatedRows } = await tx
    .updateTable('identities')
    .set({ tokens_from: connection.id })
    .where('connection_id', '=', connection.id)
    .where('tokens', 'is not', null)
    .executeTakeFirst()
  if (numUpdatedRows === 0n) return
  const sealed = keyring.encrypt('connections', JSON.stringify(connection))
  await jobs.enqueue(tx, releaseTokensJob, { connection_id: connection.id, connection: sealed }, { now })
}

/**
 * The same for all connections of an organization, before it is purged. System scope.
 * @returns whether there were any: until the jobs have cleared them, the organization has to stay
 */
async function releaseOfOrganization(
  tools: ReleaseTools,
  tx: Tx,
  organizationId: string,
  now: Date,
): Promise<boolean> {
  const rows = await tx
    .selectFrom('identities')
    .select('connection_id as id')
    .distinct()
    .where('organization_id', '=', organizationId)
    .where('connection_id', 'is not', null)
    .where('tokens', 'is not', null)
    .execute()
  if (rows.length === 0) return false
  for (const connection of await listConnectionsOf(
    tx,
    rows.flatMap(({ id }) => id ?? []),
  ))
    await releaseTokens(tools, tx, connection, now)
  return true
}

export const releaseKeptTokens = {
  ofConnection: releaseTokens,
  ofOrganization: releaseOfOrganization,
} as const

/** The connection of a payload, as it was when its tokens were released; its times are texts. */
const readReleased = (keyring: Pick<Keyring, 'decrypt'>, sealed: string): UsableConnection =>
  // sealed by this server
  JSON.parse(keyring.decrypt('connections', sealed)) as UsableConnection

const AT_ONCE = 200

/** Clears the tokens that were released, each with the job that revokes it, some identities in each transaction. */
async function clearReleasedTokens(
  { db, jobs }: { db: Db; jobs: Pick<Jobs, 'enqueue'> },
  { connection_id, connection }: z.output<typeof releaseTokensJob.payload>,
  now: Date,
): Promise<void> {
  const clearSome = (tx: Tx) => clearPart(tx, jobs, { connection_id, connection }, now)
  while ((await db.tx('system', clearSome)) === AT_ONCE);
}

async function clearPart(
  tx: Tx,
  jobs: Pick<Jobs, 'enqueue'>,
  of: z.output<typeof releaseTokensJob.payload>,
  now: Date,
): Promise<number> {
  const part = await tx
    .selectFrom('identities')
    .select(['id', 'tokens'])
    .where('tokens_from', '=', of.connection_id)
    .orderBy('id')
    .limit(AT_ONCE)
    .forUpdate()
    .execute()
  for (const { tokens } of part)
    if (tokens !== null) await jobs.enqueue(tx, revokeTokensJob, { ...of, tokens }, { now })
  if (part.length > 0)
    await tx
      .updateTable('identities')
      .set({ tokens: null, tokens_from: null })
      .where(
        'id',
        'in',
        part.map(({ id }) => id),
      )
      .execute()
  return part.length
}

/** The two jobs, and what runs them. */
export const keptTokenJobs = {
  revoke: revokeTokensJob,
  release: releaseTokensJob,
  clear: clearReleasedTokens,
  read: readKeptTokens,
  readConnection: readReleased,
} as const

export const sealedIdentityTokens: SealedColumn = {
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
