/** Whether passkeys are of use on this server. The keys themselves are those of features/signin/passkeys. */
import { sql } from 'kysely'
import type { Statements } from '../base/db/types.ts'
import { findRelyingParty, offersPasskeys, type RelyingPartyConfig } from '../base/relying-party.ts'

/** Whether the sign-in page offers passkeys: where users can add them, and where some exist from when they could. */
export async function acceptsPasskeys(config: RelyingPartyConfig, db: Statements): Promise<boolean> {
  if (offersPasskeys(config)) return true
  const party = findRelyingParty(config)
  if (!party) return false
  const { rows } = await sql<{ some: boolean }>`
    select exists (select from passkey_credentials where flagged_at is null and rp_id = ${party.id}) as some`.execute(
    db,
  )
  return rows[0]?.some ?? false
}
