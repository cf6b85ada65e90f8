/**
 * Units of work with Kysely on PostgreSQL, for any dialect: `tx` is a Kysely transaction. Kysely sends BEGIN; one
 * statement then sets role and caller.
 */
import {
  assertNotAborted,
  type Engine,
  type RunStatement,
  type Statement,
  statementOf,
  type UnitOfWork,
  type UnitOptions,
  unitsOf,
} from './unit.ts'

export { latchkeySql } from './sql.ts'
export { type Caller, TransactionRolledBack, type UnitOfWork, type UnitOptions } from './unit.ts'

/** The part of a `Kysely<Tables>` of 0.28 and later that is used. */
export interface KyselyDatabase<Tx> {
  transaction(): { execute<T>(work: (tx: Tx) => Promise<T>): Promise<T> }
  startTransaction(): { execute(): Promise<ControlledTransaction> }
}
interface ControlledTransaction {
  executeQuery(query: never): Promise<{ rows: unknown[] }>
  commit(): { execute(): Promise<unknown> }
  rollback(): { execute(): Promise<unknown> }
}
/**
 * Creates a runner of units of work for Kysely.
 *
 * @param database the `Kysely<Tables>` of the app
 * @param options the database role, and whether units may run without a caller
 * @returns a function that runs `work(tx)` in a transaction in which policies know the caller; `tx` is Kysely’s
 *   `Transaction<Tables>`
 * @throws TypeError for an invalid role
 */
export function unitOfWork<Tx>(database: KyselyDatabase<Tx>, options: UnitOptions): UnitOfWork<Tx> {
  const engine: Engine<Tx> = {
    async run(scope, work) {
      // a controlled transaction refuses statements after its end; that of transaction() would run them on a
      // connection that another unit may be using
      const tx = await database.startTransaction().execute()
      const runStatement: RunStatement = async (statement) =>
        (await tx.executeQuery(compiled(statement) as never)).rows as Record<string, unknown>[]
      try {
        await runStatement(statementOf(scope))
        const result = await work(tx as Tx, runStatement)
        await assertNotAborted(runStatement)
        await tx.commit().execute()
        return result
      } catch (error) {
        await tx
          .rollback()
          .execute()
          .catch(() => {})
        throw error
      }
    },
  }
  return unitsOf(engine, database, options)
}

/** Equals the result of Kysely's `CompiledQuery.raw`. */
const compiled = ({ text, values }: Statement) => ({
  sql: text,
  parameters: values,
  query: { kind: 'RawNode', sqlFragments: [text], parameters: [] },
  queryId: { queryId: 'latchkey' },
})
