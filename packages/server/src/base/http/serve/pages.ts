/**
 * The page face of an operation: a hosted page, or the form on it. A caller who is not signed in is redirected to
 * sign in, and from there back; a form that fails is displayed again with its values, passwords excepted; every other
 * failure gets the error page, which links back to the form.
 */
import type { Call } from '../../call.ts'
import { type Problem, problem } from '../../errors.ts'
import type { Eventual } from '../../eventual.ts'
import { SESSION_COOKIE, SIGNED_OUT_COOKIES } from '../browser-cookies.ts'
import { ANONYMOUS } from '../request/authenticate.ts'
import { CSRF_FIELD, csrfFor } from '../request/csrf.ts'
import type { Exchange } from '../request/exchange.ts'
import { type Input, NO_INPUT } from '../request/input.ts'
import type { CookieChange, PageAnswer, PageRow } from '../row/route.ts'
import {
  type AppAhead,
  type FormAddress,
  type FormInput,
  type ReturnPath,
  returnToOf,
  SAME_PAGE,
} from './return-path.ts'
import type { Handler, Params } from './router.ts'
import { type Entry, type HeldForm, type HttpContext, problemOf, type Steps, steps } from './steps.ts'

export interface PageRenderer {
  /** A whole HTML document. `csrfToken` is null on pages that are the same for every caller. */
  renderPage(call: Call, page: PageContent): string
  /** A whole HTML document that describes the problem; for a signed-in user it has a form (sign out). */
  renderProblem(call: Call, problem: Problem, csrfToken: string | null, path: ReturnPath): string
}
export interface PageContent {
  page: import('preact').VNode
  title: string
  status: number
  csrfToken: string | null
  continuesTo: AppAhead | null
}

export type PageContext = HttpContext & { renderer: PageRenderer }

interface PageSteps extends Steps<PageRow> {
  formAddress: FormAddress
}

export function pageHandler(context: PageContext, row: PageRow, formAddress: FormAddress): Handler {
  const step: PageSteps = { ...steps(context, row), formAddress }
  return async (req, res, params) => {
    const entry = step.open(req, res, params)
    const { exchange } = entry
    let isMeant = false
    try {
      const input = await step.enter(entry)
      if (entry.refusal) return await answerRefusal(context, step, entry, entry.refusal)
      const parsed = await step.validateInput(entry, input)
      isMeant = true
      const answer = await step.recordDenials(entry, () => row.run(entry.call, parsed))
      await sendPage(context, row, entry, answer)
    } catch (error) {
      const failed = problemOf(context, exchange, error, row)
      await (isMeant ? answerFailure : displayAgain)(context, step, entry, failed)
    }
  }
}

async function answerRefusal(
  context: PageContext,
  step: PageSteps,
  entry: Entry,
  refusal: Problem,
): Promise<void> {
  const { row } = step
  const { exchange, call, params } = entry
  const isGet = row.method === 'GET'
  if (NEEDS_STEP_UP.includes(refusal.code)) {
    await readMeantForm(context, step, entry)
    if (await answerByStepUp(context, step, entry, refusal)) return
  }
  if (call.principal === null && isGet) {
    const notice = refusal.code === 'SESSION_EXPIRED' ? { expired: '1' } : {}
    context.present.redirect(exchange, signInAddress(exchange.url, notice))
  } else {
    const { fields } = isGet ? NO_INPUT : await readRefusedForm(step, exchange, params)
    if (await answerReached(context, row, entry, fields, refusal)) return
    const retry = isGet ? '' : step.formAddress(params, fields)
    const path = { retry, returnTo: retry || null }
    sendProblemPage(context, exchange, call, problemOf(context, exchange, refusal, row), path)
  }
}

/** Reads a form that was refused before it was read, and checks its token. @throws Problem as reading it, CSRF_FAILED */
async function readMeantForm(context: PageContext, step: PageSteps, entry: Entry): Promise<void> {
  const { exchange, params } = entry
  if (step.row.method === 'GET') return
  if (context.isForeign(exchange.req)) throw problem('CSRF_FAILED')
  entry.input = NO_INPUT
  entry.input = await step.readInput(exchange, ANONYMOUS, params)
  step.assertMeant(entry, entry.input)
}

