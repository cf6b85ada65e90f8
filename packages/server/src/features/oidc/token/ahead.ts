/**
 * What issuing reads of a user besides what the use of a refresh token returns, read before the token is used up: a fault of the
 * database afterwards would cost the app its token, because it has no successor, and repeating it later counts as a theft.
 */
import type { Client } from '../../../core/clients/index.ts'
import { findSid, isPairwise, subjectFor } from '../../../core/subjects/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { isAllowedMember } from '../admission/index.ts'
import { findProfile, type UserClaims } from '../scopes/index.ts'

export interface ReadAhead {
  /** By what the app knows the user, and the session. */
  sub: string
  sid: string | null
  profile: UserClaims | null
  /** Whether the user is a member of an organization that the app names. */
  isMember: boolean
}

/** Whether there is anything to read: for most apps the use of the token returns all. */
export const readsMore = (client: Client): boolean =>
  isPairwise(client) || client.settings.claims_in_id_token || client.settings.allowed_organizations.length > 0

export async function readAhead(
  tools: Pick<Tools, 'clients' | 'db' | 'keyring'>,
  client: Client,
  of: { user_id: string; session_id: string | null; resources: readonly string[] | null },
  now: Date,
): Promise<ReadAhead> {
  const { user_id: userId, session_id: sessionId, resources } = of
  for (const one of resources ?? []) await tools.clients.findResource(one)
  return {
    sub: await subjectFor(tools, client, userId, now),
    sid: sessionId === null ? null : await findSid(tools, client, sessionId),
    profile: client.settings.claims_in_id_token ? await findProfile(tools.db.hot, userId) : null,
    isMember: await isAllowedMember(tools.db.hot, client, userId),
  }
}
