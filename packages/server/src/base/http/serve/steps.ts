/**
 * The middleware of every row: the steps between a request and the row's `run`, whether it is answered as JSON, a page,
 * a stream or a file (api.ts, pages.ts, streams.ts, downloads.ts). Their order is critical to security: no body is read
 * before the caller is known, and nothing runs before every check has passed.
 *
 *   1  authorize             X-API-Version                                    BAD_REQUEST
 *   2                        the one credential of the request, verified      BAD_REQUEST
 *   3                        signed in, permitted, recently authenticated,    401, INSUFFICIENT_PERMISSIONS
 *                            by a proof that counts for the account           STEP_UP_REQUIRED
 *   4                        membership of the organization in the path       NOT_FOUND, INSUFFICIENT_PERMISSIONS
 *   5  assertOriginAndLimit  Origin and Sec-Fetch-Site of an unsafe request   CSRF_FAILED
 *   6                        room for the hash of a password; rate limits     UNAVAILABLE, RATE_LIMIT_EXCEEDED
 *   7  readInput             query or body, then path parameters              400, 413, 415, NOT_FOUND
 *   8  validateInput         CSRF token                                       CSRF_FAILED
 *   9                        schema, and nothing that it does not declare     VALIDATION_ERROR
 *  10  recordDenials         around `run`: an unsafe request that it refuses is in the audit log
 *
 * `enter` runs steps 1 to 7, the same for every kind of row. Steps 3 and 4 end it with a refusal, since each kind of row
 * answers it differently; denied access is in the audit log before, and the presets of step 6 count it. All other steps
 * throw. What does not depend on the request is computed once a row.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Config } from '../../../config.ts'
import { type Call, outside, type Principal } from '../../call.ts'
import type { Keyring } from '../../crypto.ts'
import { Problem, problem } from '../../errors.ts'
import { type Eventual, whenReady } from '../../eventual.ts'
import { deepFrozen } from '../../frozen.ts'
import type { RateLimits } from '../../limits/index.ts'
import { type Log, type OccasionalLog, scrub } from '../../log/index.ts'
import type { Cell } from '../../metrics/index.ts'
import { asProblem, type Presenter } from '../../present/index.ts'
import type { RequestTracer } from '../../traces/index.ts'
import { SIGNED_OUT_COOKIES } from '../browser-cookies.ts'
import {
  type AssuranceLookup,
  accessCheck,
  checkAccountProof,
  checkAssurance,
  checkMembership,
  joinRefusals,
  organizationNamed,
} from '../request/access.ts'
import {
  ANONYMOUS,
  type Authenticator,
  authenticate,
  type Caller,
  callOf,
  type MembershipLookup,
} from '../request/authenticate.ts'
import { isTooMuchToDrain } from '../request/body.ts'
import { CHALLENGE_FIELD, CHALLENGE_HEADER, type Challenges } from '../request/challenge.ts'
import { anyOrigin, type Cors } from '../request/cors.ts'
import { CSRF_FIELD, isTokenOf, tokenIn } from '../request/csrf.ts'
import type { Exchange, OpenExchange } from '../request/exchange.ts'
import { parseInput, parseJudged } from '../request/fields.ts'
import { type Input, inputReader, NO_INPUT, type ReadInput } from '../request/input.ts'
import { type CountRequest, requestCounter } from '../request/limit.ts'
import { badRequest } from '../request/text.ts'
import { type CookieChange, isCookieless, needsAccountProof, type Row } from '../row/route.ts'
import type { AppAhead } from './return-path.ts'
import type { Params } from './router.ts'

/** What handlers need besides their row; made once. */
export interface HttpContext {
  config: Config
  limits: RateLimits
  challenges: Challenges | null
  refusals: (labels: { operation: string }) => Cell
  log: Log
  /** Logs that requests were refused without a fault that would explain it: of each row, not each of them. */
  logUnavailable: OccasionalLog
  /** Null where there are no traces. */
  traces: RequestTracer | null
  /** @throws Problem UNAVAILABLE while no password can be hashed */
  assertRoomForHash(): void
  keyring: Keyring
  openExchange: OpenExchange
  cors: Cors
  present: Presenter
  authenticator: Authenticator
  memberships: MembershipLookup
  assurance: AssuranceLookup
  recordDenial: DenialRecorder
  stepUp: StepUpBeginner
  /** Where forms of the caller's browser may lead besides this server: origins, and schemes of apps. */
  formTargets(call: Call): readonly string[]
  /** The app to which an address on this server leads, for the pages before it; null for none. */
  continuesTo(returnTo: string): Eventual<AppAhead | null>
  /** Awaited between an unsafe `run` and its answer; the testing profile writes its e-mails here. */
  beforeAnswer: (() => Promise<void>) | null
  isForeign: (req: Exchange['req']) => boolean
  /** Whether a site that is not registered has sent the browser, by a link or a redirect. */
  isSentByOther: (req: Exchange['req']) => boolean
  isUnavailable: (error: unknown) => boolean
}

