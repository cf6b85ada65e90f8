/** Which app a stored request leads back to, for the pages before it: users see where they sign in to. */
import type { AppAhead } from '../../../base/http/index.ts'
import { type Clients, isUsableClient, shownLogo } from '../../../core/clients/index.ts'

/** Where users allow a stored request, and refuse it. */
const CONSENT_PATH = '/consent'
/** Where stored requests are continued. */
const CONTINUED: readonly string[] = ['/oidc/authorize', CONSENT_PATH]

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
    const reference = request.get('request_uri')
    const refusal =
      reference === null
        ? null
        : { action: CONSENT_PATH, hidden: { client_id: id, request_uri: reference, decision: 'deny' } }
    return { name: client.name, logo: shownLogo(client.settings, client.source), refusal }
  } catch {
    return null
  }
}
