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

/** Required scopes: all of `allOf`, and at least one of `anyOf`. */
export interface ScopeRule {
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
  /** Scopes of the token, in any form (`Files.Read`, `orders/read`): all of them, or any of `anyOf`; compared exactly. */
  scopes?: string | readonly string[] | ScopeRule | undefined
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
type Check = (outcome: Principal | Problem | null, method: string) => Principal | Problem | null

export type CompiledRule = Check & {
  /** The scopes that a token needs for a request with this method. */
  scopesFor(method: string): readonly string[]
}

/** @throws TypeError for a rule that is malformed or can never match: an empty list, an unknown member, nested `methods` */
export function compileRule(rule: Rule = {}): CompiledRule {
  return Object.assign(compileCheck(rule), { scopesFor: (method: string) => scopesFor(rule, method) })
}

function compileCheck(rule: Rule): Check {
  assertRule(rule)
  const whole = compileRequirements(rule)
  if (rule.methods === undefined) return whole
  const byMethod = new Map<string, Check>()
  for (const [name, more] of Object.entries(rule.methods)) {
    const method = name.toUpperCase()
    if (!HTTP_METHODS.includes(method))
      throw new TypeError(unknownName('HTTP has no method', name, HTTP_METHODS))
    if (byMethod.has(method)) throw new TypeError(`\`methods\` has ${method} twice`)
    assertRule(more)
    if ('methods' in more) throw new TypeError('`methods` must not be nested')
    byMethod.set(method, compileRequirements({ optional: rule.optional, ...more }))
  }
  if (byMethod.size === 0) throw new TypeError('`methods` is empty, so that every method is refused')
  const others = byMethod.get('*')
  const ruleOf = (method: string): Check | undefined =>
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

function compileRequirements(rule: Rule): Check {
  const { organization, scopes, optional = false } = rule
  const lacks = compileChecks(rule, OUTSIDE)
  const lacksScope = scopes === undefined ? null : compileScopes(scopes)
  const lacksThere = organization === undefined ? null : compileOrganization(organization)
  return (outcome) => {
    if (outcome === null) return optional ? null : problem('AUTHENTICATION_REQUIRED')
    if (outcome instanceof Problem) return outcome
    return lacks(outcome.roles, outcome) ?? lacksScope?.(outcome.scopes) ?? lacksThere?.(outcome) ?? outcome
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

function compileScopes(scopes: NonNullable<Rule['scopes']>): (held: readonly string[]) => Problem | null {
  const { allOf, anyOf } = scopeLists(scopes)
  return (held) => {
    if (allOf?.some((scope) => !held.includes(scope))) return forbidden(allOf, 'scopes')
    return anyOf && !anyOf.some((scope) => held.includes(scope)) ? forbidden(anyOf, 'any_scope') : null
  }
}

const scopeLists = (scopes: NonNullable<Rule['scopes']>): ScopeRule =>
  typeof scopes === 'string' || isList(scopes) ? { allOf: listOf(scopes) } : scopes

/** `required` is a string for one permission, as in the server's answers, and a list for several. */
const forbidden = (required: readonly string[], of: string): Problem =>
  problem('INSUFFICIENT_PERMISSIONS', {
    details: { required: of.endsWith('permissions') && required.length === 1 ? required[0] : required, of },
  })

const NONE: readonly string[] = Object.freeze([])
const isList = (value: unknown): value is readonly string[] => Array.isArray(value)
const listOf = (value: string | readonly string[]): readonly string[] =>
  typeof value === 'string' ? [value] : value

const MEMBERS = new Set(['roles', 'permissions', 'scopes', 'organization', 'optional', 'methods'])
const ORGANIZATION_MEMBERS = new Set(['roles', 'permissions'])
const ROLE_MEMBERS = new Set(['allOf', 'anyOf'])
/** The methods that Node and the Fetch standard can receive, and `*` for any. */
const HTTP_METHODS: readonly string[] =
  `* GET HEAD POST PUT PATCH DELETE OPTIONS QUERY TRACE CONNECT PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK SEARCH
  BIND REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PURGE MKCALENDAR LINK
  UNLINK SOURCE`.split(/\s+/)
/** `*` is held by callers who may do everything. */
const PERMISSION = /^(?:\*|[^\s:]+:\S+)$/
/** RFC 6749 §3.3 `scope-token`. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** Rejects unknown members: a misspelt requirement would otherwise be ignored. */
function assertRule(rule: Rule): void {
  if (!isRecord(rule as unknown)) throw new TypeError('a rule must be an object')
  for (const name of Object.keys(rule))
    if (!MEMBERS.has(name)) throw new TypeError(unknownName('a rule has no member', name, [...MEMBERS]))
  assertChecks(rule)
  const { organization, scopes, optional } = rule
  if (optional !== undefined && typeof optional !== 'boolean')
    throw new TypeError('`optional` must be true or false')
  if (scopes !== undefined) assertScopes(scopes)
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
  const malformed =
    permissions === undefined ? undefined : listOf(permissions).find((one) => !PERMISSION.test(one))
  if (malformed !== undefined)
    throw new TypeError(
      `${malformed} is no permission, which is \`resource:action\`; names in other forms belong in \`scopes\``,
    )
}

function assertScopes(scopes: NonNullable<Rule['scopes']>): void {
  if (typeof scopes !== 'string' && !isList(scopes)) {
    const names = isRecord(scopes as unknown) ? Object.keys(scopes) : []
    if (names.length === 0 || names.some((name) => !ROLE_MEMBERS.has(name)))
      throw new TypeError('scopes must be a string, a list or {allOf, anyOf}')
  }
  const { allOf, anyOf } = scopeLists(scopes)
  for (const list of [allOf, anyOf]) {
    if (list === undefined) continue
    if (
      !isList(list) ||
      list.length === 0 ||
      !list.every((one) => typeof one === 'string' && SCOPE.test(one))
    )
      throw new TypeError('scopes must be non-empty lists of scopes, each without spaces')
  }
}

/** Every scope that a rule names. */
export function scopesIn({ scopes, methods }: Rule): readonly string[] {
  const { allOf = [], anyOf = [] } = scopes === undefined ? {} : scopeLists(scopes)
  return [...new Set([...allOf, ...anyOf, ...Object.values(methods ?? {}).flatMap(scopesIn)])]
}

/** The scopes that a rule names for requests with this method. */
function scopesFor({ methods = {}, ...rule }: Rule, method: string): readonly string[] {
  const entry = (name: string) => Object.entries(methods).find(([own]) => own.toUpperCase() === name)?.[1]
  const more = entry(method) ?? (method === 'HEAD' ? entry('GET') : undefined) ?? entry('*')
  return [...new Set([...scopesIn(rule), ...(more === undefined ? [] : scopesIn(more))])]
}

export const isScope = (text: string): boolean => SCOPE.test(text)

/** Every role that a rule names. */
export function rolesOf(rule: Rule): readonly string[] {
  const { roles, methods } = rule
  const { allOf = [], anyOf = [] } = isList(roles) ? { allOf: roles } : (roles ?? {})
  return [...allOf, ...anyOf, ...Object.values(methods ?? {}).flatMap(rolesOf)]
}
