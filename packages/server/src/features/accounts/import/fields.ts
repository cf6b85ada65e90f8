/**
 * The record of a user in an import or export, one JSON object a line. `null` and an absent field mean the same. A
 * record of another system is made into this one by a preset of the CLI.
 */
import { z } from 'zod'
import { Instant } from '../../../base/fields.ts'
import { EmailAddress } from '../../../base/identifiers.ts'
import { isId } from '../../../base/ids.ts'
import { ADDRESS_TEXTS, PROFILE_TEXTS } from '../../../core/user-profile.ts'
import { OrganizationSlug } from '../../organizations/organization/index.ts'
import { IdentityRecord, KeyedIdentity } from '../import-identities/index.ts'

const absent = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === null || value === '' ? undefined : value), schema.optional())

const Membership = z.strictObject({
  slug: OrganizationSlug,
  /** The name of an organization that does not exist yet; default: the slug. */
  name: absent(z.string().max(200)),
  role: absent(z.string().max(64)),
  joined_at: absent(Instant),
})

const OldPassword = z.strictObject({ hash: z.string().max(1024), replaced_at: Instant })

/** Of any form and length: what is not valid here is left out. A record is bounded as a whole. */
const anyText = () => absent(z.unknown())
const anyTexts = <Name extends string>(texts: Readonly<Record<Name, unknown>>) =>
  Object.fromEntries(Object.keys(texts).map((name) => [name, anyText()])) as Record<
    Name,
    ReturnType<typeof anyText>
  >
const Profile = z.strictObject({
  ...anyTexts(PROFILE_TEXTS),
  address: absent(z.strictObject(anyTexts(ADDRESS_TEXTS))),
})

/** As many as are listed of a user. */
const Identities = z.array(IdentityRecord).max(200)

export const UserRecord = z.strictObject({
  /** The id of a Latchkey server. It is kept where it is free. */
  id: absent(
    z.string().refine((text) => isId('usr', text), { error: () => 'This is not the id of a user.' }),
  ),
  /** The id in the system that the user comes from. */
  external_id: absent(z.string().max(255)),
  email: EmailAddress,
  email_verified: absent(z.boolean()),
  email_verified_at: absent(Instant),
  username: absent(z.string().max(320)),
  full_name: absent(z.string().max(320)),
  locale: absent(z.string().max(35)),
  /** The standard claims of OpenID Connect besides. */
  profile: absent(Profile),
  /** Roles of the server; absent: the default role. */
  roles: absent(z.array(z.string().max(64)).max(50)),
  status: absent(z.enum(['active', 'disabled', 'pending'])),
  locked_at: absent(Instant),
  locked_until: absent(Instant),
  created_at: absent(Instant),
  updated_at: absent(Instant),
  last_login_at: absent(Instant),
  password_hash: absent(z.string().max(1024)),
  password_changed_at: absent(Instant),
  /** The rules that the password was accepted under, as a Latchkey server names them. */
  password_rules: absent(z.string().max(200)),
  password_history: absent(z.array(OldPassword).max(50)),
  organizations: absent(z.array(Membership).max(100)),
  organization_request: absent(z.string().max(200)),
  /** Accounts at identity providers; no token of a provider is imported. */
  identities: absent(Identities),
})
export type UserRecord = z.infer<typeof UserRecord>

export const FIELDS = Object.keys(UserRecord.shape) as (keyof UserRecord)[]

export const ON_CONFLICT = ['skip', 'update', 'fail'] as const

/** What an import does with records that cannot be taken as they are. */
export const ImportOptions = z.object({
  /** The name of the system; ids of different systems do not meet. */
  source: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, {
    error: () => 'Use small letters, digits, dots, hyphens and underscores, at most 63.',
  }),
  dry_run: z.boolean(),
  on_conflict: z.enum(ON_CONFLICT),
  /** Names of roles in the source, and what they are called here; '' leaves a role out. */
  roles: z.record(z.string().max(64), z.string().max(64)),
  unknown_roles: z.enum(['refuse', 'leave_out']),
  refused_hashes: z.enum(['refuse', 'leave_out']),
  /** Of identities whose connection or issuer is not known here. */
  unknown_connections: z.enum(['refuse', 'leave_out']),
})
export type ImportOptions = z.infer<typeof ImportOptions>

/** A user of the plan of a dry run (plan.ts). */
export const PlannedUser = z.object({
  user_id: z.string().max(64),
  /** Whether the import creates the user; otherwise it updates one who exists. */
  is_new: z.boolean(),
  /** Null: the address has no owner, as that of a pending user. */
  address: z.string().max(320).nullable(),
  username: z.string().max(320).nullable(),
  verified: z.boolean(),
  has_password: z.boolean(),
  /** Records of the source that mean this user, with the digest in hexadecimal. */
  imported: z.array(z.object({ external_id: z.string().max(320), digest: z.string().max(64) })).max(1000),
  /** Slugs. */
  owner_of: z.array(z.string().max(64)).max(1000),
  identities: z.array(KeyedIdentity).max(1000),
})
export type PlannedUser = z.infer<typeof PlannedUser>

export const ImportBatch = z.object({
  options: ImportOptions,
  /** Of a dry run: what earlier batches would have written, as far as this one can meet it. */
  planned: z.array(PlannedUser).max(10_000).default([]),
  planned_organizations: z.array(z.string().max(64)).max(100_000).default([]),
  rows: z.array(z.object({ line: z.number().int(), record: z.unknown() })).max(1000),
})

/** The password or the identities of a user who was imported before. */
export const CredentialRecord = z
  .strictObject({
    external_id: z.string().min(1).max(255),
    password_hash: absent(z.string().max(1024)),
    password_changed_at: absent(Instant),
    identities: absent(Identities),
  })
  .refine((one) => one.password_hash !== undefined || one.identities !== undefined, {
    error: () => 'Has neither a password_hash nor identities.',
  })
export type CredentialRecord = z.infer<typeof CredentialRecord>

/** A line of the report. */
export interface ImportNote {
  line: number
  /** `refused` and `conflict`: the record was not imported. */
  kind: 'refused' | 'conflict' | 'warning'
  code: string
  message: string
}

export interface ImportCounts {
  created: number
  updated: number
  unchanged: number
  /** Conflicts that were skipped. */
  skipped: number
  refused: number
}

export interface ImportResult {
  counts: ImportCounts
  notes: ImportNote[]
  /** Slugs of organizations that were created, or would be. */
  organizations: string[]
  /** Of a dry run: the users that this batch would create or change. */
  planned: PlannedUser[]
}
