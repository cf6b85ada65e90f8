/** What became of the messages to an app, for those who may view the app. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { authorizedCode, testApp } from '../../../testing/apps.ts'
import { type LogoutReceiver, startLogoutReceiver } from '../../../testing/logout-receiver.ts'
import { startWorld, type World } from '../../../testing/world.ts'

let world: World
let receiver: LogoutReceiver
beforeAll(async () => {
  world = await startWorld()
  receiver = await startLogoutReceiver()
})
afterAll(async () => {
  await receiver?.close()
  await world?.stop()
})

it('is shown to who may view the app, and to no neighbour', async () => {
  const [root, owner, member, neighbour] = await world.people([{ roles: ['super_admin'] }, {}, {}, {}])
  if (!root || !owner || !member || !neighbour) throw new Error('no users')
  const organization = await world.organization({
    members: [
      [owner, 'owner'],
      [member, 'member'],
    ],
  })
  const other = await world.organization({ name: 'Other', members: [[neighbour, 'owner']] })
  const settings = { first_party: true, backchannel_logout_uri: receiver.url }
  const own = await testApp(world, settings)
  const theirs = await testApp(world, settings, { organization })
  for (const app of [own, theirs]) {
    const browser = world.client()
    await browser.signIn(member.email, member.password)
    await app.exchange(await authorizedCode(browser, app))
    await browser.post('/api/v1/auth/logout')
    await world.app.settle()
  }
  const ofServer = `/api/v1/oidc/clients/${own.id}/logouts`
  const listed = await root.client.get(ofServer)
  expect(listed.data).toEqual([
    {
      session_id: expect.stringMatching(/^ses_/),
      ended_at: expect.stringMatching(/^2030-06-01T/),
      attempted_at: expect.stringMatching(/^2030-06-01T/),
      attempts: 1,
      state: 'delivered',
      status: 200,
      error: null,
    },
  ])
  expect((await owner.client.get(ofServer)).status).toBe(403)
  const at = (id: string, client = theirs.id) => `/api/v1/organizations/${id}/clients/${client}/logouts`
  expect((await owner.client.get(at(organization))).data).toHaveLength(1)
  expect((await member.client.get(at(organization))).status).toBe(403)
  expect((await neighbour.client.get(at(organization))).status).toBe(404)
  expect((await neighbour.client.get(at(other))).status).toBe(404)
  expect((await owner.client.get(at(organization, own.id))).status).toBe(404)
  expect((await root.client.get(`/api/v1/oidc/clients/${theirs.id}/logouts`)).status).toBe(404)
})
