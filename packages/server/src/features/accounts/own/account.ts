/** The caller's own account: reading it, changing the profile, deleting it. */
import { type Call, findLocale } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound, problem } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import { isId } from '../../../base/ids.ts'
import { isReserved, RESERVED_FAULT } from '../../../base/reserved-names.ts'
import type { Tools } from '../../../core/tools.ts'
import type { UserProfile } from '../../../core/user-profile.ts'
import {
  assertNotLastAdministrator,
  deleteUser,
  isLastAdministrator,
} from '../../identity/lifecycle/index.ts'
import { findUserProfile } from '../../identity/profiles/index.ts'
import { changeProfile, findUser, getUser, lockUserRow, type User } from '../../identity/users/index.ts'
import {
  leaveAllOrganizations,
  lockOrganizationsOf,
  type NamedOrganization,
  previewDeparture,
} from '../../organizations/members/index.ts'
import type { activeOrganizationView } from '../../organizations/organization/index.ts'
import { confirmCaller, hasPassword } from '../../signin/passwords/index.ts'
import { accountDeletedEmail } from './mail.tsx'
import { type CallerRow, callerLookup } from './sql.ts'

/** The caller, as `auth/me` answers. */
export interface OwnIdentity {
  user: CallerRow
  active: Parameters<typeof activeOrganizationView>[0] | null
}

/** The caller's own user, read as the caller. */
export async function ownUser(tools: Pick<Tools, 'db'>, call: Call): Promise<User> {
  const scope = callerScope(call)
  return await tools.db.tx(scope, (tx) => getUser(tx, scope.userId))
}

/** The caller's own user with the profile. */
export interface OwnAccount {
  user: User
  profile: UserProfile
}

/** The same with the profile. */
export async function ownAccount(tools: Pick<Tools, 'db'>, call: Call): Promise<OwnAccount> {
  const scope = callerScope(call)
  return await tools.db.tx(scope, (tx) => accountOf(tx, scope.userId))
}

const accountOf = async (tx: Tx, id: string): Promise<OwnAccount> => ({
  user: await getUser(tx, id),
  profile: await findUserProfile(tx, id),
})

/** Reads the caller and the active organization in one statement; the check of the credential has verified both. */
export function callerReader({ db }: Pick<Tools, 'db'>): (call: Call) => Promise<OwnIdentity> {
  const statement = callerLookup(db.hot)
  return async ({ principal, organization }) => {
    if (!principal) throw problem('AUTHENTICATION_REQUIRED')
    const [row] = await db.run(statement, [organization?.id ?? null, principal.userId])
    if (!row) throw notFound('user')
    const { organization_id: id, organization_name: name, organization_slug: slug } = row
    if (organization === null || id === null || name === null || slug === null)
      return { user: row, active: null }
    const { role, permissions } = organization
    return { user: row, active: { organization: { id, name, slug }, role, permissions } }
  }
}

/** Changes the caller's profile. @throws Problem CONFLICT where the username is taken, VALIDATION_ERROR for a reserved one */
export async function updateProfile(
  tools: Pick<Tools, 'db'>,
  call: Call,
  change: Parameters<typeof changeProfile>[3],
): Promise<OwnAccount> {
  const scope = callerScope(call)
  return await tools.db.tx(scope, async (tx) => {
    const user = await getUser(tx, scope.userId)
    // an administrator may have given the present one
    const isKept = change.username && canonical(change.username) === canonical(user.username ?? '')
    if (change.username && !isKept && isReserved(change.username))
      throw problem('VALIDATION_ERROR', { details: [{ field: 'username', ...RESERVED_FAULT }] })
    await changeProfile(tx, call, user, change)
    return await accountOf(tx, scope.userId)
  })
}

/** Whether no user has the id (any more), for a form that is sent twice. */
export const isDeleted = async (tools: Pick<Tools, 'db'>, id: string): Promise<boolean> =>
  isId('usr', id) && (await tools.db.tx('system', (tx) => findUser(tx, id))) === null

/** What the deletion of the caller's account depends on, and what else it deletes. */
export interface DeletionOutlook {
  isLastAdministrator: boolean
  /** The organizations that prevent it: the caller is their only owner, and they have other members. */
  ownerless: readonly NamedOrganization[]
  /** The organizations that are deleted with it: the caller is their only member. */
  emptied: readonly NamedOrganization[]
  /** Whether the account has a password, which confirms it. */
  hasPassword: boolean
}

export const deletionOutlook = ({ db }: Pick<Tools, 'db'>, { principal }: Call): Promise<DeletionOutlook> =>
  db.tx('system', async (tx) => {
    const userId = principal?.userId ?? ''
    const departure = await previewDeparture(tx, userId)
    return {
      ...departure,
      isLastAdministrator: await isLastAdministrator(tx, userId),
      hasPassword: await hasPassword(tx, userId),
    }
  })

/**
 * Deletes the caller's account and all personal data in one transaction, after checking the password, or where
 * there is none a recent proof.
 * @throws Problem AUTHENTICATION_FAILED, ACCOUNT_LOCKED, STEP_UP_REQUIRED; CONFLICT for the last administrator and for the only owner of
 * an organization that has other members
 */
export async function deleteOwnAccount(
  tools: Pick<Tools, 'clock' | 'db' | 'config' | 'hashing' | 'jobs' | 'keyring' | 'log' | 'mail'>,
  call: Call,
  password?: string,
): Promise<void> {
  if (!call.principal) throw problem('AUTHENTICATION_REQUIRED')
  const user = await ownUser(tools, call)
  const confirmed = await confirmCaller(tools, call, user, password)
  await tools.db.tx('system', async (tx) => {
    // the order of locks in every transaction: organizations, roles, users
    await lockOrganizationsOf(tx, user.id)
    await assertNotLastAdministrator(tx, user.id)
    await leaveAllOrganizations(tools, tx, call, user.id)
    await lockUserRow(tx, user.id)
    await confirmed.assertUnchanged(tx)
    await deleteUser(tools, tx, call, user)
    await tools.mail.write(
      tx,
      accountDeletedEmail(tools.config, { to: user.email, locale: findLocale(user.locale) ?? call.locale }),
      call.now,
    )
  })
}
