/**
 * Connections to PostgreSQL: a pool for transactions, a pipelined pair for single statements, and one for LISTEN. The
 * LISTEN connection is also the heartbeat: while the database does not answer there (it is frozen, or the network
 * drops packets), all connections are closed, and statements fail at once instead of waiting for an answer. Idle
 * connections of the pool have the role latchkey_request without a caller, which sees no rows: a transaction sets its
 * scope, and any failure before that fails closed. A lost connection is replaced on next use.
 */
import type pg from 'pg'
import type { Log } from '../log/index.ts'
import { Connection, type StatementResult } from './connection.ts'
import { assertChannel, CHANGES_CHANNEL, CLOSE_PATIENCE_MS, type Driver, SESSION } from './driver.ts'
import { rootCode, Unreachable } from './faults.ts'
import { Listener } from './listener.ts'
import { Pool } from './pool.ts'

const CONNECT_MS = 5000
const STATEMENT_MS = 30_000
/** Single statements share a connection, where a slow one delays the others: their timeout is shorter. */
const SINGLE_STATEMENT_MS = 5000
/**
 * Requests that wait for the lock of a row, as in a race, wait for as many transactions as there are connections, each of
 * milliseconds. A longer wait is for a transaction of an operator or a migration. Migrations have their own (migrate.ts).
 */
const LOCK_MS = 10_000
const IDLE_IN_TRANSACTION_MS = 30_000
const BEAT_MS = 500
/** A connection is lost without any answer for longer than the timeouts of the server by so much. */
const MARGIN_MS = 3000
/** The largest number of pending statements on one connection; more would only wait longer. */
const MOST_WAITING = 2000
/** Between failures to connect, in milliseconds. */
export const BACK_OFF_MS = [0, 100, 250, 500, 1000] as const

export interface PostgresOptions {
  databaseUrl: string
  /** The largest number of connections for transactions. */
  pool: number
  /** Milliseconds without an answer to the heartbeat after which the database counts as unreachable. */
  silence: number
  log: Log
}

export function postgresDriver(options: PostgresOptions): Driver {
  const { databaseUrl, log, silence } = options
  const config = (purpose: string): pg.ClientConfig => ({
    connectionString: databaseUrl,
    application_name: `latchkey ${purpose}`,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  })
  const session = (role: string, statementMs: number) => `${SESSION}
    listen ${CHANGES_CHANNEL};
    set search_path = latchkey;
    set statement_timeout = ${statementMs};
    set lock_timeout = ${LOCK_MS};
    set idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_MS};
    set role ${role};`

  /** A start that fails has its own sentence. */
  let hasConnected = false
  let isExhausted = false
  const connect = async (purpose: string, settings: string): Promise<Connection> => {
    const connection = await Connection.open(config(purpose), settings).catch((error) => {
      if (hasConnected && !isExhausted && rootCode(error) === '53300') {
        isExhausted = true
        log.error(
          { err: error },
          'PostgreSQL has no free connection; requests that need one are refused until it has',
        )
      }
      throw error
    })
    if (isExhausted) log.info({}, 'PostgreSQL has free connections again')
    isExhausted = false
    hasConnected = true
    connection.onNotification((channel, payload) => listener.deliver(channel, payload))
    return connection
  }
  /** Set while the database does not answer: the error of every statement. */
  let isSilent: Unreachable | null = null
  /** Rejects connection attempts under way when the database falls silent. */
  const attempts = new Set<(reason: Unreachable) => void>()
  const open = async (purpose: string, settings: string): Promise<Connection> => {
    if (isSilent) throw isSilent
    const opening = connect(purpose, settings)
    let attempt: (reason: Unreachable) => void = () => {}
    const silenced = new Promise<never>((_, reject) => {
      attempt = reject
      attempts.add(attempt)
    })
    try {
      return await Promise.race([opening, silenced])
    } catch (error) {
      // it may open later
      const close = (late: Connection) => late.close()
      opening.then(close, () => {})
      throw error
    } finally {
      attempts.delete(attempt)
    }
  }

  const pool = new Pool(options.pool, () => open('transactions', session('latchkey_request', STATEMENT_MS)))
  const openSingle = () => open('statements', session('latchkey_system', SINGLE_STATEMENT_MS))
  const pair = [new PersistentConnection(openSingle), new PersistentConnection(openSingle)] as const

  const fallSilent = (): void => {
    isSilent = new Unreachable('the database does not answer')
    log.error({ silence_ms: silence }, 'the database does not answer; requests are refused until it does')
    for (const giveUp of attempts) giveUp(isSilent)
    pool.abandon(isSilent)
    for (const persistent of pair) persistent.connection?.destroy(isSilent)
  }
  const resume = (): void => {
    if (isSilent) log.info({}, 'the database answers again')
    isSilent = null
  }
  const listener: Listener = new Listener({
    log,
    backOff: BACK_OFF_MS,
    async open(channels) {
      const listens = channels.map((channel) => `listen ${channel};`)
      const settings = [session('latchkey_request', STATEMENT_MS), ...listens].join('\n')
      try {
        const connection = await connect('listener', settings)
        resume()
        return connection
      } catch (error) {
        // a refusal is an answer: other connections may succeed
        if (rootCode(error) !== null) resume()
        throw error
      }
    },
    onSilent: fallSilent,
  })

  const beats = (ms: number): number => Math.max(2, Math.ceil(ms / BEAT_MS))
  const patience = { inside: beats(STATEMENT_MS + MARGIN_MS), outside: beats(silence + MARGIN_MS) }
  const singlePatience = beats(SINGLE_STATEMENT_MS + MARGIN_MS)
  const beat = setInterval(() => {
    for (const connection of pool.connections) connection.beat(patience)
    for (const { connection } of pair) connection?.beat({ inside: singlePatience, outside: singlePatience })
    listener.beat(Math.max(1, beats(silence) - 1))
  }, BEAT_MS)
  beat.unref()

  return {
    kind: 'postgres',
    async acquire() {
      if (isSilent) throw isSilent
      return pool.acquire()
    },
    release: (connection) => pool.release(connection),
    waiting: () => pool.waiting,
    async statement<R>(text: string, values: readonly unknown[]): Promise<StatementResult<R>> {
      const [a, b] = pair
      if (isSilent) throw isSilent
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
    heard: () => listener.heard(),
    async asOwner(work) {
      const connection = await connect(
        'migrations',
        `${SESSION} listen ${CHANGES_CHANNEL}; set search_path = pg_catalog; set statement_timeout = 0;`,
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
