/**
 * The end of what apps have got for their users: codes that were not exchanged, and families of tokens. Called where a user leaves the
 * organization of apps, or takes an app its access, an app is disabled, and all tokens of a user are revoked. Leaves access tokens to the caller, who revokes
 * those of the user, of the app or of the families that ended here; and offline families of an account to offline-families.
 */
import { type RawBuilder, type SqlBool, sql } from 'kysely'
import type { Tx } from '../base/db/types.ts'

/** Of one app; of what a user has allowed one; or of a user, at all apps or at those of an organization. */
export type ClientAccess =
  | { clientId: string }
  | { grantId: string }
  | { userId: string; organizationId?: string }

/** A condition on rows with `client_id`, `grant_id` and `user_id`. */
function isOf(of: ClientAccess): RawBuilder<SqlBool> {
  if ('clientId' in of) return sql<SqlBool>`client_id = ${of.clientId}`
  if ('grantId' in of) return sql<SqlBool>`grant_id = ${of.grantId}`
  const { userId, organizationId } = of
  return organizationId === undefined
    ? sql<SqlBool>`user_id = ${userId}`
    : sql<SqlBool>`(user_id = ${userId}
        and client_id in (select c.id from clients c where c.organization_id = ${organizationId}))`
}

/**
 * Deletes codes: an exchange that has begun is committed before, so that a later statement finds its family, and a later one
 * finds no code. Before families are locked, as an exchange does. As the system.
 */
export async function deleteClientCodes(tx: Tx, of: ClientAccess): Promise<void> {
  await sql`
    with held as materialized (
      select hash from authorization_codes where ${isOf(of)} order by hash for update
    )
    delete from authorization_codes a using held where a.hash = held.hash`.execute(tx)
}

/** Deletes the codes and ends the families, locked in the order of rotations. As the system. @returns the families that ended */
export async function endClientAccess(tx: Tx, of: ClientAccess, now: Date): Promise<string[]> {
  await deleteClientCodes(tx, of)
  const { rows } = await sql<{ id: string }>`
    with held as materialized (
      select id from token_families
      where client_id is not null and revoked_at is null and ${isOf(of)}
      order by id for no key update
    )
    update token_families f set revoked_at = ${now}, revoke_reason = 'revoked'
    from held where f.id = held.id and f.revoked_at is null
    returning f.id`.execute(tx)
  return rows.map(({ id }) => id)
}
