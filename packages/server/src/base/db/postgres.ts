/**
 * Lines to PostgreSQL: a pool for transactions, a pipelined pair for single statements, one that listens.
 * The pool's lines rest as latchkey_request with no caller set, which sees nothing: a transaction raises itself
 * to its scope, and whatever goes wrong before that fails closed. A lost line is replaced when it is next needed.
 */
import type pg from 'pg'
import type { Log } from '../log/index.ts'
import { assertChannel, CLOSE_PATIENCE_MS, type Driver, SESSION, type Watch } from './driver.ts'
import { Unreachable } from './faults.ts'
import { type Answer, Line } from './line.ts'
import { Pool } from './pool.ts'

const CONNECT_MS = 5000
const STATEMENT_MS = 30_000
/** Single statements share their line, so a slow one holds up the others: it is cut sooner. */
const SINGLE_STATEMENT_MS = 5000
const IDLE_IN_TRANSACTION_MS = 30_000
const BEAT_MS = 2000
/** Beats without any answer, after which a line is lost: later than the server's own timeouts, to be behind them. */
const PATIENCE_BEATS = 18
/** The listener guards caches: it is asked every beat, and must answer before the next. */
const LISTENER_PATIENCE_BEATS = 2
/** Statements under way on one line, beyond which more of them would only wait longer. */
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
    Line.open(config('transactions'), session('latchkey_request', STATEMENT_MS)),
  )
  const openSingle = () => Line.open(config('statements'), session('latchkey_system', SINGLE_STATEMENT_MS))
  const pair = [new Standing(openSingle), new Standing(openSingle)] as const
  const listener = new Listener(
    () => Line.open(config('listener'), session('latchkey_request', STATEMENT_MS)),
    log,
  )

  const beat = setInterval(() => {
    for (const line of pool.lines) line.beat(PATIENCE_BEATS)
    for (const standing of pair) standing.line?.beat(PATIENCE_BEATS)
    listener.beat()
  }, BEAT_MS)
  beat.unref()

  return {
    kind: 'postgres',
    acquire: () => pool.acquire(),
    release: (line) => pool.release(line),
    async statement<R>(text: string, values: readonly unknown[]): Promise<Answer<R>> {
      const [a, b] = pair
      const standing = a.load <= b.load ? a : b
      const line = standing.line ?? (await standing.reach())
      if (line.waiting >= MOST_WAITING)
        throw new Unreachable('the database is too slow for what is asked of it')
      try {
        return await line.send<R>(text, values, 'system')
      } finally {
        line.tidy()
      }
    },
    async listen(channel, onMessage, watch) {
      assertChannel(channel)
      return listener.listen(channel, onMessage, watch)
    },
    async asOwner(work) {
      const line = await Line.open(
        config('migrations'),
        `${SESSION} set search_path = pg_catalog; set statement_timeout = 0;`,
      )
      try {
        return await work(line)
      } finally {
        await line.close()
      }
    },
    async close() {
      clearInterval(beat)
      await Promise.all([
        pool.close(CLOSE_PATIENCE_MS),
        ...pair.map((standing) => standing.close()),
        listener.close(),
      ])
    },
  }
}

/** A line that is kept up: opened at the first need and again after a loss, with back-off between failures. */
class Standing {
  line: Line | null = null
  readonly #open: () => Promise<Line>
  #opening: Promise<Line> | null = null
  #failures = 0
  #resting: NodeJS.Timeout | null = null
  #lastFailure: unknown
  #closed = false

  constructor(open: () => Promise<Line>) {
    this.#open = open
  }

  /** What a new statement would wait behind; one that is down is worse than a busy one, and is tried in turn. */
  get load(): number {
    if (this.line) return this.line.waiting
    return this.#resting ? Number.MAX_SAFE_INTEGER : 0
  }

  /** @throws Unreachable at once while the pause after a failure lasts */
  async reach(): Promise<Line> {
    if (this.#closed) throw new Unreachable('the database is being closed')
    if (this.#resting) throw new Unreachable('the database cannot be reached', this.#lastFailure)
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#resting) clearTimeout(this.#resting)
    const line = this.line ?? (await this.#opening?.catch(() => null))
    await line?.close()
  }

  async #connect(): Promise<Line> {
    try {
      const line = await this.#open()
      this.#failures = 0
      line.onLost(() => {
        this.line = null
      })
      this.line = line
      return line
    } catch (error) {
      this.#lastFailure = error
      const pause = BACK_OFF_MS[Math.min(++this.#failures, BACK_OFF_MS.length - 1)]
      this.#resting = setTimeout(() => {
        this.#resting = null
      }, pause)
      this.#resting.unref()
      throw error
    }
  }
}

interface Subscription {
  channel: string
  onMessage(payload: string): void
  watch: Watch | undefined
}

/** One line for every LISTEN; while it is down the subscribers know, because messages are being missed. */
class Listener {
  readonly #open: () => Promise<Line>
  readonly #log: Log
  readonly #subscriptions = new Set<Subscription>()
  #line: Line | null = null
  #opening: Promise<Line> | null = null
  #retry: NodeJS.Timeout | null = null
  #closed = false

  constructor(open: () => Promise<Line>, log: Log) {
    this.#open = open
    this.#log = log
  }

  async listen(
    channel: string,
    onMessage: (payload: string) => void,
    watch?: Watch,
  ): Promise<() => Promise<void>> {
    const subscription: Subscription = { channel, onMessage, watch }
    const line = await this.#reach()
    await line.plain(`listen ${channel}`)
    this.#subscriptions.add(subscription)
    return async () => {
      this.#subscriptions.delete(subscription)
      if ([...this.#subscriptions].some((other) => other.channel === channel)) return
      await this.#line?.plain(`unlisten ${channel}`).catch(() => {})
    }
  }

  /** Asks for a sign of life: a line that is dead without a word would be noticed by nobody else. */
  beat(): void {
    if (!this.#line) return
    this.#line.beat(LISTENER_PATIENCE_BEATS)
    this.#line?.plain('select 1').catch(() => {})
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#retry) clearTimeout(this.#retry)
    const line = this.#line ?? (await this.#opening?.catch(() => null))
    await line?.close()
  }

  async #reach(): Promise<Line> {
    if (this.#closed) throw new Unreachable('the database is being closed')
    if (this.#line) return this.#line
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  async #connect(): Promise<Line> {
    const line = await this.#open()
    line.onNotification((channel, payload) => {
      for (const subscription of this.#subscriptions) {
        if (subscription.channel === channel) subscription.onMessage(payload)
      }
    })
    const channels = new Set([...this.#subscriptions].map((subscription) => subscription.channel))
    await Promise.all([...channels].map((channel) => line.plain(`listen ${channel}`)))
    line.onLost(() => {
      this.#line = null
      if (this.#closed) return
      this.#log.warn({}, 'the line that listens for changes in the database is down')
      for (const subscription of this.#subscriptions) subscription.watch?.onLost()
      this.#retryAfter(0)
    })
    this.#line = line
    return line
  }

  #retryAfter(failures: number): void {
    if (this.#closed) return
    this.#retry = setTimeout(
      () => {
        this.#reach().then(
          () => {
            this.#log.info({}, 'the line that listens for changes in the database is up again')
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
