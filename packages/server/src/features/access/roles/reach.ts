/**
 * What the caller may grant (protection against privilege escalation): the caller's permissions, and the roles that the
 * caller may grant, by roles and definitions as they are in this transaction. Owns the lock under which both are read,
 * and the refusals, also for modules with another list of permissions (of an organization, of an API key). What a list
 * of permissions covers is the guard's arithmetic.
 *
 * Invariant: a caller grants no user, themselves included, a permission that they do not have or a role that they may
 * not grant, and changes neither a user nor a role with more permissions than their own.
 */
import { can, effectivePermissions, lacking, withInherited } from '@latchkey/guard'
import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import type { ServerPermission } from '../../../core/permissions/index.ts'
import { lockRoles, type Role, readStoredRoles } from '../../../core/roles/index.ts'
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

/** The roles that a user with these roles may grant, inherited roles included. */
function grantsOf(definitions: Definitions, names: readonly string[]): ReadonlySet<string> {
  const held = [...withInherited(definitions, names)]
  return new Set(held.flatMap((name) => definitions.get(name)?.grants ?? []))
}

/**
 * Reads what the caller may grant, under the lock that every change of roles and of users' roles acquires: the
 * permissions of the request's credential may have been revoked since it was checked. System scope.
 * @throws Problem AUTHENTICATION_REQUIRED for an API key, INSUFFICIENT_PERMISSIONS
 */
export async function lockReach(tx: Tx, call: Call, needed: ServerPermission): Promise<Reach> {
  const { principal, session } = call
  if (!principal || !session)
    throw problem('AUTHENTICATION_REQUIRED', {
      message: 'Sign in to do this. An API key is not enough.',
    })
  await lockRoles(tx)
  const [rows, held] = await Promise.all([readStoredRoles(tx), selectRolesOfActive(tx, principal.userId)])
  if (!held) throw problem('AUTHENTICATION_REQUIRED')
  const definitions = definitionsOf(rows)
  const permissions = effectivePermissions(definitions, held)
  if (!can({ permissions }, needed))
    throw problem('INSUFFICIENT_PERMISSIONS', { details: { required: needed } })
  const { userId, username } = principal
  return { userId, username, definitions, permissions, grants: grantsOf(definitions, held) }
}

/**
 * Refuses to grant permissions that the caller lacks, and to act on a user, role or key that has them. The one place of
 * this refusal.
 * @param held the permissions of the caller where they apply
 * @throws Problem INSUFFICIENT_PERMISSIONS, naming the first that the caller lacks
 */
export function assertNotBeyond(
  held: readonly string[],
  wanted: readonly string[],
  problemFields: { message?: string; details?: Record<string, unknown> } = {},
): void {
  const required = lacking(held, wanted)
  if (required === undefined) return
  const { details, ...message } = problemFields
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
 * Requires that a role, as defined in `definitions`, permits and grants only what the caller may.
 * @throws Problem INSUFFICIENT_PERMISSIONS
 */
export function assertWithinReach(reach: Reach, definitions: Definitions, name: string): void {
  assertNotBeyond(reach.permissions, effectivePermissions(definitions, [name]), { details: { role: name } })
  assertGrants(reach, grantsOf(definitions, [name]), { role: name })
}

/** Requires that the caller may grant this role, and so may revoke it. @throws Problem INSUFFICIENT_PERMISSIONS */
export function assertMayGrantServerRole(reach: Reach, name: string): void {
  assertGrants(reach, [name], { role: name })
  assertWithinReach(reach, reach.definitions, name)
}
