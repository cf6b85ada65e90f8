/**
 * Units of work with `pg`: a pool, or one client. BEGIN, role and caller are sent as one message, in one round trip.
 * Session settings and named statements are not used, so that a pooler in transaction mode (PgBouncer) is supported.
 */
import {
  type Engine,
  inTurn,
  isPool,
  type RunStatement,
  type Scope,
  TransactionRolledBack,
  textOf,
  type UnitOfWork,
  type UnitOptions,
  unitsOf,
} from './unit.ts'

export { latchkeySql } from './sql.ts'
export { type Caller, TransactionRolledBack, type UnitOfWork, type UnitOptions } from './unit.ts'

/** The part of a `Pool` or a connected `Client` of pg 8.11 and later that is used. */
export interface PgDatabase {
  query(text: string, values?: string[]): Promise<PgResult>
  connect(): Promise<unknown>
}
interface PgResult {
  command: string
  rows: Record<string, unknown>[]
}

interface Connection {
  query(...args: readonly unknown[]): unknown
  /** pg 8.20 and later; `I`: not in a transaction. */
  getTransactionStatus?(): string | null
  /** Only of connections of a pool; with an error, the pool closes the connection. */
  release?(error?: Error): void
}

/**
 * Creates a runner of units of work for `pg`.
 *
 * @param database a pool; or one connected client, which must not be used for anything else, and runs one unit at a time
 * @param options the database role, and whether units may run without a caller
 * @returns a function that runs `work(tx)` in a transaction in which policies know the caller; `tx.query` is that of
 *   the driver
 * @throws TypeError for an invalid role
 */
export function unitOfWork<Database extends PgDatabase>(
  database: Database,
  options: UnitOptions,
): UnitOfWork<Pick<Database, 'query'>> {
  const engine: Engine<Pick<Database, 'query'>> = {
    async run(scope, work) {
      if (!isPool(database))
        return inTurn(database, () => inTransaction(database as unknown as Connection, scope, work))
      const connection = (await database.connect()) as Connection
      let broken: Error | undefined
      try {
        return await inTransaction(connection, scope, work, (error) => {
          broken = error
        })
      } finally {
        connection.release?.(broken)
      }
    },
  }
  return unitsOf(engine, database, options)
}

/** @param onBroken called when the transaction could not be ended: the connection must then not be reused */
async function inTransaction<T, Tx>(
  connection: Connection,
  scope: Scope,
  work: (tx: Tx, runStatement: RunStatement) => Promise<T>,
  onBroken: (error: Error) => void = () => {},
): Promise<T> {
  const send = (text: string, values: readonly string[] = []) =>
    connection.query(text, values) as Promise<PgResult>
  const fence = new TransactionFence(connection)
  const runStatement: RunStatement = async ({ text, values }) => (await send(text, values)).rows
  try {
    // if one of the statements fails, PostgreSQL does not run the following ones of the message
    await send(`begin; ${textOf(scope)}`)
    const result = await work({ query: fence.query } as Tx, runStatement)
    fence.close()
    const { command } = await send('commit')
    if (command !== 'COMMIT') throw new TransactionRolledBack(fence.failure)
    return result
  } catch (error) {
    fence.close()
    if (!(error instanceof TransactionRolledBack)) await send('rollback').catch(onBroken)
    throw error
  } finally {
    const status = connection.getTransactionStatus?.() ?? 'I'
    if (status !== 'I') onBroken(new Error('the unit of work left a transaction open'))
  }
}

/** Statements that end the transaction or change its role: later ones would run as the login role. */
const ENDS_UNIT =
  /^\s*(?:begin|start\s+transaction|commit|end|abort|rollback(?!\s+(?:(?:work|transaction)\s+)?to\b)|prepare\s+transaction|set\s+(?:local\s+|session\s+)?(?:role|session\s+authorization)|reset\s+(?:role|all|session)|discard)\b/i

/** Wraps `query` of the connection: refuses statements that would end the unit, and all statements after its end. */
class TransactionFence {
  /** The error of the first statement that failed, the cause of {@link TransactionRolledBack}. */
  failure: unknown
  readonly #connection: Connection
  #isOver = false

  constructor(connection: Connection) {
    this.#connection = connection
  }

  close(): void {
    this.#isOver = true
  }

  readonly query = (...args: readonly unknown[]): unknown => {
    const refusal = this.#refusal(args[0])
    if (refusal === null) return this.#watch(this.#connection.query(...args))
    // the result of a cursor, a stream or a query with a callback is not awaited
    if (isText(args[0]) && !args.some((arg) => typeof arg === 'function')) return Promise.reject(refusal)
    throw refusal
  }

  #refusal(statement: unknown): Error | null {
    if (this.#isOver) return new Error('this unit of work has ended: its tx must not be used any more')
    if (!ENDS_UNIT.test(textOfStatement(statement))) return null
    return new Error(
      'begin, commit, rollback and set role are reserved for the unit of work; savepoints are allowed',
    )
  }

  #watch(sent: unknown): unknown {
    if (sent instanceof Promise)
      sent.catch((error: unknown) => {
        this.failure ??= error
      })
    return sent
  }
}

const textOfStatement = (statement: unknown): string => {
  if (typeof statement === 'string') return statement
  const { text } = (statement ?? {}) as { text?: unknown }
  return typeof text === 'string' ? text : ''
}
/** A text, or a query configuration; not an object with `submit`, such as a cursor. */
const isText = (statement: unknown): boolean =>
  typeof statement === 'string' ||
  (typeof statement === 'object' && statement !== null && !('submit' in statement))
