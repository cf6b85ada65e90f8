/** An organization that is no authority for an account any more is none in its open sessions and sign-ins either. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client } from '../../../testing/client.ts'
import { type Federated, goal, HTML } from '../../../testing/federation.ts'
import { PASSWORD, type Person, type World } from '../../../testing/world.ts'
import { type SetupWorld, startSetupWorld, testByLink } from '../connection-setup/testing.ts'

const API = '/api/v1'
let all: SetupWorld
let federated: Federated
let world: World
beforeAll(async () => {
  all = await startSetupWorld()
  ;({ federated, world } = all)
})
afterAll(() => all?.stop())

let count = 0
/** An administrator of the server with an address of the organization's domain, who has connected its provider. */
async function company({ origin = 'api' }: { origin?: 'api' | 'setup_link' } = {}) {
  const domain = `former${++count}.example`
  const owner = await world.person()
  const ada = await world.person({ email: `ada@${domain}`, roles: ['super_admin'] })
  const organization = await world.organization({ members: [[owner, 'owner'], [ada, 'member']] }) // biome-ignore format: one line
  await federated.prove(organization, domain)
  // older than the one of the company, and without a use so far
  const older = await federated.connect('keycloak', {
    organizationId: organization,
    madeBy: owner.id,
    status: 'disabled',
  })
  const made = { organizationId: organization, madeBy: owner.id, origin }
  const { id, slug } = await federated.connect('google', made)
  const user = federated.atGoogle({ email: `ada@${domain}`, hd: domain })
  const { data } = await ada.client.post(`${API}/auth/external/${slug}/link`, {})
  await federated.answer(ada.client, await federated.fakes.authorize(data.authorization_url))
  return {
    owner,
    ada,
    organization,
    domain,
    older: older.id,
    id,
    slug,
    user,
    root: `${API}/organizations/${organization}`,
  }
}
type Company = Awaited<ReturnType<typeof company>>

async function visit({ slug, user }: Company): Promise<{ client: Client; bearer: Client }> {
  const client = world.client()
  federated.fakes.provider('google').user = { ...user } as never
  await federated.signIn(client, slug)
  await federated.me(client)
  const { data } = await client.post(`${API}/auth/token`, {})
  return { client, bearer: world.client({ headers: { authorization: `Bearer ${data.access_token}` } }) }
}

async function removeDomain({ owner, root }: Company): Promise<void> {
  const [row] = (await owner.client.get(`${root}/domains`)).data
  expect((await owner.client.delete(`${root}/domains/${row.id}`)).status).toBe(200)
  await world.app.settle()
}

async function moveAway({ ada }: { ada: Person }): Promise<void> {
  const email = `ada${count}@private.example`
  const reply = await ada.client.post(`${API}/users/me/email`, { email, password: PASSWORD })
  expect(reply.status, reply.text).toBeLessThan(300)
  await world.app.settle()
  const { text } = await world.mailbox.emailTo(email, /./)
  const token = decodeURIComponent(/token=([^&\s]+)/.exec(text)?.[1] ?? '')
  const done = await world.client().post(`${API}/auth/email-change`, { token })
  expect(done.status, done.text).toBe(200)
}

async function change({ ada }: Company, fields: object): Promise<void> {
  const administrator = await world.person({ roles: ['super_admin'] })
  const reply = await administrator.client.patch(`${API}/users/${ada.id}`, fields)
  expect(reply.status, reply.text).toBe(200)
}

const WAYS = [
  ['the domain is removed', removeDomain],
  ['the address moves out of the domain', moveAway],
  ['an administrator marks the address as unverified', (of: Company) => change(of, { is_verified: false })],
] as const

describe.each(WAYS)('where %s', (_, lose) => {
  it('an open session has no roles of the server, and its access tokens are revoked', async () => {
    const of = await company()
    const { client, bearer } = await visit(of)
    const users = async () => [
      (await client.get(`${API}/users`)).status,
      (await bearer.get(`${API}/users`)).status,
    ]
    expect(await users()).toEqual([200, 200])
    await lose(of)
    expect(await users()).toEqual([403, 401])
    const renamed = await client.patch(`${API}/users/me`, { full_name: 'Taken' })
    expect(renamed.code).toBe('STEP_UP_REQUIRED')
    // it acts in the organization as before
    expect((await client.get(of.root)).status).toBe(200)
    // the account's own session is as before
    expect((await of.ada.client.get(`${API}/users`)).status).toBe(200)
  })

  it('a sign-in that waits for a second factor begins again', async () => {
    const of = await company()
    await enrolAuthenticator(world, of.ada.client)
    const waiting = world.client()
    federated.fakes.provider('google').user = { ...of.user } as never
    expect(goal(await federated.signIn(waiting, of.slug))).toBe('/second-factor')
    await lose(of)
    expect(goal(await waiting.get('/second-factor', HTML))).toBe('/sign-in?notice=attempt_ended')
  })
})

