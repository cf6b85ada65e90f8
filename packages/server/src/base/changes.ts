/**
 * Which users, organizations and clients have changed: the invalidation of rows in memory (row-cache.ts), by NOTIFY. Triggers
 * notify in the transaction of each change, with the id of the row that it concerns, or with a word for an answer that
 * depends on many rows (core/routed-domains.ts). Owns the number of the last change, the changes that are remembered, and the
 * lease; leaves the rows to the caches.
 *
 * Invariant: where `isUnchanged(since, …)` holds, no transaction that committed more than a second ago has changed the
 * subject or the organization after a statement that was sent when `last()` was `since`.
 *
 * Why. A change C commits before its notification N reaches this process. If C committed before the statement was
 * sent, its result contains C. Otherwise N arrives after `since` was read, gets a higher number, and the result does
 * not count any more: whether N came before or after the result does not matter, since results are not removed but
 * compared. A notification can be missed only while the LISTEN connection is down: then nothing is current, and after
 * its return results from before do not count (`floor`). A connection that is dead without a sign of it, or late, is
 * bounded by a lease: while rows are used, this process probes the connection four times a second, and the answer
 * proves that every notification of a transaction that committed before the probe has arrived. Without an answer to a
 * probe of the last second nothing is current. The connections of transactions listen too, so that the commit of this
 * process's own change returns after its notification arrived.
 */
import type { Clock } from './clock.ts'
import { CHANGES_CHANNEL } from './db/driver.ts'
import type { Db } from './db/types.ts'
import type { Log } from './log/index.ts'
import { createReplica } from './replica.ts'

/** How long an answer of the LISTEN connection counts, in milliseconds. */
const LEASE = 1000
/** How long after an answered probe the next is sent. */
const PROBE_EVERY = 250
/** Ids that are remembered; beyond it every row in memory counts as changed. */
const MOST = 10_000

export interface Changes {
  /** The number of the last change; read it before the statement whose result is to be kept. */
  last(): number
  /** Whether results are current at all; otherwise they come from the database. */
  isCurrent(): boolean
  /** Whether neither the subject (a user, a client) nor the organization has changed since a number; only with `isCurrent()`. */
  isUnchanged(since: number, subjectId: string, organizationId: string | null): boolean
  /** Whether notifications arrive, as far as this process knows; no credential may be accepted for it (`isCurrent`). */
  isListening(): boolean
  open(): Promise<void>
  close(): Promise<void>
}

export function createChanges(tools: {
  db: Pick<Db, 'listen' | 'heard'>
  clock: Pick<Clock, 'ticks'>
  log: Pick<Log, 'warn'>
}): Changes {
  const { db, clock, log } = tools
  let last = 0
  /** Results from before this number do not count. */
  let floor = 0
  const changed = new Map<string, number>()
  let heardUntil = Number.NEGATIVE_INFINITY
  let isProbing = false

  function forgetAll(): void {
    last += 1
    floor = last
    changed.clear()
  }

  function apply(id: string): void {
    last += 1
    if (changed.size >= MOST && !changed.has(id)) forgetAll()
    changed.set(id, last)
  }

  /** Sent at `now`: the answer proves nothing about later commits. */
  function probe(now: number): void {
    if (isProbing) return
    isProbing = true
    const done = () => {
      isProbing = false
    }
    db.heard().then(() => {
      heardUntil = now
      done()
    }, done)
  }

  const replica = createReplica({
    db,
    log,
    name: 'changes',
    channel: CHANGES_CHANNEL,
    load: async () => forgetAll(),
    apply,
  })

  return {
    last: () => last,
    isListening: replica.isCurrent,
    isCurrent() {
      if (!replica.isCurrent()) return false
      const now = clock.ticks()
      if (now - heardUntil > PROBE_EVERY) probe(now)
      return now - heardUntil <= LEASE
    },
    isUnchanged: (since, subjectId, organizationId) =>
      since >= floor &&
      (changed.get(subjectId) ?? 0) <= since &&
      (organizationId === null || (changed.get(organizationId) ?? 0) <= since),
    open: replica.open,
    close: replica.close,
  }
}
