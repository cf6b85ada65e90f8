/** What a question says of an app and of what it wants, as data. */
import type { Statements } from '../../../base/db/types.ts'
import type { Client, Resource } from '../../../core/clients/index.ts'

export interface WantedScope {
  /** Null: the API itself, none of whose scopes is named. */
  description: string | null
  /** The name of the API. */
  resource: string
}

/** The scopes of resources among these, in words. */
export const resourceScopesOf = (resources: readonly Resource[], scopes: readonly string[]): WantedScope[] =>
  resources.flatMap(({ name: resource, scopes: own }): WantedScope[] => {
    const wanted = own.filter(({ name }) => scopes.includes(name))
    if (wanted.length === 0) return [{ description: null, resource }]
    return wanted.map(({ description }) => ({ description, resource }))
  })

/** The name of the organization that the app belongs to; null for one of the server. */
export async function ownerNameOf(db: Statements, { organizationId: id }: Client): Promise<string | null> {
  if (id === null) return null
  const row = await db.selectFrom('organizations').select('name').where('id', '=', id).executeTakeFirst()
  return row?.name ?? null
}
