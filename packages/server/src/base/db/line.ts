/**
 * A line: one connection to the database, spoken through pg's client in pipeline mode, over a socket or into
 * PGlite. Statements are sent without waiting for the answers before them; each distinct one is a named
 * prepared statement. The names are bounded: what was not used for long is forgotten on both sides, so
 * lists of varying length leak nothing. A line that is lost stays lost, and says so as `Unreachable`.
 */
import pg from 'pg'
import { faultCode, isUnreachable, Unreachable } from './faults.ts'
import { type Answer, type Prepared, Statement } from './statement.ts'

export type { Answer } from './statement.ts'

/** Row-level security makes plans depend on the role, so each role has its own prepared statements. */
export type Role = 'system' | 'caller'

/** More distinct statements than this on one line and role, and the least recently used is deallocated. */
const NAMES = 250

export class Line {
  /** Why the line is lost; null while it lives. */
  lost: Error | null = null
  /** Statements sent and not yet answered. */
  waiting = 0
  readonly #client: pg.Client
  readonly #names: Record<Role, Map<string, Prepared>> = { system: new Map(), caller: new Map() }
  readonly #stale: string[] = []
  readonly #onLost: (() => void)[] = []
  #named = 0
  #answered = 0
  #beats = 0

  private constructor(client: pg.Client) {
    this.#client = client
    // without these listeners an idle connection that is closed by the server would end the process
    client.on('error', (error) => this.#lose(error))
    client.on('end', () => this.#lose(new Error('the connection was closed')))
  }

  /** Connects and runs `session`, so that no statement runs before its settings hold. @throws Unreachable, or the server's error */
  static async open(config: pg.ClientConfig, session: string): Promise<Line> {
    const line = new Line(new pg.Client({ ...config, pipeline: true }))
    try {
      await line.#client.connect()
      await line.#client.query(session)
      return line
    } catch (error) {
      line.close()
      // what is no answer of the server is a server that did not answer
      throw faultCode(error) === null
        ? new Unreachable('the database cannot be reached', error)
        : wrap(error, line.lost)
    }
  }

  /** Sends a statement as a named prepared one. */
  async send<R>(text: string, values: readonly unknown[], role: Role): Promise<Answer<R>> {
    try {
      return await this.#transmit<R>(new Statement(text, values, this.#prepare(text, role)))
    } catch (error) {
      if (isOutdated(error)) this.#forget(text, role)
      throw error
    }
  }

  /** Sends text by the simple protocol: transaction control, and scripts of several statements. */
  plain(text: string): Promise<Answer> {
    return this.#transmit(new Statement(text, [], null))
  }

  /** Deallocates forgotten statements; only between transactions, since a failure would abort one. */
  tidy(): void {
    while (!this.lost) {
      const name = this.#stale.pop()
      if (name === undefined) return
      this.plain(`deallocate ${name}`).catch(() => {})
    }
  }

  /** Whether no transaction is open, as the server said with its last answer. */
  get isIdle(): boolean {
    return this.waiting === 0 && this.#client.getTransactionStatus() === 'I'
  }

  /** Called every few seconds: a line that owes answers and gave none for `patience` beats is lost. */
  beat(patience: number): void {
    if (this.waiting === 0 || this.#answered > 0) this.#beats = 0
    else if (++this.#beats >= patience) this.destroy(new Error('no answer for too long'))
    this.#answered = 0
  }

  onLost(run: () => void): void {
    this.#onLost.push(run)
  }

  onNotification(run: (channel: string, payload: string) => void): void {
    this.#client.on('notification', (message) => run(message.channel, message.payload ?? ''))
  }

  /** Cuts the line without a goodbye; what is on its way fails. */
  destroy(reason: Error): void {
    this.#lose(reason)
    this.#client.connection.stream.destroy()
  }

  /** Says goodbye after the answers that are still owed. */
  async close(): Promise<void> {
    await this.#client.end().catch(() => {})
  }

  async #transmit<R>(statement: Statement): Promise<Answer<R>> {
    if (this.lost) throw wrap(this.lost, this.lost)
    this.waiting++
    try {
      this.#client.query(statement as unknown as pg.Submittable)
      return (await statement.answer) as Answer<R>
    } catch (error) {
      // where it was asked, instead of where its answer was read
      if (error instanceof Error) Error.captureStackTrace(error)
      // the server's last words come before the end of the connection: nobody else shall be sent down this line
      if (!this.lost && isUnreachable(error)) this.destroy(new Error('the server ended the connection'))
      throw wrap(error, this.lost)
    } finally {
      this.waiting--
      this.#answered++
    }
  }

  #prepare(text: string, role: Role): Prepared {
    const names = this.#names[role]
    const known = names.get(text)
    // deleted and set again, so that the map stands in the order of last use
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

  #forget(text: string, role: Role): void {
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
 * A migration changed what a prepared statement yields (`select *`), or it is gone from the server: it was refused
 * before it ran, and is prepared anew the next time.
 */
export const isOutdated = (error: unknown): boolean =>
  faultCode(error) === '0A000' || faultCode(error) === '26000'

/** Whatever happens on a lost line is `Unreachable`; the server's own errors pass as they are. */
function wrap(error: unknown, lost: Error | null): unknown {
  if (error instanceof Unreachable) return error
  if (lost || isUnreachable(error)) {
    return new Unreachable('the database cannot be reached', error)
  }
  return error
}
