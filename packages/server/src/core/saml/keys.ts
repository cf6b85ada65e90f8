/**
 * The keys of this server as a service provider, of each connection: RSA with a self-signed certificate, made when they are
 * needed first, and rotated before they expire. A key is published in our metadata before it is used, and still decrypts
 * after it was replaced, so that an identity provider may read the metadata at any time between.
 *
 * Invariant: of each use and stage a connection has at most one key, which a unique index keeps: of several processes that
 * make one, the first does.
 */
import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { type Selectable, type SqlBool, sql } from 'kysely'
import type { Call } from '../../base/call.ts'
import { later } from '../../base/clock.ts'
import type { Keyring } from '../../base/crypto.ts'
import type { Db, Statements } from '../../base/db/types.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log/index.ts'
import { writeCertificate } from '../../base/x509.ts'
import type { Config } from '../../config.ts'
import { audit } from '../audit/index.ts'
import type { ProviderConnection } from '../connections/index.ts'
import type { SealedColumn } from '../secrets/index.ts'
import type { ConnectionKeysTable } from './tables.ts'

export type ConnectionKey = Selectable<ConnectionKeysTable>
type KeyTools = { db: Db; keyring: Keyring; config: Pick<Config, 'publicUrl'> }
type KeyOwner = Pick<ProviderConnection, 'id' | 'organizationId'>

const USES = ['signing', 'encryption'] as const
const DAY = 86_400_000
/** Two years. */
const LIFETIME = 730 * DAY
/** The clock of a provider may be behind ours. */
const EARLIER = DAY
/** How long before the expiry of a key the next one is published, and used. */
const PUBLISHED_BEFORE = 60 * DAY
const USED_BEFORE = 30 * DAY
/** How long a key is published at least before it is used, and still decrypts after it was replaced. */
const KNOWN_AFTER = 14 * DAY
const DECRYPTS_FOR = 30 * DAY

const generate = promisify(generateKeyPair)

/** The keys of a connection. System scope. */
export const listConnectionKeys = (db: Statements, connectionId: string): Promise<ConnectionKey[]> =>
  db
    .selectFrom('connection_keys')
    .selectAll()
    .where('connection_id', '=', connectionId)
    .orderBy('id')
    .execute()

/** When the first of the keys that connections use expires, by the id of the connection. System scope. */
export async function findKeyExpiry(
  db: Statements,
  connectionIds: readonly string[],
): Promise<ReadonlyMap<string, Date>> {
  const rows = await db
    .selectFrom('connection_keys')
    .select(({ fn }) => ['connection_id', fn.min('not_after').as('not_after')])
    .where(sql<SqlBool>`connection_id = any(${[...connectionIds]}::text[])`)
    .where('stage', '=', 'current')
    .groupBy('connection_id')
    .execute()
  return new Map(rows.map((row) => [row.connection_id, row.not_after]))
}

const keyOf = (
  keys: readonly ConnectionKey[],
  use: ConnectionKey['use'],
  stage: ConnectionKey['stage'],
): ConnectionKey | null => keys.find((key) => key.use === use && key.stage === stage) ?? null

/** The keys of a connection, of which those that are current are made where they do not exist. */
export async function ensureConnectionKeys(
  tools: KeyTools,
  connection: KeyOwner,
  now: Date,
): Promise<ConnectionKey[]> {
  const keys = await listConnectionKeys(tools.db.hot, connection.id)
  const missing = USES.filter((use) => keyOf(keys, use, 'current') === null)
  if (missing.length === 0) return keys
  await insertKeys(tools.db.hot, await makeKeys(tools, connection, missing, 'current', now))
  return listConnectionKeys(tools.db.hot, connection.id)
}

/** New keys for those uses, which are not stored yet: making them takes a while. */
async function makeKeys(
  { keyring, config }: Pick<KeyTools, 'keyring' | 'config'>,
  { id: connectionId }: KeyOwner,
  uses: readonly ConnectionKey['use'][],
  stage: 'current' | 'next',
  now: Date,
): Promise<ConnectionKey[]> {
  const commonName = new URL(config.publicUrl).hostname
  const [notBefore, notAfter] = [later(now, -EARLIER), later(now, LIFETIME)]
  return await Promise.all(
    uses.map(async (use): Promise<ConnectionKey> => {
      const { privateKey } = await generate('rsa', { modulusLength: 2048 })
      const secret = privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64')
      return {
        id: newId('sky'),
        connection_id: connectionId,
        use,
        stage,
        certificate: writeCertificate({ privateKey, commonName, use, notBefore, notAfter }),
        private_key: keyring.encrypt('connections', secret),
        created_at: now,
        staged_at: now,
        not_after: notAfter,
      }
    }),
  )
}

/** Stores keys, unless another process has made them. @returns how many this call stored */
async function insertKeys(db: Statements, keys: readonly ConnectionKey[]): Promise<number> {
  const inserted = await db
    .insertInto('connection_keys')
    .values([...keys])
    .onConflict((on) => on.columns(['connection_id', 'use', 'stage']).doNothing())
    .returning('id')
    .execute()
  return inserted.length
}

export const privateKeyOf = (
  keyring: Pick<Keyring, 'decrypt'>,
  { private_key }: Pick<ConnectionKey, 'private_key'>,
): KeyObject =>
  createPrivateKey({
    key: Buffer.from(keyring.decrypt('connections', private_key), 'base64'),
    format: 'der',
    type: 'pkcs8',
  })

