/**
 * The tables of the schema `latchkey` as the catalogue describes them, in the order of their foreign keys: a row is
 * copied after those that it refers to. Both databases of a move must describe the same.
 */
import type { Connection } from '../../base/db/connection.ts'

export interface MovedColumn {
  name: string
  /** As `format_type` spells it. */
  type: string
  /** Computed by the database: read for the checksum, never written. */
  isGenerated: boolean
}

export interface MovedTable {
  name: string
  columns: readonly MovedColumn[]
  /** The columns of the primary key, in its order. */
  key: readonly string[]
  /** The other tables that it refers to. */
  parents: readonly string[]
}

/** Neither is data: the migrations are applied to the target, and the other is the state of a move. */
const NOT_MOVED = `('migrations', 'unfinished_move')`

/** @returns the tables in the order in which they can be filled */
export async function describeTables(connection: Connection): Promise<MovedTable[]> {
  const { rows } = await connection.plain(
    `select c.relname as name,
       (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
            'isGenerated', a.attgenerated <> '') order by a.attnum)
          from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
       (select coalesce(json_agg(a.attname order by k.position), '[]') from pg_index i
          cross join unnest(i.indkey::int2[]) with ordinality as k (number, position)
          join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
          where i.indrelid = c.oid and i.indisprimary) as key,
       (select coalesce(json_agg(distinct p.relname), '[]') from pg_constraint f
          join pg_class p on p.oid = f.confrelid
          where f.conrelid = c.oid and f.contype = 'f' and f.confrelid <> c.oid) as parents
     from pg_class c where c.relnamespace = to_regnamespace('latchkey') and c.relkind in ('r', 'p')
       and c.relname not in ${NOT_MOVED} order by c.relname collate "C"`,
  )
  return inOrder(rows as MovedTable[])
}

/** Pure. @throws Error for tables that refer to each other, which no order fills, and those without a primary key */
export function inOrder(tables: readonly MovedTable[]): MovedTable[] {
  const keyless = tables.filter(({ key }) => key.length === 0)
  if (keyless.length > 0) throw new Error(`${namesOf(keyless)} has no primary key, by which it is read`)
  const ordered: MovedTable[] = []
  const left = new Map(tables.map((table) => [table.name, table]))
  while (left.size > 0) {
    const ready = [...left.values()].filter(({ parents }) => !parents.some((name) => left.has(name)))
    if (ready.length === 0) throw new Error(`${namesOf([...left.values()])} refer to each other`)
    for (const table of ready) left.delete(table.name)
    ordered.push(...ready)
  }
  return ordered
}

const namesOf = (tables: readonly MovedTable[]): string => tables.map(({ name }) => name).join(', ')

/** What differs between two databases, as a list of tables; empty if nothing does. */
export function differentTables(one: readonly MovedTable[], other: readonly MovedTable[]): string[] {
  const texts = (tables: readonly MovedTable[]) =>
    new Map(tables.map((table) => [table.name, JSON.stringify(table)]))
  const [ours, theirs] = [texts(one), texts(other)]
  const names = new Set([...ours.keys(), ...theirs.keys()])
  return [...names].filter((name) => ours.get(name) !== theirs.get(name)).sort()
}
