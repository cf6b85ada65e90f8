/**
 * What roles come to: every permission of a set of roles, inherited ones included. Pure, and the one place where
 * it is decided: the server fills sessions, tokens and answers with it, a guard those principals whose method
 * knows roles only. A role is data; a name that nobody defined permits nothing.
 */
import { makePrincipal, type Principal } from './principal.ts'

export interface RoleDefinition {
  readonly name: string
  /** Grants, `resource:action` with `*` for any. */
  readonly permissions: readonly string[]
  /** Names of roles whose permissions a holder has as well. */
  readonly inherits?: readonly string[] | undefined
}

/** Definitions by name. */
export type RoleDefinitions = ReadonlyMap<string, RoleDefinition>

/**
 * @param definitions what roles there are; circles among them are walked once
 * @param names the roles somebody holds
 * @returns every permission of theirs, sorted, without repeats, frozen
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

/** @returns the names and those of all that they inherit; names that are not defined stay as they are */
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
 * Definitions as a guard is given them.
 *
 * @throws TypeError for what can only be a slip: a name twice or of nobody, permissions that are no texts
 */
export function roleDefinitions(roles: readonly RoleDefinition[]): RoleDefinitions {
  const definitions = new Map(roles.map((role) => [role.name, role]))
  if (definitions.size !== roles.length) throw new TypeError('a role is defined twice')
  for (const { name, permissions, inherits = [] } of roles) {
    if (typeof name !== 'string' || name === '') throw new TypeError('a role has a name')
    if (!isTexts(permissions) || !isTexts(inherits))
      throw new TypeError(`permissions and inherits of the role ${name} are lists of texts`)
    const unknown = inherits.find((one) => !definitions.has(one))
    if (unknown !== undefined)
      throw new TypeError(`the role ${name} inherits ${unknown}, which is not defined`)
  }
  return definitions
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string')

/**
 * Adds what somebody's roles permit to the permissions that came with them. The same principal gives the same one
 * again, because one object serves all requests that bring the same token.
 */
export function permittedByRoles(definitions: RoleDefinitions): (principal: Principal) => Principal {
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
