/**
 * The role presets of PRODUCT §5 and what follows from them. Invariant: inheritance has no cycle, and a role
 * inherits or may grant only roles of its own preset (tested over the table).
 */
import type { Config } from '../../config.ts'

export interface Role {
  name: string
  permissions: readonly string[]
  inherits: readonly string[]
  /** Roles a holder may give to others, besides never granting what they do not hold. */
  grants: readonly string[]
}

export type Preset = Config['rolePreset']

/** Most powerful first: the order in which `primaryRole` picks. */
export const PRESETS: Readonly<Record<Preset, readonly Role[]>> = {
  ladder: [
    {
      name: 'super_admin',
      permissions: ['*'],
      inherits: ['administrator'],
      grants: ['super_admin', 'administrator', 'manager', 'staff', 'viewer'],
    },
    {
      name: 'administrator',
      permissions: ['system:*', 'api_keys:*', 'audit:read'],
      inherits: ['manager'],
      grants: ['manager', 'staff', 'viewer'],
    },
    { name: 'manager', permissions: ['users:*'], inherits: ['staff'], grants: ['staff', 'viewer'] },
    { name: 'staff', permissions: ['chat:*', 'concerns:*'], inherits: ['viewer'], grants: [] },
    { name: 'viewer', permissions: ['dashboard:read', 'analytics:read'], inherits: [], grants: [] },
  ],
  'client-services': [
    {
      name: 'admin',
      permissions: ['*'],
      inherits: [],
      grants: ['admin', 'manager', 'client', 'employee', 'user'],
    },
    {
      name: 'manager',
      permissions: ['clients:*', 'insights:*', 'users:read'],
      inherits: ['user'],
      grants: ['client', 'employee', 'user'],
    },
    {
      name: 'employee',
      permissions: ['clients:read_assigned', 'insights:add'],
      inherits: ['user'],
      grants: [],
    },
    {
      name: 'client',
      permissions: ['clients:read_own', 'clients:update_own'],
      inherits: ['user'],
      grants: [],
    },
    { name: 'user', permissions: ['profile:read'], inherits: [], grants: [] },
  ],
}

const ADMIN: Readonly<Record<Preset, string>> = { ladder: 'super_admin', 'client-services': 'admin' }
const EVERYONE: Readonly<Record<Preset, string>> = { ladder: 'viewer', 'client-services': 'user' }

type AccessConfig = Pick<Config, 'rolePreset' | 'defaultRole'>

/** The role that may do everything; the first administrator gets it. */
export const adminRole = (config: AccessConfig): string => ADMIN[config.rolePreset]

/** The role of everyone who signs up: LATCHKEY_DEFAULT_ROLE, or the preset's least. */
export const defaultRole = (config: AccessConfig): string => config.defaultRole ?? EVERYONE[config.rolePreset]

export const isRole = (config: AccessConfig, name: string): boolean =>
  PRESETS[config.rolePreset].some((role) => role.name === name)

const sums = new Map<string, readonly string[]>()

/**
 * Every permission the roles come to, inherited ones included, sorted and without repeats. Remembered: it
 * stands on the path of every request. Unknown roles (of another preset) permit nothing.
 */
export function permissionsOf(config: AccessConfig, roles: readonly string[]): readonly string[] {
  const key = `${config.rolePreset} ${roles.join(' ')}`
  let sum = sums.get(key)
  if (!sum) {
    const found = new Set<string>()
    for (const name of withInherited(PRESETS[config.rolePreset], roles)) {
      for (const permission of name.permissions) found.add(permission)
    }
    sum = Object.freeze([...found].sort())
    if (sums.size > 1000) sums.clear()
    sums.set(key, sum)
  }
  return sum
}

function withInherited(preset: readonly Role[], names: readonly string[]): Set<Role> {
  const reached = new Set<Role>()
  const waiting = [...names]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const role = preset.find((candidate) => candidate.name === name)
    if (!role || reached.has(role)) continue
    reached.add(role)
    waiting.push(...role.inherits)
  }
  return reached
}

/** The most powerful of the roles, for clients that show one. Null for none. */
export const primaryRole = (config: AccessConfig, roles: readonly string[]): string | null =>
  PRESETS[config.rolePreset].find((role) => roles.includes(role.name))?.name ?? roles[0] ?? null
