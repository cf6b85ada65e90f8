/**
 * Connections to PostgreSQL: a pool for transactions, a pipelined pair for single statements, and one for LISTEN.
 * Idle connections of the pool have the role latchkey_request without a caller, which sees no rows: a transaction sets its
 * scope, and any failure before that fails closed. A lost connection is replaced on next use.
 */
import type pg from 'pg'
import type { Log } from '../log/index.ts'
import { Connection, type StatementResult } from './connection.ts'
import { assertChannel, CLOSE_PATIENCE_MS, type Driver, SESSION, type Watch } from './driver.ts'
import { Unreachable } from './faults.ts'
import { Pool } from './pool.ts'

const CONNECT_MS = 5000
const STATEMENT_MS = 30_000
/** Single statements share a connection, where a slow one delays the others: their timeout is shorter. */
const SINGLE_STATEMENT_MS = 5000
const IDLE_IN_TRANSACTION_MS = 30_000
const BEAT_MS = 2000
/** Beats without any answer after which a connection is lost: longer than the timeouts of the server. */
const PATIENCE_BEATS = 18
/** Caches depend on LISTEN: its connection is probed every beat, and must answer before the next. */
const LISTENER_PATIENCE_BEATS = 2
/** The largest number of pending statements on one connection; more would only wait longer. */
const MOST_WAITING = 2000
const BACK_OFF_MS = [0, 100, 250, 500, 1000, 2000, 5000] as const

export function postgresDriver(options: { databaseUrl: string; pool: number; log: Log }): Driver {
  const { databaseUrl, log } = options
  const config = (purpose: string): pg.ClientConfig => ({
    connectionString: databaseUrl,
    application_name: `latchkey ${purpose}`,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  })
  const session = (role: string, statementMs: number) => `${SESSION}
    set search_path = latchkey;
    set statement_timeout = ${statementMs};
    set idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_MS};
    set role ${role};`

  const pool = new Pool(options.pool, () =>
    Connection.open(config('transactions'), session('latchkey_request', STATEMENT_MS)),
  )
  const openSingle = () =>
    Connection.open(config('statements'), session('latchkey_system', SINGLE_STATEMENT_MS))
  const pair = [new PersistentConnection(openSingle), new PersistentConnection(openSingle)] as const
  const listener = new Listener((channels) => {
    const listens = channels.map((channel) => `listen ${channel};`)
    return Connection.open(
      config('listener'),
      [session('latchkey_request', STATEMENT_MS), ...listens].join('\n'),
    )
  }, log)

  const beat = setInterval(() => {
    for (const connection of pool.connections) connection.beat(PATIENCE_BEATS)
    for (const persistent of pair) persistent.connection?.beat(PATIENCE_BEATS)
    listener.beat()
  }, BEAT_MS)
  beat.unref()

  return {
    kind: 'postgres',
    acquire: () => pool.acquire(),
    release: (connection) => pool.release(connection),
    async statement<R>(text: string, values: readonly unknown[]): Promise<StatementResult<R>> {
      const [a, b] = pair
      const persistent = a.load <= b.load ? a : b
      const connection = persistent.connection ?? (await persistent.reach())
      if (connection.waiting >= MOST_WAITING) throw new Unreachable('too many statements are pending')
      try {
        return await connection.send<R>(text, values, 'system')
      } finally {
        connection.tidy()
      }
    },
    async listen(channel, onMessage, watch) {
      assertChannel(channel)
      return listener.listen(channel, onMessage, watch)
    },
    async asOwner(work) {
      const connection = await Connection.open(
        config('migrations'),
        `${SESSION} set search_path = pg_catalog; set statement_timeout = 0;`,
      )
      try {
        return await work(connection)
      } finally {
        await connection.close()
      }
    },
    async close() {
      clearInterval(beat)
      await Promise.all([
        pool.close(CLOSE_PATIENCE_MS),
        ...pair.map((persistent) => persistent.close()),
        listener.close(),
      ])
    },
  }
}

/** A persistent connection: opened on first use and again after a loss, with backoff between failures. */
class PersistentConnection {
  connection: Connection | null = null
  readonly #open: () => Promise<Connection>
  #opening: Promise<Connection> | null = null
  #failures = 0
  #pause: NodeJS.Timeout | null = null
  #lastFailure: unknown
  #closed = false

