/**
 * The door of the guard: what protects any Node API, the server's own included. Credentials in, a principal out,
 * may it or not. It knows neither SQL nor the server, and opens connections only to the addresses it was given.
 */
export type { FastifyHandler, FastifyHook, FastifyPlugin } from './adapters/fastify.ts'
export type { KoaMiddleware } from './adapters/koa.ts'
export type { ExpressHandler, NodeHandler } from './adapters/node.ts'
export type { HonoMiddleware, WebHandler } from './adapters/web.ts'
export { can, type Permitted } from './can.ts'
export type { GuardOptions } from './core.ts'
export { createGuard, type Guard } from './guard.ts'
export type { Algorithm } from './jwt/algorithms.ts'
export type { Claims, Verified } from './jwt/verifier.ts'
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
export type { LineState, MethodPlan } from './methods/method.ts'
export { type SessionOptions, session } from './methods/session.ts'
export { covers, lacking, within } from './permissions.ts'
export type { Style } from './present.ts'
export { currentPrincipal, type Principal, type PrincipalFields, principalOf, runAs } from './principal.ts'
export { Problem, type ProblemCode, type ProblemOptions, type ProblemType, problem } from './problem.ts'
export type { GuardRequest } from './request.ts'
export {
  effectivePermissions,
  type RoleDefinition,
  type RoleDefinitions,
  withInherited,
} from './roles.ts'
export type { OrganizationRule, RoleRule, Rule } from './rules.ts'
export { type AccessTokenOptions, type AccessTokens, accessTokens } from './tokens.ts'
