/**
 * Lock-out of guessing (PRODUCT §4). Failures are counted for every verifier of an account together, under
 * its id when it exists and under the canonical identifier when it does not, so that both look alike.
 *
 * A stranger is counted twice: per account and address (5 → 15 minutes), and per account over all addresses
 * (ten times that), which stops a guess spread over many machines. A browser that has signed in as this user
 * before is counted by itself only, so nobody can lock it out from elsewhere.
 *
 * Invariant: the outcome of a check is told only after the counter's row was locked, so of any number of
 * parallel guesses exactly as many outcomes are told as the limit allows. Counters are written in a
 * transaction of their own: they survive a refused sign-in and a restart.
 */
import { sql } from 'kysely'
import { later } from '../../../base/clock.ts'
import type { Keyring } from '../../../base/crypto.ts'
import type { FailuresTable } from '../../../base/db/tables.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { addressKey } from '../../../base/http/request/address.ts'
import type { Config } from '../../../config.ts'

const ACCOUNT_WIDE_FACTOR = 10

export interface Counter {
  key: string
  /** The same for every counter of the account. */
  account: string
  max: number
}

/** Who is tried, as the counters see it. */
export interface Guessed {
  /** The user's id, or the canonical identifier where there is none; marked, so that nobody types an id as a name. */
  account: string
  ip: string | null
  /** A device that is known to have signed in as this user. */
  deviceId: string | null
}

/** The counters a failure goes to; keys are keyed hashes, because an identifier without account is personal too. */
export function countersOf(
  keyring: Keyring,
  config: Pick<Config, 'lockoutFailures'>,
  guessed: Guessed,
): Counter[] {
  const key = (...parts: string[]) => keyring.mac('identifiers', JSON.stringify(parts)).toString('base64url')
  const max = config.lockoutFailures
  const account = key('account', guessed.account)
  if (guessed.deviceId) return [{ key: key('device', guessed.account, guessed.deviceId), account, max }]
  return [
    { key: key('pair', guessed.account, guessed.ip ? addressKey(guessed.ip) : 'none'), account, max },
    { key: account, account, max: max * ACCOUNT_WIDE_FACTOR },
  ].sort((a, b) => (a.key < b.key ? -1 : 1))
}

export interface FailureVerdict {
  attemptsRemaining: number
  /** Set when this account is locked for this caller. */
  lockedUntil: Date | null
  /** Whether it is this failure that locked it. */
  tripped: boolean
}

type State = Pick<FailuresTable, 'count' | 'last_at' | 'locked_until'>

/** Pure: what one more failure makes of a counter. A locked one does not count on; a stale one begins anew. */
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
 * Counts a failure in every counter, unless one of them is locked already: who is told nothing has guessed
 * nothing, and one address with many guesses at once must not use up what is counted over all addresses.
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

/** The counters' rows, made where there are none and locked in one statement, so that none can go in between. */
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

async function lockCounters(tx: Tx, counters: readonly Counter[]): Promise<Map<string, FailuresTable>> {
  const rows = await tx
    .selectFrom('failures')
    .selectAll()
    .where(
      'key',
      'in',
      counters.map(({ key }) => key),
    )
    // in the order in which `countersOf` sorts, whatever the database's own: two who lock in two orders deadlock
    .orderBy(sql`key collate "C"`)
    .forUpdate()
    .execute()
  return new Map(rows.map((row) => [row.key, row]))
}

function latestLock(rows: Iterable<Pick<FailuresTable, 'locked_until'>>, now: Date): Date | null {
  let until: Date | null = null
  for (const { locked_until: lock } of rows) if (lock && lock > now && (!until || lock > until)) until = lock
  return until
}

/** Until when the caller is locked out of the account; null when not. */
export async function lockedUntil(
  db: Statements,
  counters: readonly Counter[],
  now: Date,
): Promise<Date | null> {
  const row = await db
    .selectFrom('failures')
    .select(sql<Date | null>`max(locked_until)`.as('until'))
    .where(
      'key',
      'in',
      counters.map(({ key }) => key),
    )
    .where('locked_until', '>', now)
    .executeTakeFirst()
  return row?.until ?? null
}

/**
 * After a right credential: forgets the failures, unless they locked the account meanwhile, in which case
 * even the right credential is refused.
 * @returns until when it is locked, or null when the way is free
 */
export async function clearFailures(tx: Tx, counters: readonly Counter[], now: Date): Promise<Date | null> {
  const rows = await lockCounters(tx, counters)
  const until = latestLock(rows.values(), now)
  if (rows.size > 0 && until === null)
    await tx
      .deleteFrom('failures')
      .where('key', 'in', [...rows.keys()])
      .execute()
  return until
}

/** Forgets the failures whatever they led to. */
export async function forgetFailures(tx: Tx, counters: readonly Counter[]): Promise<void> {
  const keys = counters.map(({ key }) => key)
  await tx.deleteFrom('failures').where('key', 'in', keys).execute()
}

/** Forgets every failure of an account, from wherever. */
export async function forgetFailuresOf(tx: Tx, { account }: Counter): Promise<void> {
  await sql`
    with held as materialized (select key from failures where account = ${account} order by key collate "C" for update)
    delete from failures f using held where f.key = held.key`.execute(tx)
}

/** The answer to anybody who is locked out, with the seconds left. */
export function lockedProblem(until: Date, now: Date) {
  const seconds = Math.max(1, Math.ceil((until.getTime() - now.getTime()) / 1000))
  return problem('ACCOUNT_LOCKED', { details: { lockout_duration: seconds }, retryAfter: seconds })
}

export async function purgeFailures(tx: Tx, before: Date): Promise<void> {
  await tx.deleteFrom('failures').where('last_at', '<', before).execute()
}