it('a sign-in that waits begins again where an administrator gives the account another address', async () => {
  const of = await company()
  await enrolAuthenticator(world, of.ada.client)
  const waiting = world.client()
  federated.fakes.provider('google').user = { ...of.user } as never
  expect(goal(await federated.signIn(waiting, of.slug))).toBe('/second-factor')
  await change(of, { email: `other${count}@private.example`, is_verified: true })
  expect(goal(await waiting.get('/second-factor', HTML))).toBe('/sign-in?notice=attempt_ended')
})

it('another domain of the organization, and another organization, change nothing', async () => {
  const [of, other] = [await company(), await company()]
  const { client, bearer } = await visit(of)
  await enrolAuthenticator(world, of.ada.client)
  const waiting = world.client()
  federated.fakes.provider('google').user = { ...of.user } as never
  expect(goal(await federated.signIn(waiting, of.slug))).toBe('/second-factor')
  await federated.prove(of.organization, `second${count}.example`)
  const rows = (await of.owner.client.get(`${of.root}/domains`)).data
  const second = rows.find(({ domain }: { domain: string }) => domain.startsWith('second'))
  expect((await of.owner.client.delete(`${of.root}/domains/${second.id}`)).status).toBe(200)
  await removeDomain(other)
  expect([(await client.get(`${API}/users`)).status, (await bearer.get(`${API}/users`)).status]).toEqual([
    200, 200,
  ])
  await world.app.settle()
  expect((await waiting.get('/second-factor', HTML)).status).toBe(200)
})

describe('a connection of a set-up link loses it', () => {
  it('with the domain that leads elsewhere', async () => {
    const of = await company({ origin: 'setup_link' })
    const lead = await federated.connect('oidc', { organizationId: of.organization, madeBy: of.owner.id })
    const { client } = await visit(of)
    expect((await client.get(`${API}/users`)).status).toBe(200)
    const [row] = (await of.owner.client.get(`${of.root}/domains`)).data
    const changed = await of.owner.client.patch(`${of.root}/domains/${row.id}`, { connection_id: lead.id })
    expect(changed.status, changed.text).toBe(200)
    await world.app.settle()
    expect((await client.get(`${API}/users`)).status).toBe(403)
  })

  it('where an older connection is enabled, to which the domain leads then', async () => {
    const of = await company({ origin: 'setup_link' })
    const { client, bearer } = await visit(of)
    expect((await client.get(`${API}/users`)).status).toBe(200)
    const enabled = await of.owner.client.patch(`${of.root}/connections/${of.older}`, { status: 'active' })
    expect(enabled.status, enabled.text).toBe(200)
    await world.app.settle()
    expect([(await client.get(`${API}/users`)).status, (await bearer.get(`${API}/users`)).status]).toEqual([
      403, 401,
    ])
    expect((await client.get(of.root)).status).toBe(200)
  })

  it('where another link is completed, to whose connection its domain leads then', async () => {
    const of = await company({ origin: 'setup_link' })
    const domain = `own-${of.domain}`
    const reader = world.client()
    const { at } = await all.link({ ...of.owner, organization: of.organization })
    await all.send(reader, at, '/provider', { choice: 'oidc' })
    const { settings, clientId, secret } = federated.fakes.provider('oidc')
    const entered = { issuer: settings.issuer ?? '', client_id: clientId, client_secret: secret }
    await all.send(reader, at, '/settings', entered)
    const it = { sub: 'it', email: `it@${domain}`, email_verified: true, name: 'IT' }
    federated.fakes.provider('oidc').user = it
    await testByLink(all, reader, at)
    await all.send(reader, at, '/domain', { domain })
    const { text } = await reader.get(`${at}/domain`, HTML)
    const [, value = ''] = />(latchkey-verify=[0-9a-f]+)</.exec(text) ?? []
    const [, domain_id = ''] = /name="domain_id" value="([^"]+)"/.exec(text) ?? []
    all.dns.set(`_latchkey-challenge.${domain}`, [value])
    await all.send(reader, at, '/domain/check', { domain_id }, '/domain')
    await change(of, { email: `ada@${domain}`, is_verified: true })
    const { client } = await visit(of)
    expect((await client.get(`${API}/users`)).status).toBe(200)
    expect(goal(await all.send(reader, at, '/complete', {}, ''))).toBe(at)
    await world.app.settle()
    expect((await client.get(`${API}/users`)).status).toBe(403)
  })
})

it('a connection that cannot be read, whose sessions continue, loses it with its organization', async () => {
  const of = await company()
  const { client } = await visit(of)
  const settings = JSON.stringify({ requires: 'something newer' })
  await world.db.hot.updateTable('connections').set({ settings }).where('id', '=', of.id).execute()
  await world.clock.advance('1 minute')
  expect((await client.get(`${API}/users`)).status).toBe(200)
  expect((await of.owner.client.delete(of.root)).status).toBe(200)
  await world.app.settle()
  expect((await client.get(`${API}/users`)).status).toBe(401)
})
