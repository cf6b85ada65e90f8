/**
 * Updates a user from a record, by the rules that hold for every other change: there is always an administrator, every
 * organization has an owner, a change of roles or status ends what was issued before. An address is not changed, a
 * verified one stays verified, memberships and identities that the record does not name stay. A password that the user has used or
 * chosen here is kept.
 */
import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { Problem } from '../../../base/errors.ts'
import { audit } from '../../../core/audit/index.ts'
import { revokeMember } from '../../../core/revocations/index.ts'
import { lockRoles } from '../../../core/roles/index.ts'
import { profileDifferences, type UserProfile } from '../../../core/user-profile.ts'
import { replaceRolesByOperator } from '../../access/roles/index.ts'
import { disableUser, enableUser } from '../../identity/lifecycle/index.ts'
import { findUserProfile } from '../../identity/profiles/index.ts'
import { changeProfile, getUser, lockUserRow, type User } from '../../identity/users/index.ts'
import { countOtherMembers } from '../../organizations/membership/index.ts'
import { ensureOrganizations } from '../../organizations/organization/index.ts'
import { firstPassword } from '../../signin/passwords/index.ts'
import {
  insertMissingIdentities,
  type ReadIdentity,
  selectIdentityOwners,
} from '../import-identities/index.ts'
import { importEvent, importedRow, joinEvent, membershipRows } from './creation.ts'
import type { ImportOptions } from './fields.ts'
import { type ImportContext, type ImportTools, type ReadRecord, wantedOrganizations } from './records.ts'
import {
  insertAll,
  lockImports,
  replaceImportedHash,
  selectMembershipsOf,
  updateMembership,
  verifyImported,
} from './sql.ts'
import type { ImportedUsersTable } from './tables.ts'

/** Undoes the transaction of a dry run. */
class Undone extends Error {
  readonly created: string[]
  constructor(created: string[]) {
    super('the update was a dry run')
    this.created = created
  }
}

/**
 * In one transaction, so that a record that is refused leaves nothing; that of a dry run is always undone.
 * @returns why the record was refused, or null; and the slugs of organizations that were created
 */
export async function updateUserByImport(
  tools: ImportTools,
  call: Call,
  { source, dry_run: isDry }: Pick<ImportOptions, 'source' | 'dry_run'>,
  { read, userId, before }: { read: ReadRecord; userId: string; before: ImportedUsersTable | null },
): Promise<{ refused: string | null; created: string[] }> {
  try {
    return await tools.db.tx('system', async (tx) => {
      await lockImports(tx)
      const organizations = await ensureOrganizations(tx, call, wantedOrganizations([read]))
      await lockRoles(tx)
      await update(tx, { tools, call, source, organizations }, read, userId, before)
      const created = [...organizations].flatMap(([slug, { isNew }]) => (isNew ? slug : []))
      if (isDry) throw new Undone(created)
      return { refused: null, created }
    })
  } catch (error) {
    if (error instanceof Undone) return { refused: null, created: error.created }
    if (error instanceof Problem) return { refused: error.message, created: [] }
    throw error
  }
}

export const UNVERIFIED =
  'The account has not verified its address: delete it, or have the address verified first.'

async function update(
  tx: Tx,
  context: ImportContext,
  read: ReadRecord,
  userId: string,
  before: ImportedUsersTable | null,
): Promise<void> {
  const { tools, call } = context
  await lockUserRow(tx, userId)
  const user = await getUser(tx, userId)
  // an address that is not proven may be a stranger's registration, who would receive these rights
  if (before === null && user.email_verified_at === null)
    throw new Problem('CONFLICT', { message: UNVERIFIED })
  if (read.roles !== null) await replaceRolesByOperator(tools, tx, call, userId, read.roles)
  await changeStatus(tx, context, read, user)
  await changeProfile(tx, call, user, differences(read, user, await findUserProfile(tx, userId)))
  await changePassword(tx, context, read, user, before)
  const verifiedAt = read.record.email_verified_at ?? (read.record.email_verified ? call.now : null)
  const isVerified = verifiedAt !== null && (await verifyImported(tx, user.email_id, verifiedAt))
  const joined = await changeMemberships(tx, context, read, user)
  const connected = await connect(tx, context, read, user)
  await insertAll(tx, {
    users: [],
    emails: [],
    profiles: [],
    passwords: [],
    history: [],
    memberships: joined,
    imported: [importedRow(context, read, userId)],
  })
  await audit(
    tx,
    call,
    importEvent(context, read, userId, 'updated', connected),
    ...(isVerified
      ? [
          {
            type: 'auth.email.verified' as const,
            userId,
            username: user.username,
            details: { by: 'operator' },
          },
        ]
      : []),
    ...joined.map((row) => joinEvent(row)),
  )
}

