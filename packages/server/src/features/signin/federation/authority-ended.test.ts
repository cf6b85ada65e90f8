/** An organization that is no authority for an account any more is none in its open sessions and sign-ins either. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client } from '../../../testing/client.ts'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import { PASSWORD, type Person, type World } from '../../../testing/world.ts'

const API = '/api/v1'
let federated: Federated
let world: World
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
})
afterAll(() => federated?.stop())

let count = 0
/** An administrator of the server with an address of the organization's domain, who has connected its provider. */
async function company() {
  const domain = `former${++count}.example`
  const owner = await world.person()
  const ada = await world.person({ email: `ada@${domain}`, roles: ['super_admin'] })
  const organization = await world.organization({ members: [[owner, 'owner'], [ada, 'member']] }) // biome-ignore format: one line
  await federated.prove(organization, domain)
  const { id, slug } = await federated.connect('google', { organizationId: organization, madeBy: owner.id })
  const user = federated.atGoogle({ email: `ada@${domain}`, hd: domain })
  const { data } = await ada.client.post(`${API}/auth/external/${slug}/link`, {})
  await federated.answer(ada.client, await federated.fakes.authorize(data.authorization_url))
  return { owner, ada, organization, id, slug, user, root: `${API}/organizations/${organization}` }
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

const WAYS = [
  ['the domain is removed', removeDomain],
  ['the address moves out of the domain', moveAway],
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

it('another domain of the organization, and another organization, change nothing', async () => {
  const [of, other] = [await company(), await company()]
  const { client, bearer } = await visit(of)
  await federated.prove(of.organization, `second${count}.example`)
  const rows = (await of.owner.client.get(`${of.root}/domains`)).data
  const second = rows.find(({ domain }: { domain: string }) => domain.startsWith('second'))
  expect((await of.owner.client.delete(`${of.root}/domains/${second.id}`)).status).toBe(200)
  await removeDomain(other)
  expect([(await client.get(`${API}/users`)).status, (await bearer.get(`${API}/users`)).status]).toEqual([
    200, 200,
  ])
})

it('a connection of a set-up link loses it with the domain that leads elsewhere', async () => {
  const of = await company()
  const lead = await federated.connect('oidc', { organizationId: of.organization, madeBy: of.owner.id })
  await world.db.tx('system', (tx) =>
    tx.updateTable('connections').set({ origin: 'setup_link' }).where('id', '=', of.id).execute(),
  )
  const { client } = await visit(of)
  expect((await client.get(`${API}/users`)).status).toBe(200)
  const [row] = (await of.owner.client.get(`${of.root}/domains`)).data
  const changed = await of.owner.client.patch(`${of.root}/domains/${row.id}`, { connection_id: lead.id })
  expect(changed.status, changed.text).toBe(200)
  await world.app.settle()
  expect((await client.get(`${API}/users`)).status).toBe(403)
})
