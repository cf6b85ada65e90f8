/**
 * Rate limits that are exact over several nodes without Redis: rolling windows as rows of an unlogged table, for
 * sensitive operations, whose requests are few. Owns the table; the arithmetic is that of base/limits.
 *
 * Invariant: a request reads and writes its windows under the locks of their rows, which are taken in one order, so that
 * of any number of parallel requests on any nodes exactly as many are allowed as the limit says.
 */
import { sql } from 'kysely'
import { later } from '../../base/clock.ts'
import { sha256 } from '../../base/crypto.ts'
import type { Db, Tx } from '../../base/db/types.ts'
import type { LimitStore, LimitWindow } from '../../base/limits/index.ts'
import { type Rolling, takeIn } from '../../base/limits/rolling.ts'
import { recurs, type Work } from '../jobs/index.ts'

export const limitsInDatabase = ({ db }: { db: Db }): LimitStore => ({
  take: (windows, now) =>
    db.tx('system', async (tx) => {
      const held = await lockWindows(tx, windows, now)
      const rollingOf = (window: LimitWindow): Rolling => {
        const rolling = held.get(window.key)
        if (!rolling) throw new Error('a window of a rate limit vanished inside its transaction')
        return rolling
      }
      const verdicts = takeIn(windows, rollingOf, now.getTime())
      if (verdicts.at(-1)?.allowed)
        tx.withCommit(windows.map((window) => updateEntries(tx, window, rollingOf(window))))
      return verdicts
    }),
})

const keyOf = ({ key }: LimitWindow): Buffer => sha256(key)

/** The windows' rows, inserted where missing and locked by one statement, in the order of their keys. */
async function lockWindows(
  tx: Tx,
  windows: readonly LimitWindow[],
  now: Date,
): Promise<ReadonlyMap<string, Rolling>> {
  const keyed = windows.map((window) => ({ window, key: keyOf(window) }))
  keyed.sort((a, b) => Buffer.compare(a.key, b.key))
  const rows = await tx
    .insertInto('limit_windows')
    .values(keyed.map(({ key, window }) => ({ key, entries: '[]', over: later(now, window.milliseconds) })))
    .onConflict((conflict) =>
      conflict.column('key').doUpdateSet((row) => ({
        over: sql<Date>`greatest(limit_windows.over, ${row.ref('excluded.over')})`,
      })),
    )
    .returning(['key', 'entries'])
    .execute()
  const found = new Map(rows.map(({ key, entries }) => [key.toString('hex'), rollingFrom(entries)]))
  return new Map(keyed.map(({ window, key }) => [window.key, found.get(key.toString('hex')) as Rolling]))
}

const updateEntries = (tx: Tx, window: LimitWindow, { entries }: Rolling) =>
  tx
    .updateTable('limit_windows')
    .set({ entries: JSON.stringify(entries.flatMap(({ first, last, count }) => [first, last, count])) })
    .where('key', '=', keyOf(window))
    .compile()

function rollingFrom(flat: readonly number[]): Rolling {
  const rolling: Rolling = { entries: [], total: 0 }
  for (let i = 0; i + 2 < flat.length; i += 3) {
    const [first = 0, last = 0, count = 0] = flat.slice(i, i + 3)
    rolling.entries.push({ first, last, count })
    rolling.total += count
  }
  return rolling
}

/** Deletes windows that have passed. */
export const limitJobs = ({ db }: { db: Db }): Work[] => [
  recurs('limits.purge', '1h', async (now) => {
    await db.hot.deleteFrom('limit_windows').where('over', '<', now).execute()
  }),
]
