/**
 * The cost of a permission check, and of a look-up in a Set of the same grants. They take turns, so that other activity
 * of the machine affects both alike.
 */
import { can, effectivePermissions, type RoleDefinition } from '@latchkey/guard'

export interface PermissionsOrder {
  roles: number
  rounds: number
  /** Checks per round. */
  questions: number
}
/** Nanoseconds per check, of each round. */
export interface PermissionsAsked {
  check: number[]
  lookUp: number[]
}

process.on('message', (order: PermissionsOrder) => process.send?.(measure(order)))
process.on('disconnect', () => process.exit(0))
process.send?.({})

function measure({ roles, rounds, questions }: PermissionsOrder): PermissionsAsked {
  const definitions = Array.from({ length: roles }, (_, n): RoleDefinition => {
    return { name: `role_${n}`, permissions: [`things_${n}:read`, `things_${n}:write`, `others_${n}:*`] }
  })
  const names = definitions.map(({ name }) => name)
  const principal = {
    permissions: effectivePermissions(new Map(definitions.map((one) => [one.name, one])), names),
  }
  const grants = new Set(principal.permissions)
  // granted literally, by a pattern, and not at all: new strings, as the permission of a route is not the same object as a grant
  const asked = names.flatMap((_, n) => [`things_${n}:write`, `others_${n}:change`, `things_${n}:delete`])
  const right = asked.filter((_, n) => n % 3 !== 2).length
  const turn = (ask: (permission: string) => boolean): [nanoseconds: number, yes: number] => {
    let yes = 0
    const began = process.hrtime.bigint()
    for (let n = 0; n < questions; n++) if (ask(asked[n % asked.length] ?? '')) yes++
    return [Number(process.hrtime.bigint() - began) / questions, yes]
  }
  const figures: PermissionsAsked = { check: [], lookUp: [] }
  for (let round = -3; round < rounds; round++) {
    const [check, yes] = turn((permission) => can(principal, permission))
    if (yes !== (questions / asked.length) * right) throw new Error(`${yes} checks returned true`)
    const [lookUp] = turn((permission) => grants.has(permission))
    if (round < 0) continue
    figures.check.push(check)
    figures.lookUp.push(lookUp)
  }
  return figures
}
