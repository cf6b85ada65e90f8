/**
 * What becomes of a request that was checked: the user signs in, proves something further, answers a question, or the app gets its
 * code. One function decides, for the request as it arrives, for its return from the sign-in, and for the user's answer; with
 * `prompt=none` the same decisions are answers to the app.
 */
import type { Call } from '../../../base/call.ts'
import { Problem } from '../../../base/errors.ts'
import type { CookieChange, PageAnswer } from '../../../base/http/row/route.ts'
import { withReturnTo } from '../../../base/page/parts.tsx'
import type { Tools } from '../../../core/tools.ts'
import { isUnprovenApp } from '../consents/index.ts'
import { answerApp } from './answers.ts'
import type { MakeCode } from './codes.ts'
import {
  type AppRequest,
  type AuthorizationError,
  type AuthorizationParameters,
  RefusedToApp,
} from './request.ts'
import { assertMet, type Met, type RequirementTools, type SignedInCall, signedIn } from './requirements.ts'
import type { StoredRequest } from './sql.ts'
import { continuedAt, storeRequest } from './stored.ts'

export interface DecideTools extends Pick<Tools, 'config' | 'db' | 'keyring' | 'clients'>, RequirementTools {
  makeCode: MakeCode
}

/** A request on its way. */
export interface Underway {
  request: AppRequest
  sent: AuthorizationParameters
  /** Null while it is on its way for the first time. */
  stored: StoredRequest | null
  /** The reference of the stored request. */
  reference: string | null
  cookies: readonly CookieChange[]
}

export type AskForConsent = (call: SignedInCall, underway: Underway) => Promise<PageAnswer>

/** @param isAllowed whether the user has just allowed it. @throws RefusedToApp, RefusedOnPage, Problem */
export async function decide(
  tools: DecideTools,
  call: Call,
  underway: Underway,
  { isAllowed, ask }: { isAllowed: boolean; ask: AskForConsent },
): Promise<PageAnswer> {
  const { request, stored } = underway
  const isSilent = request.prompts.has('none')
  const refuseIfSilent = (error: AuthorizationError, description: string): void => {
    if (isSilent) throw new RefusedToApp(request, error, description)
  }
  const caller = signedIn(call)
  if (caller === null) {
    refuseIfSilent('login_required', 'The user is not signed in.')
    return await toSignIn(tools, call, underway)
  }
  if (request.hintedUser !== null && request.hintedUser !== caller.principal.userId)
    throw new RefusedToApp(request, 'login_required', 'Another user is signed in than the app names.')
  const needsLogin = stored === null && request.prompts.has('login')
  const met = needsLogin ? null : await findMet(tools, caller, underway)
  if (met === null) return await store(tools, call, underway)
  const isAsked = !isAllowed && isAlwaysAsked(request)
  const code = isAsked ? null : await tools.makeCode(caller, request, { stored, met, isAllowed })
  if (code === null) {
    refuseIfSilent('consent_required', 'The user has to allow it.')
    return stored === null ? await store(tools, call, underway) : await ask(caller, underway)
  }
  const { cookies } = underway
  return answerApp(tools.config.publicUrl, request, { code }, { cookies, locale: call.locale })
}

/** Null where something is missing and the request is not stored yet: it is continued by its reference after the step-up. */
async function findMet(
  tools: DecideTools,
  call: SignedInCall,
  { request, stored }: Underway,
): Promise<Met | null> {
  try {
    return await assertMet(tools, call, request, stored?.created_at ?? call.now)
  } catch (error) {
    if (stored === null && error instanceof Problem) return null
    throw error
  }
}

/** Whether the question is put although it was allowed before, or needs no question otherwise. */
const isAlwaysAsked = (request: AppRequest): boolean =>
  request.prompts.has('select_account') || request.prompts.has('consent') || isUnprovenApp(request)

async function store(tools: DecideTools, call: Call, { sent, request }: Underway): Promise<PageAnswer> {
  const { path, cookies } = await storeRequest(tools, call, { ...sent, client_id: request.client.id })
  return { redirect: path, cookies }
}

/** To the sign-in, or to the registration where the app asks for that, and from there back to the request. */
async function toSignIn(tools: DecideTools, call: Call, underway: Underway): Promise<PageAnswer> {
  const { request, sent, reference } = underway
  const { path, cookies } =
    reference === null
      ? await storeRequest(tools, call, { ...sent, client_id: request.client.id })
      : { path: continuedAt(request.client.id, reference), cookies: underway.cookies }
  const page = withReturnTo(request.prompts.has('create') ? '/sign-up' : '/sign-in', path)
  const hint = request.loginHint === null ? '' : `&${new URLSearchParams({ email: request.loginHint })}`
  return { redirect: page + hint, cookies }
}
