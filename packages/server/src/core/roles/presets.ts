/**
 * The presets of PRODUCT §5: the roles a server begins with, and who is whom among them. Invariant: inheritance has
 * no cycle, and a role inherits or may grant only roles of its own preset (tested over the table).
 */
import type { Config } from '../../config.ts'

export type Preset = Config['rolePreset']

export interface PresetRole {
  readonly name: string
  readonly description: string
  readonly permissions: readonly string[]
  readonly inherits: readonly string[]
  /** Roles a holder may give to others, besides never granting what they do not hold; `*`: any, also those to come. */
  readonly grants: readonly string[]
}

/** Most powerful first: the order in which one role is shown for several. */
export const PRESETS: Readonly<Record<Preset, readonly PresetRole[]>> = {
  ladder: [
    {
      name: 'super_admin',
      description: 'Everything.',
      permissions: ['*'],
      inherits: ['administrator'],
      grants: ['*'],
    },
    {
      name: 'administrator',
      description: 'Runs the system: settings, API keys, the audit log, and everything a manager does.',
      permissions: ['system:*', 'api_keys:*', 'audit:read'],
      inherits: ['manager'],
      grants: ['manager', 'staff', 'viewer'],
    },
    {
      name: 'manager',
      description: 'Looks after people’s accounts.',
      permissions: ['users:*'],
      inherits: ['staff'],
      grants: ['staff', 'viewer'],
    },
    {
      name: 'staff',
      description: 'Answers chats and concerns.',
      permissions: ['chat:*', 'concerns:*'],
      inherits: ['viewer'],
      grants: [],
    },
    {
      name: 'viewer',
      description: 'Sees the dashboard and its figures.',
      permissions: ['dashboard:read', 'analytics:read'],
      inherits: [],
      grants: [],
    },
  ],
  'client-services': [
    {
      name: 'admin',
      description: 'Everything.',
      permissions: ['*'],
      inherits: [],
      grants: ['*'],
    },
    {
      name: 'manager',
      description: 'Acts on clients’ data and gives others their roles.',
      permissions: ['clients:*', 'insights:*', 'users:read', 'users:grant'],
      inherits: ['user'],
      grants: ['client', 'employee', 'user'],
    },
    {
      name: 'employee',
      description: 'Reads the clients assigned to them and adds insights.',
      permissions: ['clients:read_assigned', 'insights:add'],
      inherits: ['user'],
      grants: [],
    },
    {
      name: 'client',
      description: 'Reads and changes their own data.',
      permissions: ['clients:read_own', 'clients:update_own'],
      inherits: ['user'],
      grants: [],
    },
    {
      name: 'user',
      description: 'Everybody new.',
      permissions: ['profile:read'],
      inherits: [],
      grants: [],
    },
  ],
}

const ADMIN: Readonly<Record<Preset, string>> = { ladder: 'super_admin', 'client-services': 'admin' }
const EVERYONE: Readonly<Record<Preset, string>> = { ladder: 'viewer', 'client-services': 'user' }

/** The top role of each preset. Nobody changes or deletes it, and somebody active always holds one. */
export const ADMIN_ROLES: readonly { preset: string; name: string }[] = Object.entries(ADMIN).map(
  ([preset, name]) => ({ preset, name }),
)
/** By preset and name: a role made here that happens to be called so is none. */
export const isAdminRole = (role: { name: string; preset: string | null }): boolean =>
  ADMIN_ROLES.some(({ preset, name }) => role.preset === preset && role.name === name)

type RolesConfig = Pick<Config, 'rolePreset' | 'defaultRole'>

/** The role that may do everything; the first administrator gets it, and somebody always holds it. */
export const adminRole = (config: RolesConfig): string => ADMIN[config.rolePreset]

/** The role of everyone who signs up: LATCHKEY_DEFAULT_ROLE, or the preset's least. */
export const defaultRole = (config: RolesConfig): string => config.defaultRole ?? EVERYONE[config.rolePreset]
