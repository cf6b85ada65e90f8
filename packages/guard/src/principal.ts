/**
 * The principal, in the shape that every method produces, and `currentPrincipal()`, which returns it anywhere in a
 * request (AsyncLocalStorage). A principal is frozen: one object serves all requests that send the same token.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Permitted } from './can.ts'
import { isRecord, isText, isTexts } from './options.ts'

/** The authenticated caller. A value that the method does not know is null, a list is empty. */
export interface Principal extends Permitted {
  /** The id of the user; the `sub` of a token. */
  readonly userId: string
  readonly username: string | null
  /** The first of `roles`, unless the credential names another as the main role. */
  readonly role: string | null
  readonly roles: readonly string[]
  /** Grants, `resource:action` with `*` for any; check them with `can(principal, 'invoices:read')`. */
  readonly permissions: readonly string[]
  /** The scopes of a token: what its client may do for the user, in any form (`openid`, `Files.Read`, `orders/read`). */
  readonly scopes: readonly string[]
  /** The method that authenticated it: `access_token`, `session`, `api_key`, `jwt`, `basic`, or the name of a custom one. */
  readonly method: string
  /** The id of the organization in which the caller acts. */
  readonly organizationId: string | null
  /** Its role in the organization: `owner`, `admin`, `member`, `guest`, or a role that the organization defined. */
  readonly organizationRole: string | null
  /** Its grants in the organization; `permissions` are those of the server or the app, and neither includes the other. */
  readonly organizationPermissions: readonly string[]
  readonly sessionId: string | null
  readonly keyId: string | null
  /** The `jti` of a token. */
  readonly tokenId: string | null
  /** Authentication methods references, RFC 8176. */
  readonly amr: readonly string[]
  /** Authentication context class reference, OpenID Connect Core §2. */
  readonly acr: string | null
  readonly authenticatedAt: Date | null
  readonly expiresAt: Date | null
  /**
   * The claims of the token, or the record that a callback returned. Not enumerable, so that a principal can be sent or
   * logged without the other contents of the record.
   */
  readonly source: unknown
}

/** The result of a `principal` callback: `userId`, and any other fields of a {@link Principal} that are known. */
export type PrincipalFields = Pick<Principal, 'userId'> & {
  readonly [Name in Exclude<keyof Principal, 'userId' | 'method' | 'source'>]?: Principal[Name] | undefined
}

const NONE: readonly string[] = Object.freeze([])

class FrozenPrincipal implements Principal {
  readonly userId: string
  readonly username: string | null
  readonly role: string | null
  readonly roles: readonly string[]
  readonly permissions: readonly string[]
  readonly scopes: readonly string[]
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
  readonly #isOwned: boolean

  constructor(fields: PrincipalFields, method: string, source: unknown, isOwned: boolean) {
    const list = isOwned ? frozenList : copiedList
    this.userId = fields.userId
    this.username = fields.username ?? null
    this.roles = list(fields.roles ?? (fields.role ? [fields.role] : NONE))
    this.role = fields.role ?? this.roles[0] ?? null
    this.permissions = list(fields.permissions ?? NONE)
    this.scopes = list(fields.scopes ?? NONE)
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
    this.#isOwned = isOwned
    Object.freeze(this)
  }

