/**
 * The embedded database: PGlite behind the client of pg, through a stream that transfers the wire protocol in memory.
 * Types, parameters, prepared statements and errors are therefore those of PostgreSQL, by the same code. PGlite has one
 * connection; a pool of one is the queue before it.
 */
import { Duplex } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import type { PGlite } from '@electric-sql/pglite'
import { Connection, type StatementResult } from './connection.ts'
import { assertChannel, CLOSE_PATIENCE_MS, type Driver, SESSION } from './driver.ts'
import { Unreachable } from './faults.ts'
import { Pool } from './pool.ts'

export interface PgliteOptions {
  /** The folder of the database itself; null keeps it in memory. */
  folder: string | null
  /** A packed data directory to start from (template.ts); only for an empty folder. */
  template: Buffer | null
}

/**
 * By default V8 validates all of PGlite's WebAssembly before running it, and soon compiles it again with optimizations: on
 * one core that is most of the startup time. With these flags, functions are validated when they are first called, and
 * optimized about five hundred times later.
 */
const PATIENT_COMPILER = ['--wasm-lazy-validation', '--wasm-tiering-budget=1000000000']

export async function openPglite(options: PgliteOptions): Promise<PGlite> {
  for (const flag of PATIENT_COMPILER) setFlagsFromString(flag)
  // imported on demand: a server with PostgreSQL does not need its memory
  const { PGlite } = await import('@electric-sql/pglite')
  return PGlite.create({
    ...(options.folder ? { dataDir: options.folder } : {}),
    ...(options.template ? { loadDataDir: new Blob([new Uint8Array(options.template)]) } : {}),
  })
}

/** The part of PGlite that a driver needs. */
export type Engine = Pick<PGlite, 'execProtocolRawSync' | 'close'>

/** Takes ownership of the PGlite: it is closed with the driver. */
export async function pgliteDriver(lite: Engine): Promise<Driver> {
  const subscriptions = new Map<string, Set<(payload: string) => void>>()

  const open = async (): Promise<Connection> => {
    const connection = await Connection.open(
      { stream: () => new Wire(lite), user: 'postgres', database: 'postgres', ssl: false },
      // a lost connection may have left a transaction and prepared statements: the session of PGlite is the same
      `rollback; deallocate all; reset role; ${SESSION} set search_path = latchkey;`,
    )
    await resetRole(connection)
    connection.onNotification((channel, payload) => {
      for (const onMessage of subscriptions.get(channel) ?? []) onMessage(payload)
    })
    return connection
  }
  const pool = new Pool(1, open)

  /** Before the first migration there is no role for statements, and none must run as the superuser. */
  let isMigrated = false
  const resetRole = async (connection: Connection): Promise<void> => {
    const roles = await connection.plain(
      `select 1 from pg_catalog.pg_roles where rolname = 'latchkey_system'`,
    )
    isMigrated = roles.rows.length > 0
    if (isMigrated) await connection.plain('set role latchkey_system; set search_path = latchkey')
  }
  const onConnection = async <T>(work: (connection: Connection) => Promise<T>): Promise<T> => {
    const connection = await pool.acquire()
    try {
      return await work(connection)
    } finally {
      pool.release(connection)
    }
  }
  const assertMigrated = (): void => {
    if (!isMigrated) throw new Unreachable('the database has not been migrated')
  }

  await onConnection(async () => {})
  return {
    kind: 'pglite',
    async acquire() {
      const connection = await pool.acquire()
      if (isMigrated) return connection
      pool.release(connection)
      throw new Unreachable('the database has not been migrated')
    },
    release: (connection) => pool.release(connection),
    statement: <R>(text: string, values: readonly unknown[]): Promise<StatementResult<R>> =>
      onConnection((connection) => {
        assertMigrated()
        return connection.send<R>(text, values, 'system')
      }),
    async listen(channel, onMessage) {
      assertChannel(channel)
      const listeners = subscriptions.get(channel) ?? new Set()
      // a wrapper, so that the same function may subscribe twice
      const listener = (payload: string) => onMessage(payload)
      subscriptions.set(channel, listeners.add(listener))
      await onConnection((connection) => connection.plain(`listen ${channel}`))
      return async () => {
        listeners.delete(listener)
      }
    },
    // the one connection delivers its notifications with the answer to COMMIT
    heard: async () => {},
    asOwner: (work) =>
      onConnection(async (connection) => {
        await connection.plain('reset role; set search_path = pg_catalog')
        try {
          return await work(connection)
        } finally {
          await connection.plain('rollback')
          await resetRole(connection)
        }
      }),
    async close() {
      await pool.close(CLOSE_PATIENCE_MS)
      await lite.close()
    },
  }
}

/** The transport to PGlite: everything that is written within one turn of the event loop is executed together in the next. */
export class Wire extends Duplex {
  readonly #lite: Engine

  constructor(lite: Engine) {
    super()
    this.#lite = lite
  }

  // methods of a socket that pg calls
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
    // yields to the event loop between statements, so that a sequence of them does not block it
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
