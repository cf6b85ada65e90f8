/** Recurring jobs: a row per name with its next due time; the node that advances the time runs the job. */
import { type Clock, duration, later } from '../../base/clock.ts'
import type { Db } from '../../base/db/types.ts'
import type { Log } from '../../base/log/index.ts'
import { claimRecurring, registerRecurring } from './sql.ts'
import type { Traced } from './work.ts'

interface Entry {
  interval: number
  run(now: Date): Promise<void>
  isRegistered: boolean
}

export interface Recurring {
  every(name: string, interval: string, run: (now: Date) => Promise<void>): void
  /** Starts due jobs that are not running in this process. @returns how many */
  startDue(): Promise<number>
  running(): Promise<void>[]
  /** The number of starts and ends so far. */
  turns(): number
}

export interface RecurringOptions {
  db: Db
  clock: Clock
  log: Log
  traced: Traced
}

export function createRecurring({ db, clock, log, traced }: RecurringOptions): Recurring {
  const entries = new Map<string, Entry>()
  const running = new Map<string, Promise<void>>()
  let turns = 0
  let claiming: Promise<unknown> = Promise.resolve()

  const register = async (): Promise<void> => {
    for (const [name, entry] of entries) {
      if (entry.isRegistered) continue
      await registerRecurring(db.hot, name, later(clock.now(), entry.interval))
      entry.isRegistered = true
    }
  }

  const start = (name: string, entry: Entry): void => {
    const done = traced(name, async () => entry.run(clock.now()))
      .catch((err) => log.error({ recurring: name, err }, 'a recurring job failed'))
      .finally(() => {
        running.delete(name)
        turns += 1
      })
    running.set(name, done)
    turns += 1
  }

  const startDue = async (): Promise<number> => {
    await register()
    const idle = [...entries].filter(([name]) => !running.has(name))
    if (idle.length === 0) return 0
    const seconds = idle.map(([, entry]) => entry.interval / 1000)
    const due = await claimRecurring(
      db.hot,
      idle.map(([name]) => name),
      seconds,
      clock.now(),
    )
    for (const name of due) {
      const entry = entries.get(name)
      if (entry) start(name, entry)
    }
    return due.length
  }

  return {
    every(name, interval, run) {
      if (entries.has(name)) throw new Error(`the recurring job ${name} is already registered`)
      entries.set(name, { interval: duration(interval), run, isRegistered: false })
    },
    startDue() {
      const claimed = claiming.then(startDue)
      claiming = claimed.catch(() => undefined)
      return claimed
    },
    running: () => [...running.values()],
    turns: () => turns,
  }
}
