/**
 * What a user decides about an identity that a provider has asserted: a new account, or the account that they are signed in
 * to. The identity is kept encrypted in its round trip, for the browser that brought it, and is used once. What becomes of a
 * decision is in the diagnostics of the connection, also where it is refused.
 */
import type { Call } from '../../../base/call.ts'
import { runTogether } from '../../../base/db/compiled.ts'
import type { Tx } from '../../../base/db/types.ts'
import { Problem, problem } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import { recordConnectionEvent } from '../../../core/connection-events.ts'
import { findConnection, type UsableConnection } from '../../../core/connections/index.ts'
import { FederationFault } from '../../../core/providers/index.ts'
import { lockAddress, requestVerification } from '../../identity/emails/index.ts'
import { findIdentity } from '../../identity/identities/index.ts'
import { findUser, lockUserRow, type User } from '../../identity/users/index.ts'
import { lockJoining } from '../../organizations/members/index.ts'
import { joinAsCaller } from '../../organizations/mine/index.ts'
import type { Outcome } from '../door/index.ts'
import { questions, type RoundTrip, type UndecidedIdentity } from '../round-trips/index.ts'
import { samlSessionInsert } from '../saml/index.ts'
import {
  attemptEvent,
  type FederationTools,
  type KnownIdentity,
  link,
  registerPerson,
  resolveIdentity,
  signInAsserted,
} from './identities.ts'
import {
  type AssertedIdentity,
  eventOf,
  faultOfDecision,
  findRegistrationFault,
  outsideOf,
  type Resolution,
} from './linking.ts'
import { type Federation, recordRefusedDecision } from './sign-in.ts'

interface Decidable {
  undecided: UndecidedIdentity
  connection: UsableConnection
  /** Whether the address that the provider states is of a domain of the connection's organization. */
  isOwnDomain: boolean
  /** The same check for another address. */
  isOwn(address: string): boolean
}

/** The identity that waits in this browser. @throws Problem NOT_FOUND, also where its connection is no longer active */
export async function getUndecided(
  tools: FederationTools,
  federation: Federation,
  call: Call,
  id: string,
): Promise<Decidable> {
  const decidable = await getDecidable(tools, federation, call, id)
  if (decidable.connection.status !== 'active') throw unknownTrip()
  return decidable
}

/** The same for a decision, which is refused, and recorded, where the connection is no longer active. @throws Problem NOT_FOUND */
export async function getDecidable(
  tools: FederationTools,
  federation: Federation,
  call: Call,
  id: string,
): Promise<Decidable> {
  const undecided = await questions.find(tools, tools.db.hot, call, id)
  const connection = undecided && (await findConnection(tools.db.hot, undecided.trip.connectionId))
  if (!undecided || !connection) throw unknownTrip()
  // what another party may have said by it; another name changes nothing of that
  const { version = connection.version } = undecided
  if (version < connection.sameFrom || version > connection.version) throw unknownTrip()
  const isOwn = await federation.ownDomains(connection)
  const { email } = undecided.identity
  return { undecided, connection, isOwn, isOwnDomain: email !== null && isOwn(email) }
}

export const assertedOf = ({
  undecided: { trip, identity },
  connection,
  isOwnDomain,
}: Decidable): AssertedIdentity => ({
  connection,
  trip,
  identity,
  isOwnDomain,
})

/** Makes a decision; one that is refused is recorded once its transaction is over. */
async function decided<T>(
  tools: FederationTools,
  call: Call,
  decidable: Decidable,
  decide: () => Promise<T>,
): Promise<T> {
  try {
    return await decide()
  } catch (error) {
    const fault = faultOfDecision(error)
    if (fault) await recordRefusedDecision(tools, call, assertedOf(decidable), fault)
    throw error
  }
}

/** The registration with this identity whose address still has to be verified; null for none. */
async function findRegistration(db: Tx, known: KnownIdentity | null): Promise<User | null> {
  const user = known?.is_pending ? await findUser(db, known.user_id) : null
  return user?.status === 'pending' ? user : null
}

