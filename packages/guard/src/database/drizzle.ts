/**
 * Units of work with Drizzle on node-postgres: `tx` is a Drizzle transaction, whose `tx.transaction()` is a savepoint.
 * Drizzle sends BEGIN; one statement then sets role and caller.
 */
import {
  assertNotAborted,
  type Engine,
  inTurn,
  isPool,
  type RunStatement,
  statementOf,
  type UnitOfWork,
  type UnitOptions,
  unitsOf,
} from './unit.ts'

export { latchkeySql } from './sql.ts'
export { type Caller, TransactionRolledBack, type UnitOfWork, type UnitOptions } from './unit.ts'

/** The part of a database of `drizzle()` of drizzle-orm/node-postgres 0.36 and later that is used. */
export interface DrizzleDatabase<Tx> {
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
}
interface Executor {
  execute(query: unknown): PromiseLike<unknown>
}

export interface DrizzleUnitOptions extends UnitOptions {
  /** The `sql` of Drizzle: `import { sql } from 'drizzle-orm'`. */
  readonly sql: (strings: TemplateStringsArray, ...values: never[]) => unknown
}

/**
 * Creates a runner of units of work for Drizzle.
 *
 * @param database the Drizzle database of the app
 * @param options the database role, Drizzle's `sql`, and whether units may run without a caller
 * @returns a function that runs `work(tx)` in a transaction in which policies know the caller; `tx` is that of Drizzle
 * @throws TypeError for an invalid role
 */
export function unitOfWork<Tx extends object>(
  database: DrizzleDatabase<Tx>,
  options: DrizzleUnitOptions,
): UnitOfWork<Tx> {
  const sql = options.sql as (strings: TemplateStringsArray, ...values: unknown[]) => unknown
  const { $client: connection = database } = database as { $client?: object }
  const engine: Engine<Tx> = {
    run(scope, work) {
      const unit = () =>
        database.transaction(async (tx) => {
          const runStatement: RunStatement = async ({ text, values }) =>
            rowsOf(await (tx as unknown as Executor).execute(sql(templateOf(text), ...values)))
          await runStatement(statementOf(scope))
          // after the unit, another one may use the connection
          const { proxy, revoke } = Proxy.revocable(tx, {})
          try {
            const result = await work(proxy, runStatement)
            await assertNotAborted(runStatement)
            return result
          } finally {
            revoke()
          }
        })
      return connection === database || isPool(connection) ? unit() : inTurn(connection, unit)
    },
  }
  return unitsOf(engine, connection, options)
}

/** node-postgres returns a result with rows, other drivers return the rows. */
const rowsOf = (answer: unknown): Record<string, unknown>[] =>
  (Array.isArray(answer) ? answer : (answer as { rows: unknown }).rows) as Record<string, unknown>[]

/** The text between `$1`, `$2`, …, as the first argument of a template tag. */
function templateOf(text: string): TemplateStringsArray {
  const strings = text.split(/\$\d+/)
  return Object.assign(strings, { raw: strings })
}
