/**
 * Whether a user has to allow what an app wants. What was allowed is remembered; something new needs a further answer, and so does
 * each request of an app whose identity cannot be proven (RFC 6749 §10.2, RFC 8252 §8.6).
 */
import type { Statements } from '../../../base/db/types.ts'
import type { Client } from '../../../core/clients/index.ts'

/** What an app wants. */
export interface ConsentNeed {
  client: Client
  redirectUri: string
  scopes: readonly string[]
  /** Identifiers. */
  resources: readonly string[]
  /** The app demands a question (`prompt=consent`). */
  isForced: boolean
}

export async function needsConsent(db: Statements, userId: string, asked: ConsentNeed): Promise<boolean> {
  const { client, scopes, resources } = asked
  if (asked.isForced) return true
  if (client.settings.first_party) return false
  if (isUnprovenApp(asked)) return true
  const grant = await db
    .selectFrom('grants')
    .select(['scopes', 'resources'])
    .where('user_id', '=', userId)
    .where('client_id', '=', client.id)
    .executeTakeFirst()
  if (grant === undefined) return true
  return (
    !scopes.every((one) => grant.scopes.includes(one)) ||
    !resources.every((one) => grant.resources.includes(one))
  )
}

/** Any app of the same device could use the id of a public client and an address that is no domain's. */
export const isUnprovenApp = ({
  client,
  redirectUri,
}: Pick<ConsentNeed, 'client' | 'redirectUri'>): boolean =>
  client.settings.token_endpoint_auth_method === 'none' && !redirectUri.startsWith('https://')
