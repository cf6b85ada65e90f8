/**
 * Known devices: browsers that have signed in as a user before, recognized by a long-lived cookie `id.secret` of which
 * only the hash is stored. Its failures are counted separately, and a sign-in from an unknown device is reported to the
 * user by e-mail. A device proves nothing, unless its user chose to remember it: then it is trusted until a time, which
 * the door accepts as a second factor (base/assurance.ts). One in which the provider of an organization alone has vouched for
 * the user, which is no authority for the account, is known and not familiar: its failures are those of a stranger. The
 * hash says which, so that nothing else can turn one into the other.
 * Invariant: trust is given and ended under the lock of the user's row.
 */
import { type CompiledQuery, type Selectable, sql } from 'kysely'
import type { Call } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { randomSecret, sha256 } from '../../../base/crypto.ts'
import { compiledOnce, type NewRow } from '../../../base/db/compiled.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import type { CookieChange } from '../../../base/http/row/route.ts'
import { isId, newId } from '../../../base/ids.ts'
import type { DevicesTable } from './tables.ts'

export const DEVICE_COOKIE = 'device'
const LIFETIME = 400 * 86_400_000
const KEEP = 20

export interface Device {
  id: string
  userId: string
  /** Whether a sign-in to the account has succeeded there. */
  isFamiliar: boolean
  /** Until then it is accepted as a second factor of its user; null: it is not. */
  trustedUntil: Date | null
}

/** The device that the caller's cookie names, whichever user it belongs to; null for none. */
export async function findCallersDevice(db: Statements, call: Call): Promise<Device | null> {
  const [id = '', secret = ''] = (call.cookies[DEVICE_COOKIE] ?? '').split('.')
  if (!isId('dev', id) || secret.length !== 43) return null
  const familiar = hashOf(secret, true)
  const hashes = { id, familiar, unfamiliar: hashOf(secret, false) }
  const [row] = (await db.executeQuery(selectDevice(hashes))).rows
  if (!row) return null
  const isFamiliar = row.secret_hash.equals(familiar)
  return { id: row.id, userId: row.user_id, isFamiliar, trustedUntil: row.trusted_until }
}

const hashOf = (secret: string, isFamiliar: boolean): Buffer =>
  sha256(isFamiliar ? secret : `unfamiliar ${secret}`)

type DeviceHashes = { id: string; familiar: Buffer; unfamiliar: Buffer }

const selectDevice = compiledOnce((db, { id, familiar, unfamiliar }: DeviceHashes) =>
  db
    .selectFrom('devices')
    .select(['id', 'user_id', 'secret_hash', 'trusted_until'])
    .where('id', '=', id)
    .where('secret_hash', 'in', [familiar, unfamiliar]),
)

/** What a sign-in writes about its browser. */
const usedBy = ({ now, userAgent, ip }: Call) => ({
  last_used_at: now,
  user_agent: userAgent,
  ip_address: ip,
})

/** The statement that a sign-in from a known device runs. @param trustedUntil null where it stays as it is */
export function deviceUse(call: Call, id: string, trustedUntil: Date | null): CompiledQuery {
  const use = { id, ...usedBy(call) }
  return trustedUntil ? updateTrustedUse({ ...use, trusted_until: trustedUntil }) : updateUse(use)
}

type DeviceUse = { id: string } & ReturnType<typeof usedBy>

const updateUse = compiledOnce((db, { id, last_used_at, user_agent, ip_address }: DeviceUse) =>
  db.updateTable('devices').set({ last_used_at, user_agent, ip_address }).where('id', '=', id),
)
const updateTrustedUse = compiledOnce(
  (db, { id, last_used_at, user_agent, ip_address, trusted_until }: DeviceUse & { trusted_until: Date }) =>
    db
      .updateTable('devices')
      .set({ last_used_at, user_agent, ip_address, trusted_until })
      .where('id', '=', id),
)