  get source(): unknown {
    return this.#isOwned ? deeplyFrozen(this.#source) : this.#source
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
 * @param isOwned whether fields and source were parsed by the guard and have no other owner: they are frozen, not copied
 */
export const makePrincipal = (
  fields: PrincipalFields,
  method: string,
  source: unknown,
  isOwned = false,
): Principal => new FrozenPrincipal(fields, method, source, isOwned)

/** A thenable, such as a promise or a query builder. */
export const isPromiseLike = (value: unknown): value is PromiseLike<never> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'

const textIn = (value: unknown): string | null => (typeof value === 'string' ? value : null)

/**
 * The default `principal` callback: reads the common names of a record (`id`, `user_id`, `userId` or `sub`; `username`;
 * `role`; `roles`; `permissions`).
 *
 * @throws TypeError where there is no id, or roles or permissions are not arrays of strings
 */
export function fieldsOf(record: unknown): PrincipalFields {
  if (!isRecord(record)) throw new TypeError('the record of a principal must be an object')
  const id = idOf(record.userId ?? record.user_id ?? record.id ?? record.sub)
  if (id === null)
    throw new TypeError('the record has no id, user_id, userId or sub: pass a `principal` callback')
  const roles = listIn(record, 'roles') ?? NONE
  const role = textIn(record.role) ?? roles[0] ?? null
  return {
    userId: id,
    username: textIn(record.username),
    role,
    roles: roles.length === 0 && role !== null ? [role] : roles,
    permissions: listIn(record, 'permissions') ?? NONE,
    scopes: listIn(record, 'scopes') ?? NONE,
    organizationId: idOf(record.organizationId ?? record.organization_id ?? record.org),
    sessionId: idOf(record.sessionId ?? record.session_id),
    keyId: idOf(record.keyId ?? record.key_id),
  }
}

const LISTS = ['roles', 'permissions', 'scopes', 'organizationPermissions', 'amr'] as const
const IDS = ['organizationId', 'sessionId', 'keyId', 'tokenId'] as const
const TEXTS = ['username', 'role', 'organizationRole', 'acr'] as const
const DATES = ['authenticatedAt', 'expiresAt'] as const

/**
 * Judges what a callback returned as the fields of a principal: a string in place of a list would be a list of letters,
 * among them `*`. Undefined and null count as absent, and numbers as ids.
 *
 * @throws TypeError where there is no id, or a field has another type
 */
export function judgedFields(answer: unknown): PrincipalFields {
  if (!isRecord(answer)) throw new TypeError('an object with a `userId` is required')
  const userId = idOf(answer.userId)
  if (userId === null) throw new TypeError('an object with a `userId` is required; it has none')
  const fields: Record<string, unknown> = { userId }
  for (const name of LISTS) fields[name] = listIn(answer, name)
  for (const name of IDS) fields[name] = memberOf(answer, name, 'an id', idOf)
  for (const name of TEXTS) fields[name] = memberOf(answer, name, 'a string', textIn)
  for (const name of DATES) fields[name] = memberOf(answer, name, 'a valid Date', dateIn)
  for (const name of Object.keys(fields)) if (fields[name] === undefined) delete fields[name]
  return fields as PrincipalFields
}

/** An id as text; null for anything that identifies nothing, such as '' and NaN. */
function idOf(value: unknown): string | null {
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return `${value}`
  return isText(value) ? value : null
}

const dateIn = (value: unknown): Date | null =>
  value instanceof Date && !Number.isNaN(value.getTime()) ? value : null

function memberOf<T>(
  values: Record<string, unknown>,
  name: string,
  wanted: string,
  read: (value: unknown) => T | null,
): T | undefined {
  const value = values[name]
  if (value === undefined || value === null) return undefined
  const found = read(value)
  if (found === null) throw new TypeError(`\`${name}\` must be ${wanted}`)
  return found
}

function listIn(values: Record<string, unknown>, name: string): readonly string[] | undefined {
  const value = values[name]
  if (value === undefined || value === null) return undefined
  if (isTexts(value)) return value
  const hint = typeof value === 'string' ? `; a string is split by \`.split(' ')\`` : ''
  throw new TypeError(`\`${name}\` must be a list of strings${hint}`)
}

const current = new AsyncLocalStorage<Principal | null>()

/**
 * The principal of the current request, from anywhere in it: also after `await`, and in timers and event handlers that
 * the request created.
 *
 * @returns null outside a guarded request, and for a caller without a credential where the rule is `optional`
 */
export const currentPrincipal = (): Principal | null => current.getStore() ?? null

/**
 * Runs a function with a given current principal: in a job or a test. Calls may be nested.
 *
 * @param principal the result of `currentPrincipal()` inside; null for none
 * @param work the function to run
 * @returns the result of `work`
 */
export const runAs = <T>(principal: Principal | null, work: () => T): T => current.run(principal, work)

const principals = new WeakMap<object, Principal>()

/** Stores the principal of a request object that cannot have further properties: a web `Request`. */
export const rememberPrincipal = (request: object, principal: Principal): void => {
  principals.set(request, principal)
}

/**
 * The principal of a request that a guard has authorized.
 *
 * @param request an Express or Fastify request, a Koa or Hono context, a Node request, a web `Request`
 * @returns null for a request that no guard checked, and for a caller without a credential where the rule is `optional`
 */
export function principalOf(request: object): Principal | null {
  const { principal, state, var: variables } = request as GuardedRequest
  return principal ?? state?.principal ?? variables?.principal ?? principals.get(request) ?? null
}

interface GuardedRequest {
  principal?: Principal | null
  /** Koa */
  state?: { principal?: Principal | null }
  /** Hono */
  var?: { principal?: Principal | null }
}
