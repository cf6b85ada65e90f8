/** Shared by the tests of connections: what a request for one sends, and their events. */
import { newId } from '../../../base/ids.ts'
import { providerKey } from '../../../testing/saml-provider.ts'
import type { Person, World } from '../../../testing/world.ts'

export const SERVER = '/api/v1/connections'
export const ofOrganization = (id: string, part = ''): string =>
  `/api/v1/organizations/${id}/connections${part}`

export const SECRET = 'a-secret-of-the-provider'

/** A connection that has everything it needs. */
export const OIDC = {
  provider: 'oidc',
  name: 'Acme',
  client_id: 'latchkey',
  client_secret: SECRET,
  settings: { issuer: 'https://login.acme.test' },
}

/** Of the time at which worlds begin. */
export const newCertificate = (days = 700): string =>
  providerKey(new Date('2030-06-01T12:00:00Z'), { days }).certificate
export const CERTIFICATE = newCertificate()
export const SAML = {
  provider: 'saml',
  name: 'Acme',
  settings: {
    saml: {
      entity_id: 'https://idp.acme.test/metadata',
      sso_url: 'https://idp.acme.test/sso',
      certificates: [CERTIFICATE],
    },
  },
}

/** Links an identity of the person, as a sign-in by the connection does. */
export const linkTo = (
  world: World,
  { id: userId }: Pick<Person, 'id'>,
  connection: { id: string; organization_id: string | null },
  subject = 'subject',
): Promise<unknown> =>
  world.db.tx('system', (tx) =>
    tx
      .insertInto('identities')
      .values({
        id: newId('idn'),
        user_id: userId,
        connection_id: connection.id,
        organization_id: connection.organization_id,
        scope: connection.organization_id ?? '',
        issuer: 'https://login.acme.test',
        subject,
        provider: 'oidc',
        email: null,
        email_verified: false,
        name: null,
        tokens: null,
        linked_at: world.clock.now(),
        last_used_at: null,
      })
      .execute(),
  )

/** The events of a connection in the audit log, oldest first. */
export const eventsAbout = (world: World, id: string): Promise<{ type: string; details: unknown }[]> =>
  world.db.tx('system', async (tx) => {
    const rows = await tx
      .selectFrom('audit_events')
      .select(['event_type', 'details'])
      .where('event_type', 'like', 'connection.%')
      .orderBy('id')
      .execute()
    return rows
      .filter(({ details }) => (details as { connection_id?: string }).connection_id === id)
      .map(({ event_type: type, details }) => ({ type, details }))
  })
