/**
 * The end session endpoint (OpenID Connect RP-Initiated Logout 1.0), its answer to a POST, and the question. An app that shows an
 * ID token of this very session signs its user out; everything else needs the answer of the user, because any site can lead here.
 */
import { setTimeout } from 'node:timers/promises'
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { SIGNED_OUT_COOKIES } from '../../../base/http/browser-cookies.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { findSid } from '../../../core/subjects/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { signOutOfBrowser } from '../../signin/responses/index.ts'
import { targetOf } from '../authorize/index.ts'
import { accountOf } from '../scopes/index.ts'
import type { Deliveries } from './deliveries.ts'
import { logoutOperations } from './operations.ts'
import { checkLogout, LogoutParameters, type LogoutRequest, openLogout, sealLogout } from './request.ts'
import { logoutText as t } from './texts.ts'
import { LoggedOut, LogoutQuestion } from './views.tsx'

export type LogoutTools = Pick<Tools, 'clients' | 'config' | 'db' | 'keyring' | 'keys' | 'log'>

const PATH = '/oidc/logout'
/** A sealed request. */
const Sealed = z.string().max(14_000)
/** Milliseconds that a browser waits for the apps to be informed; what is slower is sent afterwards. */
const PATIENCE = 2000

export function logoutPages(tools: LogoutTools, deliveries: Pick<Deliveries, 'send'>): Row[] {
  return [
    page({
      of: logoutOperations.logout,
      name: 'pages.oidc.logout',
      method: 'GET',
      path: PATH,
      description: 'The end session endpoint: an app sends the browser here.',
      input: LogoutParameters.extend({ logout_request: Sealed.optional() }),
      run: async (call, { logout_request: sealed, ...sent }) => {
        const request =
          sealed === undefined
            ? await checkLogout(tools, sent, call.now)
            : openLogout(tools.keyring, call, sealed)
        if (!call.principal || !call.session) return signedOut(call, request, request.hint !== null)
        return (await isOfSession(tools, request, call))
          ? await signOut(tools, deliveries, call, request)
          : question(tools, call, call.principal, request)
      },
    }),
    page({
      of: logoutOperations.logout,
      name: 'pages.oidc.logout.posted',
      method: 'POST',
      path: PATH,
      crossSite: 'an app may send its request as a form (RP-Initiated Logout §2)',
      input: LogoutParameters,
      // without the cookies of the browser, who is signed in is not known: the GET that follows has them
      run: async (call, sent) => {
        const request = await checkLogout(tools, sent, call.now)
        const sealed = sealLogout(tools.keyring, request, call.now)
        return { redirect: `${PATH}?${new URLSearchParams({ logout_request: sealed })}` }
      },
    }),
    page({
      of: logoutOperations.confirm,
      name: 'pages.oidc.logout.confirm',
      method: 'POST',
      path: `${PATH}/decision`,
      formAt: PATH,
      input: z.object({ logout_request: Sealed }),
      run: async (call, { logout_request: sealed }) => {
        const request = openLogout(tools.keyring, call, sealed)
        return await signOut(tools, deliveries, call, request)
      },
      // sent twice: the session that the form's token belongs to has ended
      reached: (call, { logout_request: sealed }) =>
        call.principal || sealed === undefined
          ? null
          : signedOut(call, openLogout(tools.keyring, call, sealed), true),
    }),
  ]
}

/** Whether the ID token is of the session of this browser; without a `sid`, of its user. */
async function isOfSession(
  tools: LogoutTools,
  { hint }: LogoutRequest,
  { principal, session }: Call,
): Promise<boolean> {
  if (hint === null || !principal || !session || hint.userId !== principal.userId) return false
  if (hint.sid === null) return true
  const client = await tools.clients.find(hint.clientId)
  return client !== null && hint.sid === (await findSid(tools, client, session.id))
}

async function signOut(
  tools: LogoutTools,
  deliveries: Pick<Deliveries, 'send'>,
  call: Call,
  request: LogoutRequest,
): Promise<PageAnswer> {
  if (!call.principal) return signedOut(call, request, true)
  const atProvider = await signOutOfBrowser(tools, call, request.leadsTo)
  // the apps of the session know of it before the browser is back
  const sending = deliveries
    .send()
    .catch((err: unknown) => tools.log.warn({ err }, 'sending back-channel logouts failed'))
  const patience = new AbortController()
  const { signal } = patience
  await Promise.race([sending, setTimeout(PATIENCE, null, { signal }).catch(() => null)])
  patience.abort()
  return atProvider ?? signedOut(call, request, true)
}

/** @param isLed whether the browser continues to the app at once, as the user or an ID token has said; else by a click */
function signedOut({ locale }: Call, { leadsTo, app, fault }: LogoutRequest, isLed: boolean): PageAnswer {
  const cookies = SIGNED_OUT_COOKIES
  if (leadsTo !== null && isLed) return { redirect: leadsTo, cookies }
  return {
    page: <LoggedOut app={app} fault={fault} leadsTo={leadsTo} />,
    title: t(locale, 'done.title'),
    cookies,
    ...(fault !== null && { status: 400 }),
  }
}

async function question(
  { keyring, db }: LogoutTools,
  { locale, now }: Call,
  principal: NonNullable<Call['principal']>,
  request: LogoutRequest,
): Promise<PageAnswer> {
  const account = await accountOf(db.hot, principal)
  return {
    page: (
      <LogoutQuestion
        app={request.app}
        fault={request.fault}
        account={account}
        sealed={sealLogout(keyring, request, now)}
      />
    ),
    title: t(locale, 'question.title'),
    ...(request.fault !== null && { status: 400 }),
    ...(request.leadsTo !== null && { formTargets: [targetOf(request.leadsTo) ?? []].flat() }),
  }
}
