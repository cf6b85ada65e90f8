/** The fields of roles and permissions: input schemas, and the views in answers. */
import { covers, effectivePermissions, type RoleDefinitions } from '@latchkey/guard'
import { z } from 'zod'
import {
  described,
  flagField,
  idField,
  idInput,
  textField,
  textList,
  textOrNull,
  timeField,
} from '../../../base/described.ts'
import { Description, PermissionName, roleNameField } from '../../../base/fields.ts'
import { ORGANIZATION_PERMISSIONS, SERVER_PERMISSIONS } from '../../../core/permissions/index.ts'
import { type AppPermission, ORGANIZATION_ROLES, type Role, type Roles } from '../../../core/roles/index.ts'

const RoleName = described(
  roleNameField(),
  'The name of a role: small letters, digits, hyphens and underscores, beginning with a letter.',
  'editor',
)
/** A permission that a rule can require: without `*`. */
const PlainPermission = z
  .string()
  .max(130)
  .regex(/^[a-z][a-z0-9_-]*:[a-z][a-z0-9_-]*$/, {
    error: () => 'Write a permission as `resource:action`, without `*`.',
  })
  .meta({ description: 'The permission as `resource:action`, without `*`.', samples: ['reports:read'] })

const role = {
  description: Description.nullable(),
  permissions: described(
    z.array(PermissionName).max(200),
    'What the role permits, each as `resource:action`; `*` for any.',
    ['dashboard:read'],
  ),
  inherits: described(z.array(RoleName).max(50), 'Roles whose permissions are included.', ['viewer']),
  grants: described(
    z.array(z.union([RoleName, z.literal('*')])).max(100),
    'Roles that a user with this role may grant and revoke; `*` for any.',
    ['viewer'],
  ),
  rank: z
    .int()
    .min(0)
    .max(10_000)
    .meta({
      description: 'Of several roles of a user, the one with the lowest rank is the primary role.',
      samples: [60],
    }),
  requires_mfa: described(
    z.boolean(),
    'Whether users with this role must have a second factor: without one, they set it up at their next sign-in.',
    false,
  ),
}

export const NewRoleInput = z.object({
  name: RoleName,
  description: role.description.default(null),
  permissions: role.permissions.default([]),
  inherits: role.inherits.default([]),
  grants: role.grants.default([]),
  rank: role.rank.default(100),
  requires_mfa: role.requires_mfa.default(false),
})
export type NewRole = z.infer<typeof NewRoleInput>

const change = {
  description: role.description.optional(),
  permissions: role.permissions.optional(),
  inherits: role.inherits.optional(),
  grants: role.grants.optional(),
  rank: role.rank.optional(),
  requires_mfa: role.requires_mfa.optional(),
}
export const RoleChangeInput = z.object({
  name: described(z.string().max(64), 'The role to change.', 'editor'),
  ...change,
})
export type ServerRoleChange = Omit<z.infer<typeof RoleChangeInput>, 'name'>

export const NewPermissionInput = z.object({
  name: PlainPermission,
  description: Description.nullable().default(null),
  organization_roles: z
    .array(z.enum(ORGANIZATION_ROLES))
    .max(4)
    .default([])
    .meta({
      description: 'Built-in roles of organizations that include it; none: a permission of the server.',
      samples: [[]],
    }),
})
export type NewPermission = z.infer<typeof NewPermissionInput>

export const ByName = z.object({ name: described(z.string().max(130), 'The name of the role.', 'editor') })
export const ByPermission = z.object({
  name: described(z.string().max(130), 'The permission of the app, `resource:action`.', 'reports:read'),
})
export const OfUser = z.object({ id: idInput('usr', 'The user.') })
export const UserRolesInput = z.object({
  id: idInput('usr', 'The user.'),
  roles: described(
    z.array(RoleName).max(50),
    'All roles that the user has afterwards; an empty list takes every role away.',
    ['viewer'],
  ),
})