async function changeStatus(
  tx: Tx,
  { tools, call }: ImportContext,
  read: ReadRecord,
  user: User,
): Promise<void> {
  const { status } = read.record
  if (status === 'disabled' && user.status === 'active') await disableUser(tools, tx, call, user)
  if (status === 'active' && user.status === 'disabled') await enableUser(tx, call, user)
}

/** The fields of the profile that the record states otherwise. */
function differences(
  read: ReadRecord,
  user: User,
  profile: UserProfile,
): Parameters<typeof changeProfile>[3] {
  return {
    ...(read.fullName === null || read.fullName === user.full_name ? {} : { full_name: read.fullName }),
    ...(read.username === null || read.username === user.username ? {} : { username: read.username }),
    ...(read.locale === null || read.locale === user.locale ? {} : { locale: read.locale }),
    profile: profileDifferences(profile, read.profile),
  }
}

async function changePassword(
  tx: Tx,
  { call }: ImportContext,
  { record }: ReadRecord,
  user: User,
  before: ImportedUsersTable | null,
): Promise<void> {
  if (record.password_hash === undefined) return
  const changedAt = record.password_changed_at ?? call.now
  // a user who has no password yet gets it; one whose password is still the imported one gets the newer one
  await tx.executeQuery(firstPassword(user.id, { hash: record.password_hash }, changedAt))
  if (before)
    await replaceImportedHash(tx, user.id, { hash: record.password_hash, changedAt }, before.imported_at)
}

/** @returns the memberships to insert. @throws Problem where an organization would lose its last owner */
async function changeMemberships(tx: Tx, context: ImportContext, read: ReadRecord, user: User) {
  const present = new Map(
    (await selectMembershipsOf(tx, user.id)).map((one) => [one.organization_id, one.role]),
  )
  const rows = membershipRows(context, read, user.id)
  for (const { organization_id: id, role } of rows) {
    const held = present.get(id)
    if (held === undefined || held === role) continue
    if (held === 'owner' && (await countOtherMembers(tx, id, user.id)).owners === 0)
      throw new Problem('CONFLICT', {
        message: 'An organization would lose its last owner. Give it another owner first.',
      })
    await updateMembership(tx, id, user.id, role)
    await revokeMember(tx, id, user.id, context.tools.clock)
    await audit(tx, context.call, {
      type: 'organization.member.role_changed',
      userId: null,
      username: null,
      organizationId: id,
      details: { user_id: user.id, role, before: held, by: 'operator' },
    })
  }
  return rows.filter(({ organization_id: id }) => !present.has(id))
}

/** @returns the identities that the user did not have. @throws Problem where one is connected to another user by now */
async function connect(
  tx: Tx,
  { call }: ImportContext,
  { identities }: ReadRecord,
  { id: userId }: User,
): Promise<ReadIdentity[]> {
  const owners = await selectIdentityOwners(tx, identities)
  const missing = identities.filter(({ key }) => owners.get(key) !== userId)
  const added = missing.map((identity) => ({ userId, identity }))
  // inserts none that has an owner
  if (await insertMissingIdentities(tx, added, call.now)) return missing
  throw new Problem('CONFLICT', { message: 'A connected account was connected to another user meanwhile.' })
}
