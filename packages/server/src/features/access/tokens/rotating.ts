/**
 * The use of refresh tokens: rotation with reuse detection, of our own families and of those of apps. Each token works once. Its
 * successor is derived from it, so that a request repeated within the grace period (a lost answer, two tabs) gets the same
 * successor on any node, and no token is stored.
 *
 * Invariant: of concurrent requests with a token one statement uses it up. A second use after the grace period ends the family.
 */

import { batch } from '../../../base/batch.ts'
import type { Call } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { type Keyring, sha256 } from '../../../base/crypto.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  type FamilyRow,
  type Found,
  findToken,
  type Presented,
  type Rotated,
  revokeFamily,
  rotation,
  rotationValues,
} from './sql.ts'

export const REFRESH_TOKEN = /^rt_[A-Za-z0-9_-]{43}$/

/** The grace period in which a used token gets its successor. */
export const GRACE = 10_000

const tokenOf = (mac: Buffer): string => `rt_${mac.toString('base64url')}`

/** The next token of a family: deterministic, derived with the server's secret. */
const successorOf = (keyring: Keyring, token: string): string => tokenOf(keyring.mac('refresh', token))

/** Tells of a token that was used twice, in the transaction that ends its family. */
export type ReuseReport = (tx: Tx, call: Call, found: Found) => Promise<void>

/** Uses a refresh token up. @returns its subject and its successor. @throws Problem INVALID_TOKEN */
export type UseToken = (call: Call, presented: Presented) => Promise<{ row: FamilyRow; successor: string }>

/** @param reported is awaited before the transaction that ends the family commits */
export function rotating(
  { db, keyring, clock, counts }: Pick<Tools, 'db' | 'keyring' | 'clock' | 'counts'>,
  reported: ReuseReport,
): UseToken {
  const statement = rotation(db.hot)

  const rotate = batch<Rotated>(async (keys, wait) => {
    const presented = keys.map(presentedIn)
    const hashes = presented.map(({ token }) => sha256(token))
    const successors = presented.map(({ token }) => sha256(successorOf(keyring, token)))
    const parameters = rotationValues(presented, hashes, successors, clock.now())
    const rows = await db.commit<Rotated>({ ...statement, parameters }, wait)
    const byHash = new Map(rows.map((row) => [row.token_hash.toString('hex'), row]))
    return new Map(
      keys.flatMap((key, n) => {
        const row = byHash.get(hashes[n]?.toString('hex') ?? '')
        // of two apps that present one token in one batch, it is that of one
        return row && isHolder(row, presented[n]) ? [[key, row] as const] : []
      }),
    )
  })

  /** The successor that was derived when the token was used: during a rotation of the secret maybe with the old one. */
  async function successorInUse(token: string, now: Date): Promise<string> {
    const [current = '', ...previous] = keyring.macs('refresh', token).map(tokenOf)
    for (const one of previous) if (await findToken(db.hot, sha256(one), now)) return one
    return current
  }

  async function endFamily(call: Call, found: Found): Promise<void> {
    await db.tx('system', async (tx) => {
      if (await revokeFamily(tx, found.family_id, 'reuse', call.now)) await reported(tx, call, found)
    })
  }

  const rotated = counts.refreshes({ outcome: 'rotated' })
  const repeated = counts.refreshes({ outcome: 'grace' })
  const reused = counts.refreshes({ outcome: 'reuse' })
  const invalid = counts.refreshes({ outcome: 'invalid' })
  const refuse = (): never => {
    invalid.add()
    throw problem('INVALID_TOKEN')
  }

  /** Two statements at most: the first rotates, the second finds out why it did not. */
  return async (call, presented) => {
    const { token } = presented
    if (!REFRESH_TOKEN.test(token)) return refuse()
    const used = await rotate(keyFor(presented))
    if (used) {
      rotated.add()
      return { row: used, successor: successorOf(keyring, token) }
    }
    const found = await findToken(db.hot, sha256(token), call.now)
    if (!found || found.is_revoked || found.used_at === null || !isHolder(found, presented)) return refuse()
    if (later(found.used_at, GRACE) > call.now) {
      if (!found.is_valid) return refuse()
      repeated.add()
      return { row: found, successor: await successorInUse(token, call.now) }
    }
    await endFamily(call, found)
    reused.add()
    throw problem('INVALID_TOKEN')
  }
}

/** Whether the token is that of the app which presents it, with the key that it is bound to. */
const isHolder = ({ client_id, dpop_jkt }: FamilyRow, presented: Presented | undefined): boolean =>
  client_id === presented?.client && (dpop_jkt === null || dpop_jkt === presented.jkt)

/** The key of a request in a batch: neither an app's id nor a digest contains a space. */
const keyFor = ({ token, client, jkt }: Presented): string => `${token} ${client ?? ''} ${jkt ?? ''}`
function presentedIn(key: string): Presented {
  const [token = '', client, jkt] = key.split(' ')
  return { token, client: client || null, jkt: jkt || null }
}
