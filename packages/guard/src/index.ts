/**
 * The public API of the guard: authentication and authorization middleware for any Node API, the Latchkey server
 * included. It reads the credential of a request, makes a principal of it, and checks the principal against a rule. It
 * does not depend on the server, and connects only to addresses in its options. Units of work for row-level security
 * are in `@latchkey/guard/pg`, `/kysely` and `/drizzle`.
 */
export type { FastifyHandler, FastifyHook, FastifyPlugin } from './adapters/fastify.ts'
export type { KoaMiddleware } from './adapters/koa.ts'
export type { ExpressHandler, NodeHandler } from './adapters/node.ts'
export type { HonoMiddleware, WebHandler } from './adapters/web.ts'
export { can, type Permitted } from './can.ts'
export type { GuardOptions } from './core.ts'
export { createGuard, type Guard, type ProblemAnswer } from './guard.ts'
export type { Algorithm } from './jwt/algorithms.ts'
export type { Claims, RequiredClaims } from './jwt/claims.ts'
export type { IssuerCheck, IssuerOption } from './jwt/issuers.ts'
export type { VerifiedToken } from './jwt/verifier.ts'
export type { LoginHandlers } from './login.ts'
export {
  type ApiKeyOptions,
  apiKey,
  type FoundKeyOptions,
  type KeyDigest,
  type StoredHashOptions,
} from './methods/api-key.ts'
export { type BasicOptions, basic } from './methods/basic.ts'
export type { Awaitable, ToPrincipal } from './methods/callback.ts'
export { type CustomCheck, type CustomOptions, custom } from './methods/custom.ts'
export { type JwtOptions, jwt } from './methods/jwt.ts'
export { type LatchkeyOptions, latchkey, type RevocationMode } from './methods/latchkey.ts'
export type { MethodPlan, RevocationState } from './methods/method.ts'
export { type SessionOptions, session } from './methods/session.ts'
export { covers, lacking, within } from './permissions.ts'
export type { Style } from './present.ts'
export { currentPrincipal, type Principal, type PrincipalFields, principalOf, runAs } from './principal.ts'
export { Problem, type ProblemCode, type ProblemOptions, type ProblemType, problem } from './problem.ts'
export type { GuardRequest, RequestLike } from './request.ts'
export type { DpopOptions } from './resource/dpop.ts'
export type { MetadataHandlers, ResourceMetadata } from './resource/metadata.ts'
export {
  type ProtectedResource,
  type ProtectedResourceOptions,
  protectedResource,
} from './resource/protected-resource.ts'
export type { ReplayStore } from './resource/replays.ts'
export {
  effectivePermissions,
  type RoleDefinition,
  type RoleDefinitions,
  withInherited,
} from './roles.ts'
export type { OrganizationRule, RoleRule, Rule, ScopeRule } from './rules.ts'
export {
  type AcceptUpgrade,
  type IssuedTicket,
  type SocketConnection,
  type WebSocketOptions,
  type WebSockets,
  webSockets,
} from './sockets/sockets.ts'
export type { TicketStore } from './sockets/tickets.ts'
export type { Recheck } from './sockets/watch.ts'
export { type AccessTokenOptions, type AccessTokens, accessTokens } from './tokens.ts'
