/**
 * How many statements the requests of apps execute once everything is known that memory keeps: at most two. BEGIN and COMMIT are
 * sent together with the others and are not counted. PostgreSQL plans none of them at each run.
 */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  authorizedCode,
  authorizePath,
  follow,
  push,
  type TestApp,
  testApp,
  testResource,
} from '../../../testing/apps.ts'
import type { Client } from '../../../testing/client.ts'
import { testDatabaseKind } from '../../../testing/database.ts'
import { observeStatements } from '../../../testing/statements.ts'
import { startWorld, type World } from '../../../testing/world.ts'

const API = 'https://api.example.com'
/** PostgreSQL decides at the sixth run of a statement whether a plan for any values is as good. */
const RUNS = 12

describe.runIf(testDatabaseKind() === 'postgres')('the requests of apps', () => {
  let world: World
  let browser: Client
  let app: TestApp
  let firstParty: TestApp
  beforeAll(async () => {
    world = await startWorld({ rateLimits: 'off' })
    browser = (await world.person()).client
    await testResource(world, API)
    const settings = {
      scopes: null,
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    }
    app = await testApp(world, { ...settings, id_token_signed_response_alg: 'ES256' })
    firstParty = await testApp(world, { ...settings, first_party: true })
    // what the user allows is remembered from here on
    await authorizedCode(browser, app)
  })
  afterAll(() => world?.stop())

  /** The fewest statements of any run: work of the background adds to some. */
  async function fewest(run: () => Promise<unknown>): Promise<number> {
    const counts: number[] = []
    for (let n = 0; n < RUNS; n += 1) {
      const stop = observeStatements()
      await run()
      counts.push(stop().length)
    }
    return Math.min(...counts)
  }

  const tokens = async (by: TestApp) => (await by.exchange(await authorizedCode(browser, by))).body
  const accepted = async (by: TestApp, path: string, form: Record<string, string>) => {
    const reply = await by.post(path, form)
    expect(reply.status).toBe(200)
    return reply.body
  }

  it('authorize by one statement, where the user has allowed the app or there is no question', async () => {
    for (const by of [app, firstParty]) {
      const run = async () => {
        const { left } = await follow(browser, authorizePath(by))
        expect(left?.searchParams.has('code')).toBe(true)
      }
      expect(await fewest(run)).toBe(1)
    }
  })

  it('exchange a code by one statement', async () => {
    const codes: string[] = []
    for (let n = 0; n < RUNS; n += 1) codes.push(await authorizedCode(browser, app))
    const run = async () => {
      expect((await app.exchange(codes.pop() ?? '')).status).toBe(200)
    }
    expect(await fewest(run)).toBe(1)
  })

  it('refresh by one statement', async () => {
    let { refresh_token: token } = await tokens(app)
    const run = async () => {
      const form = { grant_type: 'refresh_token', refresh_token: String(token) }
      token = (await accepted(app, '/oidc/token', form)).refresh_token
    }
    expect(await fewest(run)).toBe(1)
  })

  it('get tokens for themselves, and introspect tokens that were seen before, without any', async () => {
    const { access_token: token } = await tokens(app)
    expect(await fewest(() => accepted(app, '/oidc/token', { grant_type: 'client_credentials' }))).toBe(0)
    expect(await fewest(() => accepted(app, '/oidc/introspect', { token: String(token) }))).toBe(0)
  })

  it('push a request by one statement, and read userinfo by one', async () => {
    expect(await fewest(() => push(app))).toBe(1)
    const { access_token: token } = await tokens(app)
    const headers = { authorization: `Bearer ${token}` }
    const run = async () => {
      expect((await world.client().get('/oidc/userinfo', { headers })).status).toBe(200)
    }
    expect(await fewest(run)).toBeLessThanOrEqual(1)
  })

  it('are planned once: PostgreSQL finds no plan for certain values better than that for any', async () => {
    const plannedAgain = sql<{ statement: string }>`
      select statement from pg_prepared_statements where custom_plans > 5 and generic_plans = 0`
    const onOne = await world.db.tx('system', (tx) => plannedAgain.execute(tx))
    const { rows } = await plannedAgain.execute(world.db.hot)
    expect([...onOne.rows, ...rows].map(({ statement }) => statement)).toEqual([])
  })
})
