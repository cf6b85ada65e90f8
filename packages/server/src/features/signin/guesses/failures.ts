/**
 * Lock-out after failed guesses (PRODUCT §4). The failures of every verifier of an account are counted together, under
 * the user's id, or under the canonical identifier where there is no account, so that both behave alike.
 *
 * An unknown device is counted twice: per account and address (5 → 15 minutes), and per account over all addresses
 * (ten times that), which stops guessing from many machines. A device that has signed in as this user before is counted
 * separately, so that guesses from elsewhere cannot lock it out.
 *
 * Invariant: the outcome of a check is answered only after the counter's row was locked, so of any number of parallel
 * guesses exactly as many outcomes are answered as the limit allows. Counters are written in a separate
 * transaction: they survive a refused sign-in and a restart.
 */

import { sql } from 'kysely'
import { later } from '../../../base/clock.ts'
import type { Keyring } from '../../../base/crypto.ts'
import { compiledOnce } from '../../../base/db/compiled.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { addressKey } from '../../../base/http/request/address.ts'
import type { Config } from '../../../config.ts'
import type { FailuresTable } from './tables.ts'

const ACCOUNT_WIDE_FACTOR = 10

export interface Counter {
  key: string
  /** The same for every counter of the account. */
  account: string
  max: number
}

/** The account that a guess is about, and where the guess comes from. */
export interface GuessTarget {
  /** The user's id, or the canonical identifier where there is none; prefixed, so that no identifier equals an id. */
  account: string
  ip: string | null
  /** A device that is known to have signed in as this user. */
  deviceId: string | null
}

/** The counters of a failure. Keys are keyed hashes, because an identifier without an account is personal data too. */
export function countersOf(
  keyring: Keyring,
  config: Pick<Config, 'lockoutFailures'>,
  target: GuessTarget,
): Counter[] {
  const key = (...parts: string[]) => keyring.mac('identifiers', JSON.stringify(parts)).toString('base64url')
  const max = config.lockoutFailures
  const account = key('account', target.account)
  if (target.deviceId) return [{ key: key('device', target.account, target.deviceId), account, max }]
  return [
    { key: key('pair', target.account, target.ip ? addressKey(target.ip) : 'none'), account, max },
    { key: account, account, max: max * ACCOUNT_WIDE_FACTOR },
  ].sort((a, b) => (a.key < b.key ? -1 : 1))
}

export interface FailureVerdict {
  attemptsRemaining: number
  /** Set when this account is locked for this caller. */
  lockedUntil: Date | null
  /** Whether this failure locked it. */
  tripped: boolean
}

type State = Pick<FailuresTable, 'count' | 'last_at' | 'locked_until'>

/** Pure: a counter after one more failure. A locked counter does not change; a stale one starts from one. */
export function countFailure(
  state: State,
  max: number,
  lockout: number,
  now: Date,
): State & { tripped: boolean } {
  if (state.locked_until && state.locked_until > now) return { ...state, tripped: false }
  const stale = state.locked_until !== null || later(state.last_at, lockout) <= now
  const count = stale ? 1 : state.count + 1
  const tripped = count >= max
  return { count, last_at: now, locked_until: tripped ? later(now, lockout) : null, tripped }
}

/**
 * Counts a failure in every counter, unless one of them is locked already: a guess without an answer reveals nothing, and
 * parallel guesses from one address must not use up the counter over all addresses.
 */
export async function recordFailure(
  tx: Tx,
  counters: readonly Counter[],
  config: Pick<Config, 'lockoutDuration'>,
  now: Date,
): Promise<FailureVerdict> {
  const rows = await openCounters(tx, counters, now)
  const until = latestLock(rows.values(), now)
  const verdict: FailureVerdict = {
    attemptsRemaining: Number.POSITIVE_INFINITY,
    lockedUntil: until,
    tripped: false,
  }
  if (until) return verdict
  for (const { key, max } of counters) {
    const row = rows.get(key)
    if (!row) throw new Error('a failure counter vanished inside its transaction')
    const { tripped, ...next } = countFailure(row, max, config.lockoutDuration, now)
    await tx.updateTable('failures').set(next).where('key', '=', key).execute()
    verdict.attemptsRemaining = Math.min(verdict.attemptsRemaining, Math.max(0, max - next.count))
    verdict.tripped ||= tripped
  }
  return verdict
}