/**
 * Records in the audit log that a known caller lacks a permission: the one that the operation requires, or one that
 * `run` requires for the change. Called before the answer. `target` has the path parameters by name.
 */
export type DenialRecorder = (
  call: Call,
  denied: { action: string; target: Readonly<Record<string, string>> },
  refusal: Problem,
) => Promise<void>

/**
 * Begins a step-up for a page that requires a further proof of the caller.
 * @returns where the browser gives it; null where the refusal cannot be answered by one
 */
export type StepUpBeginner = (
  call: Call,
  refusal: Problem,
  aim: StepUpAim,
) => Promise<{ redirect: string; cookies?: readonly CookieChange[] } | null>

/** What the browser was doing. */
export interface StepUpAim {
  /** The page to return to: the refused one, or that of the refused form. */
  returnTo: string
  /** The refused form; null for a page. */
  form: HeldForm | null
  /** Whether the row requires a level of what was proven recently, besides what an organization demands. */
  isLevel: boolean
}

/** A form that waits for a step-up. */
export interface HeldForm {
  /** Where it was sent. */
  path: string
  /** Without the CSRF token and without secrets. */
  fields: Readonly<Record<string, string>>
  /** Whether a password or another secret was left out, which has to be entered again. */
  isPartial: boolean
}

interface Authorization {
  caller: Caller
  call: Call
  /** Why the row is closed to the caller; null if it is open. */
  refusal: Problem | null
}

/** How far a request has come: what its answer is made of, also if a step throws. */
export interface Entry {
  exchange: Exchange
  /** The parameters of the path. */
  params: Params
  /** Of a visitor until the caller is known. */
  call: Call
  /** The HTTP Basic credential, on rows that accept one. */
  basic: Caller['basic']
  /** Why the row is closed to the caller; null if it is open. */
  refusal: Problem | null
  /** Undefined until the body is read; a body that cannot be read is not read a second time. */
  input: Input | undefined
  isAuthorized: boolean
}

export interface Steps<R extends Row> {
  row: R
  /** Opens the exchange of a request. */
  open(req: IncomingMessage, res: ServerResponse, params: Params): Entry
  /** Steps 1 to 7; ends early with a refusal. @returns the input, which nothing may use after a refusal. @throws Problem */
  enter(entry: Entry): Eventual<Input>
  /** Steps 1 to 4. An invalid credential on an open row is no refusal. @throws Problem BAD_REQUEST */
  authorize(exchange: Exchange, params: Params): Eventual<Authorization>
  /** Step 7 alone. @throws Problem */
  readInput: ReadInput
  /** Step 8 alone. @throws Problem CSRF_FAILED */
  assertMeant(entry: Entry, input: Input): void
  /** Steps 8 and 9. @throws Problem */
  validateInput(entry: Entry, input: Input): Eventual<unknown>
  /** Step 10. @throws what `run` throws */
  recordDenials<T>(entry: Entry, run: () => Eventual<T>): Eventual<T>
}

