/**
 * What a route asks of its caller. A rule is compiled once; judging is a table look-up by HTTP method and a few
 * comparisons. A rule that names methods says nothing good about the others: they are refused.
 */
import { can } from './can.ts'
import type { Principal } from './principal.ts'
import { Problem, problem } from './problem.ts'

/** All of these roles, and one of those; both where both are given. */
export interface RoleRule {
  allOf?: readonly string[] | undefined
  anyOf?: readonly string[] | undefined
}

/** What a route asks of whoever calls it. `{}` and nothing ask for somebody, whoever it is. */
export interface Rule {
  /** A list means all of them. */
  roles?: RoleRule | readonly string[] | undefined
  /** All of these, each `resource:action`; grants with `*` count. */
  permissions?: string | readonly string[] | undefined
  /** Lets nobody through as well. A bad credential is refused all the same, and so is one that may not. */
  optional?: boolean | undefined
  /** By HTTP method, on top of the rest; `*` stands for those not named, HEAD follows GET. The others are refused. */
  methods?: Readonly<Record<string, Omit<Rule, 'methods'>>> | undefined
}

/** @returns who may go on (null: nobody, where that is allowed), or why not */
export type Judge = (outcome: Principal | Problem | null, method: string) => Principal | Problem | null

/** @throws TypeError for a rule that can only be a slip: an empty list, an unknown member, a wildcard asked for */
export function compileRule(rule: Rule = {}): Judge {
  assertRule(rule)
  const whole = compileDemands(rule)
  if (rule.methods === undefined) return whole
  const byMethod = new Map<string, Judge>()
  for (const [method, more] of Object.entries(rule.methods)) {
    if ('methods' in more) throw new TypeError('`methods` does not nest')
    assertRule(more)
    byMethod.set(method.toUpperCase(), compileDemands({ optional: rule.optional, ...more }))
  }
  const others = byMethod.get('*')
  const ruleOf = (method: string): Judge | undefined =>
    byMethod.get(method) ?? (method === 'HEAD' ? byMethod.get('GET') : undefined) ?? others
  const isOptionalFor = (method: string): boolean => ruleOf(method)?.(null, method) === null
  return (outcome, method) => {
    // the method's own word on `optional` counts, in either direction
    if (outcome === null) return isOptionalFor(method) ? null : problem('AUTHENTICATION_REQUIRED')
    const so = whole(outcome, method)
    if (so instanceof Problem) return so
    const further = ruleOf(method)
    return further === undefined ? forbidden([], 'methods') : further(so, method)
  }
}

function compileDemands({ roles, permissions, optional = false }: Rule): Judge {
  const { allOf, anyOf } = isList(roles) ? { allOf: roles, anyOf: undefined } : (roles ?? {})
  const asked = permissions === undefined ? [] : listOf(permissions)
  return (outcome) => {
    if (outcome === null) return optional ? null : problem('AUTHENTICATION_REQUIRED')
    if (outcome instanceof Problem) return outcome
    if (allOf?.some((role) => !outcome.roles.includes(role))) return forbidden(allOf, 'all_roles')
    if (anyOf && !anyOf.some((role) => outcome.roles.includes(role))) return forbidden(anyOf, 'any_role')
    for (const permission of asked) if (!can(outcome, permission)) return forbidden(asked, 'permissions')
    return outcome
  }
}

/** One permission is named as text, as the server does; several as a list. */
const forbidden = (required: readonly string[], of: string): Problem =>
  problem('INSUFFICIENT_PERMISSIONS', {
    details: { required: of === 'permissions' && required.length === 1 ? required[0] : required, of },
  })

const isList = (value: unknown): value is readonly string[] => Array.isArray(value)
const listOf = (value: string | readonly string[]): readonly string[] =>
  typeof value === 'string' ? [value] : value

const MEMBERS = new Set(['roles', 'permissions', 'optional', 'methods'])
const ROLE_MEMBERS = new Set(['allOf', 'anyOf'])

/** A misspelt rule would protect nothing: everything in it must be understood. */
function assertRule(rule: Rule): void {
  for (const name of Object.keys(rule)) if (!MEMBERS.has(name)) throw new TypeError(`a rule has no ${name}`)
  const { roles, permissions } = rule
  if (roles !== undefined && !isList(roles)) {
    const names = Object.keys(roles)
    if (names.length === 0 || names.some((name) => !ROLE_MEMBERS.has(name)))
      throw new TypeError('roles are a list, or {allOf, anyOf}')
  }
  const lists = [isList(roles) ? roles : roles?.allOf, isList(roles) ? undefined : roles?.anyOf]
  if (permissions !== undefined) lists.push(listOf(permissions))
  for (const list of lists) {
    if (list === undefined) continue
    if (!isList(list) || list.length === 0 || list.some((name) => typeof name !== 'string' || name === ''))
      throw new TypeError('roles and permissions are lists of names, and not empty')
  }
}
