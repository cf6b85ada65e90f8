/** Input fields and JSON views of an organization's roles. */
import { z } from 'zod'
import { Description, PermissionName, roleNameField } from '../../../base/fields.ts'
import type { RoleInOrganization } from './roles.ts'

/** The name of a built-in role or of one of the organization's own. */
export const MemberRole = roleNameField(50)

export const RoleFields = {
  description: Description.nullable(),
  permissions: z.array(PermissionName).max(100),
  inherits: z.enum(['admin', 'member', 'guest']).nullable(),
}

export const OrganizationRoleView = z
  .object({
    name: z.string(),
    description: z.string().nullable(),
    permissions: z.array(z.string()),
    inherits: z.enum(['admin', 'member', 'guest']).nullable(),
    /** Inherited permissions included. */
    effective_permissions: z.array(z.string()),
    is_built_in: z.boolean(),
  })
  .meta({ id: 'OrganizationRole' })

export const organizationRoleView = (role: RoleInOrganization): z.infer<typeof OrganizationRoleView> => ({
  name: role.name,
  description: role.description,
  permissions: [...role.permissions],
  inherits: role.inherits,
  effective_permissions: [...role.effective],
  is_built_in: role.isBuiltIn,
})
