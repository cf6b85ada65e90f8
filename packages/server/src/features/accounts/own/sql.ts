/** The caller with the active organization, in one prepared statement: every app asks for it on every page. */
import { type CompiledQuery, sql } from 'kysely'
import type { Statements } from '../../../base/db/types.ts'
import type { userView } from '../../identity/users/index.ts'

/** What the view of a user shows, and the organization. */
export type CallerRow = Parameters<typeof userView>[1] & {
  /** Null for none, and for a deleted one. */
  organization_id: string | null
  organization_name: string | null
  organization_slug: string | null
}

/** Compiled once. Parameters: the active organization or null, the user. */
export const callerLookup = (db: Statements): CompiledQuery<CallerRow> =>
  sql<CallerRow>`
    select u.id, u.username, u.full_name, u.locale, u.roles, u.created_at, u.last_login_at,
           e.address as email, e.verified_at as email_verified_at,
           o.id as organization_id, o.name as organization_name, o.slug as organization_slug
    from users u
    join emails e on e.user_id = u.id and e.is_primary
    left join organizations o on o.id = ${''} and o.deleted_at is null
    where u.id = ${''}`.compile(db)
