/**
 * All columns of a table by their names, in place of `*`. PostgreSQL refuses to run a prepared statement whose result has
 * changed ("cached plan must not change result type"): while a later version adds a column, the transactions of this one
 * would fail. Only what a statement returns matters: `*` inside of it is not what was prepared.
 */
import {
  AliasNode,
  ColumnNode,
  IdentifierNode,
  type OperationNode,
  type RawBuilder,
  ReferenceNode,
  type RootOperationNode,
  SelectAllNode,
  SelectionNode,
  sql,
  TableNode,
} from 'kysely'
import { COLUMNS } from './columns.ts'
import type { Tables } from './tables.ts'

/** All columns of a table by their names, for a statement that is written in SQL: `u.id, u.username, …`. */
export function columnsOf(table: keyof Tables, alias: string): RawBuilder<unknown> {
  const columns = COLUMNS[table]?.split(' ') ?? []
  return sql.raw(columns.map((column) => `${alias}.${column}`).join(', '))
}

/** @returns the statement with names where it selects or returns `*` of tables; itself where it does not */
export function withColumns<T extends RootOperationNode>(node: T): T {
  const root: RootOperationNode = node
  switch (root.kind) {
    case 'SelectQueryNode': {
      const sources = [...(root.from?.froms ?? []), ...(root.joins ?? []).map(({ table }) => table)]
      const selections = named(root.selections, sources)
      return selections === root.selections ? node : { ...node, selections }
    }
    case 'InsertQueryNode':
      return returned(root, root.into) as T
    case 'UpdateQueryNode':
      return returned(
        root,
        root.table,
        ...(root.from?.froms ?? []),
        ...(root.joins ?? []).map(({ table }) => table),
      ) as T
    case 'DeleteQueryNode':
      return returned(root, ...root.from.froms, ...(root.using?.tables ?? [])) as T
    default:
      return node
  }
}

interface Returning extends OperationNode {
  readonly returning?: { readonly selections: readonly SelectionNode[] }
}

function returned<T extends Returning>(node: T, ...sources: readonly (OperationNode | undefined)[]): T {
  if (!node.returning) return node
  const selections = named(node.returning.selections, sources)
  return selections === node.returning.selections
    ? node
    : { ...node, returning: { ...node.returning, selections } }
}

/** @returns the same list where nothing in it is `*` of tables */
function named<S extends readonly SelectionNode[] | undefined>(
  selections: S,
  sources: readonly (OperationNode | undefined)[],
): S {
  if (!selections?.some(({ selection }) => isAll(selection))) return selections
  return selections.flatMap((node) => {
    const { selection } = node
    if (SelectAllNode.is(selection)) return all(sources.map(sourceOf)) ?? [node]
    if (!isAll(selection)) return [node]
    const name = selection.table?.table.identifier.name
    return all([sources.map(sourceOf).find((source) => source?.name === name) ?? null]) ?? [node]
  }) as readonly SelectionNode[] as S
}

const isAll = (selection: OperationNode): selection is SelectAllNode | ReferenceNode =>
  SelectAllNode.is(selection) || (ReferenceNode.is(selection) && SelectAllNode.is(selection.column))

interface Source {
  /** By which the statement refers to it. */
  name: string
  columns: readonly string[]
}

/** Null for what is not a table: a subquery, a function, a WITH. */
function sourceOf(node: OperationNode | undefined): Source | null {
  if (node === undefined) return null
  if (AliasNode.is(node)) {
    const source = sourceOf(node.node)
    return source && IdentifierNode.is(node.alias) ? { ...source, name: node.alias.name } : null
  }
  if (!TableNode.is(node)) return null
  const { name } = node.table.identifier
  const columns = COLUMNS[name]?.split(' ')
  return columns ? { name, columns } : null
}

function all(sources: readonly (Source | null)[]): SelectionNode[] | null {
  if (!sources.every((source) => source !== null)) return null
  return sources.flatMap(({ name, columns }) =>
    columns.map((column) =>
      SelectionNode.create(ReferenceNode.create(ColumnNode.create(column), TableNode.create(name))),
    ),
  )
}
