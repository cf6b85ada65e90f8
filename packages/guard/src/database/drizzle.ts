/**
 * Units of work over Drizzle on node-postgres: `tx` is Drizzle's transaction, whose own `tx.transaction()` is a
 * savepoint. Drizzle begins by itself; one statement then says role and caller.
 */
import {
  type AsCaller,
  type Ask,
  assertAlive,
  type Engine,
  inTurn,
  isPool,
  statementOf,
  type UnitOptions,
  unitsOf,
} from './unit.ts'

export { latchkeySql } from './sql.ts'
export { type AsCaller, type Caller, TransactionRolledBack, type UnitOptions } from './unit.ts'

/** What is used of what `drizzle()` of drizzle-orm/node-postgres 0.36 and later makes. */
export interface DrizzleDatabase<Tx> {
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
}
interface Executing {
  execute(query: unknown): PromiseLike<unknown>
}

export interface DrizzleUnitOptions extends UnitOptions {
  /** Drizzle's own: `import { sql } from 'drizzle-orm'`. */
  readonly sql: (strings: TemplateStringsArray, ...values: never[]) => unknown
}

/**
 * @param database the app's Drizzle
 * @param options the role to work as, Drizzle's `sql`, and whether nobody may
 * @returns runs `work(tx)` in a transaction in which policies know the caller; `tx` is Drizzle’s own
 */
export function unitOfWork<Tx extends object>(
  database: DrizzleDatabase<Tx>,
  options: DrizzleUnitOptions,
): AsCaller<Tx> {
  const sql = options.sql as (strings: TemplateStringsArray, ...values: unknown[]) => unknown
  const { $client: connection = database } = database as { $client?: object }
  const engine: Engine<Tx> = {
    run(scope, work) {
      const unit = () =>
        database.transaction(async (tx) => {
          const ask: Ask = async ({ text, values }) =>
            rowsOf(await (tx as unknown as Executing).execute(sql(templateOf(text), ...values)))
          await ask(statementOf(scope))
          // after its end its connection serves somebody else
          const { proxy, revoke } = Proxy.revocable(tx, {})
          try {
            const result = await work(proxy, ask)
            await assertAlive(ask)
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

/** node-postgres answers a result, other drivers its rows. */
const rowsOf = (answer: unknown): Record<string, unknown>[] =>
  (Array.isArray(answer) ? answer : (answer as { rows: unknown }).rows) as Record<string, unknown>[]

/** The text between `$1`, `$2`, …, as a template tag is given it. */
function templateOf(text: string): TemplateStringsArray {
  const strings = text.split(/\$\d+/)
  return Object.assign(strings, { raw: strings })
}
