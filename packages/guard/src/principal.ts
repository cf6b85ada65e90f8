/**
 * Who calls, as every method tells it, and where it is at hand: `currentPrincipal()` anywhere in the request.
 * A principal is frozen, because one object serves all requests that bring the same token.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Permitted } from './can.ts'

/** Who calls. What a method does not know is null, or an empty list. */
export interface Principal extends Permitted {
  /** The user's id: a token's `sub`. */
  readonly userId: string
  readonly username: string | null
  /** The foremost of `roles`. */
  readonly role: string | null
  readonly roles: readonly string[]
  /** Grants, `resource:action` with `*` for any; ask them through `can(principal, 'invoices:read')`. */
  readonly permissions: readonly string[]
  /** How it was proven: `access_token`, `session`, `api_key`, `jwt`, `basic`, or the name of a custom method. */
  readonly method: string
  /** The organization it acts in. */
  readonly organizationId: string | null
  /** The role it has there: `owner`, `admin`, `member`, `guest`, or one of the organization's own. */
  readonly organizationRole: string | null
  /** What it may do there; apart from `permissions`, which are the server's or the app's. */
  readonly organizationPermissions: readonly string[]
  readonly sessionId: string | null
  readonly keyId: string | null
  /** A token's `jti`. */
  readonly tokenId: string | null
  /** Authentication methods, RFC 8176. */
  readonly amr: readonly string[]
  /** Authentication context, OpenID Connect Core §2. */
  readonly acr: string | null
  readonly authenticatedAt: Date | null
  readonly expiresAt: Date | null
  /**
   * What it was made from: a token's claims, or the record that your callback found. Not enumerable, so that a
   * principal can be sent or logged without what else such a record holds.
   */
  readonly source: unknown
}

/** What a `principal` callback gives back: an id, and of the rest what there is. */
export type PrincipalFields = Pick<Principal, 'userId'> & {
  readonly [Name in Exclude<keyof Principal, 'userId' | 'method' | 'source'>]?: Principal[Name] | undefined
}

const NONE: readonly string[] = Object.freeze([])

class Known implements Principal {
  readonly userId: string
  readonly username: string | null
  readonly role: string | null
  readonly roles: readonly string[]
  readonly permissions: readonly string[]
  readonly method: string
  readonly organizationId: string | null
  readonly organizationRole: string | null
  readonly organizationPermissions: readonly string[]
  readonly sessionId: string | null
  readonly keyId: string | null
  readonly tokenId: string | null
  readonly amr: readonly string[]
  readonly acr: string | null
  readonly authenticatedAt: Date | null
  readonly expiresAt: Date | null
  readonly #source: unknown
  readonly #isOurs: boolean

  constructor(fields: PrincipalFields, method: string, source: unknown, isOurs: boolean) {
    const list = isOurs ? frozenList : copiedList
    this.userId = fields.userId
    this.username = fields.username ?? null
    this.roles = list(fields.roles ?? (fields.role ? [fields.role] : NONE))
    this.role = fields.role ?? this.roles[0] ?? null
    this.permissions = list(fields.permissions ?? NONE)
    this.method = method
    this.organizationId = fields.organizationId ?? null
    this.organizationRole = fields.organizationRole ?? null
    this.organizationPermissions = list(fields.organizationPermissions ?? NONE)
    this.sessionId = fields.sessionId ?? null
    this.keyId = fields.keyId ?? null
    this.tokenId = fields.tokenId ?? null
    this.amr = list(fields.amr ?? NONE)
    this.acr = fields.acr ?? null
    this.authenticatedAt = fields.authenticatedAt ?? null
    this.expiresAt = fields.expiresAt ?? null
    this.#source = source
    this.#isOurs = isOurs
    Object.freeze(this)
  }

  get source(): unknown {
    return this.#isOurs ? deeplyFrozen(this.#source) : this.#source
  }
}

const copiedList = (list: readonly string[]): readonly string[] =>
  list.length === 0 ? NONE : Object.freeze([...list])
const frozenList = (list: readonly string[]): readonly string[] => Object.freeze(list)

function deeplyFrozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const member of Object.values(value)) deeplyFrozen(member)
  }
  return value
}

/**
 * Completes and freezes a principal.
 *
 * @param isOurs whether fields and source were read here and belong to nobody else: then they are frozen, not copied
 */
export const makePrincipal = (
  fields: PrincipalFields,
  method: string,
  source: unknown,
  isOurs = false,
): Principal => new Known(fields, method, source, isOurs)

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((member) => typeof member === 'string')
const textIn = (value: unknown): string | null => (typeof value === 'string' ? value : null)

/**
 * Reads the usual names of a record (`id`, `user_id`, `userId` or `sub`; `username`; `role`; `roles`;
 * `permissions`) where no `principal` callback says otherwise.
 *
 * @throws TypeError where there is no id, or roles or permissions are no lists of texts
 */
export function fieldsOf(record: unknown): PrincipalFields {
  if (typeof record !== 'object' || record === null) throw new TypeError('a principal is made from an object')
  const values = record as Record<string, unknown>
  const id = values.userId ?? values.user_id ?? values.id ?? values.sub
  if ((typeof id !== 'string' && typeof id !== 'number' && typeof id !== 'bigint') || id === '')
    throw new TypeError('there is no id, user_id, userId or sub: give a `principal` callback')
  const { roles = [], permissions = [] } = values
  if (!isTexts(roles) || !isTexts(permissions))
    throw new TypeError('roles and permissions are lists of texts')
  const role = textIn(values.role) ?? roles[0] ?? null
  return {
    userId: `${id}`,
    username: textIn(values.username),
    role,
    roles: roles.length === 0 && role !== null ? [role] : roles,
    permissions,
    organizationId: textIn(values.organizationId ?? values.organization_id ?? values.org),
    sessionId: textIn(values.sessionId ?? values.session_id),
    keyId: textIn(values.keyId ?? values.key_id),
  }
}

const current = new AsyncLocalStorage<Principal | null>()

/**
 * Who makes the request that is being served, wherever one is in it: also after `await`, in timers and events
 * that the request began.
 *
 * @returns null outside a guarded request, and for a caller without a credential where the rule is `optional`
 */
export const currentPrincipal = (): Principal | null => current.getStore() ?? null

/** Runs a unit of work as somebody; nested, the innermost counts. */
export const runAs = <T>(principal: Principal | null, work: () => T): T => current.run(principal, work)

const ofRequests = new WeakMap<object, Principal>()

/** For requests that take no further properties: a web `Request`. */
export const rememberPrincipal = (request: object, principal: Principal): void => {
  ofRequests.set(request, principal)
}

/**
 * The principal of a request object that a guard let through.
 *
 * @param request an Express or Fastify request, a Koa or Hono context, a Node request, a web `Request`
 * @returns null where no guard stood before it, or an `optional` one let nobody through
 */
export function principalOf(request: object): Principal | null {
  const { principal, state, var: variables } = request as Holder
  return principal ?? state?.principal ?? variables?.principal ?? ofRequests.get(request) ?? null
}

interface Holder {
  principal?: Principal | null
  /** Koa's. */
  state?: { principal?: Principal | null }
  /** Hono's. */
  var?: { principal?: Principal | null }
}
