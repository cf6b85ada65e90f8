/**
 * What an identity that a provider has asserted leads to: a sign-in, a link, a registration, or a question to the user. All
 * of it in one transaction.
 */
import { type Call, findLocale } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { canonical } from '../../../base/identifiers.ts'
import { withReturnTo } from '../../../base/page/parts.tsx'
import { type AuditEntry, audit } from '../../../core/audit/index.ts'
import { recordConnectionEvent } from '../../../core/connection-events.ts'
import { isTwoFactor, type UsableConnection } from '../../../core/connections/index.ts'
import { findSignInFacts } from '../../../core/factors/index.ts'
import { deleteJobsAbout } from '../../../core/jobs/index.ts'
import { revokeMailboxLinks } from '../../../core/links/index.ts'
import { FederationFault } from '../../../core/providers/index.ts'
import type { Tools } from '../../../core/tools.ts'
import type { UserProfile } from '../../../core/user-profile.ts'
import { lockAddress, ownerOtherThan } from '../../identity/emails/index.ts'
import {
  findIdentity,
  identityEmails,
  linkIdentity,
  revokeKeptTokens,
  sealTokens,
  updateIdentityUse,
} from '../../identity/identities/index.ts'
import { findNamed, getUser, lockUserRow, type User } from '../../identity/users/index.ts'
import { findOrganizationFor, joinByConnection, lockJoining } from '../../organizations/members/index.ts'
import { joinAsCaller } from '../../organizations/mine/index.ts'
import { type AfterSignIn, endAttempts } from '../attempts/index.ts'
import { findCallersDevice } from '../devices/index.ts'
import { type Outcome, signInVouched } from '../door/index.ts'
import { questions, type RoundTrip } from '../round-trips/index.ts'
import { getAttempt } from '../steps/index.ts'
import { isRequiredBy } from './continued.ts'
import {
  type AssertedIdentity,
  asksToSignIn,
  eventOf,
  findRegistrationFault,
  type Linking,
  type LinkingFacts,
  linkingOf,
  type Resolution,
  startsSession,
} from './linking.ts'

export type FederationTools = Pick<
  Tools,
  'clock' | 'config' | 'counts' | 'db' | 'jobs' | 'keyring' | 'mail' | 'roles'
>

/** A person whom a first sign-in registers. */
export interface NewPerson {
  email: string
  isVerified: boolean
  fullName: string | null
  profile: UserProfile
  returnTo: string | null
}

/** What federation needs of modules above it; app.ts hands it over. */
export interface Accounts {
  /** Whether new accounts can be made at all. Creates the account, and writes its e-mail where the address is not verified. */
  register(tx: Tx, call: Call, person: NewPerson): Promise<User>
  /** Verifies the address of a user who has proven the mailbox, and ends what a stranger may have planted. */
  proveMailbox(tx: Tx, call: Call, user: User): Promise<void>
}

/** An identity that is linked, also to a registration whose address was never verified. */
export type KnownIdentity = NonNullable<Awaited<ReturnType<typeof findIdentity>>>

/**
 * Of an answer that is no test.
 * @param confirm uses up the user's confirmation of a sign-in, which asked for one before
 * @throws FederationFault what is refused
 */
export async function resolveIdentity(
  tools: FederationTools,
  accounts: Accounts,
  call: Call,
  asserted: AssertedIdentity,
  confirm?: (tx: Tx) => Promise<void>,
): Promise<Resolution> {
  const attempt = await attemptOfTrip(tools, call, asserted.trip)
  return await tools.db.tx('system', async (tx) => {
    // what is disabled meanwhile ends the sessions that it has proven by then
    if (!(await lockJoining(tx, asserted.connection))) throw new FederationFault('not_offered')
    await confirm?.(tx)
    const known = await findOrLock(tx, asserted)
    const caller = asserted.trip.userId ?? attempt?.userId ?? null
    const isRequired = attempt !== null && isRequiredBy(attempt, asserted.connection)
    const about = { known, caller, isRequired }
    const facts = await factsOf(tools, tx, call, asserted, about)
    const found = linkingOf(facts)
    const linking = !confirm && (await isUnexpected(tx, call, asserted, found)) ? ASK_SIGN_IN : found
    const { returnTo, remember } = asserted.trip.after
    const to = attempt ?? { returnTo, remember, tokens: false }
    const resolved = await take(tools, accounts, tx, call, asserted, {
      linking,
      known,
      to,
    })
    await recordConnectionEvent(tx, eventOf(asserted, resolved, confirm && { userId: null }), call)
    return resolved
  })
}