/** The address that was entered for this identity before, and waits for its verification; null for none. */
export const findWaitingAddress = (
  { db }: Pick<FederationTools, 'db'>,
  { connection, undecided }: Decidable,
): Promise<string | null> =>
  db.tx('system', async (tx) => {
    const known = await findIdentity(tx, connection, undecided.identity)
    return (await findRegistration(tx, known))?.email ?? null
  })

/**
 * Makes an account with an address that the user has entered, and signs in to it, once the address is verified. It replaces an
 * earlier registration of the identity that was not verified; one of the same address gets another e-mail.
 * @throws Problem NOT_FOUND, VALIDATION_ERROR for an address that the organization does not accept, CONFLICT where addresses
 * are not verified and it is taken
 */
export async function registerIdentity(
  tools: FederationTools,
  federation: Federation,
  call: Call,
  id: string,
  email: string,
): Promise<Outcome> {
  const decidable = await getDecidable(tools, federation, call, id)
  const { undecided, connection } = decidable
  const named = { ...undecided.identity, email }
  const fault = findRegistrationFault({ connection, identity: named, isOwnDomain: decidable.isOwn(email) })
  return await decided(tools, call, decidable, async () => {
    if (undecided.question !== 'account') throw refusedAddress('not_registered')
    if (fault !== null) throw refusedAddress(fault, new FederationFault(fault, outsideIf(fault, email)))
    return await tools.db.tx('system', async (tx) => {
      if (!(await lockJoining(tx, connection))) throw inactive()
      await lockAddress(tx, canonical(email))
      if (!(await questions.decide(tx, undecided.trip, call.now))) throw unknownTrip()
      const known = await findIdentity(tx, connection, undecided.identity).catch(asConflict)
      if (known && !known.is_pending) throw unknownTrip(new FederationFault('taken'))
      const asserted = assertedOf(decidable)
      const { returnTo, remember } = undecided.trip.after
      const waiting = await lockRegistration(tx, known, email)
      if (waiting) await requestVerification(tools, tx, call, waiting.user, returnTo)
      const linked =
        waiting ??
        (await registerPerson(tools, federation.accounts, tx, call, asserted, email).catch(asRefusedAddress))
      const to = { returnTo, remember, tokens: false }
      const more = { registers: true, events: [attemptEvent(asserted)] } as const
      const outcome = await signInAsserted(tools, tx, call, asserted, linked, to, more)
      await recordConnectionEvent(tx, eventOf(asserted, { outcome }, { userId: linked.user.id }), call)
      return outcome
    })
  })
}

const outsideIf = (fault: keyof typeof REFUSED, email: string): string | null =>
  fault === 'domain_refused' ? outsideOf(email) : null

const refusedAddress = (fault: keyof typeof REFUSED, cause?: FederationFault): Problem =>
  problem('VALIDATION_ERROR', { details: [{ field: 'email', ...REFUSED[fault] }], cause })

/** The registration of this identity that waits for this address, with its row locked. */
async function lockRegistration(
  tx: Tx,
  known: KnownIdentity | null,
  email: string,
): Promise<{ user: User; identityId: string } | null> {
  if (!known) return null
  await lockUserRow(tx, known.user_id)
  const user = await findRegistration(tx, known)
  return user && canonical(user.email) === canonical(email) ? { user, identityId: known.id } : null
}

const REFUSED = {
  not_registered: { code: 'not_registered', message: 'This identity provider creates no accounts here.' },
  domain_refused: {
    code: 'domain_refused',
    message: 'This address is not of a domain of the organization.',
  },
} as const

/**
 * Links the identity to the caller's account, which joins the connection's organization as by a sign-in. The session that was
 * begun by another method for that is one of a sign-in by the provider, which may end it.
 * @throws Problem NOT_FOUND, CONFLICT where it is linked to another one by now, or the caller may not connect it
 */