  constructor(open: () => Promise<Connection>) {
    this.#open = open
  }

  /** The queue length for a new statement; a connection that is down is worse than a busy one. */
  get load(): number {
    if (this.connection) return this.connection.waiting
    return this.#pause ? Number.MAX_SAFE_INTEGER : 0
  }

  /** @throws Unreachable immediately during the pause after a failure */
  async reach(): Promise<Connection> {
    if (this.#closed) throw new Unreachable('the database is being closed')
    if (this.#pause) throw new Unreachable('the database cannot be reached', this.#lastFailure)
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#pause) clearTimeout(this.#pause)
    const connection = this.connection ?? (await this.#opening?.catch(() => null))
    await connection?.close()
  }

  async #connect(): Promise<Connection> {
    try {
      const connection = await this.#open()
      this.#failures = 0
      this.connection = connection
      connection.onLost(() => {
        this.connection = null
      })
      return connection
    } catch (error) {
      this.#lastFailure = error
      const pause = BACK_OFF_MS[Math.min(++this.#failures, BACK_OFF_MS.length - 1)]
      this.#pause = setTimeout(() => {
        this.#pause = null
      }, pause)
      this.#pause.unref()
      throw error
    }
  }
}

interface Subscription {
  channel: string
  onMessage(payload: string): void
  watch: Watch | undefined
}

/** One connection for every LISTEN. Subscribers are notified when it goes down, because they miss messages. */
class Listener {
  readonly #open: (channels: readonly string[]) => Promise<Connection>
  readonly #log: Log
  readonly #subscriptions = new Set<Subscription>()
  #connection: Connection | null = null
  #opening: Promise<Connection> | null = null
  #retry: NodeJS.Timeout | null = null
  #closed = false

  /** @param open makes a connection that listens on the channels */
  constructor(open: (channels: readonly string[]) => Promise<Connection>, log: Log) {
    this.#open = open
    this.#log = log
  }

  async listen(
    channel: string,
    onMessage: (payload: string) => void,
    watch?: Watch,
  ): Promise<() => Promise<void>> {
    const subscription: Subscription = { channel, onMessage, watch }
    const connection = await this.#reach()
    // added before the answer: the end of another subscription must not unlisten, and a loss must be reported
    this.#subscriptions.add(subscription)
    try {
      await connection.plain(`listen ${channel}`)
    } catch (error) {
      this.#subscriptions.delete(subscription)
      throw error
    }
    return async () => {
      this.#subscriptions.delete(subscription)
      if ([...this.#subscriptions].some((other) => other.channel === channel)) return
      await this.#connection?.plain(`unlisten ${channel}`).catch(() => {})
    }
  }

  /** Probes the connection: a silent loss would not be detected otherwise. */
  beat(): void {
    if (!this.#connection) return
    this.#connection.beat(LISTENER_PATIENCE_BEATS)
    this.#connection?.plain('select 1').catch(() => {})
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#retry) clearTimeout(this.#retry)
    const connection = this.#connection ?? (await this.#opening?.catch(() => null))
    await connection?.close()
  }

  async #reach(): Promise<Connection> {
    if (this.#closed) throw new Unreachable('the database is being closed')
    if (this.#connection) return this.#connection
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  async #connect(): Promise<Connection> {
    const channels = new Set([...this.#subscriptions].map((subscription) => subscription.channel))
    const connection = await this.#open([...channels])
    connection.onNotification((channel, payload) => {
      for (const subscription of this.#subscriptions) {
        if (subscription.channel === channel) subscription.onMessage(payload)
      }
    })
    this.#connection = connection
    connection.onLost(() => {
      this.#connection = null
      if (this.#closed) return
      this.#log.warn({}, 'LISTEN connection down')
      for (const subscription of this.#subscriptions) subscription.watch?.onLost()
      this.#retryAfter(0)
    })
    return connection
  }

  #retryAfter(failures: number): void {
    if (this.#closed) return
    this.#retry = setTimeout(
      () => {
        this.#reach().then(
          () => {
            this.#log.info({}, 'LISTEN connection restored')
            for (const subscription of this.#subscriptions) subscription.watch?.onBack()
          },
          () => this.#retryAfter(failures + 1),
        )
      },
      BACK_OFF_MS[Math.min(failures, BACK_OFF_MS.length - 1)],
    )
    this.#retry.unref()
  }
}
