/**
 * What a user allows an app. It is remembered; something new needs a further answer, and so does each request of an app whose identity
 * cannot be proven (RFC 6749 §10.2, RFC 8252 §8.6).
 */
import { type RawBuilder, sql } from 'kysely'
import { type Client, type Resource, STANDARD_SCOPES } from '../../../core/clients/index.ts'

/** What a user has allowed an app: the scopes of each resource by its identifier, and those of the server by `''`. */
export type Allowed = Readonly<Record<string, readonly string[]>>

const STANDARD: readonly string[] = STANDARD_SCOPES

/** What a user allows with these scopes at these resources. A resource counts as well where none of its scopes is named. */
export const allowedBy = (scopes: readonly string[], resources: readonly Resource[]): Allowed => ({
  '': scopes.filter((name) => STANDARD.includes(name)),
  ...Object.fromEntries(
    resources.map(({ identifier, scopes: own }) => [
      identifier,
      own.map(({ name }) => name).filter((name) => scopes.includes(name)),
    ]),
  ),
})

/** Any app of the same device could use the id of a public client and an address that is no domain's. */
export const isUnprovenApp = ({ client, redirectUri }: { client: Client; redirectUri: string }): boolean =>
  client.settings.token_endpoint_auth_method === 'none' && !redirectUri.startsWith('https://')

/** In SQL, what is allowed by either: the names of each resource once. */
export const unionOf = (one: RawBuilder<unknown>, other: RawBuilder<unknown>): RawBuilder<unknown> => sql`(
  select coalesce(jsonb_object_agg(key, (
      select coalesce(jsonb_agg(distinct name), '[]')
      from jsonb_array_elements(coalesce(${one} -> key, '[]') || coalesce(${other} -> key, '[]')) as name)), '{}')
  from jsonb_object_keys(${one} || ${other}) as key)`
