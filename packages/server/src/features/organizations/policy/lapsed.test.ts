/** What the policy shows of a required sign-in that cannot be enforced: what each session finds, at once. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connect, ownDomain, proveByConnection } from '../../../testing/connection-rows.ts'
import { HTML } from '../../../testing/federation.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

const TIME = expect.any(String)

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.stop())

it('follows connections and domains at once, also for readers of the policy alone', async () => {
  const [owner, reader] = (await world.people(2)) as [Person, Person]
  const id = await world.organization({
    members: [
      [owner, 'owner'],
      [reader, 'member'],
    ],
  })
  const connection = await connect(world, id)
  const forgetDomain = await ownDomain(world, id, 'lapsed.example')
  const path = `/api/v1/organizations/${id}`
  // one who may not read connections
  const made = await owner.client.post(`${path}/roles`, {
    name: 'auditor',
    permissions: ['security:read', 'members:read', 'organization:read'],
  })
  expect(made.status).toBe(201)
  expect((await owner.client.patch(`${path}/members/${reader.id}/role`, { role: 'auditor' })).status).toBe(
    200,
  )
  expect((await owner.client.patch(`${path}/security-policy`, { sign_in: 'sso_required' })).status).toBe(200)
  for (const one of [owner, reader]) await proveByConnection(world, one, { connection, organization: id })
  const update = (status: 'active' | 'disabled') =>
    world.db.tx('system', (tx) =>
      tx.updateTable('connections').set({ status }).where('id', '=', connection).execute(),
    )
  const lapsedFor = async ({ client }: Person) => {
    const { data } = await client.get(`${path}/security-policy`)
    const page = await client.get(`/account/organizations/${id}/security`, HTML)
    return [data.sign_in_lapsed_at, page.text.includes('is not enforced')]
  }
  expect(await lapsedFor(owner)).toEqual([null, false])
  expect(await lapsedFor(reader)).toEqual([null, false])
  await update('disabled')
  expect(await lapsedFor(owner)).toEqual([TIME, true])
  expect(await lapsedFor(reader)).toEqual([TIME, true])
  await update('active')
  expect(await lapsedFor(owner)).toEqual([null, false])
  await forgetDomain()
  expect(await lapsedFor(owner)).toEqual([TIME, true])
  // once it is noticed, the time is kept; and it ends at once too
  await world.clock.advance('2 minutes')
  await world.app.settle()
  const noticed = (await lapsedFor(owner))[0]
  await world.clock.advance('2 minutes')
  expect(await lapsedFor(owner)).toEqual([noticed, true])
  await ownDomain(world, id, 'again.example')
  expect(await lapsedFor(owner)).toEqual([null, false])
})
