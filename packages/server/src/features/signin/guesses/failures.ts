/**
 * Lock-out after failed guesses (PRODUCT §4). The failures of every verifier of an account are counted together, under
 * the user's id, or under the canonical identifier where there is no account, so that both behave alike.
 *
 * An unknown device is counted twice: per account and address (5 → 15 minutes), and per account over all addresses
 * (ten times that), which stops guessing from many machines. A device that has signed in as this user before is counted
 * separately, so that guesses from elsewhere cannot lock it out.
 *
 * A wrong second factor counts there as well, and in a counter of the account's second factors, over all addresses: only
 * a person who has proven the first factor can raise it, and only a right second factor clears it. Its lock-outs double
 * up to a day, and after 100 consecutive failures codes are refused (NIST SP 800-63B-4 §3.2.2), until another kind of
 * factor is proven or an administrator unlocks the account. So an attacker who knows the password has 100 guesses at a
 * code of six digits, of which a few are right at any time (failures.test.ts has the arithmetic).
 *
 * A code by e-mail that a sign-in begins with needs no first factor, so a stranger can raise its counter: after 100
 * consecutive failures these codes are refused, without lock-outs before, until the mailbox is proven by a link.
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
/** Consecutive failures after which codes are refused. */
const MOST_WRONG_CODES = 100
/** The longest lock-out of second factors, and the one that is answered where codes are refused. */
const LONGEST_LOCKOUT = 86_400_000
/** The count of wrong second factors that suggests that another person can prove the first factor. */
const SUSPICIOUS = 3

export interface Counter {
  key: string
  /** The same for every counter of the account. */
  account: string
  max: number
  /** Of second factors: whether the guess is at a code, which too many consecutive failures refuse. */
  second: { isCode: boolean } | null
  /** Of codes by e-mail that begin a sign-in: only how many were wrong since the last right one matters. */
  isTotal?: true
}

/** The account that a guess is about, and where the guess comes from. */
export interface GuessTarget {
  /** The user's id, or the canonical identifier where there is none; prefixed, so that no identifier equals an id. */
  account: string
  ip: string | null
  /** A device that is known to have signed in as this user. */
  deviceId: string | null
  /** Of a guess at a second factor. */
  second?: Counter['second']
  /** Of a guess at a code by e-mail that begins a sign-in. */
  isMailed?: boolean
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
  const counter = (name: string, most: number, second: Counter['second'] = null): Counter => ({
    key: name,
    account,
    max: most,
    second,
  })
  const counters = target.deviceId
    ? [counter(key('device', target.account, target.deviceId), max)]
    : [
        counter(key('pair', target.account, target.ip ? addressKey(target.ip) : 'none'), max),
        counter(account, max * ACCOUNT_WIDE_FACTOR),
      ]
  if (target.second) {
    const where = target.deviceId ? [target.deviceId] : []
    counters.push(counter(key('second', target.account, ...where), max, target.second))
  }
  if (target.isMailed)
    counters.push({
      ...counter(key('mailed', target.account), Number.POSITIVE_INFINITY, { isCode: true }),
      isTotal: true,
    })
  return counters.sort((a, b) => (a.key < b.key ? -1 : 1))
}

export interface FailureVerdict {
  attemptsRemaining: number
  /** Set when this account is locked for this caller. */
  lockedUntil: Date | null
  /** Whether this failure locked it. */
  tripped: boolean
  /** Whether so many second factors were wrong that another person may be able to prove the first one. */
  isSuspicious: boolean
}

type State = Pick<FailuresTable, 'count' | 'last_at' | 'locked_until'>
export type SecondState = State & Pick<FailuresTable, 'level' | 'total'>

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

/** Pure: as countFailure, for the counter of second factors. */
export function countSecondFailure(
  state: SecondState,
  max: number,
  lockout: number,
  now: Date,
): SecondState & { tripped: boolean } {
  const { level, total } = state
  const lasts = Math.min(lockout * 2 ** level, Math.max(lockout, LONGEST_LOCKOUT))
  const next = countFailure(state, max, lasts, now)
  const isCounted = state.locked_until === null || state.locked_until <= now
  return { ...next, level: level + (next.tripped ? 1 : 0), total: total + (isCounted ? 1 : 0) }
}

/** Pure: as countFailure, for the counter of codes that begin a sign-in. */
export const countMailedFailure = (
  state: SecondState,
  _max: number,
  _lockout: number,
  now: Date,
): SecondState & { tripped: boolean } => ({
  ...state,
  last_at: now,
  total: state.total + 1,
  tripped: false,
})

/** Pure: when the lock-out of a counter ends; null for none. */
export function lockOf(
  { locked_until: until, total }: Pick<SecondState, 'locked_until' | 'total'>,
  second: Counter['second'],
  now: Date,
): Date | null {
  if (second?.isCode && total >= MOST_WRONG_CODES) return later(now, LONGEST_LOCKOUT)
  return until && until > now ? until : null
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
  const until = latestLock([...rows.values()], counters, now)
  const verdict: FailureVerdict = {
    attemptsRemaining: Number.POSITIVE_INFINITY,
    lockedUntil: until,
    tripped: false,
    isSuspicious: false,
  }
  if (until) return verdict
  for (const { key, max, second, isTotal } of counters) {
    const row = rows.get(key)
    if (!row) throw new Error('a failure counter vanished inside its transaction')
    const count = isTotal ? countMailedFailure : second ? countSecondFailure : countFailure
    const { tripped, ...next } = count(row, max, config.lockoutDuration, now)
    verdict.isSuspicious ||= second !== null && next.count === SUSPICIOUS
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
        level: 0,
        total: 0,
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

type StoredLock = Pick<FailuresTable, 'key' | 'locked_until' | 'total'>

/** When the last lock-out of these counters ends; null for none. */
export function latestLock(
  rows: readonly StoredLock[],
  counters: readonly Counter[],
  now: Date,
): Date | null {
  let latest: Date | null = null
  for (const { key, second } of counters) {
    const row = rows.find((one) => one.key === key)
    const until = row ? lockOf(row, second, now) : null
    if (until && (!latest || until > latest)) latest = until
  }
  return latest
}

/** When the caller's lock-out of the account ends; null for none. */
export async function lockedUntil(
  db: Statements,
  counters: readonly Counter[],
  now: Date,
): Promise<Date | null> {
  const { rows } = await db.executeQuery(selectLocks({ keys: keysOf(counters), now, most: MOST_WRONG_CODES }))
  return latestLock(rows, counters, now)
}

const selectLocks = compiledOnce(
  (db, { keys, now, most }: { keys: readonly string[]; now: Date; most: number }) =>
    db
      .selectFrom('failures')
      .select(['key', 'locked_until', 'total'])
      .where('key', '=', sql<string>`any(${keys}::text[])`)
      .where((row) => row.or([row('locked_until', '>', now), row('total', '>=', most)])),
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

/** Deletes what is stale. Consecutive failures of second factors are never stale: they are kept as long as devices are. */
export async function purgeFailures(tx: Tx, before: Date, now: Date): Promise<void> {
  await tx
    .deleteFrom('failures')
    .where('last_at', '<', before)
    .where((row) => row.or([row('total', '=', 0), row('last_at', '<', later(now, -KEPT))]))
    .execute()
}

const KEPT = 400 * 86_400_000
