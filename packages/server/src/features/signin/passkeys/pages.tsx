/** The hosted pages of passkeys: the form of a sign-in by one, and the page of a user's own. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import type { Problem } from '../../../base/errors.ts'
import { optional, ReturnTo } from '../../../base/fields.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { type FormState, formState, problemText } from '../../../base/page/index.ts'
import { offersPasskeys } from '../../../base/relying-party.ts'
import { safeReturnTo } from '../../../base/return-to.ts'
import { AssertionAnswer, inForm, RegistrationAnswer } from '../../../base/webauthn.ts'
import type { Tools } from '../../../core/tools.ts'
import { sessionCookie } from '../../identity/sessions/index.ts'
import { makeSetWhereNone, showCodes } from '../backup-codes/index.ts'
import { showSignIn } from '../form/index.ts'
import { removalPage, renamePages } from '../mfa/index.ts'
import { redirectOutcome } from '../responses/index.ts'
import type { SecuritySection } from '../security/index.ts'
import { PasskeyName, type PasskeyView } from './fields.ts'
import { passkeyOperations } from './operations.ts'
import { acceptedPasskeys, isBlocked, isOwnCredential, listPasskeys, removePasskey } from './passkeys.ts'
import { addOwnPasskey, beginOwn } from './registration.ts'
import { signInByPasskey } from './sign-in.ts'
import { passkeysText as t } from './texts.ts'
import {
  AddPasskey,
  PASSKEY_NOTICES,
  type PasskeyItem,
  type PasskeyNotice,
  PasskeySection,
  Passkeys,
} from './views.tsx'

const LIST = '/account/security/passkeys'
const done = (notice: PasskeyNotice): PageAnswer => ({ redirect: `${LIST}?done=${notice}` })

const itemOf = (passkey: PasskeyView, isAlone: boolean): PasskeyItem => ({
  id: passkey.id,
  name: passkey.name,
  createdAt: new Date(passkey.created_at),
  lastUsedAt: passkey.last_used_at === null ? null : new Date(passkey.last_used_at),
  synced: passkey.synced,
  backedUp: passkey.backed_up,
  userVerified: passkey.user_verified,
  refused: !passkey.suspended ? null : isAlone ? 'alone' : 'copied',
})

/** The caller's passkeys, as the pages show them. */
async function listItems(tools: Tools, call: Call): Promise<PasskeyItem[]> {
  const [passkeys, isAlone] = await Promise.all([listPasskeys(tools, call), isBlocked(tools, call)])
  return passkeys.map((passkey) => itemOf(passkey, isAlone))
}

async function showList(
  tools: Tools,
  call: Call,
  { notice = null, refusal }: { notice?: PasskeyNotice | null; refusal?: Problem },
): Promise<PageAnswer> {
  const [passkeys, accepted] = await Promise.all([listItems(tools, call), acceptedPasskeys(tools, call)])
  return {
    page: (
      <Passkeys
        passkeys={passkeys}
        accepted={accepted}
        offered={isOfferedHere(tools)}
        notice={notice}
        alert={refusal ? problemText(call.locale, refusal) : null}
      />
    ),
    title: t(call.locale, 'list.title'),
    ...(refusal && { status: refusal.status }),
  }
}

async function showAdding(tools: Tools, call: Call, form: FormState): Promise<PageAnswer> {
  const options = await beginOwn(tools, call)
  return { page: <AddPasskey options={options} {...form} />, title: t(call.locale, 'add.title') }
}

const isOfferedHere = ({ config }: Pick<Tools, 'config'>): boolean => offersPasskeys(config)

const Id = z.string().max(64)

