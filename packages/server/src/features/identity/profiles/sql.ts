/** Every SQL statement of profiles. */
import { compiledOnce, type NewRow } from '../../../base/db/compiled.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import {
  changedProfile,
  differingFields,
  type ProfileInput,
  type UserProfile,
} from '../../../core/user-profile.ts'
import type { UserProfilesTable } from './tables.ts'

export async function findUserProfile(db: Statements, userId: string): Promise<UserProfile> {
  const query = db.selectFrom('user_profiles').select('claims').where('user_id', '=', userId)
  return (await query.executeTakeFirst())?.claims ?? {}
}

/** Of a new user. */
export const insertUserProfile = compiledOnce((db, profile: NewRow<UserProfilesTable>) =>
  db.insertInto('user_profiles').values(profile),
)

/**
 * Under the lock of the user's row, so that two changes of different fields both remain.
 * @returns the names of what differs now, as the audit log has them
 */
export async function changeUserProfile(tx: Tx, userId: string, change: ProfileInput): Promise<string[]> {
  const before = await findUserProfile(tx, userId)
  const after = changedProfile(before, change)
  const fields = differingFields(before, after)
  if (fields.length === 0) return []
  const claims = JSON.stringify(after)
  await tx
    .insertInto('user_profiles')
    .values({ user_id: userId, claims })
    .onConflict((on) => on.column('user_id').doUpdateSet({ claims }))
    .execute()
  return fields
}
