/**
 * An operation: one action of the server, declared once: who may do it, how recent the proof of identity must be,
 * its rate limit and its audit events. Its faces are rows (route.ts): a JSON route, a hosted form, a compatibility
 * route. Invariant: rate limits, denied access, audit and the tests over the table go by the operation's name, so
 * the faces of one action share one counter and one rule.
 */
import type { ErrorCode } from '../../errors.ts'

/**
 * Every operation states what it needs or why it is open. `session`: a signed-in user, by session or by an access token
 * of one. `caller`: any valid credential, API keys included. `resource:action`: a caller with that permission.
 */
export type AccessRule =
  | { needs: 'session' | 'caller' | (string & {}); open?: never }
  | { open: string; needs?: never }

/** Every unsafe operation states which audit events it writes, or why it writes none. */
export type AuditRule =
  | { audit: string | readonly string[]; quiet?: never }
  | { quiet: string; audit?: never }

export interface RateLimit {
  /** The subject that is counted: the client address (IPv6 by /64) or the signed-in user. */
  by: 'ip' | 'user'
  max: number
  /** A duration: `1h`, `10m`. */
  per: string
  /**
   * The operation is sensitive, and its requests are few: they are counted over all nodes even without Redis, and a caller
   * without a credential may solve a challenge when the limit is used up.
   */
  exact?: true
  /** The operation whose requests count under this limit too, because both try the same credential; default: none. */
  sharedWith?: Operation
}

/** How recent the proof of identity must be. */
export interface Freshness {
  /** A duration: `10m`. */
  within: string
  /** `enrolled`: within that time the user proved as much as a sign-in of theirs requires, without a remembered browser. */
  acr: 'enrolled'
}

export interface OperationFields {
  /** `noun.verb`, unique. Counters, denials and the reference use it. */
  name: string
  /** One imperative sentence without a full stop. */
  summary: string
  /**
   * The path parameter `id` names an organization in which the caller must hold this permission. An organization
   * that the caller may not see is a 404. `call.organization` is this organization.
   */
  organization?: string
  /** Includes deleted organizations that may still be restored. */
  deletedToo?: true
  /** The maximum age of the proof of identity: `10m`; an older or a weaker one is STEP_UP_REQUIRED. */
  fresh?: string | Freshness
  /**
   * Why a session is enough that the provider of an organization alone has proven, which is no authority for the account. Absent:
   * an operation on the account requires a proof that counts for the account, also if it only reads.
   */
  anyProof?: string
  limit?: RateLimit | readonly RateLimit[]
  /**
   * Of an open operation: it computes the hash of a password. While the queue of hashes is full it is refused with UNAVAILABLE
   * before it is counted or read, so that a flood costs little.
   */
  hashes?: true
  /** Refusals are not counted: reverse proxies ask for all of their visitors from one address. */
  forProxies?: true
  /** The same answer for every caller: no credential is read, no limit counted, no CSRF cookie set (health, docs). */
  anonymous?: true
  /** Errors that `run` can throw, besides those of the steps before it (validation, access, limits, 500). */
  errors?: readonly ErrorCode[]
}

export type Operation = OperationFields & AccessRule & AuditRule

/** Declares an operation. Its faces name it as `of`. */
export const operation = (fields: Operation): Operation => Object.freeze(fields)
