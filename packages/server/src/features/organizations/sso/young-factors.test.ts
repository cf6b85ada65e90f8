/** The review of required sign-in by a connection, where the second factors of owners are younger than 24 hours. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connect, ownDomain } from '../../../testing/connection-rows.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { enrolFactor } from '../policy/testing.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
})
afterAll(() => world?.stop())

const DAY = 86_400_000

it('counts them as not able yet, and says from when they are', async () => {
  const [owner, second, third] = (await world.people(3)) as [Person, Person, Person]
  const id = await world.organization({
    members: [
      [owner, 'owner'],
      [second, 'owner'],
      [third, 'owner'],
    ],
  })
  await connect(world, id)
  await ownDomain(world, id, 'young.example')
  const set = (user: Person, age: number) => {
    const confirmed_at = new Date(world.clock.now().getTime() - age)
    return world.db.tx('system', async (tx) => {
      await tx.updateTable('factors').set({ confirmed_at }).where('user_id', '=', user.id).execute()
      return confirmed_at
    })
  }
  const effect = async () => {
    const path = `/api/v1/organizations/${id}/security-policy/preview`
    return (await owner.client.post(path, { sign_in: 'sso_required' })).data.sso
  }
  await enrolFactor(world, owner, 'totp')
  await enrolFactor(world, second, 'totp')
  await set(owner, DAY)
  const since = await set(second, DAY / 2)
  expect(await effect()).toMatchObject({
    owners: 3,
    owners_without_factor: 2,
    owners_waiting: 1,
    owners_ready_at: new Date(since.getTime() + DAY).toISOString(),
  })
  await set(second, DAY)
  expect(await effect()).toMatchObject({ owners_without_factor: 1, owners_waiting: 0, owners_ready_at: null })
})