const ownPages = (tools: Tools): Row[] => [
  page({
    of: passkeyOperations.list,
    name: 'pages.passkeys',
    method: 'GET',
    path: LIST,
    input: z.object({ done: z.string().max(20).optional() }),
    run: (call, { done }) =>
      showList(tools, call, { notice: PASSKEY_NOTICES.find((notice) => notice === done) ?? null }),
  }),
  page({
    of: passkeyOperations.showAdding,
    method: 'GET',
    path: `${LIST}/new`,
    input: z.object({}),
    run: (call) => showAdding(tools, call, {}),
    redisplay: (call, _typed, refusal) => showList(tools, call, { refusal }),
  }),
  page({
    of: passkeyOperations.add,
    name: 'pages.passkeys.add.submit',
    method: 'POST',
    path: `${LIST}/new`,
    input: z.object({ credential: inForm(RegistrationAnswer), name: optional(PasskeyName) }),
    run: async (call, input) => {
      const set = await makeSetWhereNone(tools, call.principal?.userId ?? '')
      const { session } = await addOwnPasskey(tools, call, input, set)
      const answer = set?.isStored ? showCodes(call, set.codes, `${LIST}?done=added`) : done('added')
      return { ...answer, cookies: [sessionCookie(session, call.now)] }
    },
    // sent twice: its challenge is used up, and the passkey is there
    reached: async (call, { credential = '' }, { code }) =>
      code === 'VALIDATION_ERROR' && (await isOwnCredential(tools, call, credential)) ? done('added') : null,
    redisplay: async (call, { credential: _, ...typed }, problem) =>
      problem.code === 'CONFLICT'
        ? await showList(tools, call, { refusal: problem })
        : {
            ...(await showAdding(tools, call, formState(call.locale, typed, problem))),
            status: problem.status,
          },
  }),
  ...renamePages(tools, {
    kind: 'passkey',
    list: LIST,
    form: passkeyOperations.showRenaming,
    submit: passkeyOperations.rename,
    name: 'pages.passkeys.rename.submit',
    schema: PasskeyName,
    titles: (locale) => ({ title: t(locale, 'rename.title'), list: t(locale, 'list.title') }),
  }),
  removalPage(tools, {
    kind: 'passkey',
    list: LIST,
    form: passkeyOperations.showRemoval,
    titles: (locale) => ({ title: t(locale, 'removal.title'), list: t(locale, 'list.title') }),
  }),
  page({
    of: passkeyOperations.remove,
    name: 'pages.passkeys.remove',
    method: 'POST',
    path: `${LIST}/:id/remove`,
    input: z.object({ id: Id }),
    run: async (call, { id }) => {
      return done((await removePasskey(tools, call, id)) ? 'removed_last' : 'removed')
    },
    // one that is not in the list is removed already
    reached: (_call, _sent, { code }) => (code === 'NOT_FOUND' ? { redirect: LIST } : null),
    redisplay: (call, _typed, refusal) => showList(tools, call, { refusal }),
  }),
]

/** The row of the security page. */
export const passkeySection = (tools: Tools): SecuritySection => ({
  id: 'passkeys',
  isHidden: async (call) => !isOfferedHere(tools) && (await listPasskeys(tools, call)).length === 0,
  title: (locale) => t(locale, 'list.title'),
  async summary(call) {
    const { length: count } = await listPasskeys(tools, call)
    return count === 0 ? t(call.locale, 'section.none') : t(call.locale, 'section.some', { count })
  },
  view: async (call) => (
    <PasskeySection passkeys={await listItems(tools, call)} offered={isOfferedHere(tools)} />
  ),
})

export const passkeyPages = (tools: Tools): Row[] => [
  page({
    of: passkeyOperations.signIn,
    name: 'pages.sign_in.passkey',
    method: 'POST',
    path: '/sign-in/passkey',
    formAt: '/sign-in',
    input: z.object({
      credential: inForm(AssertionAnswer),
      remember_me: z.string().max(10).optional(),
      return_to: ReturnTo,
    }),
    run: async (call, { credential, remember_me, return_to }) => {
      const after = {
        remember: remember_me === 'true',
        returnTo: safeReturnTo(tools.config, return_to),
        tokens: false,
      }
      return redirectOutcome(call, await signInByPasskey(tools, call, credential, after))
    },
    reached: ({ principal }, sent, { code }) =>
      code === 'CSRF_FAILED' && principal
        ? { redirect: safeReturnTo(tools.config, sent.return_to) ?? '/account' }
        : null,
    redisplay: async (call, { credential: _, ...typed }, problem) =>
      showSignIn(tools, call, typed, problem, 'passkey'),
  }),
  ...ownPages(tools),
]
