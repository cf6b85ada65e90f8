/**
 * The rules of passwords: accepting, storing, replacing and expiring one. Hashing never happens inside a transaction.
 * Invariant: a password is replaced only over the hash that was checked, so of two concurrent changes one wins; and
 * every replacement ends the other sessions, open sign-ins, open reset links and a change of address that waits: the
 * password that authorized it may have been known to another person.
 */
import type { CompiledQuery } from 'kysely'
import type { Call } from '../../../base/call.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { type FieldError, Problem, problem } from '../../../base/errors.ts'
import type { PasswordPolicy } from '../../../base/page/form.tsx'
import type { PasswordProfileName } from '../../../config/password-profiles.ts'
import type { Config } from '../../../config.ts'
import { audit } from '../../../core/audit/index.ts'
import { type FactTools, findSignInFacts } from '../../../core/factors/index.ts'
import { revokeLinks } from '../../../core/links/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { endSessions } from '../../identity/sessions/index.ts'
import { lockUserRow, type User } from '../../identity/users/index.ts'
import { endAttempts } from '../attempts/index.ts'
import { distrustDevices } from '../devices/index.ts'
import { commonPasswords, judgePassword, type PasswordContext, weaknesses } from './policy.ts'
import {
  type Profile,
  type ProfileSettings,
  pagePolicyOf,
  profileFor,
  rulesKey,
  type SecondFactorUse,
  secondFactorUse,
} from './profiles.ts'
import {
  deletePassword,
  insertHistory,
  insertPassword,
  replaceHash,
  selectHistory,
  selectOrganizationNames,
  selectOrganizationProfiles,
  selectPassword,
  selectPasswordForShare,
  selectPasswords,
  updateRules,
} from './sql.ts'
import type { PasswordsTable } from './tables.ts'

export interface StoredPassword {
  hash: string
  changedAt: Date
  /** The rules that it was accepted under; null where they are not known. */
  rules: string | null
}

const storedPassword = ({ hash, changed_at: changedAt, profile: rules }: PasswordsTable): StoredPassword => ({
  hash,
  changedAt,
  rules,
})

export async function findPassword(db: Statements, userId: string): Promise<StoredPassword | null> {
  const row = await selectPassword(db, userId)
  return row && storedPassword(row)
}

/** A password that is about to be typed, with what decides about its rules. */
export interface TypedPasswordOfUser extends StoredPassword {
  /** The profiles of the user's organizations. */
  organizations: readonly PasswordProfileName[]
}

/** By user id; users without a password are absent. */
export async function findPasswords(
  db: Statements,
  userIds: readonly string[],
): Promise<Map<string, TypedPasswordOfUser>> {
  const rows = await selectPasswords(db, userIds)
  return new Map(
    rows.map((row) => [row.user_id, { ...storedPassword(row), organizations: row.organization_profiles }]),
  )
}

/** As findPassword, locked against a change until the end of the transaction. */
export async function lockPassword(tx: Tx, userId: string): Promise<StoredPassword | null> {
  const row = await selectPasswordForShare(tx, userId)
  return row && storedPassword(row)
}

/** What a new password of a user has to meet. */
export interface PasswordRules {
  profile: Profile
  context: PasswordContext
}

type Names = Omit<PasswordContext, 'brand'>
type RulesSettings = ProfileSettings & Pick<Config, 'brandName' | 'mfa' | 'mfaGrace'>
export type RulesTools = FactTools & { config: RulesSettings }

/** The rules for the first password of an account that does not exist yet. */
export const rulesOfNew = (config: RulesSettings, names: Names): PasswordRules => ({
  profile: profileFor({ server: config, organizations: [], secondFactor: useAtFirst(config) }),
  context: { ...names, brand: config.brandName },
})

/** A new account has no second factor; where the server requires one at once, its first sign-in enrols one. */
const useAtFirst = ({ mfa, mfaGrace }: RulesSettings): SecondFactorUse =>
  mfa === 'required' && mfaGrace === 0 ? 'required' : 'none'

/** What the form of a new account states about its password. */
export const pagePolicy = (config: RulesSettings): PasswordPolicy =>
  pagePolicyOf(rulesOfNew(config, {}).profile)

/** The rules for the passwords of a user. */
export async function findRules(tools: RulesTools, tx: Tx, user: User, now: Date): Promise<PasswordRules> {
  const { config } = tools
  const organizations = await selectOrganizationNames(tx, user.id)
  return {
    profile: await findProfile(tools, tx, user.id, await selectOrganizationProfiles(tx, user.id), now),
    context: {
      email: user.email,
      username: user.username,
      fullName: user.full_name,
      organizations,
      brand: config.brandName,
    },
  }
}

