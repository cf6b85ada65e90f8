/**
 * Authorization: compares the caller with what a row requires, in this order: signed in, permitted, recently
 * authenticated; then, on rows about an organization, the caller's membership of it. What its policy requires besides a recent
 * proof is in the same refusal.
 */
import { can } from '@latchkey/guard'
import {
  ACRS,
  type Acr,
  countingProofs,
  factsIn,
  type SignInFacts,
  type StoredProof,
  usableMethods,
} from '../../assurance.ts'
import type { Call, CallOrganization, CallSession, Principal } from '../../call.ts'
import { duration } from '../../clock.ts'
import { judgeEnrolled, recentProofs } from '../../enrolled.ts'
import { notFound, Problem, problem } from '../../errors.ts'
import type { Eventual } from '../../eventual.ts'
import { isId } from '../../ids.ts'
import type { Blocked } from '../../refused-factors.ts'
import { actsForAccount } from '../../session-proofs.ts'
import type { Row } from '../row/route.ts'
import type { Caller, MembershipLookup } from './authenticate.ts'

const NO_SESSION = 'This is for a person who is signed in; an API key is not enough.'

/** @returns the check of a row: why it is closed to the caller, or null if it is open */
export function accessCheck(row: Row): (caller: Caller, now: Date) => Problem | null {
  const { needs } = row
  const fresh = maximumAge(row)
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

/** Milliseconds; null where the row does not require a recent proof. */
function maximumAge({ fresh }: Pick<Row, 'fresh'>): number | null {
  if (fresh === undefined) return null
  return duration(typeof fresh === 'string' ? fresh : fresh.within)
}

/** What the user of a session can prove. */
export interface Provable {
  facts: SignInFacts
  /** What the session has proven; of an access token this is not in the credential. */
  proofs: readonly StoredProof[]
}

/** Reads what the user of a session can prove. */
export type AssuranceLookup = (session: CallSession, userId: string, now: Date) => Promise<Provable>

/**
 * Whether the account may lack a recent proof although the session has one: by a connection of an organization, which may be
 * no authority for it. Of an access token the proofs are not known.
 */
const mayLackCounting = ({ via, proofs }: CallSession): boolean => via === 'token' || proofs.some(isVouched)

/** By the connection of an organization. */
const isVouched = ({ organization }: StoredProof): boolean => organization !== undefined

/**
 * Whether a session that was authenticated recently lacks a recent proof that counts: it has proofs by connections of
 * organizations, and of what counts, none is recent. Without such proofs the time of authentication has decided, also of a
 * session of an earlier version, which has no proofs at all.
 */
const lacksCounting = (
  proofs: readonly StoredProof[],
  recent: readonly StoredProof[],
  facts: SignInFacts,
): boolean => proofs.some(isVouched) && countingProofs(recent, facts).length === 0

/**
 * Judges a signed-in caller whom `accessCheck` has admitted, or has refused with STEP_UP_REQUIRED, on a row that requires a
 * recent proof. @param organizationId of a row about an organization, for which the proofs count then; null for the account
 * @returns the refusal, with what the user can prove it by; null if the row is open
 */
export async function checkAssurance(
  row: Row,
  { session, principal }: { session: CallSession; principal: Principal },
  organizationId: string | null,
  refusal: Problem | null,
  now: Date,
  lookup: AssuranceLookup,
): Promise<Problem | null> {
  const age = maximumAge(row)
  if (age === null) return refusal
  const isLevel = typeof row.fresh === 'object'
  if (!refusal && !isLevel && !mayLackCounting(session)) return null
  const { facts: known, proofs } = await lookup(session, principal.userId, now)
  const facts = organizationId === null ? known : factsIn(known, organizationId)
  // a step-up by the organization's own connection counts there alone
  const isOwn =
    organizationId !== null &&
    (known.identities ?? []).some(({ organization }) => organization === organizationId)
  const maxAge = { max_age: age / 1000, ...(isOwn && { organization_id: organizationId }) }
  const recent = recentProofs(proofs, age, now)
  if (!isLevel) {
    if (!refusal && !lacksCounting(proofs, recent, facts)) return null
    return problem('STEP_UP_REQUIRED', { details: { ...maxAge, methods: usableMethods(facts) } })
  }
  const isStale = refusal !== null || lacksCounting(proofs, recent, facts)
  return enrolledRefusal(recent, facts, { isStale, maxAge })
}

/**
 * Judges a session on a row that reads or changes something of the account: what the provider of an organization alone has proven
 * counts there only where the organization is an authority for the account. Otherwise who administers the provider could read
 * the account of a user who has connected one there, and act as them.
 */
export function checkAccountProof(
  { session, principal }: { session: CallSession; principal: Principal },
  now: Date,
  lookup: AssuranceLookup,
): Eventual<Problem | null> {
  if (session.via !== 'token' && actsForAccount(session.proofs)) return null
  return lookup(session, principal.userId, now).then(({ facts, proofs }) =>
    actsForAccount(proofs)
      ? null
      : problem('STEP_UP_REQUIRED', { details: { methods: usableMethods(facts) } }),
  )
}

function enrolledRefusal(
  recent: readonly StoredProof[],
  facts: SignInFacts,
  { isStale, maxAge }: { isStale: boolean; maxAge: { max_age: number } },
): Problem | null {
  const { isMet, acr, methods, blocked } = judgeEnrolled(recent, facts)
  if (!isStale && isMet) return null
  return blocked ? refused(blocked) : problem('STEP_UP_REQUIRED', { details: { acr, ...maxAge, methods } })
}

const RECENT = duration('10m')

/**
 * As a row with `fresh: { within: '10m', acr: 'enrolled' }`, for rows that require it of some accounts alone.
 * @throws Problem STEP_UP_REQUIRED; CONFLICT where a step-up could not reach it
 */
export function assertEnrolledProof(session: CallSession, { facts, proofs }: Provable, now: Date): void {
  const recent = recentProofs(proofs, RECENT, now)
  const isStale =
    now.getTime() - session.authenticatedAt.getTime() > RECENT || lacksCounting(proofs, recent, facts)
  const maxAge = { max_age: RECENT / 1000 }
  const refusal = enrolledRefusal(recent, facts, { isStale, maxAge })
  if (refusal) throw refusal
}

/** A step-up could not reach what is required. */
const refused = (reason: Blocked): Problem =>
  problem('CONFLICT', { message: REFUSED[reason], details: { reason } })

const REFUSED: Readonly<Record<Blocked, string>> = {
  factor_refused:
    'Your second factor is refused, and you have no other. Ask an administrator to reset your second factors.',
  recent_reset:
    'Your password was reset by e-mail less than an hour ago, so that a code by e-mail is not accepted as your second factor. Try again when an hour has passed since the reset.',
}

/** The id in the path of a row about an organization; null for other rows. */
export const organizationNamed = ({ organization }: Row, params: unknown): string | null =>
  organization === undefined ? null : ((params as { id?: string }).id ?? null)

/** @returns the caller's membership of the organization in the path, or why the row is closed to them there */
export async function checkMembership(
  row: Row,
  call: Call & { principal: Principal },
  params: unknown,
  lookup: MembershipLookup,
): Promise<CallOrganization | Problem> {
  const id = organizationNamed(row, params) ?? ''
  const { organization: required = '', deletedToo = false } = row
  const membership = isId('org', id) ? await lookup(call, id, { required, deletedToo }) : null
  if (!membership) return notFound('organization')
  if (membership instanceof Problem || can(membership, required)) return membership
  return problem('INSUFFICIENT_PERMISSIONS', { details: { required, organization_id: id } })
}

/**
 * The refusal of a caller without a recent proof, on a row about an organization: with what its policy requires of the
 * session, so that one step-up proves both. @param recent STEP_UP_REQUIRED
 */
export function joinRefusals(recent: Problem, membership: CallOrganization | Problem): Problem {
  if (!(membership instanceof Problem)) return recent
  // it requires a recent proof before a factor is set up
  if (membership.code === 'MFA_ENROLMENT_REQUIRED') return membership
  if (membership.code !== 'STEP_UP_REQUIRED') return recent
  const all = [recent, membership].map(({ details }) => details as ProofDetails)
  const acrs = all.flatMap(({ acr }) => acr ?? [])
  const acr = ACRS.findLast((one) => acrs.includes(one))
  const maxAge = Math.min(...all.flatMap(({ max_age }) => max_age ?? []))
  return problem('STEP_UP_REQUIRED', {
    details: { ...recent.details, ...membership.details, ...(acr && { acr }), max_age: maxAge },
  })
}

interface ProofDetails {
  acr?: Acr
  max_age?: number
}
