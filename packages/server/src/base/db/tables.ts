/**
 * The tables as Kysely sees them; migrations/*.up.sql is their source, and a test on both databases holds
 * the two equal. Times are Date, jsonb is written as JSON text and read as a value.
 */
import type { ColumnType, Generated } from 'kysely'

type Json<T> = ColumnType<T, string, string>

export interface Tables {
  users: UsersTable
  emails: EmailsTable
  passwords: PasswordsTable
  password_history: PasswordHistoryTable
  links: LinksTable
  sessions: SessionsTable
  attempts: AttemptsTable
  devices: DevicesTable
  failures: FailuresTable
  audit_events: AuditEventsTable
  letters: LettersTable
  jobs: JobsTable
  recurring: RecurringTable
  signing_keys: SigningKeysTable
  revocations: RevocationsTable
  token_families: TokenFamiliesTable
  refresh_tokens: RefreshTokensTable
  api_keys: ApiKeysTable
  roles: RolesTable
  permissions: PermissionsTable
  organizations: OrganizationsTable
  memberships: MembershipsTable
  role_holders: RoleHoldersTable
  organization_roles: OrganizationRolesTable
  invitations: InvitationsTable
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
}
/** Who holds a role: `users.roles` as rows, written by a trigger. */
export interface RoleHoldersTable {
  role: string
  user_id: string
  created_at: Date
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
  created_at: Date
}
export interface PasswordsTable {
  user_id: string
  hash: string
  changed_at: Date
}
export interface PasswordHistoryTable {
  user_id: string
  hash: string
  replaced_at: Date
}
/** Links of single use that a letter or the terminal carries: `id.secret`, only the secret's hash is stored. */
export interface LinksTable {
  id: string
  purpose: 'verify_email' | 'reset_password' | 'setup'
  user_id: string | null
  email_id: string | null
  secret_hash: Buffer
  created_at: Date
  expires_at: Date
  used_at: Date | null
}
export interface SessionsTable {
  id: string
  user_id: string
  token_hash: Buffer
  created_at: Date
  authenticated_at: Date
  last_seen_at: Date
  expires_at: Date
  idle_seconds: number
  remember: boolean
  amr: string[]
  /** Written by earlier versions; such sessions are refused. */
  limited_to: 'password_change' | null
  /** The one it acts in; what that permits is asked of the membership each time. */
  organization_id: string | null
  ip_address: string | null
  user_agent: string | null
  ended_at: Date | null
  // biome-ignore format: one line, as the test of this file reads it
  end_reason: 'expired' | 'signed_out' | 'revoked' | 'password_changed' | 'disabled' | 'locked' | 'email_changed' | null
}
/** A sign-in under way: what is asked, what is proven so far, where to go after. */
export interface AttemptsTable {
  id: string
  secret_hash: Buffer
  user_id: string | null
  step: string
  proofs: Json<unknown[]>
  requirements: Json<unknown[]>
  remember: boolean
  return_to: string | null
  tokens: boolean
  created_at: Date
  expires_at: Date
  finished_at: Date | null
}
/** A browser that has signed in as this user before: its failures are counted apart from strangers'. */
export interface DevicesTable {
  id: string
  user_id: string
  secret_hash: Buffer
  created_at: Date
  last_used_at: Date
}
/** Failed proofs under a key (account and address, account, account and device). */
export interface FailuresTable {
  key: string
  /** Which counters are of one account, known or not: the key of the one for all addresses. */
  account: string | null
  count: number
  first_at: Date
  last_at: Date
  locked_until: Date | null
}
export interface AuditEventsTable {
  id: string
  at: Date
  event_type: string
  user_id: string | null
  username: string | null
  ip_address: string | null
  user_agent: string | null
  session_id: string | null
  organization_id: string | null
  request_id: string | null
  details: Json<Record<string, unknown>>
}
export interface LettersTable {
  id: string
  /** Sealed JSON {to, subject, text, html, links}; null once delivered outside development. */
  sealed: string | null
  status: 'waiting' | 'sent' | 'failed'
  attempts: Generated<number>
  next_at: Date
  created_at: Date
  sent_at: Date | null
  last_error: string | null
  /** Whom it is about; it goes with them. */
  user_id: string | null
}
export interface JobsTable {
  id: string
  kind: string
  payload: Json<Record<string, unknown>>
  attempts: Generated<number>
  run_at: Date
  created_at: Date
  /** Set when it was given up; the row stays for the operator to see. */
  failed_at: Date | null
  last_error: string | null
}
export interface RecurringTable {
  name: string
  next_at: Date
}
/** A key that signs tokens: published before `active_at`, silent from `retired_at`, gone from `removed_at`. */
export interface SigningKeysTable {
  kid: string
  algorithm: 'ES256' | 'RS256' | 'EdDSA' | 'HS256'
  /** null for HS256, which has no public half. */
  public_jwk: Json<Record<string, unknown>> | null
  sealed_private: string
  created_at: Date
  active_at: Date
  retired_at: Date | null
  /** When the last token it signed is dead. */
  keep_until: Date
  removed_at: Date | null
}
/** What is refused though it has not expired. Ids sort by time. */
export interface RevocationsTable {
  id: string
  at: Date
  kind: 'jti' | 'sid' | 'sub' | 'key' | 'role' | 'org'
  value: string
  before: Date | null
  until: Date
}
export interface TokenFamiliesTable {
  id: string
  user_id: string
  session_id: string
  created_at: Date
  revoked_at: Date | null
  revoke_reason: 'reuse' | 'revoked' | 'signed_out' | null
}
export interface RefreshTokensTable {
  token_hash: Buffer
  family_id: string
  created_at: Date
  used_at: Date | null
}
export interface ApiKeysTable {
  id: string
  user_id: string
  organization_id: string | null
  name: string
  description: string | null
  environment: 'live' | 'test'
  hint: string
  token_hash: Buffer
  scopes: string[] | null
  created_at: Date
  expires_at: Date | null
  last_used_at: Date | null
  rotated_from: string | null
  rotated_at: Date | null
  revoked_at: Date | null
}
/** A role of the server. */
export interface RolesTable {
  name: string
  description: string | null
  permissions: string[]
  inherits: string[]
  grants: string[]
  rank: number
  preset: string | null
  created_at: Date
  updated_at: Date
}
/** A permission that an app brought. */
export interface PermissionsTable {
  name: string
  description: string | null
  organization_roles: string[]
  created_at: Date
}
export interface OrganizationsTable {
  id: string
  name: string
  /** The canonical spelling, for searching; the database's own. */
  name_key: Generated<string>
  slug: string
  created_at: Date
  updated_at: Date
  /** Deleted by its owner; restored or gone at `purge_at`. */
  deleted_at: Date | null
  purge_at: Date | null
}
export interface MembershipsTable {
  organization_id: string
  user_id: string
  /** Built in (`owner`, `admin`, `member`, `guest`), or one of the organization's own. */
  role: string
  joined_at: Date
}
export interface OrganizationRolesTable {
  organization_id: string
  name: string
  description: string | null
  permissions: string[]
  inherits: 'admin' | 'member' | 'guest' | null
  created_at: Date
  updated_at: Date
}
export interface InvitationsTable {
  id: string
  organization_id: string
  address: string
  address_key: string
  role: string
  secret_hash: Buffer
  invited_by: string | null
  created_at: Date
  sent_at: Date
  /** The letters of the last day. */
  sent_times: Generated<Date[]>
  sent_count: number
  expires_at: Date
  accepted_at: Date | null
  accepted_by: string | null
  revoked_at: Date | null
}
