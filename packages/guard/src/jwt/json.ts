/**
 * Strict JSON objects: valid UTF-8, and no name twice. JSON.parse keeps the last of two equal names, others keep
 * the first; a token that two readers read differently is refused (RFC 7519 §4, RFC 8725 §2.4).
 */
import { isUtf8 } from 'node:buffer'

export type JsonObject = Readonly<Record<string, unknown>>

/** @returns null for anything but one object without repeated names, at any depth */
export function readObject(bytes: Buffer): JsonObject | null {
  if (!isUtf8(bytes)) return null
  const text = bytes.toString('utf8')
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
    // what is written again letter by letter has every name once: the usual case, at native speed
    return JSON.stringify(value) === text || !hasRepeatedName(text) ? (value as JsonObject) : null
  } catch {
    return null
  }
}

/** @param text what JSON.parse has accepted */
function hasRepeatedName(text: string): boolean {
  // one set of names for each object that is open, null for each array
  const open: (Set<string> | null)[] = []
  let names: Set<string> | null = null
  let isName = false
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x22: {
        const end = endOfText(text, i + 1)
        if (isName && names !== null) {
          const name = text.slice(i + 1, end)
          const plain = name.includes('\\') ? (JSON.parse(`"${name}"`) as string) : name
          if (names.has(plain)) return true
          names.add(plain)
          isName = false
        }
        i = end
        break
      }
      case 0x7b: // {
        open.push(names)
        names = new Set()
        isName = true
        break
      case 0x5b: // [
        open.push(names)
        names = null
        isName = false
        break
      case 0x7d: // }
      case 0x5d: // ]
        names = open.pop() ?? null
        isName = false
        break
      case 0x2c: // ,
        isName = names !== null
        break
    }
  }
  return false
}

/** @returns where the closing quote stands */
function endOfText(text: string, start: number): number {
  for (let i = start; ; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x5c) i += 1
    else if (code === 0x22) return i
  }
}
