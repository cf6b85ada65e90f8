/** The table of security policies. */
import type { Generated } from 'kysely'

declare module '../../../base/db/tables.ts' {
  interface Tables {
    security_policies: SecurityPoliciesTable
  }
}

/** What an organization demands of those who act in it. */
export interface SecurityPoliciesTable {
  organization_id: string
  /** One more at each change. */
  version: Generated<number>
  mode: Generated<'disabled' | 'optional' | 'require_totp' | 'require_passkey' | 'require_any'>
  grace_days: Generated<number>
  notify_days_before: Generated<number[]>
  allowed_methods: Generated<string[]>
  session_absolute_seconds: number | null
  password_profile: 'nist' | 'classic' | 'pci' | 'custom' | null
  sign_in: Generated<'any' | 'sso_required'>
  /** When it was noticed that no connection can be required any more; null: where one is required, it is enforced. */
  sso_lapsed_at: Generated<Date | null>
  /** When the demand began or was last tightened; null without a demand. */
  since: Date | null
  updated_at: Date
  updated_by: string | null
}