/** Prepares the steps of one row. */
export function steps<R extends Row>(context: HttpContext, row: R): Steps<R> {
  const isUnsafe = row.method !== 'GET'
  const isMisusable = isUnsafe && !isCookieless(row)
  const isOnAccount = needsAccountProof(row)
  const checkAccess = accessCheck(row)
  const readInput = inputReader(row, context.config)
  const countRequest: CountRequest | null = requestCounter(row, context)
  const countRefusal: CountRequest | null = row.of.forProxies
    ? null
    : requestCounter({ kind: row.kind, method: row.method, of: row.of, anonymous: row.anonymous }, context)
  const countGuess = guessCounter(row, context)

  async function recordDenial(call: Call, params: Params, error: unknown): Promise<void> {
    if (!(error instanceof Problem) || error.code !== 'INSUFFICIENT_PERMISSIONS') return
    // only rows about an organization concern the organization that the caller acts in
    const about = row.organization === undefined ? outside(call) : call
    await context.recordDenial(about, { action: row.of.name, target: targetOf(params) }, error)
  }
  async function refuse(exchange: Exchange, caller: Caller, params: Params, refusal: Problem) {
    const call = callOf(exchange, caller)
    await recordDenial(outside(call), params, refusal)
    return { caller, call, refusal }
  }
  function authorize(exchange: Exchange, params: Params): Eventual<Authorization> {
    assertVersion(exchange)
    return whenReady<Caller, Authorization>(authenticate(row, exchange, context), (caller) =>
      judge(exchange, params, caller),
    )
  }
  function judge(exchange: Exchange, params: Params, caller: Caller): Eventual<Authorization> {
    const refusal = checkAccess(caller, exchange.now)
    const { principal } = caller
    if (principal === null) return { caller, call: callOf(exchange, caller), refusal }
    if (row.fresh !== undefined && (refusal === null || refusal.code === 'STEP_UP_REQUIRED'))
      return judgeAssurance(exchange, params, caller, principal, refusal)
    if (isOnAccount && refusal === null && caller.session !== null)
      return whenReady<Problem | null, Authorization>(
        checkAccountProof({ session: caller.session, principal }, exchange.now, context.assurance),
        (verdict) => judgeCaller(exchange, params, caller, principal, verdict),
      )
    return judgeCaller(exchange, params, caller, principal, refusal)
  }
  function judgeCaller(
    exchange: Exchange,
    params: Params,
    caller: Caller,
    principal: Principal,
    refusal: Problem | null,
  ): Eventual<Authorization> {
    if (refusal !== null) return refuse(exchange, caller, params, refusal)
    return row.organization === undefined
      ? { caller, call: callOf(exchange, caller), refusal }
      : judgeMembership(exchange, params, caller, principal)
  }
  async function judgeAssurance(
    exchange: Exchange,
    params: Params,
    caller: Caller,
    principal: Principal,
    refusal: Problem | null,
  ): Promise<Authorization> {
    const { session } = caller
    const verdict = session
      ? await checkAssurance(
          row,
          { session, principal },
          organizationNamed(row, params),
          refusal,
          exchange.now,
          context.assurance,
        )
      : refusal
    if (verdict === null || session === null || row.organization === undefined)
      return await judgeCaller(exchange, params, caller, principal, verdict)
    const call = { ...callOf(exchange, caller), principal }
    const membership = await checkMembership(row, call, params, context.memberships)
    return await refuse(exchange, caller, params, joinRefusals(verdict, membership))
  }
  async function judgeMembership(
    exchange: Exchange,
    params: Params,
    caller: Caller,
    principal: Principal,
  ): Promise<Authorization> {
    const call = { ...callOf(exchange, caller), principal }
    const membership = await checkMembership(row, call, params, context.memberships)
    if (membership instanceof Problem) return refuse(exchange, caller, params, membership)
    return { caller, call: callOf(exchange, { ...caller, organization: membership }), refusal: null }
  }
  function assertOriginAndLimit(entry: Entry, caller: Caller, call: Call): void | Promise<void> {
    const { exchange } = entry
    // no other site can make a browser send an explicit credential
    const isProtected = caller.isExplicit && caller.principal !== null
    if (isMisusable && !isProtected && context.isForeign(exchange.req)) throw problem('CSRF_FAILED')
    const isGuess = caller.basic && countGuess
    if (row.of.hashes || isGuess) context.assertRoomForHash()
    const count = isGuess ? countGuess : countRequest
    return count?.(call, exchange.headers, () => solutionOf(entry, caller))
  }
  /** The solution of a challenge: a header, otherwise a field of a form, which is read before its limit for that. */
  async function solutionOf(entry: Entry, caller: Caller): Promise<string | null> {
    const sent = entry.exchange.req.headers[CHALLENGE_HEADER]
    if (typeof sent === 'string') return sent
    if (row.kind !== 'page' || !isUnsafe) return null
    try {
      const { fields } = await read(entry, caller)
      const field = fields[CHALLENGE_FIELD]
      return typeof field === 'string' ? field : null
    } catch {
      // the answer is the refusal by the limit
      return null
    }
  }
  /** Steps 5 to 7. */
  function admit(entry: Entry, { caller, call, refusal }: Authorization): Eventual<Input> {
    const { exchange } = entry
    entry.call = call
    entry.basic = caller.basic
    entry.refusal = refusal
    entry.isAuthorized = true
    exchange.userId = call.principal?.userId ?? null
    if (row.kind === 'page' && caller.refused) clearUserCookies(context, exchange)
    if (refusal !== null) return whenReady(countRefusal?.(call, exchange.headers), () => NO_INPUT)
    return whenReady<void, Input>(
      assertOriginAndLimit(entry, caller, call),
      () => entry.input ?? read(entry, caller),
    )
  }
  function read(entry: Entry, caller: Caller): Eventual<Input> {
    entry.input = NO_INPUT
    return whenReady<Input, Input>(readInput(entry.exchange, caller, entry.params), (input) => {
      entry.input = input
      return input
    })
  }
  function assertMeant({ exchange, call }: Entry, { fields }: Input): void {
    const needsToken = isMisusable && (row.kind === 'page' || call.session?.via === 'cookie')
    if (needsToken && !isTokenOf(context.keyring, call, tokenIn(exchange.req, fields)))
      throw problem('CSRF_FAILED')
  }
  async function runRecorded<T>({ call, params }: Entry, run: () => Eventual<T>): Promise<T> {
    try {
      return await run()
    } catch (error) {
      await recordDenial(call, params, error)
      throw error
    } finally {
      if (context.beforeAnswer !== null) await context.beforeAnswer()
    }
  }
  /** Without a query the input is the same for every request, and its parsed value too. */
  let parsedNothing: unknown
  function parseNothing(): unknown {
    parsedNothing ??= deepFrozen(parseInput(row.input, {}, []))
    return parsedNothing
  }
  return {
    row,
    authorize,
    open(req, res, params) {
      const exchange = context.openExchange(req, res, row.kind === 'page' ? undefined : row.style)
      const call = callOf(exchange, ANONYMOUS)
      return {
        exchange,
        params,
        call,
        basic: null,
        refusal: null,
        input: undefined,
        isAuthorized: false,
      }
    },
    enter(entry) {
      const { exchange, params } = entry
      if (row.anyOrigin) exchange.headers.push('access-control-allow-origin', '*')
      else if (row.kind === 'protocol') anyOrigin.answer(exchange.req, exchange.headers)
      else if (row.kind !== 'page') context.cors.answer(exchange.req, exchange.headers)
      return whenReady<Authorization, Input>(authorize(exchange, params), (authorization) =>
        admit(entry, authorization),
      )
    },
    readInput,
    assertMeant,
    validateInput(entry, input) {
      if (input === NO_INPUT) return parseNothing()
      assertMeant(entry, input)
      const { fields, unknown } = input
      delete fields[CSRF_FIELD]
      const judge = row.judge?.bind(row)
      return judge ? parseJudged(row.input, fields, unknown, judge) : parseInput(row.input, fields, unknown)
    },
    recordDenials: (entry, run) => (isUnsafe ? runRecorded(entry, run) : run()),
  }
}

