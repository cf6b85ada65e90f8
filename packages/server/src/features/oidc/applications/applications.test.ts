/** The apps that have access to an account: what users and administrators see of them, and what ends with their access. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../../base/ids.ts'
import {
  answerConsent,
  authorizedCode,
  authorizePath,
  claimsIn,
  follow,
  type TestApp,
  testApp,
  testResource,
} from '../../../testing/apps.ts'
import { startLogoutReceiver } from '../../../testing/logout-receiver.ts'
import type { Person } from '../../../testing/world.ts'
import { at, outcome, type StaffedWorld, startStaffedWorld } from '../../accounts/administration/testing.ts'

const OWN = '/api/v1/auth/applications'
const ORDERS = 'https://orders.example.com/'

let staffed: StaffedWorld
let world: StaffedWorld['world']
beforeAll(async () => {
  staffed = await startStaffedWorld()
  world = staffed.world
  await testResource(world, ORDERS, ['orders'])
})
afterAll(() => world?.stop())

const portal = (more: Record<string, unknown> = {}) =>
  testApp(world, {
    scopes: ['openid', 'email', 'offline_access', 'orders'],
    client_uri: 'https://portal.example.com/',
    ...more,
  })

/** The user allows the app to do this, and the app gets its tokens. */
async function allowed(
  person: Person,
  app: TestApp,
  scope = 'openid',
): Promise<{ id: string; access: string; refresh: string }> {
  const path = `${authorizePath(app, { scope })}&resource=${encodeURIComponent(ORDERS)}`
  const { reply, left } = await follow(person.client, path)
  const led = left ?? (await answerConsent(person.client, reply.text))
  const { body } = await app.exchange(led.searchParams.get('code') ?? '')
  const listed = (await person.client.get(OWN)).data as { id: string; client_id: string }[]
  const id = listed.find(({ client_id }) => client_id === app.id)?.id ?? ''
  return { id, access: body.access_token, refresh: body.refresh_token }
}

const refreshed = (app: TestApp, token: string) =>
  app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token: token })
const isActive = async (app: TestApp, token: string): Promise<boolean> =>
  (await app.post('/oidc/introspect', { token })).body.active

