/**
 * The request pipeline that every adapter calls: read the credential, run the methods in order, check the outcome
 * against the rule, report each refusal. It is synchronous wherever the methods are, so that a cached token costs no
 * turn of the event loop.
 */
import { challenger, type ResourceFacts } from './challenge.ts'
import { type Now, systemTime } from './clock.ts'
import { bearerCredential, type Credential, readCredentials, type SentCredentials } from './credentials.ts'
import { callSafely } from './methods/callback.ts'
import type { Method, MethodOutcome, MethodPlan, RevocationState } from './methods/method.ts'
import {
  anything,
  assertOptions,
  callable,
  isRecord,
  type OptionTable,
  oneOf,
  text,
  unknownName,
} from './options.ts'
import { type Answer, presenter, STYLES, type Style } from './present.ts'
import type { Principal } from './principal.ts'
import { AppFault, asProblem, invalidToken, Problem, problem } from './problem.ts'
import type { GuardRequest } from './request.ts'
import { type RoleDefinition, roleDefinitions, withRolePermissions } from './roles.ts'
import { type CompiledRule, type Rule, rolesOf } from './rules.ts'

export interface GuardOptions {
  /** Run in order; the first method that recognizes the kind of the credential decides. */
  methods: readonly MethodPlan[]
  /**
   * Role definitions, for methods whose principals carry roles without permissions: `jwt`, `basic`, `apiKey`,
   * `session`, `custom`. The permissions of the roles are added to those of the principal. A Latchkey server sends
   * both, so principals of `latchkey` are left as they are.
   */
  roles?: readonly RoleDefinition[] | undefined
  /** Envelope style of error answers; `standard` by default. */
  style?: Style | undefined
  /** HTTP status for a missing or invalid credential: 401 (default), or 403, which requires the style `detail`. */
  unauthenticatedStatus?: 401 | 403 | undefined
  /** The `realm` of `WWW-Authenticate` (RFC 9110 §11.5); `latchkey` by default. */
  realm?: string | undefined
  /**
   * Called for every refusal, with its internal `reason`, and for faults outside of a request (`request` is then
   * null). By default, problems with status 500 and those that a callback of the app caused are written to the console,
   * and others are discarded.
   */
  onProblem?: ((problem: Problem, request: GuardRequest | null) => unknown) | undefined
  /** Called when the revocation stream connects or disconnects; `reason` is null when it connects. */
  onState?: ((state: RevocationState, reason: string | null) => unknown) | undefined
  /** Clock: the current time in milliseconds since the Unix epoch. For tests; `Date.now` by default. */
  now?: Now | undefined
}

/** The principal; null for an anonymous caller, where the rule is `optional`; or the problem to answer. */
export type Outcome = Principal | Problem | null

export interface Core {
  /** @throws TypeError for a rule with a role that no caller can have */
  assertRule(rule: Rule | undefined): void
  check(request: GuardRequest, rule: CompiledRule): Outcome | Promise<Outcome>
  /** Checks a token, whose request may have further credentials; these are not read. */
  checkToken(token: string, request: GuardRequest, rule: CompiledRule): Outcome | Promise<Outcome>
  refusal(problem: Problem, request: GuardRequest): Answer
  success(data: unknown, message: string, request: GuardRequest): Answer
  state(): RevocationState
  close(): void
}

