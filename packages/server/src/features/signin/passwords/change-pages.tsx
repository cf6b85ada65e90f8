/** The page on which users change their own password, and its row of the security page. */

import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { Problem } from '../../../base/errors.ts'
import { optional, TypedPassword } from '../../../base/fields.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { type FormState, formState, timeText } from '../../../base/page/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { sessionCookie } from '../../identity/sessions/index.ts'
import { getUser } from '../../identity/users/index.ts'
import { atPasswordField } from '../responses/index.ts'
import { type SecuritySection, securityPath } from '../security/index.ts'
import { changePassword, hasJustChangedTo } from './change.ts'
import { passwordOperations } from './operations.ts'
import { findPassword, findRules } from './passwords.ts'
import { pagePolicyOf } from './profiles.ts'
import { passwordsText as t } from './texts.ts'
import { ChangePassword, PasswordRow } from './views.tsx'

const PATH = '/account/security/password'

async function showChange(tools: Tools, call: Call, form: FormState): Promise<PageAnswer> {
  const { user, rules, stored } = await tools.db.tx('system', async (tx) => {
    const user = await getUser(tx, call.principal?.userId ?? '')
    const rules = await findRules(tools, tx, user, call.now)
    return { user, rules, stored: await findPassword(tx, user.id) }
  })
  return {
    page: (
      <ChangePassword
        email={user.email}
        policy={pagePolicyOf(rules.profile)}
        changedAt={stored?.changedAt ?? null}
        isFirst={stored === null}
        {...form}
      />
    ),
    title: t(call.locale, stored === null ? 'first.title' : 'change.title'),
  }
}

export const changeRows = (tools: Tools): Row[] => [
  page({
    of: passwordOperations.findChangePage,
    method: 'GET',
    // W3C, A Well-Known URL for Changing Passwords
    path: '/.well-known/change-password',
    description: 'Password managers and browsers look for that page here.',
    input: z.object({}),
    run: async () => ({ redirect: PATH }),
  }),
  page({
    of: passwordOperations.show,
    method: 'GET',
    path: PATH,
    input: z.object({}),
    run: (call) => showChange(tools, call, {}),
  }),
  changeForm(tools, 'pages.security.password.submit', PATH),
  // pages that were opened before the form had its own address
  changeForm(tools, 'pages.security.submit', '/account/security'),
]

const changeForm = (tools: Tools, name: string, path: string): Row =>
  page({
    of: passwordOperations.change,
    name,
    method: 'POST',
    path,
    input: z.object({
      current_password: optional(TypedPassword),
      new_password: TypedPassword,
      new_password_confirm: TypedPassword,
    }),
    run: async (call, input) => {
      const session = await changePassword(tools, call, input).catch(async (error: unknown) => {
        const isStale = error instanceof Problem && /^(AUTHENTICATION_FAILED|CONFLICT)$/.test(error.code)
        if (isStale && (await hasJustChangedTo(tools, call, input.new_password))) return null
        throw error
      })
      const redirect = securityPath('password', 'changed')
      return session === null ? { redirect } : { redirect, cookies: [sessionCookie(session, call.now)] }
    },
    redisplay: async (call, typed, problem) => ({
      ...(await showChange(
        tools,
        call,
        formState(call.locale, typed, atPasswordField('current_password', problem)),
      )),
      status: problem.status,
    }),
  })

/** The row of the security page: when the password was changed. */
export const passwordSection = (tools: Pick<Tools, 'db'>): SecuritySection => {
  const findChange = async ({ principal }: Call): Promise<Date | null> => {
    const stored = await tools.db.tx('system', (tx) => findPassword(tx, principal?.userId ?? ''))
    return stored?.changedAt ?? null
  }
  return {
    id: 'password',
    title: (locale) => t(locale, 'section.title'),
    summary: async (call) => {
      const changedAt = await findChange(call)
      return changedAt
        ? t(call.locale, 'section.changed', { time: timeText(call.locale, changedAt, 'day') })
        : t(call.locale, 'section.none')
    },
    view: async (call) => <PasswordRow isFirst={(await findChange(call)) === null} />,
    notice: (call, name) => (name === 'changed' ? t(call.locale, 'change.changed') : null),
  }
}
