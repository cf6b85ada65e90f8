/**
 * The heart that every adapter shares: find the credential, ask the methods in their order, hold the outcome
 * against the rule, report what was refused. It is synchronous wherever a method is, so that a token seen before
 * costs no turn of the event loop.
 */
import { challenger } from './challenge.ts'
import { type Now, systemTime } from './clock.ts'
import { type Offered, readCredentials } from './credentials.ts'
import type { Attempt, LineState, Method, MethodPlan } from './methods/method.ts'
import { type Answer, presenter, STYLES, type Style } from './present.ts'
import type { Principal } from './principal.ts'
import { asProblem, Problem, problem, refusedToken } from './problem.ts'
import type { GuardRequest } from './request.ts'
import { permittedByRoles, type RoleDefinition, roleDefinitions } from './roles.ts'
import type { Judge } from './rules.ts'

export interface GuardOptions {
  /** Tried in order; the first that recognises the credential as its kind decides. */
  methods: readonly MethodPlan[]
  /**
   * What roles come to, for methods that know somebody's roles and not what they permit: `jwt`, `basic`, `apiKey`,
   * `session`, `custom`. Is added to permissions that they bring. A Latchkey server says both by itself.
   */
  roles?: readonly RoleDefinition[] | undefined
  /** The shape of refusals; `standard` by default. */
  style?: Style | undefined
  /** What a caller without a (good) credential gets; 403 only with `detail`. */
  unauthenticatedStatus?: 401 | 403 | undefined
  /** For `WWW-Authenticate`; `latchkey` by default. */
  realm?: string | undefined
  /**
   * Told of every refusal, with its inner reason, and of what went wrong without a request (then `request` is
   * null). By default, faults (500) are written to the console and the rest is not.
   */
  onProblem?: ((problem: Problem, request: GuardRequest | null) => void) | undefined
  /** Told when revocations are pushed (again) or the server has to be asked, and why. */
  onState?: ((state: LineState, reason: string | null) => void) | undefined
  /** The present in milliseconds since 1970, for tests that move it. */
  now?: Now | undefined
}

/** Who it is (null: nobody, where the rule allows that), or why not. */
export type Outcome = Principal | Problem | null

export interface Core {
  check(request: GuardRequest, judge: Judge): Outcome | Promise<Outcome>
  refusal(problem: Problem, request: GuardRequest): Answer
  success(data: unknown, message: string, request: GuardRequest): Answer
  state(): LineState
  close(): void
}

export function openCore(options: GuardOptions): Core {
  const { style = 'standard', unauthenticatedStatus = 401, realm = 'latchkey', now = systemTime } = options
  assertOptions(options)
  const permitted = options.roles && permittedByRoles(roleDefinitions(options.roles))
  let isClosed = false
  const report = (problem: Problem, request: GuardRequest | null): void => {
    // a logger that fails must not keep a refusal from being answered
    if (options.onProblem) attempt(() => options.onProblem?.(problem, request))
    else if (problem.status === 500) console.error('latchkey guard:', problem.cause ?? problem)
  }
  const methods = options.methods.map((plan) =>
    plan.open({
      now,
      report: (error) =>
        report(problem('UNAVAILABLE', { reason: 'the server cannot be reached', cause: error }), null),
      stateChanged: (state, reason) => {
        if (!isClosed) attempt(() => options.onState?.(state, reason))
      },
    }),
  )
  const union = (of: (method: Method) => readonly string[]): string[] => [...new Set(methods.flatMap(of))]
  const sources = {
    headers: union((method) => method.sources.headers),
    query: union((method) => method.sources.query),
    cookies: union((method) => method.sources.cookies),
  }
  const schemes = union(({ schemes: own, name }) => (own.length > 0 ? own : [name]))
  const challenges = challenger(schemes, realm)
  const docs = methods.find((method) => method.docs !== undefined)?.docs ?? null
  const present = presenter({ style, unauthenticatedStatus, docs, now })

  /** @param from the first method to ask */
  function ask(offered: Offered, request: GuardRequest, from: number): Outcome | Promise<Outcome> {
    for (let i = from; i < methods.length; i++) {
      const attempt = methods[i]?.attempt(offered, request)
      if (attempt instanceof Promise) return attempt.then((made) => resume(made, offered, request, i))
      if (attempt !== undefined) return settled(attempt, i)
    }
    return unclaimed(offered)
  }
  const resume = (made: Attempt, offered: Offered, request: GuardRequest, at: number) =>
    made === undefined ? ask(offered, request, at + 1) : settled(made, at)
  const settled = (made: Principal | Problem, at: number): Principal | Problem =>
    made instanceof Problem || !permitted || methods[at]?.sumsUpRoles ? made : permitted(made)

  function identify(request: GuardRequest): Outcome | Promise<Outcome> {
    const offered = readCredentials(request, sources)
    return offered instanceof Problem ? offered : ask(offered, request, 0)
  }

  return {
    check(request, judge) {
      try {
        const outcome = identify(request)
        if (outcome instanceof Promise)
          return outcome.then((later) => judge(later, request.method), asProblem)
        return judge(outcome, request.method)
      } catch (error) {
        return asProblem(error)
      }
    },
    refusal(refused, request) {
      report(refused, request)
      return present.failure(refused, request, challenges(refused, request))
    },
    success: present.success,
    state: () => (isClosed ? 'closed' : stateOf(methods)),
    close() {
      isClosed = true
      for (const method of methods) method.close?.()
    },
  }
}

function attempt(tell: () => void): void {
  try {
    tell()
  } catch (error) {
    console.error('latchkey guard:', error)
  }
}

/** A credential that is of nobody's kind is a bad one, not none. */
function unclaimed({ explicit }: Offered): Problem | null {
  if (explicit === null) return null
  const reason = 'no method recognises it'
  return explicit.kind === 'api-key' ? problem('INVALID_API_KEY', { reason }) : refusedToken(reason)
}

/** Of several lines the worst. */
function stateOf(methods: readonly Method[]): LineState {
  const states = methods.map((method) => method.state?.() ?? 'off')
  if (states.includes('asking')) return 'asking'
  return states.includes('connected') ? 'connected' : 'off'
}

function assertOptions({ methods, style = 'standard', unauthenticatedStatus = 401 }: GuardOptions): void {
  if (!Array.isArray(methods) || methods.length === 0) throw new TypeError('a guard has at least one method')
  if (!STYLES.includes(style))
    throw new TypeError(`there is no style ${style}: take one of ${STYLES.join(', ')}`)
  if (unauthenticatedStatus !== 401 && (unauthenticatedStatus !== 403 || style !== 'detail'))
    throw new TypeError('unauthenticatedStatus is 401; with the style `detail` it may be 403')
}
