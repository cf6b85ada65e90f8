/** Validation errors: translates the issues of zod to entries of a VALIDATION_ERROR with stable codes, one a field. */
import type { z } from 'zod'
import { type FieldError, Problem } from '../../errors.ts'

type Issue = z.core.$ZodIssue
type Verdict = Omit<FieldError, 'field'>

/**
 * Parses the input of a row. `unknown` are the entries of members that the schema does not declare.
 * @throws Problem VALIDATION_ERROR with one entry a field, its first issue
 */
export function parseInput<T>(
  schema: z.ZodType<T>,
  input: Readonly<Record<string, unknown>>,
  unknown: readonly FieldError[] = [],
): T {
  const result = schema.safeParse(input)
  if (result.success && unknown.length === 0) return result.data
  const entries = result.error ? fieldErrors(result.error, input) : []
  const named = new Set(entries.map(({ field }) => field))
  throw new Problem('VALIDATION_ERROR', {
    details: [...entries, ...unknown.filter(({ field }) => !named.has(field))],
  })
}

/** What a schema finds wrong with an input: one entry a field, its first issue; the field of the whole input is empty. */
export function fieldErrors({ issues }: z.ZodError, input: unknown): FieldError[] {
  const entries = new Map<string, FieldError>()
  for (const issue of issues) {
    const field = issue.path.map(String).join('.')
    if (!entries.has(field))
      entries.set(field, { field, ...verdict(issue, issue.path.reduce(memberOf, input)) })
  }
  return [...entries.values()]
}

/**
 * As parseInput; for an input that is refused, `judge` adds the errors that a schema cannot find, so that one
 * answer lists all of them. It receives only the fields that are accepted, as sent.
 */
export async function parseJudged<T>(
  schema: z.ZodType<T>,
  input: Readonly<Record<string, unknown>>,
  unknown: readonly FieldError[],
  judge: (valid: Readonly<Record<string, unknown>>) => Promise<readonly FieldError[]>,
): Promise<T> {
  try {
    return parseInput(schema, input, unknown)
  } catch (error) {
    if (!(error instanceof Problem) || !Array.isArray(error.details)) throw error
    const refused = new Set(error.details.map(({ field }) => field.split('.', 1)[0]))
    const valid = Object.fromEntries(Object.entries(input).filter(([name]) => !refused.has(name)))
    throw new Problem('VALIDATION_ERROR', { details: [...error.details, ...(await judge(valid))] })
  }
}

const memberOf = (value: unknown, key: PropertyKey): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined

/** Also of a text that has nothing but white space. */
const REQUIRED: Verdict = { code: 'required', message: 'Is required.' }

function verdict(issue: Issue, value: unknown): Verdict {
  if (issue.code === 'custom') return custom(issue)
  if (value === undefined || value === null || value === '') return REQUIRED
  switch (issue.code) {
    case 'invalid_type':
      return { code: 'invalid_type', message: `Must be of type ${issue.expected}.` }
    case 'too_small':
      return outOfRange('small', issue.origin, Number(issue.minimum))
    case 'too_big':
      return outOfRange('big', issue.origin, Number(issue.maximum))
    case 'invalid_format':
      return FORMATS[issue.format] ?? { code: 'invalid', message: ownSentence(issue) }
    case 'unrecognized_keys':
      return { code: 'unknown', message: `Has unknown fields: ${issue.keys.join(', ')}.` }
    case 'invalid_value':
      return { code: 'invalid_choice', message: `Must be one of: ${issue.values.map(String).join(', ')}.` }
    default:
      return { code: 'invalid', message: ownSentence(issue) }
  }
}

/** The sentence that the schema gives; the library's own ends without a full stop. */
const ownSentence = ({ message }: Issue): string => (/\.$/.test(message) ? message : 'Is not valid.')

const FORMATS: Readonly<Record<string, Verdict>> = {
  email: { code: 'email', message: 'Is not an e-mail address.' },
  url: { code: 'url', message: 'Is not a URL.' },
  datetime: {
    code: 'datetime',
    message: 'Is not a time in ISO 8601 with a zone, such as 2026-01-31T12:00:00Z.',
  },
  date: { code: 'date', message: 'Is not a date.' },
}

function outOfRange(which: 'small' | 'big', origin: string, bound: number): Verdict {
  if (which === 'small' && origin === 'string' && bound === 1) return REQUIRED
  const params = which === 'small' ? { min: bound } : { max: bound }
  const least = which === 'small' ? 'at least' : 'at most'
  if (origin === 'string') {
    return {
      code: which === 'small' ? 'too_short' : 'too_long',
      message: `Must have ${least} ${bound} ${bound === 1 ? 'character' : 'characters'}.`,
      params,
    }
  }
  if (origin === 'array' || origin === 'set') {
    return {
      code: which === 'small' ? 'too_few' : 'too_many',
      message: `Must have ${least} ${bound} ${bound === 1 ? 'entry' : 'entries'}.`,
      params,
    }
  }
  return { code: which === 'small' ? 'too_small' : 'too_big', message: `Must be ${least} ${bound}.`, params }
}

/** A refinement names its code in `params.code`; the other members of `params` are the values of its sentence. */
function custom(issue: Extract<Issue, { code: 'custom' }>): Verdict {
  const { code, ...others } = issue.params ?? {}
  const params: Record<string, string | number> = {}
  for (const [name, value] of Object.entries(others)) {
    if (typeof value === 'string' || typeof value === 'number') params[name] = value
  }
  return {
    code: typeof code === 'string' ? code : 'invalid',
    message: issue.message,
    ...(Object.keys(params).length > 0 ? { params } : {}),
  }
}
