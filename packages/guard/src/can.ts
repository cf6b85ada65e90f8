/**
 * The permission check. A permission is `resource:action`; a grant may have `*` in place of either, and `*` alone
 * grants everything. The required permission is never a pattern: `can(p, 'users:*')` requires a grant of every action
 * on users, which only `users:*`, `*:*` and `*` are.
 */

/** An object with grants: a principal, a role, an API key. */
export interface Permitted {
  permissions: readonly string[]
}

/** Verdicts are cached for longer lists, which are then scanned once for each required permission. */
const LONG = 8
/** Bound on the verdicts of one list: an app requires few permissions, but a caller may be able to choose them. */
const MOST_VERDICTS = 200

/** Cached verdicts by frozen list: the same principal is checked for the same permissions repeatedly. */
const verdicts = new WeakMap<readonly string[], Map<string, boolean>>()

/**
 * Checks whether a principal has a permission.
 *
 * @param principal an object with grants, `{ permissions: ['invoices:*'] }`
 * @param permission the required permission, `resource:action`; a malformed one is granted by `*` alone
 * @returns true where one of the grants covers the permission
 */
export function can({ permissions }: Permitted, permission: string): boolean {
  const known = permissions.length > LONG ? verdictsOn(permissions) : undefined
  if (known === undefined) return isGranted(permissions, permission)
  let verdict = known.get(permission)
  if (verdict === undefined) {
    if (known.size >= MOST_VERDICTS) known.clear()
    verdict = isGranted(permissions, permission)
    known.set(permission, verdict)
  }
  return verdict
}

/** @returns undefined for a list that is not frozen, whose verdicts could become stale */
function verdictsOn(permissions: readonly string[]): Map<string, boolean> | undefined {
  let known = verdicts.get(permissions)
  if (known === undefined && Object.isFrozen(permissions)) {
    known = new Map()
    verdicts.set(permissions, known)
  }
  return known
}

function isGranted(grants: readonly string[], permission: string): boolean {
  const colon = permission.indexOf(':')
  const wellFormed = colon > 0 && colon < permission.length - 1
  for (const grant of grants) {
    if (grant === '*') return true
    if (wellFormed && (grant === permission || covers(grant, permission, colon))) return true
  }
  return false
}

function covers(grant: string, permission: string, colon: number): boolean {
  if (grant === '*:*') return true
  if (grant.endsWith(':*')) return grant.length === colon + 2 && permission.startsWith(grant.slice(0, -1))
  return grant.startsWith('*:') && grant.slice(2) === permission.slice(colon + 1)
}
