/**
 * The embedded database: PGlite behind the client of pg, through a stream that transfers the wire protocol in memory.
 * Types, parameters, prepared statements and errors are therefore those of PostgreSQL, by the same code. PGlite has one
 * connection; a pool of one is the queue before it. After a crash (engine.ts) the pool opens the database again.
 */
import { Duplex } from 'node:stream'
import type { Log } from '../log/index.ts'
import { Connection, type StatementResult } from './connection.ts'
import { assertChannel, CLOSE_PATIENCE_MS, type Driver, SESSION, type Watch } from './driver.ts'
import { abandon, crashOf, type Engine } from './engine.ts'
import { Unreachable } from './faults.ts'
import { Pool } from './pool.ts'

/** Between attempts to open a crashed database again, in milliseconds; the last one is repeated. */
const BACK_OFF_MS = [0, 500, 1000, 2000, 5000] as const

export interface Recovery {
  log: Log
  /** Opens the database again after a crash. */
  reopen(): Promise<Engine>
}

/**
 * Takes ownership of the engine: it is closed with the driver.
 * @param recovery null for a database in memory, which a crash ends
 */
export async function pgliteDriver(first: Engine, recovery: Recovery | null = null): Promise<Driver> {
  const subscriptions = new Map<string, Set<(payload: string) => void>>()
  const watches = new Set<Watch>()
  let lite = first
  let failures = 0
  let pause: NodeJS.Timeout | null = null

  const recover = async (crash: Error): Promise<void> => {
    if (pause || !recovery) throw new Unreachable('the embedded database has crashed', crash)
    const wait = BACK_OFF_MS[Math.min(++failures, BACK_OFF_MS.length - 1)]
    pause = setTimeout(() => {
      pause = null
    }, wait)
    pause.unref()
    const another = await recovery.reopen().catch((error) => {
      throw new Unreachable('the embedded database cannot be opened again', error)
    })
    abandon(lite)
    lite = another
    failures = 0
    recovery.log.info({}, 'the embedded database has been opened again')
    for (const watch of watches) watch.onBack()
  }
  const onLost = (): void => {
    const crash = crashOf(lite)
    if (!crash) return
    recovery?.log.error(
      { err: crash },
      'the embedded database has crashed; requests are refused until it can be opened again',
    )
    for (const watch of watches) watch.onLost()
  }

  const open = async (): Promise<Connection> => {
    const crash = crashOf(lite)
    if (crash) await recover(crash)
    const connection = await Connection.open(
      { stream: () => new Wire(lite), user: 'postgres', database: 'postgres', ssl: false },
      // a lost connection may have left a transaction and prepared statements: the session of PGlite is the same
      `rollback; deallocate all; reset role; ${SESSION} set search_path = latchkey;`,
    )
    connection.onLost(onLost)
    await resetRole(connection)
    for (const channel of subscriptions.keys()) await connection.plain(`listen ${channel}`)
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
    waiting: () => pool.waiting,
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
    async listen(channel, onMessage, watch) {
      assertChannel(channel)
      const listeners = subscriptions.get(channel) ?? new Set()
      // a wrapper, so that the same function may subscribe twice
      const listener = (payload: string) => onMessage(payload)
      subscriptions.set(channel, listeners.add(listener))
      await onConnection((connection) => connection.plain(`listen ${channel}`))
      if (watch) watches.add(watch)
      return async () => {
        listeners.delete(listener)
        if (watch) watches.delete(watch)
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
      if (pause) clearTimeout(pause)
      if (crashOf(lite)) abandon(lite)
      else await lite.close()
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
