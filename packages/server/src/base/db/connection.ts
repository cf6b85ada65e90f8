/**
 * A database connection: the client of pg in pipeline mode, over a socket or to PGlite. Statements are sent without
 * waiting for earlier answers; each distinct one is a named prepared statement. The number of names is bounded: the
 * least recently used ones are deallocated, so that lists of varying length do not leak memory. A lost connection is
 * not reopened; its statements fail with `Unreachable`.
 */
import pg from 'pg'
import { faultCode, isConnectionLost, Unreachable } from './faults.ts'
import { type Prepared, Statement, type StatementResult } from './statement.ts'

export type { StatementResult } from './statement.ts'

/** Row-level security makes plans depend on the role, so each role has its own prepared statements. */
export type DatabaseRole = 'system' | 'caller'

/** How long the server has to close a connection. */
const CLOSE_MS = 2000

/** The largest number of prepared statements for each connection and role; the least recently used one is deallocated. */
const NAMES = 250

export class Connection {
  /** Why the connection is lost; null while it is open. */
  lost: Error | null = null
  /** The number of statements that were sent and not yet answered. */
  waiting = 0
  readonly #client: pg.Client
  readonly #names: Record<DatabaseRole, Map<string, Prepared>> = { system: new Map(), caller: new Map() }
  readonly #stale: string[] = []
  readonly #onLost: (() => void)[] = []
  #isHeld = false
  #named = 0
  #answered = 0
  #beats = 0

  private constructor(client: pg.Client) {
    this.#client = client
    // without these listeners an idle connection that is closed by the server would end the process
    client.on('error', (error) => this.#lose(error))
    client.on('end', () => this.#lose(new Error('the connection was closed')))
  }

  /**
   * Connects and runs `session`, so that its settings apply to all statements. Each of the two has the timeout for
   * connecting. @throws Unreachable, or the server's error
   */
  static async open(config: pg.ClientConfig, session: string): Promise<Connection> {
    const connection = new Connection(new pg.Client({ ...config, pipeline: true }))
    let timer: NodeJS.Timeout | undefined
    try {
      await connection.#client.connect()
      if (config.connectionTimeoutMillis) {
        const expire = () => connection.destroy(new Error('the session was not answered in time'))
        timer = setTimeout(expire, config.connectionTimeoutMillis)
      }
      await connection.#client.query(session)
      // the last answer and the end of the connection may arrive together
      if (connection.lost) throw connection.lost
      return connection
    } catch (error) {
      connection.close()
      // an error without a code is not an answer of the server
      throw faultCode(error) === null
        ? new Unreachable('the database cannot be reached', error)
        : wrap(error, connection.lost)
    } finally {
      clearTimeout(timer)
    }
  }

  /** Sends a statement as a named prepared statement. */
  async send<R>(text: string, values: readonly unknown[], role: DatabaseRole): Promise<StatementResult<R>> {
    try {
      return await this.#transmit<R>(new Statement(text, values, this.#prepare(text, role)))
    } catch (error) {
      if (isOutdated(error)) this.#forget(text, role)
      throw error
    }
  }

  /** Sends text by the simple query protocol: transaction control, and scripts of several statements. */
  plain(text: string): Promise<StatementResult> {
    return this.#transmit(new Statement(text, [], null))
  }

  /** Deallocates evicted statements; only between transactions, because a failure would abort one. */
  tidy(): void {
    while (!this.lost) {
      const name = this.#stale.pop()
      if (name === undefined) return
      this.plain(`deallocate ${name}`).catch(() => {})
    }
  }

  /** The id of the server's process, as it was announced when the connection was made. */
  get announcedProcess(): number {
    return (this.#client as pg.Client & { processID: number }).processID
  }

  /** Whether no transaction is open, by the last answer of the server. */
  get isIdle(): boolean {
    return this.waiting === 0 && this.#client.getTransactionStatus() === 'I'
  }

  /**
   * Called at regular intervals: the connection is lost if answers are pending and none arrived for `patience` beats.
   * @param patience in a transaction, and outside of one, where BEGIN and the like are answered at once
   * @returns whether it was lost now
   */
  beat(patience: { inside: number; outside: number }): boolean {
    const most = this.#client.getTransactionStatus() === 'I' ? patience.outside : patience.inside
    if (this.waiting === 0 || this.#answered > 0) this.#beats = 0
    else if (++this.#beats >= most) {
      this.destroy(new Error('no answer for too long'))
      return true
    }
    this.#answered = 0
    return false
  }

  /** Calls `run` once, immediately if the connection is lost already. */
  onLost(run: () => void): void {
    if (this.lost) run()
    else this.#onLost.push(run)
  }

  onNotification(run: (channel: string, payload: string) => void): void {
    this.#client.on('notification', (message) => run(message.channel, message.payload ?? ''))
  }

  /** Closes the connection immediately; pending statements fail. */
  destroy(reason: Error): void {
    this.#lose(reason)
    this.#client.connection.stream.destroy()
  }

  /** Closes the connection after pending answers; immediately, where the server does not close it in time. */
  async close(): Promise<void> {
    const cut = setTimeout(() => this.destroy(new Error('the server did not close the connection')), CLOSE_MS)
    await this.#client.end().catch(() => {})
    clearTimeout(cut)
  }

  async #transmit<R>(statement: Statement): Promise<StatementResult<R>> {
    if (this.lost) throw wrap(this.lost, this.lost)
    this.waiting++
    this.#hold()
    try {
      this.#client.query(statement as unknown as pg.Submittable)
      return (await statement.answer) as StatementResult<R>
    } catch (error) {
      // the stack of the caller, instead of that of the protocol reader
      if (error instanceof Error) Error.captureStackTrace(error)
      // the error precedes the end of the connection: no other statement must be sent on it
      if (!this.lost && isConnectionLost(error)) this.destroy(new Error('the server ended the connection'))
      throw wrap(error, this.lost)
    } finally {
      this.waiting--
      this.#answered++
    }
  }

  /** Statements that are sent in one turn of the event loop leave as one write. */
  #hold(): void {
    if (this.#isHeld) return
    this.#isHeld = true
    const { stream } = this.#client.connection
    stream.cork()
    process.nextTick(() => {
      this.#isHeld = false
      stream.uncork()
    })
  }

  #prepare(text: string, role: DatabaseRole): Prepared {
    const names = this.#names[role]
    const known = names.get(text)
    // deleted and set again, so that the map is in order of last use
    if (known) names.delete(text)
    const prepared = known ?? { name: `s${++this.#named}`, columns: null }
    names.set(text, prepared)
    if (names.size > NAMES) {
      for (const oldest of names.keys()) {
        this.#forget(oldest, role)
        break
      }
    }
    return prepared
  }

  #forget(text: string, role: DatabaseRole): void {
    const prepared = this.#names[role].get(text)
    if (!prepared) return
    this.#names[role].delete(text)
    this.#stale.push(prepared.name)
  }

  #lose(reason: Error): void {
    if (this.lost) return
    this.lost = reason
    for (const run of this.#onLost) run()
  }
}

/**
 * A migration changed the result type of a prepared statement (`select *`), or the server has deallocated it: it was
 * refused before it ran, and is prepared again on next use.
 */
export const isOutdated = (error: unknown): boolean =>
  faultCode(error) === '0A000' || faultCode(error) === '26000'

/** Errors on a lost connection become `Unreachable`; errors of the server are unchanged. */
function wrap(error: unknown, lost: Error | null): unknown {
  if (error instanceof Unreachable) return error
  if (lost || isConnectionLost(error)) {
    return new Unreachable('the database cannot be reached', error)
  }
  return error
}
