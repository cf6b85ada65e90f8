/**
 * The families of refresh tokens that apps keep while their users are away (`offline_access`): no end of a session ends them
 * (OpenID Connect Back-Channel Logout 1.0 §2.7), so that what ends the access of an account as a whole has to. Called where
 * sessions end for such a reason. Leaves all other ends of families to access/tokens.
 */
import { sql } from 'kysely'
import type { Call } from '../base/call.ts'
import { later } from '../base/clock.ts'
import type { Tx } from '../base/db/types.ts'
import { type AuditEntry, audit } from './audit/index.ts'
import { LONGEST_TOKEN, revoke } from './revocations/index.ts'

/**
 * Ends them with all of their access tokens, and writes an event for each. Locks rows in the order of a rotation, which either
 * waits, or whose tokens are covered. System scope. @returns how many this call ended
 */
export async function endOfflineFamilies(
  tx: Tx,
  call: Call,
  { userId, username, reason }: { userId: string; username: string | null; reason: string },
): Promise<number> {
  const { rows } = await sql<{ id: string; client_id: string }>`
    with held as materialized (
      select id from token_families where user_id = ${userId} and session_id is null and revoked_at is null
      order by id for no key update
    )
    update token_families f set revoked_at = ${call.now}, revoke_reason = 'revoked'
    from held where f.id = held.id and f.revoked_at is null
    returning f.id, f.client_id`.execute(tx)
  const until = later(call.now, LONGEST_TOKEN)
  const entries = rows.map(({ id }) => ({ kind: 'family' as const, value: id, until }))
  await revoke(tx, entries, call.now)
  const events = rows.map(({ id, client_id }): AuditEntry => {
    const details = { family: id, client: client_id, reason }
    return { type: 'auth.token.revoked', userId, username, details }
  })
  await audit(tx, call, ...events)
  return rows.length
}
