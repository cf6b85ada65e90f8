import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type FieldError, Problem } from '../../errors.ts'
import { fieldErrors, parseInput } from './fields.ts'

const detailsOf = (schema: z.ZodType, input: Record<string, unknown>, unknown: FieldError[] = []) => {
  try {
    return parseInput(schema, input, unknown)
  } catch (error) {
    if (error instanceof Problem && Array.isArray(error.details))
      return error.details.map(({ message: _, ...rest }) => rest)
    throw error
  }
}

type Case = [name: string, schema: z.ZodType, value: unknown, code: string, params?: Record<string, unknown>]
const table: Case[] = [
  ['missing', z.string(), undefined, 'required'],
  ['left empty', z.string().min(3), '', 'required'],
  ['left empty', z.email(), '', 'required'],
  ['of white space alone', z.string().trim().min(1), '  ', 'required'],
  ['null', z.string(), null, 'required'],
  ['of another type', z.string(), 7, 'invalid_type'],
  ['too short', z.string().min(3), 'ab', 'too_short', { min: 3 }],
  ['too long', z.string().max(3), 'abcd', 'too_long', { max: 3 }],
  ['too small', z.number().min(3), 1, 'too_small', { min: 3 }],
  ['too big', z.number().max(3), 4, 'too_big', { max: 3 }],
  ['too few', z.array(z.string()).min(1), [], 'too_few', { min: 1 }],
  ['too many', z.array(z.string()).max(1), ['a', 'b'], 'too_many', { max: 1 }],
  ['no address', z.email(), 'ada', 'email'],
  ['no URL', z.url(), 'ada', 'url'],
  ['no time', z.iso.datetime(), 'ada', 'datetime'],
  ['not to choose', z.enum(['a', 'b']), 'c', 'invalid_choice'],
  ['no match', z.string().regex(/^x$/), 'y', 'invalid'],
  ['of no union member', z.union([z.number(), z.boolean()]), 'y', 'invalid'],
  ['custom', z.string().refine(() => false), 'y', 'invalid'],
  ['custom with a code', z.string().refine(() => false, { params: { code: 'breached', times: 3 } }), 'y', 'breached', { times: 3 }],
] // biome-ignore format: a table

describe('a field', () => {
  it.each(table)('%s: %#', (_name, schema, value, code, params) => {
    const entry = params === undefined ? { field: 'x', code } : { field: 'x', code, params }
    expect(detailsOf(z.object({ x: schema }), { x: value })).toEqual([entry])
  })

  it('that does not match a pattern, or is no time, is answered with what to write', () => {
    const schema = z.object({
      permission: z.string().regex(/^x:y$/, { error: () => 'Write a permission as `resource:action`.' }),
      from: z.iso.datetime({ offset: true }),
      inner: z.strictObject({ a: z.string().optional() }),
    })
    const input = { permission: 'read', from: '2026-01-31', inner: { b: 1, c: 2 } }
    const { error } = schema.safeParse(input)
    expect(error && fieldErrors(error, input)).toEqual([
      { field: 'permission', code: 'invalid', message: 'Write a permission as `resource:action`.' },
      {
        field: 'from',
        code: 'datetime',
        message: 'Is not a time in ISO 8601 with a zone, such as 2026-01-31T12:00:00Z.',
      },
      { field: 'inner', code: 'unknown', message: 'Has unknown fields: b, c.' },
    ])
  })

  it('is named by its path', () => {
    const schema = z.object({ list: z.array(z.object({ name: z.string() })) })
    expect(detailsOf(schema, { list: [{ name: 'a' }, {}] })).toEqual([
      { field: 'list.1.name', code: 'required' },
    ])
  })

  it('that is unknown is one more error, and the only one of an input that the schema accepts', () => {
    const unknown = [{ field: 'role', code: 'unknown', message: 'Is not a known field.' }]
    expect(detailsOf(z.object({}), { role: 'admin' }, unknown)).toEqual([{ field: 'role', code: 'unknown' }])
    expect(detailsOf(z.object({ a: z.string() }), { role: 'admin' }, unknown)).toEqual([
      { field: 'a', code: 'required' },
      { field: 'role', code: 'unknown' },
    ])
  })

  it('has one entry, for its first issue', () => {
    const schema = z.object({ x: z.string().min(5).max(1) })
    expect(detailsOf(schema, { x: 'abc' })).toEqual([{ field: 'x', code: 'too_short', params: { min: 5 } }])
  })

  it('may differ from the refined one', () => {
    const schema = z
      .object({ a: z.string(), b: z.string() })
      .refine(({ a, b }) => a === b, { path: ['b'], message: 'Differ.', params: { code: 'mismatch' } })
    expect(detailsOf(schema, { a: 'x', b: 'y' })).toEqual([{ field: 'b', code: 'mismatch' }])
  })

  it('that is not declared is stripped', () => {
    expect(detailsOf(z.object({ a: z.string() }), { a: 'x', role: 'admin' })).toEqual({ a: 'x' })
  })
})
