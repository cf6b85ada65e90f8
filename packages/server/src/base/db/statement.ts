/**
 * One statement on its way through pg's pipeline. pg's own Query has the server describe the result at every run
 * and builds the readers of its columns anew; what a prepared statement yields never changes (the server refuses to
 * run it then, `isOutdated`), so here that is learned once and kept with its name. Otherwise it behaves as pg's.
 */
import pg from 'pg'
import utils from 'pg/lib/utils.js'

export interface Answer<R = unknown> {
  rows: R[]
  command: string
  rowCount: number | null
}

/** What a line knows of a statement that it has prepared. */
export interface Prepared {
  readonly name: string
  /** Null until the server has described them; empty where it yields no rows. */
  columns: readonly Column[] | null
}
interface Column {
  name: string
  read(text: string): unknown
}

/** The part of pg's connection that a query writes to. */
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
  readonly answer: Promise<Answer>
  readonly #prepared: Prepared | null
  readonly #values: readonly unknown[]
  #resolve!: (answer: Answer) => void
  #reject!: (error: unknown) => void
  #columns: readonly Column[] | null
  #rows: Record<string, unknown>[] = []
  #tag = ''
  #unreadable: unknown = null

  /** With `prepared` a named statement, otherwise text by the simple protocol, which may be several. */
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

// in a pipeline pg takes its own queries only, because others might keep a portal open, which this does not
Object.setPrototypeOf(Statement.prototype, pg.Query.prototype)

/** `SELECT 1`, `INSERT 0 1`, `BEGIN`: the command and how many rows. */
function tagOf(tag: string): { command: string; rowCount: number | null } {
  const space = tag.indexOf(' ')
  if (space < 0) return { command: tag, rowCount: null }
  const count = Number(tag.slice(tag.lastIndexOf(' ') + 1))
  return { command: tag.slice(0, space), rowCount: Number.isInteger(count) ? count : null }
}

/** As pg does, but a time in UTC, which is shorter work than the local one. */
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
  // a day is a day: pg would make it midnight of the server's own time zone
  if (oid === DATE) return String
  const usual = pg.types.getTypeParser(oid, 'text')
  return oid === TIMESTAMPTZ ? (text) => readTime(text) ?? usual(text) : usual
}

/** The sessions are set to UTC and ISO, so times come in one form, which the engine itself reads much faster. */
function readTime(text: string): Date | null {
  if (text.length < 22 || text.length > 29 || !text.endsWith('+00')) return null
  const time = new Date(`${text.slice(0, 10)}T${text.slice(11, -3)}Z`)
  return Number.isNaN(time.getTime()) ? null : time
}
