/**
 * Statements of hot paths: compiled once (`compiledOnce`), because building one with Kysely costs more than sending
 * it; and several that do not depend on each other sent as one (`runTogether`), because each statement costs a round
 * trip.
 */
import type { CompiledQuery, Insertable } from 'kysely'
import { Handle } from './handle.ts'
import type { Statements, Tx } from './types.ts'

/** The placeholder of a value in a statement that is compiled before its values are known. */
class Slot {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

const builder = new Handle(() => Promise.reject(new Error('this handle only builds statements')))

/** All columns of a new row. */
export type NewRow<Table> = Required<Insertable<Table>>

/**
 * Compiles a statement at its first use. `build` receives a placeholder in place of each value: it may pass them to
 * Kysely as parameters, and cannot read them. All values are present at every use; null is one.
 * @returns a function of the values, whose result is run with `executeQuery` or `runTogether`
 */
export function compiledOnce<Values extends object, Row = unknown>(
  build: (db: Statements, values: Values) => { compile(db: Statements): CompiledQuery<Row> },
): (values: Values) => CompiledQuery<Row> {
  let compiled: CompiledQuery<Row> | undefined
  return (values) => {
    compiled ??= build(builder, slotsOf(values)).compile(builder)
    const filled = (parameter: unknown) =>
      parameter instanceof Slot ? (values as Record<string, unknown>)[parameter.name] : parameter
    return { ...compiled, parameters: compiled.parameters.map(filled) }
  }
}

const slotsOf = <Values extends object>(values: Values): Values =>
  Object.fromEntries(Object.keys(values).map((name) => [name, new Slot(name)])) as Values

/** Merged statements by their texts; the combinations are those that the code contains. */
const merged = new Map<string, string>()

/**
 * Runs statements that change data as one statement: all or none take effect, in no defined order, and none sees what
 * another has changed. Two of them must not change the same row. Their results are not read.
 */
export async function runTogether(tx: Tx, queries: readonly CompiledQuery[]): Promise<void> {
  const [first, ...others] = queries
  if (!first) return
  if (others.length === 0) return void (await tx.executeQuery(first))
  const texts = queries.map(({ sql }) => sql).join(';\n')
  let sql = merged.get(texts)
  if (sql === undefined) {
    sql = merge(queries)
    merged.set(texts, sql)
  }
  await tx.executeQuery({ ...first, sql, parameters: queries.flatMap(({ parameters }) => parameters) })
}

/** Data-modifying statements in WITH run to their end whether or not their results are read (PostgreSQL 15, §7.8.4). */
function merge(queries: readonly CompiledQuery[]): string {
  let before = 0
  const parts = queries.map(({ sql, parameters }, at) => {
    const text = sql.replace(/\$(\d+)/g, (_, number) => `$${Number(number) + before}`)
    before += parameters.length
    return `part_${at} as (${text})`
  })
  return `with ${parts.join(', ')} select`
}