export const RoleView = z
  .object({
    name: textField('The name, unique and unchangeable.', 'editor'),
    description: textOrNull('What the role is for; null for no text.', 'For the engines of the north wing'),
    permissions: textList('What the role permits by itself.', 'dashboard:read'),
    inherits: textList('Roles whose permissions are included.', 'viewer'),
    grants: textList('Roles that a user with this role may grant and revoke; `*` for any.', 'viewer'),
    rank: described(
      z.int(),
      'Of several roles of a user, the one with the lowest rank is the primary role.',
      60,
    ),
    effective_permissions: textList(
      'What the role permits with all inherited permissions.',
      'analytics:read',
      'dashboard:read',
    ),
    requires_mfa: flagField('Whether users with this role must have a second factor.'),
    preset: textOrNull('The preset that the role comes from; null: created on this server.', null),
    created_at: timeField('When the role was created.'),
    updated_at: timeField('When the role was last changed.'),
  })
  .meta({ id: 'Role' })
export type RoleView = z.infer<typeof RoleView>

export const serverRoleView = (definitions: RoleDefinitions, found: Role): RoleView => ({
  name: found.name,
  description: found.description,
  permissions: [...found.permissions],
  inherits: [...found.inherits],
  grants: [...found.grants],
  rank: found.rank,
  effective_permissions: [...effectivePermissions(definitions, [found.name])],
  requires_mfa: found.requires_mfa,
  preset: found.preset,
  created_at: found.created_at.toISOString(),
  updated_at: found.updated_at.toISOString(),
})

export const PermissionView = z
  .object({
    name: textField('The permission as `resource:action`, without `*`.', 'reports:read'),
    description: textOrNull('What it allows; null for no text.', 'For the engines of the north wing'),
    scope: described(
      z.enum(['server', 'organization']),
      'Whether it is granted by roles of the server or by roles inside organizations.',
    ),
    origin: described(
      z.enum(['server', 'app']),
      '`server`: built in, required by the server itself. `app`: created for the app.',
      'app',
    ),
    organization_roles: textList(
      'Built-in roles of organizations that include it; empty for one of the server.',
    ),
  })
  .meta({ id: 'Permission' })
export type PermissionView = z.infer<typeof PermissionView>

export const permissionView = (own: AppPermission): PermissionView => ({
  name: own.name,
  description: own.description,
  scope: own.organization_roles.length > 0 ? 'organization' : 'server',
  origin: 'app',
  organization_roles: [...own.organization_roles],
})

/** The permissions that the server itself requires: for the server, then inside organizations. */
export function builtInPermissions(roles: Pick<Roles, 'organizationPermissionsOf'>): PermissionView[] {
  const server = Object.entries(SERVER_PERMISSIONS).map(([name, description]): PermissionView => {
    return { name, description, scope: 'server', origin: 'server', organization_roles: [] }
  })
  const holders = ORGANIZATION_ROLES.map(
    (name) => [name, roles.organizationPermissionsOf(name, null)] as const,
  )
  const inside = Object.entries(ORGANIZATION_PERMISSIONS).map(([name, description]): PermissionView => {
    const held = holders.filter(([, has]) => covers(has, [name]))
    const organization_roles = held.map(([of]) => of)
    return { name, description, scope: 'organization', origin: 'server', organization_roles }
  })
  return [...server, ...inside]
}

export const UserRolesView = z
  .object({
    user_id: idField('usr', 'The user.'),
    role: textOrNull(
      'The primary role: of all `roles` the one with the lowest rank; null without roles.',
      'viewer',
    ),
    roles: textList('All roles of the user at the server.', 'viewer'),
    permissions: textList(
      'What the roles permit, inherited permissions included.',
      'analytics:read',
      'dashboard:read',
    ),
  })
  .meta({ id: 'UserRoles' })
export type UserRolesView = z.infer<typeof UserRolesView>
