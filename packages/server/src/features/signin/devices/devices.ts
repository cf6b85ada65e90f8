/**
 * Known devices: browsers that have signed in as a user before, recognized by a long-lived cookie `id.secret` of which
 * only the hash is stored. A device proves nothing; its failures are counted separately, and a sign-in from an unknown
 * device is reported to the user by e-mail.
 */
import type { CompiledQuery } from 'kysely'
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
}

/** The device that the caller's cookie names, whichever user it belongs to; null for none. */
export async function findCallersDevice(db: Statements, call: Call): Promise<Device | null> {
  const [id = '', secret = ''] = (call.cookies[DEVICE_COOKIE] ?? '').split('.')
  if (!isId('dev', id) || secret.length !== 43) return null
  const [row] = (await db.executeQuery(selectDevice({ id, hash: sha256(secret) }))).rows
  return row ? { id: row.id, userId: row.user_id } : null
}

const selectDevice = compiledOnce((db, { id, hash }: { id: string; hash: Buffer }) =>
  db.selectFrom('devices').select(['id', 'user_id']).where('id', '=', id).where('secret_hash', '=', hash),
)

export const updateDeviceUse = compiledOnce((db, { id, now }: { id: string; now: Date }) =>
  db.updateTable('devices').set({ last_used_at: now }).where('id', '=', id),
)

/**
 * Adds the browser of a completed sign-in to the user's devices.
 * @returns the statement that inserts it, the cookie to set, and whether the user has signed in from another device before
 */
export async function addDevice(
  tx: Tx,
  userId: string,
  now: Date,
): Promise<{ insert: CompiledQuery; cookie: CookieChange; newToUser: boolean }> {
  const others = (await tx.executeQuery(selectDevices({ userId }))).rows
  const id = newId('dev')
  const secret = randomSecret()
  const insert = insertDevice({
    id,
    user_id: userId,
    secret_hash: sha256(secret),
    created_at: now,
    last_used_at: now,
    user_agent: null,
    ip_address: null,
    trusted_until: null,
  })
  const surplus = others.slice(KEEP - 1).map((other) => other.id)
  if (surplus.length > 0) await tx.deleteFrom('devices').where('id', 'in', surplus).execute()
  return {
    insert,
    cookie: { name: DEVICE_COOKIE, value: `${id}.${secret}`, maxAgeSeconds: LIFETIME / 1000 },
    newToUser: others.length > 0,
  }
}

const selectDevices = compiledOnce((db, { userId }: { userId: string }) =>
  db.selectFrom('devices').select('id').where('user_id', '=', userId).orderBy('last_used_at', 'desc'),
)

const insertDevice = compiledOnce((db, device: NewRow<DevicesTable>) =>
  db.insertInto('devices').values(device),
)

/** After a reset: every other device is unknown again, because one of them may be an attacker's. */
export async function forgetDevices(tx: Tx, userId: string, except: Device | null): Promise<void> {
  const theirs = tx.deleteFrom('devices').where('user_id', '=', userId)
  await (except ? theirs.where('id', '<>', except.id) : theirs).execute()
}

/** No browser of the user may skip the second factor any more. */
export async function distrustDevices(tx: Tx, userId: string): Promise<void> {
  await tx.updateTable('devices').set({ trusted_until: null }).where('user_id', '=', userId).execute()
}

export async function purgeDevices(tx: Tx, now: Date): Promise<void> {
  await tx.deleteFrom('devices').where('last_used_at', '<', later(now, -LIFETIME)).execute()
}