const ASK_SIGN_IN = { is: 'ask', question: 'sign_in' } as const satisfies Linking

/** Whether a sign-in by the connection of an organization is confirmed on a page before (login CSRF). */
async function isUnexpected(
  tx: Tx,
  call: Call,
  { connection, trip }: AssertedIdentity,
  linking: Linking,
): Promise<boolean> {
  if (connection.organizationId === null || !startsSession(trip, linking)) return false
  const user = 'userId' in linking ? linking.userId : null
  const signedInAs = call.session ? (call.principal?.userId ?? null) : null
  const device = user === null || signedInAs !== null ? null : await findCallersDevice(tx, call)
  return asksToSignIn({
    user,
    signedInAs,
    isByOther: trip.after.byOther === true,
    isKnown: device !== null && device.userId === user,
  })
}

/**
 * The identity; where it is not linked, its address is locked, before any user's row: of two answers for one address the second
 * finds what the first has made.
 */
async function findOrLock(tx: Tx, { connection, identity }: AssertedIdentity): Promise<KnownIdentity | null> {
  const known = await findIdentity(tx, connection, identity)
  if ((known && !known.is_pending) || identity.email === null) return known
  await lockAddress(tx, canonical(identity.email))
  return await findIdentity(tx, connection, identity)
}

const attemptOfTrip = async (tools: FederationTools, call: Call, { after: { attempt } }: RoundTrip) =>
  attempt === undefined
    ? null
    : await getAttempt(tools, call, attempt, ['prove', 'second_factor'], { toShow: true })

/** A test is concluded before (round-trips/test-outcomes.ts). */
function flowOf({ flow }: RoundTrip): LinkingFacts['flow'] {
  if (flow === 'test') throw new Error('a test leads to no account')
  return flow
}

/**
 * Whether a user may connect an identity of the connection. The provider of an organization decides who signs in by it: a user
 * connects it who is a member, or whose own verified address is of a domain that the connection speaks for. What the provider
 * states of an address is its word alone: a link to any other account would be a lure.
 */
export async function isConnectable(
  tools: Pick<FederationTools, 'config'>,
  tx: Tx,
  { now }: Pick<Call, 'now'>,
  { id, organizationId }: Pick<UsableConnection, 'id' | 'organizationId'>,
  userId: string,
): Promise<boolean> {
  if (organizationId === null) return true
  if ((await findOrganizationFor(tx, organizationId, userId))?.isMember) return true
  const { authorities = [] } = await findSignInFacts(tools, tx, userId, now)
  return authorities.includes(id)
}

async function factsOf(
  tools: FederationTools,
  tx: Tx,
  call: Call,
  asserted: AssertedIdentity,
  {
    known,
    caller,
    isRequired,
  }: Pick<LinkingFacts, 'caller' | 'isRequired'> & { known: KnownIdentity | null },
): Promise<LinkingFacts> {
  const { connection, trip, identity } = asserted
  const linkedTo = known && { id: known.user_id, isPending: known.is_pending }
  // of a linked identity the address decides nothing
  const address = identity.email === null || linkedTo?.isPending === false ? null : canonical(identity.email)
  const { owner } = address === null ? { owner: null } : await findNamed(tx, address)
  // an address that its account has left is kept for that account for some days
  const isKept = address !== null && !owner && (await ownerOtherThan(tx, '', address)) !== null
  const mayConnect = caller === null || (await isConnectable(tools, tx, call, connection, caller))
  const isFree = !isKept && findRegistrationFault(asserted) === null
  return {
    flow: flowOf(trip),
    linkedTo,
    caller: trip.flow === 'link' && trip.sessionId !== call.session?.id ? null : caller,
    mayConnect,
    isMeant: trip.after.isMeant,
    email: identity.email === null ? 'absent' : identity.emailVerified ? 'verified' : 'unverified',
    owner: owner && { id: owner.id, isVerified: owner.email_verified_at !== null },
    registers: isFree,
    linksSilently: connection.settings.links_silently === true,
    isRequired,
  }
}