async function findProfile(
  tools: FactTools & { config: ProfileSettings },
  db: Statements,
  userId: string,
  organizations: readonly PasswordProfileName[],
  now: Date,
): Promise<Profile> {
  const facts = await findSignInFacts(tools, db, userId, now)
  return profileFor({ server: tools.config, organizations, secondFactor: secondFactorUse(facts, now) })
}

/** The hashes that a new password must not match: the present one and as many before it as the profile says. */
export async function usedHashes(tx: Tx, { history }: Profile, userId: string): Promise<string[]> {
  const present = await selectPassword(tx, userId)
  const before = await selectHistory(tx, userId, history - 1)
  return present ? [present.hash, ...before] : before
}

/**
 * Why a right password has to be replaced: it has expired (`age`), or the rules have changed since it was accepted and it
 * does not meet them (`policy`); null: it need not be. One whose rules are not known was accepted under those of the server.
 * Reads what the user's second factors change about the rules only where the password does not meet those without one.
 */
export async function mustReplace(
  tools: FactTools & { config: ProfileSettings; db: Pick<Tools['db'], 'hot'> },
  userId: string,
  stored: TypedPasswordOfUser,
  password: string,
  now: Date,
): Promise<'age' | 'policy' | null> {
  const { organizations } = stored
  const accepted = stored.rules ?? rulesKey(profileOfServer(tools.config))
  const failureUnder = (profile: Profile) => {
    if (isExpired(profile, stored.changedAt, now)) return 'age'
    return accepted !== rulesKey(profile) && weaknesses(profile, password).length > 0 ? 'policy' : null
  }
  const single = profileFor({ server: tools.config, organizations, secondFactor: 'none' })
  return (
    failureUnder(single) && failureUnder(await findProfile(tools, tools.db.hot, userId, organizations, now))
  )
}

/**
 * Notes under which rules a password counts as accepted whose rules are not known, at its first sign-in: a change of the
 * rules from then on is noticed.
 */
export const noteRules = (tools: Pick<Tools, 'config' | 'db'>, userId: string): Promise<void> =>
  tools.db.tx('system', (tx) => updateRules(tx, userId, rulesKey(profileOfServer(tools.config))))

const profileOfServer = (server: ProfileSettings): Profile =>
  profileFor({ server, organizations: [], secondFactor: 'none' })

/** Whether the password is older than the profile allows. */
export const isExpired = ({ maxAge }: Profile, changedAt: Date, now: Date): boolean =>
  maxAge !== null && changedAt.getTime() + maxAge <= now.getTime()

/** A new password that meets the rules, ready to be stored. */
export interface AcceptedPassword {
  hash: string
  profile: Profile
}

/**
 * Checks a new password against the profile and hashes it. Not inside a transaction: the breach check is a request.
 * @param used hashes that it must not match
 * @param field the field that errors name
 * @param repeated its repetition in the field `…_confirm`, where one was sent
 * @throws Problem VALIDATION_ERROR with every reason
 */
export async function acceptPassword(
  tools: Pick<Tools, 'hashing' | 'breaches'>,
  password: string,
  rules: PasswordRules,
  used: readonly string[] = [],
  field = 'password',
  repeated?: string,
): Promise<AcceptedPassword> {
  const { hashing } = tools
  const { profile } = rules
  const faults = await faultsOf(tools, password, rules, field)
  if (faults.length === 0 && (await matchesAny(hashing, used, password))) {
    const params = { history: profile.history }
    faults.push({
      field,
      code: 'reused',
      message: 'Choose a password that you have not used recently.',
      params,
    })
  }
  if (repeated !== undefined && repeated !== password) faults.push(mismatch(`${field}_confirm`))
  if (faults.length > 0) throw problem('VALIDATION_ERROR', { details: faults })
  return { hash: await hashing.hash(password), profile }
}

/** A password and its repetition, as a form of a new account sends them. */
export interface ChosenPassword {
  password: string
  password_confirm?: string | undefined
}

/** As acceptPassword, for a first password. @throws Problem VALIDATION_ERROR with the firstPasswordFaults */
export const acceptFirstPassword = (
  tools: Pick<Tools, 'config' | 'hashing' | 'breaches'>,
  { password, password_confirm: repeated }: ChosenPassword,
  names: Names,
): Promise<AcceptedPassword> =>
  acceptPassword(tools, password, rulesOfNew(tools.config, names), [], 'password', repeated)

/** Every fault of the password and of its repetition. */
export async function firstPasswordFaults(
  tools: Pick<Tools, 'config' | 'breaches'>,
  { password, password_confirm: repeated }: ChosenPassword,
  names: Names,
): Promise<FieldError[]> {
  const faults = await faultsOf(tools, password, rulesOfNew(tools.config, names), 'password')
  if (repeated !== undefined && repeated !== password) faults.push(mismatch('password_confirm'))
  return faults
}

