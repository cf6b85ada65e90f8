/** The hosted page of an organization's invitations, for those who invite. */
import { can } from '@latchkey/guard'
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { operation } from '../../../base/http/row/operation.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { EmailAddress } from '../../../base/identifiers.ts'
import type { FormState } from '../../../base/page/index.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  Cursor,
  Done,
  frameOf,
  One,
  PAGE_SIZE,
  rolesOf,
  type Said,
  shownFor,
  titleOf,
  waysOf,
} from '../organization/frame.ts'
import { RoleName } from '../organization/index.ts'
import { refusedForm, organizationsText as t } from '../organization/texts.ts'
import { placeOf } from '../organization/views.tsx'
import { invite, listInvitations, resendInvitation, revokeInvitation } from './index.ts'
import { Invitations } from './views.tsx'

const INVITATIONS = '/account/organizations/:id/invitations'
const OneInvitation = One.extend({ invitation_id: z.string().max(64) })
/** E-mails go out: as many as by the API. */
const LIMIT = { by: 'user', max: 300, per: '1h' } as const

async function showInvitations(
  tools: Tools,
  call: Call,
  asked: Said & { cursor?: string | undefined },
  form: FormState = {},
): Promise<PageAnswer> {
  const { shell } = await frameOf(tools, call, asked)
  const { cursor } = asked
  const { page: rows, nextCursor } = await listInvitations(tools, call, { limit: PAGE_SIZE, cursor })
  const { givable } = await rolesOf(tools, call)
  const invitations = rows.map((row) => ({
    id: row.id,
    email: row.address,
    role: row.role,
    inviter: row.inviter_name,
    sentAt: row.sent_at,
    expiresAt: row.expires_at,
    expired: row.expires_at <= call.now,
  }))
  return {
    page: (
      <Invitations
        shell={shell}
        invitations={invitations}
        {...waysOf(placeOf(shell.id, '/invitations'), { cursor }, nextCursor)}
        roles={can(shell, 'invitations:write') ? givable : null}
        {...form}
      />
    ),
    title: titleOf(t(call.locale, 'invitations.title'), shell),
  }
}

/** What is wrong with an invitation of the list is said above it. */
const aboutOne =
  (tools: Tools): NonNullable<ReturnType<typeof page>['again']> =>
  async (call, _typed, problem) => {
    const { alert } = refusedForm(call.locale, {}, problem, 'refused.gone')
    const refused = problem.code === 'NOT_FOUND' ? t(call.locale, 'refused.gone') : (alert ?? null)
    return shownFor(problem, showInvitations(tools, call, { refused }))
  }

export const sendingPages = (tools: Tools): Row[] => [
  page({
    of: operation({
      name: 'pages.organizations.invitations',
      summary: 'The open invitations of one of your organizations',
      needs: 'session',
      organization: 'invitations:read',
      quiet: 'reads only',
    }),
    method: 'GET',
    path: INVITATIONS,
    input: One.extend({ cursor: Cursor, done: Done }),
    run: (call, asked) => showInvitations(tools, call, asked),
  }),
  page({
    of: operation({
      name: 'pages.organizations.invite',
      summary: 'Invite somebody to an organization',
      needs: 'session',
      organization: 'invitations:write',
      audit: ['organization.invitation.sent', 'organization.invitation.resent'],
      limit: LIMIT,
    }),
    method: 'POST',
    path: INVITATIONS,
    input: One.extend({ email: EmailAddress, role: RoleName }),
    run: async (call, { id, email, role }) => {
      await invite(tools, call, { email, role })
      return { redirect: `${placeOf(id, '/invitations')}?done=invited` }
    },
    again: (call, typed, problem) =>
      shownFor(
        problem,
        showInvitations(tools, call, {}, refusedForm(call.locale, typed, problem, 'refused.member')),
      ),
  }),
  page({
    of: operation({
      name: 'pages.organizations.invitations.resend',
      summary: 'Send an invitation again',
      needs: 'session',
      organization: 'invitations:write',
      audit: 'organization.invitation.resent',
      limit: LIMIT,
    }),
    method: 'POST',
    path: `${INVITATIONS}/:invitation_id/resend`,
    formAt: INVITATIONS,
    input: OneInvitation,
    run: async (call, { id, invitation_id }) => {
      await resendInvitation(tools, call, invitation_id)
      return { redirect: `${placeOf(id, '/invitations')}?done=resent` }
    },
    again: aboutOne(tools),
  }),
  page({
    of: operation({
      name: 'pages.organizations.invitations.revoke',
      summary: 'Revoke an invitation',
      needs: 'session',
      organization: 'invitations:write',
      audit: 'organization.invitation.revoked',
    }),
    method: 'POST',
    path: `${INVITATIONS}/:invitation_id/revoke`,
    formAt: INVITATIONS,
    input: OneInvitation,
    run: async (call, { id, invitation_id }) => {
      await revokeInvitation(tools, call, invitation_id)
      return { redirect: `${placeOf(id, '/invitations')}?done=revoked` }
    },
    again: aboutOne(tools),
  }),
]
