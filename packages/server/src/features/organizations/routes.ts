/** The JSON API of organizations themselves: one's own, and for administrators all of them. */
import { z } from 'zod'
import { PageInput } from '../../base/cursor.ts'
import { type Row, route } from '../../base/http/route.ts'
import type { Tools } from '../../base/tools.ts'
import { SessionStarted, sessionCookie, sessionStarted } from '../signin/index.ts'
import { switchOrganization } from './active.ts'
import {
  ActiveOrganizationView,
  activeView,
  OrganizationId,
  OrganizationName,
  OrganizationView,
  OwnOrganizationView,
  organizationView,
  ownOrganizationView,
  Search,
  Slug,
  StandingView,
  standingView,
  UserId,
} from './fields.ts'
import { leave, transferOwnership } from './members.ts'
import {
  changeOrganization,
  createOrganization,
  deleteOrganization,
  listAll,
  listOwn,
  restoreOrganization,
  showOrganization,
} from './organizations.ts'

const tag = 'Organizations'
const BASE = '/api/v1/organizations'
/** How recently whoever gives an organization away, or up, must have proven who they are. */
export const FRESH = '10m'

const One = z.object({ id: OrganizationId })

const ownRows = (tools: Tools): Row[] => [
  route({
    name: 'organizations.create',
    method: 'POST',
    path: BASE,
    summary: 'Make an organization',
    description:
      'You own it, and your session acts in it from then on. Without a `slug` one is made of the name. `LATCHKEY_ORGANIZATION_CREATION` says who may.',
    tag,
    needs: 'session',
    audit: 'organization.created',
    limit: { by: 'user', max: 60, per: '1h' },
    errors: ['INSUFFICIENT_PERMISSIONS', 'CONFLICT'],
    status: 201,
    input: z.object({ name: OrganizationName, slug: Slug.optional() }),
    output: OwnOrganizationView,
    run: async (call, wish) => ({ data: ownOrganizationView(await createOrganization(tools, call, wish)) }),
  }),
  route({
    name: 'users.me.organizations',
    method: 'GET',
    path: '/api/v1/users/me/organizations',
    summary: 'List your organizations',
    description:
      'With your role in each. One that was deleted is shown to its owners until it is gone for good.',
    tag,
    needs: 'session',
    quiet: 'reads only',
    input: PageInput,
    output: z.array(OwnOrganizationView),
    run: async (call, input) => {
      const { page, nextCursor } = await listOwn(tools, call, input)
      return { data: page.map(ownOrganizationView), nextCursor }
    },
  }),
  route({
    name: 'auth.organization',
    method: 'POST',
    path: '/api/v1/auth/organization',
    summary: 'Choose the organization that you act in',
    description:
      '`null` for none. The session goes on under a new token, which is answered and set as the cookie; whoever asks by an access token keeps theirs, and refreshes it to act there.',
    tag,
    needs: 'session',
    audit: 'organization.switched',
    limit: { by: 'user', max: 300, per: '1h' },
    errors: ['NOT_FOUND'],
    input: z.object({ organization_id: OrganizationId.nullable() }),
    output: SessionStarted.partial().extend({ organization: ActiveOrganizationView.nullable() }),
    run: async (call, { organization_id }) => {
      const { session, active } = await switchOrganization(tools, call, organization_id)
      return {
        data: {
          ...(session ? sessionStarted(tools, session) : {}),
          organization: active && activeView(active),
        },
        cookies: session && call.session?.via === 'cookie' ? [sessionCookie(session, call.now)] : [],
      }
    },
  }),
]

