/** The hosted page of a user's organizations and invitations, with the forms on it. */
import { can } from '@latchkey/guard'
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { PageInput } from '../../../base/cursor.ts'
import type { Problem } from '../../../base/errors.ts'
import { optional } from '../../../base/fields.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import type { FormState } from '../../../base/page/index.ts'
import type { RefuseUnmet } from '../../../core/policies.ts'
import type { Tools } from '../../../core/tools.ts'
import { sessionCookie } from '../../identity/sessions/index.ts'
import { noticeText, PageNotice, pagerOf, placeOf, refusedForm } from '../frame/index.ts'
import {
  acceptOwnInvitation,
  addressAfterJoining,
  declineOwnInvitation,
  findOutcome,
  InvitationId,
  listOwnInvitations,
} from '../invitations/index.ts'
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
import { Organizations } from './views.tsx'

const LIST = '/account/organizations'
const PAGE_SIZE = 50

interface ListQuery {
  cursor?: string | undefined
  done?: string | undefined
  refused?: string | null
  form?: FormState
}

async function showList(
  tools: Tools,
  call: Call,
  { cursor, done, refused = null, form }: ListQuery,
): Promise<PageAnswer> {
  const own = await listOwnOrganizations(tools, call, { limit: PAGE_SIZE, cursor })
  const invited = await listOwnInvitations(tools, call, { limit: PAGE_SIZE })
  const organizations = own.page.map(({ organization, role, permissions, isActive }) => ({
    id: organization.id,
    name: organization.name,
    role,
    isActive,
    mayOpen: can({ permissions }, 'organization:read'),
    restorableUntil: organization.purge_at,
  }))
  const invitations = invited.page.map(({ invitation, organization, inviter }) => ({
    id: invitation.id,
    organization,
    inviter,
    role: invitation.role,
    expiresAt: invitation.expires_at,
  }))
  return {
    page: (
      <Organizations
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

const ownRows = (tools: Tools, refuse: RefuseUnmet): Row[] => [
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
    redisplay: async (call, typed, problem) => ({
      ...(await showList(tools, call, {
        form: refusedForm(call.locale, typed, problem, t(call.locale, 'refused.too_many')),
      })),
      status: problem.status,
    }),
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
    redisplay: async (call, _typed, problem) => {
      const elsewhere = { ...call, organization: null }
      const { alert } = refusedForm(call.locale, {}, problem, t(call.locale, 'refused.not_deleted'))
      return { ...(await showList(tools, elsewhere, { refused: alert ?? null })), status: problem.status }
    },
  }),
]

/** Shows a refused answer to an invitation above the list. */
async function listAgain(tools: Tools, call: Call, problem: Problem): Promise<PageAnswer> {
  const isGone = problem.code === 'NOT_FOUND' || problem.code === 'TOKEN_EXPIRED'
  const { alert } = refusedForm(call.locale, {}, problem, t(call.locale, 'refused.joined'))
  const refused = isGone ? t(call.locale, 'refused.gone') : (alert ?? null)
  return { ...(await showList(tools, call, { refused })), status: problem.status }
}

const invitationRows = (tools: Tools): Row[] => [
  page({
    of: of.acceptInvitation,
    name: 'pages.organizations.accept',
    method: 'POST',
    path: '/account/invitations/:id/accept',
    formAt: LIST,
    input: z.object({ id: InvitationId }),
    run: async (call, { id }) => ({
      redirect: addressAfterJoining(await acceptOwnInvitation(tools, call, id)),
    }),
    reached: async (call, { id = '' }, { code }) =>
      code === 'NOT_FOUND' && (await findOutcome(tools, call, { id })) === 'accepted'
        ? { redirect: LIST }
        : null,
    redisplay: (call, _typed, problem) => listAgain(tools, call, problem),
  }),
  page({
    of: of.declineInvitation,
    name: 'pages.organizations.decline',
    method: 'POST',
    path: '/account/invitations/:id/decline',
    formAt: LIST,
    input: z.object({ id: InvitationId }),
    run: async (call, { id }) => {
      await declineOwnInvitation(tools, call, id)
      return { redirect: `${LIST}?done=declined` }
    },
    reached: async (call, { id = '' }, { code }) =>
      code === 'NOT_FOUND' && (await findOutcome(tools, call, { id })) === 'declined'
        ? { redirect: `${LIST}?done=declined` }
        : null,
    redisplay: (call, _typed, problem) => listAgain(tools, call, problem),
  }),
]

export const myOrganizationPages = (tools: Tools, refuse: RefuseUnmet): Row[] => [
  ...ownRows(tools, refuse),
  ...invitationRows(tools),
]
