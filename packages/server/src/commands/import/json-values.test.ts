import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { csvLine, parseCsv, unescapeFormula } from '../../base/csv.ts'
import { jsonElements, jsonLines } from './json-values.ts'
import { withFirstCharacter } from './source.ts'

/** A text in pieces of random sizes, as a stream brings it. */
async function* pieces(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size)
}
const collected = async <T>(rows: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = []
  for await (const row of rows) all.push(row)
  return all
}

describe('JSON', () => {
  const records = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 5 })

  it('arrays and lists of documents are read in pieces of any size, and nothing else of the document', async () => {
    await fc.assert(
      fc.asyncProperty(
        records,
        fc.integer({ min: 1, max: 7 }),
        fc.jsonValue(),
        async (users, size, other) => {
          for (const space of [undefined, 2]) {
            const list = JSON.stringify(users, null, space)
            const document = JSON.stringify(
              { 'a "users" [{': other, users, more: [users, { users }] },
              null,
              space,
            )
            for (const [text, name] of [
              [list, null],
              [document, 'users'],
            ] as const) {
              const values = await collected(jsonElements(pieces(text, size), 10_000, name))
              expect(values.map((value) => JSON.parse(value.text ?? ''))).toEqual(
                JSON.parse(JSON.stringify(users)),
              )
            }
          }
        },
      ),
      { numRuns: 200 },
    )
  })

  it('lines are read with their numbers, blank ones are none, and too long ones are named', async () => {
    const text = `{"a":1}\n\n  \n{"b":2}\r\n${'x'.repeat(50)}\n{"c":3}`
    expect(await collected(jsonLines(pieces(text, 3), 20))).toEqual([
      { line: 1, text: '{"a":1}' },
      { line: 4, text: '{"b":2}\r' },
      { line: 5, text: null },
      { line: 6, text: '{"c":3}' },
    ])
    const long = `[{"a":"${'x'.repeat(50)}"},\n{"b":1}]`
    expect(await collected(jsonElements(pieces(long, 4), 20, null))).toEqual([
      { line: 1, text: null },
      { line: 2, text: '{"b":1}' },
    ])
  })

  it('that ends early is an error', async () => {
    for (const text of ['[{"a":1},', '[{"a":"', '{"users":[{}']) {
      const name = text.startsWith('{') ? 'users' : null
      await expect(collected(jsonElements(pieces(text, 2), 100, name))).rejects.toThrow(/ends inside/)
    }
  })
})

describe('CSV', () => {
  it('is read as it was written, with the formulas that spreadsheets would run made harmless between', async () => {
    const cell = fc.oneof(
      fc.string(),
      fc.constantFrom('=1+1', "'=1", '+1', '-1', '@x', "''=1", "'", '"', 'a\r\nb', 'a\nb'),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(cell, { minLength: 2, maxLength: 3 }), { maxLength: 5 }),
        fc.integer({ min: 1, max: 7 }),
        async (rows, size) => {
          const text = rows.map(csvLine).join('')
          const read = await collected(parseCsv(pieces(text, size), 10_000))
          for (const { cells } of read)
            for (const one of cells ?? []) expect(one).not.toMatch(/^[=+\-@\t\r\n]/)
          expect(read.map(({ cells }) => cells?.map(unescapeFormula))).toEqual(rows)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('has the line at which a row begins; empty lines are none; what is too long or not closed is named', async () => {
    const text = `a,b\r\n\r\n"1\n2",x\n${'y'.repeat(30)},z\rlast,"open`
    expect(await collected(parseCsv(pieces(text, 2), 20))).toEqual([
      { line: 1, cells: ['a', 'b'] },
      { line: 3, cells: ['1\n2', 'x'] },
      { line: 5, cells: null },
      { line: 6, cells: null },
    ])
  })
})

describe('the beginning of a file', () => {
  it('is found after blank lines, and a blank file of any length takes one pass', async () => {
    const whole = async (text: string, size: number) => {
      const found = await withFirstCharacter(pieces(text, size))
      return [found.first, (await collected(found.text)).join('')]
    }
    for (const text of ['{"a":1}', '\n \r\n  [1]', '', '   ', 'email\n'])
      for (const size of [1, 3, 100]) expect(await whole(text, size)).toEqual([text.trim().slice(0, 1), text])
    const blank = ' '.repeat(3_000_000)
    expect(await whole(blank, 1000)).toEqual(['', blank])
  })
})
