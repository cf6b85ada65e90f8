/** Shared by the tests of clients: what a request for one sends, and their events. */
import type { World } from '../../../testing/world.ts'

export const SERVER = '/api/v1/oidc/clients'
export const RESOURCES = '/api/v1/oidc/resources'
export const ofOrganization = (id: string, part = ''): string => `/api/v1/organizations/${id}/clients${part}`

/** A client that has everything it needs. */
export const PORTAL = {
  name: 'Acme Portal',
  settings: { redirect_uris: ['https://portal.example.com/callback'] },
}

/** The events of a client or of a resource in the audit log, oldest first. */
export const eventsAbout = (
  world: World,
  id: string,
): Promise<{ type: string; organizationId: string | null; details: Record<string, unknown> }[]> =>
  world.db.tx('system', async (tx) => {
    const rows = await tx
      .selectFrom('audit_events')
      .select(['event_type', 'organization_id', 'details'])
      .where((eb) => eb.or([eb('event_type', 'like', 'client.%'), eb('event_type', 'like', 'resource.%')]))
      .orderBy('id')
      .execute()
    return rows
      .map(({ event_type: type, organization_id: organizationId, details }) => ({
        type,
        organizationId,
        details: details as Record<string, unknown>,
      }))
      .filter(({ details }) => details.client_id === id || details.resource_id === id)
  })
