/** Input fields and JSON views of an organization's roles. */
import { z } from 'zod'
import { described, flagField, textField, textList, textOrNull } from '../../../base/described.ts'
import { Description, PermissionName, roleNameField } from '../../../base/fields.ts'
import type { RoleInOrganization } from './roles.ts'

/** The name of a built-in role or of one of the organization's own. */
export const MemberRole = described(
  roleNameField(50),
  'A role in the organization: `owner`, `admin`, `member`, `guest`, or a custom one.',
  'member',
)

export const RoleFields = {
  description: Description.nullable(),
  permissions: described(
    z.array(PermissionName).max(100),
    'What the role permits in the organization, each as `resource:action`; `*` for any.',
    ['members:read'],
  ),
  inherits: described(
    z.enum(['admin', 'member', 'guest']).nullable(),
    'The built-in role whose permissions are included; null for none.',
    'guest',
  ),
}

export const OrganizationRoleView = z
  .object({
    name: textField('The name, unique in the organization.', 'editor'),
    description: textOrNull('What the role is for; null for no text.', 'For the engines of the north wing'),
    permissions: textList('What the role permits by itself.', 'members:read'),
    inherits: RoleFields.inherits,
    effective_permissions: textList(
      'What the role permits with the permissions of the role that it includes.',
      'members:read',
      'organization:read',
    ),
    is_built_in: flagField('Whether the role is the same in every organization and cannot be changed.'),
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