export async function confirmIdentity(
  tools: FederationTools,
  federation: Federation,
  call: Call,
  id: string,
): Promise<RoundTrip> {
  const { principal } = call
  if (!principal) throw problem('AUTHENTICATION_REQUIRED')
  const decidable = await getDecidable(tools, federation, call, id)
  const { trip, identity, question } = decidable.undecided
  if (question === 'sign_in') throw unknownTrip()
  const asserted = assertedOf(decidable)
  const connect = async (tx: Tx): Promise<boolean> => {
    if (!(await lockJoining(tx, decidable.connection))) throw inactive()
    if (!(await questions.decide(tx, trip, call.now))) throw unknownTrip()
    await lockUserRow(tx, principal.userId)
    const known = await findIdentity(tx, decidable.connection, identity).catch(asConflict)
    if (known?.user_id === principal.userId) return false
    if (known && !known.is_pending) throw taken(new FederationFault('taken'))
    const to = { userId: principal.userId, claims: false }
    const { user } = await link(tools, federation.accounts, tx, call, asserted, to).catch(asConflict)
    await joinAsCaller(tools, tx, call, user, asserted)
    if (trip.flow !== 'link' && identity.session && call.session)
      await runTogether(tx, [
        samlSessionInsert({
          session_id: call.session.id,
          connection_id: trip.connectionId,
          ...identity.session,
        }),
      ])
    return true
  }
  await decided(tools, call, decidable, () =>
    tools.db.tx('system', async (tx) => {
      const linkedNow = await connect(tx)
      await recordConnectionEvent(tx, eventOf(asserted, { linkedNow }, principal), call)
    }),
  )
  return trip
}

/** Signs in, once the user has confirmed it. @throws Problem NOT_FOUND; FederationFault what is refused */
export async function confirmSignIn(
  tools: FederationTools,
  { accounts }: Pick<Federation, 'accounts'>,
  call: Call,
  decidable: Decidable,
): Promise<Resolution> {
  const { trip, question } = decidable.undecided
  if (question !== 'sign_in') throw unknownTrip()
  return await decided(tools, call, decidable, () =>
    resolveIdentity(tools, accounts, call, assertedOf(decidable), async (tx) => {
      if (!(await questions.decide(tx, trip, call.now))) throw unknownTrip()
    }),
  )
}

/** Another browser has decided about the identity at once, or has the address, where addresses are not verified. */
function asRefusedAddress(error: unknown): never {
  if (error instanceof FederationFault) throw unknownTrip(error)
  if (!(error instanceof Problem) || error.code !== 'CONFLICT') throw error
  const { message, details } = error
  const cause = new FederationFault('not_registered', 'The address that was entered has an account already.')
  throw problem('CONFLICT', { message, ...(details && { details }), cause })
}

/** @param cause why, where it is known */
export const unknownTrip = (cause?: FederationFault): Problem =>
  problem('NOT_FOUND', { message: 'This sign-in was completed, or it has expired. Sign in again.', cause })

/** The connection was disabled or deleted meanwhile. */
const inactive = (): Problem => unknownTrip(new FederationFault('not_offered'))

const foreign = (cause: FederationFault): Problem =>
  problem('CONFLICT', {
    cause,
    message:
      'The provider is of an organization that you are not a member of, and your verified address is not of its domains.',
    details: { reason: 'domain_refused' },
  })

const taken = (cause: FederationFault): Problem =>
  problem('CONFLICT', {
    cause,
    message: 'This account at the provider is connected to another account here.',
    details: { reason: 'taken' },
  })

/** What a sign-in refuses, in an answer to a form. @throws Problem CONFLICT; another error as it is */
function asConflict(error: unknown): never {
  if (!(error instanceof FederationFault)) throw error
  throw error.fault === 'domain_refused' ? foreign(error) : taken(error)
}
