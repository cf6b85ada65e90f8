/** Input and output of a row as JSON Schema: the source of the OpenAPI document. */
import { z } from 'zod'
import type { ErrorCode } from '../../errors.ts'
import { dates } from '../../present/index.ts'
import { type DescribedRow, isCookieless, isStrict, needsAccountProof, readsQuery } from './route.ts'

export interface Schema {
  [keyword: string]: unknown
  type?: string | string[]
  $ref?: string
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  anyOf?: Schema[]
  enum?: unknown[]
  const?: unknown
  description?: string
  format?: string
}

export interface Shape {
  /** Path and query parameters. */
  parameters: readonly { name: string; in: 'path' | 'query'; required: boolean; schema: Schema }[]
  /** null if the row accepts none. */
  body: Schema | null
  output: Schema
  /** Schemas with a name (`.meta({ id })`), which the others refer to. */
  named: Readonly<Record<string, Schema>>
}

export function shapeOf(row: DescribedRow): Shape {
  const named: Record<string, Schema> = {}
  const accepted = jsonSchema(row.input, 'input', named)
  const input = isStrict(row) ? closed(accepted) : accepted
  const output = jsonSchema(row.output, 'output', named)
  const inPath = new Set([...row.path.matchAll(/:(\w+)/g)].map((match) => match[1] ?? ''))
  const fromQuery = readsQuery(row)
  const properties = Object.entries(input.properties ?? {})
  const required = new Set(input.required)
  const parameters = properties
    .filter(([name]) => inPath.has(name) || fromQuery)
    .map(([name, schema]) => ({
      name,
      in: inPath.has(name) ? ('path' as const) : ('query' as const),
      required: inPath.has(name) || required.has(name),
      schema,
    }))
  for (const name of inPath) {
    if (!parameters.some((p) => p.name === name))
      parameters.push({ name, in: 'path', required: true, schema: { type: 'string' } })
  }
  const rest = properties.filter(([name]) => !inPath.has(name))
  if (fromQuery || (input.type === 'object' && rest.length === 0))
    return { parameters, body: null, output, named }
  if (input.type !== 'object') return { parameters, body: input, output, named }
  const stillRequired = rest.map(([name]) => name).filter((name) => required.has(name))
  const body: Schema = { ...input, properties: Object.fromEntries(rest), required: stillRequired }
  return { parameters, body, output, named }
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output', named: Record<string, Schema>): Schema {
  const whole = z.toJSONSchema(schema, { io, unrepresentable: 'any', override: dates })
  // zod writes $defs, OpenAPI expects components.schemas
  const {
    $schema: _,
    $defs,
    ...rest
  } = JSON.parse(JSON.stringify(whole).replaceAll('"#/$defs/', '"#/components/schemas/')) as Schema & {
    $defs?: Record<string, Schema>
  }
  for (const [name, { id: _id, ...definition }] of Object.entries($defs ?? {}))
    named[name] = tidied(definition) as Schema
  return tidied(rest) as Schema
}

/** States of every object that it has no further members; of one that keeps them (`z.looseObject`) zod states that. */
function closed(schema: Schema): Schema {
  const { properties, items, anyOf } = schema
  return {
    ...schema,
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, member]) => [name, closed(member)]),
      ),
      additionalProperties: schema.additionalProperties ?? false,
    }),
    ...(items && { items: closed(items) }),
    ...(anyOf && { anyOf: anyOf.map(closed) }),
  }
}

/** Bounds of `z.int()` that say nothing, because JSON numbers have no others. */
const isNoBound = (value: unknown): boolean =>
  value === Number.MAX_SAFE_INTEGER || value === Number.MIN_SAFE_INTEGER

/** Drops what zod derives (patterns that repeat a format, bounds of integers), and moves what describes "X or null" from X. */
function tidied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(tidied)
  if (typeof value !== 'object' || value === null) return value
  const { pattern, minimum, maximum, samples, ...rest } = orNull(value as Schema)
  const kept = {
    ...rest,
    ...(Array.isArray(samples) && samples.length > 0 && { examples: samples }),
    ...(pattern !== undefined && rest.format === undefined && { pattern }),
    ...(minimum !== undefined && !isNoBound(minimum) && { minimum }),
    ...(maximum !== undefined && !isNoBound(maximum) && { maximum }),
  }
  return Object.fromEntries(
    Object.entries(kept).map(([name, member]) => [name, name === 'examples' ? member : tidied(member)]),
  )
}

function orNull(schema: Schema): Schema {
  const [shape, nothing, ...others] = Array.isArray(schema.anyOf) ? schema.anyOf : []
  if (!shape || nothing?.type !== 'null' || others.length > 0) return schema
  const { description, samples, ...rest } = shape
  return {
    ...(description !== undefined && { description }),
    ...(samples !== undefined && { samples }),
    ...schema,
    anyOf: [rest, nothing],
  }
}

/** All errors that a row can answer with: those of its operation, and those of the steps before `run`. */
export function errorsOf(row: DescribedRow): ErrorCode[] {
  const unsafe = row.method !== 'GET'
  const codes = new Set<ErrorCode>([
    'BAD_REQUEST',
    'VALIDATION_ERROR',
    'INTERNAL_ERROR',
    'UNAVAILABLE',
    ...(row.errors ?? []),
  ])
  const add = (when: boolean, ...more: ErrorCode[]): void => {
    if (when) for (const code of more) codes.add(code)
  }
  add(!row.anonymous, 'RATE_LIMIT_EXCEEDED')
  add(
    row.needs !== undefined,
    'AUTHENTICATION_REQUIRED',
    'INVALID_TOKEN',
    'INVALID_API_KEY',
    'SESSION_EXPIRED',
    'ACCOUNT_DISABLED',
    'ACCOUNT_LOCKED',
  )
  add(row.needs !== undefined && row.needs !== 'session', 'INSUFFICIENT_PERMISSIONS')
  // the membership of the organization in the path
  add(row.organization !== undefined, 'NOT_FOUND', 'INSUFFICIENT_PERMISSIONS')
  add(row.fresh !== undefined || needsAccountProof(row), 'STEP_UP_REQUIRED')
  add(unsafe && !isCookieless(row), 'CSRF_FAILED')
  add(unsafe, 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE')
  return [...codes]
}

/** Groups members by a key, in the order in which the keys first occur. */
export function grouped<K, V>(members: readonly V[], keyOf: (member: V) => K): Map<K, V[]> {
  const groups = new Map<K, V[]>()
  for (const member of members) {
    const key = keyOf(member)
    groups.set(key, [...(groups.get(key) ?? []), member])
  }
  return groups
}
