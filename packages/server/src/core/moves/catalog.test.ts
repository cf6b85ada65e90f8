import { describe, expect, it } from 'vitest'
import { differentTables, inOrder, type MovedTable } from './catalog.ts'

const table = (name: string, ...parents: string[]): MovedTable => ({
  name,
  columns: [{ name: 'id', type: 'text', isGenerated: false }],
  key: ['id'],
  parents,
})

describe('the order of tables', () => {
  it('is that of their foreign keys', () => {
    const ordered = inOrder([table('c', 'a', 'b'), table('b', 'a'), table('a'), table('d')])
    expect(ordered.map(({ name }) => name)).toEqual(['a', 'd', 'b', 'c'])
  })

  it('does not exist where tables refer to each other, or one has no key', () => {
    expect(() => inOrder([table('a'), table('b', 'c'), table('c', 'b')])).toThrow('b, c refer to each other')
    expect(() => inOrder([{ ...table('a'), key: [] }])).toThrow('a has no primary key')
  })
})

it('two databases differ by a table, a column or a type', () => {
  const one = table('a')
  const other = { ...one, columns: [{ name: 'id', type: 'bytea', isGenerated: false }] }
  expect(differentTables([one], [table('a')])).toEqual([])
  expect(differentTables([one], [other])).toEqual(['a'])
  expect(differentTables([one, table('b')], [one])).toEqual(['b'])
})
