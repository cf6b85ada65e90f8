/**
 * `protectedResource`: an API that accepts access tokens which a Latchkey server has issued for it, and says by the standards
 * how to get one. A guard whose only credentials are these tokens: no session, no API key, no token for another audience.
 */

import { systemTime } from '../clock.ts'
import { type GuardOptions, openCore } from '../core.ts'
import { type Guard, guardOf } from '../guard.ts'
import { type LatchkeyOptions, resourceTokens } from '../methods/latchkey.ts'
import { anything, assertOptions, isTexts, type OptionTable, text, unknownName } from '../options.ts'
import { compileRule, isScope, type Rule, scopesIn } from '../rules.ts'
import { type DpopOptions, proofChecker } from './dpop.ts'
import {
  assertResource,
  type MetadataHandlers,
  metadataHandlers,
  methodNotAllowed,
  type ResourceMetadata,
} from './metadata.ts'

type FromLatchkey =
  | 'issuer'
  | 'url'
  | 'allowHttp'
  | 'credential'
  | 'revocation'
  | 'clockTolerance'
  | 'cacheSize'
  | 'timeout'
  | 'silence'
  | 'fetch'
type FromGuard = 'style' | 'realm' | 'onProblem' | 'onState' | 'now'

/**
 * Those of {@link latchkey} and {@link createGuard} mean the same here. `revocation` is `stream` with a `credential`, and
 * `none` without: the server validates no token for another audience than itself. While the stream is down, requests are
 * answered with 503.
 */
export interface ProtectedResourceOptions
  extends Pick<LatchkeyOptions, FromLatchkey>,
    Pick<GuardOptions, FromGuard> {
  /**
   * The URL of the API, exactly as clients use it and as it is registered at the server (`identifier`): the `resource` of
   * requests for tokens, and the `aud` that tokens must have.
   */
  resource: string
  /** All scopes of the API: what its rules may require, and `scopes_supported` of the metadata. */
  scopes?: readonly string[] | undefined
  /** What users see (`resource_name`). */
  name?: string | undefined
  /** A page for developers (`resource_documentation`). */
  documentation?: string | undefined
  /** A page about how the API uses data (`resource_policy_uri`). */
  policy?: string | undefined
  /** The terms of service (`resource_tos_uri`). */
  terms?: string | undefined
  /**
   * Proof of possession (RFC 9449): accepted by default, so that tokens that are bound to a key require a proof; `required`
   * refuses all others; false refuses bound tokens.
   */
  dpop?: boolean | DpopOptions | undefined
}

/** A {@link Guard} with the metadata of its resource. */
export interface ProtectedResource extends Guard {
  /** The document of RFC 9728, and a handler for each framework: `app.all(api.metadata.path, api.metadata.express)`. */
  readonly metadata: MetadataHandlers
}

const OPTIONS: OptionTable<ProtectedResourceOptions> = {
  resource: text,
  issuer: text,
  scopes: (value) =>
    isTexts(value) && value.length > 0 && value.every(isScope)
      ? null
      : 'a list of scopes, each without spaces',
  name: text,
  documentation: text,
  policy: text,
  terms: text,
  dpop: (value) =>
    typeof value === 'boolean' || typeof value === 'object' ? null : 'true, false or options',
  // judged by the method and by the guard
  url: anything,
  allowHttp: anything,
  credential: anything,
  revocation: (value) => (value === 'stream' || value === 'none' ? null : 'stream or none'),
  clockTolerance: anything,
  cacheSize: anything,
  timeout: anything,
  silence: anything,
  fetch: anything,
  style: anything,
  realm: anything,
  onProblem: anything,
  onState: anything,
  now: anything,
}

/**
 * Protects an API by access tokens of a Latchkey server that name it as their audience.
 *
 * @param options at least the `resource` and the `issuer`
 * @returns middleware and handlers for each framework, and the metadata to register
 * @throws TypeError for invalid options; its adapters, for a rule with a scope that is not in `scopes`
 * @see RFC 9728 for metadata and challenges, RFC 8707 for the audience, RFC 9449 for DPoP
 * @example
 * const api = protectedResource({ resource: 'https://mcp.example.com/mcp', issuer: 'https://id.example.com', scopes: ['notes'] })
 * app.all(api.metadata.path, api.metadata.express)
 * app.post('/mcp', api.express({ scopes: 'notes' }), handleMcp)
 */
export function protectedResource(options: ProtectedResourceOptions): ProtectedResource {
  assertOptions('protectedResource()', options, OPTIONS, ['resource', 'issuer'])
  const { resource, issuer, scopes, dpop = true, credential, now } = options
  const url = assertResource(resource)
  const proofs =
    dpop === false ? null : proofChecker(dpop === true ? {} : dpop, url.origin, now ?? systemTime)
  const method = resourceTokens(
    {
      ...picked(options, FROM_LATCHKEY),
      issuer,
      audience: resource,
      cookie: false,
      revocation: options.revocation ?? (credential === undefined ? 'none' : 'stream'),
    },
    proofs,
  )
  const metadata = metadataHandlers(url, documentOf(options, proofs), (request) =>
    core.refusal(methodNotAllowed(), request),
  )
  const core = openCore(
    { ...picked(options, FROM_GUARD), methods: [method] },
    { metadata: metadata.url, algorithms: proofs?.algorithms ?? [], scopes: new WeakMap() },
  )
  const assertScopes = (rule: Rule | undefined): void => {
    core.assertRule(rule)
    if (scopes === undefined || rule === undefined) return
    compileRule(rule)
    const unknown = scopesIn(rule).find((scope) => !scopes.includes(scope))
    if (unknown !== undefined) throw new TypeError(unknownName('the resource has no scope', unknown, scopes))
  }
  return Object.assign(guardOf({ ...core, assertRule: assertScopes }), { metadata })
}

const FROM_LATCHKEY = [
  'url',
  'allowHttp',
  'credential',
  'clockTolerance',
  'cacheSize',
  'timeout',
  'silence',
  'fetch',
] as const
const FROM_GUARD = ['style', 'realm', 'onProblem', 'onState', 'now'] as const

const picked = <Name extends keyof ProtectedResourceOptions>(
  options: ProtectedResourceOptions,
  names: readonly Name[],
): Pick<ProtectedResourceOptions, Name> =>
  Object.fromEntries(names.map((name) => [name, options[name]])) as Pick<ProtectedResourceOptions, Name>

function documentOf(
  { resource, issuer, scopes, name, documentation, policy, terms }: ProtectedResourceOptions,
  proofs: { algorithms: readonly string[]; isRequired: boolean } | null,
): ResourceMetadata {
  const members = {
    resource,
    authorization_servers: [issuer.replace(/\/+$/, '')],
    scopes_supported: scopes,
    bearer_methods_supported: ['header'],
    resource_name: name,
    resource_documentation: documentation,
    resource_policy_uri: policy,
    resource_tos_uri: terms,
    dpop_signing_alg_values_supported: proofs?.algorithms,
    dpop_bound_access_tokens_required: proofs?.isRequired ? true : undefined,
  }
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined),
  ) as ResourceMetadata
}