interface Step {
  linking: Linking
  known: KnownIdentity | null
  to: Parameters<typeof signInVouched>[4]
}

async function take(
  tools: FederationTools,
  accounts: Accounts,
  tx: Tx,
  call: Call,
  asserted: AssertedIdentity,
  { linking, known, to }: Step,
): Promise<Resolution> {
  const { connection, trip, identity } = asserted
  const vouch = async (of: LinkedUser, registers = false): Promise<Resolution> => {
    const events = [attemptEvent(asserted)]
    const more = { events, ...(registers && { registers }) }
    return { outcome: await signInAsserted(tools, tx, call, asserted, of, to, more) }
  }
  switch (linking.is) {
    case 'refused':
      throw new FederationFault(linking.fault)
    case 'ask':
      return {
        question: linking.question,
        cookie: await questions.keep(tools, tx, call, trip, {
          question: linking.question,
          identity,
          version: connection.version,
        }),
      }
    case 'linked':
      return { linkedNow: false }
    case 'known': {
      await lockUserRow(tx, linking.userId)
      // disconnected while the answer was read
      if (known === null) throw new FederationFault('expired')
      const tokens = sealedTokens(tools, asserted)
      const used = await updateIdentityUse(tx, known.id, connection, identity, tokens, call.now)
      if (used === null) throw new FederationFault('expired')
      if (used.former) await revokeKeptTokens(tools.jobs, tx, [used.former], call.now)
      return await vouch({ user: { id: linking.userId }, identityId: known.id })
    }
    case 'link': {
      const linked = await link(tools, accounts, tx, call, asserted, linking)
      if (trip.flow !== 'link') return await vouch(linked)
      await joinAsCaller(tools, tx, call, linked.user, asserted)
      return { linkedNow: true }
    }
    case 'register': {
      const registered = await registerPerson(tools, accounts, tx, call, asserted, identity.email ?? '')
      return await vouch(registered, true)
    }
  }
}

/** A user, and the identity that is linked to them. */
interface LinkedUser<U = Pick<User, 'id'>> {
  user: U
  identityId: string
}

/**
 * Signs a user in by their identity, who joins the connection's organization before, so that the session acts there. A
 * registration that is not verified joins at a later sign-in. `lockJoining` precedes it.
 */
export async function signInAsserted(
  tools: FederationTools,
  tx: Tx,
  call: Call,
  { connection, identity }: Pick<AssertedIdentity, 'connection' | 'identity'>,
  { user: { id: userId }, identityId }: LinkedUser,
  to: Parameters<typeof signInVouched>[4],
  more: { registers?: true; events?: readonly AuditEntry[] },
): Promise<Outcome> {
  if (connection.organizationId !== null) {
    await lockUserRow(tx, userId)
    const user = await getUser(tx, userId)
    if (user.status === 'active') await joinByConnection(tools, tx, call, user, connection, identity)
  }
  const mfa = isTwoFactor(connection, identity)
  const after = more.registers && !('proofs' in to) ? afterRegistration(tools, connection, to) : to
  return await signInVouched(
    tools,
    tx,
    call,
    { ...more, userId, by: connection, identity: identityId, session: identity.session, mfa },
    after,
  )
}

/** Where a sign-in that made an account leads: first to the choice of an organization, where the settings say so. */
const afterRegistration = (
  { config }: FederationTools,
  { organizationId }: UsableConnection,
  after: AfterSignIn,
): AfterSignIn =>
  organizationId === null && config.externalOrganization === 'choose'
    ? { ...after, returnTo: withReturnTo('/account/organizations/start', after.returnTo) }
    : after

