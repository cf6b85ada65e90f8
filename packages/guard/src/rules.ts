/**
 * What a route asks of its caller. A rule is compiled once; judging is a table look-up by HTTP method and a few
 * comparisons. A rule that names methods says nothing good about the others: they are refused.
 */
import { can, type Permitted } from './can.ts'
import type { Principal } from './principal.ts'
import { Problem, problem } from './problem.ts'

/** All of these roles, and one of those; both where both are given. */
export interface RoleRule {
  allOf?: readonly string[] | undefined
  anyOf?: readonly string[] | undefined
}

/** What a rule asks inside the organization that somebody acts in. */
export interface OrganizationRule {
  /** The role there. Everybody has one, so several stand in `anyOf`. */
  roles?: RoleRule | readonly string[] | undefined
  /** All of these, held there; what somebody holds outside of it does not count. */
  permissions?: string | readonly string[] | undefined
}

/** What a route asks of whoever calls it. `{}` and nothing ask for somebody, whoever it is. */
export interface Rule {
  /** A list means all of them. */
  roles?: RoleRule | readonly string[] | undefined
  /** All of these, each `resource:action`; grants with `*` count. */
  permissions?: string | readonly string[] | undefined
  /** Acts in an organization, and there as this says; apart from `roles` and `permissions`, which say nothing of it. */
  organization?: true | OrganizationRule | undefined
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

function compileDemands({ roles, permissions, organization, optional = false }: Rule): Judge {
  const lacks = compileHolding({ roles, permissions }, OUTSIDE)
  const lacksThere = organization === undefined ? null : compileInside(organization)
  return (outcome) => {
    if (outcome === null) return optional ? null : problem('AUTHENTICATION_REQUIRED')
    if (outcome instanceof Problem) return outcome
    return lacks(outcome.roles, outcome) ?? lacksThere?.(outcome) ?? outcome
  }
}

function compileInside(organization: true | OrganizationRule): (principal: Principal) => Problem | null {
  const lacks = compileHolding(organization === true ? {} : organization, INSIDE)
  return ({ organizationId, organizationRole: role, organizationPermissions: permissions }) => {
    // somebody who acts in none holds nothing there, whatever a callback of an app says
    if (organizationId === null) return lacks(NONE, { permissions: NONE }) ?? forbidden([], 'organization')
    return lacks(role === null ? NONE : [role], { permissions })
  }
}

/** What is lacking is named, so that it cannot be taken for the other's. */
interface Names {
  allOf: string
  anyOf: string
  permissions: string
}
const OUTSIDE: Names = { allOf: 'all_roles', anyOf: 'any_role', permissions: 'permissions' }
const INSIDE: Names = {
  allOf: 'organization_roles',
  anyOf: 'organization_roles',
  permissions: 'organization_permissions',
}

function compileHolding({ roles, permissions }: Pick<Rule, 'roles' | 'permissions'>, of: Names) {
  const { allOf, anyOf } = isList(roles) ? { allOf: roles, anyOf: undefined } : (roles ?? {})
  const asked = permissions === undefined ? [] : listOf(permissions)
  return (held: readonly string[], permitted: Permitted): Problem | null => {
    if (allOf?.some((role) => !held.includes(role))) return forbidden(allOf, of.allOf)
    if (anyOf && !anyOf.some((role) => held.includes(role))) return forbidden(anyOf, of.anyOf)
    for (const permission of asked) if (!can(permitted, permission)) return forbidden(asked, of.permissions)
    return null
  }
}

/** One permission is named as text, as the server does; several as a list. */
const forbidden = (required: readonly string[], of: string): Problem =>
  problem('INSUFFICIENT_PERMISSIONS', {
    details: { required: of.endsWith('permissions') && required.length === 1 ? required[0] : required, of },
  })

const NONE: readonly string[] = Object.freeze([])
const isList = (value: unknown): value is readonly string[] => Array.isArray(value)
const listOf = (value: string | readonly string[]): readonly string[] =>
  typeof value === 'string' ? [value] : value

const MEMBERS = new Set(['roles', 'permissions', 'organization', 'optional', 'methods'])
const ORGANIZATION_MEMBERS = new Set(['roles', 'permissions'])
const ROLE_MEMBERS = new Set(['allOf', 'anyOf'])

/** A misspelt rule would protect nothing: everything in it must be understood. */
function assertRule(rule: Rule): void {
  for (const name of Object.keys(rule)) if (!MEMBERS.has(name)) throw new TypeError(`a rule has no ${name}`)
  assertHolding(rule)
  const { organization } = rule
  if (organization === undefined || organization === true) return
  const names = isRecord(organization) ? Object.keys(organization) : []
  if (names.length === 0 || names.some((name) => !ORGANIZATION_MEMBERS.has(name)))
    throw new TypeError('organization is true, or {roles, permissions}')
  assertHolding(organization)
  const { roles } = organization
  const allOf = isList(roles) ? roles : roles?.allOf
  if (allOf !== undefined && allOf.length > 1)
    throw new TypeError('in an organization everybody has one role: several stand in anyOf')
}

function assertHolding({ roles, permissions }: Pick<Rule, 'roles' | 'permissions'>): void {
  if (roles !== undefined && !isList(roles)) {
    const names = isRecord(roles) ? Object.keys(roles) : []
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

const isRecord = (value: unknown): value is object => typeof value === 'object' && value !== null
