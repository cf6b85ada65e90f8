/** What users have allowed apps, by resource, and when they have to allow it again. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  answerConsent,
  authorizedCode,
  authorizePath,
  CALLBACK,
  follow,
  type TestApp,
  testApp,
  testResource,
} from '../../../testing/apps.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

const ORDERS = 'https://orders.example.com/'
const BILLS = 'https://bills.example.com/'

let world: World
let ada: Person
beforeAll(async () => {
  world = await startWorld()
  ada = await world.person()
  await testResource(world, ORDERS, ['read', 'write'])
  await testResource(world, BILLS, ['read', 'write'])
})
afterAll(() => world?.stop())

const portal = () => testApp(world, { scopes: ['openid', 'email', 'read', 'write'] })

/** Where the browser ends: on the question, or in the app. */
async function endOf(app: TestApp, scope: string, resources: string[] = []): Promise<string> {
  const path = [
    authorizePath(app, { scope }),
    ...resources.map((one) => `&resource=${encodeURIComponent(one)}`),
  ]
  const { at, left } = await follow(ada.client, path.join(''))
  return left === null ? new URL(at, world.config.publicUrl).pathname : `${left.origin}${left.pathname}`
}

const allow = async (app: TestApp, scope: string, resources: string[] = []): Promise<void> => {
  const path = [
    authorizePath(app, { scope }),
    ...resources.map((one) => `&resource=${encodeURIComponent(one)}`),
  ]
  const { reply } = await follow(ada.client, path.join(''))
  await answerConsent(ada.client, reply.text)
}

describe('what a user has allowed an app', () => {
  it('holds for the resource at which it was allowed, and for no other', async () => {
    const app = await portal()
    await allow(app, 'openid read', [ORDERS])
    await allow(app, 'openid write', [BILLS])
    expect(await endOf(app, 'openid read', [ORDERS])).toBe(CALLBACK)
    expect(await endOf(app, 'write', [BILLS])).toBe(CALLBACK)
    expect(await endOf(app, 'write', [ORDERS])).toBe('/consent')
    expect(await endOf(app, 'read', [BILLS])).toBe('/consent')
    expect(await endOf(app, 'read', [ORDERS, BILLS])).toBe('/consent')
    await allow(app, 'read', [ORDERS, BILLS])
    expect(await endOf(app, 'openid read', [ORDERS, BILLS])).toBe(CALLBACK)
    expect(await endOf(app, 'openid email')).toBe('/consent')
  })

  it('holds for a resource none of whose scopes is named', async () => {
    const app = await portal()
    await allow(app, 'openid', [ORDERS])
    expect(await endOf(app, 'openid', [ORDERS])).toBe(CALLBACK)
    expect(await endOf(app, 'openid', [BILLS])).toBe('/consent')
  })

  it('is the sum of what concurrent answers allow', async () => {
    const app = await portal()
    const questions = await Promise.all(
      ['openid', 'email', 'read', 'write'].map((scope) =>
        follow(ada.client, `${authorizePath(app, { scope })}&resource=${encodeURIComponent(ORDERS)}`),
      ),
    )
    await Promise.all(questions.map(({ reply }) => answerConsent(ada.client, reply.text)))
    expect(await endOf(app, 'openid email read write', [ORDERS])).toBe(CALLBACK)
  })

  it('is nothing at an app of our own that had no question: once it is none any more, it has to ask', async () => {
    const app = await testApp(world, { first_party: true })
    await authorizedCode(ada.client, app)
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('clients')
        .set({ settings: JSON.stringify({ redirect_uris: [CALLBACK] }) })
        .where('id', '=', app.id)
        .execute(),
    )
    await expect.poll(() => endOf(app, 'openid')).toBe('/consent')
  })
})
