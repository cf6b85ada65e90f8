/**
 * The server's secret: whether LATCHKEY_SECRET is the one that the data is sealed under (the canary), and its rotation.
 * During a rotation the server knows two secrets: it seals with LATCHKEY_SECRET and opens with LATCHKEY_SECRET_PREVIOUS
 * too. Leaves sealed columns to the modules that own them, which seal them again.
 *
 * Invariant: the canary is sealed under the secret that every sealed value can be opened with; it moves to another
 * secret only after the last of them.
 */
import { type Call, systemCall } from '../../base/call.ts'
import type { Clock } from '../../base/clock.ts'
import type { Keyring, Purpose } from '../../base/crypto.ts'
import type { Db, Statements, Tx } from '../../base/db/types.ts'
import { StartRefused } from '../../base/errors.ts'
import type { Log } from '../../base/log/index.ts'
import { audit } from '../audit/index.ts'
import { listSealedKeys, resealKeys } from '../keys/index.ts'
import { resealEmails } from '../mail/index.ts'

type SecretTools = { db: Db; clock: Clock; keyring: Keyring; log: Log }

const CANARY = 'latchkey'

/** What a rotation sealed again, by kind; `unreadable` can be opened with neither secret. */
export interface ResealCounts {
  resealed: number
  unreadable: number
}
/** By what was sealed. */
export type Rotation = Readonly<Record<string, ResealCounts>>

/** A column in which a feature keeps sealed texts. */
export interface SealedColumn {
  purpose: Purpose
  /** A page of the rows that have one, by id. */
  list(db: Statements, after: string, limit: number): Promise<{ id: string; sealed: string }[]>
  /** @returns false, without effect, where it was sealed again or deleted in the meantime */
  replace(db: Statements, id: string, from: string, to: string): Promise<boolean>
}

/** The sealed columns of features, by what is counted. */
export type SealedColumns = Readonly<Record<string, SealedColumn>>

/** @throws StartRefused where the data is sealed under a secret that this server does not know */
export async function assertSecret({ db, clock, keyring, log }: SecretTools): Promise<void> {
  const canary = (await readCanary(db)) ?? (await plantCanary({ db, clock, keyring, log }))
  if (canary !== null && !keyring.opens('canary', canary)) throw otherSecret()
  if (canary === null || !keyring.isCurrent('canary', canary))
    log.warn(
      {},
      'the database is still sealed under LATCHKEY_SECRET_PREVIOUS: once every server has the new secret, run `latchkey secrets rotate`',
    )
}

const otherSecret = (): StartRefused =>
  new StartRefused(
    'LATCHKEY_SECRET is not the secret that this database was used with, so that signing keys and e-mails cannot be read. Set that secret; to replace it, set the new one in LATCHKEY_SECRET and the old one in LATCHKEY_SECRET_PREVIOUS, then run `latchkey secrets rotate`.',
  )

async function readCanary(db: Db): Promise<string | null> {
  const row = await db.hot.selectFrom('secret_canary').select('sealed').executeTakeFirst()
  return row?.sealed ?? null
}

/**
 * Of a database without a canary (a new one, or of a version before it) the signing keys decide.
 * @returns null where they are sealed under the previous secret, so that a rotation plants it
 */
async function plantCanary({ db, clock, keyring }: SecretTools): Promise<string | null> {
  const sealed = await listSealedKeys(db.hot)
  if (sealed.length > 0 && !sealed.some((text) => keyring.opens('keys', text))) throw otherSecret()
  if (sealed.some((text) => keyring.opens('keys', text) && !keyring.isCurrent('keys', text))) return null
  const canary = { sealed: keyring.encrypt('canary', CANARY), sealed_at: clock.now() }
  // of servers that start together, the first plants it
  await db.hot.insertInto('secret_canary').values(canary).onConflict((on) => on.doNothing()).execute() // biome-ignore format: it reads as one line
  return readCanary(db)
}

const AT_ONCE = 200

/** Seals a column under the current secret, page by page; what neither secret opens stays as it is. */
async function resealColumn(
  { hot: db }: Pick<Db, 'hot'>,
  keyring: Keyring,
  { purpose, list, replace }: SealedColumn,
): Promise<ResealCounts> {
  const counts = { resealed: 0, unreadable: 0 }
  for (let after = ''; ; ) {
    const page = await list(db, after, AT_ONCE)
    for (const { id, sealed } of page) {
      after = id
      if (keyring.isCurrent(purpose, sealed)) continue
      if (!keyring.opens(purpose, sealed)) counts.unreadable += 1
      else if (await replace(db, id, sealed, keyring.encrypt(purpose, keyring.decrypt(purpose, sealed))))
        counts.resealed += 1
    }
    if (page.length < AT_ONCE) return counts
  }
}

/**
 * Seals everything again under LATCHKEY_SECRET, a few rows at a time, while the server serves. It can be interrupted and
 * run again: what is sealed under LATCHKEY_SECRET already is left alone.
 * @param columns what features have sealed
 */
export async function rotateSecrets(tools: SecretTools, columns: SealedColumns): Promise<Rotation> {
  const { db, clock, keyring } = tools
  const call: Call = systemCall(clock.now())
  const rotation: Record<string, ResealCounts> = {
    signing_keys: await resealKeys(db, keyring),
    emails: await resealEmails(db, keyring),
  }
  for (const [name, column] of Object.entries(columns))
    rotation[name] = await resealColumn(db, keyring, column)
  await db.tx('system', async (tx) => {
    await moveCanary(tx, keyring, call.now)
    await audit(tx, call, {
      type: 'secrets.rotated',
      userId: null,
      username: null,
      details: Object.fromEntries(Object.entries(rotation).map(([name, { resealed }]) => [name, resealed])),
    })
  })
  return rotation
}

async function moveCanary(tx: Tx, keyring: Keyring, now: Date): Promise<void> {
  const canary = { sealed: keyring.encrypt('canary', CANARY), sealed_at: now }
  await tx
    .insertInto('secret_canary')
    .values(canary)
    .onConflict((on) => on.column('id').doUpdateSet(canary))
    .execute()
}
