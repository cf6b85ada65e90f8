/** The name of a statement for traces, `UPDATE letters`: what it does, and the tables that it names. Never a value. */

/** Statements are texts of the code; those of lists vary in length. */
const MOST_KNOWN = 1000
const MOST_TABLES = 3
const known = new Map<string, string>()

export function statementName(text: string): string {
  const found = known.get(text)
  if (found !== undefined) return found
  if (known.size >= MOST_KNOWN) known.clear()
  const name = nameOf(text)
  known.set(text, name)
  return name
}

/** Tables are qualified in templates, and quoted by Kysely; other names are those of expressions in WITH. */
const TABLE = /\b(?:into|update|from|join)\s+(?:only\s+)?(?:"?latchkey"?\."?([a-z_]+)"?|"([a-z_]+)"(?!\.))/gi
const WRITE = /\b(?:insert(?=\s+into)|delete(?=\s+from)|update(?=\s+(?:latchkey\.|")))/i

function nameOf(text: string): string {
  const [first = ''] = /^\s*[a-z]+/i.exec(text) ?? []
  const verb = first.trim().toUpperCase()
  const written = WRITE.exec(text)?.[0].toUpperCase()
  const does = verb === 'WITH' ? (written ?? 'SELECT') : verb
  const tables = new Set([...text.matchAll(TABLE)].map(([, qualified, quoted]) => qualified ?? quoted))
  return [does, [...tables].slice(0, MOST_TABLES).join(', ')].join(' ').trim() || 'STATEMENT'
}
