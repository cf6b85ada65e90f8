/**
 * Strict input: finds the members of an input that its schema does not declare, so that nothing is dropped silently, and
 * removes `null` from optional fields, where it means absent. Both for every row of the API at once, nested objects
 * included. Computed from the schema of the row, which stays free of both.
 */
import type { z } from 'zod'
import { nearest } from '../../../config/nearest.ts'
import type { FieldError } from '../../errors.ts'

/** What a schema declares. */
export interface Declaration {
  /** null: not an object, or one that keeps every member. */
  members: ReadonlyMap<string, Member> | null
  /** The entries of a list, and the values of a record. */
  entries: Declaration | null
}

interface Member extends Declaration {
  isOptional: boolean
  acceptsNull: boolean
}

const LEAF: Declaration = Object.freeze({ members: null, entries: null })

export function declarationOf(schema: z.core.$ZodType): Declaration {
  const { def } = (schema as z.core.$ZodTypes)._zod
  switch (def.type) {
    case 'object':
      return isOpen(def) ? LEAF : { members: membersOf(def.shape), entries: null }
    case 'array':
      return { members: null, entries: declarationOf(def.element) }
    case 'record':
      return { members: null, entries: declarationOf(def.valueType) }
    case 'union':
      return def.options.map(declarationOf).reduce(merged)
    case 'intersection':
      return merged(declarationOf(def.left), declarationOf(def.right))
    case 'lazy':
    case 'map':
    case 'set':
    case 'tuple':
      throw new Error(`the input of a row has a schema of type ${def.type}, which base/http does not inspect`)
    default: {
      const inner = innerOf(schema)
      return inner === null ? LEAF : declarationOf(inner)
    }
  }
}

/** Whether an object keeps members that it does not declare (`z.looseObject`). */
const isOpen = ({ catchall }: z.core.$ZodObjectDef): boolean =>
  catchall !== undefined && catchall._zod.def.type !== 'never'

/** The schema of what is sent, inside of one that changes or defaults it; null for one without. */
function innerOf(schema: z.core.$ZodType): z.core.$ZodType | null {
  const { def } = (schema as z.core.$ZodTypes)._zod
  // z.preprocess is a transform followed by the schema
  if (def.type === 'pipe') return def.in._zod.def.type === 'transform' ? def.out : def.in
  return 'innerType' in def ? def.innerType : null
}

const membersOf = (shape: z.core.$ZodShape): Map<string, Member> =>
  new Map(
    Object.entries(shape).map(([name, schema]) => [
      name,
      { ...declarationOf(schema), isOptional: mayBeAbsent(schema), acceptsNull: acceptsNull(schema) },
    ]),
  )

const ABSENT_TOO: ReadonlySet<string> = new Set([
  'optional',
  'default',
  'prefault',
  'catch',
  'any',
  'unknown',
  'undefined',
])

/** Not `optin`, which says nothing of what follows a z.preprocess. */
function mayBeAbsent(schema: z.core.$ZodType): boolean {
  const { def } = (schema as z.core.$ZodTypes)._zod
  if (ABSENT_TOO.has(def.type)) return true
  if (def.type === 'nonoptional') return false
  if (def.type === 'union') return def.options.some(mayBeAbsent)
  const inner = innerOf(schema)
  return inner !== null && mayBeAbsent(inner)
}

function acceptsNull(schema: z.core.$ZodType): boolean {
  const { def } = (schema as z.core.$ZodTypes)._zod
  if (def.type === 'nullable' || def.type === 'null' || def.type === 'any' || def.type === 'unknown')
    return true
  if (def.type === 'union') return def.options.some(acceptsNull)
  const inner = innerOf(schema)
  return inner !== null && acceptsNull(inner)
}

/** What either of two alternatives declares. */
function merged(one: Declaration, other: Declaration): Declaration {
  const members =
    one.members && other.members
      ? new Map([...one.members, ...other.members])
      : (one.members ?? other.members)
  return { members, entries: one.entries ?? other.entries }
}

/** What a body declares besides the parameters of the path. */
export const withoutMembers = (
  { members, entries }: Declaration,
  names: ReadonlySet<string>,
): Declaration => ({
  members: members && new Map([...members].filter(([name]) => !names.has(name))),
  entries,
})

type Fields = Record<string, unknown>

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Removes each `null` of an optional field.
 * @param keepNull where the schema accepts null: a PATCH clears the field
 */
export function dropNulls(value: unknown, known: Declaration, keepNull: boolean): void {
  if (Array.isArray(value)) {
    if (known.entries) for (const entry of value) dropNulls(entry, known.entries, keepNull)
  } else if (isFields(value)) {
    for (const name of Object.keys(value)) {
      const member = known.members?.get(name)
      if (value[name] !== null) dropNulls(value[name], member ?? known.entries ?? LEAF, keepNull)
      else if (member?.isOptional && !(keepNull && member.acceptsNull)) delete value[name]
    }
  }
}

/** Entries of unknown members in one answer. */
const MOST = 20
const LONGEST_NAME = 64

/** One entry for each member that is neither declared nor one of `besides`. */
export function unknownMembers(
  fields: Readonly<Record<string, unknown>>,
  known: Declaration,
  { besides, what = 'field' }: { besides: ReadonlySet<string>; what?: string },
): FieldError[] {
  const found: FieldError[] = []
  collect(fields, known, { path: '', what, found, besides })
  return found
}

interface Search {
  path: string
  what: string
  found: FieldError[]
  besides: ReadonlySet<string>
}

function collect(value: unknown, known: Declaration, to: Search): void {
  const { path, what, found } = to
  if (found.length >= MOST) return
  const at = (name: string | number) => (path === '' ? `${name}` : `${path}.${name}`)
  if (Array.isArray(value)) {
    if (known.entries)
      for (const [i, entry] of value.entries()) collect(entry, known.entries, { ...to, path: at(i) })
  } else if (isFields(value) && (known.members || known.entries)) {
    for (const [name, member] of Object.entries(value)) {
      const declared = known.members ? known.members.get(name) : known.entries
      if (declared) collect(member, declared, { ...to, path: at(name) })
      else if (found.length < MOST && !(path === '' && to.besides.has(name)))
        found.push({
          field: at(name.slice(0, LONGEST_NAME)),
          ...unknown(name, [...(known.members?.keys() ?? [])], what),
        })
    }
  }
}

function unknown(name: string, names: readonly string[], what: string): Omit<FieldError, 'field'> {
  const code = 'unknown'
  const message = `Is not a known ${what}.`
  if (names.length === 0) return { code, message: `${message} There are none here.` }
  const meant = nearest(name, names)
  if (meant !== null)
    return { code, message: `${message} Did you mean '${meant}'?`, params: { nearest: meant } }
  const known = names.join(', ')
  return { code, message: `${message} Known are: ${known}.`, params: { known } }
}
