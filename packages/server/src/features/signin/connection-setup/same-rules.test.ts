/** What is entered of a connection obeys the same rules in the API, on the page of its owners, through a set-up link, and on the command line. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Problem } from '../../../base/errors.ts'
import type { Reply } from '../../../testing/client.ts'
import { HTML } from '../../../testing/federation.ts'
import { metadataXml, providerKey } from '../../../testing/saml-provider.ts'
import { changeConnectionByOperator } from '../../organizations/connections/index.ts'
import { type SetupWorld, startSetupWorld } from './testing.ts'

let all: SetupWorld
beforeAll(async () => {
  all = await startSetupWorld()
})
afterAll(() => all?.stop())

type Face = (fields: Record<string, unknown>) => Promise<number>

/** The three places: the first two of one connection, the link of another organization. @returns what sends fields there */
async function faces(): Promise<
  Record<'api' | 'page' | 'link' | 'operator', Face> & {
    answers: Reply[]
    refusals: Problem[]
    issuers(): Promise<string[]>
  }
> {
  const answers: Reply[] = []
  const refusals: Problem[] = []
  const kept = (reply: Reply): number => {
    answers.push(reply)
    return reply.status
  }
  const owner = await all.owner()
  const path = `/api/v1/organizations/${owner.organization}/connections`
  const issuer = all.federated.fakes.provider('oidc').settings.issuer ?? ''
  const made = await owner.client.post(path, { provider: 'oidc', settings: { issuer } })
  const page = `/account/organizations/${owner.organization}/connections/${made.data.id}`
  const other = await all.owner('Other')
  const { at } = await all.link(other)
  const reader = all.world.client()
  await all.send(reader, at, '/provider', { choice: 'oidc' })
  return {
    answers,
    api: async (fields) => kept(await owner.client.patch(`${path}/${made.data.id}`, fields)),
    operator: async (fields) => {
      try {
        await changeConnectionByOperator(all.world.app.tools, owner.organization, made.data.id, fields)
        return 200
      } catch (error) {
        if (!(error instanceof Problem)) throw error
        refusals.push(error)
        return error.status
      }
    },
    refusals,
    async issuers() {
      const rows = await all.world.db.tx('system', (tx) =>
        tx
          .selectFrom('connections')
          .select('settings')
          .where('organization_id', 'in', [owner.organization, other.organization])
          .execute(),
      )
      return rows.map(({ settings }) => (settings as { issuer: string }).issuer)
    },
    page: async (fields) => {
      const { text } = await owner.client.get(page, HTML)
      const field = (name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(text)?.[1] ?? ''
      const sent = {
        csrf_token: field('csrf_token'),
        version: field('version'),
        name: 'N',
        issuer,
        ...fields,
      }
      return kept(await owner.client.post(page, sent, { form: true, ...HTML }))
    },
    link: async (fields) =>
      kept(
        await all.send(reader, at, '/settings', {
          issuer,
          client_id: 'latchkey',
          client_secret: 's',
          ...fields,
        }),
      ),
  }
}

describe('the client of a connection', () => {
  it.each([
    ['an id with a letter that is not of ASCII', { client_id: 'client-ü' }],
    ['an id of 501 characters', { client_id: 'c'.repeat(501) }],
    ['a secret with a letter that is not of ASCII', { client_secret: 'geheimnis-ü' }],
    ['a secret of 10,001 characters', { client_secret: 's'.repeat(10_001) }],
  ])('is refused everywhere: %s', async (_, fields) => {
    const { api, page, link } = await faces()
    expect([await api(fields), await page(fields), await link(fields)]).toEqual([400, 400, 400])
  })

  it.each([
    ['an id with a space (RFC 6749 appendix A.1)', { client_id: 'client with space' }],
    ['an id of 500 characters', { client_id: 'c'.repeat(500) }],
    ['a secret of 10,000 characters', { client_secret: 's'.repeat(10_000) }],
  ])('is taken everywhere: %s', async (_, fields) => {
    const { api, page, link } = await faces()
    expect([await api(fields), await page(fields), await link(fields)]).toEqual([200, 303, 303])
  })
})

describe('the issuer of a connection', () => {
  it('is cut where the address of its discovery document was pasted', async () => {
    const { api, page, link, operator, issuers } = await faces()
    const issuer = all.federated.fakes.provider('oidc').settings.issuer ?? ''
    for (const end of ['/.well-known/openid-configuration', '/.well-known/openid-configuration/?appid=1']) {
      const pasted = `${issuer}${end}`
      expect(await api({ settings: { issuer: pasted } })).toBe(200)
      expect(await page({ issuer: pasted })).toBe(303)
      expect(await link({ issuer: pasted })).toBe(303)
      expect(await issuers()).toEqual([issuer, issuer])
      expect(await api({ settings: { issuer: 'https://other.example.com' } })).toBe(200)
      expect(await operator({ settings: { issuer: pasted } })).toBe(200)
      expect(await issuers()).toEqual([issuer, issuer])
    }
  })

  it.each([
    ['https://10.0.0.1', 'private_address'],
    ['https://[fd00::1]/realms/main', 'private_address'],
    ['https://[::ffff:192.168.1.1]', 'private_address'],
    ['https://169.254.169.254/latest', 'private_address'],
    ['https://localhost:8443', 'private_address'],
    ['https://sso.localhost', 'private_address'],
    ['http://login.example.com', 'https'],
  ])('is refused everywhere in a private network or without https: %s', async (issuer, code) => {
    const { api, page, link, operator, answers, refusals } = await faces()
    const sent = [await api({ settings: { issuer } }), await page({ issuer }), await link({ issuer })]
    expect(sent).toEqual([400, 400, 400])
    const [byApi, ...pages] = answers.slice(-3)
    expect(byApi?.body.error.details).toEqual([
      { field: 'settings.issuer', code, message: expect.stringContaining('LATCHKEY_CONNECTION_HOSTS') },
    ])
    expect(await operator({ settings: { issuer } })).toBe(400)
    expect(refusals[0]?.details).toEqual(byApi?.body.error.details)
    for (const { text } of pages) {
      const [, error] = /id="field-issuer-error">([^<]+)</.exec(text) ?? []
      expect(error).toContain('LATCHKEY_CONNECTION_HOSTS')
      expect(error).toContain(code === 'https' ? 'begins with https://' : 'is in a private network')
    }
  })

  it('of metadata may be plain http by the API, and is in no private network', async () => {
    const owner = await all.owner()
    const path = `/api/v1/organizations/${owner.organization}/connections`
    const send = (metadata_url: string) =>
      owner.client.post(path, { provider: 'saml', settings: { saml: { metadata_url } } })
    const refused = await send('http://10.0.0.1/metadata')
    expect([refused.status, refused.body.error.details[0].code]).toEqual([400, 'private_address'])
    expect((await send('http://nowhere.invalid/metadata')).status).toBe(201)
  })
})

describe('the endpoints of a SAML identity provider', () => {
  /** The statuses of the API, of the page and of a set-up link, and the codes of the API and of the link. */
  async function sent(address: string): Promise<readonly [number[], (string | undefined)[]]> {
    const owner = await all.owner()
    const path = `/api/v1/organizations/${owner.organization}/connections`
    const entity_id = 'https://intranet.example/metadata'
    const { certificate } = providerKey(all.world.clock.now())
    const endpoints = { sso_url: address, slo_url: address, slo_response_url: address }
    const saml = { entity_id, certificates: [certificate], ...endpoints }
    const api = await owner.client.post(path, { provider: 'saml', settings: { saml } })
    const { data } = await owner.client.post(path, { provider: 'saml' })
    const page = `/account/organizations/${owner.organization}/connections/${data.id}`
    const { text } = await owner.client.get(page, HTML)
    const field = (name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(text)?.[1] ?? ''
    const form = { csrf_token: field('csrf_token'), version: field('version'), name: 'N', entity_id }
    const byPage = await owner.client.post(page, { ...form, ...endpoints }, { form: true, ...HTML })
    const { at } = await all.link(await all.owner('Other'))
    const reader = all.world.client()
    await all.send(reader, at, '/provider', { choice: 'saml' })
    const byLink = await all.send(reader, at, '/settings', { entity_id, sso_url: address, certificate })
    const codes = (api.body.error?.details ?? []) as { field: string; code: string }[]
    return [
      [api.status, byPage.status, byLink.status],
      codes.map(({ field: name, code }) => `${name} ${code}`),
    ]
  }

  it.each(['https://10.0.0.5/sso', 'https://[fd00::1]/sso', 'https://sso.localhost/sso'])(
    'may be in a private network, to which browsers alone go: %s',
    async (address) => expect(await sent(address)).toEqual([[201, 303, 303], []]),
  )

  it.each(['http://10.0.0.5/sso', 'http://login.example.com/sso'])(
    'are https everywhere: %s',
    async (address) => {
      const refused = ['sso_url', 'slo_url', 'slo_response_url'].map((name) => `settings.saml.${name} https`)
      expect(await sent(address)).toEqual([[400, 400, 400], refused])
    },
  )
})

describe('metadata of 300,000 characters', () => {
  it('is taken by the API, on the page of its owners, and through a set-up link', async () => {
    const owner = await all.owner()
    const path = `/api/v1/organizations/${owner.organization}/connections`
    const metadataOf = (name: string) =>
      metadataXml({
        entityId: `https://${name}.example/metadata`,
        certificates: [providerKey(all.world.clock.now()).certificate],
      }).replace('</md:IDPSSODescriptor>', (end) => `${' '.repeat(300_000)}${end}`)
    const made = await owner.client.post(path, { provider: 'saml', metadata: metadataOf('one') })
    expect([made.status, made.data.settings.saml.entity_id]).toEqual([201, 'https://one.example/metadata'])
    const page = `/account/organizations/${owner.organization}/connections/${made.data.id}`
    const { text } = await owner.client.get(page, HTML)
    const field = (name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(text)?.[1] ?? ''
    const sent = {
      csrf_token: field('csrf_token'),
      version: field('version'),
      name: 'N',
      metadata: metadataOf('two'),
    }
    expect((await owner.client.post(page, sent, { form: true, ...HTML })).status).toBe(303)
    const { data } = await owner.client.get(`${path}/${made.data.id}`)
    expect(data.settings.saml.entity_id).toBe('https://two.example/metadata')
    const { at } = await all.link(await all.owner('Other'))
    const reader = all.world.client()
    await all.send(reader, at, '/provider', { choice: 'saml' })
    const saved = await all.send(reader, at, '/settings', { metadata_xml: metadataOf('three') })
    expect(saved.status).toBe(303)
  })
})
