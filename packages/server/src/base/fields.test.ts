import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { Description, Instant, line, optional, roleNameField, visibleText } from './fields.ts'

const nbsp = '\u00a0'

describe('a line', () => {
  const Name = line(10)

  it.each([
    ['  山田\t花子 ', '山田 花子'],
    ["Áine O'B-C", "Áine O'B-C"],
    ['Ame\u0301lie', 'Amélie'],
    [`a${nbsp}\n b`, 'a b'],
    ['می\u200cخواهم', 'می\u200cخواهم'],
    ['👩\u200d🚀 ❤\ufe0f', '👩\u200d🚀 ❤\ufe0f'],
    ['שלום', 'שלום'],
    ['-', '-'],
  ])('keeps %j as %j', (text, kept) => expect(Name.parse(text)).toBe(kept))

  const VISIBLE = 'Use one line of visible characters.'
  it.each([
    ['', 'Too small'],
    ['   ', 'Too small'],
    ['x'.repeat(11), 'Too big'],
    ['x\u0000', VISIBLE],
    ['x\u001b[31m', VISIBLE],
    ['x\u0085', VISIBLE],
    ['so\u00adft', VISIBLE],
    ['x\u061c', VISIBLE],
    ['x\u200b', VISIBLE],
    ['x\u{e0041}\u{e0042}', VISIBLE],
    ['x\u200f', VISIBLE],
    ['x\u202egpj', VISIBLE],
    ['x\u2066y', VISIBLE],
    ['x\u206f', VISIBLE],
    ['x\u2060y', VISIBLE],
    ['\u200d', VISIBLE],
    ['\u3164', VISIBLE],
    ['\u0301', VISIBLE],
  ])('refuses %j', (text, message) => {
    expect(Name.safeParse(text).error?.issues[0]?.message).toContain(message)
  })
})

describe('a text of another system', () => {
  it.each<[string, string | null]>([
    ['  Ada \n Lovelace ', 'Ada Lovelace'],
    ['Ada\u202e\u0000\u200b\ufeff', 'Ada'],
    ['\u200b\u2060', null],
    ['', null],
    ['\u0301', null],
    ['x'.repeat(50), 'x'.repeat(12)],
    ['😀'.repeat(50), '😀'.repeat(12)],
    [`${'\u200b'.repeat(100)}Ada`, null],
    ['Ada \ud83d', 'Ada \ufffd'],
    [`\ude00${'x'.repeat(46)}😀`, `\ufffd${'x'.repeat(11)}`],
  ])('%j becomes %j', (text, clean) => {
    expect(visibleText(text, 12)).toBe(clean)
  })
})

describe('a description', () => {
  it('has any number of lines; a line break of a form counts once', () => {
    expect(Description.parse(' one\r\ntwo\n')).toBe('one\ntwo')
    expect(Description.parse('')).toBe('')
    expect(Description.parse(`${'x\r\n'.repeat(249)}xx`)).toHaveLength(500)
    expect(Description.safeParse('x'.repeat(501)).success).toBe(false)
  })

  it('has no invisible characters but tabs and line breaks, as a name', () => {
    expect(Description.parse('a\tb\nc')).toBe('a\tb\nc')
    for (const character of ['\u202e', '\u2066', '\u0007', '\u200b', '\u2028'])
      expect(Description.safeParse(`a${character}b`).success).toBe(false)
  })
})

describe('an instant', () => {
  it('requires a time zone, and is parsed to a Date', () => {
    expect(Instant.parse('2030-06-01T12:00:00+02:00')).toEqual(new Date('2030-06-01T10:00:00Z'))
    for (const text of [
      '2030-06-01',
      '2030-06-01T12:00:00',
      'soon',
      '',
      `2030-06-01T12:00:00.${'0'.repeat(40)}Z`,
    ])
      expect(Instant.safeParse(text).success).toBe(false)
  })

  it('may be absent or empty if it is optional', () => {
    expect(optional(Instant).parse('')).toBeUndefined()
    expect(optional(Instant).parse(undefined)).toBeUndefined()
    expect(optional(Instant).parse('2030-06-01T12:00:00Z')).toEqual(new Date('2030-06-01T12:00:00Z'))
    expect(z.toJSONSchema(z.object({ at: optional(Instant) }), { io: 'input' })).toMatchObject({
      properties: { at: { format: 'date-time', maxLength: 40 } },
    })
  })
})

describe('the name of a role', () => {
  it.each(['a', 'super_admin', 'x-1', 'a'.repeat(64)])('may be %s', (name) =>
    expect(roleNameField().parse(name)).toBe(name),
  )
  it.each(['', 'Admin', '1st', '_a', 'a b', 'ä', 'a\n', 'a'.repeat(65)])('is not %j', (name) =>
    expect(roleNameField().safeParse(name).success).toBe(false),
  )
  it('may have a shorter maximum', () =>
    expect(roleNameField(50).safeParse('a'.repeat(51)).success).toBe(false))
})
