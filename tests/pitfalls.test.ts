/**
 * Every fault that was found on what is built, and every published incident, has a test that exists, or waits for
 * what is not built.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CAPABILITIES, FOUND, INCIDENTS } from './pitfalls/rows.ts'

const ROOT = join(import.meta.dirname, '..')
const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8')
const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** Whether the file has a test, or a table of tests, of this title. */
const hasTest = (text: string, title: string): boolean =>
  new RegExp(`\\(\\s*(['"\`])${escaped(title)}\\1`).test(text)

describe.each([
  ['what was found', FOUND],
  ['published incidents', INCIDENTS],
] as const)('%s', (_, rows) => {
  it.each(rows.map((row) => [row.row, row] as const))('%s', (_name, { proofs, waits = [] }) => {
    expect(proofs.length + waits.length).toBeGreaterThan(0)
    const wrong = proofs.filter(({ file, title, input = '' }) => {
      const text = existsSync(join(ROOT, file)) ? textOf(file) : ''
      return !hasTest(text, title) || !text.includes(input)
    })
    expect(wrong).toEqual([])
  })
  it('has no row twice', () => {
    expect(new Set(rows.map(({ row }) => row)).size).toBe(rows.length)
  })
})

describe('what a row waits for', () => {
  const sources = readdirSync(join(ROOT, 'packages/server/src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !/\.test\.tsx?$/.test(file))
    .map((file) => textOf(join('packages/server/src', file)))
  it('is not built yet', () => {
    expect(sources.length).toBeGreaterThan(100)
    const marks = Object.values<readonly string[]>(CAPABILITIES).flat()
    expect(marks.filter((mark) => sources.some((text) => text.includes(mark)))).toEqual([])
  })
})

it('a title that is only in a comment or a text is no test', () => {
  expect(hasTest(`it('a', () => {})`, 'a')).toBe(true)
  expect(hasTest(`it.each(x)(\n  'of %s',\n async () => {})`, 'of %s')).toBe(true)
  expect([hasTest(`// a`, 'a'), hasTest(`const x = 'a'`, 'a'), hasTest(`it('ab')`, 'a')]).toEqual([
    false,
    false,
    false,
  ])
})