/** The counters' rows, inserted where missing and locked by one statement, so that none can vanish in between. */
async function openCounters(
  tx: Tx,
  counters: readonly Counter[],
  now: Date,
): Promise<Map<string, FailuresTable>> {
  const rows = await tx
    .insertInto('failures')
    .values(
      counters.map(({ key, account }) => ({
        key,
        account,
        count: 0,
        first_at: now,
        last_at: now,
        locked_until: null,
      })),
    )
    .onConflict((conflict) =>
      conflict.column('key').doUpdateSet((row) => ({ account: row.ref('excluded.account') })),
    )
    .returningAll()
    .execute()
  return new Map(rows.map((row) => [row.key, row]))
}

/** The failures of a guess, locked until the end of the transaction. */
export type LockedFailures = readonly FailuresTable[]

export const lockFailures = async (tx: Tx, counters: readonly Counter[]): Promise<LockedFailures> =>
  (await tx.executeQuery(lockByKeys({ keys: keysOf(counters) }))).rows

const lockByKeys = compiledOnce((db, { keys }: { keys: readonly string[] }) =>
  db
    .selectFrom('failures')
    .selectAll()
    .where('key', '=', sql<string>`any(${keys}::text[])`)
    // in the order in which `countersOf` sorts, not the database's collation: two lock orders would deadlock
    .orderBy(sql`key collate "C"`)
    .forUpdate(),
)

const keysOf = (counters: readonly Counter[]): string[] => counters.map(({ key }) => key)

/** When the last lock-out of these counters ends; null for none. */
export function latestLock(rows: Iterable<Pick<FailuresTable, 'locked_until'>>, now: Date): Date | null {
  let until: Date | null = null
  for (const { locked_until: lock } of rows) if (lock && lock > now && (!until || lock > until)) until = lock
  return until
}

/** When the caller's lock-out of the account ends; null for none. */
export async function lockedUntil(
  db: Statements,
  counters: readonly Counter[],
  now: Date,
): Promise<Date | null> {
  const [row] = (await db.executeQuery(selectLockedUntil({ keys: keysOf(counters), now }))).rows
  return row?.until ?? null
}

const selectLockedUntil = compiledOnce((db, { keys, now }: { keys: readonly string[]; now: Date }) =>
  db
    .selectFrom('failures')
    .select(sql<Date | null>`max(locked_until)`.as('until'))
    .where('key', '=', sql<string>`any(${keys}::text[])`)
    .where('locked_until', '>', now),
)

/** Deletes failures that the transaction has locked. */
export async function clearFailures(tx: Tx, locked: LockedFailures): Promise<void> {
  if (locked.length === 0) return
  const keys = locked.map(({ key }) => key)
  await tx.deleteFrom('failures').where('key', 'in', keys).execute()
}

/** Deletes the failures and any lock-out. */
export async function forgetFailures(tx: Tx, counters: readonly Counter[]): Promise<void> {
  await tx.deleteFrom('failures').where('key', 'in', keysOf(counters)).execute()
}

/** Deletes every failure of an account, from every address and device. */
export async function forgetFailuresOf(tx: Tx, { account }: Counter): Promise<void> {
  await sql`
    with locked as materialized (select key from failures where account = ${account} order by key collate "C" for update)
    delete from failures f using locked where f.key = locked.key`.execute(tx)
}

/** The answer during a lock-out, with the seconds left. */
export function lockedProblem(until: Date, now: Date) {
  const seconds = Math.max(1, Math.ceil((until.getTime() - now.getTime()) / 1000))
  return problem('ACCOUNT_LOCKED', { details: { lockout_duration: seconds }, retryAfter: seconds })
}

export async function purgeFailures(tx: Tx, before: Date): Promise<void> {
  await tx.deleteFrom('failures').where('last_at', '<', before).execute()
}
