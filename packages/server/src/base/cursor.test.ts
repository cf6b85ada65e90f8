import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyring } from './crypto.ts'
import { decodeCursor, encodeCursor, PageInput, pageOf } from './cursor.ts'
import { Problem } from './errors.ts'

const ring = keyring('a secret of at least thirty-two bytes')

const refused = (list: string, text: string): unknown => {
  try {
    return decodeCursor(ring, list, text)
  } catch (error) {
    return error instanceof Problem ? error.details : error
  }
}
const NOT_OURS = [{ field: 'cursor', code: 'cursor', message: 'This is not a cursor of this list.' }]

describe('cursors', () => {
  it('decode to the position they were made of', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string()), (list, position) => {
        expect(decodeCursor(ring, list, encodeCursor(ring, list, position))).toEqual(position)
      }),
    )
  })

  it('are refused for another list and with another secret', () => {
    const cursor = encodeCursor(ring, 'members org_a', ['1'])
    expect(refused('members org_b', cursor)).toEqual(NOT_OURS)
    expect(
      refused('members org_a', encodeCursor(keyring('another'.repeat(8)), 'members org_a', ['1'])),
    ).toEqual(NOT_OURS)
  })

  it('are refused if changed, truncated or extended', () => {
    const cursor = encodeCursor(ring, 'list', ['2026-01-01', 'usr_1'])
    fc.assert(
      fc.property(fc.nat(cursor.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, sign) => {
        fc.pre(cursor[at] !== sign)
        expect(refused('list', cursor.slice(0, at) + sign + cursor.slice(at + 1))).toEqual(NOT_OURS)
        expect(refused('list', cursor.slice(0, at))).toEqual(NOT_OURS)
        expect(refused('list', cursor + sign)).toEqual(NOT_OURS)
      }),
    )
    for (const text of ['', '.', 'e30.', '[]', '../..', "' or 1=1 --"])
      expect(refused('list', text)).toEqual(NOT_OURS)
  })

  it('are absent on the first and after the last page', () => {
    expect(decodeCursor(ring, 'list', undefined)).toBeNull()
    const position = (row: string) => [row]
    expect(pageOf(ring, 'list', ['a', 'b'], 2, position)).toEqual({ page: ['a', 'b'], nextCursor: null })
    const { page, nextCursor } = pageOf(ring, 'list', ['a', 'b', 'c'], 2, position)
    expect(page).toEqual(['a', 'b'])
    expect(decodeCursor(ring, 'list', nextCursor ?? '')).toEqual(['b'])
  })

  it('have a limit of 1 to 100', () => {
    expect(PageInput.parse({})).toEqual({ limit: 50 })
    expect(PageInput.parse({ limit: '7' })).toEqual({ limit: 7 })
    for (const limit of ['0', '101', '1.5', 'x', '-1'])
      expect(PageInput.safeParse({ limit }).success).toBe(false)
    expect(PageInput.safeParse({ cursor: 'x'.repeat(513) }).success).toBe(false)
  })

  it('of before a rotation of the secret is accepted until the previous secret is removed', () => {
    const [old, fresh] = [
      'an old secret of at least thirty-two bytes',
      'a new secret of at least thirty-two bytes',
    ]
    const cursor = encodeCursor(keyring(old), 'members org_a', ['1'])
    expect(decodeCursor(keyring(fresh, old), 'members org_a', cursor)).toEqual(['1'])
    expect(() => decodeCursor(keyring(fresh), 'members org_a', cursor)).toThrow()
  })
})
