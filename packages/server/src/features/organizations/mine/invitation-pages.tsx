/**
 * The forms by which a user answers an invitation: on the page of organizations, and on the page of a first sign-in,
 * which sends `return_to`, and which is shown again while there is something to choose.
 */
import { z } from 'zod'
import { ReturnTo } from '../../../base/fields.ts'
import { page, type Row } from '../../../base/http/row/route.ts'
import { safeReturnTo } from '../../../base/return-to.ts'
import type { Tools } from '../../../core/tools.ts'
import { again } from '../frame/index.ts'
import {
  acceptOwnInvitation,
  addressAfterJoining,
  declineOwnInvitation,
  findOutcome,
  InvitationId,
} from '../invitations/index.ts'
import { myOrganizationOperations as of } from './operations.ts'
import { LIST, showList } from './pages.tsx'
import { showStart } from './start-pages.tsx'
import { myOrganizationsText as t } from './texts.ts'
import { startPath } from './views.tsx'

const Answer = z.object({ id: InvitationId, return_to: ReturnTo })

export function invitationAnswers(tools: Tools): Row[] {
  const afterDeclining = (returnTo: string | undefined): { redirect: string } => {
    const goal = safeReturnTo(tools.config, returnTo)
    return { redirect: goal === null ? `${LIST}?done=declined` : startPath(goal) }
  }
  const redisplay = again(
    (call, { return_to }, { above, problem: { code } }) => {
      const isGone = code === 'NOT_FOUND' || code === 'TOKEN_EXPIRED'
      const shown = isGone ? { refused: t(call.locale, 'refused.gone') } : above
      return return_to ? showStart(tools, call, return_to, {}, shown) : showList(tools, call, shown)
    },
    ({ locale }) => t(locale, 'refused.joined'),
  )
  return [
    page({
      of: of.acceptInvitation,
      name: 'pages.organizations.accept',
      method: 'POST',
      path: '/account/invitations/:id/accept',
      formAt: LIST,
      input: Answer,
      run: async (call, { id, return_to }) => {
        const joined = await acceptOwnInvitation(tools, call, id)
        return { redirect: safeReturnTo(tools.config, return_to) ?? addressAfterJoining(joined) }
      },
      reached: async (call, { id = '', return_to }, { code }) =>
        code === 'NOT_FOUND' && (await findOutcome(tools, call, { id })) === 'accepted'
          ? { redirect: safeReturnTo(tools.config, return_to) ?? LIST }
          : null,
      redisplay,
    }),
    page({
      of: of.declineInvitation,
      name: 'pages.organizations.decline',
      method: 'POST',
      path: '/account/invitations/:id/decline',
      formAt: LIST,
      input: Answer,
      run: async (call, { id, return_to }) => {
        await declineOwnInvitation(tools, call, id)
        return afterDeclining(return_to)
      },
      reached: async (call, { id = '', return_to }, { code }) =>
        code === 'NOT_FOUND' && (await findOutcome(tools, call, { id })) === 'declined'
          ? afterDeclining(return_to)
          : null,
      redisplay,
    }),
  ]
}
