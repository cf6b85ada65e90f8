/** What is said about organizations: the fields that make one, and how each thing is shown. */
import { z } from 'zod'
import { Description, line, roleName } from '../../../base/fields.ts'
import { isId } from '../../../base/ids.ts'
import { PERMISSION } from '../../access/roles/index.ts'
import type { Member } from '../members/members.ts'
import type { RoleInOrganization } from '../roles/roles.ts'
import type { ActiveOrganization } from './active.ts'
import type { OwnOrganization } from './organizations.ts'
import type { OrganizationRow } from './sql.ts'

/** Not an address either, because mail programs make links of those. */
export const OrganizationName = line(100).refine((text) => !text.includes('://'), {
  error: () => 'Use a name, not an address.',
})

export const Slug = z
  .string()
  .max(50)
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])$/, {
    error: () => 'Use 2 to 50 small letters, digits and hyphens.',
  })

export const OrganizationId = z.string().max(64)
export const UserId = z
  .string()
  .max(64)
  .refine((text) => isId('usr', text), { error: () => 'This is not the id of a user.' })

/** Built in, or one of the organization's own. */
export const RoleName = roleName(50)

export const Search = z.string().trim().max(254).optional().describe('What it begins with, in any case')

export const RoleFields = {
  description: Description.nullable(),
  permissions: z.array(z.string().max(130).regex(PERMISSION)).max(100),
  inherits: z.enum(['admin', 'member', 'guest']).nullable(),
}

export const OrganizationView = z
  .object({
    id: z.string(),
    name: z.string(),
    slug: z.string(),
    created_at: z.string(),
    updated_at: z.string(),
    deleted_at: z.string().nullable(),
    purge_at: z.string().nullable(),
  })
  .meta({ id: 'Organization' })

export const organizationView = (row: OrganizationRow): z.infer<typeof OrganizationView> => ({
  id: row.id,
  name: row.name,
  slug: row.slug,
  created_at: row.created_at.toISOString(),
  updated_at: row.updated_at.toISOString(),
  deleted_at: row.deleted_at?.toISOString() ?? null,
  purge_at: row.purge_at?.toISOString() ?? null,
})

export const StandingView = OrganizationView.extend({
  role: z.string().nullable(),
  permissions: z.array(z.string()),
}).meta({ id: 'OrganizationStanding' })

export const standingView = (own: Omit<OwnOrganization, 'isActive'>): z.infer<typeof StandingView> => ({
  ...organizationView(own.organization),
  role: own.role,
  permissions: [...own.permissions],
})

export const OwnOrganizationView = StandingView.extend({ is_active: z.boolean() }).meta({
  id: 'OwnOrganization',
})

export const ownOrganizationView = (own: OwnOrganization): z.infer<typeof OwnOrganizationView> => ({
  ...standingView(own),
  is_active: own.isActive,
})

/** The one that a session acts in. */
export const ActiveOrganizationView = z
  .object({
    id: z.string(),
    name: z.string(),
    slug: z.string(),
    role: z.string().nullable(),
    permissions: z.array(z.string()),
  })
  .meta({ id: 'ActiveOrganization' })

export const activeView = (active: ActiveOrganization): z.infer<typeof ActiveOrganizationView> => ({
  id: active.organization.id,
  name: active.organization.name,
  slug: active.organization.slug,
  role: active.role,
  permissions: [...active.permissions],
})

export const MemberView = z
  .object({
    user: z.object({
      id: z.string(),
      username: z.string().nullable(),
      full_name: z.string().nullable(),
      email: z.string(),
    }),
    role: z.string(),
    joined_at: z.string(),
  })
  .meta({ id: 'Member' })

export const memberView = (member: Member): z.infer<typeof MemberView> => ({
  user: {
    id: member.user_id,
    username: member.username,
    full_name: member.full_name,
    email: member.email,
  },
  role: member.role,
  joined_at: member.joined_at.toISOString(),
})

export const RoleView = z
  .object({
    name: z.string(),
    description: z.string().nullable(),
    permissions: z.array(z.string()),
    inherits: z.enum(['admin', 'member', 'guest']).nullable(),
    /** With what it inherits. */
    effective_permissions: z.array(z.string()),
    is_built_in: z.boolean(),
  })
  .meta({ id: 'OrganizationRole' })

export const roleView = (role: RoleInOrganization): z.infer<typeof RoleView> => ({
  name: role.name,
  description: role.description,
  permissions: [...role.permissions],
  inherits: role.inherits,
  effective_permissions: [...role.effective],
  is_built_in: role.isBuiltIn,
})
