/** A change of a user's roles or of a role itself reaches the guards of other APIs within a second. */
import { isDeepStrictEqual } from 'node:util'
import { createGuard, type Guard, latchkey } from '@latchkey/guard'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until, withinASecond } from '../packages/guard/src/testing/waiting.ts'
import type { Reply } from '../packages/server/src/testing/client.ts'
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
  const { secret } = await fresh.apiKey({ permissions: ['revocations:read'] })
  for (let n = 0; n < 3; n++) {
    const method = latchkey({ issuer: world.config.publicUrl, url: world.url, credential: secret })
    guards.push(
      createGuard({ methods: [method], now: () => world.clock.now().getTime(), onProblem: () => {} }),
    )
  }
  await until(() => guards.every((guard) => guard.state() === 'connected'), 'the lines')
})
afterAll(async () => {
  for (const guard of guards) guard.close()
  await world.stop()
})

/** How each guard answers the credential at a route that requires `chat:read`. */
const statuses = (credential: string): Promise<number[]> =>
  Promise.all(
    guards.map(async (guard) => {
      const handler = guard.web(() => new Response('{}'), { permissions: 'chat:read' })
      const headers = { authorization: `Bearer ${credential}` }
      return (await handler(new Request('http://app.test/chats', { headers }))).status
    }),
  )
const all = (status: number): number[] => guards.map(() => status)

/** Access token, session and API key of a user: none of them is accepted for longer than a second. */
async function credentialsOf(person: Person) {
  const fresh = world.client()
  await fresh.signIn(person.email, PASSWORD)
  const key = await fresh.apiKey()
  const { token, access } = await bearerOf(world, person)
  return { token, access, key: key.secret }
}

/** A user with a permission, and the change that removes it: every guard refuses all credentials of the user. */
async function assertGuardsRefuse(
  make: (n: number) => Promise<[Person, () => Promise<Reply>]>,
): Promise<void> {
  let trials = 0
  await withinASecond(async () => {
    const [person, change] = await make(++trials)
    const { token, access, key } = await credentialsOf(person)
    for (const one of [token, access, key]) expect(await statuses(one)).toEqual(all(200))
    expect((await change()).status).toBe(200)
    // the token contains the old permissions; guards check the other credentials at the server again
    const expected = [...all(401), ...all(403), ...all(403)]
    return async () =>
      isDeepStrictEqual((await Promise.all([access, token, key].map(statuses))).flat(), expected)
  })
}
const makeRole = (name: string, more: object) => root.client.post('/api/v1/roles', { name, ...more })
const changeRole = (name: string, change: object) => () => root.client.patch(`/api/v1/roles/${name}`, change)

describe('guards learn within a second', () => {
  it('that a user’s roles are revoked', () =>
    assertGuardsRefuse(async () => {
      const person = await holderOf(world, 'staff')
      return [person, () => giveRoles(root.client, person, ['viewer'])]
    }))

  it('that a role loses a permission', () =>
    assertGuardsRefuse(async (n) => {
      await makeRole(`chatter${n}`, { permissions: ['chat:read'] })
      return [await holderOf(world, `chatter${n}`), changeRole(`chatter${n}`, { permissions: [] })]
    }))

  it('that a role which others inherit loses a permission', () =>
    assertGuardsRefuse(async (n) => {
      await makeRole(`base${n}`, { permissions: ['chat:read'] })
      await makeRole(`middle${n}`, { inherits: [`base${n}`] })
      await makeRole(`top${n}`, { inherits: [`middle${n}`] })
      return [await holderOf(world, `top${n}`), changeRole(`base${n}`, { permissions: [] })]
    }))

  it('that a role no longer inherits another', () =>
    assertGuardsRefuse(async (n) => {
      await makeRole(`heir${n}`, { inherits: ['staff'] })
      await makeRole(`grandchild${n}`, { inherits: [`heir${n}`] })
      return [await holderOf(world, `grandchild${n}`), changeRole(`heir${n}`, { inherits: [] })]
    }))

  it('and continue to accept other users', async () => {
    const [staff, other] = [await holderOf(world, 'staff'), await holderOf(world, 'manager')]
    await root.client.post('/api/v1/roles', { name: 'elsewhere' })
    const { access } = await bearerOf(world, staff)
    await giveRoles(root.client, other, [])
    await root.client.patch('/api/v1/roles/elsewhere', { permissions: ['a:b'] })
    await root.client.patch('/api/v1/roles/staff', { description: 'Answers.' })
    expect(await statuses(access)).toEqual(all(200))
  })
})
