/** The JSON API of organizations: one's own, their members and roles, and for administrators all of them. */
import { z } from 'zod'
import { PageInput } from '../../../base/cursor.ts'
import { operation } from '../../../base/http/row/operation.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { SessionStarted, sessionCookie, sessionStarted } from '../../identity/sessions/index.ts'
import {
  addMember,
  changeRole,
  leave,
  listMembers,
  removeMember,
  transferOwnership,
} from '../members/members.ts'
import { changeOwnRole, createRole, deleteRole, listRoles } from '../roles/roles.ts'
import { switchOrganization } from './active.ts'
import {
  changeOrganization,
  createOrganization,
  deleteOrganization,
  listAll,
  listOwn,
  restoreOrganization,
  showOrganization,
} from './organizations.ts'
import {
  ActiveOrganizationView,
  activeView,
  MemberView,
  memberView,
  OrganizationId,
  OrganizationName,
  OrganizationView,
  OwnOrganizationView,
  organizationView,
  ownOrganizationView,
  RoleFields,
  RoleName,
  RoleView,
  roleView,
  Search,
  Slug,
  StandingView,
  standingView,
  UserId,
} from './view.ts'

const tag = 'Organizations'
const BASE = '/api/v1/organizations'
/** How recently whoever gives an organization away, or up, must have proven who they are. */
export const FRESH = '10m'

const One = z.object({ id: OrganizationId })

const ownRows = (tools: Tools): Row[] => [
  route({
    of: operation({
      name: 'organizations.create',
      summary: 'Make an organization',
      needs: 'session',
      audit: 'organization.created',
      limit: { by: 'user', max: 60, per: '1h' },
      errors: ['INSUFFICIENT_PERMISSIONS', 'CONFLICT'],
    }),
    method: 'POST',
    path: BASE,
    description:
      'You own it, and your session acts in it from then on. Without a `slug` one is made of the name. `LATCHKEY_ORGANIZATION_CREATION` says who may.',
    tag,
    status: 201,
    input: z.object({ name: OrganizationName, slug: Slug.optional() }),
    output: OwnOrganizationView,
    run: async (call, wish) => ({ data: ownOrganizationView(await createOrganization(tools, call, wish)) }),
  }),
  route({
    of: operation({
      name: 'users.me.organizations',
      summary: 'List your organizations',
      needs: 'session',
      quiet: 'reads only',
    }),
    method: 'GET',
    path: '/api/v1/users/me/organizations',
    description:
      'With your role in each. One that was deleted is shown to its owners until it is gone for good.',
    tag,
    input: PageInput,
    output: z.array(OwnOrganizationView),
    run: async (call, input) => {
      const { page, nextCursor } = await listOwn(tools, call, input)
      return { data: page.map(ownOrganizationView), nextCursor }
    },
  }),
  route({
    of: operation({
      name: 'auth.organization',
      summary: 'Choose the organization that you act in',
      needs: 'session',
      audit: 'organization.switched',
      limit: { by: 'user', max: 300, per: '1h' },
      errors: ['NOT_FOUND'],
    }),
    method: 'POST',
    path: '/api/v1/auth/organization',
    description:
      '`null` for none. The session goes on under a new token, which is answered and set as the cookie; whoever asks by an access token keeps theirs, and refreshes it to act there.',
    tag,
    input: z.object({ organization_id: OrganizationId.nullable() }),
    output: SessionStarted.partial().extend({ organization: ActiveOrganizationView.nullable() }),
    run: async (call, { organization_id }) => {
      const { session, active } = await switchOrganization(tools, call, organization_id)
      return {
        data: {
          ...(session ? sessionStarted(tools, session) : {}),
          organization: active && activeView(active),
        },
        message: active ? 'You act in the organization now.' : 'You act in no organization now.',
        cookies: session && call.session?.via === 'cookie' ? [sessionCookie(session, call.now)] : [],
      }
    },
  }),
]

