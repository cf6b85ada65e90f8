/**
 * Whether somebody may do something. A permission is `resource:action`; a grant may put `*` for either, and
 * `*` alone is everything. What is asked for is never a pattern: `can(p, 'users:*')` asks for a grant that
 * covers every action on users, and only `users:*`, `*:*` and `*` do.
 */

/** Anything that holds permissions; a principal, a role, an API key. */
export interface Permitted {
  permissions: readonly string[]
}

/** Longer lists are walked through once for each permission that is asked for. */
const LONG = 8
/** Apps ask for a few; what a stranger asks for must not pile up. */
const MOST_VERDICTS = 200

/** By lists that cannot change any more: one principal is asked the same again and again. */
const verdicts = new WeakMap<readonly string[], Map<string, boolean>>()

/**
 * @param principal who asks
 * @param permission what is needed, `resource:action`; anything malformed is refused to all but `*`
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

/** Undefined where somebody may still change the list. */
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
