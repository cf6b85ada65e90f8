/** Input fields and JSON views of organizations. */
import { z } from 'zod'
import {
  exampleId,
  flagField,
  idField,
  textField,
  textList,
  textOrNull,
  timeField,
  timeOrNull,
} from '../../../base/described.ts'
import { line } from '../../../base/fields.ts'
import { isId } from '../../../base/ids.ts'
import type { OrganizationRow } from '../membership/index.ts'
import type { OrganizationMembership, OwnOrganization } from './organizations.ts'

/** Not a URL, because mail programs turn URLs into links. */
export const OrganizationName = line(100)
  .refine((text) => !text.includes('://'), {
    error: () => 'Use a name, not an address.',
  })
  .meta({
    description: 'The name of the organization, one line of up to 100 characters; not an address.',
    samples: ['Analytical Engines'],
  })

export const OrganizationSlug = z
  .string()
  .max(50)
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])$/, {
    error: () => 'Use 2 to 50 small letters, digits and hyphens.',
  })
  .meta({
    description: 'The name in addresses: 2 to 50 small letters, digits and hyphens. Unique on the server.',
    samples: ['analytical-engines'],
  })

/** An https URL without a user or password. */
export const LogoUrl = z
  .url({ protocol: /^https$/ })
  .max(2048)
  .refine((text) => !/[\s@\\]/.test(text), { error: () => 'Use an https URL.' })
  .meta({
    description: 'The address of a logo for clients to show: an https URL; null for none.',
    samples: ['https://example.com/logo.svg'],
  })

export const OwnerId = z
  .string()
  .max(64)
  .refine((text) => isId('usr', text), { error: () => 'This is not the id of a user.' })
  .meta({ description: 'The user. Form: `usr_…`.', samples: [exampleId('usr')] })

export const Search = z
  .string()
  .trim()
  .max(254)
  .optional()
  .describe('The beginning of a name or slug, in any case.')

export const OrganizationView = z
  .object({
    id: idField('org', 'The organization.'),
    name: textField('The name of the organization.', 'Analytical Engines'),
    slug: textField('The name in addresses, unique on the server.', 'analytical-engines'),
    description: textOrNull(
      'What the organization is; null for no text.',
      'For the engines of the north wing',
    ),
    logo_url: textOrNull('The address of the logo; null for none.', 'https://example.com/logo.svg'),
    created_at: timeField('When the organization was created.'),
    updated_at: timeField('When its name, slug or profile was last changed.'),
    deleted_at: timeOrNull('When the organization was deleted; null if it was not.'),
    purge_at: timeOrNull(
      'When a deleted organization is erased; until then it can be restored. Null if it was not deleted.',
    ),
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

const OwnRole = textOrNull('Your role in the organization; null if you are no member.', 'owner')
const OwnPermissions = textList(
  'What you may do in the organization, each as `resource:action`; `*` for any.',
  '*',
)

export const MembershipView = OrganizationView.extend({
  role: OwnRole,
  permissions: OwnPermissions,
}).meta({ id: 'OrganizationMembership' })

export const membershipView = (own: OrganizationMembership): z.infer<typeof MembershipView> => ({
  ...organizationView(own.organization),
  role: own.role,
  permissions: [...own.permissions],
})

export const OwnOrganizationView = MembershipView.extend({
  is_active: flagField('Whether the credential of this request acts in the organization.', true),
}).meta({
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
    id: idField('org', 'The organization.'),
    name: textField('The name of the organization.', 'Analytical Engines'),
    slug: textField('The name in addresses, unique on the server.', 'analytical-engines'),
    role: OwnRole,
    permissions: OwnPermissions,
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
