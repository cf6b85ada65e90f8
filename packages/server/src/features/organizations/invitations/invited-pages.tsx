/**
 * The hosted page of an invitation, which the link of the e-mail opens. Opening it changes nothing, so that a mail
 * scanner neither accepts nor declines. A visitor who is not signed in returns here after sign-in or sign-up.
 */
import { can } from '@latchkey/guard'
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { notFound, Problem } from '../../../base/errors.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { problemText } from '../../../base/page/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { placeOf } from '../frame/index.ts'
import { acceptInvitation, declineInvitation, findOutcome, previewInvitation } from './acceptance.ts'
import { invitedText as t } from './invited-texts.ts'
import { Invitation, InvitationDeclined, InvitationInvalid } from './invited-views.tsx'
import { invitationOperations as of } from './operations.ts'
import { InvitationId, InvitationToken } from './view.ts'

const InvitationLink = z.object({ id: InvitationId, token: InvitationToken })
type InvitationLink = z.infer<typeof InvitationLink>

const PAGE = '/invitations/:id'
const GONE: ReadonlySet<string> = new Set(['NOT_FOUND', 'TOKEN_EXPIRED', 'VALIDATION_ERROR'])

async function showInvitation(
  tools: Tools,
  call: Call,
  { id, token }: InvitationLink,
  alert: string | null = null,
): Promise<PageAnswer> {
  const { invitation, organization, inviter, next } = await previewInvitation(tools, call, { id, token })
  const { address: email, role, expires_at: expiresAt } = invitation
  const shown = { id, token, organization, inviter, email, role, expiresAt, next, alert }
  return { page: <Invitation {...shown} />, title: t(call.locale, 'invitation.title') }
}

/** @throws the problem, if it is not about the link */
function invalidLink(call: Call, problem: Problem): PageAnswer {
  if (!GONE.has(problem.code)) throw problem
  const expired = problem.code === 'TOKEN_EXPIRED'
  return {
    page: <InvitationInvalid expired={expired} />,
    title: t(call.locale, expired ? 'invalid.title_expired' : 'invalid.title'),
    status: problem.status,
  }
}

/** The invitation again with an alert, or the page for an invalid link. */
async function againAfter(
  tools: Tools,
  call: Call,
  link: InvitationLink,
  problem: Problem,
): Promise<PageAnswer> {
  if (GONE.has(problem.code)) return invalidLink(call, problem)
  // for these problems the page itself shows the next step
  const isShown = ['AUTHENTICATION_REQUIRED', 'INSUFFICIENT_PERMISSIONS'].includes(problem.code)
  const isJoined = problem.code === 'CONFLICT'
  const alert = isJoined ? t(call.locale, 'refused.joined') : problemText(call.locale, problem)
  try {
    const answer = await showInvitation(tools, call, link, isShown ? null : alert)
    return { ...answer, status: problem.status }
  } catch (error) {
    if (error instanceof Problem && GONE.has(error.code)) return invalidLink(call, error)
    throw error
  }
}

/** Where a new member is redirected: to the organization, if their role may read it. */
export const addressAfterJoining = (joined: {
  organization: { id: string }
  permissions: readonly string[]
}): string =>
  can(joined, 'organization:read')
    ? `${placeOf(joined.organization.id)}?done=joined`
    : '/account/organizations'

const declined = (call: Call): PageAnswer =>
  call.principal
    ? { redirect: '/account/organizations?done=declined' }
    : { page: <InvitationDeclined />, title: t(call.locale, 'declined.title') }

/** Whether the invitation was answered so already, with this link. */
async function isAnswered(
  tools: Tools,
  call: Call,
  sent: Readonly<Record<string, string>>,
  { code }: Problem,
  answer: 'accepted' | 'declined',
): Promise<boolean> {
  const link = InvitationLink.safeParse(sent)
  return code === 'NOT_FOUND' && link.success && (await findOutcome(tools, call, link.data)) === answer
}

export const invitedPages = (tools: Tools): Row[] => [
  page({
    of: of.show,
    name: 'pages.invitation',
    method: 'GET',
    path: PAGE,
    description: 'Opening it changes nothing, so that a mail scanner cannot use the link.',
    input: InvitationLink,
    run: (call, link) => showInvitation(tools, call, link),
    redisplay: async (call, _typed, problem) => invalidLink(call, problem),
  }),
  page({
    of: of.accept,
    name: 'pages.invitation.accept',
    method: 'POST',
    path: `${PAGE}/accept`,
    formAt: PAGE,
    input: InvitationLink,
    run: async (call, { id, token }) => {
      if (!token.startsWith(`${id}.`)) throw notFound('invitation')
      return { redirect: addressAfterJoining(await acceptInvitation(tools, call, token)) }
    },
    reached: async (call, link, problem) =>
      (await isAnswered(tools, call, link, problem, 'accepted'))
        ? { redirect: '/account/organizations' }
        : null,
    redisplay: (call, { id = '', token = '' }, problem) => againAfter(tools, call, { id, token }, problem),
  }),
  page({
    of: of.decline,
    name: 'pages.invitation.decline',
    method: 'POST',
    path: `${PAGE}/decline`,
    formAt: PAGE,
    input: InvitationLink,
    run: async (call, { id, token }) => {
      if (!token.startsWith(`${id}.`)) throw notFound('invitation')
      await declineInvitation(tools, call, token)
      return declined(call)
    },
    reached: async (call, link, problem) =>
      (await isAnswered(tools, call, link, problem, 'declined')) ? declined(call) : null,
    redisplay: (call, { id = '', token = '' }, problem) => againAfter(tools, call, { id, token }, problem),
  }),
]
