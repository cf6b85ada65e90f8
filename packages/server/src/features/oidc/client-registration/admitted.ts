/**
 * Who may register an app (RFC 7591 §3): the holder of an initial access token, which is an API key with `oauth_clients:write`, and where
 * the server is open an app without one too. An access token is none: it would register without the recent sign-in that adding an app
 * requires.
 */
import { can } from '@latchkey/guard'
import type { Call, Principal } from '../../../base/call.ts'
import { type Problem, problem } from '../../../base/errors.ts'
import { assertFew } from '../../../core/strangers.ts'
import type { Tools } from '../../../core/tools.ts'
import type { KeyChecks } from '../../access/api-keys/index.ts'
import { denials } from '../../access/roles/index.ts'
import { register } from './operations.ts'

export type AdmissionTools = Pick<Tools, 'config' | 'db' | 'limits' | 'roles'> & {
  keyChecks: Pick<KeyChecks, 'check'>
}

const NEEDED = 'oauth_clients:write'
/** Registrations without a token, for each client address. */
const UNKNOWN = { max: 10, milliseconds: 60 * 60_000 }

/** @returns the holder of the token; null: there is none. @throws Problem NOT_FOUND, AUTHENTICATION_REQUIRED, INSUFFICIENT_PERMISSIONS, RATE_LIMIT_EXCEEDED */
export async function assertMayRegister(
  tools: AdmissionTools,
  call: Call,
  authorization: string | null,
): Promise<Principal | null> {
  const { clientRegistration: setting } = tools.config
  if (setting === 'off')
    throw problem('NOT_FOUND', { message: 'Apps do not register themselves at this server.' })
  if (authorization !== null) return await holderOf(tools, call, authorization)
  if (setting === 'token') throw refused('Bearer realm="latchkey"')
  await assertFew(tools, call, 'registrations', UNKNOWN)
  return null
}

async function holderOf(tools: AdmissionTools, call: Call, authorization: string): Promise<Principal> {
  const [, key] = /^(?:bearer|api-key) +([A-Za-z0-9_]{1,200})$/i.exec(authorization) ?? []
  await tools.roles.fresh()
  const verdict = key === undefined ? null : await tools.keyChecks.check(key, call.now)
  if (verdict === null || 'refused' in verdict)
    throw refused('Bearer realm="latchkey", error="invalid_token"')
  const { principal } = verdict
  if (can(principal, NEEDED)) return principal
  const refusal = problem('INSUFFICIENT_PERMISSIONS', { details: { required: NEEDED } })
  await denials(tools)({ ...call, principal }, { action: register.name, target: {} }, refusal)
  throw refusal
}

/** RFC 6750 §3 */
const refused = (challenge: string): Problem =>
  problem('AUTHENTICATION_REQUIRED', {
    protocolError: 'invalid_token',
    message: `Send an API key with ${NEEDED} as the initial access token.`,
    headers: { 'www-authenticate': challenge },
  })
