/** When apps and their secrets got a token last. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type TestApp, testApp } from '../../../testing/apps.ts'
import { startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.stop())

const SETTINGS = { grant_types: ['client_credentials'], scopes: ['read'] }
const asked = (app: TestApp, more: Record<string, string> = {}) =>
  app.post('/oidc/token', { grant_type: 'client_credentials', ...more })

async function usedOf({ id }: TestApp): Promise<(Date | null)[]> {
  await world.app.settle()
  return await world.db.tx('system', async (tx) => {
    const client = await tx
      .selectFrom('clients')
      .select('last_used_at')
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
    const secret = await tx
      .selectFrom('client_secrets')
      .select('last_used_at')
      .where('client_id', '=', id)
      .executeTakeFirstOrThrow()
    return [client.last_used_at, secret.last_used_at]
  })
}

it('is written with each token, and the latest stays', async () => {
  const app = await testApp(world, SETTINGS)
  expect(await usedOf(app)).toEqual([null, null])
  expect((await asked(app)).status).toBe(200)
  const [first] = await usedOf(app)
  expect(first).toBeInstanceOf(Date)
  await world.clock.advance('1 hour')
  await Promise.all(Array.from({ length: 5 }, () => asked(app)))
  const [client, secret] = await usedOf(app)
  expect(client?.getTime()).toBeGreaterThan(Number(first?.getTime()) + 3_000_000)
  expect(secret).toEqual(client)
})

it('is not written for a request that gets none, nor for another app', async () => {
  const [app, other] = [await testApp(world, SETTINGS), await testApp(world, SETTINGS)]
  expect((await asked(app, { scope: 'unknown' })).status).toBe(400)
  const wrong = { client_id: app.id, client_secret: 'cs_wrong', grant_type: 'client_credentials' }
  expect((await world.client().post('/oidc/token', wrong, { form: true })).status).not.toBe(200)
  expect((await asked(other)).status).toBe(200)
  expect(await usedOf(app)).toEqual([null, null])
})

it('of an app whose id is a URL with a comma is its own', async () => {
  const app = await testApp(world, SETTINGS, { id: 'https://app.example.com/a,b' })
  expect((await asked(app)).status).toBe(200)
  expect((await usedOf(app)).every((at) => at instanceof Date)).toBe(true)
})
