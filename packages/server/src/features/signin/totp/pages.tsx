/**
 * The hosted pages of authenticator apps: those of the account, and setting one up. The secret is on the page that answers
 * the form, and where a wrong code is typed; loading a page does not show it.
 */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { optional, SealedText, TypedCode } from '../../../base/fields.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { type FormState, formState } from '../../../base/page/index.ts'
import { listFactors } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { sessionCookie } from '../../identity/sessions/index.ts'
import { getUser } from '../../identity/users/index.ts'
import { makeSetWhereNone, showCodes } from '../backup-codes/index.ts'
import { FactorName, mfaOperations, removalPage, removeFactors, renamePages } from '../mfa/index.ts'
import { mayEnrol } from '../second-factor/index.ts'
import type { SecuritySection } from '../security/index.ts'
import {
  findSetupForm,
  MOST_AUTHENTICATORS,
  newSetupForm,
  notBegun,
  type SetupForm,
} from './authenticators.ts'
import { totpOperations } from './operations.ts'
import { openSetup } from './sealed.ts'
import { confirmInSession } from './setup.ts'
import { totpText as t } from './texts.ts'
import {
  AUTHENTICATOR_NOTICES,
  type AuthenticatorNotice,
  Authenticators,
  AuthenticatorsRow,
  SetUpAuthenticator,
} from './views.tsx'

const LIST = '/account/security/totp'
const ENABLED = `${LIST}?done=enabled`

const ownAuthenticators = async (tools: Pick<Tools, 'db'>, call: Call) => {
  const factors = await tools.db.tx('system', (tx) => listFactors(tx, call.principal?.userId ?? ''))
  return factors.filter(({ kind }) => kind === 'totp')
}

async function showList(
  tools: Tools,
  call: Call,
  form: FormState,
  notice: AuthenticatorNotice | null = null,
): Promise<PageAnswer> {
  const authenticators = await ownAuthenticators(tools, call)
  const contents = { authenticators, most: mayEnrol(tools.config, 'totp') ? MOST_AUTHENTICATORS : 0, notice }
  return { page: <Authenticators {...contents} {...form} />, title: t(call.locale, 'list.title') }
}

const ownUser = (tools: Pick<Tools, 'db'>, call: Call) =>
  tools.db.tx('system', (tx) => getUser(tx, call.principal?.userId ?? ''))

const showSetup = (call: Call, setup: SetupForm, form: FormState) => ({
  page: <SetUpAuthenticator setup={setup} {...form} />,
  title: t(call.locale, 'setup.title'),
})

/** The row of the security page. */
export const totpSection = (tools: Pick<Tools, 'config' | 'db'>): SecuritySection => ({
  id: 'totp',
  isHidden: async (call) =>
    !mayEnrol(tools.config, 'totp') && (await ownAuthenticators(tools, call)).length === 0,
  title: (locale) => t(locale, 'list.title'),
  async summary(call) {
    const { length: count } = await ownAuthenticators(tools, call)
    return count === 0 ? t(call.locale, 'row.none') : t(call.locale, 'row.some', { count })
  },
  view: async (call) => <AuthenticatorsRow authenticators={await ownAuthenticators(tools, call)} />,
})

export const totpPages = (tools: Tools): Row[] => [
  page({
    of: totpOperations.list,
    method: 'GET',
    path: LIST,
    input: z.object({ done: z.string().max(20).optional() }),
    run: (call, { done }) =>
      showList(tools, call, {}, AUTHENTICATOR_NOTICES.find((notice) => notice === done) ?? null),
  }),
  page({
    of: totpOperations.enable,
    name: 'pages.security.totp.submit',
    method: 'POST',
    path: LIST,
    input: z.object({ name: optional(FactorName) }),
    run: async (call, { name = null }) => {
      const { length } = await ownAuthenticators(tools, call)
      if (!mayEnrol(tools.config, 'totp') || length >= MOST_AUTHENTICATORS)
        return await showList(tools, call, {})
      return showSetup(call, newSetupForm(tools, call, await ownUser(tools, call), name), {})
    },
    redisplay: async (call, typed, problem) => ({
      ...(await showList(tools, call, formState(call.locale, typed, problem))),
      status: problem.status,
    }),
  }),
  page({
    of: totpOperations.confirm,
    name: 'pages.security.totp.confirm',
    method: 'POST',
    path: `${LIST}/confirm`,
    formAt: LIST,
    input: z.object({ setup: SealedText, code: TypedCode }),
    run: async (call, confirmation) => {
      const set = await makeSetWhereNone(tools, call.principal?.userId ?? '')
      const { session } = await confirmInSession(tools, call, confirmation, set)
      const cookies = [sessionCookie(session, call.now)]
      return set?.isStored
        ? { ...showCodes(call, set.codes, ENABLED), cookies }
        : { redirect: ENABLED, cookies }
    },
    // sent twice: the first time has confirmed it
    reached: async (call, { setup = '' }) => {
      const begun = openSetup(tools.keyring, call.principal?.userId ?? '', setup, call.now)
      const isAdded = begun && (await ownAuthenticators(tools, call)).some(({ id }) => id === begun.id)
      return isAdded ? { redirect: ENABLED } : null
    },
    // the form that was begun is displayed again; another one is begun by the form of the list, under its conditions
    redisplay: async (call, typed, problem) => {
      const isWrong = problem.code === 'VALIDATION_ERROR'
      const setup = isWrong && findSetupForm(tools, call, await ownUser(tools, call), typed.setup ?? '')
      const form = formState(call.locale, typed, isWrong && !setup ? notBegun() : problem)
      const shown = setup ? showSetup(call, setup, form) : await showList(tools, call, form)
      return { ...shown, status: problem.status }
    },
  }),
  ...renamePages(tools, {
    kind: 'totp',
    list: LIST,
    form: totpOperations.showRenaming,
    submit: totpOperations.rename,
    name: 'pages.security.totp.rename.submit',
    schema: FactorName,
    titles: (locale) => ({ title: t(locale, 'rename.title'), list: t(locale, 'list.title') }),
  }),
  removalPage(tools, {
    kind: 'totp',
    list: LIST,
    form: totpOperations.showRemoval,
    titles: (locale) => ({ title: t(locale, 'removal.title'), list: t(locale, 'list.title') }),
  }),
  page({
    of: mfaOperations.disable,
    name: 'pages.security.totp.remove',
    method: 'POST',
    path: `${LIST}/:id/remove`,
    input: z.object({ id: z.string().max(64) }),
    run: async (call, { id }) => {
      const isLast = await removeFactors(tools, call, { id, kind: 'totp' })
      return { redirect: `${LIST}?done=${isLast ? 'removed_last' : 'removed'}` }
    },
    reached: (_call, _sent, { code }) => (code === 'NOT_FOUND' ? { redirect: `${LIST}?done=removed` } : null),
    redisplay: async (call, typed, problem) => ({
      ...(await showList(tools, call, formState(call.locale, typed, problem))),
      status: problem.status,
    }),
  }),
]
