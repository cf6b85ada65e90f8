/** The hosted pages of one's organizations: the list, making one, the active one, and invitations for oneself. */
import { can } from '@latchkey/guard'
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { optional } from '../../../base/fields.ts'
import { operation } from '../../../base/http/row/operation.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import type { FormState } from '../../../base/page/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { sessionCookie } from '../../identity/sessions/index.ts'
import { acceptOwnInvitation, declineOwnInvitation, listMine } from '../invitations/index.ts'
import { Cursor, Done, One, overviewOf, waysOf } from '../organization/frame.ts'
import {
  createOrganization,
  listOwn,
  mayCreate,
  OrganizationId,
  OrganizationName,
  restoreOrganization,
  Slug,
  switchOrganization,
} from '../organization/index.ts'
import { doneText, refusedForm, organizationsText as t } from '../organization/texts.ts'
import { Organizations } from '../organization/views.tsx'

const LIST = '/account/organizations'
/** More than anybody is likely to have, and little enough for one page. */
const PAGE_SIZE = 50

interface Shown {
  cursor?: string | undefined
  done?: string | undefined
  refused?: string | null
  form?: FormState
}

async function showList(
  tools: Tools,
  call: Call,
  { cursor, done, refused = null, form }: Shown,
): Promise<PageAnswer> {
  const own = await listOwn(tools, call, { limit: PAGE_SIZE, cursor })
  const mine = await listMine(tools, call, { limit: PAGE_SIZE })
  const organizations = own.page.map(({ organization, role, permissions, isActive }) => ({
    id: organization.id,
    name: organization.name,
    role,
    isActive,
    mayOpen: can({ permissions }, 'organization:read'),
    restorableUntil: organization.purge_at,
  }))
  const invitations = mine.page.map(({ invitation, organization, inviter }) => ({
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
        {...waysOf(LIST, { cursor }, own.nextCursor)}
        invitations={invitations}
        mayCreate={call.principal !== null && mayCreate(tools, call.principal)}
        notice={doneText(call.locale, done)}
        refused={refused}
        {...form}
      />
    ),
    title: t(call.locale, 'list.title'),
  }
}

const ownRows = (tools: Tools): Row[] => [
  page({
    of: operation({
      name: 'pages.organizations',
      summary: 'Your organizations',
      needs: 'session',
      quiet: 'reads only',
    }),
    method: 'GET',
    path: LIST,
    input: z.object({ cursor: Cursor, done: Done }),
    run: (call, shown) => showList(tools, call, shown),
  }),
  page({
    of: operation({
      name: 'pages.organizations.submit',
      summary: 'Make an organization',
      needs: 'session',
      audit: 'organization.created',
      limit: { by: 'user', max: 60, per: '1h' },
    }),
    method: 'POST',
    path: LIST,
    input: z.object({ name: OrganizationName, slug: optional(Slug) }),
    run: async (call, wish) => {
      const { organization } = await createOrganization(tools, call, wish)
      return { redirect: overviewOf(organization.id, 'created') }
    },
    again: async (call, typed, problem) => ({
      ...(await showList(tools, call, {
        form: refusedForm(call.locale, typed, problem, 'refused.too_many'),
      })),
      status: problem.status,
    }),
  }),
  page({
    of: operation({
      name: 'pages.organizations.activate',
      summary: 'Choose the organization that you act in, or none',
      needs: 'session',
      audit: 'organization.switched',
      limit: { by: 'user', max: 300, per: '1h' },
    }),
    method: 'POST',
    path: '/account/active-organization',
    formAt: LIST,
    input: z.object({ organization_id: optional(OrganizationId) }),
    run: async (call, { organization_id }) => {
      const { session } = await switchOrganization(tools, call, organization_id ?? null)
      const cookies = session && call.session?.via === 'cookie' ? [sessionCookie(session, call.now)] : []
      return { redirect: `${LIST}?done=active`, cookies }
    },
  }),
  page({
    of: operation({
      name: 'pages.organizations.restore',
      summary: 'Restore a deleted organization',
      needs: 'session',
      organization: 'organization:delete',
      deletedToo: true,
      audit: 'organization.restored',
    }),
    method: 'POST',
    path: `${LIST}/:id/restore`,
    formAt: LIST,
    input: One,
    run: async (call) => {
      await restoreOrganization(tools, call)
      return { redirect: `${LIST}?done=restored` }
    },
    again: async (call, _typed, problem) => {
      const elsewhere = { ...call, organization: null }
      const { alert } = refusedForm(call.locale, {}, problem, 'refused.not_deleted')
      return { ...(await showList(tools, elsewhere, { refused: alert ?? null })), status: problem.status }
    },
  }),
]

const invitationRow = (tools: Tools): Row =>
  page({
    of: operation({
      name: 'pages.organizations.answer',
      summary: 'Accept or decline one of your invitations',
      needs: 'session',
      audit: ['organization.invitation.accepted', 'organization.invitation.declined'],
      limit: { by: 'user', max: 120, per: '10m' },
    }),
    method: 'POST',
    path: '/account/invitations/:id',
    formAt: LIST,
    input: z.object({ id: z.string().max(64), answer: z.enum(['accept', 'decline']) }),
    run: async (call, { id, answer }) => {
      if (answer === 'decline') {
        await declineOwnInvitation(tools, call, id)
        return { redirect: `${LIST}?done=declined` }
      }
      const accepted = await acceptOwnInvitation(tools, call, id)
      return { redirect: afterJoining(accepted) }
    },
    again: async (call, _typed, problem) => {
      const isGone = problem.code === 'NOT_FOUND' || problem.code === 'TOKEN_EXPIRED'
      const { alert } = refusedForm(call.locale, {}, problem, 'refused.joined')
      const refused = isGone ? t(call.locale, 'refused.gone') : (alert ?? null)
      return { ...(await showList(tools, call, { refused })), status: problem.status }
    },
  })

/** Where somebody goes who has just joined: to the organization, where their role lets them see it. */
export const afterJoining = (joined: {
  organization: { id: string }
  permissions: readonly string[]
}): string => (can(joined, 'organization:read') ? overviewOf(joined.organization.id, 'joined') : LIST)

export const listPages = (tools: Tools): Row[] => [...ownRows(tools), invitationRow(tools)]
