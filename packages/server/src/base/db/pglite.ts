/**
 * The embedded database: PGlite behind pg's own client, through a stream that hands the wire protocol over
 * in memory. Types, parameters, prepared statements and faults are therefore those of PostgreSQL, by the same
 * code. There is one connection, so there is one line, and the pool of one is the queue in front of it.
 */
import { Duplex } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import type { PGlite } from '@electric-sql/pglite'
import { assertChannel, CLOSE_PATIENCE_MS, type Driver, SESSION } from './driver.ts'
import { Unreachable } from './faults.ts'
import { type Answer, Line } from './line.ts'
import { Pool } from './pool.ts'

export interface PgliteOptions {
  /** The folder of the database itself; null keeps it in memory. */
  folder: string | null
  /** A packed data directory to begin from (template.ts); only for a folder that holds nothing yet. */
  template: Buffer | null
}

/**
 * V8 would check all of PGlite's code before it runs any, and compile it a second time, optimised, after a moment's
 * use: for a start on one core that is most of the work. So functions are checked when they are first called, and
 * optimised when they have run about five hundred times as long as V8 waits by itself.
 */
const PATIENT_COMPILER = ['--wasm-lazy-validation', '--wasm-tiering-budget=1000000000']

export async function openPglite(options: PgliteOptions): Promise<PGlite> {
  for (const flag of PATIENT_COMPILER) setFlagsFromString(flag)
  // only where it is used: a server on PostgreSQL does without its memory
  const { PGlite } = await import('@electric-sql/pglite')
  return PGlite.create({
    ...(options.folder ? { dataDir: options.folder } : {}),
    ...(options.template ? { loadDataDir: new Blob([new Uint8Array(options.template)]) } : {}),
  })
}

/** What a driver needs of PGlite. */
export type Engine = Pick<PGlite, 'execProtocolRawSync' | 'close'>

/** Takes the PGlite over: it is closed with the driver. */
export async function pgliteDriver(lite: Engine): Promise<Driver> {
  const subscriptions = new Map<string, Set<(payload: string) => void>>()

  const open = async (): Promise<Line> => {
    const line = await Line.open(
      { stream: () => new Wire(lite), user: 'postgres', database: 'postgres', ssl: false },
      // a line that was lost may have left a transaction and its statements behind: the session is the same
      `rollback; deallocate all; reset role; ${SESSION} set search_path = latchkey;`,
    )
    await rest(line)
    line.onNotification((channel, payload) => {
      for (const onMessage of subscriptions.get(channel) ?? []) onMessage(payload)
    })
    return line
  }
  const pool = new Pool(1, open)

  /** Before the first migration there is no role to rest as, and the superuser must serve nobody. */
  let isMigrated = false
  const rest = async (line: Line): Promise<void> => {
    const roles = await line.plain(`select 1 from pg_catalog.pg_roles where rolname = 'latchkey_system'`)
    isMigrated = roles.rows.length > 0
    if (isMigrated) await line.plain('set role latchkey_system; set search_path = latchkey')
  }
  const onLine = async <T>(work: (line: Line) => Promise<T>): Promise<T> => {
    const line = await pool.acquire()
    try {
      return await work(line)
    } finally {
      pool.release(line)
    }
  }
  const assertMigrated = (): void => {
    if (!isMigrated) throw new Unreachable('the database has not been migrated')
  }

  await onLine(async () => {})
  return {
    kind: 'pglite',
    async acquire() {
      const line = await pool.acquire()
      if (isMigrated) return line
      pool.release(line)
      throw new Unreachable('the database has not been migrated')
    },
    release: (line) => pool.release(line),
    statement: <R>(text: string, values: readonly unknown[]): Promise<Answer<R>> =>
      onLine((line) => {
        assertMigrated()
        return line.send<R>(text, values, 'system')
      }),
    async listen(channel, onMessage) {
      assertChannel(channel)
      const listeners = subscriptions.get(channel) ?? new Set()
      // a wrapper, so that the same function may subscribe twice
      const listener = (payload: string) => onMessage(payload)
      subscriptions.set(channel, listeners.add(listener))
      await onLine((line) => line.plain(`listen ${channel}`))
      return async () => {
        listeners.delete(listener)
      }
    },
    asOwner: (work) =>
      onLine(async (line) => {
        await line.plain('reset role; set search_path = pg_catalog')
        try {
          return await work(line)
        } finally {
          await line.plain('rollback')
          await rest(line)
        }
      }),
    async close() {
      await pool.close(CLOSE_PATIENCE_MS)
      await lite.close()
    },
  }
}

/** The wire to PGlite: what is written within one turn of the loop is executed in one go in the next. */
export class Wire extends Duplex {
  readonly #lite: Engine

  constructor(lite: Engine) {
    super()
    this.#lite = lite
  }

  // what pg calls on a socket
  connect(): this {
    queueMicrotask(() => this.emit('connect'))
    return this
  }
  setNoDelay(): this {
    return this
  }
  setKeepAlive(): this {
    return this
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#execute(chunk, done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#execute(Buffer.concat(chunks.map(({ chunk }) => chunk)), done)
  }

  override _final(done: () => void): void {
    this.push(null)
    done()
  }

  #execute(message: Buffer, done: (error?: Error | null) => void): void {
    // a turn of the loop between statements, or a row of them would let nothing else happen
    setImmediate(() => {
      if (this.destroyed) return done()
      try {
        const answer = this.#lite.execProtocolRawSync(message)
        if (answer.length > 0) this.push(Buffer.from(answer.buffer, answer.byteOffset, answer.length))
        done()
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)))
      }
    })
  }
}
