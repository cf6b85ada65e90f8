/** The tables that the modules of the server declare in their `tables.ts`, parsed from their text, because types do not exist at run time. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const SOURCE = join(import.meta.dirname, '../packages/server/src')

/** @returns table → column → declared type, in the order of the declaration */
export function declaredTables(): Map<string, Map<string, string>> {
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\btables\.ts$/.test(file),
  )
  const tables: [table: string, row: string][] = []
  const rows = new Map<string, Map<string, string>>()
  for (const file of files) {
    const text = readFileSync(join(SOURCE, file), 'utf8')
    for (const [, , name = '', body = ''] of text.matchAll(
      /^( *)(?:export )?interface (\w+) \{\n(.*?)\n\1\}$/gms,
    )) {
      const members = [...body.matchAll(/^ +(\w+): (.+)$/gm)].map(
        ([, member = '', type = '']): [string, string] => [member, type],
      )
      if (name === 'Tables') tables.push(...members)
      else rows.set(name, new Map(members))
    }
  }
  return new Map(tables.map(([table, row]) => [table, rows.get(row) ?? new Map()]))
}

/** `base/db/columns.ts`. */
export function columnsFile(): string {
  const lines = [...declaredTables()]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([table, columns]) => `  ${table}: '${[...columns.keys()].join(' ')}',`)
  return `/**
 * The columns of each table that this version knows. Made from the \`tables.ts\` of all modules by \`npm run docs\`. Do not edit.
 */

// biome-ignore format: a table
export const COLUMNS: Readonly<Record<string, string>> = {
${lines.join('\n')}
}
`
}
