/** What a question says of an app and of what it wants, as data. */
import type { Statements } from '../../../base/db/types.ts'
import type { Client, Resource } from '../../../core/clients/index.ts'

export interface WantedScope {
  description: string
  /** The name of the API. */
  resource: string
}

/** The scopes of resources among these, in words. */
export const resourceScopesOf = (resources: readonly Resource[], scopes: readonly string[]): WantedScope[] =>
  resources.flatMap((resource) =>
    resource.scopes
      .filter(({ name }) => scopes.includes(name))
      .map(({ description }) => ({ description, resource: resource.name })),
  )

/** The name of the organization that the app belongs to; null for one of the server. */
export async function ownerNameOf(db: Statements, { organizationId: id }: Client): Promise<string | null> {
  if (id === null) return null
  const row = await db.selectFrom('organizations').select('name').where('id', '=', id).executeTakeFirst()
  return row?.name ?? null
}