/**
 * Redirects to the step-up that a refused page or form requires, from which the browser comes back. The contents of the
 * form, whose token was checked, are kept. @returns whether it did
 */
async function answerByStepUp(
  context: PageContext,
  step: PageSteps,
  entry: Entry,
  refusal: Problem,
): Promise<boolean> {
  const { exchange, call, params } = entry
  if (!call.session) return false
  const isGet = step.row.method === 'GET'
  const fields = entry.input?.fields ?? {}
  const aim = isGet
    ? { returnTo: exchange.url, form: null }
    : { returnTo: step.formAddress(params, fields), form: heldForm(exchange, params, fields) }
  const isLevel = typeof step.row.fresh === 'object'
  const answer = await context.stepUp(call, refusal, { ...aim, isLevel })
  if (!answer) return false
  context.present.redirect(exchange, answer.redirect, answer.cookies)
  return true
}

function heldForm({ url }: Exchange, params: Params, input: FormInput): HeldForm {
  const isSent = ([name]: [string, unknown]): boolean => !Object.hasOwn(params ?? {}, name)
  const fields = valuesOf(Object.fromEntries(Object.entries(input).filter(isSent)))
  return {
    path: url,
    fields,
    isPartial: Object.keys(input).some((name) => name !== CSRF_FIELD && isSecret(name)),
  }
}

/** What is required before a page does what was sent: a step-up, which may set a second factor up. */
const NEEDS_STEP_UP: readonly string[] = ['STEP_UP_REQUIRED', 'MFA_ENROLMENT_REQUIRED']

async function answerFailure(
  context: PageContext,
  step: PageSteps,
  entry: Entry,
  failed: Problem,
): Promise<void> {
  try {
    if (NEEDS_STEP_UP.includes(failed.code) && (await answerByStepUp(context, step, entry, failed))) return
  } catch (error) {
    return displayAgain(context, step, entry, problemOf(context, entry.exchange, error, step.row))
  }
  await displayAgain(context, step, entry, failed)
}

function signInAddress(returnTo: string, notice: Record<string, string>): string {
  const parameters = new URLSearchParams()
  if (/^\/(?![/\\])/.test(returnTo) && returnTo.length <= 2000) parameters.set('return_to', returnTo)
  for (const name in notice) parameters.set(name, notice[name] ?? '')
  return `/sign-in?${parameters}`
}

/** @param fields those of a form that is displayed again */
async function sendPage(
  context: PageContext,
  row: PageRow,
  { exchange, call }: Entry,
  answer: PageAnswer,
  failed?: Problem,
  fields: FormInput = {},
): Promise<void> {
  if ('redirect' in answer) {
    keepNewCookies(context, exchange, answer.cookies)
    context.present.redirect(exchange, answer.redirect, answer.cookies)
    return
  }
  if ('document' in answer) {
    context.present.page(exchange, answer.document, {
      status: 200,
      cookies: answer.cookies,
      contentSecurityPolicy: answer.contentSecurityPolicy,
      type: answer.type,
    })
    return
  }
  const shownTo = endsSession(answer.cookies) ? { ...call, principal: null, session: null } : call
  const csrf = row.anonymous ? { token: null, cookies: [] } : csrfFor(context.keyring, shownTo)
  const status = failed?.status ?? answer.status ?? 200
  const { page, title } = answer
  const continuesTo = await appAhead(context, exchange, answer.returnTo, fields)
  const html = context.renderer.renderPage(shownTo, {
    page,
    title,
    status,
    csrfToken: csrf.token,
    continuesTo,
  })
  keepNewCookies(context, exchange, answer.cookies)
  const cookies = [...(answer.cookies ?? []), ...csrf.cookies]
  const formTargets = [...(answer.formTargets ?? []), ...context.formTargets(call)]
  context.present.page(exchange, html, { status, cookies, formTargets, failed })
}