async function faultsOf(
  { breaches }: Pick<Tools, 'breaches'>,
  password: string,
  { profile, context }: PasswordRules,
  field: string,
): Promise<FieldError[]> {
  const reasons = judgePassword(profile, password, context, await commonPasswords())
  // a password that is refused already is not sent anywhere
  if (reasons.length === 0 && profile.breachCheck && (await breaches.timesSeen(password)) > 0)
    reasons.push({ code: 'breached', message: 'This password is known from a data breach. Choose another.' })
  return reasons.map((reason) => ({ field, ...reason }))
}

async function matchesAny(
  hashing: Tools['hashing'],
  hashes: readonly string[],
  password: string,
): Promise<boolean> {
  for (const hash of hashes) if ((await hashing.verify(hash, password)).matches) return true
  return false
}

const mismatch = (field: string): FieldError => ({
  field,
  code: 'mismatch',
  message: 'The two passwords differ.',
})

/** The statement that stores a user's first password, accepted here or hashed elsewhere; without effect where there is one. */
export const firstPassword = (
  userId: string,
  {
    hash,
    profile,
    reset_at = null,
  }: (AcceptedPassword | { hash: string; profile?: undefined }) & { reset_at?: Date | null },
  now: Date,
): CompiledQuery =>
  insertPassword({
    user_id: userId,
    hash,
    changed_at: now,
    profile: profile ? rulesKey(profile) : null,
    reset_at,
  })

export const passwordReplaced = (): Problem =>
  problem('CONFLICT', { message: 'The password was changed meanwhile. Try again.' })

/**
 * What the old password authorized, and what is sent to the mailbox. Not the link that disowns a sign-in: who signed in
 * with a stolen password would revoke it by changing the password.
 */
const REVOKED_LINKS = ['reset_password', 'change_email', 'magic_link', 'unlock'] as const

/**
 * Replaces a password, and what depends on the old one: history, open links, open sign-ins, other sessions. Locks
 * the user's row first: replacements write these rows in different orders and would deadlock (order.test.ts).
 * @throws Problem CONFLICT where it was changed concurrently
 */
export async function replacePassword(
  tx: Tx,
  call: Call,
  user: User,
  change: { from: StoredPassword | null; to: AcceptedPassword; keepSession?: string; byMailbox?: true },
): Promise<void> {
  const { from, to, byMailbox } = change
  const reset = byMailbox ? { reset_at: call.now } : {}
  await lockUserRow(tx, user.id)
  if (from === null) {
    await tx.executeQuery(firstPassword(user.id, { ...to, ...reset }, call.now))
  } else {
    const changed = await replaceHash(tx, user.id, from.hash, {
      hash: to.hash,
      changed_at: call.now,
      profile: rulesKey(to.profile),
      ...reset,
    })
    if (!changed) throw passwordReplaced()
    await insertHistory(tx, user.id, from.hash, to.profile.history, call.now)
  }
  for (const purpose of REVOKED_LINKS) await revokeLinks(tx, purpose, user.id, call.now)
  await endAttempts(tx, { userId: user.id }, call.now)
  await distrustDevices(tx, user.id)
  await endSessions(tx, call, {
    userId: user.id,
    username: user.username,
    reason: 'password_changed',
    ...(change.keepSession === undefined ? {} : { except: change.keepSession }),
  })
}

/** Removes a password that another person may know; it counts as used. The caller holds the user's row. */
export async function removePassword(tools: RulesTools, tx: Tx, user: User, now: Date): Promise<void> {
  const { profile } = await findRules(tools, tx, user, now)
  const hash = await deletePassword(tx, user.id)
  if (hash !== null) await insertHistory(tx, user.id, hash, profile.history, now)
}

/**
 * Hashes the same password with the current parameters. A concurrent change of the password wins. Where hashing fails
 * (bcrypt takes 72 bytes, the queue may be full) the old hash is kept: the password was right.
 */
export async function upgradeHash(
  tools: Pick<Tools, 'db' | 'hashing'>,
  userId: string,
  from: string,
  password: string,
): Promise<void> {
  const hash = await tools.hashing.hash(password).catch((error: unknown) => {
    if (error instanceof Problem) return null
    throw error
  })
  if (hash !== null) await tools.db.tx('system', (tx) => replaceHash(tx, userId, from, { hash }))
}

export const auditPassword = (
  tx: Tx,
  call: Call,
  type: 'auth.password.changed' | 'auth.password.reset',
  user: User,
): Promise<void> => audit(tx, call, { type, userId: user.id, username: user.username })
