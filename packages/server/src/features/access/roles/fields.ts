/** The fields of roles and permissions: input schemas, and the views in answers. */
import { covers, effectivePermissions, type RoleDefinitions } from '@latchkey/guard'
import { z } from 'zod'
import { Description, PermissionName, roleNameField } from '../../../base/fields.ts'
import { ORGANIZATION_PERMISSIONS, SERVER_PERMISSIONS } from '../../../core/permissions/index.ts'
import { type AppPermission, ORGANIZATION_ROLES, type Role, type Roles } from '../../../core/roles/index.ts'

const RoleName = roleNameField()
/** A permission that a rule can require: without `*`. */
const PlainPermission = z
  .string()
  .max(130)
  .regex(/^[a-z][a-z0-9_-]*:[a-z][a-z0-9_-]*$/, {
    error: () => 'Write a permission as `resource:action`, without `*`.',
  })

const role = {
  description: Description.nullable(),
  permissions: z.array(PermissionName).max(200).describe('Each as `resource:action`; `*` for any'),
  inherits: z.array(RoleName).max(50).describe('Roles whose permissions are included'),
  grants: z
    .array(z.union([RoleName, z.literal('*')]))
    .max(100)
    .describe('Roles that a user with this role may grant and revoke; `*` for any'),
  rank: z
    .int()
    .min(0)
    .max(10_000)
    .describe('Of several roles of a user, the one with the lowest rank is the primary role'),
}

export const NewRoleInput = z.object({
  name: RoleName,
  description: role.description.default(null),
  permissions: role.permissions.default([]),
  inherits: role.inherits.default([]),
  grants: role.grants.default([]),
  rank: role.rank.default(100),
})
export type NewRole = z.infer<typeof NewRoleInput>

const change = {
  description: role.description.optional(),
  permissions: role.permissions.optional(),
  inherits: role.inherits.optional(),
  grants: role.grants.optional(),
  rank: role.rank.optional(),
}
export const RoleChangeInput = z.object({ name: z.string().max(64), ...change })
export type ServerRoleChange = Omit<z.infer<typeof RoleChangeInput>, 'name'>

export const NewPermissionInput = z.object({
  name: PlainPermission,
  description: Description.nullable().default(null),
  organization_roles: z
    .array(z.enum(ORGANIZATION_ROLES))
    .max(4)
    .default([])
    .describe('Built-in roles of organizations that include it; none: a permission of the server'),
})
export type NewPermission = z.infer<typeof NewPermissionInput>

export const ByName = z.object({ name: z.string().max(130) })
export const OfUser = z.object({ id: z.string().max(64) })
export const UserRolesInput = z.object({ id: z.string().max(64), roles: z.array(RoleName).max(50) })

export const RoleView = z
  .object({
    name: z.string(),
    description: z.string().nullable(),
    permissions: z.array(z.string()),
    inherits: z.array(z.string()),
    grants: z.array(z.string()),
    rank: z.int(),
    /** With all inherited ones. */
    effective_permissions: z.array(z.string()),
    /** The preset of the role; null: created on this server. */
    preset: z.string().nullable(),
    created_at: z.string(),
    updated_at: z.string(),
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
  preset: found.preset,
  created_at: found.created_at.toISOString(),
  updated_at: found.updated_at.toISOString(),
})

export const PermissionView = z
  .object({
    name: z.string(),
    description: z.string().nullable(),
    scope: z.enum(['server', 'organization']),
    /** `server`: built in, required by the server itself. `app`: created for the app. */
    origin: z.enum(['server', 'app']),
    /** Built-in roles of organizations that include it. */
    organization_roles: z.array(z.string()),
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
    user_id: z.string(),
    role: z.string().nullable(),
    roles: z.array(z.string()),
    permissions: z.array(z.string()),
  })
  .meta({ id: 'UserRoles' })
export type UserRolesView = z.infer<typeof UserRolesView>
