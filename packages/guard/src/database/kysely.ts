/**
 * Units of work over Kysely on PostgreSQL, whatever dialect carries it: `tx` is a Kysely transaction. Kysely begins
 * by itself; one statement then says role and caller.
 */
import {
  type AsCaller,
  type Ask,
  assertAlive,
  type Engine,
  type Statement,
  statementOf,
  type UnitOptions,
  unitsOf,
} from './unit.ts'

export { latchkeySql } from './sql.ts'
export { type AsCaller, type Caller, TransactionRolledBack, type UnitOptions } from './unit.ts'

/** What is used of a `Kysely<Tables>` of 0.28 and later. */
export interface KyselyDatabase<Tx> {
  transaction(): { execute<T>(work: (tx: Tx) => Promise<T>): Promise<T> }
  startTransaction(): { execute(): Promise<Controlled> }
}
interface Controlled {
  executeQuery(query: never): Promise<{ rows: unknown[] }>
  commit(): { execute(): Promise<unknown> }
  rollback(): { execute(): Promise<unknown> }
}
/**
 * @param database the app's Kysely
 * @param options the role to work as, and whether nobody may
 * @returns runs `work(tx)` in a transaction in which policies know the caller; `tx` is Kysely’s `Transaction<Tables>`
 */
export function unitOfWork<Tx>(database: KyselyDatabase<Tx>, options: UnitOptions): AsCaller<Tx> {
  const engine: Engine<Tx> = {
    async run(scope, work) {
      // one that is controlled refuses statements after its end; that of transaction() would run them on a
      // connection that serves somebody else by then
      const tx = await database.startTransaction().execute()
      const ask: Ask = async (statement) =>
        (await tx.executeQuery(compiled(statement) as never)).rows as Record<string, unknown>[]
      try {
        await ask(statementOf(scope))
        const result = await work(tx as Tx, ask)
        await assertAlive(ask)
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

/** A statement as Kysely's own `CompiledQuery.raw` makes it. */
const compiled = ({ text, values }: Statement) => ({
  sql: text,
  parameters: values,
  query: { kind: 'RawNode', sqlFragments: [text], parameters: [] },
  queryId: { queryId: 'latchkey' },
})