/** @param resource of `protectedResource` */
export function openCore(options: GuardOptions, resource: ResourceFacts | null = null): Core {
  assertOptions('createGuard()', options, OPTIONS, ['methods'])
  const { style = 'standard', unauthenticatedStatus = 401, realm = 'latchkey', now = systemTime } = options
  if (unauthenticatedStatus === 403 && style !== 'detail')
    throw new TypeError('createGuard(): `unauthenticatedStatus` 403 requires the style `detail`')
  const definitions = options.roles && roleDefinitions(options.roles)
  const addRolePermissions = definitions && withRolePermissions(definitions)
  let isClosed = false
  const report = (problem: Problem, request: GuardRequest | null): void => {
    // a logger that throws must not prevent the answer
    if (options.onProblem) callSafely(() => options.onProblem?.(problem, request))
    else if (problem.status === 500 || problem.cause instanceof AppFault)
      console.error('latchkey guard:', problem.cause ?? problem)
  }
  const methods = options.methods.map((plan) =>
    plan.open({
      now,
      report: (error) =>
        report(problem('UNAVAILABLE', { reason: 'the server cannot be reached', cause: error }), null),
      stateChanged: (state, reason) => {
        if (!isClosed) callSafely(() => options.onState?.(state, reason))
      },
    }),
  )
  const union = (of: (method: Method) => readonly string[]): string[] => [...new Set(methods.flatMap(of))]
  const sources = {
    headers: union((method) => method.sources.headers),
    query: union((method) => method.sources.query),
    tokenQuery: union((method) => method.sources.tokenQuery),
    cookies: union((method) => method.sources.cookies),
    recognizes: (sent: Credential) => methods.some((method) => method.sources.recognizes(sent)),
  }
  const schemes = union(({ schemes: own, name }) => (own.length > 0 ? own : [name]))
  const challenges = challenger(schemes, realm, resource)
  const docs = methods.find((method) => method.docs !== undefined)?.docs ?? null
  const present = presenter({ style, unauthenticatedStatus, docs, now })

  /** @param from index of the first method to run */
  function runMethods(
    credentials: SentCredentials,
    request: GuardRequest,
    from: number,
  ): Outcome | Promise<Outcome> {
    for (let i = from; i < methods.length; i++) {
      const outcome = methods[i]?.authenticate(credentials, request)
      if (outcome instanceof Promise) return outcome.then((later) => resume(later, credentials, request, i))
      if (outcome !== undefined) return withPermissions(outcome, i)
    }
    return unrecognized(credentials)
  }
  const resume = (outcome: MethodOutcome, credentials: SentCredentials, request: GuardRequest, at: number) =>
    outcome === undefined ? runMethods(credentials, request, at + 1) : withPermissions(outcome, at)
  const withPermissions = (outcome: Principal | Problem, at: number): Principal | Problem =>
    outcome instanceof Problem || !addRolePermissions || methods[at]?.resolvesRoles
      ? outcome
      : addRolePermissions(outcome)

  /** @param read returns the credentials of the request */
  function decide(
    read: () => SentCredentials | Problem,
    request: GuardRequest,
    rule: CompiledRule,
  ): Outcome | Promise<Outcome> {
    try {
      const credentials = read()
      const outcome = credentials instanceof Problem ? credentials : runMethods(credentials, request, 0)
      if (outcome instanceof Promise)
        return outcome.then((later) => concluded(rule(later, request.method), request, rule)).catch(asProblem)
      return concluded(rule(outcome, request.method), request, rule)
    } catch (error) {
      return asProblem(error)
    }
  }

  const concluded = (outcome: Outcome, request: GuardRequest, rule: CompiledRule): Outcome => {
    const verdict = judged(outcome, request)
    if (resource !== null && verdict instanceof Problem && verdict.status === 401)
      resource.scopes.set(verdict, rule.scopesFor(request.method))
    return verdict
  }

  /** The roles that callers can have, where all of them are defined in the guard. */
  const catalogue = methods.some(({ resolvesRoles }) => resolvesRoles) ? undefined : definitions
  return {
    assertRule(rule) {
      const unknown = catalogue && rule && rolesOf(rule).find((role) => !catalogue.has(role))
      if (unknown)
        throw new TypeError(unknownName('the guard defines no role', unknown, [...catalogue.keys()]))
    },
    check: (request, rule) => decide(() => readCredentials(request, sources), request, rule),
    checkToken: (token, request, rule) => decide(() => bearerCredential(request, token), request, rule),
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

/**
 * A CORS preflight carries no credential (Fetch §4.8). It is refused all the same: a handler that ignores the method would
 * otherwise run for it. The log says what to do.
 */
function judged(outcome: Outcome, request: GuardRequest): Outcome {
  const isPreflight =
    outcome instanceof Problem &&
    outcome.code === 'AUTHENTICATION_REQUIRED' &&
    request.method === 'OPTIONS' &&
    request.header('access-control-request-method') !== undefined
  if (!isPreflight) return outcome
  const reason = 'a CORS preflight carries no credential: register the handling of CORS before the guard'
  return problem('AUTHENTICATION_REQUIRED', { reason })
}

/** A credential that no method recognizes is invalid; it does not count as an absent one. */
function unrecognized({ explicit }: SentCredentials): Problem | null {
  if (explicit === null) return null
  const reason = 'no method recognizes the credential'
  return explicit.kind === 'api-key' ? problem('INVALID_API_KEY', { reason }) : invalidToken(reason)
}

/** Several methods: the least favourable of their states. */
function stateOf(methods: readonly Method[]): RevocationState {
  const states = methods.map((method) => method.state?.() ?? 'off')
  if (states.includes('asking')) return 'asking'
  return states.includes('connected') ? 'connected' : 'off'
}

const OPTIONS: OptionTable<GuardOptions> = {
  methods: (value) =>
    Array.isArray(value) && value.length > 0 && value.every(isPlan)
      ? null
      : 'a list of at least one method, such as latchkey({…}) or jwt({…})',
  roles: anything,
  style: oneOf(STYLES),
  unauthenticatedStatus: oneOf([401, 403]),
  realm: text,
  onProblem: callable,
  onState: callable,
  now: callable,
}

const isPlan = (value: unknown): boolean => isRecord(value) && typeof value.open === 'function'