export const signingKeyOf = (keys: readonly ConnectionKey[]): ConnectionKey | null =>
  keyOf(keys, 'signing', 'current')

/** The keys that decrypt, in the order in which they are tried. */
export const decryptionKeysOf = (keys: readonly ConnectionKey[]): ConnectionKey[] =>
  (['current', 'next', 'previous'] as const).flatMap((stage) => keyOf(keys, 'encryption', stage) ?? [])

/** What our metadata publishes: both certificates for signatures, and the newest that is encrypted for. */
export const publishedKeysOf = (keys: readonly ConnectionKey[]): ConnectionKey[] => [
  ...(['current', 'next'] as const).flatMap((stage) => keyOf(keys, 'signing', stage) ?? []),
  ...[keyOf(keys, 'encryption', 'next') ?? keyOf(keys, 'encryption', 'current')].flatMap((key) => key ?? []),
]

/**
 * Publishes the next keys of a connection, which are not used yet.
 * @returns whether this call made them; false where they exist
 */
export async function prepareConnectionKeys(
  tools: KeyTools,
  call: Call,
  connection: KeyOwner,
): Promise<boolean> {
  await ensureConnectionKeys(tools, connection, call.now)
  const keys = await makeKeys(tools, connection, USES, 'next', call.now)
  return await tools.db.tx('system', async (tx) => {
    if ((await insertKeys(tx, keys)) === 0) return false
    await audit(tx, call, keyEvent(call, connection, 'prepared'))
    return true
  })
}

/**
 * Uses the next keys of a connection from now on; the replaced one for encryption still decrypts for 30 days.
 * @returns whether this call did; false where there are no next keys
 */
export async function activateConnectionKeys(
  { db }: Pick<KeyTools, 'db'>,
  call: Call,
  connection: KeyOwner,
): Promise<boolean> {
  return await db.tx('system', async (tx) => {
    await tx.selectFrom('connections').select('id').where('id', '=', connection.id).forUpdate().execute()
    const keys = await listConnectionKeys(tx, connection.id)
    if (!keys.some(({ stage }) => stage === 'next')) return false
    const ofStage = (stage: ConnectionKey['stage']) =>
      tx.updateTable('connection_keys').where('connection_id', '=', connection.id).where('stage', '=', stage)
    await tx
      .deleteFrom('connection_keys')
      .where('connection_id', '=', connection.id)
      .where('stage', '=', 'previous')
      .execute()
    await ofStage('current').set({ stage: 'previous', staged_at: call.now }).execute()
    await ofStage('next').set({ stage: 'current', staged_at: call.now }).execute()
    await audit(tx, call, keyEvent(call, connection, 'activated'))
    return true
  })
}

const keyEvent = (call: Call, { id, organizationId }: KeyOwner, step: 'prepared' | 'activated') => ({
  type: 'connection.keys.rotated' as const,
  userId: call.principal?.userId ?? null,
  username: call.principal?.username ?? null,
  organizationId,
  details: { connection_id: id, step },
})

/** Rotates the keys that expire soon, and deletes those that were replaced 30 days ago. */
export async function rotateExpiringKeys(
  tools: KeyTools & { log: Log },
  callOf: (now: Date) => Call,
  now: Date,
): Promise<void> {
  const { hot } = tools.db
  await hot
    .deleteFrom('connection_keys')
    .where('stage', '=', 'previous')
    .where('staged_at', '<=', later(now, -DECRYPTS_FOR))
    .execute()
  const expiring = await hot
    .selectFrom('connection_keys as k')
    .innerJoin('connections as c', 'c.id', 'k.connection_id')
    .select(['c.id', 'c.organization_id as organizationId'])
    .distinct()
    .where('k.stage', '=', 'current')
    .where('k.not_after', '<=', later(now, PUBLISHED_BEFORE))
    .execute()
  // those of one connection do not wait for those of another
  for (const connection of expiring)
    await rotateKeys(tools, callOf(now), connection).catch((err: unknown) => {
      tools.log.error({ err, connection: connection.id }, 'rotating the keys of a connection failed')
    })
}

async function rotateKeys(tools: KeyTools, call: Call, connection: KeyOwner): Promise<void> {
  const keys = await listConnectionKeys(tools.db.hot, connection.id)
  const next = keys.filter(({ stage }) => stage === 'next')
  if (next.length < USES.length) await prepareConnectionKeys(tools, call, connection)
  else if (isDue(keys, next, call.now)) await activateConnectionKeys(tools, call, connection)
}

function isDue(keys: readonly ConnectionKey[], next: readonly ConnectionKey[], now: Date): boolean {
  const until = Math.min(
    ...keys.filter(({ stage }) => stage === 'current').map((key) => key.not_after.getTime()),
  )
  const known = next.every((key) => key.staged_at <= later(now, -KNOWN_AFTER))
  return until <= now.getTime() + (known ? USED_BEFORE : DAY)
}

export const sealedConnectionKeys: SealedColumn = {
  purpose: 'connections',
  list: (db, after, limit) =>
    db
      .selectFrom('connection_keys')
      .select(['id', 'private_key as sealed'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(limit)
      .execute(),
  async replace(db, id, from, to) {
    const { numUpdatedRows } = await db
      .updateTable('connection_keys')
      .set({ private_key: to })
      .where('id', '=', id)
      .where('private_key', '=', from)
      .executeTakeFirst()
    return numUpdatedRows > 0n
  },
}
