/**
 * Which connection is an authority for an account: one that speaks for the domain of its verified address. What the reader of a
 * set-up link has made is none for the other domains of the organization.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client, Reply } from '../../../testing/client.ts'
import { goal, HTML } from '../../../testing/federation.ts'
import type { Person } from '../../../testing/world.ts'
import { type SetupWorld, startSetupWorld, testByLink } from '../connection-setup/testing.ts'

const API = '/api/v1'
let all: SetupWorld
beforeAll(async () => {
  all = await startSetupWorld({ emailSignIn: [] })
})
afterAll(() => all?.stop())

const fake = () => all.federated.fakes.provider('oidc')
let companies = 0

/** A company whose domain leads to a connection that its owner has made; a super administrator with an address there is a member. */
async function company() {
  const { federated, world } = all
  const domain = `company${++companies}.example`
  const [owner] = (await world.people(1)) as [Person]
  const boss = await world.person({ email: `boss@${domain}`, roles: ['super_admin'] })
  const id = await world.organization({
    members: [
      [owner, 'owner'],
      [boss, 'member'],
    ],
  })
  const main = await federated.connect('keycloak', { organizationId: id, madeBy: owner.id })
  await federated.prove(id, domain)
  return { id, owner, boss, domain, main, root: `${API}/organizations/${id}` }
}

async function connectAccount(client: Client, slug: string): Promise<void> {
  const { data } = await client.post(`${API}/auth/external/${slug}/link`, {})
  const answered = await all.federated.answer(
    client,
    await all.federated.fakes.authorize(data.authorization_url),
  )
  expect(goal(answered)).toBe('/account/connected?notice=connected')
}

async function signInBy(slug: string): Promise<Client> {
  const client = all.world.client()
  await all.federated.signIn(client, slug)
  await all.federated.me(client)
  return client
}

const changes: [string, (client: Client) => Promise<Reply>][] = [
  ['users', (client) => client.get(`${API}/users`)],
  ['name', (client) => client.patch(`${API}/users/me`, { full_name: 'Taken' })],
  ['key', (client) => client.post(`${API}/auth/api-keys`, { name: 'kept', permissions: [] })],
  ['factor', (client) => client.post(`${API}/auth/mfa/enable`, { method: 'totp' })],
]

const answersTo = async (client: Client): Promise<Record<string, string | number>> => {
  const answers: Record<string, string | number> = {}
  for (const [what, change] of changes) {
    const { status, code } = await change(client)
    answers[what] = code ?? status
  }
  return answers
}

const REFUSED = {
  users: 'INSUFFICIENT_PERMISSIONS',
  name: 'STEP_UP_REQUIRED',
  key: 'STEP_UP_REQUIRED',
  factor: 'STEP_UP_REQUIRED',
}
const OPEN = { users: 200, name: 200, key: 201, factor: 200 }

describe('a connection that a set-up link has made', () => {
  it('is no authority for the addresses of a domain that leads to another one, and is one when it leads to it', async () => {
    const { id, owner, boss, root } = await company()
    const made = await all.federated.connect('oidc', {
      organizationId: id,
      madeBy: owner.id,
      origin: 'setup_link',
    })
    fake().user = { sub: `of-link-${id}`, email: 'x@elsewhere.example', email_verified: true, name: 'X' }
    await connectAccount(boss.client, made.slug)
    const session = await signInBy(made.slug)
    expect(await answersTo(session)).toEqual(REFUSED)
    const [domain] = (await owner.client.get(`${root}/domains`)).data
    const chosen = await owner.client.patch(`${root}/domains/${domain.id}`, { connection_id: made.id })
    expect(chosen.status, chosen.text).toBe(200)
    expect(await answersTo(await signInBy(made.slug))).toEqual(OPEN)
  })

  it('is connected by no user who is not a member, although their address is of the organization’s other domain', async () => {
    const { world, federated } = all
    const owner = await all.owner('Corp')
    const main = await federated.connect('keycloak', {
      organizationId: owner.organization,
      madeBy: owner.id,
    })
    await federated.prove(owner.organization, 'lured.example')
    const boss = await world.person({ email: 'boss@lured.example', roles: ['super_admin'] })
    const { at } = await all.link(owner, { intent: 'connection' })
    const reader = world.client()
    const { settings, clientId, secret } = fake()
    await all.send(reader, at, '/provider', { choice: 'oidc' })
    await all.send(reader, at, '/settings', {
      issuer: settings.issuer ?? '',
      client_id: clientId,
      client_secret: secret,
    })
    fake().user = { sub: 'test', email: 'it@elsewhere.example', email_verified: true, name: 'IT' }
    await testByLink(all, reader, at)
    expect(goal(await all.send(reader, at, '/complete', {}, ''))).toBe(at)
    const list = (await owner.client.get(`${API}/organizations/${owner.organization}/connections`)).data
    const made = list.find(({ id }: { id: string }) => id !== main.id)
    expect(made).toMatchObject({ origin: 'setup_link', status: 'active', state: 'pending' })

    fake().user = { sub: 'chosen-by-the-reader', name: 'Anyone' }
    const crossSite = {
      headers: { ...HTML.headers, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
    }
    const path = `${API}/auth/external/${made.slug}/authorize?flow=link`
    const begun = goal(await boss.client.get(path, crossSite)) ?? ''
    const answered = goal(await federated.answer(boss.client, await federated.fakes.authorize(begun))) ?? ''
    expect((await boss.client.get(answered, HTML)).text).toContain(
      'your verified address here is not of its domains',
    )
    expect(await federated.identitiesOf(boss.id)).toEqual([])
    const hostile = world.client()
    await federated.signIn(hostile, made.slug)
    expect(await federated.me(hostile)).toBeUndefined()
  })

  it('is no way in that lets the last other one be removed', async () => {
    const { id, owner, boss, main } = await company()
    const made = await all.federated.connect('oidc', {
      organizationId: id,
      madeBy: owner.id,
      origin: 'setup_link',
    })
    fake().user = { sub: `last-${id}`, email: 'x@elsewhere.example', email_verified: true, name: 'X' }
    await connectAccount(boss.client, made.slug)
    all.federated.fakes.provider('keycloak').user = {
      sub: `main-${id}`,
      email: boss.email,
      email_verified: true,
    }
    await connectAccount(boss.client, main.slug)
    await all.world.db.tx('system', async (tx) => {
      await tx.deleteFrom('passwords').where('user_id', '=', boss.id).execute()
    })
    const removed = await boss.client.delete(`${API}/auth/external/${main.slug}/unlink`)
    expect([removed.status, removed.body.error?.details.reason]).toEqual([409, 'last_way_in'])
  })
})

it('a further connection that the owner has made is an authority, whichever one the domain leads to', async () => {
  const { id, owner, boss } = await company()
  const second = await all.federated.connect('oidc', { organizationId: id, madeBy: owner.id })
  fake().user = { sub: `second-${id}`, email: boss.email, email_verified: true, name: 'Boss' }
  await connectAccount(boss.client, second.slug)
  expect(await answersTo(await signInBy(second.slug))).toEqual(OPEN)
})