describe('the apps with access to an account', () => {
  it('are listed with what they may do, where, and since when', async () => {
    const person = await world.person()
    const app = await portal()
    const { id } = await allowed(person, app, 'openid offline_access orders')
    const { status, data } = await person.client.get(OWN)
    expect(status).toBe(200)
    expect(data).toEqual([
      {
        id,
        client_id: app.id,
        name: 'Portal',
        organization_id: null,
        first_party: false,
        url: 'https://portal.example.com/',
        allowed: [
          { resource: null, scopes: expect.arrayContaining(['openid', 'offline_access']) },
          { resource: ORDERS, scopes: ['orders'] },
        ],
        offline_access: true,
        sessions: 1,
        created_at: expect.stringMatching(/^2030-/),
        last_used_at: expect.stringMatching(/^2030-/),
      },
    ])
    const page = await person.client.get('/account/applications', { headers: { accept: 'text/html' } })
    expect(page.text).toContain('know that it is you')
    expect(page.text).toContain('To orders, at API')
    expect((await person.client.get('/account/security')).text).toContain('Apps with access')
  })

  it('are listed page by page, the latest first', async () => {
    const person = await world.person()
    const ids: string[] = []
    for (let n = 0; n < 3; n += 1) {
      ids.unshift((await allowed(person, await portal())).id)
      if (n === 0) await world.clock.advance('1 second')
    }
    const first = await person.client.get(`${OWN}?limit=2`)
    const next = await person.client.get(`${OWN}?limit=2&cursor=${first.body.metadata.next_cursor}`)
    const shown = [...first.data, ...next.data].map(({ id }) => id)
    expect(shown.toSorted()).toEqual(ids.toSorted())
    expect(shown.at(-1)).toBe(ids.at(-1))
    expect(next.body.metadata.next_cursor).toBeNull()
    expect((await person.client.get(`${OWN}?cursor=${first.body.metadata.next_cursor}x`)).status).toBe(400)
  })

  it('lose everything when a user removes them: tokens, codes, what was allowed, and the session', async () => {
    const person = await world.person()
    const receiver = await startLogoutReceiver()
    const app = await portal({ backchannel_logout_uri: receiver.url })
    const other = await portal()
    const kept = await allowed(person, other)
    const { id, access, refresh } = await allowed(person, app, 'openid offline_access')
    const unused = await authorizedCode(person.client, app)
    expect(await isActive(app, access)).toBe(true)
    const question = await person.client.get(`/account/applications/${id}/remove`)
    expect(question.text).toContain('Remove the access of Portal?')
    const reply = await person.client.post(`/account/applications/${id}/remove`, {}, { form: true })
    expect(reply.headers.get('location')).toBe('/account/applications?notice=removed')
    expect(await isActive(app, access)).toBe(false)
    expect((await refreshed(app, refresh)).body.error).toBe('invalid_grant')
    expect((await app.exchange(unused)).body.error).toBe('invalid_grant')
    expect((await follow(person.client, authorizePath(app))).at).toMatch(/^\/consent/)
    await world.app.settle()
    expect(receiver.tokens().map(claimsIn)).toMatchObject([{ sub: person.id, aud: app.id }])
    expect(await staffed.lastEvent(person.id, 'oidc.withdrawn')).toMatchObject({
      details: { client: app.id },
    })
    // the account, its session and other apps stay
    expect(await isActive(other, kept.access)).toBe(true)
    expect((await person.client.get(OWN)).data).toHaveLength(1)
    // it is gone already
    expect(outcome(await person.client.delete(`${OWN}/${id}`))).toEqual([404, 'NOT_FOUND'])
    await receiver.close()
  })

  it('learn of a later end of the session again, once the user has signed in to them again', async () => {
    const person = await world.person()
    const receiver = await startLogoutReceiver()
    const app = await portal({ backchannel_logout_uri: receiver.url })
    const { id } = await allowed(person, app)
    await person.client.delete(`${OWN}/${id}`)
    await world.app.settle()
    await allowed(person, app)
    await person.client.post('/api/v1/auth/logout')
    await world.app.settle()
    expect(receiver.tokens()).toHaveLength(2)
    await receiver.close()
  })

  it('get nothing that outlives a removal, however an exchange and a refresh meet it', async () => {
    const person = await world.person()
    for (let round = 0; round < 15; round += 1) {
      const app = await portal()
      const { id, refresh } = await allowed(person, app, 'openid offline_access')
      const code = await authorizedCode(person.client, app, { scope: 'openid offline_access' })
      const [exchanged, turned, removed, again] = await Promise.all([
        app.exchange(code),
        refreshed(app, refresh),
        person.client.delete(`${OWN}/${id}`),
        person.client.delete(`${OWN}/${id}`),
      ])
      expect([removed.status, again.status].toSorted()).toEqual([200, 404])
      for (const { status, body } of [exchanged, turned]) {
        if (status !== 200) {
          expect([status, body.error]).toEqual([400, 'invalid_grant'])
          continue
        }
        expect(await isActive(app, body.access_token)).toBe(false)
        expect((await refreshed(app, body.refresh_token)).status).toBe(400)
      }
    }
  })

  it('are removed by their user only', async () => {
    const [ada, eve] = await world.people(2)
    const { id } = await allowed(ada as Person, await portal())
    expect(outcome(await (eve as Person).client.delete(`${OWN}/${id}`))).toEqual([404, 'NOT_FOUND'])
    expect((await (eve as Person).client.get(`/account/applications/${id}/remove`)).status).toBe(404)
    expect(outcome(await world.client().get(OWN))).toEqual([401, 'AUTHENTICATION_REQUIRED'])
    for (const bad of [newId('gnt'), 'gnt_x', 'x'])
      expect(outcome(await (ada as Person).client.delete(`${OWN}/${bad}`))).toEqual([404, 'NOT_FOUND'])
    expect((await (ada as Person).client.get(OWN)).data).toHaveLength(1)
  })
})

describe('the apps of a user, for administrators', () => {
  const listed = (id: string) => at(id, '/applications')

  it('are listed, and removed with who did it', async () => {
    const { admin, target } = staffed
    const { id } = await allowed(target, await portal())
    expect((await admin.client.get(listed(target.id))).data).toEqual((await target.client.get(OWN)).data)
    expect((await admin.client.delete(`${listed(target.id)}/${id}`)).status).toBe(200)
    expect(await staffed.lastEvent(target.id, 'oidc.withdrawn')).toMatchObject({ details: { by: admin.id } })
    expect((await target.client.get(OWN)).data).toEqual([])
  })

  it('are refused from below, to neighbours, and for a user with a higher role', async () => {
    const { staff, viewer, admin, root, target } = staffed
    const { id } = await allowed(target, await portal())
    const neighbour = await world.person()
    await neighbour.client.post('/api/v1/organizations', { name: 'Neighbours' })
    for (const { client } of [staff, viewer, neighbour]) {
      expect(outcome(await client.get(listed(target.id)))).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
      expect(outcome(await client.delete(`${listed(target.id)}/${id}`))).toEqual([
        403,
        'INSUFFICIENT_PERMISSIONS',
      ])
    }
    const ofRoot = await allowed(root, await portal())
    expect(outcome(await admin.client.delete(`${listed(root.id)}/${ofRoot.id}`))).toEqual([
      403,
      'INSUFFICIENT_PERMISSIONS',
    ])
    expect(outcome(await admin.client.get(listed(newId('usr'))))).toEqual([404, 'NOT_FOUND'])
  })
})
