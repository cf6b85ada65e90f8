/**
 * A hosted page or the form on it. Who is not signed in is sent to sign in and back again; a form that fails
 * is shown again with what was typed, passwords excepted; what is left is the error page, which leads back to the form.
 */
import type { Call } from '../../call.ts'
import type { Problem } from '../../errors.ts'
import { NOBODY } from '../request/access.ts'
import { CSRF_FIELD, csrfFor } from '../request/csrf.ts'
import { callOf, type Exchange } from '../request/exchange.ts'
import type { CookieChange, PageAnswer, PageRow } from '../row/route.ts'
import { HERE, type Said, type Way, wantedIn } from './return-path.ts'
import { failure, type Handler, type House, type Steps, steps } from './steps.ts'

export interface PageRenderer {
  /** A whole HTML document. `csrfToken` is null on pages that are the same for everybody. */
  renderPage(call: Call, page: PageContent): string
  /** A whole HTML document that says what went wrong; it has a form (sign out) where somebody is signed in. */
  renderProblem(call: Call, problem: Problem, csrfToken: string | null, way: Way): string
}
export interface PageContent {
  page: import('preact').VNode
  title: string
  status: number
  csrfToken: string | null
}

export type PageHouse = House & { renderer: PageRenderer }

/** A page row with what is prepared once for it. */
interface Prepared extends Steps<PageRow> {
  /** The address of the page with the form that is sent here (return-path.ts). */
  form(params: unknown, said: Said): string
}

export function pageHandler(house: PageHouse, row: PageRow, form: Prepared['form']): Handler {
  const step: Prepared = { ...steps(house, row), form }
  return async (request, res) => {
    const exchange = house.reader.open(request.raw, res)
    let call = callOf(exchange, NOBODY)
    let said: Record<string, unknown> | undefined
    try {
      const entered = await step.enter(exchange, request.params)
      call = entered.call
      if (entered.caller.refused) forgetSession(house, exchange)
      if (entered.closed) {
        await turnAway(house, step, { exchange, call, params: request.params }, entered.closed)
        return
      }
      const welcome = step.assertWelcome(exchange, entered.caller, call)
      if (welcome) await welcome
      // what cannot be read is not read again
      said = {}
      said = await step.read(exchange, entered.caller, request.params)
      const input = await step.understand(exchange, call, said)
      show(house, row, exchange, call, await step.watch(call, request.params, () => row.run(call, input)))
    } catch (error) {
      const asked = { exchange, call, params: request.params }
      await showAgain(house, step, asked, said, failure(house, exchange, error, row))
    }
  }
}

/** A cookie that is good for nothing is taken back, so that the next request is clean. */
function forgetSession(house: PageHouse, exchange: Exchange): void {
  if (exchange.credential !== 'cookie') return
  exchange.headers.push('set-cookie', house.present.cookies.set({ name: 'session', value: null }))
}

/** A request for a page, as far as it is known when it is refused. */
interface Refused {
  exchange: Exchange
  call: Call
  params: unknown
}

async function turnAway(house: PageHouse, step: Prepared, asked: Refused, closed: Problem): Promise<void> {
  const { row } = step
  const { exchange, call, params } = asked
  const isGet = row.method === 'GET'
  const wanted = (): string => (isGet ? exchange.url : step.form(params, {}))
  if (closed.code === 'STEP_UP_REQUIRED') {
    house.present.redirect(exchange, addressOf('/sign-in', wanted(), { notice: 'step_up' }))
  } else if (call.principal === null && isGet) {
    const why = closed.code === 'SESSION_EXPIRED' ? { expired: '1' } : {}
    house.present.redirect(exchange, addressOf('/sign-in', wanted(), why))
  } else {
    const again = isGet ? '' : step.form(params, await leftover(step, exchange))
    const way = { again, returnTo: again || null }
    errorPage(house, exchange, call, failure(house, exchange, closed, row), way)
  }
}

/** The page one has to pass first, told where to go on. */
function addressOf(path: string, url: string, why: Record<string, string> = {}): string {
  const parameters = new URLSearchParams()
  if (/^\/(?![/\\])/.test(url) && url.length <= 2000) parameters.set('return_to', url)
  for (const name in why) parameters.set(name, why[name] ?? '')
  return `${path}?${parameters}`
}

function show(
  house: PageHouse,
  row: PageRow,
  exchange: Exchange,
  call: Call,
  answer: PageAnswer,
  failed?: Problem,
): void {
  if ('redirect' in answer) {
    dropForgetting(exchange, answer.cookies)
    house.present.redirect(exchange, answer.redirect, answer.cookies)
    return
  }
  if ('document' in answer) {
    house.present.page(exchange, answer.document, {
      status: 200,
      contentSecurityPolicy: answer.contentSecurityPolicy,
    })
    return
  }
  const csrf = row.anonymous ? { token: null, cookies: [] } : csrfFor(house.keyring, call)
  const status = failed?.status ?? answer.status ?? 200
  const { page, title } = answer
  const html = house.renderer.renderPage(call, { page, title, status, csrfToken: csrf.token })
  dropForgetting(exchange, answer.cookies)
  const cookies = [...(answer.cookies ?? []), ...csrf.cookies]
  house.present.page(exchange, html, { status, cookies, formTargets: answer.formTargets, failed })
}

/** The row sets a session of its own: nothing is taken back then. */
function dropForgetting(exchange: Exchange, cookies: readonly CookieChange[] | undefined): void {
  if (!cookies?.some(({ name }) => name === 'session')) return
  const at = exchange.headers.indexOf('set-cookie')
  if (at !== -1) exchange.headers.splice(at, 2)
}

async function showAgain(
  house: PageHouse,
  step: Prepared,
  { exchange, call, params }: Refused,
  read: Record<string, unknown> | undefined,
  failed: Problem,
): Promise<void> {
  const { row } = step
  const said = read ?? (await leftover(step, exchange))
  const again = row.method === 'GET' ? '' : step.form(params, said)
  const way = { again, returnTo: wantedIn(said) }
  try {
    if (!row.again || failed.status >= 500 || house.isForeign(exchange.req)) {
      errorPage(house, exchange, call, failed, way)
    } else {
      const answer = await row.again(call, typed(said), failed)
      show(house, row, exchange, call, answer, failed)
    }
  } catch (error) {
    errorPage(house, exchange, call, failure(house, exchange, error, row), way)
  }
}

/** A form that was refused before it was read is read after all, to lose nothing that was typed. */
async function leftover(step: Prepared, exchange: Exchange): Promise<Record<string, unknown>> {
  try {
    return await step.read(exchange, NOBODY, undefined)
  } catch {
    // it was refused for something else, and that is what is told
    return {}
  }
}

function typed(said: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(said)) {
    if (typeof value === 'string' && name !== CSRF_FIELD && !/passw|secret/i.test(name)) kept[name] = value
  }
  return Object.freeze(kept)
}

/** The last resort; if even that cannot be drawn, the envelope is written. */
export function errorPage(
  house: PageHouse,
  exchange: Exchange,
  call: Call,
  failed: Problem,
  way: Way = HERE,
): void {
  try {
    const token = call.session ? csrfFor(house.keyring, call).token : null
    const html = house.renderer.renderProblem(call, failed, token, way)
    house.present.page(exchange, html, { status: failed.status, failed })
  } catch (error) {
    house.log.error({ request_id: exchange.id, err: error }, 'the error page cannot be drawn')
    house.present.problem(exchange, failed)
  }
}
