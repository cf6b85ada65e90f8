/** The statement of exchanges. */
import { sql } from 'kysely'
import type { Statements } from '../../../base/db/types.ts'
import { ACTING, actingJoins } from '../../../core/roles/acting.ts'
import type { AuthorizedRow } from '../token/index.ts'

/**
 * A family of an app, with its user and the session that it began in, or with what it has kept of that. Null where it is no family
 * of the app, was revoked, or its user or session may not act any more.
 */
export async function findOpenFamily(
  db: Statements,
  { id, clientId }: { id: string; clientId: string },
  now: Date,
): Promise<AuthorizedRow | null> {
  const { rows } = await sql<AuthorizedRow>`
    select f.session_id, f.user_id, u.username, u.roles, coalesce(s.proofs, f.proofs) as proofs, coalesce(s.amr, f.amr) as amr,
      coalesce(s.acr, f.acr) as acr, coalesce(s.authenticated_at, f.authenticated_at) as authenticated_at,
      coalesce(s.expires_at, f.expires_at) as expires_at, coalesce(f.acr, s.acr) as code_acr,
      coalesce(f.amr, s.amr) as code_amr, coalesce(f.authenticated_at, s.authenticated_at) as code_authenticated_at, ${ACTING}
    from token_families f join users u on u.id = f.user_id left join sessions s on s.id = f.session_id ${actingJoins('f')}
    where f.id = ${id} and f.client_id = ${clientId} and f.revoked_at is null
      and u.status = 'active' and (u.locked_at is null or u.locked_until <= ${now})
      and case when f.session_id is null then f.expires_at > ${now}
        else s.ended_at is null and s.limited_to is null and s.expires_at > ${now}
          and s.last_seen_at + s.idle_seconds * interval '1 second' > ${now} end`.execute(db)
  return rows[0] ?? null
}
