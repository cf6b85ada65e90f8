/**
 * Rows that nodes share through Redis: a read-through cache between the memory of a process (row-cache.ts) and the database. Redis
 * is not trusted, and never the source of truth. Owns the form of an entry, its key and its lifetime; leaves to row-cache.ts
 * whether a row is current, and to its user what it permits.
 *
 * Invariants. An entry counts only with the position of the statement that has read it (positions.ts), so that it makes no difference
 * when it was written, or by whom it was put back. It is encrypted under a key of LATCHKEY_SECRET with the name under which it is
 * kept: who reads Redis learns no credential and no user, and who writes to it can neither make an entry nor move one to another
 * credential. It names credentials by their hash. Without Redis everything is read from the database.
 */
import type { Config } from '../config.ts'
import type { Changes } from './changes.ts'
import type { Clock } from './clock.ts'
import { digestBytes, digestKey, type Keyring } from './crypto.ts'
import type { Db } from './db/types.ts'
import type { Log } from './log/index.ts'
import type { Cell } from './metrics/index.ts'
import type { Redis } from './outbound/redis.ts'
import { createPositions, type PositionedRow, type Positions } from './positions.ts'
import { version } from './version.ts'

/** The entries of one statement. */
export interface SharedStore<R> {
  /** The row, and the number of the last change that it contains; null where Redis has none that can be used. Never rejects. */
  find(key: string): Promise<{ row: R; since: number } | null>
  /** Writes it without waiting. */
  keep(key: string, row: R): void
}

export interface SharedRows {
  /** @param shape what the rows look like: the text of the statement */
  store<R extends PositionedRow>(shape: string): SharedStore<R>
  /** How often an entry was looked for, and found. */
  counts: { readonly hits: number; readonly misses: number }
}

/** How long an entry is kept: as long as a browser or a program makes requests to several nodes. Milliseconds. */
const LIFETIME = 5 * 60_000
/** Longer rows are not shared, in characters. */
const LONGEST = 16_384
/** Writes that wait for an answer; beyond it rows are not shared. */
const MOST_WAITING = 200
const PREFIX = 'latchkey:row:'

interface SharedRowsOptions {
  /** Counts look-ups by their outcome. */
  counter: (labels: { outcome: 'hit' | 'miss' }) => Cell
  keyring: Pick<Keyring, 'encrypt' | 'decrypt'>
  log: Pick<Log, 'warn' | 'info'>
}

/** Null where there is nothing to share, or no one to share it with: the embedded database serves one process. */
export function openSharedRows({
  redis,
  config,
  ...tools
}: SharedRowsOptions & {
  redis: Redis | null
  config: Pick<Config, 'sharedCredentials'>
  db: Db
  changes: Changes
  clock: Clock
}): SharedRows | null {
  if (redis === null || !config.sharedCredentials || tools.db.kind === 'pglite') return null
  return createSharedRows({ ...tools, redis, positions: createPositions(tools) })
}

export function createSharedRows({
  redis,
  positions,
  keyring,
  log,
  counter,
}: SharedRowsOptions & { redis: Pick<Redis, 'get' | 'put'>; positions: Positions }): SharedRows {
  const counts = { hits: 0, misses: 0 }
  const cells = { hits: counter({ outcome: 'hit' }), misses: counter({ outcome: 'miss' }) }
  const failing = { reads: false, writes: false }
  let waiting = 0

  function report(what: 'reads' | 'writes', err: unknown): void {
    const before = failing.reads || failing.writes
    failing[what] = err !== null
    const after = failing.reads || failing.writes
    if (after && !before) log.warn({ err }, 'Redis shares no rows: each node reads them from the database')
    if (before && !after) log.info({}, 'Redis shares rows again')
  }

  async function read(name: string): Promise<string | null> {
    try {
      const sealed = await redis.get(name)
      report('reads', null)
      return sealed
    } catch (err) {
      report('reads', err)
      return null
    }
  }

  function open<R>(name: string, sealed: string): R | null {
    try {
      return unpack<R>(name, keyring.decrypt('rows', sealed))
    } catch {
      return null
    }
  }

  return {
    counts,
    store<R extends PositionedRow>(shape: string): SharedStore<R> {
      // other versions may compute rows differently
      const digest = digestBytes(digestKey(`${version()} ${shape}`)).toString('base64url', 0, 6)
      const named = `${PREFIX}${digest}:`
      const nameOf = (key: string): string => named + digestBytes(key).toString('base64url')

      async function find(key: string): Promise<{ row: R; since: number } | null> {
        const name = nameOf(key)
        const sealed = await read(name)
        const row = sealed === null ? null : open<R>(name, sealed)
        if (row?.position === undefined) return null
        const since = positions.sinceOf(row.position)
        return since === null ? null : { row, since }
      }

      return {
        async find(key) {
          // for the entries of later calls; a failure is that of the database, which other statements report
          positions.mark().catch(() => {})
          const found = await find(key)
          const outcome = found ? 'hits' : 'misses'
          counts[outcome] += 1
          cells[outcome].add()
          return found
        },
        keep(key, row) {
          if (row.position === undefined || waiting >= MOST_WAITING) return
          const name = nameOf(key)
          const packed = pack(name, row)
          if (packed.length > LONGEST) return
          waiting += 1
          redis
            .put(name, keyring.encrypt('rows', packed), LIFETIME)
            .then(
              () => report('writes', null),
              (err: unknown) => report('writes', err),
            )
            .finally(() => {
              waiting -= 1
            })
        },
      }
    },
  }
}

/** An entry in clear: what JSON has no form for is named beside the row. */
interface Packed {
  name: string
  row: Record<string, unknown>
  /** Columns that are dates. */
  dates: string[]
  /** Columns that are no finite number, as text. */
  numbers: Record<string, string>
}

function pack(name: string, row: object): string {
  const packed: Packed = { name, row: row as Record<string, unknown>, dates: [], numbers: {} }
  for (const [column, value] of Object.entries(row)) {
    if (value instanceof Date) packed.dates.push(column)
    else if (typeof value === 'number' && !Number.isFinite(value)) packed.numbers[column] = String(value)
  }
  return JSON.stringify(packed)
}

/** @returns null for an entry that was written under another name */
function unpack<R>(name: string, text: string): R | null {
  const packed = JSON.parse(text) as Packed
  if (packed.name !== name) return null
  for (const column of packed.dates) packed.row[column] = new Date(packed.row[column] as string)
  for (const [column, value] of Object.entries(packed.numbers)) packed.row[column] = Number(value)
  return packed.row as R
}
