/** The table of profiles. */
import type { Json } from '../../../base/db/tables.ts'
import type { UserProfile } from '../../../core/user-profile.ts'

declare module '../../../base/db/tables.ts' {
  interface Tables {
    user_profiles: UserProfilesTable
  }
}

/** A user without a row has stated nothing. */
export interface UserProfilesTable {
  user_id: string
  claims: Json<UserProfile>
}
