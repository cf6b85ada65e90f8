/**
 * Units of work over `pg`: a pool, or a client of their own. Begin, role and caller are one message and one wait.
 * Nothing is kept in the session and nothing is a named statement, so a pooler in transaction mode may stand in
 * between.
 */
import {
  type AsCaller,
  type Ask,
  type Engine,
  inTurn,
  isPool,
  type Scope,
  TransactionRolledBack,
  textOf,
  type UnitOptions,
  unitsOf,
} from './unit.ts'

export { latchkeySql } from './sql.ts'
export { type AsCaller, type Caller, TransactionRolledBack, type UnitOptions } from './unit.ts'

/** What is used of a `Pool` or a connected `Client` of pg 8.11 and later. */
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
  /** pg 8.20 and later: `I` is between transactions. */
  getTransactionStatus?(): string | null
  /** Of one that a pool lent; with an error it is closed instead of lent again. */
  release?(error?: Error): void
}

/**
 * @param database a pool; or one connected client, which then belongs to the units alone, one after the other
 * @param options the role to work as, and whether nobody may
 * @returns runs `work(tx)` in a transaction in which policies know the caller; `tx.query` is the driver's own
 */
export function unitOfWork<Database extends PgDatabase>(
  database: Database,
  options: UnitOptions,
): AsCaller<Pick<Database, 'query'>> {
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

/** @param onBroken told when the connection must serve nobody else: its transaction could not be ended */
async function inTransaction<T, Tx>(
  connection: Connection,
  scope: Scope,
  work: (tx: Tx, ask: Ask) => Promise<T>,
  onBroken: (error: Error) => void = () => {},
): Promise<T> {
  const send = (text: string, values: readonly string[] = []) =>
    connection.query(text, values) as Promise<PgResult>
  const fence = new Fence(connection)
  const ask: Ask = async ({ text, values }) => (await send(text, values)).rows
  try {
    // where one of them fails, what follows it in the message is not looked at
    await send(`begin; ${textOf(scope)}`)
    const result = await work({ query: fence.query } as Tx, ask)
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

/** Ends the transaction, or changes whom it is for: then what follows would run as the login role. */
const LEAVES =
  /^\s*(?:begin|start\s+transaction|commit|end|abort|rollback(?!\s+(?:(?:work|transaction)\s+)?to\b)|prepare\s+transaction|set\s+(?:local\s+|session\s+)?(?:role|session\s+authorization)|reset\s+(?:role|all|session)|discard)\b/i

/** Stands between the work and its connection: refuses what would leave the unit, and whatever comes after its end. */
class Fence {
  /** The first statement's error, for whoever swallowed it. */
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
    // a cursor, a stream or a callback has nobody who awaits it
    if (isText(args[0]) && !args.some((arg) => typeof arg === 'function')) return Promise.reject(refusal)
    throw refusal
  }

  #refusal(statement: unknown): Error | null {
    if (this.#isOver) return new Error('this unit of work is over: its tx must not be used any more')
    if (!LEAVES.test(saidBy(statement))) return null
    return new Error('begin, commit, rollback and set role are the unit of work’s own; savepoints are yours')
  }

  #watch(sent: unknown): unknown {
    if (sent instanceof Promise)
      sent.catch((error: unknown) => {
        this.failure ??= error
      })
    return sent
  }
}

const saidBy = (statement: unknown): string => {
  if (typeof statement === 'string') return statement
  const { text } = (statement ?? {}) as { text?: unknown }
  return typeof text === 'string' ? text : ''
}
/** A text, or a configuration with one: not something that submits itself. */
const isText = (statement: unknown): boolean =>
  typeof statement === 'string' ||
  (typeof statement === 'object' && statement !== null && !('submit' in statement))