/** The limits of HTTP Basic where the row checks it as a guess. */
function guessCounter(row: Row, context: HttpContext): CountRequest | null {
  const guess = row.kind === 'api' ? row.withBasic?.as : undefined
  return guess
    ? requestCounter({ kind: row.kind, method: row.method, of: guess, limit: guess.limit }, context)
    : null
}

/** An invalid session cookie is cleared, so that the next request has none, with what its user has left. */
function clearUserCookies({ present }: HttpContext, exchange: Exchange): void {
  if (exchange.credential !== 'cookie') return
  for (const cookie of SIGNED_OUT_COOKIES) exchange.headers.push('set-cookie', present.cookies.set(cookie))
}

/** @returns the Problem that the caller may see; logs the cause of a 5xx */
export function problemOf(context: HttpContext, exchange: Exchange, error: unknown, row?: Row): Problem {
  const failed = asProblem(error, context.isUnavailable)
  if (failed.status >= 500) {
    const { id: request_id, req } = exchange
    const trace_id = context.traces?.idOf(req, request_id, failed.status, 0) ?? undefined
    const fields = { request_id, trace_id, route: row?.name, err: failed.cause ?? failed }
    if (failed.cause === undefined && failed.code === 'UNAVAILABLE')
      context.logUnavailable(row?.name ?? '', { route: row?.name }, exchange.now)
    else if (failed.code === 'INTERNAL_ERROR')
      context.log.error(fields, 'request failed with an unexpected error')
    else context.log.warn(fields, 'request refused: service unavailable')
  }
  if (isTooMuchToDrain(exchange.req)) exchange.headers.push('connection', 'close')
  return failed
}

function assertVersion(exchange: Exchange): void {
  const version = exchange.req.headers['x-api-version']
  if (version === undefined) return
  if (version !== 'v1') throw badRequest('This version of the API does not exist. Send X-API-Version: v1.')
  exchange.headers.push('x-api-version', 'v1')
}

/** Ids and names; other texts in a path refer to nothing, and could put anything into the audit log. */
const TARGET = /^[\w.:*-]{1,100}$/

function targetOf(params: Params): Record<string, string> {
  const named = Object.entries((params ?? {}) as Record<string, string>)
  // a path may contain a token (`/auth/attempts/:attempt`), and no secret is recorded
  return Object.fromEntries(named.filter(([, value]) => TARGET.test(value) && scrub(value) === value))
}
