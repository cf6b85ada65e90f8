/**
 * Making, changing and deleting people's accounts. An administrator vouches for what they enter: an account is active
 * at once and owns its address, but whether the address is verified is said apart. Somebody without a password is
 * sent a link to choose one, which verifies the address as any such link does.
 */
import { can } from '@latchkey/guard'
import { type Call, LOCALES, type Locale } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import { newId } from '../../../base/ids.ts'
import { audit } from '../../../core/audit/index.ts'
import { defaultRole, lockRoles } from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { assertMayGive, lockReach } from '../../access/roles/index.ts'
import {
  changeAddress,
  claimAddress,
  lockAddress,
  sendVerification,
  unverifyAddress,
} from '../../identity/emails/index.ts'
import { deleteUser } from '../../identity/lifecycle/index.ts'
import { changeProfile, createUser, findUser, getUser, type User } from '../../identity/users/index.ts'
import { isInvited } from '../../organizations/invitations/index.ts'
import {
  isMemberAnywhere,
  leaveAllOrganizations,
  lockOrganizationsOf,
} from '../../organizations/members/index.ts'
import { acceptPassword, issueResetLink, setFirstPassword } from '../../signin/passwords/index.ts'
import { addressChangedLetter, INVITATION_LIFETIME, invitationLetter } from './mail.tsx'
import { asAdministrator, assertMayActOn, assertMayTakeAway } from './target.ts'

type AccountTools = Pick<
  Tools,
  'db' | 'config' | 'hashing' | 'breaches' | 'jobs' | 'keyring' | 'log' | 'mail' | 'roles'
>

export interface NewAccount {
  email: string
  username?: string | undefined
  full_name?: string | undefined
  password?: string | undefined
  roles?: readonly string[] | undefined
  is_verified: boolean
  locale?: Locale | undefined
  send_invitation?: boolean | undefined
}

/** @throws Problem VALIDATION_ERROR, CONFLICT, INSUFFICIENT_PERMISSIONS for roles beyond the caller's to give */
export async function createAccount(tools: AccountTools, call: Call, wish: NewAccount): Promise<User> {
  const { email, password } = wish
  const who = { email, username: wish.username ?? null, fullName: wish.full_name ?? null }
  const hash = password === undefined ? null : await acceptPassword(tools, password, who)
  const id = newId('usr')
  return await asAdministrator(tools, call, async (tx, acting) => {
    const roles = await rolesFor(tools, tx, call, wish.roles)
    await lockAddress(tx, canonical(email))
    if (wish.is_verified) await assertMayVouch(tx, call, null, [canonical(email)])
    const locale = wish.locale ?? null
    const made = { ...who, id, locale, roles, status: 'active', emailVerified: wish.is_verified } as const
    await createUser(tx, made, call.now)
    if (hash !== null) await setFirstPassword(tx, id, hash, call.now)
    const details = { roles, is_verified: wish.is_verified }
    const { username } = who
    await audit(tx, acting, { type: 'user.created', userId: id, username, details })
    const user = await getUser(tx, id)
    if (wish.send_invitation ?? hash === null) await invite(tools, tx, call, user)
    return user
  })
}

/**
 * Whoever says that an address is proven, or moves an account to another, could act as its owner: inside the
 * organizations they belong to or are invited to as well. That takes somebody who may enter those anyway.
 * @throws Problem INSUFFICIENT_PERMISSIONS
 */
async function assertMayVouch(
  tx: Tx,
  { principal, now }: Call,
  userId: string | null,
  addresses: readonly string[],
): Promise<void> {
  if (principal && can(principal, 'organizations:write')) return
  const isMember = userId !== null && (await isMemberAnywhere(tx, userId))
  if (!isMember && !(await isInvited(tx, addresses, now))) return
  throw problem('INSUFFICIENT_PERMISSIONS', {
    message:
      'This person belongs to an organization, or is invited to one: their address is theirs to prove.',
    details: { required: 'organizations:write', reason: 'of_an_organization' },
  })
}

