/**
 * Creating, changing and deleting users' accounts. An account that an administrator creates is active immediately and
 * owns its address; `is_verified` states separately whether the address is verified. A user created without a password
 * receives a link to choose one, which verifies the address as every reset link does.
 */
import { can } from '@latchkey/guard'
import type { Call, Locale } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { invalid, problem } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import { newId } from '../../../base/ids.ts'
import { audit } from '../../../core/audit/index.ts'
import { assertCanBeMet } from '../../../core/demands.ts'
import { defaultRole, lockRoles } from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { assertMayGrantServerRole, lockReach, replaceUserRoles } from '../../access/roles/index.ts'
import {
  changeAddress,
  claimAddress,
  lockAddress,
  sendVerification,
  unverifyAddress,
} from '../../identity/emails/index.ts'
import { deleteUser } from '../../identity/lifecycle/index.ts'
import { findUserProfile } from '../../identity/profiles/index.ts'
import { changeProfile, createUser, findUser, getUser, type User } from '../../identity/users/index.ts'
import { openInvitations } from '../../organizations/invitations/index.ts'
import {
  isMemberAnywhere,
  leaveAllOrganizations,
  lockOrganizationsOf,
} from '../../organizations/members/index.ts'
import { endLostAuthority } from '../../signin/federation/index.ts'
import { acceptFirstPassword, firstPassword, resetLinks } from '../../signin/passwords/index.ts'
import { setStatus } from './locks.ts'
import { ACCOUNT_LINK_LIFETIME, accountCreatedEmail, addressChangedEmail } from './mail.tsx'
import { asAdministrator, assertMayActOnUser, assertMayWithdraw, localeOf } from './target.ts'
import type { PersonAccount, SettableStatus } from './view.ts'

type AccountTools = Pick<
  Tools,
  'clock' | 'db' | 'config' | 'hashing' | 'breaches' | 'jobs' | 'keyring' | 'log' | 'mail' | 'roles'
>

export interface NewAccount {
  email: string
  username?: string | undefined
  full_name?: string | undefined
  password?: string | undefined
  role?: string | undefined
  roles?: readonly string[] | undefined
  status?: SettableStatus | undefined
  is_verified: boolean
  locale?: Locale | undefined
  send_invitation?: boolean | undefined
}

/** @throws Problem VALIDATION_ERROR, CONFLICT, INSUFFICIENT_PERMISSIONS for roles that the caller may not grant */
export async function createAccount(tools: AccountTools, call: Call, input: NewAccount): Promise<User> {
  const { email, password } = input
  const names = { email, username: input.username ?? null, fullName: input.full_name ?? null }
  const accepted = password === undefined ? null : await acceptFirstPassword(tools, { password }, names)
  const id = newId('usr')
  return await asAdministrator(tools, call, async (tx, acting) => {
    // the order of locks: roles before addresses
    if (input.status !== undefined) await lockRoles(tx)
    const roles = await rolesFor(tools, tx, call, rolesOf(input))
    await lockAddress(tx, canonical(email))
    if (input.is_verified) await assertMaySetAddress(tx, call, null, [canonical(email)])
    const locale = input.locale ?? null
    const fields = {
      ...names,
      id,
      locale,
      roles,
      status: 'active',
      emailVerified: input.is_verified,
    } as const
    await createUser(tx, fields, call.now, accepted === null ? [] : [firstPassword(id, accepted, call.now)])
    const details = { roles, is_verified: input.is_verified }
    const { username } = names
    await audit(tx, acting, { type: 'user.created', userId: id, username, details })
    const user = await getUser(tx, id)
    const isUsable = input.status === undefined || input.status === 'active'
    if (input.send_invitation ?? (accepted === null && isUsable))
      await sendPasswordLink(tools, tx, call, user)
    if (isUsable) return user
    await setStatus(tools, tx, acting, user, input.status ?? 'active')
    return await getUser(tx, id)
  })
}

