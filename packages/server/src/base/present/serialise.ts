/**
 * JSON serializers compiled from the output schemas of rows: undeclared fields are stripped. A serializer is compiled
 * at the first answer of its row, because compiling all of them would take longer than the rest of the start. Schemas
 * with alternatives are parsed by zod instead: fast-json-stringify would refuse an alternative that has an undeclared
 * field instead of stripping the field.
 */
import fastJson from 'fast-json-stringify'
import { z } from 'zod'

/** JSON text, and its length in bytes: to count them costs as much as to write them, so text that is kept has its length. */
export interface JsonText {
  text: string
  bytes: number
}

export type Serialise = (data: unknown) => JsonText

type JsonSchema = Record<string, unknown>

export function serialiser(output: z.ZodType): Serialise {
  let compiled: ((data: unknown) => string) | undefined
  return (data) => {
    compiled ??= compile(output)
    const text = compiled(data)
    return { text, bytes: Buffer.byteLength(text) }
  }
}

function compile(output: z.ZodType): (data: unknown) => string {
  const whole = z.toJSONSchema(output, {
    io: 'output',
    target: 'draft-7',
    unrepresentable: 'any',
    override: dates,
  })
  const schema = simplified(whole, (whole.definitions ?? {}) as JsonSchema)
  if (/"(anyOf|oneOf|allOf|\$ref)":/.test(JSON.stringify(schema)))
    return (data) => JSON.stringify(output.parse(data))
  return fastJson(schema as Parameters<typeof fastJson>[0])
}

/** Dates are ISO 8601 strings in JSON. */
export function dates(context: {
  zodSchema: { _zod: { def: { type: string } } }
  jsonSchema: JsonSchema
}): void {
  if (context.zodSchema._zod.def.type === 'date')
    Object.assign(context.jsonSchema, { type: 'string', format: 'date-time' })
}

const NOT_FOR_TEXT = new Set([
  'pattern',
  'propertyNames',
  '$schema',
  'definitions',
  'id',
  '$id',
  'description',
  'samples',
])

/** Keeps only what affects the text, resolves references, and writes "or null" as `nullable`, which compiles to faster code. */
function simplified(schema: unknown, definitions: JsonSchema, depth = 0): unknown {
  if (Array.isArray(schema)) return schema.map((member) => simplified(member, definitions, depth))
  if (typeof schema !== 'object' || schema === null) return schema
  const { $ref, anyOf: either, ...rest } = schema as JsonSchema
  const named = typeof $ref === 'string' ? definitions[$ref.replace('#/definitions/', '')] : undefined
  // a recursive schema keeps its reference, so that zod serializes it
  if (named !== undefined && depth < 8) return simplified(named, definitions, depth + 1)
  if (named !== undefined) return { $ref }
  if (Array.isArray(either)) {
    const members = either.map((member) => simplified(member, definitions, depth) as JsonSchema)
    const [shape, nothing] = members
    const isOrNull = members.length === 2 && nothing?.type === 'null' && typeof shape?.type === 'string'
    return isOrNull ? { ...shape, nullable: true } : { anyOf: members }
  }
  const kept = Object.entries(rest).filter(([key]) => !NOT_FOR_TEXT.has(key))
  return Object.fromEntries(
    kept.map(([key, value]) => [
      key,
      key === 'properties'
        ? each(value as JsonSchema, definitions, depth)
        : simplified(value, definitions, depth),
    ]),
  )
}

/** The members of `properties` are field names, not keywords. */
const each = (properties: JsonSchema, definitions: JsonSchema, depth: number): JsonSchema =>
  Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, simplified(schema, definitions, depth)]),
  )
