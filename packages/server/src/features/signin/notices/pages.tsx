/** The hosted pages of the links in e-mails about sign-ins: opening one shows a form, which uses the link. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import type { Problem } from '../../../base/errors.ts'
import { SIGNED_OUT_COOKIES } from '../../../base/http/browser-cookies.ts'
import type { Operation } from '../../../base/http/row/operation.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { formState } from '../../../base/page/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { LinkToken } from '../../identity/emails/index.ts'
import type { Ended } from '../planted/index.ts'
import {
  assertNoticeLink,
  disownSignIn,
  isNoticeLinkUsed,
  type NoticePurpose,
  unlockByLink,
} from './links.ts'
import { noticeOperations } from './operations.ts'
import { noticeText as t } from './texts.ts'
import { NoticeDone, NoticeLinkInvalid, NotMeForm, UnlockForm } from './views.tsx'

interface Used {
  /** Where to continue. */
  href: string
  /** What was removed from the account. */
  ended?: Ended
  /** Whether the session of the browser has ended. */
  isSignedOut?: boolean
}

interface NoticePage {
  purpose: NoticePurpose
  path: string
  name: string
  opens: Operation
  sends: Operation
  use(call: Call, token: string): Promise<Used>
  /** Where to continue when the form was sent twice. */
  again: string
}

const done = (call: Call, what: NoticePurpose, { isSignedOut = false, ...used }: Used): PageAnswer => ({
  page: <NoticeDone what={what} {...used} />,
  title: t(call.locale, `${what}.done_title`),
  cookies: isSignedOut ? SIGNED_OUT_COOKIES : [],
})

const invalid = (call: Call, { code, status }: Problem): PageAnswer => ({
  page: <NoticeLinkInvalid expired={code === 'TOKEN_EXPIRED'} />,
  title: t(call.locale, code === 'TOKEN_EXPIRED' ? 'invalid.title_expired' : 'invalid.title'),
  status,
})

function form(call: Call, what: NoticePurpose, token: string, alert: string | null = null): PageAnswer {
  const View = what === 'unlock' ? UnlockForm : NotMeForm
  return { page: <View token={token} alert={alert} />, title: t(call.locale, `${what}.title`) }
}

function rowsOf(tools: Tools, { purpose, path, name, opens, sends, use, again }: NoticePage): Row[] {
  const input = z.object({ token: LinkToken })
  const reached = async (call: Call, { token = '' }: Readonly<Record<string, string>>) =>
    (await isNoticeLinkUsed(tools, call, purpose, token)) ? done(call, purpose, { href: again }) : null
  const isAboutLink = ({ code }: Problem) => /^(INVALID_TOKEN|TOKEN_EXPIRED|VALIDATION_ERROR)$/.test(code)
  return [
    page({
      of: opens,
      method: 'GET',
      path,
      description: 'Opening it changes nothing, so that a mail scanner does not use up the link.',
      input,
      reached,
      run: async (call, { token }) => {
        await assertNoticeLink(tools, call, purpose, token)
        return form(call, purpose, token)
      },
      redisplay: async (call, _typed, problem) => invalid(call, problem),
    }),
    page({
      of: sends,
      name,
      method: 'POST',
      path,
      input,
      reached,
      run: async (call, { token }) => done(call, purpose, await use(call, token)),
      redisplay: async (call, typed, problem) =>
        isAboutLink(problem) || !typed.token
          ? invalid(call, problem)
          : {
              ...form(call, purpose, typed.token, formState(call.locale, {}, problem).alert),
              status: problem.status,
            },
    }),
  ]
}

export const noticePages = (tools: Tools): Row[] => [
  ...rowsOf(tools, {
    purpose: 'unlock',
    path: '/unlock',
    name: 'pages.unlock.submit',
    opens: noticeOperations.unlockForm,
    sends: noticeOperations.unlock,
    again: '/sign-in',
    async use(call, token) {
      await unlockByLink(tools, call, token)
      return { href: '/sign-in' }
    },
  }),
  ...rowsOf(tools, {
    purpose: 'not_me',
    path: '/not-me',
    name: 'pages.not_me.submit',
    opens: noticeOperations.notMeForm,
    sends: noticeOperations.notMe,
    again: '/forgot-password',
    async use(call, token) {
      const { userId, reset, ended } = await disownSignIn(tools, call, token)
      const isSignedOut = call.principal?.userId === userId
      return { href: `/reset-password?${new URLSearchParams({ token: reset })}`, ended, isSignedOut }
    },
  }),
]