const oneRows = (tools: Tools): Row[] => [
  route({
    of: operation({
      name: 'organizations.show',
      summary: 'Show an organization',
      needs: 'session',
      organization: 'organization:read',
      quiet: 'reads only',
      errors: ['NOT_FOUND'],
    }),
    method: 'GET',
    path: `${BASE}/:id`,
    tag,
    input: One,
    output: StandingView,
    run: async (call) => ({ data: standingView(await showOrganization(tools, call)) }),
  }),
  route({
    of: operation({
      name: 'organizations.update',
      summary: 'Change an organization',
      needs: 'session',
      organization: 'organization:update',
      audit: 'organization.updated',
      errors: ['NOT_FOUND', 'CONFLICT'],
    }),
    method: 'PATCH',
    path: `${BASE}/:id`,
    description: 'Changes only the fields that are sent.',
    tag,
    input: One.extend({ name: OrganizationName.optional(), slug: Slug.optional() }),
    output: StandingView,
    run: async (call, { name, slug }) => ({
      data: standingView(await changeOrganization(tools, call, { name, slug })),
    }),
  }),
  route({
    of: operation({
      name: 'organizations.delete',
      summary: 'Delete an organization',
      needs: 'session',
      organization: 'organization:delete',
      fresh: FRESH,
      audit: 'organization.deleted',
      errors: ['NOT_FOUND'],
    }),
    method: 'DELETE',
    path: `${BASE}/:id`,
    description:
      'At once it is there for nobody but its owners, who hear of it by e-mail and can restore it until `purge_at`. Asks for a sign-in of the last 10 minutes.',
    tag,
    input: One,
    output: z.object({ purge_at: z.string() }),
    run: async (call) => ({
      data: { purge_at: (await deleteOrganization(tools, call)).toISOString() },
      message: 'The organization is deleted.',
    }),
  }),
  route({
    of: operation({
      name: 'organizations.restore',
      summary: 'Restore a deleted organization',
      needs: 'session',
      organization: 'organization:delete',
      deletedToo: true,
      audit: 'organization.restored',
      errors: ['NOT_FOUND', 'CONFLICT'],
    }),
    method: 'POST',
    path: `${BASE}/:id/restore`,
    description:
      'Until its `purge_at`. Where nobody owns it any more, an administrator of the server names the owner in `owner_id`.',
    tag,
    input: One.extend({ owner_id: UserId.optional() }),
    output: StandingView,
    run: async (call, { owner_id }) => ({
      data: standingView(await restoreOrganization(tools, call, owner_id)),
      message: 'The organization is restored.',
    }),
  }),
  route({
    of: operation({
      name: 'organizations.leave',
      summary: 'Leave an organization',
      needs: 'session',
      audit: 'organization.member.left',
      errors: ['NOT_FOUND', 'CONFLICT'],
    }),
    method: 'POST',
    path: `${BASE}/:id/leave`,
    description: 'The last owner cannot.',
    tag,
    input: One,
    output: z.null(),
    run: async (call, { id }) => {
      await leave(tools, call, id)
      return { data: null, message: 'You have left the organization.' }
    },
  }),
  route({
    of: operation({
      name: 'organizations.transfer',
      summary: 'Hand an organization over',
      needs: 'session',
      organization: 'organization:transfer',
      fresh: FRESH,
      audit: 'organization.transferred',
      errors: ['NOT_FOUND', 'CONFLICT'],
    }),
    method: 'POST',
    path: `${BASE}/:id/transfer`,
    description:
      'Another member becomes its owner, and you an admin. Asks for a sign-in of the last 10 minutes.',
    tag,
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
    of: operation({
      name: 'organizations.list',
      summary: 'List every organization of the server',
      needs: 'organizations:read',
      quiet: 'reads only',
    }),
    method: 'GET',
    path: BASE,
    description:
      'With `search`, those whose name or slug begins with it. Deleted ones are there until they are gone for good.',
    tag,
    input: PageInput.extend({ search: Search }),
    output: z.array(OrganizationView),
    run: async (call, input) => {
      const { page, nextCursor } = await listAll(tools, call, input)
      return { data: page.map(organizationView), nextCursor }
    },
  }),
]

const OneMember = One.extend({ user_id: z.string().max(64) })

