/** Examples of the OpenAPI document, made from the examples of the fields (base/described.ts). */
import { EXAMPLE_TIME } from '../../described.ts'
import type { Schema } from '../row/shapes.ts'

export type NamedSchemas = Readonly<Record<string, Schema>>

/** A value of the schema: its first example, otherwise one that its keywords determine. */
export function exampleOf(schema: Schema, named: NamedSchemas): unknown {
  const [example] = listOf(schema.examples)
  if (example !== undefined) return example
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum[0]
  if (schema.$ref) return exampleOf(named[schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1)] ?? {}, named)
  const [first] = schema.anyOf ?? []
  if (first) return exampleOf(first, named)
  return byType(schema, named)
}

function byType(schema: Schema, named: NamedSchemas): unknown {
  const { type, default: byDefault } = schema
  if (byDefault !== undefined) return byDefault
  if (type === 'object') return each(Object.entries(schema.properties ?? {}), named)
  if (type === 'array') return [exampleOf(schema.items ?? {}, named)]
  if (type === 'string') return schema.format === 'date-time' ? EXAMPLE_TIME : 'text'
  if (type === 'integer' || type === 'number') return schema.minimum ?? 0
  return type === 'boolean' ? false : null
}

const each = (members: readonly [string, Schema][], named: NamedSchemas) =>
  Object.fromEntries(members.map(([name, member]) => [name, exampleOf(member, named)]))

/** The body of a request: the required fields, and of the others those that have an example. */
export function exampleBody(body: Schema, named: NamedSchemas): unknown {
  if (!body.properties) return exampleOf(body, named)
  const required = new Set(body.required)
  const shown = Object.entries(body.properties).filter(
    ([name, member]) => required.has(name) || listOf(member.examples).length > 0,
  )
  return each(shown, named)
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** The part of a body that a form can carry: its fields of text, numbers and flags; null where that is not enough. */
export function formPartOf(body: Schema, named: NamedSchemas): Schema | null {
  const members = Object.entries(body.properties ?? {})
  const fields = members.filter(([, member]) => isText(member, named))
  const carried = new Set(fields.map(([name]) => name))
  const isEnough = (body.required ?? []).every((name) => carried.has(name))
  return fields.length > 0 && isEnough ? { ...body, properties: Object.fromEntries(fields) } : null
}

/** As exampleBody, as texts. */
export const exampleForm = (form: Schema, named: NamedSchemas): Record<string, string> =>
  Object.fromEntries(
    Object.entries(exampleBody(form, named) as Record<string, unknown>)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [name, String(value)]),
  )

/** Whether a value of the schema can be sent as text. */
function isText(schema: Schema, named: NamedSchemas): boolean {
  if (schema.$ref) return isText(named[schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1)] ?? {}, named)
  if (schema.anyOf) return schema.anyOf.some((one) => one.type !== 'null' && isText(one, named))
  if (schema.enum) return schema.enum.every((value) => typeof value === 'string')
  return schema.type === 'string'
}
