/** What the token of an exchange is for (RFC 8693 §2.1, RFC 8707). */
import type { Client, Resource } from '../../../core/clients/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { getRequestedResources, isResourceOf } from '../admission/index.ts'
import { refusal } from '../authentication/index.ts'
import type { GrantRequest } from '../token/index.ts'

/** The resources that are named, by either parameter (§2.1); otherwise those of the token. @throws Problem `invalid_target` */
export async function targetsOf(
  { clients }: Pick<Tools, 'clients'>,
  client: Client,
  sent: Pick<GrantRequest['sent'], 'resource' | 'audience'>,
  fallback: readonly string[],
): Promise<Resource[]> {
  const refuse = (error: 'invalid_target', description: string): never => {
    throw refusal(error, description)
  }
  const named = [...(sent.resource ?? []), ...(sent.audience ?? [])]
  if (named.length > 0)
    return await getRequestedResources(clients, { sent: { resource: named }, client, refuse })
  const found = await Promise.all(fallback.map((one) => clients.findResource(one)))
  const own = found.flatMap((one) => (one !== null && isResourceOf(client, one) ? [one] : []))
  return own.length > 0 ? own : refuse('invalid_target', 'Name the API that the token is for (resource).')
}
