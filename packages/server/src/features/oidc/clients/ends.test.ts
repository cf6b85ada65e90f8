/** What becomes of the access of an app that is deleted while it is used, and of one that is an app of the operator no more. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { authorizedCode, authorizePath, follow, type TestApp, testApp } from '../../../testing/apps.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
let root: Person
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  root = await world.person({ roles: ['super_admin'] })
})
afterAll(() => world?.stop())

const pathOf = ({ id }: TestApp): string => `/api/v1/oidc/clients/${id}`
const refresh = (app: TestApp, token: string) =>
  app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token: token })
const tokenOf = async (app: TestApp, { client }: Person): Promise<string> =>
  (await app.exchange(await authorizedCode(client, app))).body.refresh_token

it('the deletion of an app disturbs no other one, and ends in success, however it meets refreshes and codes', async () => {
  const people = await world.people([{}, {}, {}, {}])
  const other = await testApp(world, { first_party: true })
  for (let round = 0; round < 3; round += 1) {
    const app = await testApp(world, { first_party: true })
    const [own, others, codes]: [string[], string[], string[]] = [[], [], []]
    for (const one of people) {
      for (const _ of [1, 2]) {
        own.push(await tokenOf(app, one))
        others.push(await tokenOf(other, one))
      }
      codes.push(await authorizedCode(one.client, app))
    }
    const [deleted, ...rest] = await Promise.all([
      root.client.delete(pathOf(app)),
      ...others.map((token) => refresh(other, token)),
      ...own.map((token) => refresh(app, token)),
      ...codes.map((code) => app.exchange(code)),
    ])
    expect(deleted.status).toBe(200)
    expect(rest.slice(0, others.length).map(({ status }) => status)).toEqual(others.map(() => 200))
    for (const { status } of rest) expect([200, 400, 401]).toContain(status)
    const left = await world.db.tx('system', (tx) =>
      tx.selectFrom('token_families').select('id').where('client_id', '=', app.id).execute(),
    )
    expect(left).toEqual([])
  }
})

it('an app that is one of the operator no more has lost what no user has allowed it, and asks', async () => {
  const ada = await world.person()
  const app = await testApp(world, { first_party: true })
  const scope = 'openid email offline_access'
  const { body } = await app.exchange(await authorizedCode(ada.client, app, { scope }))
  const { settings } = (await root.client.get(pathOf(app))).data
  expect(
    (await root.client.patch(pathOf(app), { settings: { ...settings, first_party: false } })).status,
  ).toBe(200)
  await expect
    .poll(async () => (await world.app.tools.clients.find(app.id))?.settings.first_party)
    .toBe(false)
  expect((await refresh(app, body.refresh_token)).body.error).toBe('invalid_grant')
  const info = await world
    .client()
    .get('/oidc/userinfo', { headers: { authorization: `Bearer ${body.access_token}` } })
  expect(info.status).toBe(401)
  expect((await follow(ada.client, authorizePath(app, { scope }))).at).toMatch(/^\/consent\?/)
})
