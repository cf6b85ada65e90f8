/**
 * Revocation of credentials before they expire: tokens, sessions, users, API keys, roles, organizations, apps. Owns the
 * table, its NOTIFY and the replica in each process. Leaves to the features what to revoke, and the check of each
 * credential against it.
 *
 * Invariant: a revocation is written in the transaction of its cause, and after the commit every process refuses what
 * it covers. A process whose LISTEN connection is down queries the database for every credential until it has caught
 * up.
 */
import { later } from '../../base/clock.ts'
import type { Db, Tx } from '../../base/db/types.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log/index.ts'
import { createReplica } from '../../base/replica.ts'
import { appFamiliesOf, lockSubjects } from '../subjects/index.ts'
import {
  memberIn,
  type Revocable,
  type Revocation,
  type RevocationKind,
  revocationList,
  UNNAMED_ROLE,
} from './list.ts'
import { deleteBefore, insertRevocations, isCovered, selectLast, selectRevocationsAfter } from './sql.ts'
import type { RevocationsTable } from './tables.ts'

export type { Revocable, Revocation } from './list.ts'

interface Revoke {
  kind: RevocationKind
  value: string
  /** Covers credentials issued up to this time, which is read after the changed row was locked; absent: all. */
  before?: Date
  /** When every credential that it covers has expired. */
  until: Date
}

/** The maximum lifetime of any access token. */
export const LONGEST_TOKEN = 30 * 86_400_000
/** The maximum lifetime of a session's access token. */
export const LONGEST_SESSION_TOKEN = 86_400_000

const CHANNEL = 'latchkey_revocations'
/** Tolerance for other machines' clocks: an entry is kept longer than the credentials that it covers. */
const SLACK = 5 * 60_000
/** Entries per notification: its limit is 8000 bytes, and an entry takes fewer than 300. */
const NOTIFY_BATCH = 25
const PAGE = 2000

/** Writes revocations and notifies every process with the commit. Entries with `before` require the system scope. */
export async function revoke(tx: Tx, entry: Revoke | readonly Revoke[], now: Date): Promise<void> {
  const entries = [entry].flat()
  for (let from = 0; from < entries.length; from += NOTIFY_BATCH) {
    const rows: RevocationsTable[] = []
    for (const { kind, value, before, until } of entries.slice(from, from + NOTIFY_BATCH)) {
      const id = newId('rvk')
      const upTo = before ? await afterLast(tx, kind, value, before) : null
      rows.push({ id, at: now, kind, value, before: upTo, until: later(until, SLACK) })
    }
    await insertRevocations(tx, rows)
    await tx.notify(CHANNEL, JSON.stringify(rows.map(toRevocation)))
  }
}

/** A token issued after an earlier revocation that reaches as far is dated one millisecond later (`issueAt`). */
async function afterLast(tx: Tx, kind: RevocationKind, value: string, before: Date): Promise<Date> {
  const last = await selectLast(tx, kind, value)
  return last !== null && last >= before ? later(last, 1) : before
}

/** A token issued during the commit may still be based on the state before it. */
const COMMIT_MARGIN = 1000

/** Entries that cover every token of these values issued so far. */
const issued = (kind: RevocationKind, values: readonly string[], now: Date): Revoke[] =>
  values.map((value) => ({
    kind,
    value,
    before: later(now, COMMIT_MARGIN),
    until: later(now, LONGEST_TOKEN),
  }))

/** Revokes every token issued to a session so far. As the system. @param now read after the session was locked */
export async function revokeSessionTokens(tx: Tx, id: string, now: Date): Promise<void> {
  await revoke(tx, issued('sid', [id], now), now)
  await revokeTokenFamilies(tx, await appFamiliesOf(tx, [id]), now)
}

type Now = { now(): Date }

/**
 * Revokes every token issued to a user so far, by each subject that apps know them by. After the changed row was locked.
 * @param subjects read before, by `lockSubjects`: of a user who is deleted, or where other rows were locked since
 */
export async function revokeUser(
  tx: Tx,
  userId: string,
  clock: Now,
  subjects?: readonly string[],
): Promise<void> {
  const known = subjects ?? (await lockSubjects(tx, userId))
  const now = clock.now()
  await revoke(tx, issued('sub', [userId, ...known], now), now)
}

/** Revokes every token issued to holders of these roles so far, and those that depend on any role without naming it. */
export const revokeRoles = (tx: Tx, names: readonly string[], now: Date): Promise<void> =>
  revoke(tx, issued('role', [...names, UNNAMED_ROLE], now), now)

/** Revokes every token issued for an organization so far. */
export const revokeOrganization = (tx: Tx, id: string, now: Date): Promise<void> =>
  revoke(tx, issued('org', [id], now), now)

