/** Test sign-ins: the answer is checked and shown, marks the connection as tested, and signs in no user. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import type { Person, World } from '../../../testing/world.ts'

const API = '/api/v1'

let federated: Federated
let world: World
let root: Person
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
  const [person] = await world.people([{ roles: ['super_admin'] }])
  if (!person) throw new Error('no user was created')
  root = person
})
afterAll(() => federated?.stop())

/** A connection that was never tested. */
async function draft(options: Parameters<Federated['connect']>[1] = {}) {
  const made = await federated.connect('oidc', { slug: `c${++made_}`, status: 'draft', ...options })
  await world.db.tx('system', (tx) =>
    tx.updateTable('connections').set({ tested_at: null }).where('id', '=', made.id).execute(),
  )
  return made
}
let made_ = 0

const begin = async (client: Client, id: string) => {
  const { status, data, text } = await client.post(`${API}/connections/${id}/test`)
  if (status !== 200) throw new Error(text)
  return await federated.fakes.authorize(data.authorization_url)
}
const rowOf = (id: string) =>
  world.db.tx('system', (tx) =>
    tx.selectFrom('connections').selectAll().where('id', '=', id).executeTakeFirstOrThrow(),
  )
const counts = async () => {
  const count = async (table: 'users' | 'identities' | 'sessions' | 'attempts') =>
    (await world.db.tx('system', (tx) => tx.selectFrom(table).select('id').execute())).length
  return [await count('users'), await count('identities'), await count('sessions'), await count('attempts')]
}
const eventsOf = async (id: string) => (await root.client.get(`${API}/connections/${id}/events`)).data

describe('a test sign-in', () => {
  it('of a draft shows what the provider said and what is made of it, and changes no account', async () => {
    const { id } = await draft()
    federated.fakes.provider('oidc').user = {
      sub: 'tested-1',
      email: 'tess@example.com',
      email_verified: true,
      name: '<b>Tess</b>',
      groups: ['engines'],
    }
    const before = await counts()
    const callback = await begin(root.client, id)
    const started = world.clock.now().getTime()
    const reply = await federated.answer(root.client, callback)
    expect(goal(reply)).toMatch(/^\/sign-in\/tested\?trip=rtp_[0-9a-f]{32}$/)
    const { text, status } = await root.client.get(goal(reply) ?? '', HTML)
    expect(status).toBe(200)
    for (const shown of ['tested-1', 'tess@example.com', 'engines', '&lt;b>Tess', 'email_verified'])
      expect(text).toContain(shown)
    expect(text).not.toContain('<b>Tess')
    expect(await counts()).toEqual(before)
    expect((await rowOf(id)).tested_at?.getTime()).toBeGreaterThanOrEqual(started)
    expect((await eventsOf(id))[0]).toMatchObject({
      flow: 'test',
      outcome: 'succeeded',
      subject: 'tested-1',
      user_id: null,
      claims: { groups: ['engines'] },
    })
  })

  it('leads back to where it was begun, and is shown in no other browser', async () => {
    const { id } = await draft()
    const { data } = await root.client.post(`${API}/connections/${id}/test`, { return_to: '/account/access' })
    const reply = await federated.answer(root.client, await federated.fakes.authorize(data.authorization_url))
    const shownAt = goal(reply) ?? ''
    expect((await root.client.get(shownAt, HTML)).text).toContain('href="/account/access"')
    const other = await world.client().get(shownAt, HTML)
    expect([other.status, other.text.includes('test')]).toEqual([404, false])
  })

  it('that is refused says why, in words, and does not count', async () => {
    const { id } = await draft()
    const before = await counts()
    const callback = await begin(root.client, id)
    const { code: _, ...others } = callback.parameters
    const refused = { ...callback, parameters: { ...others, error: 'access_denied' } }
    const reply = await federated.answer(root.client, refused)
    const { text } = await root.client.get(goal(reply) ?? '', HTML)
    expect(text).toContain('The user or the provider refused the sign-in.')
    expect((await rowOf(id)).tested_at).toBeNull()
    expect((await eventsOf(id))[0]).toMatchObject({ flow: 'test', outcome: 'failed', fault: 'denied' })
    expect(await counts()).toEqual(before)
    const log = await world.db.tx('system', (tx) =>
      tx.selectFrom('audit_events').select('id').where('event_type', '=', 'auth.login.failure').execute(),
    )
    expect(log).toEqual([])
  })

  it('does not count for a connection that was changed while it ran', async () => {
    const { id } = await draft()
    const callback = await begin(root.client, id)
    await root.client.patch(`${API}/connections/${id}`, { settings: { scopes: ['groups'] } })
    await federated.answer(root.client, callback)
    expect((await rowOf(id)).tested_at).toBeNull()
  })

  it('counts once: of ten answers at once one is taken', async () => {
    const { id } = await draft()
    const callback = await begin(root.client, id)
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => federated.answer(root.client, callback)),
    )
    const goals = replies.map((reply) => goal(reply)?.split('?')[0])
    expect(goals.filter((one) => one === '/sign-in/tested')).toHaveLength(1)
    expect(goals.filter((one) => one === '/sign-in/failed')).toHaveLength(9)
  })

  it('cannot be turned into a sign-in or a link', async () => {
    const { id } = await draft({ status: 'active' })
    const reply = await federated.answer(root.client, await begin(root.client, id))
    const trip = new URL(goal(reply) ?? '', 'http://x').searchParams.get('trip') ?? ''
    for (const path of ['/sign-in/connect', '/account/connected/confirm'])
      expect((await root.client.get(`${path}?trip=${trip}`, HTML)).status).toBe(404)
    const before = await counts()
    const page = await root.client.get('/account', HTML)
    const [, csrf_token = ''] = /name="csrf_token" value="([^"]+)"/.exec(page.text) ?? []
    for (const path of ['/sign-in/connect', '/account/connected/confirm']) {
      const sent = await root.client.post(
        path,
        { trip, email: 'x@example.com', csrf_token },
        { form: true, ...HTML },
      )
      expect([path, sent.status]).toEqual([path, 404])
    }
    expect(await counts()).toEqual(before)
  })

  it('is not what a sign-in is: that leaves a connection untested', async () => {
    const { id, slug } = await draft({ status: 'active' })
    const client = world.client()
    federated.fakes.provider('oidc').user = { sub: 'login-1', email: 'l@example.com', email_verified: true }
    await federated.signIn(client, slug)
    expect((await rowOf(id)).tested_at).toBeNull()
  })

  it('is the only thing that a connection which is not active answers to', async () => {
    const { id, slug } = await draft({ status: 'active' })
    const client = world.client()
    const callback = await federated.begin(client, slug)
    await root.client.patch(`${API}/connections/${id}`, { status: 'disabled' })
    const before = await counts()
    expect(goal(await federated.answer(client, callback))).toContain('reason=not_offered')
    expect(await counts()).toEqual(before)
    expect(goal(await federated.answer(root.client, await begin(root.client, id)))).toContain(
      '/sign-in/tested',
    )
  })

  it('that cannot begin says so, and is in the diagnostics', async () => {
    const { id } = await draft({ settings: { issuer: 'https://nowhere.invalid' } })
    const reply = await root.client.post(`${API}/connections/${id}/test`)
    expect([reply.status, reply.code]).toEqual([503, 'UNAVAILABLE'])
    expect((await eventsOf(id))[0]).toMatchObject({ flow: 'test', outcome: 'failed' })
  })
})