const memberRows = (tools: Tools): Row[] => [
  route({
    of: operation({
      name: 'organizations.members.list',
      summary: 'List the members of an organization',
      needs: 'session',
      organization: 'members:read',
      quiet: 'reads only',
      errors: ['NOT_FOUND'],
    }),
    method: 'GET',
    path: `${BASE}/:id/members`,
    description: 'With `search`, those whose name, username or e-mail address begins with it.',
    tag,
    input: PageInput.extend({ id: OrganizationId, search: Search }),
    output: z.array(MemberView),
    run: async (call, input) => {
      const { page, nextCursor } = await listMembers(tools, call, input)
      return { data: page.map(memberView), nextCursor }
    },
  }),
  route({
    of: operation({
      name: 'organizations.members.add',
      summary: 'Add a user to an organization',
      needs: 'organizations:write',
      organization: 'members:update',
      audit: 'organization.member.added',
      errors: ['NOT_FOUND', 'CONFLICT'],
    }),
    method: 'POST',
    path: `${BASE}/:id/members`,
    description: 'For administrators of the server. Everybody else invites.',
    tag,
    status: 201,
    input: One.extend({ user_id: UserId, role: RoleName }),
    output: MemberView,
    run: async (call, { user_id, role }) => ({
      data: memberView(await addMember(tools, call, { userId: user_id, role })),
    }),
  }),
  route({
    of: operation({
      name: 'organizations.members.change_role',
      summary: 'Change the role of a member',
      needs: 'session',
      organization: 'members:update',
      audit: 'organization.member.role_changed',
      errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
    }),
    method: 'PATCH',
    path: `${BASE}/:id/members/:user_id/role`,
    description:
      'Within your own permissions: what the member may do, and what the role permits. The last owner stays one.',
    tag,
    input: OneMember.extend({ role: RoleName }),
    output: MemberView,
    run: async (call, { user_id, role }) => ({
      data: memberView(await changeRole(tools, call, { userId: user_id, role })),
    }),
  }),
  route({
    of: operation({
      name: 'organizations.members.remove',
      summary: 'Remove a member',
      needs: 'session',
      organization: 'members:remove',
      audit: ['organization.member.removed', 'organization.member.left'],
      errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
    }),
    method: 'DELETE',
    path: `${BASE}/:id/members/:user_id`,
    description: 'Not one whose permissions go beyond your own, and not the last owner.',
    tag,
    input: OneMember,
    output: z.null(),
    run: async (call, { user_id }) => {
      await removeMember(tools, call, user_id)
      return { data: null, message: 'They belong to the organization no more.' }
    },
  }),
]

const roleRows = (tools: Tools): Row[] => [
  route({
    of: operation({
      name: 'organizations.roles.list',
      summary: 'List the roles of an organization',
      needs: 'session',
      organization: 'roles:read',
      quiet: 'reads only',
      errors: ['NOT_FOUND'],
    }),
    method: 'GET',
    path: `${BASE}/:id/roles`,
    description: 'The built-in ones, then its own.',
    tag,
    input: One,
    output: z.array(RoleView),
    run: async (call) => ({ data: (await listRoles(tools, call)).map(roleView) }),
  }),
  route({
    of: operation({
      name: 'organizations.roles.create',
      summary: 'Make a role of the organization’s own',
      needs: 'session',
      organization: 'roles:write',
      audit: 'organization.role.created',
      errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
    }),
    method: 'POST',
    path: `${BASE}/:id/roles`,
    description: 'Of permissions that you hold yourself.',
    tag,
    status: 201,
    input: One.extend({
      name: RoleName,
      description: RoleFields.description.default(null),
      permissions: RoleFields.permissions,
      inherits: RoleFields.inherits.default(null),
    }),
    output: RoleView,
    run: async (call, { id: _, ...wish }) => ({ data: roleView(await createRole(tools, call, wish)) }),
  }),
  route({
    of: operation({
      name: 'organizations.roles.update',
      summary: 'Change a role of the organization’s own',
      needs: 'session',
      organization: 'roles:write',
      audit: 'organization.role.updated',
      errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
    }),
    method: 'PATCH',
    path: `${BASE}/:id/roles/:name`,
    description: 'Changes only the fields that are sent. Counts at once for everybody who holds it.',
    tag,
    input: One.extend({
      name: RoleName,
      description: RoleFields.description.optional(),
      permissions: RoleFields.permissions.optional(),
      inherits: RoleFields.inherits.optional(),
    }),
    output: RoleView,
    run: async (call, { name, description, permissions, inherits }) => ({
      data: roleView(await changeOwnRole(tools, call, name, { description, permissions, inherits })),
    }),
  }),
  route({
    of: operation({
      name: 'organizations.roles.delete',
      summary: 'Delete a role of the organization’s own',
      needs: 'session',
      organization: 'roles:write',
      audit: 'organization.role.deleted',
      errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
    }),
    method: 'DELETE',
    path: `${BASE}/:id/roles/:name`,
    description: 'Not while somebody holds it.',
    tag,
    input: One.extend({ name: RoleName }),
    output: z.null(),
    run: async (call, { name }) => {
      await deleteRole(tools, call, name)
      return { data: null, message: 'The role is deleted.' }
    },
  }),
]

export const organizationRoutes = (tools: Tools): Row[] => [
  ...ownRows(tools),
  ...oneRows(tools),
  ...memberRows(tools),
  ...roleRows(tools),
  ...serverRows(tools),
]
