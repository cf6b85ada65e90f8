/**
 * The documents from which the product was specified (tests/seeds/documents, verbatim), and an account of their
 * lines. Every line that is not blank is accounted for exactly once: a test replays it (`printed`), it states nothing
 * that a program could check (`prose`), or what it needs is not built yet (`later`), which a test proves, so that the
 * entry cannot outlive the day on which the capability comes.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Json } from '../../packages/server/src/testing/client.ts'

/** `4`, `4-10` or `4-10,12`: line numbers of a document, from 1. */
type Lines = string

export interface SeedDocument {
  /** A test that replays the lines; `excerpt` is their text. */
  printed(lines: Lines, title: string, run: (excerpt: Excerpt) => void | Promise<void>): void
  /** Lines that no program can check. */
  prose(lines: Lines, why: string): void
  /** Lines of a capability that is not built yet; `isAbsent` fails as soon as it is. */
  later(lines: Lines, capability: string, isAbsent: () => void | Promise<void>): void
}

export interface Excerpt {
  text: string
  lines: readonly string[]
  /** The first (or n-th) JSON object in the text, without `# comments`. */
  json(n?: number): Json
  /** Each match of the expression in the text, by its groups. */
  all(pattern: RegExp): string[][]
}

/** The accounts of one document, and a last test that every line has one. */
export function seedDocument(name: string, account: (document: SeedDocument) => void): void {
  const lines = readFileSync(new URL(`./documents/${name}.txt`, import.meta.url), 'utf8')
    .replaceAll(SEPARATOR, '')
    .split('\n')
  const owners = new Map<number, string>()
  const claim = (range: Lines, owner: string): Excerpt => {
    const numbers = numbersOf(range)
    for (const n of numbers) {
      if (isBlank(lines[n - 1])) continue
      if (lines[n - 1] === undefined || owners.has(n))
        throw new Error(`${name}, line ${n}: ${owners.get(n) ?? 'there is no such line'}; ${owner}`)
      owners.set(n, owner)
    }
    return excerpt(numbers.flatMap((n) => lines[n - 1] ?? []))
  }
  describe(name, () => {
    account({
      printed(range, title, run) {
        const text = claim(range, title)
        it(`line ${range}: ${title}`, () => run(text))
      },
      prose: (range, why) => void claim(range, why),
      later(range, capability, isAbsent) {
        claim(range, capability)
        it(`line ${range} needs ${capability}, which is not built yet`, isAbsent)
      },
    })
    it('has an account of every line', () => {
      const open = lines.flatMap((line, n) =>
        isBlank(line) || owners.has(n + 1) ? [] : [`${n + 1}: ${line}`],
      )
      expect(open).toEqual([])
    })
  })
}

/** One document has a line of `|` between its lines. */
const SEPARATOR = /^\|$/gm
const isBlank = (line: string | undefined): boolean => line !== undefined && line.trim() === ''

const numbersOf = (range: Lines): number[] =>
  range.split(',').flatMap((part) => {
    const [from = 0, to = from] = part.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, n) => from + n)
  })

function excerpt(lines: readonly string[]): Excerpt {
  const text = lines.join('\n')
  return {
    text,
    lines,
    json(n = 0) {
      const found = objectsIn(text.replaceAll(/^>+ ?/gm, '').replaceAll(/\s# .*$/gm, ''))[n]
      if (found === undefined) throw new Error(`no JSON object ${n} in: ${text}`)
      return JSON.parse(found)
    },
    all: (pattern) => [...text.matchAll(pattern)].map(([, ...groups]) => groups),
  }
}

/** The outermost `{…}` of a text; the documents have no braces in strings. */
function objectsIn(text: string): string[] {
  const found: string[] = []
  let [depth, start] = [0, 0]
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '{' && depth++ === 0) start = i
    if (text[i] === '}' && --depth === 0) found.push(text.slice(start, i + 1))
  }
  return found
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/

/**
 * Expects every value of a printed example in the answer, at the same place. `free` names by path the values that a document
 * leaves to the installation, such as ids, secrets and times, each with what it must be here; they keep the printed
 * type, and a list has at least as many elements as the printed one. Further fields of the answer are allowed.
 */
export function expectFields(
  printed: Json,
  answer: Json,
  free: Readonly<Record<string, unknown>> = {},
  path = '',
): void {
  if (path === '') for (const name of Object.keys(free)) expectPath(printed, name)
  if (Object.hasOwn(free, path)) {
    expectType(printed, answer, path)
    expect(answer, path).toEqual(free[path])
  } else if (Array.isArray(printed)) {
    expectType(printed, answer, path)
    for (const [n, one] of printed.entries()) expectFields(one, answer[n], free, `${path}[${n}]`)
  } else if (typeof printed === 'object' && printed !== null) {
    for (const [name, value] of Object.entries(printed)) {
      expect(Object.keys(answer ?? {}), `${path} has ${name}`).toContain(name)
      expectFields(value, answer[name], free, path === '' ? name : `${path}.${name}`)
    }
  } else expect(answer, path).toBe(printed)
}

/** The type of a printed value: a time for a time, and for a list as many elements, each of the printed type. */
function expectType(printed: Json, answer: Json, path: string): void {
  if (Array.isArray(printed)) {
    expect(Array.isArray(answer), `${path} is a list`).toBe(true)
    expect(answer.length, `${path} has as many elements as printed`).toBeGreaterThanOrEqual(printed.length)
    for (const [n, one] of answer.entries()) expectType(printed[n] ?? printed[0], one, `${path}[${n}]`)
  } else if (typeof printed === 'string' && TIME.test(printed))
    expect(answer, `${path} is a time`).toMatch(TIME)
  else expect(typeof answer, path).toBe(typeof printed)
}

/** A time between the two, moved by `later` milliseconds. */
export const timeBetween = (from: Date, to: Date, later = 0): unknown =>
  expect.toSatisfy((time: string) => {
    const at = Date.parse(time) - later
    return from.getTime() <= at && at <= to.getTime()
  }, `a time from ${from.toISOString()} to ${to.toISOString()}, ${later} ms later`)

/** A value that is called free has to be one that the document prints. */
function expectPath(printed: Json, path: string): void {
  let place = printed
  for (const name of path.split('.')) {
    expect(Object.keys(place ?? {}), `the document prints ${path}`).toContain(name)
    place = place[name]
  }
}
