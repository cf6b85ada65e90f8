/** The JSON API of organizations: one's own, their members and roles, and for administrators all of them. */
import { z } from 'zod'
import { PageInput } from '../../../base/cursor.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { SessionStarted, sessionCookie, sessionStarted } from '../../signin/door/index.ts'
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
        message: active ? 'You act in the organization now.' : 'You act in no organization now.',
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

const OneMember = One.extend({ user_id: z.string().max(64) })

const memberRows = (tools: Tools): Row[] => [
  route({
    name: 'organizations.members.list',
    method: 'GET',
    path: `${BASE}/:id/members`,
    summary: 'List the members of an organization',
    description: 'With `search`, those whose name, username or e-mail address begins with it.',
    tag,
    needs: 'session',
    organization: 'members:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
    input: PageInput.extend({ id: OrganizationId, search: Search }),
    output: z.array(MemberView),
    run: async (call, input) => {
      const { page, nextCursor } = await listMembers(tools, call, input)
      return { data: page.map(memberView), nextCursor }
    },
  }),
  route({
    name: 'organizations.members.add',
    method: 'POST',
    path: `${BASE}/:id/members`,
    summary: 'Add a user to an organization',
    description: 'For administrators of the server. Everybody else invites.',
    tag,
    needs: 'organizations:write',
    organization: 'members:update',
    audit: 'organization.member.added',
    errors: ['NOT_FOUND', 'CONFLICT'],
    status: 201,
    input: One.extend({ user_id: UserId, role: RoleName }),
    output: MemberView,
    run: async (call, { user_id, role }) => ({
      data: memberView(await addMember(tools, call, { userId: user_id, role })),
    }),
  }),
  route({
    name: 'organizations.members.change_role',
    method: 'PATCH',
    path: `${BASE}/:id/members/:user_id/role`,
    summary: 'Change the role of a member',
    description:
      'Within your own permissions: what the member may do, and what the role permits. The last owner stays one.',
    tag,
    needs: 'session',
    organization: 'members:update',
    audit: 'organization.member.role_changed',
    errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
    input: OneMember.extend({ role: RoleName }),
    output: MemberView,
    run: async (call, { user_id, role }) => ({
      data: memberView(await changeRole(tools, call, { userId: user_id, role })),
    }),
  }),
  route({
    name: 'organizations.members.remove',
    method: 'DELETE',
    path: `${BASE}/:id/members/:user_id`,
    summary: 'Remove a member',
    description: 'Not one whose permissions go beyond your own, and not the last owner.',
    tag,
    needs: 'session',
    organization: 'members:remove',
    audit: ['organization.member.removed', 'organization.member.left'],
    errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
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
    name: 'organizations.roles.list',
    method: 'GET',
    path: `${BASE}/:id/roles`,
    summary: 'List the roles of an organization',
    description: 'The built-in ones, then its own.',
    tag,
    needs: 'session',
    organization: 'roles:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
    input: One,
    output: z.array(RoleView),
    run: async (call) => ({ data: (await listRoles(tools, call)).map(roleView) }),
  }),
  route({
    name: 'organizations.roles.create',
    method: 'POST',
    path: `${BASE}/:id/roles`,
    summary: 'Make a role of the organization’s own',
    description: 'Of permissions that you hold yourself.',
    tag,
    needs: 'session',
    organization: 'roles:write',
    audit: 'organization.role.created',
    errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
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
    name: 'organizations.roles.update',
    method: 'PATCH',
    path: `${BASE}/:id/roles/:name`,
    summary: 'Change a role of the organization’s own',
    description: 'Changes only the fields that are sent. Counts at once for everybody who holds it.',
    tag,
    needs: 'session',
    organization: 'roles:write',
    audit: 'organization.role.updated',
    errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
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
    name: 'organizations.roles.delete',
    method: 'DELETE',
    path: `${BASE}/:id/roles/:name`,
    summary: 'Delete a role of the organization’s own',
    description: 'Not while somebody holds it.',
    tag,
    needs: 'session',
    organization: 'roles:write',
    audit: 'organization.role.deleted',
    errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
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
