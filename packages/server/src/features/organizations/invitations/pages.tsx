/** The hosted page of an organization's invitations, for those who invite. */
import { can } from '@latchkey/guard'
import type { Call } from '../../../base/call.ts'
import { PageInput } from '../../../base/cursor.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { EmailAddress } from '../../../base/identifiers.ts'
import type { FormState } from '../../../base/page/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { type Above, again, frameOf, PageNotice, pagerOf, placeOf, titleOf } from '../frame/index.ts'
import { OneOrganization } from '../membership/index.ts'
import { listGrantableRoles, MemberRole } from '../roles/index.ts'
import { listInvitations, resendInvitation, revokeInvitation, sendInvitation } from './invitations.ts'
import { invitationOperations as of } from './operations.ts'
import { invitationsText as t } from './texts.ts'
import { InvitationId } from './view.ts'
import { Invitations } from './views.tsx'

const INVITATIONS = '/account/organizations/:id/invitations'
const OneInvitation = OneOrganization.extend({ invitation_id: InvitationId })
const PAGE_SIZE = 25

async function showInvitations(
  tools: Tools,
  call: Call,
  query: Above & { cursor?: string | undefined },
  form: FormState = {},
): Promise<PageAnswer> {
  const { shell } = await frameOf(tools, call, query)
  const { cursor } = query
  const { page: rows, nextCursor } = await listInvitations(tools, call, { limit: PAGE_SIZE, cursor })
  const { grantable } = await listGrantableRoles(tools, call)
  const invitations = rows.map((row) => ({
    id: row.id,
    email: row.address,
    role: row.role,
    inviter: row.inviter_name,
    sentAt: row.sent_at,
    expiresAt: row.expires_at,
    state: row.state,
  }))
  return {
    page: (
      <Invitations
        shell={shell}
        invitations={invitations}
        {...pagerOf(placeOf(shell.id, '/invitations'), { cursor }, nextCursor)}
        roles={can(shell, 'invitations:write') ? grantable : null}
        {...form}
      />
    ),
    title: titleOf(t(call.locale, 'invitations.title'), shell),
  }
}

/** Shows a refused action on one invitation above the list. */
const listAgain = (tools: Tools) => {
  const gone = ({ locale }: Call): string => t(locale, 'refused.gone')
  return again(
    (call, _typed, { above, problem }) =>
      showInvitations(tools, call, problem.code === 'NOT_FOUND' ? { refused: gone(call) } : above),
    gone,
  )
}

export const invitationPages = (tools: Tools): Row[] => [
  page({
    of: of.list,
    name: 'pages.organizations.invitations',
    method: 'GET',
    path: INVITATIONS,
    input: OneOrganization.extend({ cursor: PageInput.shape.cursor, done: PageNotice }),
    run: (call, query) => showInvitations(tools, call, query),
  }),
  page({
    of: of.send,
    name: 'pages.organizations.invite',
    method: 'POST',
    path: INVITATIONS,
    input: OneOrganization.extend({ email: EmailAddress, role: MemberRole }),
    run: async (call, { id, email, role }) => {
      await sendInvitation(tools, call, { email, role })
      return { redirect: `${placeOf(id, '/invitations')}?done=invited` }
    },
    redisplay: again(
      (call, _typed, { form }) => showInvitations(tools, call, {}, form),
      ({ locale }) => t(locale, 'refused.member'),
    ),
  }),
  page({
    of: of.resend,
    name: 'pages.organizations.invitations.resend',
    method: 'POST',
    path: `${INVITATIONS}/:invitation_id/resend`,
    formAt: INVITATIONS,
    input: OneInvitation,
    run: async (call, { id, invitation_id }) => {
      await resendInvitation(tools, call, invitation_id)
      return { redirect: `${placeOf(id, '/invitations')}?done=resent` }
    },
    redisplay: listAgain(tools),
  }),
  page({
    of: of.revoke,
    name: 'pages.organizations.invitations.revoke',
    method: 'POST',
    path: `${INVITATIONS}/:invitation_id/revoke`,
    formAt: INVITATIONS,
    input: OneInvitation,
    run: async (call, { id, invitation_id }) => {
      await revokeInvitation(tools, call, invitation_id)
      return { redirect: `${placeOf(id, '/invitations')}?done=revoked` }
    },
    reached: ({ organization }, { id = '' }, { code }) =>
      code === 'NOT_FOUND' && organization?.id === id ? { redirect: placeOf(id, '/invitations') } : null,
    redisplay: listAgain(tools),
  }),
]