/** The app that the page is on the way to: where the page says that it leads, or else by its address or its form. */
function appAhead(
  { continuesTo }: PageContext,
  { url }: Exchange,
  said: string | null | undefined,
  fields: FormInput,
): Eventual<AppAhead | null> {
  const query = url.indexOf('?')
  const inQuery = query === -1 ? null : new URLSearchParams(url.slice(query)).get('return_to')
  const returnTo = said === undefined ? (inQuery ?? returnToOf(fields)) : said
  return returnTo === null ? null : continuesTo(returnTo)
}

/** The page is then that of a visitor. */
const endsSession = (cookies: readonly CookieChange[] | undefined): boolean =>
  cookies?.some(({ name, value }) => name === SESSION_COOKIE && value === null) ?? false

/** Drops the headers that clear cookies of the user (steps.ts) where the answer sets new ones. */
function keepNewCookies(
  { present }: PageContext,
  { headers }: Exchange,
  cookies: readonly CookieChange[] | undefined,
): void {
  for (const cleared of SIGNED_OUT_COOKIES) {
    const isSet = cookies?.some(({ name }) => name === cleared.name)
    const at = isSet ? headers.indexOf(present.cookies.set(cleared)) : -1
    if (at !== -1) headers.splice(at - 1, 2)
  }
}

async function displayAgain(
  context: PageContext,
  step: PageSteps,
  entry: Entry,
  failed: Problem,
): Promise<void> {
  const { row } = step
  const { exchange, call, params, input, isAuthorized } = entry
  const { fields } = input ?? (await readRefusedForm(step, exchange, params))
  const path = {
    retry: row.method === 'GET' ? '' : step.formAddress(params, fields),
    returnTo: returnToOf(fields),
  }
  try {
    if (isAuthorized && (await answerReached(context, row, entry, fields, failed))) return
    // the form of a caller who is not known yet would be that of a visitor; a page that is read may be reached from another
    // site, such as by the redirect of an identity provider
    const isForeignForm = row.method !== 'GET' && context.isForeign(exchange.req)
    if (!row.redisplay || !isAuthorized || failed.status >= 500 || isForeignForm) {
      sendProblemPage(context, exchange, call, failed, path)
    } else {
      const answer = await row.redisplay(call, valuesOf(fields), failed)
      await sendPage(context, row, entry, answer, failed, fields)
    }
  } catch (error) {
    sendProblemPage(context, exchange, call, problemOf(context, exchange, error, row), path)
  }
}

/** Answers a request whose aim is reached already. @returns whether it did */
async function answerReached(
  context: PageContext,
  row: PageRow,
  entry: Entry,
  input: FormInput,
  refusal: Problem,
): Promise<boolean> {
  if (!row.reached || refusal.status >= 500 || context.isForeign(entry.exchange.req)) return false
  const answer = await row.reached(entry.call, valuesOf(input), refusal)
  if (answer) await sendPage(context, row, entry, answer)
  return answer !== null
}

/** Reads a form that was refused before it was read, so that its values are not lost. */
async function readRefusedForm(step: PageSteps, exchange: Exchange, params: Params): Promise<Input> {
  try {
    return await step.readInput(exchange, ANONYMOUS, params)
  } catch {
    // the answer is the first refusal
    return NO_INPUT
  }
}

const isSecret = (name: string): boolean => /passw|secret/i.test(name)

/** The values that the form is displayed with again: no password, no other secret. */
function valuesOf(input: FormInput): Readonly<Record<string, string>> {
  const values: Record<string, string> = {}
  for (const [name, value] of Object.entries(input)) {
    if (typeof value === 'string' && name !== CSRF_FIELD && !isSecret(name)) values[name] = value
  }
  return Object.freeze(values)
}

/** The error page; the envelope if rendering the page fails. */
export function sendProblemPage(
  context: PageContext,
  exchange: Exchange,
  call: Call,
  failed: Problem,
  path: ReturnPath = SAME_PAGE,
): void {
  try {
    const token = call.session ? csrfFor(context.keyring, call).token : null
    const html = context.renderer.renderProblem(call, failed, token, path)
    context.present.page(exchange, html, { status: failed.status, failed })
  } catch (error) {
    context.log.error({ request_id: exchange.id, err: error }, 'rendering the error page failed')
    context.present.problem(exchange, failed)
  }
}
