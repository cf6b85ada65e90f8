/** The JSON API of organizations. */
import { z } from 'zod'
import { PageInput } from '../../../base/cursor.ts'
import { EXAMPLE_LATER, timeField } from '../../../base/described.ts'
import { Description } from '../../../base/fields.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { OneOrganization } from '../membership/index.ts'
import { deleteOrganization, restoreOrganization } from './deletion.ts'
import { organizationOperations as of } from './operations.ts'
import {
  changeOrganization,
  createOrganization,
  getOrganization,
  listOrganizations,
} from './organizations.ts'
import {
  LogoUrl,
  MembershipView,
  membershipView,
  OrganizationName,
  OrganizationSlug,
  OrganizationView,
  OwnerId,
  OwnOrganizationView,
  organizationView,
  ownOrganizationView,
  Search,
} from './view.ts'

const tag = 'Organizations'
const BASE = '/api/v1/organizations'

const profile = {
  description: Description.nullable().optional(),
  logo_url: LogoUrl.nullable().optional(),
}

const changingRows = (tools: Tools): Row[] => [
  route({
    of: of.create,
    method: 'POST',
    path: BASE,
    description:
      'You own it, and your session acts in it from then on. Without `slug`, the slug is derived from the name. The setting `LATCHKEY_ORGANIZATION_CREATION` decides who may create organizations.',
    tag,
    status: 201,
    input: z.object({ name: OrganizationName, slug: OrganizationSlug.optional(), ...profile }),
    output: OwnOrganizationView,
    message: 'Organization created.',
    run: async (call, input) => ({ data: ownOrganizationView(await createOrganization(tools, call, input)) }),
  }),
  route({
    of: of.update,
    method: 'PATCH',
    path: `${BASE}/:id`,
    description: 'Changes only the fields that are sent; null clears `description` and `logo_url`.',
    tag,
    input: OneOrganization.extend({
      name: OrganizationName.optional(),
      slug: OrganizationSlug.optional().meta({ samples: ['difference-engines'] }),
      ...profile,
    }),
    output: MembershipView,
    message: 'Organization changed.',
    run: async (call, { id: _, ...change }) => ({
      data: membershipView(await changeOrganization(tools, call, change)),
    }),
  }),
  route({
    of: of.delete,
    method: 'DELETE',
    path: `${BASE}/:id`,
    description:
      'All members lose access immediately, and those who have signed in by its connections alone are signed out. The owners are notified by e-mail and can restore it until `purge_at`. Requires a sign-in within the last 10 minutes.',
    tag,
    input: OneOrganization,
    output: z.object({ purge_at: timeField('Until when the organization can be restored.', EXAMPLE_LATER) }),
    message: 'Organization deleted.',
    run: async (call) => ({
      data: { purge_at: (await deleteOrganization(tools, call)).toISOString() },
    }),
  }),
  route({
    of: of.restore,
    method: 'POST',
    path: `${BASE}/:id/restore`,
    description:
      'Possible until `purge_at`. If the organization has no owner any more, a server administrator names the owner in `owner_id`.',
    tag,
    input: OneOrganization.extend({
      owner_id: OwnerId.optional().meta({
        description: 'The new owner, if the organization has none any more. Form: `usr_…`.',
        samples: [],
      }),
    }),
    output: MembershipView,
    message: 'Organization restored.',
    run: async (call, { owner_id }) => ({
      data: membershipView(await restoreOrganization(tools, call, owner_id)),
    }),
  }),
]

export const organizationRoutes = (tools: Tools): Row[] => [
  route({
    of: of.list,
    method: 'GET',
    path: BASE,
    description:
      'With `search`, those whose name or slug begins with it. Deleted organizations are listed until they are purged.',
    tag,
    input: PageInput.extend({ search: Search }),
    output: z.array(OrganizationView),
    message: 'Organizations listed.',
    run: async (call, input) => {
      const { page, nextCursor } = await listOrganizations(tools, call, input)
      return { data: page.map(organizationView), nextCursor }
    },
  }),
  route({
    of: of.show,
    method: 'GET',
    path: `${BASE}/:id`,
    tag,
    input: OneOrganization,
    output: MembershipView,
    message: 'Organization retrieved.',
    run: async (call) => ({ data: membershipView(await getOrganization(tools, call)) }),
  }),
  ...changingRows(tools),
]
