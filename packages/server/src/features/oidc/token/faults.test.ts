/** What a fault costs an app: never what a right request would have got, and never the suspicion of a theft. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  authorizedCode,
  authorizePath,
  follow,
  type TestApp,
  testApp,
  testResource,
} from '../../../testing/apps.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
let root: Person
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  root = await world.person({ roles: ['super_admin'] })
})
afterAll(() => world?.stop())

const refresh = (app: TestApp, token: string) =>
  app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token: token })
const suspicions = async ({ id, email }: Person) => [
  (await world.events(id)).filter((type) => type === 'oidc.token.reuse').length,
  (await world.mailbox.emailsTo(email)).filter(({ subject }) => /token|copied/i.test(subject)).length,
]

async function deleteApi(identifier: string): Promise<void> {
  const { data } = await root.client.get('/api/v1/oidc/resources')
  const { id } = data.find((one: { identifier: string }) => one.identifier === identifier)
  expect((await root.client.delete(`/api/v1/oidc/resources/${id}`)).status).toBe(200)
  await expect.poll(async () => await world.app.tools.clients.findResource(identifier)).toBeNull()
}

describe('an API that is deleted', () => {
  it('ends the access of apps that had no other one, and of another one leaves it', async () => {
    const ada = await world.person()
    const [gone, stays] = ['https://gone.example.com', 'https://stays.example.com']
    for (const api of [gone, stays]) await testResource(world, api)
    const app = await testApp(world, { first_party: true, scopes: ['openid', 'read'] })
    const codeFor = async (...apis: string[]) => {
      const named = apis.map((api) => `&resource=${encodeURIComponent(api)}`).join('')
      const { left } = await follow(ada.client, authorizePath(app, { scope: 'openid read' }) + named)
      return left?.searchParams.get('code') ?? ''
    }
    const tokens = async (...apis: string[]) => (await app.exchange(await codeFor(...apis))).body
    const [only, both, unused] = [await tokens(gone), await tokens(gone, stays), await codeFor(gone)]
    await deleteApi(gone)
    expect((await refresh(app, only.refresh_token)).body.error).toBe('invalid_target')
    await world.clock.advance('30 seconds')
    expect((await refresh(app, only.refresh_token)).body.error).toBe('invalid_grant')
    expect((await app.exchange(unused)).body.error).toBe('invalid_target')
    expect((await refresh(app, both.refresh_token)).status).toBe(200)
    expect(await suspicions(ada)).toEqual([0, 0])
    // nothing stays open that no app holds a token of
    const open = await world.db.tx('system', (tx) =>
      tx.selectFrom('token_families').select('id').where('user_id', '=', ada.id).where('revoked_at', 'is', null).execute(),
    ) // biome-ignore format: one row
    expect(open).toHaveLength(1)
  })
})

it('a resource that was not authorized does not cost the code', async () => {
  const ada = await world.person()
  await testResource(world, 'https://right.example.com')
  const app = await testApp(world, { first_party: true, scopes: ['openid', 'read'] })
  const code = await authorizedCode(ada.client, app, {
    scope: 'openid read',
    resource: 'https://right.example.com',
  })
  for (const resource of ['https://typo.example.com', 'https://right.example.com/'])
    expect((await app.exchange(code, { resource })).body.error).toBe('invalid_target')
  // a stranger learns nothing of it, and cannot end it
  const other = await testApp(world)
  expect((await other.exchange(code, { resource: 'https://typo.example.com' })).body.error).toBe(
    'invalid_grant',
  )
  expect((await app.exchange(code, { resource: 'https://right.example.com' })).status).toBe(200)
  expect(await suspicions(ada)).toEqual([0, 0])
})