describe('who may test', () => {
  it('is who may change the connection, of the organization that has it', async () => {
    const [owner, admin, neighbour] = await world.people(3)
    if (!owner || !admin || !neighbour) throw new Error('no users were created')
    const found = async (person: Person) =>
      String((await person.client.post(`${API}/organizations`, { name: `Org ${person.id}` })).data.id)
    const [ours, theirs] = [await found(owner), await found(neighbour)]
    await root.client.post(`${API}/organizations/${ours}/members`, { user_id: admin.id, role: 'admin' })
    const { id } = await draft({ organizationId: ours })
    const at = (organization: string) => `${API}/organizations/${organization}/connections/${id}/test`
    expect((await owner.client.post(at(ours))).status).toBe(200)
    expect((await admin.client.post(at(ours))).status).toBe(403)
    expect((await neighbour.client.post(at(ours))).status).toBe(404)
    expect((await neighbour.client.post(at(theirs))).status).toBe(404)
    expect((await owner.client.post(`${API}/connections/${id}/test`)).status).toBe(403)
    // the server's routes have the server's connections
    expect((await root.client.post(`${API}/connections/${id}/test`)).status).toBe(404)
    expect((await world.client().post(at(ours))).status).toBe(401)
  })

  it('is the owner on the page of the connection, who reads why it failed in the diagnostics', async () => {
    const [owner] = await world.people(1)
    if (!owner) throw new Error('no user was created')
    const { data } = await owner.client.post(`${API}/organizations`, { name: 'Tested' })
    const { id } = await draft({ organizationId: data.id })
    const at = `/account/organizations/${data.id}/connections/${id}`
    expect((await owner.client.get(at, HTML)).text).toContain(`href="${at}/test"`)
    const begun = await owner.client.get(`${at}/test`, HTML)
    const reply = await federated.answer(owner.client, await federated.fakes.authorize(goal(begun) ?? ''))
    expect((await owner.client.get(goal(reply) ?? '', HTML)).text).toContain(`href="${at}"`)
    expect((await rowOf(id)).tested_at).not.toBeNull()
    await owner.client.patch(`${API}/organizations/${data.id}/connections/${id}`, {
      settings: { issuer: 'https://nowhere.invalid' },
    })
    expect(goal(await owner.client.get(`${at}/test`, HTML))).toBe(`${at}/events`)
  })
})