/**
 * Adds the browser of a completed sign-in to the user's devices. Those that give way to it are, in this order, never used
 * again since they were added (a script that keeps no cookie adds one with each sign-in), not trusted, and trusted; of
 * these, the last used ones stay.
 * @param options `replaces`: the device that the browser was until now
 * @returns the statement that inserts it, and the cookie to set
 */
export async function addDevice(
  tx: Tx,
  call: Call,
  userId: string,
  {
    trustedUntil,
    isFamiliar,
    replaces,
  }: Pick<Device, 'trustedUntil' | 'isFamiliar'> & { replaces: Device | null },
): Promise<{ insert: CompiledQuery; cookie: CookieChange }> {
  const others = (await tx.executeQuery(selectDevices({ userId, now: call.now }))).rows
  const id = newId('dev')
  const secret = randomSecret()
  const insert = insertDevice({
    id,
    user_id: userId,
    secret_hash: hashOf(secret, isFamiliar),
    created_at: call.now,
    ...usedBy(call),
    trusted_until: trustedUntil,
  })
  const kept = others.filter((other) => other.id !== replaces?.id).slice(0, KEEP - 1)
  const surplus = others.filter((other) => !kept.includes(other)).map((other) => other.id)
  if (surplus.length > 0) await tx.deleteFrom('devices').where('id', 'in', surplus).execute()
  return {
    insert,
    cookie: { name: DEVICE_COOKIE, value: `${id}.${secret}`, maxAgeSeconds: LIFETIME / 1000 },
  }
}

const selectDevices = compiledOnce((db, { userId, now }: { userId: string; now: Date }) =>
  db
    .selectFrom('devices')
    .select('id')
    .where('user_id', '=', userId)
    .orderBy(sql`coalesce(trusted_until > ${now}, false)`, 'desc')
    .orderBy(sql`last_used_at > created_at`, 'desc')
    .orderBy('last_used_at', 'desc'),
)

const insertDevice = compiledOnce((db, device: NewRow<DevicesTable>) =>
  db.insertInto('devices').values(device),
)

/** After a reset: every other device is unknown again, because one of them may be an attacker's; none is trusted. */
export async function forgetDevices(tx: Tx, userId: string, except: Device | null): Promise<void> {
  await distrustDevices(tx, userId)
  const theirs = tx.deleteFrom('devices').where('user_id', '=', userId)
  await (except ? theirs.where('id', '<>', except.id) : theirs).execute()
}

/** Devices of the user, or the one, are not accepted as a second factor any more. @returns those that were, until then */
export async function distrustDevices(tx: Tx, userId: string, id?: string): Promise<TrustedDevice[]> {
  const trusted = tx
    .updateTable('devices')
    .set({ trusted_until: null })
    .where('user_id', '=', userId)
    .where('trusted_until', 'is not', null)
  return await (id === undefined ? trusted : trusted.where('id', '=', id)).returning(SHOWN).execute()
}

const SHOWN = ['id', 'user_agent', 'ip_address', 'created_at', 'last_used_at'] as const
type TrustedDevice = Pick<Selectable<DevicesTable>, (typeof SHOWN)[number]>

/** The devices that are accepted as a second factor of the user, the last used first. */
export async function listTrustedDevices(
  db: Statements,
  userId: string,
  now: Date,
): Promise<(TrustedDevice & { trusted_until: Date })[]> {
  const rows = await db
    .selectFrom('devices')
    .select([...SHOWN, 'trusted_until'])
    .where('user_id', '=', userId)
    .where('trusted_until', '>', now)
    .orderBy('last_used_at', 'desc')
    .orderBy('id')
    .execute()
  return rows.map((row) => ({ ...row, trusted_until: row.trusted_until ?? now }))
}

export async function purgeDevices(tx: Tx, now: Date): Promise<void> {
  await tx.deleteFrom('devices').where('last_used_at', '<', later(now, -LIFETIME)).execute()
}
