/**
 * The rules of users: creating, finding and changing them. A user is `pending` until the address is verified, unless
 * verification is switched off. A pending user owns no identifier: a registration cannot block another user's name or
 * address, and the first user to verify an address owns it.
 */
import type { CompiledQuery } from 'kysely'
import type { Call } from '../../../base/call.ts'
import { runTogether } from '../../../base/db/compiled.ts'
import { isUniqueViolation } from '../../../base/db/faults.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { notFound, type Problem, problem } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import { isId, newId } from '../../../base/ids.ts'
import { audit } from '../../../core/audit/index.ts'
import type { ProfileInput } from '../../../core/user-profile.ts'
import { changeUserProfile } from '../profiles/index.ts'
import { insertEmail, insertUser, selectByIdentifier, selectUser, type UserRow, updateUser } from './sql.ts'

export type User = UserRow

export interface NewUser {
  id: string
  email: string
  username: string | null
  fullName: string | null
  locale: string | null
  roles: readonly string[]
  /** `active` claims the identifiers at once and fails with CONFLICT where one is taken. */
  status: 'pending' | 'active'
  emailVerified: boolean
  /** Registered without proving the address. Default: false. */
  unproven?: boolean
  /** The name of an organization to create at the first sign-in. */
  organizationWish?: string | null | undefined
}

/**
 * Inserts a user and the primary address.
 * @param also statements about the user that are run together with these
 * @returns the address's id. @throws Problem CONFLICT
 */
export async function createUser(
  tx: Tx,
  user: NewUser,
  now: Date,
  also: readonly CompiledQuery[] = [],
): Promise<string> {
  const emailId = newId('eml')
  const inserts = [
    insertUser({
      id: user.id,
      username: user.username,
      username_key: user.username === null ? null : canonical(user.username),
      full_name: user.fullName,
      name_key: user.fullName === null ? null : canonical(user.fullName),
      locale: user.locale,
      status: user.status,
      roles: [...user.roles],
      created_at: now,
      updated_at: now,
      last_login_at: null,
      organization_wish: user.organizationWish ?? null,
      locked_at: null,
      locked_until: null,
      mfa_required: false,
    }),
    insertEmail({
      id: emailId,
      user_id: user.id,
      address: user.email,
      address_key: canonical(user.email),
      is_primary: true,
      claimed_at: user.status === 'active' ? now : null,
      verified_at: user.emailVerified ? now : null,
      is_unproven: user.unproven ?? false,
      created_at: now,
    }),
  ]
  await takingIdentifiers(() => runTogether(tx, [...inserts, ...also]))
  return emailId
}

/** Answers unique violations of identifiers with CONFLICT. */
async function takingIdentifiers<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isUniqueViolation(error, 'users_username')) {
      throw problem('CONFLICT', {
        message: 'This username is taken. Choose another one.',
        details: { field: 'username' },
        cause: error,
      })
    }
    if (isUniqueViolation(error, 'emails_claimed')) throw addressTaken(error)
    throw error
  }
}

/** CONFLICT: another user owns the address. */
export const addressTaken = (cause?: unknown): Problem =>
  problem('CONFLICT', {
    message: 'This e-mail address is taken. Use another one.',
    details: { field: 'email' },
    cause,
  })

export const findUser = async (tx: Statements, id: string): Promise<User | null> =>
  (await selectUser(tx, id)) ?? null

export async function getUser(tx: Tx, id: string): Promise<User> {
  const user = await selectUser(tx, id)
  if (!user) throw notFound('user')
  return user
}

/** The users of an identifier: its owner, and the newest pending registration of it. */
export interface Named {
  owner: User | null
  pending: User | null
}

/** By username or address in any spelling. */
export async function findNamed(db: Statements, identifier: string): Promise<Named> {
  const users = await selectByIdentifier(db, canonical(identifier))
  return {
    owner: users.find(({ status }) => status !== 'pending') ?? null,
    pending: users.find(({ status }) => status === 'pending') ?? null,
  }
}

/** The owner; without an owner the newest pending user. */
export async function findByIdentifier(tx: Tx, identifier: string): Promise<User | null> {
  const { owner, pending } = await findNamed(tx, identifier)
  return owner ?? pending
}

/** By id, username or address, as an operator names a user. @throws Problem NOT_FOUND */
export async function getUserNamed(tx: Tx, name: string): Promise<User> {
  const user = isId('usr', name) ? await findUser(tx, name) : await findByIdentifier(tx, name)
  if (!user) throw problem('NOT_FOUND', { message: `There is no account named ${name}.` })
  return user
}

interface ProfileChange {
  full_name?: string | null | undefined
  username?: string | null | undefined
  locale?: 'en' | 'de' | null | undefined
  profile?: ProfileInput | undefined
}

/** Changes the fields of a profile that are present. @throws Problem CONFLICT for a taken username */
export async function changeProfile(tx: Tx, call: Call, user: User, change: ProfileChange): Promise<void> {
  const { profile = {}, ...columns } = change
  const given = Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined))
  const statesProfile = Object.values(profile).some((value) => value !== undefined)
  if (Object.keys(given).length === 0 && !statesProfile) return
  const { username, full_name: name } = columns
  const keys = {
    ...(username === undefined ? {} : { username_key: username && canonical(username) }),
    ...(name === undefined ? {} : { name_key: name && canonical(name) }),
  }
  await takingIdentifiers(() => updateUser(tx, user.id, { ...given, ...keys }, call.now))
  const ofProfile = statesProfile ? await changeUserProfile(tx, user.id, profile) : []
  const fields = [...Object.keys(given), ...ofProfile]
  if (fields.length === 0) return
  await audit(tx, call, {
    type: 'user.updated',
    userId: user.id,
    username: user.username,
    details: { fields },
  })
}
