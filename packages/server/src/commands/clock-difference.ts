/** How far the clock of this machine is from that of the database, by which other nodes and operators compare times. */
import { sql } from 'kysely'
import { systemClock } from '../base/clock.ts'
import type { Db } from '../base/db/types.ts'
import type { Log } from '../base/log/index.ts'

/** Above it, expiry times of several nodes differ noticeably. */
const NOTICEABLE_MS = 2000

/** Milliseconds by which `theirs` is outside of the time in which it was read; negative: it is behind. */
export function clockDifference(theirs: Date, read: { began: Date; ended: Date }): number {
  return (
    Math.max(0, theirs.getTime() - read.ended.getTime()) -
    Math.max(0, read.began.getTime() - theirs.getTime())
  )
}

export const isNoticeable = (difference: number): boolean => Math.abs(difference) >= NOTICEABLE_MS

/** Logs a warning where the clocks differ. The start is not refused (docs/guides/upgrading.md: what differs). */
export async function warnOfClock(db: Db, log: Log): Promise<void> {
  const began = systemClock().now()
  const { rows } = await db.tx('system', (tx) =>
    sql<{ now: Date }>`select clock_timestamp() as now`.execute(tx),
  )
  const ended = systemClock().now()
  const difference = clockDifference(rows[0]?.now ?? began, { began, ended })
  if (!isNoticeable(difference)) return
  log.warn(
    { difference_s: Math.round(-difference / 100) / 10 },
    "the clock of this machine differs from the database's: tokens and sessions that it issues begin and end by its clock; synchronise both by NTP",
  )
}
