/**
 * The hosted page of an invitation, which the link of its e-mail opens. Opening it does nothing, so that a mail
 * scanner can neither accept nor decline. Whoever is not signed in comes back here after signing in or up; who may
 * accept, and what is told to whom, is the invitations room's to say.
 */
import { z } from 'zod'
import type { Call } from '../../../../base/call.ts'
import { problem as newProblem, Problem } from '../../../../base/errors.ts'
import { operation } from '../../../../base/http/row/operation.ts'
import { type PageAnswer, page, type Row } from '../../../../base/http/row/route.ts'
import type { Tools } from '../../../../core/tools.ts'
import { afterJoining } from '../../mine/pages.tsx'
import { refusedForm } from '../../organization/texts.ts'
import { acceptInvitation, declineInvitation, InvitationToken, previewInvitation } from '../index.ts'
import { invitationText as t } from './texts.ts'
import { Invitation, InvitationDeclined, InvitationInvalid } from './views.tsx'

interface Link {
  id: string
  token: string
}
const Link = z.object({ id: z.string().max(64), token: InvitationToken })
const OPEN = 'the token from the e-mail is the credential'
const GONE: ReadonlySet<string> = new Set(['NOT_FOUND', 'TOKEN_EXPIRED', 'VALIDATION_ERROR'])

async function showInvitation(
  tools: Tools,
  call: Call,
  { id, token }: Link,
  alert: string | null = null,
): Promise<PageAnswer> {
  const { invitation, organization, inviter, next } = await previewInvitation(tools, call, { id, token })
  const { address: email, role, expires_at: expiresAt } = invitation
  const shown = { id, token, organization, inviter, email, role, expiresAt, next, alert }
  return { page: <Invitation {...shown} />, title: t(call.locale, 'invitation.title') }
}

/** @throws the problem where it says nothing about the link */
function invalid(call: Call, problem: Problem): PageAnswer {
  if (!GONE.has(problem.code)) throw problem
  const expired = problem.code === 'TOKEN_EXPIRED'
  return {
    page: <InvitationInvalid expired={expired} />,
    title: t(call.locale, expired ? 'invalid.title_expired' : 'invalid.title'),
    status: problem.status,
  }
}

/** The invitation again, with what was wrong; or that it is none any more. */
async function againAfter(tools: Tools, call: Call, link: Link, problem: Problem): Promise<PageAnswer> {
  if (GONE.has(problem.code)) return invalid(call, problem)
  // who has to sign in, or in as somebody else, reads so on the page itself
  const isShown = ['AUTHENTICATION_REQUIRED', 'EMAIL_NOT_VERIFIED', 'INSUFFICIENT_PERMISSIONS'].includes(
    problem.code,
  )
  const { alert } = refusedForm(call.locale, {}, problem, 'refused.joined')
  try {
    const answer = await showInvitation(tools, call, link, isShown ? null : (alert ?? null))
    return { ...answer, status: problem.status }
  } catch (error) {
    if (error instanceof Problem && GONE.has(error.code)) return invalid(call, error)
    throw error
  }
}

export const invitedPages = (tools: Tools): Row[] => [
  page({
    of: operation({
      name: 'pages.invitation',
      summary: 'What the link of an invitation opens',
      open: OPEN,
      quiet: 'reads only',
      limit: { by: 'ip', max: 120, per: '10m' },
    }),
    method: 'GET',
    path: '/invitations/:id',
    description: 'Opening it changes nothing, so that a mail scanner cannot use the link up.',
    input: Link,
    run: (call, link) => showInvitation(tools, call, link),
    again: async (call, _typed, problem) => invalid(call, problem),
  }),
  page({
    of: operation({
      name: 'pages.invitation.submit',
      summary: 'Accept or decline an invitation',
      open: OPEN,
      audit: ['organization.invitation.accepted', 'organization.invitation.declined'],
      limit: { by: 'ip', max: 60, per: '10m' },
    }),
    method: 'POST',
    path: '/invitations/:id',
    input: Link.extend({ answer: z.enum(['accept', 'decline']) }),
    run: async (call, { id, token, answer }) => {
      if (!token.startsWith(`${id}.`)) throw newProblem('NOT_FOUND')
      if (answer === 'accept') return { redirect: afterJoining(await acceptInvitation(tools, call, token)) }
      await declineInvitation(tools, call, token)
      if (call.principal) return { redirect: '/account/organizations?done=declined' }
      return { page: <InvitationDeclined />, title: t(call.locale, 'declined.title') }
    },
    again: (call, { id = '', token = '' }, problem) => againAfter(tools, call, { id, token }, problem),
  }),
]
