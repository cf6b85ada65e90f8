/** Which app a stored request leads back to, for the pages before it: users see where they sign in to. */
import type { AppAhead } from '../../../base/http/index.ts'
import { type Clients, isUsableClient, shownLogo } from '../../../core/clients/index.ts'
import { refusalOf } from '../authorize/index.ts'

/** Where stored requests are continued. */
const CONTINUED: readonly string[] = ['/oidc/authorize', '/consent']

/**
 * The app that an address on this server continues to; null for every other address, and for an app that is not in use. One that cannot be looked up is
 * left out: the page works without.
 */
export async function appAt(clients: Clients, address: string, now: Date): Promise<AppAhead | null> {
  const [path = '', query = ''] = address.split('?', 2)
  const request = new URLSearchParams(CONTINUED.includes(path) ? query : '')
  const id = request.get('client_id')
  if (id === null) return null
  try {
    const client = await clients.find(id)
    if (client === null || !isUsableClient(client, now)) return null
    const refusal = refusalOf(id, request.get('request_uri') ?? undefined)
    return { name: client.name, logo: shownLogo(client.settings, client.source), refusal }
  } catch {
    return null
  }
}