/** Everybody's role needs no leave; any other is given as roles are given. */
async function rolesFor(
  tools: Pick<Tools, 'config' | 'roles'>,
  tx: Tx,
  call: Call,
  wanted: readonly string[] | undefined,
): Promise<readonly string[]> {
  const usual = defaultRole(tools.config)
  const names = [...new Set(wanted ?? [usual])]
  if (names.every((name) => name === usual)) return names
  const reach = await lockReach(tx, call, 'users:grant')
  for (const name of names) {
    if (!reach.definitions.has(name))
      throw problem('VALIDATION_ERROR', {
        details: [{ field: 'roles', code: 'unknown_role', message: `There is no role ${name}.` }],
      })
    assertMayGive(reach, name)
  }
  return [...reach.definitions.keys()].filter((name) => names.includes(name))
}

async function invite(tools: Pick<Tools, 'config' | 'mail'>, tx: Tx, call: Call, user: User): Promise<void> {
  const token = await issueResetLink(tx, user, INVITATION_LIFETIME, call.now)
  const letter = invitationLetter(tools.config, { to: user.email, token, locale: localeOf(user, call) })
  await tools.mail.write(tx, letter, call.now, user.id)
}

/** The person's own language; the administrator's where they have chosen none. */
export const localeOf = (user: Pick<User, 'locale'>, call: Call): Locale =>
  LOCALES.find((locale) => locale === user.locale) ?? call.locale

type ProfileChange = Parameters<typeof changeProfile>[3]

export interface AccountChange extends ProfileChange {
  email?: string | undefined
  is_verified?: boolean | undefined
}

/** Changes only what is given. @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS, CONFLICT for what is taken */
export async function changeAccount(
  tools: AccountTools,
  call: Call,
  id: string,
  { email, is_verified: isVerified, ...profile }: AccountChange,
): Promise<User> {
  return await asAdministrator(tools, call, async (tx, acting) => {
    // addresses before the user, as everybody does who proves one
    const before = await findUser(tx, id)
    const addresses = [before?.email ?? [], email ?? []].flat().map(canonical)
    for (const address of [...new Set(addresses)].sort()) await lockAddress(tx, address)
    const user = await assertMayActOn(tools, tx, call, id)
    if (user.email !== before?.email) throw problem('CONFLICT')
    if (email !== undefined || isVerified) await assertMayVouch(tx, call, id, addresses)
    if (Object.values(profile).some((value) => value !== undefined))
      await changeProfile(tx, acting, user, profile)
    if (email !== undefined && email !== user.email) await moveTo(tools, tx, acting, user, email, isVerified)
    if (isVerified !== undefined) await setVerified(tx, acting, await getUser(tx, id), isVerified)
    return await getUser(tx, id)
  })
}

/**
 * Changes the address and notifies both addresses. The new one is unverified unless the administrator says otherwise,
 * because a mistyped address may belong to another person.
 */
async function moveTo(
  tools: Pick<Tools, 'config' | 'keyring' | 'mail'>,
  tx: Tx,
  call: Call,
  user: User,
  email: string,
  isVerified = false,
): Promise<void> {
  if (!(await changeAddress(tx, call, user, email))) return
  const locale = localeOf(user, call)
  for (const to of [user.email, email])
    await tools.mail.write(tx, addressChangedLetter(tools.config, { to, locale }), call.now, user.id)
  if (!isVerified && tools.config.emailVerification === 'required')
    await sendVerification(tools, tx, await getUser(tx, user.id), { locale }, call.now)
}

const setVerified = (tx: Tx, call: Call, user: User, isVerified: boolean): Promise<void> =>
  isVerified ? claimAddress(tx, call, user) : unverifyAddress(tx, call, user)

/** Deletes an account with everything personal. @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS, CONFLICT */
export const deleteAccount = (
  tools: Pick<Tools, 'clock' | 'config' | 'db' | 'roles'>,
  call: Call,
  id: string,
): Promise<void> =>
  asAdministrator(tools, call, async (tx, acting) => {
    await lockOrganizationsOf(tx, id)
    await lockRoles(tx)
    const user = await assertMayTakeAway(tools, tx, call, id)
    await leaveAllOrganizations(tools, tx, acting, id)
    await deleteUser(tx, acting, user)
  })
