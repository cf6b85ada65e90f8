/** The tables of users, their addresses and who holds which role. */
import type { Generated } from 'kysely'

declare module '../../../base/db/tables.ts' {
  interface Tables {
    users: UsersTable
    emails: EmailsTable
    role_holders: RoleHoldersTable
  }
}

/** A person. `pending` until an address is verified (or verification is off): a pending user owns no identifier. */
export interface UsersTable {
  id: string
  username: string | null
  /** The canonical spelling; unique among users that are not pending. */
  username_key: string | null
  full_name: string | null
  /** The canonical spelling, for searching. */
  name_key: string | null
  locale: string | null
  status: 'pending' | 'active' | 'disabled'
  roles: string[]
  created_at: Date
  updated_at: Date
  last_login_at: Date | null
  /** Locked by an administrator since then; null: not locked. */
  locked_at: Date | null
  /** When a lock ends by itself; null while locked: when it is lifted. */
  locked_until: Date | null
  /** Asked for at sign-up, made at the first sign-in. */
  organization_wish: string | null
  /** Whether the account must have a second factor. */
  mfa_required: Generated<boolean>
}
export interface EmailsTable {
  id: string
  user_id: string
  address: string
  /** The canonical spelling; unique among claimed addresses. */
  address_key: string
  is_primary: boolean
  /** When the address became this user's; null while the user is pending. */
  claimed_at: Date | null
  verified_at: Date | null
  /** Registered while addresses were not verified, and not proven since. */
  is_unproven: Generated<boolean>
  created_at: Date
}
/** Who holds a role: `users.roles` as rows, written by a trigger. */
export interface RoleHoldersTable {
  role: string
  user_id: string
  created_at: Date
  status: 'pending' | 'active' | 'disabled'
  /** Whether `users.locked_at` is set. */
  is_locked: boolean
}
