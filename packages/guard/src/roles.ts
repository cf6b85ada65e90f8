/**
 * What roles come to: every permission of a set of roles, inherited ones included. Pure, and the one place where
 * it is decided: the server fills sessions, tokens and answers with it, a guard those principals whose method
 * knows roles only. A role is data; a name that nobody defined permits nothing.
 */

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