/** Revokes every token issued to one user for one organization so far. After the changed row was locked. */
export async function revokeMember(tx: Tx, id: string, userId: string, clock: Now): Promise<void> {
  const subjects = await lockSubjects(tx, userId)
  const now = clock.now()
  const values = [userId, ...subjects].map((subject) => memberIn(id, subject))
  await revoke(tx, issued('org', values, now), now)
}

/** Revokes every token of a family of an app: those of a code that was used twice, or of what the user has withdrawn. */
export const revokeTokenFamilies = (tx: Tx, ids: readonly string[], now: Date): Promise<void> =>
  revoke(tx, issued('family', ids, now), now)

/** Revokes every token issued to these apps so far. */
export const revokeClients = (tx: Tx, ids: readonly string[], now: Date): Promise<void> =>
  revoke(tx, issued('client', ids, now), now)

export interface Revocations {
  /** Whether the credential is revoked; a promise where the database must be queried. */
  covers(credential: Revocable, now: Date): boolean | Promise<boolean>
  /**
   * The time of issue of a new token, to be kept in its `jti` (`newIdAt`); null where all tokens are revoked. Revocations
   * that were received before `now` do not cover it. Later ones do, because the token may be based on the state before
   * them. It may be as far ahead of `now` as a revocation reaches (`COMMIT_MARGIN`), so it is not the token's `iat`.
   * @param now from before the first read that the token is based on
   */
  issueAt(credential: Omit<Revocable, 'issuedAt'>, now: Date): Date | null
  /** Whether the replica is current. */
  isLive(): boolean
  /** Calls the listener for every revocation, for some twice. @returns a function to unsubscribe */
  onRevoked(listener: (revocation: Revocation) => void): () => void
  /** Calls the listener when the LISTEN connection is lost or has caught up. @returns a function to unsubscribe */
  onLine(listener: (isLive: boolean) => void): () => void
  /** The unexpired revocations after the cursor, oldest first. */
  since(cursor: string | null, now: Date): AsyncGenerator<Revocation>
  /** Loads the replica and listens. */
  open(): Promise<void>
  /** Deletes expired entries from the replica and the database. */
  purge(now: Date): Promise<void>
  close(): Promise<void>
}

export function createRevocations(tools: { db: Db; clock: { now(): Date }; log: Log }): Revocations {
  const { db, clock, log } = tools
  const list = revocationList()
  const listeners = new Set<(revocation: Revocation) => void>()
  const replica = createReplica({ db, log, name: 'revocations', channel: CHANNEL, load, apply })

  function apply(payload: string): void {
    for (const revocation of JSON.parse(payload) as Revocation[]) {
      list.add(revocation, clock.now())
      for (const listener of listeners) listener(revocation)
    }
  }

  async function load(): Promise<void> {
    for await (const revocation of since(null, clock.now())) list.add(revocation, clock.now())
  }

  async function* since(cursor: string | null, now: Date): AsyncGenerator<Revocation> {
    let after = startOf(cursor)
    for (;;) {
      const rows = await selectRevocationsAfter(db.hot, after, now, PAGE)
      for (const row of rows) yield toRevocation(row)
      const last = rows.at(-1)
      if (last === undefined || rows.length < PAGE) return
      after = last.id
    }
  }

  return {
    covers(credential, now) {
      // a known revocation is final
      if (list.covers(credential)) return true
      return replica.isCurrent() ? false : isCovered(db.hot, credential, now)
    },
    issueAt(credential, now) {
      const covered = list.coveredUpTo(credential, now)
      if (list.covers({ ...credential, issuedAt: Number.POSITIVE_INFINITY })) return null
      return new Date(Math.max(now.getTime(), Math.round(covered * 1000) + 1))
    },
    isLive: replica.isCurrent,
    onRevoked(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    onLine: replica.onCurrent,
    since,
    open: replica.open,
    async purge(now) {
      list.sweep(seconds(now))
      await deleteBefore(db.hot, now)
    },
    close: replica.close,
  }
}

/** Whole seconds since 1970, rounded down. */
export const seconds = (at: Date): number => Math.floor(at.getTime() / 1000)

const toRevocation = (row: RevocationsTable): Revocation => ({
  id: row.id,
  kind: row.kind,
  value: row.value,
  before: row.before === null ? null : row.before.getTime() / 1000,
  until: seconds(row.until) + 1,
})

const OVERLAP = 60_000

/**
 * The id to read from for a cursor: a minute earlier, because transactions commit in another order than their ids were
 * generated. A malformed cursor starts at the beginning.
 */
function startOf(cursor: string | null): string {
  const time = /^rvk_([0-9a-f]{12})[0-9a-f]{20}$/.exec(cursor ?? '')?.[1]
  if (time === undefined) return ''
  const at = Math.max(0, Number.parseInt(time, 16) - OVERLAP)
  return `rvk_${at.toString(16).padStart(12, '0')}${'0'.repeat(20)}`
}
