/** The hosted pages of changing one's own address. */

import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import type { Problem } from '../../../base/errors.ts'
import { optional, TypedPassword } from '../../../base/fields.ts'
import { SIGNED_OUT_COOKIES } from '../../../base/http/browser-cookies.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { EmailAddress } from '../../../base/identifiers.ts'
import { type FormState, formState } from '../../../base/page/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { LinkToken } from '../../identity/emails/index.ts'
import type { Ended } from '../../signin/planted/index.ts'
import { atPasswordField } from '../../signin/responses/index.ts'
import { emailSignInText, type SecuritySection } from '../../signin/security/index.ts'
import {
  cancelChange,
  confirmChange,
  hasChanged,
  hasUndone,
  ownAddress,
  previewChange,
  previewUndo,
  requestChange,
  undoChange,
} from './change.ts'
import { addressOperations } from './operations.ts'
import { addressText as t } from './texts.ts'
import {
  AddressChanged,
  ChangeEmail,
  ChangeLinkInvalid,
  ChangeUndone,
  ConfirmChange,
  EmailRow,
  UndoChange,
} from './views.tsx'

const changed = (call: Call): PageAnswer => ({
  page: <AddressChanged />,
  title: t(call.locale, 'done.title'),
})

const undone = (call: Call, resetHref: string, ended: Ended | null = null): PageAnswer => ({
  page: <ChangeUndone resetHref={resetHref} ended={ended} />,
  title: t(call.locale, 'undone.title'),
})

const linkInvalid = (call: Call, { code, status }: Problem): PageAnswer => ({
  page: <ChangeLinkInvalid expired={code === 'TOKEN_EXPIRED'} />,
  title: t(call.locale, code === 'TOKEN_EXPIRED' ? 'invalid.title_expired' : 'invalid.title'),
  status,
})

/** What both requests of a link have in common: the page that opens it, and the form that uses it. */
const linkPage = (path: string, reachedBy: (call: Call, token: string) => Promise<PageAnswer | null>) => ({
  path,
  input: z.object({ token: LinkToken }),
  reached: (call: Call, { token = '' }: Readonly<Record<string, string>>) => reachedBy(call, token),
  redisplay: async (call: Call, _typed: unknown, problem: Problem) => linkInvalid(call, problem),
})

const isAboutLink = ({ code }: Problem): boolean => code !== 'CONFLICT' && !/^ACCOUNT_/.test(code)

const FORGOT = '/forgot-password'

async function showForm(tools: Tools, call: Call, form: FormState, cancelled = false): Promise<PageAnswer> {
  const { user, pending, hasPassword } = await ownAddress(tools, call)
  return {
    page: (
      <ChangeEmail
        email={user.email}
        pending={pending}
        hasPassword={hasPassword}
        cancelled={cancelled}
        {...form}
      />
    ),
    title: t(call.locale, 'title'),
  }
}

const ownRows = (tools: Tools): Row[] => [
  page({
    of: addressOperations.show,
    name: 'pages.account.email',
    method: 'GET',
    path: '/account/email',
    input: z.object({ cancelled: z.string().max(10).optional() }),
    run: (call, { cancelled }) => showForm(tools, call, {}, cancelled !== undefined),
  }),
  page({
    of: addressOperations.change,
    name: 'pages.account.email.submit',
    method: 'POST',
    path: '/account/email',
    input: z.object({ email: EmailAddress, password: optional(TypedPassword) }),
    run: async (call, input) => {
      await requestChange(tools, call, input)
      return { redirect: '/account/email' }
    },
    redisplay: async (call, typed, problem) => ({
      ...(await showForm(tools, call, formState(call.locale, typed, atPasswordField('password', problem)))),
      status: problem.status,
    }),
  }),
  page({
    of: addressOperations.cancel,
    name: 'pages.account.email.cancel',
    method: 'POST',
    path: '/account/email/cancel',
    formAt: '/account/email',
    input: z.object({}),
    run: async (call) => {
      await cancelChange(tools, call)
      return { redirect: '/account/email?cancelled=1' }
    },
    // nothing waits any more: it was withdrawn, confirmed or has expired, which the page shows
    reached: async (_call, _sent, { code }) => (code === 'NOT_FOUND' ? { redirect: '/account/email' } : null),
  }),
]

const OPENING = 'Opening it changes nothing, so that a mail scanner does not use up the link.'
const confirmPage = (tools: Tools) =>
  linkPage('/email-change', async (call, token) =>
    (await hasChanged(tools, call, token)) ? changed(call) : null,
  )
const undoPage = (tools: Tools) =>
  linkPage('/email-change/undo', async (call, token) =>
    (await hasUndone(tools, call, token)) ? undone(call, FORGOT) : null,
  )

export const addressPages = (tools: Tools): Row[] => [
  ...ownRows(tools),
  page({
    ...confirmPage(tools),
    of: addressOperations.confirmForm,
    method: 'GET',
    description: OPENING,
    run: async (call, { token }) => ({
      page: <ConfirmChange token={token} address={await previewChange(tools, call, token)} />,
      title: t(call.locale, 'confirm.title'),
    }),
  }),
  page({
    ...confirmPage(tools),
    of: addressOperations.confirm,
    name: 'pages.email_change.submit',
    method: 'POST',
    run: async (call, { token }) => {
      await confirmChange(tools, call, token)
      return changed(call)
    },
    redisplay: async (call, typed, problem) => {
      if (isAboutLink(problem) || !typed.token) return linkInvalid(call, problem)
      const address = await previewChange(tools, call, typed.token)
      const isTaken = problem.code === 'CONFLICT'
      const alert = isTaken ? t(call.locale, 'confirm.taken') : formState(call.locale, {}, problem).alert
      return {
        page: <ConfirmChange token={typed.token} address={address} alert={alert} />,
        title: t(call.locale, 'confirm.title'),
        status: problem.status,
      }
    },
  }),
  page({
    ...undoPage(tools),
    of: addressOperations.undoForm,
    method: 'GET',
    description: OPENING,
    run: async (call, { token }) => {
      await previewUndo(tools, call, token)
      return { page: <UndoChange token={token} />, title: t(call.locale, 'undo.title') }
    },
  }),
  page({
    ...undoPage(tools),
    of: addressOperations.undo,
    name: 'pages.email_change.undo.submit',
    method: 'POST',
    run: async (call, { token }) => {
      const { userId, reset, ended } = await undoChange(tools, call, token)
      const answer = undone(call, `/reset-password?token=${reset}`, ended)
      // the browser may be signed in to another account
      return call.principal?.userId === userId ? { ...answer, cookies: SIGNED_OUT_COOKIES } : answer
    },
  }),
]

/** The row of the security page: the address that links are sent to. */
export const emailSection = (tools: Pick<Tools, 'config' | 'db'>): SecuritySection => ({
  id: 'email',
  title: (locale) => t(locale, 'section.title'),
  summary: async (call) => (await ownAddress(tools, call)).user.email,
  view: async (call) => {
    const { user, pending } = await ownAddress(tools, call)
    const signIn = emailSignInText(call.locale, tools.config.emailSignIn)
    return <EmailRow email={user.email} signIn={signIn} pending={pending?.address ?? null} />
  },
})
