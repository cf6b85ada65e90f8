/**
 * Role presets: the roles that a server creates, and the administrator and default role of each preset. Invariant:
 * inheritance has no cycle, and a role inherits or may grant only roles of the same preset (tested over the table).
 */
import type { Config } from '../../config.ts'

export type Preset = Config['rolePreset']

export interface PresetRole {
  readonly name: string
  readonly description: string
  readonly permissions: readonly string[]
  readonly inherits: readonly string[]
  /** Roles that a holder may grant, within the holder's permissions; `*`: every role, also future ones. */
  readonly grants: readonly string[]
}

/** By rank, the most powerful first: the first of several roles is the primary role. */
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
      description: 'Operates the system: settings, API keys, the audit log, and everything a manager does.',
      permissions: ['system:*', 'api_keys:*', 'audit:read'],
      inherits: ['manager'],
      grants: ['manager', 'staff', 'viewer'],
    },
    {
      name: 'manager',
      description: 'Manages users’ accounts.',
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
      description: 'Views the dashboard and its figures.',
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
      description: 'Works on clients’ data and assigns roles.',
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
      description: 'Default role of new users.',
      permissions: ['profile:read'],
      inherits: [],
      grants: [],
    },
  ],
}

const ADMIN: Readonly<Record<Preset, string>> = { ladder: 'super_admin', 'client-services': 'admin' }
const DEFAULT: Readonly<Record<Preset, string>> = { ladder: 'viewer', 'client-services': 'user' }

/** The top role of each preset. It cannot be changed or deleted, and at least one active user has one of these. */
export const ADMIN_ROLES: readonly { preset: string; name: string }[] = Object.entries(ADMIN).map(
  ([preset, name]) => ({ preset, name }),
)
/** Compares preset and name: a custom role of the same name is not an administrator role. */
export const isAdminRole = (role: { name: string; preset: string | null }): boolean =>
  ADMIN_ROLES.some(({ preset, name }) => role.preset === preset && role.name === name)

type RolesConfig = Pick<Config, 'rolePreset' | 'defaultRole'>

/** The role with every permission, which the first administrator gets. */
export const adminRole = (config: RolesConfig): string => ADMIN[config.rolePreset]

/** The role of new users: LATCHKEY_DEFAULT_ROLE, or the lowest of the preset. */
export const defaultRole = (config: RolesConfig): string => config.defaultRole ?? DEFAULT[config.rolePreset]

/** Whether the name is a role of another preset than the configured one, and so reserved for a change of the preset. */
export const isReservedRoleName = ({ rolePreset }: Pick<Config, 'rolePreset'>, name: string): boolean => {
  const has = (roles: readonly PresetRole[]): boolean => roles.some((role) => role.name === name)
  return !has(PRESETS[rolePreset]) && Object.values(PRESETS).some(has)
}
