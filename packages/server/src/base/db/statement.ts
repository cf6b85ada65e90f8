/**
 * A statement in the pipeline of pg. The Query of pg requests a description of the result for every execution, and
 * builds the parsers of its columns each time. The result type of a prepared statement never changes (the server
 * refuses to run it then, `isOutdated`); therefore it is described once and cached. Otherwise it behaves as that of
 * pg.
 */
import pg from 'pg'
import utils from 'pg/lib/utils.js'

export interface StatementResult<R = unknown> {
  rows: R[]
  command: string
  rowCount: number | null
}

/** A prepared statement of a connection. */
export interface Prepared {
  readonly name: string
  /** Null until the server has described them; empty for a statement without a result. */
  columns: readonly Column[] | null
}
interface Column {
  name: string
  read(text: string): unknown
}

/** The part of pg's `Connection` to which a query writes. */
interface Wire {
  stream: { cork?(): void; uncork?(): void }
  parsedStatements: Record<string, string | undefined>
  submittedNamedStatements: Record<string, string | undefined>
  query(text: string): void
  parse(what: { name: string; text: string }): void
  bind(what: { statement: string; values: unknown[] }): void
  describe(what: { type: 'P'; name: string }): void
  execute(what: object): void
  sync(): void
}

export class Statement {
  readonly name: string | undefined
  readonly text: string
  readonly answer: Promise<StatementResult>
  readonly #prepared: Prepared | null
  readonly #values: readonly unknown[]
  #resolve!: (answer: StatementResult) => void
  #reject!: (error: unknown) => void
  #columns: readonly Column[] | null
  #rows: Record<string, unknown>[] = []
  #tag = ''
  #unreadable: unknown = null

  /** With `prepared` a named statement; otherwise text for the simple query protocol, which may be several statements. */
  constructor(text: string, values: readonly unknown[], prepared: Prepared | null) {
    this.text = text
    this.name = prepared?.name
    this.#values = values
    this.#prepared = prepared
    this.#columns = prepared?.columns ?? null
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** @returns an error where nothing was sent */
  submit(connection: Wire): Error | null {
    const { name, text } = this
    if (name === undefined) {
      connection.query(text)
      return null
    }
    let values: unknown[]
    try {
      values = this.#values.map(toWire)
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
    connection.stream.cork?.()
    try {
      if (
        connection.parsedStatements[name] === undefined &&
        connection.submittedNamedStatements[name] === undefined
      ) {
        connection.parse({ name, text })
        connection.submittedNamedStatements[name] = text
      }
      connection.bind({ statement: name, values })
      if (this.#columns === null) connection.describe({ type: 'P', name: '' })
      connection.execute({})
      connection.sync()
    } finally {
      connection.stream.uncork?.()
    }
    return null
  }

  handleRowDescription({ fields }: { fields: { name: string; dataTypeID: number }[] }): void {
    this.#rows = []
    this.#columns = fields.map(({ name, dataTypeID }) => ({ name, read: readerOf(dataTypeID) }))
  }

  handleDataRow({ fields }: { fields: (string | null)[] }): void {
    const row: Record<string, unknown> = {}
    const columns = this.#columns ?? []
    try {
      for (let i = 0; i < columns.length; i++) {
        const { name, read } = columns[i] as Column
        const text = fields[i]
        row[name] = text === null || text === undefined ? null : read(text)
      }
    } catch (error) {
      this.#unreadable ??= error
    }
    this.#rows.push(row)
  }

  handleCommandComplete({ text }: { text: string }): void {
    this.#tag = text
    if (this.#prepared) this.#prepared.columns ??= this.#columns ?? []
  }

  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
  handleCopyData(): void {}
  handleCopyInResponse(connection: { sendCopyFail(reason: string): void }): void {
    connection.sendCopyFail('there is nothing to copy')
  }

  handleError(error: unknown): void {
    this.#reject(error)
  }

  handleReadyForQuery(): void {
    if (this.#unreadable !== null) this.#reject(this.#unreadable)
    else this.#resolve({ rows: this.#rows, ...tagOf(this.#tag) })
  }
}

// in pipeline mode pg accepts only instances of Query, because others could keep a portal open; this does not
Object.setPrototypeOf(Statement.prototype, pg.Query.prototype)

/** `SELECT 1`, `INSERT 0 1`, `BEGIN`: the command and how many rows. */
function tagOf(tag: string): { command: string; rowCount: number | null } {
  const space = tag.indexOf(' ')
  if (space < 0) return { command: tag, rowCount: null }
  const count = Number(tag.slice(tag.lastIndexOf(' ') + 1))
  return { command: tag.slice(0, space), rowCount: Number.isInteger(count) ? count : null }
}

/** As pg, but with times in UTC, which is faster than local time. */
function toWire(value: unknown): unknown {
  if (typeof value === 'string') return value
  if (value instanceof Date) {
    const year = value.getUTCFullYear()
    if (year > 0 && year < 10_000) return value.toISOString()
  }
  return utils.prepareValue(value)
}

const INT8 = 20
const DATE = 1082
const TIMESTAMPTZ = 1184

function readerOf(oid: number): (text: string) => unknown {
  // counts are int8; what exceeds 2^53 does not occur here
  if (oid === INT8) return Number
  // pg would convert a date to midnight in the local time zone
  if (oid === DATE) return String
  const usual = pg.types.getTypeParser(oid, 'text')
  return oid === TIMESTAMPTZ ? (text) => readTime(text) ?? usual(text) : usual
}

/** Fast path: sessions are set to UTC and ISO, so that times have a format that `Date` parses much faster. */
function readTime(text: string): Date | null {
  if (text.length < 22 || text.length > 29 || !text.endsWith('+00')) return null
  const time = new Date(`${text.slice(0, 10)}T${text.slice(11, -3)}Z`)
  return Number.isNaN(time.getTime()) ? null : time
}
