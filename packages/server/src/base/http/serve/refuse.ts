/**
 * What no row answers: a page for browsers outside the API, the envelope for all others. The page greets whoever is
 * signed in, as every other page does, but nothing depends on it: only a browser that brings a session is looked up,
 * and where the database is away the page is a stranger's, in time.
 */
import type { Call } from '../../call.ts'
import type { Problem } from '../../errors.ts'
import { wantsPage } from '../request/accept.ts'
import { NOBODY } from '../request/access.ts'
import { callOf, type Exchange } from '../request/exchange.ts'
import { errorPage, type PageHouse } from './pages.ts'
import { failure } from './steps.ts'

/** Milliseconds that the page waits to know its reader. */
const PATIENCE = 1000

export function refuse(house: PageHouse, exchange: Exchange, failed: Problem): void {
  const shown = failure(house, exchange, failed)
  const isApi = exchange.url.startsWith('/api/')
  if (!isApi && wantsPage(exchange.req.headers.accept)) {
    void readerOf(house, exchange).then((call) => errorPage(house, exchange, call, shown))
  } else {
    house.reader.cors.answer(exchange.req, exchange.headers)
    house.present.problem(exchange, shown)
  }
}

/** Never fails. Who names a credential is no browser, and means that one (access.ts). */
async function readerOf({ authenticator }: PageHouse, exchange: Exchange): Promise<Call> {
  const stranger = callOf(exchange, NOBODY)
  const { authorization, 'x-api-key': key } = exchange.req.headers
  const token = exchange.cookies.session
  if (!token || authorization !== undefined || key !== undefined) return stranger
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), PATIENCE)
  })
  try {
    const checked = authenticator.check({ kind: 'session', token, via: 'cookie' }, exchange.now)
    const verdict = await Promise.race([checked, late])
    if (verdict === null || 'refused' in verdict) return stranger
    return callOf(exchange, { ...NOBODY, principal: verdict.principal, session: verdict.session })
  } catch {
    return stranger
  } finally {
    clearTimeout(timer)
  }
}