/**
 * Marking an address as verified, or changing it, lets the administrator act as the user, also inside the user's
 * organizations and invitations. It therefore requires `organizations:write` where the user has any of these.
 * @throws Problem INSUFFICIENT_PERMISSIONS
 */
async function assertMaySetAddress(
  tx: Tx,
  { principal, now }: Call,
  userId: string | null,
  addresses: readonly string[],
): Promise<void> {
  if (principal && can(principal, 'organizations:write')) return
  const isMember = userId !== null && (await isMemberAnywhere(tx, userId))
  if (!isMember && !(await openInvitations.isInvited(tx, addresses, now))) return
  throw problem('INSUFFICIENT_PERMISSIONS', {
    message:
      'This user is a member of an organization, or invited to one. Only the user can verify or change the address.',
    details: { required: 'organizations:write', reason: 'of_an_organization' },
  })
}

/** `role` is one role, short for a list. @throws Problem VALIDATION_ERROR for both */
function rolesOf({
  role,
  roles,
}: {
  role?: string | undefined
  roles?: readonly string[] | undefined
}): readonly string[] | undefined {
  if (role === undefined) return roles
  if (roles !== undefined) throw invalid('role', 'not_with_roles', 'Send `role` or `roles`, not both.')
  return [role]
}

/** The default role may always be given; other roles require `users:grant` and follow the rules of granting roles. */
async function rolesFor(
  tools: Pick<Tools, 'config' | 'roles'>,
  tx: Tx,
  call: Call,
  requested: readonly string[] | undefined,
): Promise<readonly string[]> {
  const byDefault = defaultRole(tools.config)
  const names = [...new Set(requested ?? [byDefault])]
  if (names.every((name) => name === byDefault)) return names
  const reach = await lockReach(tx, call, 'users:grant')
  for (const name of names) {
    if (!reach.definitions.has(name))
      throw problem('VALIDATION_ERROR', {
        details: [{ field: 'roles', code: 'unknown_role', message: `There is no role ${name}.` }],
      })
    assertMayGrantServerRole(reach, name)
  }
  return [...reach.definitions.keys()].filter((name) => names.includes(name))
}

async function sendPasswordLink(
  tools: Pick<Tools, 'config' | 'mail'>,
  tx: Tx,
  call: Call,
  user: User,
): Promise<void> {
  const token = await resetLinks.issue(tx, user, ACCOUNT_LINK_LIFETIME, call.now)
  const email = accountCreatedEmail(tools.config, { to: user.email, token, locale: localeOf(user, call) })
  await tools.mail.write(tx, email, call.now, user.id)
}

type ProfileChange = Parameters<typeof changeProfile>[3]

export interface AccountChange extends ProfileChange {
  email?: string | undefined
  is_verified?: boolean | undefined
  mfa_required?: boolean | undefined
  role?: string | undefined
  roles?: readonly string[] | undefined
  status?: SettableStatus | undefined
}

/**
 * Changes only the given fields. Roles follow the rules of granting roles, and the status those of locking and
 * disabling: nothing is changed where one of them is refused.
 * @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS, CONFLICT for taken identifiers and as the actions on roles and
 * status throw it, AUTHENTICATION_REQUIRED for roles by an API key
 */
