/**
 * Strict JSON parser: one object, no duplicate names at any level (two readers of the same text must not see different
 * values), no `__proto__`, bounded depth, valid characters only.
 */
import { badCharacters, badRequest, duplicate, hasBadCharacters } from './text.ts'

const MAX_DEPTH = 32

/** @throws Problem BAD_REQUEST or VALIDATION_ERROR, which names the field if it is known */
export function parseJson(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw badRequest('The body is not valid JSON.')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badRequest('The body must be a JSON object.')
  }
  checkNames(text)
  checkTexts(value, '')
  return value as Record<string, unknown>
}

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** Scans text that is valid JSON, with the names found at each open level. */
function checkNames(text: string): void {
  const levels: (Set<string> | null)[] = []
  const path: string[] = []
  let nameNext = false
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === QUOTE) {
      const end = endOfString(text, i)
      if (nameNext) {
        path[levels.length - 1] = checkName(text.slice(i, end + 1), levels.at(-1), () =>
          path.slice(0, levels.length - 1),
        )
        nameNext = false
      }
      i = end
    } else if (c === OPEN_OBJECT || c === OPEN_LIST) {
      if (levels.length === MAX_DEPTH) throw badRequest('The body is nested too deeply.')
      levels.push(c === OPEN_OBJECT ? new Set() : null)
      path[levels.length - 1] = ''
      nameNext = c === OPEN_OBJECT
    } else if (c === CLOSE_OBJECT || c === CLOSE_LIST) {
      levels.pop()
      nameNext = false
    } else if (c === COMMA) nameNext = levels.at(-1) != null
  }
}

/** @param parents called for a duplicate only, so that a long parent name is not joined to each of thousands of members */
function checkName(
  quoted: string,
  seen: Set<string> | null | undefined,
  parents: () => readonly string[],
): string {
  const name = quoted.includes('\\') ? String(JSON.parse(quoted)) : quoted.slice(1, -1)
  if (name === '__proto__') throw badRequest('A name in the body is not allowed.')
  if (hasBadCharacters(name)) throw badRequest('A name in the body contains characters that are not allowed.')
  if (seen?.has(name)) throw duplicate([...parents().filter(Boolean), name].join('.'))
  seen?.add(name)
  return name
}

function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let escapes = 0
    while (text[end - 1 - escapes] === '\\') escapes += 1
    if (escapes % 2 === 0) return end
  }
}

function checkTexts(value: unknown, path: string): void {
  if (typeof value === 'string') {
    if (hasBadCharacters(value)) throw badCharacters(path)
  } else if (Array.isArray(value)) {
    for (const [i, member] of value.entries()) checkTexts(member, path ? `${path}.${i}` : `${i}`)
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) checkTexts(member, path ? `${path}.${name}` : name)
  }
}
