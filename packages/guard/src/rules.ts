/**
 * Authorization rules of routes. A rule is compiled once into a function; a check is a look-up by HTTP method and a few
 * comparisons. A rule with `methods` denies every method that it does not name.
 */
import { can, type Permitted } from './can.ts'
import { isRecord, unknownName } from './options.ts'
import type { Principal } from './principal.ts'
import { Problem, problem } from './problem.ts'

/** Required roles: all of `allOf`, and at least one of `anyOf`. */
export interface RoleRule {
  allOf?: readonly string[] | undefined
  anyOf?: readonly string[] | undefined
}

/** Requirements inside the organization in which the caller acts. */
export interface OrganizationRule {
  /** The role in the organization. A member has exactly one, so that alternatives belong in `anyOf`. */
  roles?: RoleRule | readonly string[] | undefined
  /** All of these permissions, held in the organization; permissions outside of it do not count. */
  permissions?: string | readonly string[] | undefined
}

/** The requirements of a route. An empty or absent rule requires an authenticated caller. */
export interface Rule {
  /** A list requires all of its roles. */
  roles?: RoleRule | readonly string[] | undefined
  /** All of these permissions, each `resource:action`; grants with `*` cover them. */
  permissions?: string | readonly string[] | undefined
  /** The caller must act in an organization, and meet these requirements there, in addition to `roles` and `permissions`. */
  organization?: true | OrganizationRule | undefined
  /** Allows callers without a credential. An invalid credential, or one without the required permissions, is refused. */
  optional?: boolean | undefined
  /**
   * Further requirements by HTTP method. `*` is any method without an entry; HEAD uses the entry of GET. Methods without
   * an entry are refused.
   */
  methods?: Readonly<Record<string, Omit<Rule, 'methods'>>> | undefined
}

/** @returns the principal (null: an anonymous caller, where the rule is `optional`), or the problem to answer */
export type CompiledRule = (outcome: Principal | Problem | null, method: string) => Principal | Problem | null

/** @throws TypeError for a malformed rule: an empty list, an unknown member, nested `methods` */
export function compileRule(rule: Rule = {}): CompiledRule {
  assertRule(rule)
  const whole = compileRequirements(rule)
  if (rule.methods === undefined) return whole
  const byMethod = new Map<string, CompiledRule>()
  for (const [method, more] of Object.entries(rule.methods)) {
    if ('methods' in more) throw new TypeError('`methods` must not be nested')
    assertRule(more)
    byMethod.set(method.toUpperCase(), compileRequirements({ optional: rule.optional, ...more }))
  }
  const others = byMethod.get('*')
  const ruleOf = (method: string): CompiledRule | undefined =>
    byMethod.get(method) ?? (method === 'HEAD' ? byMethod.get('GET') : undefined) ?? others
  const isOptionalFor = (method: string): boolean => ruleOf(method)?.(null, method) === null
  return (outcome, method) => {
    // `optional` of the method's entry takes precedence over that of the rule
    if (outcome === null) return isOptionalFor(method) ? null : problem('AUTHENTICATION_REQUIRED')
    const checked = whole(outcome, method)
    if (checked instanceof Problem) return checked
    const ofMethod = ruleOf(method)
    return ofMethod === undefined ? forbidden([], 'methods') : ofMethod(checked, method)
  }
}

function compileRequirements({ roles, permissions, organization, optional = false }: Rule): CompiledRule {
  const lacks = compileChecks({ roles, permissions }, OUTSIDE)
  const lacksThere = organization === undefined ? null : compileOrganization(organization)
  return (outcome) => {
    if (outcome === null) return optional ? null : problem('AUTHENTICATION_REQUIRED')
    if (outcome instanceof Problem) return outcome
    return lacks(outcome.roles, outcome) ?? lacksThere?.(outcome) ?? outcome
  }
}

function compileOrganization(
  organization: true | OrganizationRule,
): (principal: Principal) => Problem | null {
  const lacks = compileChecks(organization === true ? {} : organization, INSIDE)
  return ({ organizationId, organizationRole: role, organizationPermissions: permissions }) => {
    // a caller who acts in no organization has no role or permission in one, even if a callback supplied some
    if (organizationId === null) return lacks(NONE, { permissions: NONE }) ?? forbidden([], 'organization')
    return lacks(role === null ? NONE : [role], { permissions })
  }
}

/** The values of `details.of`, which names the requirement that was not met. */
interface DetailNames {
  allOf: string
  anyOf: string
  permissions: string
}
const OUTSIDE: DetailNames = { allOf: 'all_roles', anyOf: 'any_role', permissions: 'permissions' }
const INSIDE: DetailNames = {
  allOf: 'organization_roles',
  anyOf: 'organization_roles',
  permissions: 'organization_permissions',
}

function compileChecks({ roles, permissions }: Pick<Rule, 'roles' | 'permissions'>, of: DetailNames) {
  const { allOf, anyOf } = isList(roles) ? { allOf: roles, anyOf: undefined } : (roles ?? {})
  const required = permissions === undefined ? [] : listOf(permissions)
  return (held: readonly string[], permitted: Permitted): Problem | null => {
    if (allOf?.some((role) => !held.includes(role))) return forbidden(allOf, of.allOf)
    if (anyOf && !anyOf.some((role) => held.includes(role))) return forbidden(anyOf, of.anyOf)
    for (const permission of required)
      if (!can(permitted, permission)) return forbidden(required, of.permissions)
    return null
  }
}

/** `required` is a string for one permission, as in the server's answers, and a list for several. */
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

/** Rejects unknown members: a misspelt requirement would otherwise be ignored. */
function assertRule(rule: Rule): void {
  if (!isRecord(rule as unknown)) throw new TypeError('a rule must be an object')
  for (const name of Object.keys(rule))
    if (!MEMBERS.has(name)) throw new TypeError(unknownName('a rule has no member', name, [...MEMBERS]))
  assertChecks(rule)
  const { organization } = rule
  if (organization === undefined || organization === true) return
  const members: unknown = organization
  const names = isRecord(members) ? Object.keys(members) : []
  if (names.length === 0 || names.some((name) => !ORGANIZATION_MEMBERS.has(name)))
    throw new TypeError('organization must be true or {roles, permissions}')
  assertChecks(organization)
  const { roles } = organization
  const allOf = isList(roles) ? roles : roles?.allOf
  if (allOf !== undefined && allOf.length > 1)
    throw new TypeError('a member has one role in an organization: list alternatives in anyOf')
}

function assertChecks({ roles, permissions }: Pick<Rule, 'roles' | 'permissions'>): void {
  if (roles !== undefined && !isList(roles)) {
    const names = isRecord(roles) ? Object.keys(roles) : []
    if (names.length === 0 || names.some((name) => !ROLE_MEMBERS.has(name)))
      throw new TypeError('roles must be a list or {allOf, anyOf}')
  }
  const lists = [isList(roles) ? roles : roles?.allOf, isList(roles) ? undefined : roles?.anyOf]
  if (permissions !== undefined) lists.push(listOf(permissions))
  for (const list of lists) {
    if (list === undefined) continue
    if (!isList(list) || list.length === 0 || list.some((name) => typeof name !== 'string' || name === ''))
      throw new TypeError('roles and permissions must be non-empty lists of names')
  }
}
