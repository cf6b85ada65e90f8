/**
 * The priority of hashes: they give way to the event loop, so that sign-ins that wait for a hash do not delay other requests
 * on the same core. Only Linux has a priority for each thread. Elsewhere, and where libuv's pool has started before this module
 * was loaded, all threads keep the same one.
 */
import { readdirSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { isMainThread } from 'node:worker_threads'

/** The kernel's ids of this process's threads; none where it does not list them. */
function threads(): number[] {
  try {
    return readdirSync('/proc/self/task').map(Number)
  } catch {
    return []
  }
}

/** Those of node and V8: libuv starts its pool with the first task. */
const before = new Set(threads())

/** Call it once the pool has run a task. @returns how many threads have a lower priority now */
export function lowerPoolPriority(): number {
  if (!isMainThread || before.size === 0) return 0
  const pool = threads().filter((id) => !before.has(id))
  for (const id of pool) {
    try {
      setPriority(id, constants.priority.PRIORITY_BELOW_NORMAL)
    } catch {
      // it has ended
    }
  }
  return pool.length
}
