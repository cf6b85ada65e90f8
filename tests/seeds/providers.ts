/** What the documents print about identity providers, replayed: the settings of connections, and the addresses to register. */
import { expect } from 'vitest'
import type { Config } from '../../packages/server/src/config.ts'
import { providerOf } from '../../packages/server/src/core/providers/index.ts'
import type { Json } from '../../packages/server/src/testing/client.ts'
import { type Federated, goal, HTML, startFederated } from '../../packages/server/src/testing/federation.ts'
import { samlPeer } from '../../packages/server/src/testing/saml-connection.ts'
import { startWorld } from '../../packages/server/src/testing/world.ts'

const API = '/api/v1'

/** A server at the address of a document, with its clients at Google and Microsoft in the environment. */
export async function withGoogleAndMicrosoft<T>(
  overrides: Partial<Config>,
  run: (federated: Federated) => Promise<T>,
): Promise<T> {
  const federated = await startFederated({
    googleClientId: 'your-google-client-id',
    googleClientSecret: 'your-google-client-secret',
    microsoftClientId: 'your-azure-client-id',
    microsoftClientSecret: 'your-azure-client-secret',
    ...overrides,
  })
  try {
    return await run(federated)
  } finally {
    await federated.stop()
  }
}

/** The request that a browser is sent to the provider with. */
export async function requestTo({ world }: Federated, provider: string): Promise<URL> {
  const reply = await world.client().get(`${API}/auth/external/${provider}/authorize`, HTML)
  expect([provider, reply.status]).toEqual([provider, 302])
  return new URL(goal(reply) ?? '')
}

/** The printed `OAUTH_CONFIG`: the same clients request the same scopes of the same issuers. */
export const expectOAuth = (printed: Json): Promise<void> =>
  withGoogleAndMicrosoft(
    {
      googleClientId: printed.google.client_id,
      googleClientSecret: printed.google.client_secret,
      microsoftClientId: printed.microsoft.client_id,
      microsoftClientSecret: printed.microsoft.client_secret,
    },
    async (federated) => {
      const { data } = await federated.world.client().get(`${API}/auth/external/providers`)
      expect(data.map(({ provider }: { provider: string }) => provider)).toEqual(Object.keys(printed))
      for (const name of ['google', 'microsoft'] as const) {
        const row = providerOf(name)
        const { client_id, server_metadata_url, client_kwargs = {} } = printed[name]
        // OpenID Connect Discovery §4 writes a hyphen: a client of this server has no such setting to get wrong
        expect('discovery' in row && row.discovery({})).toBe(
          server_metadata_url.replace('openid_c', 'openid-c'),
        )
        const { searchParams: asked } = await requestTo(federated, name)
        expect(asked.get('client_id')).toBe(client_id)
        const scopes = (client_kwargs.scope ?? 'openid').split(' ')
        expect(asked.get('scope')?.split(' ')).toEqual(expect.arrayContaining(scopes))
      }
    },
  )

/** The printed `SAML_CONFIG`: the default connection has the printed addresses, and leads to the printed provider. */
export async function expectSaml({ sp, idp }: Json): Promise<void> {
  const world = await startWorld({ publicUrl: new URL(sp.entityId).origin })
  try {
    const { entityId, singleSignOnService } = idp
    const saml = { entity_id: entityId, sso_url: singleSignOnService.url, sso_binding: 'redirect' } as const
    await samlPeer(world, { slug: 'saml', saml })
    const metadata = await world.client().get(new URL(sp.entityId).pathname)
    expect(metadata.status).toBe(200)
    expect(metadata.text).toContain(`entityID="${sp.entityId}"`)
    const { binding, url } = sp.assertionConsumerService
    const [consumer = ''] = /<[\w:]*AssertionConsumerService[^>]*>/.exec(metadata.text) ?? []
    expect(consumer).toContain(`Binding="${binding}"`)
    expect(consumer).toContain(`Location="${url}"`)
    expect(world.app.rows.map(({ method, path }) => `${method} ${path}`)).toContain(
      `POST ${new URL(url).pathname}`,
    )
    const asked = await world.client().get(`${API}/auth/external/saml/authorize`, HTML)
    const to = new URL(goal(asked) ?? '')
    expect(to.origin + to.pathname).toBe(singleSignOnService.url)
    expect(to.searchParams.has('SAMLRequest')).toBe(true)
  } finally {
    await world.stop()
  }
}
