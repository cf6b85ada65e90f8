/**
 * How far a caller reaches: what they may do, and which roles they may give, by the roles and definitions as they are
 * in this transaction. Owns the lock under which both are read, and the refusals that follow from them, also for the
 * rooms that know another list of permissions (of an organization, of an API key). What a list of permissions covers
 * is the guard's arithmetic.
 *
 * Invariant: whoever acts within their reach gives nobody, themselves included, a permission they do not hold or a
 * role they may not give, and changes nothing of somebody or of a role that is more powerful.
 */
import { can, effectivePermissions, lacking, withInherited } from '@latchkey/guard'
import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { lockRoles, type Role, type ServerPermission, selectRoles } from '../../../core/roles/index.ts'
import { selectRolesOfActive } from './sql.ts'

export type Definitions = ReadonlyMap<string, Role>

export interface Reach {
  userId: string
  username: string | null
  definitions: Definitions
  permissions: readonly string[]
  /** Names of roles, or `*`. */
  grants: ReadonlySet<string>
}

export const definitionsOf = (rows: readonly Role[]): Definitions =>
  new Map(rows.map((row) => [row.name, row]))

/** Which roles the holders of these may give: what those that they inherit grant counts. */
function grantsOf(definitions: Definitions, names: readonly string[]): ReadonlySet<string> {
  const held = [...withInherited(definitions, names)]
  return new Set(held.flatMap((name) => definitions.get(name)?.grants ?? []))
}

/**
 * The caller's reach, read anew under the lock that everybody takes who changes roles or their holders: what the
 * request came in with may have been taken away since. System scope.
 * @throws Problem AUTHENTICATION_REQUIRED for an API key, INSUFFICIENT_PERMISSIONS
 */
export async function lockReach(tx: Tx, call: Call, needed: ServerPermission): Promise<Reach> {
  const { principal, session } = call
  if (!principal || !session)
    throw problem('AUTHENTICATION_REQUIRED', {
      message: 'This is for a person who is signed in; an API key is not enough.',
    })
  await lockRoles(tx)
  const [rows, held] = await Promise.all([selectRoles(tx), selectRolesOfActive(tx, principal.userId)])
  if (!held) throw problem('AUTHENTICATION_REQUIRED')
  const definitions = definitionsOf(rows)
  const permissions = effectivePermissions(definitions, held)
  if (!can({ permissions }, needed))
    throw problem('INSUFFICIENT_PERMISSIONS', { details: { required: needed } })
  const { userId, username } = principal
  return { userId, username, definitions, permissions, grants: grantsOf(definitions, held) }
}

/**
 * The one refusal of what reaches beyond the caller: to grant permissions that they lack, or to act on a person, role
 * or key that has them.
 * @param held what the caller may do where the permissions count
 * @throws Problem INSUFFICIENT_PERMISSIONS, naming the first that the caller lacks
 */
export function assertNotBeyond(
  held: readonly string[],
  wanted: readonly string[],
  said: { message?: string; details?: Record<string, unknown> } = {},
): void {
  const required = lacking(held, wanted)
  if (required === undefined) return
  const { details, ...message } = said
  throw problem('INSUFFICIENT_PERMISSIONS', {
    ...message,
    details: { required, ...details, reason: 'beyond_own' },
  })
}

const mayGrant = ({ grants }: Reach, name: string): boolean => grants.has(name) || grants.has('*')

function assertGrants(reach: Reach, wanted: Iterable<string>, details: Record<string, unknown>): void {
  for (const name of wanted)
    if (!mayGrant(reach, name))
      throw problem('INSUFFICIENT_PERMISSIONS', {
        details: { required: 'users:grant', ...details, grants: name, reason: 'not_granted' },
      })
}

/**
 * That a role, as it is defined there, permits and grants nothing beyond the caller.
 * @throws Problem INSUFFICIENT_PERMISSIONS
 */
export function assertWithinReach(reach: Reach, definitions: Definitions, name: string): void {
  assertNotBeyond(reach.permissions, effectivePermissions(definitions, [name]), { details: { role: name } })
  assertGrants(reach, grantsOf(definitions, [name]), { role: name })
}

/** That the caller may give this role, or take it away. @throws Problem INSUFFICIENT_PERMISSIONS */
export function assertMayGive(reach: Reach, name: string): void {
  assertGrants(reach, [name], { role: name })
  assertWithinReach(reach, reach.definitions, name)
}
