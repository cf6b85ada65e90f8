/**
 * One value held in memory until it changes: loaded on demand, once at a time, dropped when a notification names it on the channel of
 * changes.ts, and read from the database at each request while the LISTEN connection is down. Leaves what is loaded, and the triggers
 * that notify the name, to its owner; rows by a key are row-cache.ts, whole tables replica.ts.
 *
 * Invariant: an answer contains every change that was committed before the request for it, as far as changes.ts knows of it: it is of a
 * load that began after the request, or of one since which nothing has changed. So nothing that was loaded before the LISTEN
 * connection was lost is used afterwards.
 */
import type { Changes } from './changes.ts'
import type { Eventual } from './eventual.ts'
import { deepFrozen } from './frozen.ts'

export interface HeldValue<V> {
  /** The value, frozen; a promise where it has to be loaded. */
  get(): Eventual<V>
}

export interface HeldOptions<V> {
  changes: Pick<Changes, 'last' | 'isCurrent' | 'isUnchanged'>
  /** What triggers notify when the value changes, instead of an id. */
  name: string
  load(): Promise<V>
}

interface Loaded<V> {
  value: V
  since: number
}

interface Load<V> {
  /** Which load it is, counted from 1. */
  number: number
  result: Promise<Loaded<V>>
}

export function createHeld<V>({ changes, name, load }: HeldOptions<V>): HeldValue<V> {
  let known: Loaded<V> | null = null
  let running: Load<V> | null = null
  let waiting: Promise<Loaded<V>> | null = null
  let started = 0

  const isUnchanged = (since: number): boolean =>
    changes.isCurrent() && changes.isUnchanged(since, name, null)

  async function read(): Promise<Loaded<V>> {
    const since = changes.last()
    known = { value: deepFrozen(await load()), since }
    return known
  }

  function start(): Promise<Loaded<V>> {
    const result = read().finally(() => {
      running = null
    })
    started += 1
    running = { number: started, result }
    return result
  }

  /** A load that begins after this call. At any time one load runs and at most one waits, for all callers. */
  function next(): Promise<Loaded<V>> {
    if (running === null) return start()
    waiting ??= settled(running.result).then(() => {
      waiting = null
      // one that began meanwhile began after this call, too
      return running?.result ?? start()
    })
    return waiting
  }

  async function find(): Promise<V> {
    const before = started
    if (running !== null) {
      const joined = await settled(running.result)
      // its statement was sent before this call: what has changed since then it may not contain
      if (joined !== null && isUnchanged(joined.since)) return joined.value
      if (running !== null && running.number > before) return (await running.result).value
    }
    return (await next()).value
  }

  return {
    get: () => (known !== null && isUnchanged(known.since) ? known.value : find()),
  }
}

/** Null where it failed: a failure is of those who began the load. */
const settled = <T>(promise: Promise<T>): Promise<T | null> => promise.catch(() => null)
