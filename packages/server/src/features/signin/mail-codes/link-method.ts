/**
 * The method of magic links (door/method.ts). Opening a link does nothing; its form signs in the browser that sends it. A
 * browser that did not ask for the link confirms that first. The sign-in is another one than the attempt that asked, which
 * ends: who asked has its token, and gets nothing by another's click.
 */
import { kindOf } from '../../../base/assurance.ts'
import type { Call } from '../../../base/call.ts'
import { problem } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import { checkLink, linkProblem, useLink } from '../../../core/links/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { lockAddress } from '../../identity/emails/index.ts'
import { getUser, lockUserRow, type User } from '../../identity/users/index.ts'
import { type AfterSignIn, endAttempts, findOpenAttempt, resumeAttempt } from '../attempts/index.ts'
import { type Method, type Outcome, signInWith } from '../door/index.ts'
import { resetLinks } from '../passwords/index.ts'
import { isUnproven, proveMailbox } from '../planted/index.ts'
import { isAskingBrowser } from './requests.ts'

interface OpenedLink {
  user: User
  attemptId: string
  after: AfterSignIn
  /** Whether the caller asked for it, by the cookie of its browser or by the token of its attempt. */
  isAsker: boolean
}

/**
 * What a link does, without using it up.
 * @param attempt the token of the attempt that asked, for a client without the cookie
 * @throws Problem INVALID_TOKEN, TOKEN_EXPIRED
 */
export async function previewLink(
  tools: Pick<Tools, 'db'>,
  call: Call,
  { token, attempt }: { token: string; attempt?: string | undefined },
): Promise<OpenedLink> {
  const opened = await tools.db.tx('system', async (tx) => {
    const verdict = await checkLink(tx, 'magic_link', token, call.now)
    if ('refused' in verdict) throw linkProblem(verdict.refused)
    const { userId, attemptId } = verdict.link
    if (userId === null || attemptId === null) throw linkProblem('unknown')
    const asking = await findOpenAttempt(tx, attemptId, call.now)
    if (!asking) throw linkProblem('used')
    return { user: await getUser(tx, userId), asking }
  })
  const { user, asking } = opened
  const named = attempt === undefined ? null : await resumeAttempt(tools.db.hot, attempt, call.now)
  const isAsker = named?.id === asking.id || isAskingBrowser(call, asking)
  return { user, attemptId: asking.id, after: asking.after, isAsker }
}

const linkMethod = (
  tools: Pick<Tools, 'clock' | 'config' | 'jobs' | 'mail'>,
  { user, attemptId }: OpenedLink,
  call: Call,
): Method<string, null> => ({
  name: 'magic_link',
  proof: kindOf('email_code'),
  failure: 'wrong_link',
  identify: async () => ({ identifier: user.email, owner: user, pending: null }),
  read: async () => null,
  verify: async (_call, _named, _stored, token) => ({
    user,
    requires: [],
    changesFacts: isUnproven(user),
    async recheck(tx) {
      if (isUnproven(user)) await lockAddress(tx, canonical(user.email))
      await lockUserRow(tx, user.id)
      const link = await useLink(tx, 'magic_link', token, call.now)
      const now = await getUser(tx, user.id)
      if (link.emailId !== now.email_id || (await endAttempts(tx, { id: attemptId }, call.now)) === 0)
        throw linkProblem('used')
      if (!isUnproven(user)) return now
      const endPassword = () => resetLinks.removePassword(tools, tx, now, call.now)
      await proveMailbox(tools, tx, call, now, { endPassword })
      return await getUser(tx, user.id)
    },
  }),
})

interface SentLink {
  token: string
  attempt?: string | undefined
  /** That the browser confirmed to sign in although another one asked. */
  confirmed?: boolean
}

/**
 * Signs in by a link, which is used up.
 * @throws Problem INVALID_TOKEN, TOKEN_EXPIRED; CONFLICT where another browser asked for it; ACCOUNT_LOCKED
 */
export async function signInByLink(
  tools: Pick<Tools, 'clock' | 'config' | 'counts' | 'db' | 'jobs' | 'keyring' | 'mail'>,
  call: Call,
  { token, attempt, confirmed = false }: SentLink,
): Promise<Outcome> {
  const opened = await previewLink(tools, call, { token, attempt })
  if (!opened.isAsker && !confirmed)
    throw problem('CONFLICT', {
      message: 'Another browser requested this link. Open it there, or confirm the sign-in on its page.',
      details: { reason: 'other_browser' },
    })
  const { returnTo } = opened.after
  const after = opened.isAsker ? opened.after : { remember: false, returnTo, tokens: false }
  return await signInWith(tools, call, linkMethod(tools, opened, call), token, after)
}
