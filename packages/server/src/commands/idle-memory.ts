/**
 * Garbage collection while the process is idle. V8 keeps the space of new objects at the size that the last load needed,
 * and collects it only when it is full, which takes an idle server hours: 25 MiB that nothing uses. So that a collection
 * never delays a request for long, it runs only while the process uses almost no CPU and its heap is small.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const EVERY = 5000
/** Of one core. */
const IDLE_SHARE = 0.02
const MIB = 2 ** 20
/** Less is not worth a collection. */
const LEAST_FREE = 12 * MIB
/** The time of a collection grows with what is in use. */
const MOST_USED = 64 * MIB

/** What the process has used: CPU since the last look as a share of one core, and the heap in bytes. */
export interface Usage {
  cpuShare: number
  heapTotal: number
  heapUsed: number
}

export const isWorthCollecting = ({ cpuShare, heapTotal, heapUsed }: Usage): boolean =>
  cpuShare < IDLE_SHARE && heapTotal - heapUsed > LEAST_FREE && heapUsed < MOST_USED

/** @returns a function that ends it */
export function collectWhenIdle(): () => void {
  let before = process.cpuUsage()
  const look = () => {
    const { user, system } = process.cpuUsage(before)
    before = process.cpuUsage()
    if (isWorthCollecting({ ...process.memoryUsage(), cpuShare: (user + system) / (EVERY * 1000) }))
      collectGarbage()
  }
  const timer = setInterval(look, EVERY).unref()
  return () => clearInterval(timer)
}

/** A whole collection, which also returns what is free to the operating system. */
export function collectGarbage(): void {
  collect ??= exposed()
  collect()
}

let collect: (() => void) | undefined

/** The flag makes `gc` a global of new contexts only, and is withdrawn at once. */
function exposed(): () => void {
  setFlagsFromString('--expose-gc')
  try {
    return runInNewContext('gc') as () => void
  } finally {
    setFlagsFromString('--no-expose-gc')
  }
}
