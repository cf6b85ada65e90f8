/** What a request of an app names: scopes and resources, judged alike at every endpoint where a request begins. */
import { asQuotedValue } from '../../../base/quoted.ts'
import type { Client, Clients, Resource } from '../../../core/clients/index.ts'
import { wordsOf } from '../scopes/index.ts'
import { allowedScopes, isResourceOf } from './admission.ts'

/** The resources that the app names, for which it has to be registered. @param refuse throws */
export async function getRequestedResources(
  clients: Clients,
  by: {
    sent: { resource?: readonly string[] | undefined }
    client: Client
    refuse: (error: 'invalid_target', description: string) => never
  },
): Promise<Resource[]> {
  const { sent, client, refuse } = by
  const found: Resource[] = []
  for (const identifier of new Set(sent.resource)) {
    const resource = await clients.findResource(identifier)
    if (resource === null || !isResourceOf(client, resource))
      return refuse(
        'invalid_target',
        `The resource ${asQuotedValue(identifier)} is not registered, or is not for this app.`,
      )
    found.push(resource)
  }
  return found
}

/** RFC 6749 §3.3; any number of spaces separates. */
const SCOPES = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

/**
 * Of the scopes that exist, what the app wants: those of the server that it may have, and those of the named resources. Others are
 * ignored (OpenID Connect Core §3.1.2.1), but a request of none that exist is refused.
 */
export function getRequestedScopes(
  { scope }: { scope?: string | undefined },
  client: Client,
  resources: readonly Resource[],
  refuse: (error: 'invalid_scope', description: string) => never,
): string[] {
  if (scope !== undefined && !SCOPES.test(scope))
    refuse('invalid_scope', 'The scope has characters that scopes do not have.')
  const wanted = wordsOf(scope)
  const granted = allowedScopes(client, resources, wanted)
  if (wanted.length > 0 && granted.length === 0)
    refuse('invalid_scope', 'None of these scopes exists, or the app may not have them.')
  return granted
}
