/**
 * The scope of a caller's transaction: whom row-level security binds it to. Every statement about the caller's own
 * rows, or about rows that the caller's permissions open, runs under it.
 */
import type { Call } from '../call.ts'
import { problem } from '../errors.ts'
import type { CallerScope } from './types.ts'

/** @throws Problem AUTHENTICATION_REQUIRED for a request without a credential */
export function callerScope(call: Call): CallerScope {
  if (!call.principal) throw problem('AUTHENTICATION_REQUIRED')
  const { userId, permissions } = call.principal
  const { id = null, permissions: organizationPermissions = [] } = call.organization ?? {}
  return { userId, organizationId: id, permissions, organizationPermissions }
}