const oneRows = (tools: Tools): Row[] => [
  route({
    name: 'organizations.show',
    method: 'GET',
    path: `${BASE}/:id`,
    summary: 'Show an organization',
    tag,
    needs: 'session',
    organization: 'organization:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
    input: One,
    output: StandingView,
    run: async (call) => ({ data: standingView(await showOrganization(tools, call)) }),
  }),
  route({
    name: 'organizations.update',
    method: 'PATCH',
    path: `${BASE}/:id`,
    summary: 'Change an organization',
    description: 'Changes only the fields that are sent.',
    tag,
    needs: 'session',
    organization: 'organization:update',
    audit: 'organization.updated',
    errors: ['NOT_FOUND', 'CONFLICT'],
    input: One.extend({ name: OrganizationName.optional(), slug: Slug.optional() }),
    output: StandingView,
    run: async (call, { name, slug }) => ({
      data: standingView(await changeOrganization(tools, call, { name, slug })),
    }),
  }),
  route({
    name: 'organizations.delete',
    method: 'DELETE',
    path: `${BASE}/:id`,
    summary: 'Delete an organization',
    description:
      'At once it is there for nobody but its owners, who hear of it by e-mail and can restore it until `purge_at`. Asks for a sign-in of the last 10 minutes.',
    tag,
    needs: 'session',
    organization: 'organization:delete',
    fresh: FRESH,
    audit: 'organization.deleted',
    errors: ['NOT_FOUND'],
    input: One,
    output: z.object({ purge_at: z.string() }),
    run: async (call) => ({
      data: { purge_at: (await deleteOrganization(tools, call)).toISOString() },
      message: 'The organization is deleted.',
    }),
  }),
  route({
    name: 'organizations.restore',
    method: 'POST',
    path: `${BASE}/:id/restore`,
    summary: 'Restore a deleted organization',
    description:
      'Until its `purge_at`. Where nobody owns it any more, an administrator of the server names the owner in `owner_id`.',
    tag,
    needs: 'session',
    organization: 'organization:delete',
    deletedToo: true,
    audit: 'organization.restored',
    errors: ['NOT_FOUND', 'CONFLICT'],
    input: One.extend({ owner_id: UserId.optional() }),
    output: StandingView,
    run: async (call, { owner_id }) => ({
      data: standingView(await restoreOrganization(tools, call, owner_id)),
      message: 'The organization is restored.',
    }),
  }),
  route({
    name: 'organizations.leave',
    method: 'POST',
    path: `${BASE}/:id/leave`,
    summary: 'Leave an organization',
    description: 'The last owner cannot.',
    tag,
    needs: 'session',
    audit: 'organization.member.left',
    errors: ['NOT_FOUND', 'CONFLICT'],
    input: One,
    output: z.null(),
    run: async (call, { id }) => {
      await leave(tools, call, id)
      return { data: null, message: 'You have left the organization.' }
    },
  }),
  route({
    name: 'organizations.transfer',
    method: 'POST',
    path: `${BASE}/:id/transfer`,
    summary: 'Hand an organization over',
    description:
      'Another member becomes its owner, and you an admin. Asks for a sign-in of the last 10 minutes.',
    tag,
    needs: 'session',
    organization: 'organization:transfer',
    fresh: FRESH,
    audit: 'organization.transferred',
    errors: ['NOT_FOUND', 'CONFLICT'],
    input: One.extend({ user_id: UserId }),
    output: z.null(),
    run: async (call, { user_id }) => {
      await transferOwnership(tools, call, user_id)
      return { data: null, message: 'The organization is handed over.' }
    },
  }),
]

const serverRows = (tools: Tools): Row[] => [
  route({
    name: 'organizations.list',
    method: 'GET',
    path: BASE,
    summary: 'List every organization of the server',
    description:
      'With `search`, those whose name or slug begins with it. Deleted ones are there until they are gone for good.',
    tag,
    needs: 'organizations:read',
    quiet: 'reads only',
    input: PageInput.extend({ search: Search }),
    output: z.array(OrganizationView),
    run: async (call, input) => {
      const { page, nextCursor } = await listAll(tools, call, input)
      return { data: page.map(organizationView), nextCursor }
    },
  }),
]

export const organizationRoutes = (tools: Tools): Row[] => [
  ...ownRows(tools),
  ...oneRows(tools),
  ...serverRows(tools),
]