/** The event of a credential that is first presented. */
export const attemptEvent = ({ connection, identity }: AssertedIdentity): AuditEntry => ({
  type: 'auth.login.attempt',
  userId: null,
  username: null,
  details: {
    connection_id: connection.id,
    provider: connection.provider,
    identifier: identity.email ?? identity.username ?? identity.subject,
  },
})

const sealedTokens = (
  { keyring }: FederationTools,
  { connection, identity }: AssertedIdentity,
): string | null =>
  connection.settings.keeps_tokens && identity.tokens ? sealTokens(keyring, identity.tokens) : null

/** Links the identity to an account. @throws FederationFault where it is linked by now, or the user may not connect it */
export async function link(
  tools: FederationTools,
  accounts: Accounts,
  tx: Tx,
  call: Call,
  asserted: AssertedIdentity,
  { userId, claims }: { userId: string; claims: boolean },
): Promise<LinkedUser<User>> {
  const { connection, identity } = asserted
  await lockUserRow(tx, userId)
  const user = await getUser(tx, userId)
  // the address is verified from then on
  if (claims) await accounts.proveMailbox(tx, call, user)
  if (!(await isConnectable(tools, tx, call, connection, userId))) throw new FederationFault('domain_refused')
  const identityId = await linkTo(tools, tx, call, asserted, user)
  const locale = findLocale(user.locale) ?? call.locale
  const email = identityEmails.linked(tools.config, {
    to: user.email,
    locale,
    connection: connection.name,
    account: identity.email ?? identity.username,
  })
  await tools.mail.write(tx, email, call.now, user.id)
  return { user: claims ? await getUser(tx, userId) : user, identityId }
}

/** @returns the id of the identity */
async function linkTo(
  tools: FederationTools,
  tx: Tx,
  call: Call,
  asserted: AssertedIdentity,
  { id: userId, username }: User,
): Promise<string> {
  const { connection, identity } = asserted
  const linked = await linkIdentity(tx, userId, connection, identity, sealedTokens(tools, asserted), call.now)
  if (!linked) throw new FederationFault('taken')
  const { takenFrom } = linked
  if (takenFrom) await endRegistration(tx, call, takenFrom.user_id)
  if (takenFrom?.former) await revokeKeptTokens(tools.jobs, tx, [takenFrom.former], call.now)
  await audit(tx, call, {
    type: 'auth.identity.linked',
    userId,
    username,
    details: {
      identity_id: linked.id,
      connection_id: connection.id,
      provider: connection.provider,
      issuer: identity.issuer,
      subject: identity.subject,
    },
  })
  return linked.id
}

/**
 * Ends a registration that was never verified and has lost its identity: the links in its e-mails, and the sign-in that waits.
 * Its row stays until it is purged, because it counts towards the e-mails that its address gets.
 */
async function endRegistration(tx: Tx, call: Call, userId: string): Promise<void> {
  await deleteJobsAbout(tx, { userId, identifiers: [] })
  await revokeMailboxLinks(tx, userId, call.now)
  await endAttempts(tx, { userId }, call.now)
}

/** Registers the person of the identity with an address, and links it. */
export async function registerPerson(
  tools: FederationTools,
  accounts: Accounts,
  tx: Tx,
  call: Call,
  asserted: AssertedIdentity,
  email: string,
): Promise<LinkedUser<User>> {
  const { identity, trip } = asserted
  const isVerified =
    identity.emailVerified && identity.email !== null && canonical(identity.email) === canonical(email)
  const user = await accounts.register(tx, call, {
    email,
    isVerified,
    fullName: identity.fullName,
    profile: identity.stated ?? {},
    returnTo: trip.after.returnTo,
  })
  if (isVerified) await accounts.proveMailbox(tx, call, user)
  const identityId = await linkTo(tools, tx, call, asserted, user)
  return { user: await getUser(tx, user.id), identityId }
}
