/** Input fields and JSON views of organizations. */
import { z } from 'zod'
import { line } from '../../../base/fields.ts'
import { isId } from '../../../base/ids.ts'
import type { OrganizationRow } from '../membership/index.ts'
import type { OrganizationMembership, OwnOrganization } from './organizations.ts'

/** Not a URL, because mail programs turn URLs into links. */
export const OrganizationName = line(100).refine((text) => !text.includes('://'), {
  error: () => 'Use a name, not an address.',
})

export const OrganizationSlug = z
  .string()
  .max(50)
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])$/, {
    error: () => 'Use 2 to 50 small letters, digits and hyphens.',
  })

/** An https URL without a user or password. */
export const LogoUrl = z
  .url({ protocol: /^https$/ })
  .max(2048)
  .refine((text) => !/[\s@\\]/.test(text), { error: () => 'Use an https URL.' })

export const OwnerId = z
  .string()
  .max(64)
  .refine((text) => isId('usr', text), { error: () => 'This is not the id of a user.' })

export const Search = z.string().trim().max(254).optional().describe('Prefix to search for, in any case')

export const OrganizationView = z
  .object({
    id: z.string(),
    name: z.string(),
    slug: z.string(),
    description: z.string().nullable(),
    logo_url: z.string().nullable(),
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
  description: row.description,
  logo_url: row.logo_url,
  created_at: row.created_at.toISOString(),
  updated_at: row.updated_at.toISOString(),
  deleted_at: row.deleted_at?.toISOString() ?? null,
  purge_at: row.purge_at?.toISOString() ?? null,
})

export const MembershipView = OrganizationView.extend({
  role: z.string().nullable(),
  permissions: z.array(z.string()),
}).meta({ id: 'OrganizationMembership' })

export const membershipView = (own: OrganizationMembership): z.infer<typeof MembershipView> => ({
  ...organizationView(own.organization),
  role: own.role,
  permissions: [...own.permissions],
})

export const OwnOrganizationView = MembershipView.extend({ is_active: z.boolean() }).meta({
  id: 'OwnOrganization',
})

export const ownOrganizationView = (own: OwnOrganization): z.infer<typeof OwnOrganizationView> => ({
  ...membershipView(own),
  is_active: own.isActive,
})

/** The organization that a credential acts in, and what the credential may do there. */
interface ActiveOrganization {
  organization: Pick<OrganizationRow, 'id' | 'name' | 'slug'>
  role: string | null
  permissions: readonly string[]
}
export const ActiveOrganizationView = z
  .object({
    id: z.string(),
    name: z.string(),
    slug: z.string(),
    role: z.string().nullable(),
    permissions: z.array(z.string()),
  })
  .meta({ id: 'ActiveOrganization' })

export const activeOrganizationView = (
  active: ActiveOrganization,
): z.infer<typeof ActiveOrganizationView> => ({
  id: active.organization.id,
  name: active.organization.name,
  slug: active.organization.slug,
  role: active.role,
  permissions: [...active.permissions],
})
