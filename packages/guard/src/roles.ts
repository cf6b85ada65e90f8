/**
 * Role resolution: the effective permissions of a set of roles, inherited ones included. Pure functions and the only
 * implementation: the server uses them for sessions, tokens and answers, the guard for principals whose method supplies
 * roles only. A role that is not defined grants nothing.
 */
import { makePrincipal, type Principal } from './principal.ts'

export interface RoleDefinition {
  readonly name: string
  /** Grants, `resource:action` with `*` for any. */
  readonly permissions: readonly string[]
  /** Names of roles whose permissions this role includes. */
  readonly inherits?: readonly string[] | undefined
}

/** Role definitions by name. */
export type RoleDefinitions = ReadonlyMap<string, RoleDefinition>

/**
 * The effective permissions of a set of roles.
 *
 * @param definitions role definitions by name; inheritance may be cyclic
 * @param names the names of the roles; names that are not defined grant nothing
 * @returns every permission of these roles and of those they inherit: sorted, without duplicates, frozen
 */
export function effectivePermissions(
  definitions: RoleDefinitions,
  names: readonly string[],
): readonly string[] {
  const found = new Set<string>()
  for (const name of withInherited(definitions, names)) {
    for (const permission of definitions.get(name)?.permissions ?? []) found.add(permission)
  }
  return Object.freeze([...found].sort())
}

/**
 * The transitive closure of role inheritance.
 *
 * @param definitions role definitions by name; inheritance may be cyclic
 * @param names the names of the roles
 * @returns these names and those of all inherited roles; names that are not defined are kept
 */
export function withInherited(definitions: RoleDefinitions, names: readonly string[]): ReadonlySet<string> {
  const reached = new Set<string>()
  const waiting = [...names]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (reached.has(name)) continue
    reached.add(name)
    waiting.push(...(definitions.get(name)?.inherits ?? []))
  }
  return reached
}

/**
 * Validates the `roles` option of a guard.
 *
 * @throws TypeError for a duplicate or missing name, an inherited role that is not defined, permissions that are not
 *   strings
 */
export function roleDefinitions(roles: readonly RoleDefinition[]): RoleDefinitions {
  const definitions = new Map(roles.map((role) => [role.name, role]))
  if (definitions.size !== roles.length) throw new TypeError('two roles have the same name')
  for (const { name, permissions, inherits = [] } of roles) {
    if (typeof name !== 'string' || name === '') throw new TypeError('a role must have a name')
    if (!isTexts(permissions) || !isTexts(inherits))
      throw new TypeError(`permissions and inherits of the role ${name} must be arrays of strings`)
    const unknown = inherits.find((one) => !definitions.has(one))
    if (unknown !== undefined)
      throw new TypeError(`the role ${name} inherits ${unknown}, which is not defined`)
  }
  return definitions
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string')

/**
 * Returns a function that adds the permissions of its roles to a principal. Results are cached by principal, because
 * one object serves all requests that send the same token.
 */
export function withRolePermissions(definitions: RoleDefinitions): (principal: Principal) => Principal {
  const known = new WeakMap<Principal, Principal>()
  return (principal) => {
    let filled = known.get(principal)
    if (filled === undefined) {
      filled = withPermissions(principal, effectivePermissions(definitions, principal.roles))
      known.set(principal, filled)
    }
    return filled
  }
}

function withPermissions(principal: Principal, more: readonly string[]): Principal {
  if (more.every((permission) => principal.permissions.includes(permission))) return principal
  const permissions = [...new Set([...principal.permissions, ...more])].sort()
  return makePrincipal({ ...principal, permissions }, principal.method, principal.source)
}
