/** Latchkey's own format: what `latchkey users export` writes, and what anyone may write by hand. */
import type { ImportPreset, Raw } from './preset.ts'

/** Fields that CSV writes as a list: JSON, or words. */
const LISTS = ['roles', 'organizations', 'password_history', 'identities'] as const
/** What the words of a list are: `slug:role`, `connection:subject`. */
const PAIRS: Readonly<Record<string, readonly [string, string]>> = {
  organizations: ['slug', 'role'],
  identities: ['connection', 'subject'],
}

export const latchkey: ImportPreset = {
  name: 'latchkey',
  system: 'Latchkey',
  list: null,
  read: (raw) => ({
    record: Object.fromEntries(Object.entries(raw).map(([name, value]) => [name, fieldOf(name, value)])),
  }),
}

function fieldOf(name: string, text: Raw[string]): unknown {
  if (typeof text !== 'string') return text
  if (text === '') return undefined
  if (name === 'email_verified' && /^(?:true|false)$/i.test(text)) return text.toLowerCase() === 'true'
  if (name === 'profile') return parsed(text)
  if (!LISTS.some((list) => list === name)) return text
  if (text.startsWith('[')) return parsed(text)
  const words = text.split(/[\s;,]+/).filter(Boolean)
  const pair = PAIRS[name]
  if (!pair) return words
  return words.map((word) => {
    const [first = '', ...rest] = word.split(':')
    return rest.length === 0 ? { [pair[0]]: first } : { [pair[0]]: first, [pair[1]]: rest.join(':') }
  })
}

/** What is no JSON stays text, which the server refuses with the name of the field. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
