/**
 * Authorization: compares the caller with what a row requires, in this order: signed in, permitted, recently
 * authenticated; then, on rows about an organization, the caller's membership of it.
 */
import { can } from '@latchkey/guard'
import type { CallOrganization, Principal } from '../../call.ts'
import { duration } from '../../clock.ts'
import { notFound, type Problem, problem } from '../../errors.ts'
import { isId } from '../../ids.ts'
import type { Row } from '../row/route.ts'
import type { Caller, MembershipLookup } from './authenticate.ts'

const NO_SESSION = 'This is for a person who is signed in; an API key is not enough.'

/** @returns the check of a row: why it is closed to the caller, or null if it is open */
export function accessCheck(row: Row): (caller: Caller, now: Date) => Problem | null {
  const { needs } = row
  const fresh = row.fresh === undefined ? null : duration(row.fresh)
  const readsBasic =
    row.kind === 'api' && row.withBasic && needs === 'caller' && fresh === null && !row.organization
  // an open row answers every caller; but an invalid API key is an error where the row answers API keys differently
  if (needs === undefined)
    return ({ refused }) =>
      row.kind === 'api' && row.withKey && refused?.code === 'INVALID_API_KEY' ? refused : null
  return ({ principal, session, refused, basic }, now) => {
    // `withBasic` checks the credential, after the limits of guesses; nothing but a caller is required there
    if (basic && readsBasic) return null
    if (!principal) return refused ?? problem('AUTHENTICATION_REQUIRED')
    if (needs === 'session' && !session) return problem('AUTHENTICATION_REQUIRED', { message: NO_SESSION })
    if (needs !== 'session' && needs !== 'caller' && !can(principal, needs)) {
      return problem('INSUFFICIENT_PERMISSIONS', { details: { required: needs } })
    }
    // an API key has no time of authentication
    if (fresh !== null && (session ? now.getTime() - session.authenticatedAt.getTime() > fresh : true)) {
      return problem('STEP_UP_REQUIRED', { details: { max_age: fresh / 1000 } })
    }
    return null
  }
}

/** @returns the caller's membership of the organization in the path, or why the row is closed to them there */
export async function checkMembership(
  row: Row,
  { principal, organization: acting }: { principal: Principal; organization: CallOrganization | null },
  params: unknown,
  lookup: MembershipLookup,
): Promise<CallOrganization | Problem> {
  const { id = '' } = params as { id?: string }
  const { organization: required = '', deletedToo = false } = row
  const membership = isId('org', id) ? await lookup(principal, id, { deletedToo, acting }) : null
  if (!membership) return notFound('organization')
  if (can(membership, required)) return membership
  return problem('INSUFFICIENT_PERMISSIONS', { details: { required, organization_id: id } })
}
