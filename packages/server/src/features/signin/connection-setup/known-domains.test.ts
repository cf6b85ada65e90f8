/**
 * The domains of an organization and set-up links: a link takes none that the organization has, and the connection that it
 * makes speaks only for those that lead to it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { goal, HTML } from '../../../testing/federation.ts'
import { type SetupWorld, startSetupWorld, testByLink } from './testing.ts'

let all: SetupWorld
beforeAll(async () => {
  all = await startSetupWorld()
})
afterAll(() => all?.stop())

const KNOWN = 'The organization has this domain already. Its owners choose the connection'
let count = 0
const fresh = (): string => `known-${++count}.example.com`

const domainsOf = (organization: string) =>
  all.world.db.tx('system', (tx) =>
    tx
      .selectFrom('organization_domains')
      .select(['domain', 'token', 'connection_id', 'added_by'])
      .where('organization_id', '=', organization)
      .execute(),
  )

/** A reader who has set up and tested OpenID Connect. */
async function reader(owner: Awaited<ReturnType<SetupWorld['owner']>>) {
  const { at } = await all.link(owner)
  const client = all.world.client()
  const { clientId, secret, settings } = all.federated.fakes.provider('oidc')
  await all.send(client, at, '/provider', { choice: 'oidc' })
  const entered = { issuer: settings.issuer ?? '', client_id: clientId, client_secret: secret }
  await all.send(client, at, '/settings', entered)
  await testByLink(all, client, at)
  return { at, client }
}

/** Signs in at the provider with an address that it vouches for. */
async function signInAs(slug: string, email: string) {
  all.federated.fakes.provider('oidc').user = {
    sub: `sub-${++count}`,
    email,
    email_verified: true,
    name: 'Ada',
  }
  const client = all.world.client()
  const to = goal(await all.federated.signIn(client, slug))
  const { status, data } = await client.get('/api/v1/auth/me')
  return { to, email: status === 200 ? data.user.email : null }
}

describe('a set-up link', () => {
  it('for a domain is not completed without one, also where an owner has removed the only one', async () => {
    const owner = await all.owner()
    const { at } = await all.link(owner, { intent: 'domain' })
    const client = all.world.client()
    const complete = () => all.send(client, at, '/complete', {}, '')
    expect((await complete()).status).toBe(409)
    expect(goal(await all.send(client, at, '/domain', { domain: fresh() }))).toBe(`${at}/domain`)
    const root = `/api/v1/organizations/${owner.organization}/domains`
    const [row] = (await owner.client.get(root)).data
    expect((await owner.client.delete(`${root}/${row.id}`)).status).toBe(200)
    const refused = await complete()
    expect([refused.status, refused.text]).toEqual([409, expect.stringContaining('Add a domain first.')])
    await all.send(client, at, '/domain', { domain: fresh() })
    expect(goal(await complete())).toBe(at)
  })

  it('takes no domain that the organization has, verified or not, by its page or by another link', async () => {
    const owner = await all.owner()
    const main = await all.federated.connect('keycloak', { organizationId: owner.organization })
    const [verified, added, linked] = [fresh(), fresh(), fresh()]
    await all.federated.prove(owner.organization, verified)
    await owner.client.post(`/api/v1/organizations/${owner.organization}/domains`, { domain: added })
    const other = await all.link(owner, { intent: 'domain' })
    await all.send(all.world.client(), other.at, '/domain', { domain: linked })
    const before = await domainsOf(owner.organization)
    expect(before).toHaveLength(3)
    const { at, client } = await reader(owner)
    for (const domain of [verified, added, linked, verified.toUpperCase()]) {
      const reply = await all.send(client, at, '/domain', { domain })
      expect([domain, reply.status, reply.text]).toEqual([domain, 409, expect.stringContaining(KNOWN)])
    }
    const shown = (await client.get(`${at}/domain`, HTML)).text
    for (const { domain, token } of before)
      for (const hidden of [domain, `latchkey-verify=${token}`]) expect(shown.includes(hidden)).toBe(false)
    expect(goal(await all.send(client, at, '/complete', {}, ''))).toBe(at)
    expect(await domainsOf(owner.organization)).toEqual(before)
    // its people sign in where they did
    const route = await all.world
      .client()
      .post('/api/v1/auth/external/discover', { identifier: `ada@${verified}` })
    expect(route.data).toMatchObject({ provider: main.slug })
  })

  it('makes a connection that speaks only for domains that lead to it, until an owner says which provider it is', async () => {
    const owner = await all.owner()
    await all.federated.connect('keycloak', { organizationId: owner.organization })
    const [others, own] = [fresh(), fresh()]
    await all.federated.prove(owner.organization, others)
    const { at, client } = await reader(owner)
    await all.send(client, at, '/domain', { domain: own })
    const { token, added_by } =
      (await domainsOf(owner.organization)).find(({ domain }) => domain === own) ?? {}
    // the maker of the link answers for the roles of its people
    expect(added_by).toBe((await owner.client.get('/api/v1/auth/me')).data.user.id)
    all.dns.set(`_latchkey-challenge.${own}`, [`latchkey-verify=${token}`])
    const [, domain_id = ''] =
      /name="domain_id" value="([^"]+)"/.exec((await client.get(`${at}/domain`, HTML)).text) ?? []
    await all.send(client, at, '/domain/check', { domain_id }, '/domain')
    expect(goal(await all.send(client, at, '/complete', {}, ''))).toBe(at)
    const slug =
      (await domainsOf(owner.organization)).find(({ domain }) => domain === own)?.connection_id ?? ''
    expect(await signInAs(slug, `ada@${own}`)).toMatchObject({ email: `ada@${own}` })
    const members = `/api/v1/organizations/${owner.organization}/members`
    const addresses = async () => JSON.stringify((await owner.client.get(members)).data)
    expect(await addresses()).toContain(`ada@${own}`)
    // no account, and no membership
    const foreign = await signInAs(slug, `ada@${others}`)
    expect(foreign).toEqual({ to: expect.stringContaining('/sign-in/connect?trip='), email: null })
    const chosen = await all.world.client()
    all.federated.fakes.provider('oidc').user = { sub: `sub-${++count}`, email: null, name: 'Ada' }
    const asked = goal(await all.federated.signIn(chosen, slug)) ?? ''
    const refused = await all.federated.submit(chosen, asked, { email: `eve@${others}` })
    expect([refused.status, await addresses()]).toEqual([400, expect.not.stringContaining(others)])
    // an owner who enters another provider answers for it
    const path = `/api/v1/organizations/${owner.organization}/connections/${slug}`
    const { issuer = '' } = all.federated.fakes.provider('oidc').settings
    await owner.client.patch(path, { settings: { issuer: 'https://other.example' } })
    expect((await owner.client.patch(path, { settings: { issuer } })).status).toBe(200)
    expect(await signInAs(slug, `bob@${others}`)).toMatchObject({ email: `bob@${others}` })
  })

  it('makes the connection to which a proven domain leads, where it is the first', async () => {
    const owner = await all.owner()
    const domain = fresh()
    await all.federated.prove(owner.organization, domain)
    const { at, client } = await reader(owner)
    expect(goal(await all.send(client, at, '/complete', {}, ''))).toBe(at)
    const { data } = await owner.client.get(`/api/v1/organizations/${owner.organization}/connections`)
    expect(data).toMatchObject([{ state: 'active' }])
    expect(await signInAs(data[0].id, `ada@${domain}`)).toMatchObject({ email: `ada@${domain}` })
  })
})
