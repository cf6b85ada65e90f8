/** What was authorized is what tokens get: at a later time, after changes of the app and of its APIs, and of the session. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  answerConsent,
  authorizedCode,
  authorizePath,
  claimsIn,
  follow,
  formOf,
  type TestApp,
  testApp,
  testResource,
} from '../../../testing/apps.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
let ada: Person
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  ada = await world.person({ email: 'ada@example.com' })
})
afterAll(() => world?.stop())

const change = (table: 'clients' | 'resources', set: Record<string, unknown>, name: string) =>
  world.db.tx('system', (tx) =>
    tx
      .updateTable(table)
      .set(set as never)
      .where((table === 'clients' ? 'id' : 'identifier') as never, '=', name as never)
      .execute(),
  )
const remove = (identifier: string) =>
  world.db.tx('system', (tx) => tx.deleteFrom('resources').where('identifier', '=', identifier).execute())
const gone = (identifier: string) =>
  expect.poll(async () => await world.app.tools.clients.findResource(identifier)).toBeNull()
const refresh = (app: TestApp, token: string, more: Record<string, string> = {}) =>
  app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token: token, ...more })

describe('a resource that is deleted', () => {
  it('widens no token: neither that of a code, nor that of a refresh token', async () => {
    const [api, other] = ['https://gone.example.com', 'https://gone2.example.com']
    await testResource(world, api)
    await testResource(world, other)
    const app = await testApp(world, { first_party: true, token_claims: 'full', scopes: ['openid', 'read'] })
    const sent = { scope: 'openid read', resource: api }
    const { body } = await app.exchange(await authorizedCode(ada.client, app, sent))
    const code = await authorizedCode(ada.client, app, sent)
    await remove(api)
    await gone(api)
    expect((await refresh(app, body.refresh_token)).body.error).toBe('invalid_target')
    expect((await app.exchange(code)).body.error).toBe('invalid_target')
    const { body: none } = await app.exchange(await authorizedCode(ada.client, app, { scope: 'openid' }))
    expect((await refresh(app, none.refresh_token)).status).toBe(200)
  })
})

describe('claims that the app has named', () => {
  it('are no more than its scopes, as these are at each refresh', async () => {
    const settings = { redirect_uris: ['https://app.example.com/callback'], first_party: true }
    const app = await testApp(world, settings)
    const claims = JSON.stringify({ userinfo: { email: null, name: null }, id_token: { email: null } })
    const sent = { scope: 'openid profile email', claims }
    const tokens = async () => (await app.exchange(await authorizedCode(ada.client, app, sent))).body
    const first = await tokens()
    expect(claimsIn(first.access_token).userinfo).toEqual(['name', 'email'])
    const narrow = (await refresh(app, first.refresh_token, { scope: 'openid profile' })).body
    expect(claimsIn(narrow.access_token).userinfo).toEqual(['name'])
    expect(claimsIn(narrow.id_token).email).toBeUndefined()
    const second = await tokens()
    await change(
      'clients',
      { settings: JSON.stringify({ ...settings, scopes: ['openid', 'profile'] }) },
      app.id,
    )
    await expect
      .poll(async () => (await world.app.tools.clients.find(app.id))?.settings.scopes)
      .toEqual(['openid', 'profile'])
    const later = (await refresh(app, second.refresh_token)).body
    expect(claimsIn(later.access_token).userinfo).toEqual(['name'])
    expect(claimsIn(later.id_token).email).toBeUndefined()
  })
})

it('says how the user was authenticated for the authorization, not what the session has proven since (RFC 9068 §2.2.1)', async () => {
  const app = await testApp(world, { first_party: true })
  const { body } = await app.exchange(await authorizedCode(ada.client, app))
  const before = claimsIn(body.access_token)
  await world.clock.advance('5 minutes')
  await world.db.tx('system', (tx) =>
    tx
      .updateTable('sessions')
      .set({ acr: 'aal2', amr: ['pwd', 'otp', 'mfa'], authenticated_at: world.clock.now() })
      .where('user_id', '=', ada.id)
      .execute(),
  )
  const { body: again } = await refresh(app, body.refresh_token)
  const { acr, amr, auth_time } = claimsIn(again.access_token)
  expect({ acr, amr, auth_time }).toEqual({ acr: before.acr, amr: before.amr, auth_time: before.auth_time })
  expect(claimsIn(again.id_token).auth_time).toBe(auth_time)
})

describe('what a question has not shown', () => {
  it('is not allowed by its answer: the question is shown again', async () => {
    const ben = await world.person({ email: 'ben@example.com' })
    const api = 'https://shown.example.com'
    await testResource(world, api, ['read', 'write'])
    const app = await testApp(world, { scopes: ['openid', 'read'] })
    const path = authorizePath(app, { scope: 'openid read write', resource: api })
    const { reply, at } = await follow(ben.client, path)
    expect(reply.text).not.toContain('To write')
    const settings = {
      redirect_uris: ['https://app.example.com/callback'],
      scopes: ['openid', 'read', 'write'],
    }
    await change('clients', { settings: JSON.stringify(settings) }, app.id)
    await expect
      .poll(async () => (await world.app.tools.clients.find(app.id))?.settings.scopes)
      .toContain('write')
    const fields = formOf(reply.text, '/consent')
    for (const form of [fields, { ...fields, shown: '' }, { ...fields, shown: `${fields.shown}A` }]) {
      const led = await ben.client.post('/consent', { ...form, decision: 'allow' }, { form: true })
      expect(led.headers.get('location')).toBe(at)
    }
    const again = await follow(ben.client, at)
    expect(again.reply.text).toContain('To write')
    const led = await answerConsent(ben.client, again.reply.text)
    const { body } = await app.exchange(led.searchParams.get('code') ?? '')
    expect(body.scope).toBe('openid read write')
  })

  it('cannot be allowed after it was denied', async () => {
    const app = await testApp(world)
    const { reply } = await follow(ada.client, authorizePath(app))
    const denied = await answerConsent(ada.client, reply.text, 'deny')
    expect(denied.searchParams.get('error')).toBe('access_denied')
    await world.clock.advance('11 seconds')
    const late = await ada.client.post(
      '/consent',
      { ...formOf(reply.text, '/consent'), decision: 'allow' },
      { form: true },
    )
    expect([late.status, late.headers.get('location')]).toEqual([400, null])
  })
})
