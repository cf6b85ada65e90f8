/**
 * Whether somebody may do something. A permission is `resource:action`; a grant may put `*` for either, and
 * `*` alone is everything. What is asked for is never a pattern: `can(p, 'users:*')` asks for a grant that
 * covers every action on users, and only `users:*`, `*:*` and `*` do.
 */

/** Anything that holds permissions; a principal, a role, an API key. */
export interface Permitted {
  permissions: readonly string[]
}

/** Up to so many are walked through; more are looked up. */
const FEW = 8

/** Long lists that cannot change any more, as sets: one principal is asked again and again. */
const known = new WeakMap<readonly string[], ReadonlySet<string>>()

/**
 * @param principal who asks
 * @param permission what is needed, `resource:action`; anything malformed is refused to all but `*`
 */
export function can({ permissions }: Permitted, permission: string): boolean {
  const colon = permission.indexOf(':')
  const wellFormed = colon > 0 && colon < permission.length - 1
  const grants = permissions.length > FEW ? setOf(permissions) : undefined
  if (grants !== undefined) return grants.has('*') || (wellFormed && isAmong(grants, permission, colon))
  for (const grant of permissions) {
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

/** Undefined where somebody may still change the list. */
function setOf(permissions: readonly string[]): ReadonlySet<string> | undefined {
  let grants = known.get(permissions)
  if (grants === undefined && Object.isFrozen(permissions)) {
    grants = new Set(permissions)
    known.set(permissions, grants)
  }
  return grants
}

/** As `covers` for each of them: these are all the grants that would. */
function isAmong(grants: ReadonlySet<string>, permission: string, colon: number): boolean {
  if (grants.has(permission) || grants.has('*:*')) return true
  if (grants.has(`${permission.slice(0, colon)}:*`)) return true
  return !permission.endsWith(':*') && grants.has(`*:${permission.slice(colon + 1)}`)
}
