/**
 * Strict JSON objects: valid UTF-8 without duplicate names. JSON.parse keeps the last of two equal names, other parsers
 * keep the first; a token that parsers read differently is refused (RFC 7519 §4, RFC 8725 §2.4).
 */
import { isUtf8 } from 'node:buffer'

export type JsonObject = Readonly<Record<string, unknown>>

/** @returns null for anything other than one object without duplicate names at any depth */
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
 * Fast path without a scan by character. Every name ends in `":` where no white space precedes a colon, so that a text
 * with as many of these as its object has members has no duplicate names.
 */
function isPlain(text: string, value: object): boolean {
  if (SPACED_COLON.test(text)) return false
  let names = 0
  for (let at = text.indexOf('":'); at !== -1; at = text.indexOf('":', at + 2)) names += 1
  return names === Object.keys(value).length
}

/** RFC 8259 §2. */
const SPACED_COLON = /[ \t\n\r]:/

/** @param text valid JSON */
function hasRepeatedName(text: string): boolean {
  // a stack: the names of each enclosing object, null for each array
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

/** @returns the index of the closing quote */
function endOfText(text: string, start: number): number {
  for (let i = start; ; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x5c) i += 1
    else if (code === 0x22) return i
  }
}
