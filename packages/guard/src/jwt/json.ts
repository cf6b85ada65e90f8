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
    return isPlain(text, value) || !hasRepeatedName(text) ? (value as JsonObject) : null
  } catch {
    return null
  }
}

/**
 * The usual case, seen without reading letter by letter: every name ends in `":` where no white space stands
 * before a colon, so that a text with no more of these than its object has members has each of them once.
 */
function isPlain(text: string, value: object): boolean {
  if (SPACED_COLON.test(text)) return false
  let names = 0
  for (let at = text.indexOf('":'); at !== -1; at = text.indexOf('":', at + 2)) names += 1
  return names === Object.keys(value).length
}

/** RFC 8259 §2. */
const SPACED_COLON = /[ \t\n\r]:/

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
