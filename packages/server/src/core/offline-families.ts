/**
 * The families of refresh tokens that apps keep while their users are away (`offline_access`): no end of a session ends them
 * (OpenID Connect Back-Channel Logout 1.0 §2.7), so that what ends the access of an account as a whole has to. Called where
 * sessions end for such a reason. Leaves all other ends of families to access/tokens.
 */
import { type RawBuilder, type SqlBool, sql } from 'kysely'
import type { Call } from '../base/call.ts'
import { later } from '../base/clock.ts'
import type { Tx } from '../base/db/types.ts'
import { type AuditEntry, audit } from './audit/index.ts'
import { LONGEST_TOKEN, revoke } from './revocations/index.ts'

/** Which of them: those of a user, those with a proof that has ended, or both. */
export interface OfflineEnd {
  userId?: string
  username?: string | null
  /** A condition on the rows of the table. */
  where?: RawBuilder<SqlBool>
  /** For the events. */
  reason: string
}

/** Rows of one statement: a connection may have proven many. */
const MOST = 500

/**
 * Ends at most 500 of them with all of their access tokens, and writes an event for each. Locks rows in the order of a rotation,
 * which either waits, or whose tokens are covered. System scope. @returns how many this call ended
 */
async function endSome(
  tx: Tx,
  call: Call,
  { userId, username = null, where, reason }: OfflineEnd,
): Promise<number> {
  const ofUser = userId === undefined ? sql`true` : sql`user_id = ${userId}`
  const { rows } = await sql<{ id: string; client_id: string; user_id: string }>`
    with held as materialized (
      select id from token_families
      where ${ofUser} and session_id is null and revoked_at is null and ${where ?? sql`true`}
      order by id limit ${sql.lit(MOST)} for no key update
    )
    update token_families f set revoked_at = ${call.now}, revoke_reason = 'revoked'
    from held where f.id = held.id and f.revoked_at is null
    returning f.id, f.client_id, f.user_id`.execute(tx)
  const until = later(call.now, LONGEST_TOKEN)
  const entries = rows.map(({ id }) => ({ kind: 'family' as const, value: id, until }))
  await revoke(tx, entries, call.now)
  const events = rows.map(({ id, client_id, user_id }): AuditEntry => {
    const details = { family: id, client: client_id, reason }
    return { type: 'auth.token.revoked', userId: user_id, username, details }
  })
  await audit(tx, call, ...events)
  return rows.length
}

/** Ends them with all of their access tokens, and writes an event for each. System scope. @returns how many this call ended */
export async function endOfflineFamilies(tx: Tx, call: Call, which: OfflineEnd): Promise<number> {
  let count = 0
  for (;;) {
    const ended = await endSome(tx, call, which)
    count += ended
    if (ended < MOST) return count
  }
}
