/**
 * Whether somebody may do something. A permission is `resource:action`; a grant may put `*` for either, and
 * `*` alone is everything. What is asked for is never a pattern: `can(p, 'users:*')` asks for a grant that
 * covers every action on users, and only `users:*`, `*:*` and `*` do.
 */

/** Anything that holds permissions; a principal, a role, an API key. */
export interface Permitted {
  permissions: readonly string[]
}

/**
 * @param principal who asks
 * @param permission what is needed, `resource:action`; anything malformed is refused to all but `*`
 */
export function can(principal: Permitted, permission: string): boolean {
  const colon = permission.indexOf(':')
  const wellFormed = colon > 0 && colon < permission.length - 1
  for (const grant of principal.permissions) {
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
