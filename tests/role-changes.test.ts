/** A change of roles, of somebody's or of a role itself, as guards in front of other APIs learn of it: within a second. */

import { createGuard, type Guard, latchkey } from '@latchkey/guard'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { PASSWORD, type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'
import { bearerOf, giveRoles, holderOf } from './permissions/people.ts'

let world: World
let root: Person
const guards: Guard[] = []
beforeAll(async () => {
  world = await startWorld()
  root = await holderOf(world, 'super_admin')
  const fresh = world.client()
  await fresh.signIn(root.email, PASSWORD)
  const { data } = await fresh.post('/api/v1/auth/api-keys', { name: 'guard', scopes: ['revocations:read'] })
  for (let n = 0; n < 3; n++) {
    const method = latchkey({ issuer: world.config.publicUrl, url: world.url, credential: data.key })
    guards.push(
      createGuard({ methods: [method], now: () => world.clock.now().getTime(), onProblem: () => {} }),
    )
  }
  await vi.waitFor(() => expect(guards.map((guard) => guard.state())).toEqual(guards.map(() => 'connected')))
})
afterAll(async () => {
  for (const guard of guards) guard.close()
  await world.stop()
})

/** What each guard says to the credential at a route for staff. */
const statuses = (credential: string): Promise<number[]> =>
  Promise.all(
    guards.map(async (guard) => {
      const handler = guard.web(() => new Response('{}'), { permissions: 'chat:read' })
      const headers = { authorization: `Bearer ${credential}` }
      return (await handler(new Request('http://app.test/chats', { headers }))).status
    }),
  )
const all = (status: number): number[] => guards.map(() => status)

/** Access token, session and API key of somebody: none of them is believed for longer than a second. */
async function credentialsOf(person: Person) {
  const fresh = world.client()
  await fresh.signIn(person.email, PASSWORD)
  const key = await fresh.post('/api/v1/auth/api-keys', { name: 'k' })
  const { token, access } = await bearerOf(world, person)
  return { token, access, key: key.data.key as string }
}

async function isHeardOf(change: () => Promise<{ status: number }>, who: Person): Promise<void> {
  const { token, access, key } = await credentialsOf(who)
  for (const one of [token, access, key]) expect(await statuses(one)).toEqual(all(200))
  expect((await change()).status).toBe(200)
  const answered = performance.now()
  // the token says what is no more; the others are asked about anew
  for (const [one, status] of [
    [access, 401],
    [token, 403],
    [key, 403],
  ] as const)
    await expect.poll(() => statuses(one), { timeout: 1000, interval: 5 }).toEqual(all(status))
  expect(performance.now() - answered).toBeLessThan(1000)
}

describe('a guard hears within a second', () => {
  it('that somebody’s roles were taken', async () => {
    const person = await holderOf(world, 'staff')
    await isHeardOf(() => giveRoles(root.client, person, ['viewer']), person)
  })

  it('that a role permits less', async () => {
    await root.client.post('/api/v1/roles', { name: 'chatter', permissions: ['chat:read'] })
    const person = await holderOf(world, 'chatter')
    await isHeardOf(() => root.client.patch('/api/v1/roles/chatter', { permissions: [] }), person)
  })

  it('that a role permits less which others inherit', async () => {
    await root.client.post('/api/v1/roles', { name: 'base', permissions: ['chat:read'] })
    await root.client.post('/api/v1/roles', { name: 'middle', inherits: ['base'] })
    await root.client.post('/api/v1/roles', { name: 'top', inherits: ['middle'] })
    const person = await holderOf(world, 'top')
    await isHeardOf(() => root.client.patch('/api/v1/roles/base', { permissions: [] }), person)
  })

  it('that a role inherits less', async () => {
    await root.client.post('/api/v1/roles', { name: 'heir', inherits: ['staff'] })
    await root.client.post('/api/v1/roles', { name: 'grandchild', inherits: ['heir'] })
    const person = await holderOf(world, 'grandchild')
    await isHeardOf(() => root.client.patch('/api/v1/roles/heir', { inherits: [] }), person)
  })

  it('and goes on with those whom it does not concern', async () => {
    const [staff, other] = [await holderOf(world, 'staff'), await holderOf(world, 'manager')]
    await root.client.post('/api/v1/roles', { name: 'elsewhere' })
    const { access } = await bearerOf(world, staff)
    await giveRoles(root.client, other, [])
    await root.client.patch('/api/v1/roles/elsewhere', { permissions: ['a:b'] })
    await root.client.patch('/api/v1/roles/staff', { description: 'Answers.' })
    expect(await statuses(access)).toEqual(all(200))
  })
})
