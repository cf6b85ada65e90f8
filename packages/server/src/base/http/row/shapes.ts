/** What a row takes and gives, as JSON Schema; OpenAPI and the docs page are both made from this. */
import { z } from 'zod'
import type { ErrorCode } from '../../errors.ts'
import { dates } from '../../present/index.ts'
import type { DescribedRow, StreamRow } from './route.ts'

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
  /** null where the row takes none. */
  body: Schema | null
  output: Schema
  /** Shapes with a name (`.meta({ id })`), referred to by the others. */
  named: Readonly<Record<string, Schema>>
}

export function shapeOf(row: DescribedRow): Shape {
  const named: Record<string, Schema> = {}
  const input = jsonSchema(row.input, 'input', named)
  const output = jsonSchema(row.output, 'output', named)
  const inPath = new Set([...row.path.matchAll(/:(\w+)/g)].map((match) => match[1] ?? ''))
  const fromQuery = row.method === 'GET' || (row.method === 'DELETE' && !row.body)
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
  // what zod calls $defs, OpenAPI calls components.schemas
  const {
    $schema: _,
    $defs,
    ...rest
  } = JSON.parse(JSON.stringify(whole).replaceAll('"#/$defs/', '"#/components/schemas/')) as Schema & {
    $defs?: Record<string, Schema>
  }
  for (const [name, { id: _id, ...definition }] of Object.entries($defs ?? {})) named[name] = definition
  return withoutNoise(rest) as Schema
}

/** Patterns that zod derives from a format say nothing that the format does not. */
function withoutNoise(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNoise)
  if (typeof value !== 'object' || value === null) return value
  const { pattern, ...rest } = value as Schema
  const kept = pattern !== undefined && rest.format === undefined ? { ...rest, pattern } : rest
  return Object.fromEntries(Object.entries(kept).map(([name, member]) => [name, withoutNoise(member)]))
}

/** Every error a row can answer with: its own, and those that the table adds. */
export function errorsOf(row: DescribedRow | StreamRow): ErrorCode[] {
  const unsafe = row.method !== 'GET'
  const fromBody = unsafe && (row.method !== 'DELETE' || row.body === true)
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
  add(row.fresh !== undefined, 'STEP_UP_REQUIRED')
  add(unsafe, 'CSRF_FAILED')
  add(fromBody, 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE')
  return [...codes]
}

/** Members by a key, keys in the order they came. */
export function grouped<K, V>(members: readonly V[], keyOf: (member: V) => K): Map<K, V[]> {
  const groups = new Map<K, V[]>()
  for (const member of members) {
    const key = keyOf(member)
    groups.set(key, [...(groups.get(key) ?? []), member])
  }
  return groups
}