export async function changeAccount(
  tools: AccountTools,
  call: Call,
  id: string,
  {
    email,
    is_verified: isVerified,
    mfa_required: mfaRequired,
    role,
    roles: list,
    status,
    ...profile
  }: AccountChange,
): Promise<PersonAccount> {
  const roles = rolesOf({ role, roles: list })
  return await asAdministrator(tools, call, async (tx, acting) => {
    // the order of locks: roles, then addresses before the user, as in verification
    if (roles !== undefined || status !== undefined) await lockRoles(tx)
    const before = await findUser(tx, id)
    const addresses = [before?.email ?? [], email ?? []].flat().map(canonical)
    for (const address of [...new Set(addresses)].sort()) await lockAddress(tx, address)
    const assertMay = status === undefined || status === 'active' ? assertMayActOnUser : assertMayWithdraw
    const user = await assertMay(tools, tx, call, id)
    if (user.email !== before?.email)
      throw problem('CONFLICT', {
        message:
          'The address of this account was changed by another request. Read the account, then try again.',
      })
    if (email !== undefined || isVerified) await assertMaySetAddress(tx, call, id, addresses)
    if (Object.values(profile).some((value) => value !== undefined))
      await changeProfile(tx, acting, user, profile)
    if (email !== undefined && email !== user.email)
      await moveToAddress(tools, tx, acting, user, email, isVerified)
    if (isVerified !== undefined) await setVerified(tools, tx, acting, await getUser(tx, id), isVerified)
    if (mfaRequired !== undefined) await setMfaRequired(tools, tx, acting, user, mfaRequired)
    if (roles !== undefined) await replaceUserRoles(tools, tx, call, id, roles)
    if (status !== undefined) await setStatus(tools, tx, acting, await getUser(tx, id), status)
    return { user: await getUser(tx, id), profile: await findUserProfile(tx, id) }
  })
}

/**
 * Changes the address. The new address is unverified unless stated otherwise, because a mistyped address belongs to
 * another person. Links sent to the old address are revoked, sessions end, and both addresses are notified. Another
 * spelling of the same address changes nothing else.
 */
async function moveToAddress(
  tools: Pick<Tools, 'clock' | 'config' | 'jobs' | 'keyring' | 'mail'>,
  tx: Tx,
  call: Call,
  user: User,
  email: string,
  isVerified = false,
): Promise<void> {
  if (!(await changeAddress(tx, call, user, email))) return
  await endLostAuthority(tools, tx, user.id, call.now)
  const locale = localeOf(user, call)
  for (const to of [user.email, email])
    await tools.mail.write(tx, addressChangedEmail(tools.config, { to, locale }), call.now, user.id)
  if (!isVerified && tools.config.emailVerification === 'required')
    await sendVerification(tools, tx, await getUser(tx, user.id), { locale }, call.now)
}

/**
 * @throws Problem CONFLICT where callers lift the requirement of their account; VALIDATION_ERROR where no second factor can be
 * set up
 */
async function setMfaRequired(
  { config }: Pick<Tools, 'config'>,
  tx: Tx,
  call: Call,
  user: User,
  isRequired: boolean,
): Promise<void> {
  if (isRequired === user.mfa_required) return
  if (isRequired) assertCanBeMet(config, 'mfa_required')
  if (!isRequired && call.principal?.userId === user.id)
    throw problem('CONFLICT', {
      message: 'Another administrator has to lift the requirement of your account.',
    })
  const change = { mfa_required: isRequired, updated_at: call.now }
  await tx.updateTable('users').set(change).where('id', '=', user.id).execute()
  const details = { fields: ['mfa_required'], mfa_required: isRequired }
  await audit(tx, call, { type: 'user.updated', userId: user.id, username: user.username, details })
}

async function setVerified(
  tools: Pick<Tools, 'clock' | 'jobs'>,
  tx: Tx,
  call: Call,
  user: User,
  isVerified: boolean,
): Promise<void> {
  if (isVerified) return await claimAddress(tools, tx, call, user)
  await unverifyAddress(tx, call, user)
  await endLostAuthority(tools, tx, user.id, call.now)
}

/** Deletes an account with all personal data. @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS, CONFLICT */
export const deleteAccount = (
  tools: Pick<Tools, 'clock' | 'config' | 'db' | 'jobs' | 'roles'>,
  call: Call,
  id: string,
): Promise<void> =>
  asAdministrator(tools, call, async (tx, acting) => {
    await lockOrganizationsOf(tx, id)
    await lockRoles(tx)
    const user = await assertMayWithdraw(tools, tx, call, id)
    await leaveAllOrganizations(tools, tx, acting, id)
    await deleteUser(tools, tx, acting, user)
  })
