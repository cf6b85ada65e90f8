/** The SQL of imports and exports: each statement is about a whole batch. */
import { sql } from 'kysely'
import { isUniqueViolation } from '../../../base/db/faults.ts'
import { limitOf } from '../../../base/db/limit.ts'
import { columnsOf } from '../../../base/db/named-columns.ts'
import type { Tables } from '../../../base/db/tables.ts'
import type { Tx } from '../../../base/db/types.ts'
import type { UserProfile } from '../../../core/user-profile.ts'
import { EXPORTED_IDENTITIES, type ExportedIdentity, inSlices } from '../import-identities/index.ts'
import type { ImportedUsersTable } from './tables.ts'

/** How often a transaction is repeated because another one has inserted the same key meanwhile. */
const TRIES = 3

/** Repeats a transaction that met what another one, such as a sign-in, was inserting: it then finds it. */
export async function retryIfTaken<T>(transaction: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await transaction()
    } catch (error) {
      if (tries >= TRIES || !isUniqueViolation(error)) throw error
    }
  }
}

/** Serializes imports (advisory lock). */
export async function lockImports(tx: Tx): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('latchkey import', 0))`.execute(tx)
}

export const selectImported = (
  tx: Tx,
  source: string,
  externalIds: readonly string[],
): Promise<ImportedUsersTable[]> =>
  tx
    .selectFrom('imported_users')
    .selectAll()
    .where('source', '=', source)
    .where('external_id', '=', sql<string>`any(${externalIds}::text[])`)
    .execute()

/** Which identifiers have an owner; `kept`: an address that the owner had before, and can return to. */
export interface TakenIdentifier {
  kind: 'address' | 'kept' | 'username' | 'id' | 'identity'
  key: string
  user_id: string
}
export async function selectTaken(
  tx: Tx,
  keys: { addresses: readonly string[]; usernames: readonly string[]; ids: readonly string[] },
): Promise<TakenIdentifier[]> {
  const { rows } = await sql<TakenIdentifier>`
    select case when is_primary then 'address' else 'kept' end as kind, address_key as key, user_id from emails
      where address_key = any(${keys.addresses}::text[]) and claimed_at is not null
    union all
    select 'username', username_key, id from users
      where username_key = any(${keys.usernames}::text[]) and status <> 'pending'
    union all
    select 'id', id, id from users where id = any(${keys.ids}::text[])`.execute(tx)
  return rows
}

/** The state of the organizations with these slugs, and their own roles. */
export async function selectOrganizationsBySlug(
  tx: Tx,
  slugs: readonly string[],
): Promise<{ slug: string; deleted: boolean; roles: string[] }[]> {
  if (slugs.length === 0) return []
  const { rows } = await sql<{ slug: string; deleted: boolean; roles: string[] }>`
    select o.slug, o.deleted_at is not null as deleted,
      array(select r.name from organization_roles r where r.organization_id = o.id) as roles
    from organizations o where o.slug = any(${slugs}::text[])`.execute(tx)
  return rows
}

/** Of these organizations, those without an owner. */
export async function selectOwnerless(tx: Tx, slugs: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ slug: string }>`
    select o.slug from organizations o where o.slug = any(${slugs}::text[]) and o.deleted_at is null
      and not exists (select from memberships m where m.organization_id = o.id and m.role = 'owner')
    order by o.slug`.execute(tx)
  return rows.map(({ slug }) => slug)
}

type Rows<T extends keyof Tables> = readonly import('kysely').Insertable<Tables[T]>[]

/** Inserts rows of several tables, as many at once as a statement has parameters for; an empty list is no statement. */
export async function insertAll(
  tx: Tx,
  rows: {
    users: Rows<'users'>
    emails: Rows<'emails'>
    profiles: Rows<'user_profiles'>
    passwords: Rows<'passwords'>
    history: Rows<'password_history'>
    imported: Rows<'imported_users'>
    memberships: Rows<'memberships'>
  },
): Promise<void> {
  for (const some of inSlices(rows.users)) await tx.insertInto('users').values(some).execute()
  for (const some of inSlices(rows.emails)) await tx.insertInto('emails').values(some).execute()
  for (const some of inSlices(rows.profiles)) await tx.insertInto('user_profiles').values(some).execute()
  for (const some of inSlices(rows.passwords)) await tx.insertInto('passwords').values(some).execute()
  for (const some of inSlices(rows.history)) await tx.insertInto('password_history').values(some).execute()
  for (const some of inSlices(rows.memberships))
    await tx
      .insertInto('memberships')
      .values(some)
      .onConflict((on) => on.columns(['organization_id', 'user_id']).doNothing())
      .execute()
  for (const some of inSlices(rows.imported))
    await tx
      .insertInto('imported_users')
      .values(some)
      .onConflict((on) =>
        on.columns(['source', 'external_id']).doUpdateSet((of) => ({
          user_id: of.ref('excluded.user_id'),
          digest: of.ref('excluded.digest'),
          imported_at: of.ref('excluded.imported_at'),
        })),
      )
      .execute()
}

/**
 * Replaces a hash that is still the imported one: the user has neither signed in since the import nor chosen another
 * password. @returns whether it was
 */
export async function replaceImportedHash(
  tx: Tx,
  userId: string,
  next: { hash: string; changedAt: Date },
  importedAt: Date,
): Promise<boolean> {
  const { rows } = await sql`
    update passwords p set hash = ${next.hash}, changed_at = ${next.changedAt}, profile = null
    from users u where u.id = p.user_id and p.user_id = ${userId} and p.changed_at <= ${importedAt}
      and (u.last_login_at is null or u.last_login_at <= ${importedAt})
    returning p.user_id`.execute(tx)
  return rows.length > 0
}

/** @returns the users who had no password */
export async function insertPasswords(tx: Tx, rows: Rows<'passwords'>): Promise<Set<string>> {
  if (rows.length === 0) return new Set()
  const inserted = await tx
    .insertInto('passwords')
    .values([...rows])
    .onConflict((on) => on.column('user_id').doNothing())
    .returning('user_id')
    .execute()
  return new Set(inserted.map((row) => row.user_id))
}

/** @returns whether the address was not verified before */
export async function verifyImported(tx: Tx, emailId: string, at: Date): Promise<boolean> {
  const { rows } = await sql`
    update emails set verified_at = ${at} where id = ${emailId} and verified_at is null returning id`.execute(
    tx,
  )
  return rows.length > 0
}

export async function selectMembershipsOf(
  tx: Tx,
  userId: string,
): Promise<{ organization_id: string; role: string }[]> {
  return await tx
    .selectFrom('memberships')
    .select(['organization_id', 'role'])
    .where('user_id', '=', userId)
    .execute()
}

export async function updateMembership(
  tx: Tx,
  organizationId: string,
  userId: string,
  role: string,
): Promise<void> {
  await tx
    .updateTable('memberships')
    .set({ role })
    .where('organization_id', '=', organizationId)
    .where('user_id', '=', userId)
    .execute()
}

export type ExportedUser = Tables['users'] & {
  address: string
  verified_at: Date | null
  email_created_at: Date
  claims: UserProfile | null
  hash: string | null
  changed_at: Date | null
  rules: string | null
  history: { hash: string; replaced_at: string }[]
  memberships: { slug: string; name: string; role: string; joined_at: string }[]
  identities: ExportedIdentity[]
}

/** A page of all users by id, with everything that an export states. */
export async function selectExported(
  tx: Tx,
  page: { after: string; limit: number; hashes: boolean },
): Promise<ExportedUser[]> {
  const { rows } = await sql<ExportedUser>`
    select ${columnsOf('users', 'u')}, e.address, e.verified_at, e.created_at as email_created_at, f.claims,
      case when ${page.hashes}::boolean then p.hash end as hash, p.changed_at, p.profile as rules,
      case when ${page.hashes}::boolean then coalesce((
        select json_agg(json_build_object('hash', h.hash, 'replaced_at', h.replaced_at) order by h.replaced_at)
        from password_history h where h.user_id = u.id), '[]') else '[]' end as history,
      coalesce((
        select json_agg(json_build_object('slug', o.slug, 'name', o.name, 'role', m.role, 'joined_at', m.joined_at)
          order by o.id)
        from memberships m join organizations o on o.id = m.organization_id and o.deleted_at is null
        where m.user_id = u.id), '[]') as memberships,
      ${EXPORTED_IDENTITIES} as identities
    from users u
    join emails e on e.user_id = u.id and e.is_primary
    left join passwords p on p.user_id = u.id
    left join user_profiles f on f.user_id = u.id
    where u.id > ${page.after}
    order by u.id limit ${limitOf(page.limit)}`.execute(tx)
  return rows
}
