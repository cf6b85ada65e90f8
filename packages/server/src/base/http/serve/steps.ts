/**
 * One request through one row. The order is the security of it: who calls, may they, from where, how often,
 * what they say, is it meant, then the row's own work. What can be prepared once a row is prepared once.
 */
import type { ServerResponse } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Config } from '../../../config.ts'
import { type Call, outside } from '../../call.ts'
import type { Keyring } from '../../crypto.ts'
import { Problem, problem } from '../../errors.ts'
import type { Limits } from '../../limits/index.ts'
import type { Log } from '../../log/index.ts'
import { asProblem, type Presenter, type Serialise, serialiser } from '../../present/index.ts'
import { gate, identify, standing, twoCredentials } from '../request/access.ts'
import type { Authenticator, Caller, MembershipLookup } from '../request/authenticate.ts'
import { BODY_LIMIT, isTooMuchToDrain, readBody } from '../request/body.ts'
import { CSRF_FIELD, isTokenOf, tokenIn } from '../request/csrf.ts'
import { callOf, type Exchange, type Reader } from '../request/exchange.ts'
import { parseInput, parseJudged } from '../request/fields.ts'
import { parseForm } from '../request/form.ts'
import { type Count, counter } from '../request/limit.ts'
import { badCharacters, badRequest, hasBadCharacters } from '../request/text.ts'
import type { Answer, ApiRow, Row } from '../row/route.ts'

/** What every row is answered with. */
export interface House {
  config: Config
  limits: Limits
  log: Log
  keyring: Keyring
  reader: Reader
  present: Presenter
  authenticator: Authenticator
  memberships: MembershipLookup
  denied: Denied
  isForeign: (req: Exchange['req']) => boolean
  isUnreachable: (error: unknown) => boolean
}

/**
 * Told of a known caller who lacks a permission for what they tried, before that is answered: the row's own, or one
 * for what they wanted to change. `target` is what the path names, by the names of its parameters.
 */
export type Denied = (
  call: Call,
  tried: { action: string; target: Readonly<Record<string, string>> },
  why: Problem,
) => Promise<void>

/** An id or a name: what else stands in a path was nobody's, and may be anything. */
const NAME = /^[\w.:*-]{1,100}$/

export type Handler = (request: FastifyRequest, res: ServerResponse) => Promise<void>

/** What goes on between the wire and a row's `run`, the same for API and pages. */
export interface Steps<R extends Row> {
  row: R
  /** Who calls and whether the row is open to them; a bad credential does not throw here. */
  enter(exchange: Exchange, params: unknown): Promise<{ caller: Caller; call: Call; closed: Problem | null }>
  /** Origin and limit; a promise only where the limits are counted elsewhere. @throws Problem, or rejects with one */
  assertWelcome(exchange: Exchange, caller: Caller, call: Call): void | Promise<void>
  /** Everything the caller says, path parameters last. @throws Problem */
  read(exchange: Exchange, caller: Caller, params: unknown): Promise<Record<string, unknown>>
  /** The CSRF token, then the schema. @throws Problem */
  understand(exchange: Exchange, call: Call, said: Record<string, unknown>): Promise<unknown>
  /** Runs what changes something; that the caller lacked a permission for it is told on. @throws Problem */
  watch<T>(call: Call, params: unknown, work: () => Promise<T> | T): Promise<T>
}

export function steps<R extends Row>(house: House, row: R): Steps<R> {
  const unsafe = row.method !== 'GET'
  const fromQuery = row.method === 'GET' || (row.method === 'DELETE' && !row.body)
  const closedTo = gate(row)
  const count: Count | null = counter(row, house.limits, house.config.rateLimits)
  const bodyLimit = row.bodyLimit ?? BODY_LIMIT
  async function denied(call: Call, params: unknown, why: unknown): Promise<void> {
    if (!(why instanceof Problem) || why.code !== 'INSUFFICIENT_PERMISSIONS') return
    const named = Object.entries((params ?? {}) as Record<string, string>)
    const target = Object.fromEntries(named.filter(([, value]) => NAME.test(value)))
    // what is tried elsewhere is no matter of the organization that the caller acts in
    const about = row.organization === undefined ? outside(call) : call
    await house.denied(about, { action: row.of.name, target }, why)
  }
  async function turnedAway(exchange: Exchange, caller: Caller, params: unknown, closed: Problem) {
    const call = callOf(exchange, caller)
    await denied(outside(call), params, closed)
    return { caller, call, closed }
  }
  return {
    row,
    async enter(exchange, params) {
      assertVersion(exchange)
      const caller = await identify(row, exchange, house)
      const closed = closedTo(caller, exchange.now)
      const { principal, organization } = caller
      if (principal === null) return { caller, call: callOf(exchange, caller), closed }
      if (closed !== null) return turnedAway(exchange, caller, params, closed)
      if (row.organization === undefined) return { caller, call: callOf(exchange, caller), closed }
      const inside = await standing(row, { principal, organization }, params, house.memberships)
      if (inside instanceof Problem) return turnedAway(exchange, caller, params, inside)
      return { caller, call: callOf(exchange, { ...caller, organization: inside }), closed }
    },
    assertWelcome(exchange, caller, call) {
      const isOwnWish = caller.isExplicit && caller.principal !== null
      if (unsafe && !isOwnWish && house.isForeign(exchange.req)) throw problem('CSRF_FAILED')
      return count?.(call, exchange.headers)
    },
    async read(exchange, caller, params) {
      const said = fromQuery ? parseForm(queryOf(exchange.url)) : await readBody(exchange.req, bodyLimit)
      if (caller.basic) Object.assign(said, caller.basic)
      return withParams(said, params)
    },
    async understand(exchange, call, said) {
      const needsToken = unsafe && (row.kind === 'page' || call.session?.via === 'cookie')
      if (needsToken && !isTokenOf(house.keyring, call, tokenIn(exchange.req, said)))
        throw problem('CSRF_FAILED')
      delete said[CSRF_FIELD]
      const judge = row.judge?.bind(row)
      return judge ? await parseJudged(row.input, said, judge) : parseInput(row.input, said)
    },
    async watch(call, params, work) {
      try {
        return await work()
      } catch (error) {
        if (unsafe) await denied(call, params, error)
        throw error
      }
    },
  }
}

