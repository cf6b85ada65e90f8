/**
 * What a session sees of an account that the provider of an organization alone has proven, which is no authority for the account:
 * rows that require a counting proof refuse it (base/http/row/route.ts, `needsAccountProof`); a row that does not leaves out what
 * belongs to organizations that it proves nothing in, and what is only about the account.
 */
import type { CallSession } from '../base/call.ts'
import type { Statements } from '../base/db/types.ts'
import { actsForAccount } from '../base/session-proofs.ts'

/** @returns the organizations in which the session proves something; null where it counts for the whole account */
export async function findProvenOrganizations(
  db: Statements,
  session: Pick<CallSession, 'id' | 'via' | 'proofs'> | null,
): Promise<readonly string[] | null> {
  if (session === null) return null
  const proofs = session.via === 'token' ? await selectProofs(db, session.id) : session.proofs
  return actsForAccount(proofs)
    ? null
    : [...new Set(proofs.flatMap(({ organization }) => organization ?? []))]
}

/** An access token does not contain them. */
async function selectProofs(db: Statements, sessionId: string): Promise<CallSession['proofs']> {
  const row = await db.selectFrom('sessions').select('proofs').where('id', '=', sessionId).executeTakeFirst()
  return row?.proofs ?? []
}
