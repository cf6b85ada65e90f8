/** The hosted page of a user's organizations and invitations, with the forms on it. */
import { can } from '@latchkey/guard'
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { PageInput } from '../../../base/cursor.ts'
import { optional } from '../../../base/fields.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import type { FormState } from '../../../base/page/index.ts'
import type { RefuseUnmet } from '../../../core/policies.ts'
import type { Tools } from '../../../core/tools.ts'
import { sessionCookie } from '../../identity/sessions/index.ts'
import { type Above, again, noticeText, PageNotice, pagerOf, placeOf } from '../frame/index.ts'
import { listOwnInvitations } from '../invitations/index.ts'
import { OneOrganization } from '../membership/index.ts'
import {
  createOrganization,
  mayCreateOrganization,
  OrganizationName,
  OrganizationSlug,
  organizationOperations,
  restoreOrganization,
} from '../organization/index.ts'
import { switchOrganization } from './active.ts'
import { myOrganizationOperations as of } from './operations.ts'
import { listOwnOrganizations } from './organizations.ts'
import { myOrganizationsText as t } from './texts.ts'
import { type InvitationItem, Organizations } from './views.tsx'

export const LIST = '/account/organizations'
const PAGE_SIZE = 50

interface ListQuery extends Above {
  cursor?: string | undefined
  form?: FormState
}

export async function listInvitationItems(tools: Tools, call: Call): Promise<InvitationItem[]> {
  const { page: invited } = await listOwnInvitations(tools, call, { limit: PAGE_SIZE })
  return invited.map(({ invitation, organization, inviter }) => ({
    id: invitation.id,
    organization,
    inviter,
    role: invitation.role,
    expiresAt: invitation.expires_at,
  }))
}

export async function showList(
  tools: Tools,
  call: Call,
  { cursor, done, refused = null, form }: ListQuery,
): Promise<PageAnswer> {
  const own = await listOwnOrganizations(tools, call, { limit: PAGE_SIZE, cursor })
  const organizations = own.page.map(({ organization, role, permissions, isActive }) => ({
    id: organization.id,
    name: organization.name,
    role,
    isActive,
    mayOpen: can({ permissions }, 'organization:read'),
    restorableUntil: organization.purge_at,
  }))
  const invitations = own.isPartial ? [] : await listInvitationItems(tools, call)
  return {
    page: (
      <Organizations
        isPartial={own.isPartial}
        organizations={organizations}
        {...pagerOf(LIST, { cursor }, own.nextCursor)}
        invitations={invitations}
        mayCreate={call.principal !== null && mayCreateOrganization(tools, call.principal)}
        notice={noticeText(call.locale, done)}
        refused={refused}
        {...form}
      />
    ),
    title: t(call.locale, 'list.title'),
  }
}

export const myOrganizationPages = (tools: Tools, refuse: RefuseUnmet): Row[] => [
  page({
    of: of.list,
    name: 'pages.organizations',
    method: 'GET',
    path: LIST,
    input: z.object({ cursor: PageInput.shape.cursor, done: PageNotice }),
    run: (call, query) => showList(tools, call, query),
  }),
  page({
    of: organizationOperations.create,
    name: 'pages.organizations.submit',
    method: 'POST',
    path: LIST,
    input: z.object({ name: OrganizationName, slug: optional(OrganizationSlug) }),
    run: async (call, input) => {
      const { organization } = await createOrganization(tools, call, input)
      return { redirect: `${placeOf(organization.id)}?done=created` }
    },
    redisplay: again(
      (call, _typed, { form }) => showList(tools, call, { form }),
      ({ locale }) => t(locale, 'refused.too_many'),
    ),
  }),
  page({
    of: of.activate,
    name: 'pages.organizations.activate',
    method: 'POST',
    path: '/account/active-organization',
    formAt: LIST,
    input: z.object({ organization_id: optional(OneOrganization.shape.id) }),
    run: async (call, { organization_id }) => {
      const { session } = await switchOrganization(tools, call, organization_id ?? null, refuse)
      const cookies = session && call.session?.via === 'cookie' ? [sessionCookie(session, call.now)] : []
      return { redirect: `${LIST}?done=active`, cookies }
    },
  }),
  page({
    of: organizationOperations.restore,
    name: 'pages.organizations.restore',
    method: 'POST',
    path: `${LIST}/:id/restore`,
    formAt: LIST,
    input: OneOrganization,
    run: async (call) => {
      await restoreOrganization(tools, call)
      return { redirect: `${LIST}?done=restored` }
    },
    reached: (_call, _sent, { code }) => (code === 'CONFLICT' ? { redirect: LIST } : null),
    redisplay: again(
      (call, _typed, { above }) => showList(tools, { ...call, organization: null }, above),
      ({ locale }) => t(locale, 'refused.not_deleted'),
    ),
  }),
]
