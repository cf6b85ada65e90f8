/**
 * Requests that no row answers (404, 405, broken requests): an error page for browsers outside the API, the envelope
 * for all others. The page has the header of the signed-in user like every other page, but never waits for it: only a
 * session cookie is looked up, and if the database does not answer in time, the page has the header of a visitor.
 */
import type { Call } from '../../call.ts'
import type { Problem } from '../../errors.ts'
import { wantsPage } from '../request/accept.ts'
import { ANONYMOUS, callOf } from '../request/authenticate.ts'
import type { Exchange } from '../request/exchange.ts'
import { type PageContext, sendProblemPage } from './pages.ts'
import { problemOf } from './steps.ts'

/** Milliseconds that the page waits for the lookup of the session. */
const LOOKUP_TIMEOUT = 1000

export function refuse(context: PageContext, exchange: Exchange, refusal: Problem): void {
  const failed = problemOf(context, exchange, refusal)
  const isApi = exchange.url.startsWith('/api/')
  if (!isApi && wantsPage(exchange.req.headers.accept)) {
    void callBySession(context, exchange).then((call) => sendProblemPage(context, exchange, call, failed))
  } else {
    context.cors.answer(exchange.req, exchange.headers)
    context.present.problem(exchange, failed)
  }
}

/** Never rejects. A request with an explicit credential is not a browser's, and the cookie does not count (authenticate.ts). */
async function callBySession({ authenticator }: PageContext, exchange: Exchange): Promise<Call> {
  const anonymous = callOf(exchange, ANONYMOUS)
  const { authorization, 'x-api-key': key } = exchange.req.headers
  const token = exchange.cookies.session
  if (!token || authorization !== undefined || key !== undefined) return anonymous
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), LOOKUP_TIMEOUT)
  })
  try {
    const checked = authenticator.check({ kind: 'session', token, via: 'cookie' }, exchange.now)
    const verdict = await Promise.race([checked, timeout])
    if (verdict === null || 'refused' in verdict) return anonymous
    return callOf(exchange, { ...ANONYMOUS, principal: verdict.principal, session: verdict.session })
  } catch {
    return anonymous
  } finally {
    clearTimeout(timer)
  }
}
