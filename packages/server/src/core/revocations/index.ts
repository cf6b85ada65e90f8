/**
 * What is refused although it has not expired: single tokens, sessions, people, API keys. Owns the table, its
 * NOTIFY, and each process's memory of it. Leaves to the features what to revoke, and that a credential is
 * held against it.
 *
 * Invariant: a revocation is written in the transaction of its cause, and from the commit on no process that
 * hears the database believes what it covers. One that does not hear it asks the database about every
 * credential until it has caught up.
 */
import { later } from '../../base/clock.ts'
import type { Db, Tx } from '../../base/db/types.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log/index.ts'
import { createReplica } from '../../base/replica.ts'
import { memberIn, type Revocable, type Revocation, type RevocationKind, revocationList } from './list.ts'
import { deleteBefore, insertRevocations, isCovered, selectLast, selectPage } from './sql.ts'
import type { RevocationsTable } from './tables.ts'

export type { Revocable, Revocation, RevocationKind } from './list.ts'

export interface Revoke {
  kind: RevocationKind
  value: string
  /** Only what was issued up to here, read after what it hangs on was locked; absent: all. */
  before?: Date
  /** When everything it refuses has expired. */
  until: Date
}

/** No token lives longer, whoever makes it. */
export const LONGEST_TOKEN = 30 * 86_400_000
/** Nor one of a session, whatever the lifetime is set to. */
export const LONGEST_SESSION_TOKEN = 86_400_000

const CHANNEL = 'latchkey_revocations'
/** Others' clocks may be behind, so an entry outlives what it refuses. */
const SLACK = 5 * 60_000
/** A notification carries 8000 bytes; an entry takes fewer than 300. */
const IN_ONE = 25
const PAGE = 2000

/** Writes down what is refused from the commit on, and tells every process. What has a `before` takes system scope. */
export async function revoke(tx: Tx, what: Revoke | readonly Revoke[], now: Date): Promise<void> {
  const entries = [what].flat()
  for (let from = 0; from < entries.length; from += IN_ONE) {
    const rows: RevocationsTable[] = []
    for (const { kind, value, before, until } of entries.slice(from, from + IN_ONE)) {
      const id = newId('rvk')
      const upTo = before ? await afterLast(tx, kind, value, before) : null
      rows.push({ id, at: now, kind, value, before: upTo, until: later(until, SLACK) })
    }
    await insertRevocations(tx, rows)
    await tx.notify(CHANNEL, JSON.stringify(rows.map(toRevocation)))
  }
}

/** What was issued anew within the second of an earlier revocation carries the second after it (`issueAt`). */
async function afterLast(tx: Tx, kind: RevocationKind, value: string, before: Date): Promise<Date> {
  const last = await selectLast(tx, kind, value)
  return last !== null && seconds(last) >= seconds(before) ? later(last, 1000) : before
}

/** What is being issued while the transaction commits may still read what was before it. */
const MOMENT = 1000

/** Of these values, every token that was issued so far. */
const issued = (kind: RevocationKind, values: readonly string[], now: Date): Revoke[] =>
  values.map((value) => ({ kind, value, before: later(now, MOMENT), until: later(now, LONGEST_TOKEN) }))

/** Refuses every token that a person was issued so far. @param now read after what the change hangs on was locked */
export const revokeUser = (tx: Tx, userId: string, now: Date): Promise<void> =>
  revoke(tx, issued('sub', [userId], now), now)

/** Refuses every token that was issued so far to holders of these roles. */
export const revokeRoles = (tx: Tx, names: readonly string[], now: Date): Promise<void> =>
  revoke(tx, issued('role', names, now), now)

/** Refuses every token that was issued so far for acting in an organization. */
export const revokeOrganization = (tx: Tx, id: string, now: Date): Promise<void> =>
  revoke(tx, issued('org', [id], now), now)

/** Refuses every token that one person was issued so far for acting in one organization. */
export const revokeMember = (tx: Tx, id: string, userId: string, now: Date): Promise<void> =>
  revoke(tx, issued('org', [memberIn(id, userId)], now), now)

export interface Revocations {
  /** Whether it is refused; a promise where this process has to ask the database. */
  covers(credential: Revocable, now: Date): boolean | Promise<boolean>
  /**
   * The second to put as `iat`; null where all is revoked. Revocations that were heard before `now` do not cover it.
   * One heard since does: what is being issued may have been read before that revocation was committed.
   * @param now from before anything was read that the credential rests on
   */
  issueAt(credential: Omit<Revocable, 'iat'>, now: Date): number | null
  /** Whether this process hears of revocations. */
  isLive(): boolean
  /** Calls for every revocation that is heard; some come twice. @returns how to stop */
  onRevoked(listener: (revocation: Revocation) => void): () => void
  /** Calls when the line to the database is lost or caught up again. @returns how to stop */
  onLine(listener: (isLive: boolean) => void): () => void
  /** What was written after the cursor and still refuses something, oldest first. */
  since(cursor: string | null, now: Date): AsyncGenerator<Revocation>
  /** Loads what there is and listens. */
  open(): Promise<void>
  /** Forgets what is over, here and in the database. */
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
      const rows = await selectPage(db.hot, after, now, PAGE)
      for (const row of rows) yield toRevocation(row)
      const last = rows.at(-1)
      if (last === undefined || rows.length < PAGE) return
      after = last.id
    }
  }

  return {
    covers(credential, now) {
      // what is known to be revoked is refused in any case
      if (list.covers(credential)) return true
      return replica.isCurrent() ? false : isCovered(db.hot, credential, now)
    },
    issueAt(credential, now) {
      if (list.covers({ ...credential, iat: Number.POSITIVE_INFINITY })) return null
      return Math.max(seconds(now), list.coveredUpTo(credential, now) + 1)
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

/** Seconds since 1970, the second that is running. */
export const seconds = (at: Date): number => Math.floor(at.getTime() / 1000)

const toRevocation = (row: RevocationsTable): Revocation => ({
  id: row.id,
  kind: row.kind,
  value: row.value,
  before: row.before === null ? null : seconds(row.before),
  until: seconds(row.until) + 1,
})

const OVERLAP = 60_000

/**
 * Where reading goes on after a cursor: a minute earlier, because transactions commit in another order than
 * their ids were made in. Anything that is no cursor of ours begins at the beginning.
 */
function startOf(cursor: string | null): string {
  const made = /^rvk_([0-9a-f]{12})[0-9a-f]{20}$/.exec(cursor ?? '')?.[1]
  if (made === undefined) return ''
  const at = Math.max(0, Number.parseInt(made, 16) - OVERLAP)
  return `rvk_${at.toString(16).padStart(12, '0')}${'0'.repeat(20)}`
}
