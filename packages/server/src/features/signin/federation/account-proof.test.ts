/**
 * A session that the provider of an organization alone has proven, which is no authority for the account: it changes nothing of the
 * account, nor in another organization, until its user has proven more.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client, Reply } from '../../../testing/client.ts'
import { type Federated, HTML, startFederated } from '../../../testing/federation.ts'
import { PASSWORD, type Person, type World } from '../../../testing/world.ts'

const API = '/api/v1'
let federated: Federated
let world: World
let owner: Person
let ada: Person
let good: string
/** The session by the provider of an organization that Ada is a member of; her address is of another domain. */
let foreign: Client
let keyId: string
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
  const people = (await world.people(2)) as [Person, Person]
  ;[owner, ada] = people
  const theirs = await world.organization({
    members: [
      [owner, 'owner'],
      [ada, 'member'],
    ],
  })
  good = await world.organization({
    members: [
      [owner, 'owner'],
      [ada, 'member'],
    ],
  })
  await federated.prove(theirs, 'theirs.example')
  const { slug } = await federated.connect('google', { organizationId: theirs, madeBy: owner.id })
  federated.atGoogle({ email: 'ada@theirs.example', hd: 'theirs.example' })
  const link = await ada.client.post(`${API}/auth/external/${slug}/link`, {})
  await federated.answer(ada.client, await federated.fakes.authorize(link.data.authorization_url))
  keyId = (await ada.client.post(`${API}/auth/api-keys`, { name: 'service', permissions: [] })).data.key_id
  foreign = world.client()
  await federated.signIn(foreign, slug)
  await federated.me(foreign)
})
afterAll(() => federated?.stop())

const changes: [string, (client: Client) => Promise<Reply>][] = [
  ['revoke an API key', (client) => client.delete(`${API}/auth/api-keys/${keyId}`)],
  ['leave another organization', (client) => client.post(`${API}/organizations/${good}/leave`, {})],
  ['create an organization', (client) => client.post(`${API}/organizations`, { name: 'Another' })],
  ['rename the user', (client) => client.patch(`${API}/users/me`, { full_name: 'Another' })],
  ['end all other sessions', (client) => client.delete(`${API}/auth/sessions`)],
  ['revoke all tokens', (client) => client.delete(`${API}/auth/tokens`)],
  ['forget all browsers', (client) => client.delete(`${API}/auth/devices`)],
  ['accept an invitation', (client) => client.post(`${API}/users/me/invitations/inv_${'0'.repeat(32)}/accept`, {})],
] // biome-ignore format: a table

describe('a session that is proven by no authority for the account', () => {
  it.each(changes)('does not %s', async (_, change) => {
    expect(await change(foreign)).toMatchObject({ status: 401, code: 'STEP_UP_REQUIRED' })
    expect((await ada.client.get(`${API}/auth/validate`)).status).toBe(200)
  })

  it('nor by its tokens', async () => {
    const { access_token: token } = (await foreign.post(`${API}/auth/tokens`, {})).data
    const bearer = world.client({ headers: { authorization: `Bearer ${token}` } })
    expect((await bearer.get(`${API}/auth/validate`)).status).toBe(200)
    for (const [what, change] of changes)
      expect([what, await change(bearer)]).toEqual([
        what,
        expect.objectContaining({ code: 'STEP_UP_REQUIRED' }),
      ])
  })

  it('is led to a step-up by a page, and changes what it meant after it', async () => {
    const form = { full_name: 'Ada by proof', username: '', locale: '' }
    const sent = await foreign.send('POST', '/account', form, { form: true, ...HTML })
    expect([sent.status, sent.headers.get('location')]).toEqual([303, expect.stringMatching(/^\/step-up/)])
    const { data } = await foreign.post(`${API}/auth/step-up`, {})
    const proven = await foreign.post(`${API}/auth/mfa/verify`, {
      attempt: data.attempt,
      method: 'password',
      password: PASSWORD,
    })
    expect(proven.status).toBe(200)
    expect((await foreign.patch(`${API}/users/me`, { full_name: 'Ada by proof' })).status).toBe(200)
  })
})

it('a session by a password is not affected', async () => {
  const client = world.client()
  await client.signIn(ada.email, PASSWORD)
  expect((await client.patch(`${API}/users/me`, { full_name: 'Ada' })).status).toBe(200)
})
