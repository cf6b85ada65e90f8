/**
 * The locks of a migration, read from its statements without running them: on which tables that exist already, and how strong
 * (PostgreSQL, chapter 13.3). A test runs every migration and compares what is read with `pg_locks`.
 * Locks that keep nothing waiting but changes of the schema are left out.
 */
import { type Migration, statementsOf } from './migration-files.ts'

export type LockMode =
  | 'ROW EXCLUSIVE'
  | 'SHARE UPDATE EXCLUSIVE'
  | 'SHARE'
  | 'SHARE ROW EXCLUSIVE'
  | 'ACCESS EXCLUSIVE'

/** From weak to strong. */
const MODES: readonly LockMode[] = [
  'ROW EXCLUSIVE',
  'SHARE UPDATE EXCLUSIVE',
  'SHARE',
  'SHARE ROW EXCLUSIVE',
  'ACCESS EXCLUSIVE',
]

export interface TableLock {
  table: string
  mode: LockMode
  /** Whether it is held while rows are read or written: for a time that grows with the table. */
  isLong: boolean
}

/** What a migration meets: names without the schema. */
export interface Catalog {
  tables: ReadonlySet<string>
  /** The table of each index. */
  indexes: ReadonlyMap<string, string>
  /** The foreign keys: `table constraint` and `table.column` lead to the table that is referred to. */
  references: ReadonlyMap<string, string>
}

interface Found {
  table: string | undefined
  mode: LockMode
  isLong?: boolean
}

const ON = /\bon (?:only )?latchkey\.(\w+)/
const REFERENCES = /\breferences latchkey\.(\w+)/g

/** By the first words of a statement. */
const RULES: readonly (readonly [RegExp, (statement: string, name: string, catalog: Catalog) => Found[]])[] =
  [
    [/^create (?:unlogged )?table (?:if not exists )?latchkey\.(\w+)/, (text) => referred(text)],
    [/^alter table (?:if exists )?(?:only )?latchkey\.(\w+) /, alterTable],
    [
      /^drop table (?:if exists )?(.+)$/,
      (_, names, catalog) =>
        namesIn(names).flatMap((name) => [exclusive(name), ...referredBy(name, catalog)]),
    ],
    [
      /^create (?:unique )?index (concurrently )?/,
      (text, concurrently) => [
        {
          table: ON.exec(text)?.[1],
          mode: concurrently ? 'SHARE UPDATE EXCLUSIVE' : 'SHARE',
          isLong: true,
        },
      ],
    ],
    [
      /^drop index (concurrently )?/,
      (text, concurrently, { indexes }) =>
        namesIn(text).map((name) => ({
          table: indexes.get(name),
          mode: concurrently ? 'SHARE UPDATE EXCLUSIVE' : 'ACCESS EXCLUSIVE',
        })),
    ],
    [
      /^create (?:or replace )?(?:constraint )?trigger /,
      (text) => [{ table: ON.exec(text)?.[1], mode: 'SHARE ROW EXCLUSIVE' }],
    ],
    [/^(?:drop trigger|(?:create|alter|drop) policy) /, (text) => [exclusive(ON.exec(text)?.[1])]],
    [
      /^comment on (?:table|column) latchkey\.(\w+)/,
      (_, table) => [{ table, mode: 'SHARE UPDATE EXCLUSIVE' }],
    ],
    [
      /^(?:update|insert into|delete from) latchkey\.(\w+)/,
      (_, table) => [{ table, mode: 'ROW EXCLUSIVE', isLong: true }],
    ],
  ]

const exclusive = (table: string | undefined, isLong = false): Found => ({
  table,
  mode: 'ACCESS EXCLUSIVE',
  isLong,
})
const namesIn = (text: string): string[] =>
  [...text.matchAll(/latchkey\.(\w+)/g)].map(([, name = '']) => name)
const referred = (text: string): Found[] =>
  [...text.matchAll(REFERENCES)].map(([, table]) => ({ table, mode: 'SHARE ROW EXCLUSIVE' }))

/** The triggers of a foreign key are on both tables, and go with it. */
const referredBy = (table: string, { references }: Catalog): Found[] =>
  [...references].flatMap(([key, other]) => (key.startsWith(`${table} `) ? [exclusive(other)] : []))

function alterTable(text: string, table: string, { references }: Catalog): Found[] {
  const dropped = [...text.matchAll(/\bdrop (?:constraint|column) (?:if exists )?(\w+)/g)].flatMap(
    ([, name]) => [references.get(`${table} ${name}`), references.get(`${table}.${name}`)],
  )
  const actions = text.replace(/^alter table (?:if exists )?(?:only )?latchkey\.\w+ /, '')
  const isReference =
    /^add (?:constraint \w+ )?foreign key\b/.test(actions) && !/, (?:add|drop|alter) /.test(actions)
  const isValidation = /^validate constraint \w+$/.test(actions)
  const scans =
    (/\badd (?:constraint|check|unique|primary|foreign)\b/.test(actions) && !/\bnot valid\b/.test(actions)) ||
    /\b(?:set not null|set data type|type \w+)\b/.test(actions.replace(/'[^']*'/g, "''")) ||
    /\badd (?:column )?\w+ [^,]*\breferences\b[^,]*\bdefault\b/.test(actions)
  const own: Found = isReference
    ? { table, mode: 'SHARE ROW EXCLUSIVE', isLong: !/\bnot valid\b/.test(actions) }
    : isValidation
      ? { table, mode: 'SHARE UPDATE EXCLUSIVE', isLong: true }
      : exclusive(table, scans)
  return [own, ...referred(text), ...dropped.map((other) => exclusive(other))]
}

/** The strongest lock on each table that exists before, in the order in which they are taken. Pure. */
export function locksOf(migration: Pick<Migration, 'up'>, before: Catalog): TableLock[] {
  const indexes = new Map(before.indexes)
  const locks = new Map<string, TableLock>()
  for (const statement of statementsOf(migration.up).flatMap(unrolled)) {
    const text = statement.toLowerCase()
    const created = /^create (?:unique )?index (?:concurrently )?(?:if not exists )?(\w+)/.exec(text)?.[1]
    if (created) indexes.set(created, ON.exec(text)?.[1] ?? '')
    for (const [pattern, read] of RULES) {
      const found = pattern.exec(text)
      if (!found) continue
      for (const { table, mode, isLong = false } of read(text, found[1] ?? '', { ...before, indexes })) {
        if (table === undefined || !before.tables.has(table)) continue
        const known = locks.get(table)
        const strongest = known && MODES.indexOf(known.mode) > MODES.indexOf(mode) ? known.mode : mode
        locks.set(table, { table, mode: strongest, isLong: isLong || (known?.isLong ?? false) })
      }
      break
    }
  }
  return [...locks.values()]
}

/** `do $$ … foreach t in array array['a', 'b'] … execute format('alter table latchkey.%I …', t)`: a statement for each. */
function unrolled(statement: string): string[] {
  if (!/^do \$/i.test(statement)) return [statement]
  const names = [...(/array\[([^\]]*)\]/.exec(statement)?.[1] ?? '').matchAll(/'(\w+)'/g)]
  const texts = [...statement.matchAll(/format\('([^']*)'/g)].map(([, text = '']) => text)
  return names.flatMap(([, name = '']) => texts.map((text) => text.replace('%I', name)))
}