export function apiHandler(house: House, row: ApiRow): Handler {
  const step = steps(house, row)
  const by = {
    message: row.message ?? `${row.summary}.`,
    status: row.status ?? 200,
    serialise: outputOf(house, row),
    bare: row.bare === true,
  }
  return async (request, res) => {
    const exchange = house.reader.open(request.raw, res, row.style)
    try {
      if (row.anyOrigin) exchange.headers.push('access-control-allow-origin', '*')
      else house.reader.cors.answer(exchange.req, exchange.headers)
      const { caller, call, closed } = await step.enter(exchange, request.params)
      if (closed) {
        const { url, req, credential } = exchange
        const elsewhere = row.turnAway?.({ url, headers: req.headers, credential }, closed) ?? null
        if (elsewhere === null) throw closed
        house.present.redirect(exchange, elsewhere)
        return
      }
      const welcome = step.assertWelcome(exchange, caller, call)
      if (welcome) await welcome
      const said = await step.read(exchange, caller, request.params)
      house.present.data(
        exchange,
        await step.watch(call, request.params, () => answered(step, exchange, call, said)),
        by,
      )
    } catch (error) {
      house.present.problem(exchange, failure(house, exchange, error, row))
    }
  }
}

async function answered(
  step: Steps<ApiRow>,
  exchange: Exchange,
  call: Call,
  said: Record<string, unknown>,
): Promise<Answer<unknown>> {
  const { row } = step
  if (row.withKey && call.principal?.method === 'api_key') {
    // a key and somebody's password are two callers
    if (Object.keys(said).length > 0) throw twoCredentials()
    return await row.withKey(call)
  }
  return await row.run(call, await step.understand(exchange, call, said))
}

/** Whatever went wrong, as what the caller may see; what was not foreseen goes to the log. */
export function failure(house: House, exchange: Exchange, error: unknown, row?: Row): Problem {
  const failed = asProblem(error, house.isUnreachable)
  if (failed.status >= 500) {
    const fields = { request_id: exchange.id, route: row?.name, err: failed.cause ?? failed }
    if (failed.code === 'INTERNAL_ERROR')
      house.log.error(fields, 'a request failed for a reason nobody foresaw')
    else house.log.warn(fields, 'a request was turned away')
  }
  if (isTooMuchToDrain(exchange.req)) exchange.headers.push('connection', 'close')
  return failed
}

/** Outside production an answer that does not fit its schema is an error at once, not a surprise for a client. */
function outputOf(house: House, row: ApiRow): Serialise {
  const serialise = serialiser(row.output as z.ZodType)
  if (house.config.profile === 'production') return serialise
  return (data) => {
    const verdict = row.output.safeParse(data)
    if (!verdict.success)
      throw new Error(`the answer of ${row.name} does not fit its schema`, { cause: verdict.error })
    return serialise(data)
  }
}

function assertVersion(exchange: Exchange): void {
  const version = exchange.req.headers['x-api-version']
  if (version === undefined) return
  if (version !== 'v1') throw badRequest('This version of the API is not known. Ask for v1.')
  exchange.headers.push('x-api-version', 'v1')
}

function queryOf(url: string): string {
  const mark = url.indexOf('?')
  return mark === -1 ? '' : url.slice(mark + 1)
}

function withParams(said: Record<string, unknown>, params: unknown): Record<string, unknown> {
  if (typeof params !== 'object' || params === null) return said
  for (const [name, value] of Object.entries(params)) {
    // `/users/` is not the user without a name
    if (value === '') throw problem('NOT_FOUND')
    if (hasBadCharacters(String(value))) throw badCharacters(name)
    said[name] = value
  }
  return said
}
