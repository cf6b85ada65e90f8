/** A database that fails in the middle of a refresh does not cost the app its refresh token. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { authorizedCode, claimsIn, type TestApp, testApp, testResource } from '../../../testing/apps.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
let ada: Person
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  ada = await world.person()
})
afterAll(() => world?.stop())

const owner = (statement: string) => world.db.asOwner((connection) => connection.plain(statement))
/** What makes them readable again. */
let repair: string | null = null
async function breakReadsOf(table: string): Promise<void> {
  repair = `grant select on latchkey.${table} to latchkey_system`
  await owner(`revoke select on latchkey.${table} from latchkey_system`)
}
async function mend(): Promise<void> {
  if (repair !== null) await owner(repair)
  repair = null
}
afterEach(mend)

const refresh = (app: TestApp, token: string) =>
  app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token: token })
const begun = async (app: TestApp, more: Record<string, string> = {}) =>
  (await app.exchange(await authorizedCode(ada.client, app, more))).body
const suspicions = async () => [
  (await world.events(ada.id)).filter((type) => type === 'oidc.token.reuse').length,
  (await world.mailbox.emailsTo(ada.email)).filter(({ subject }) => /access of/i.test(subject)).length,
]

it.each([
  ['the subject', { subject_type: 'pairwise' }, 'pairwise_subjects'],
  ['the session as the app knows it', { subject_type: 'pairwise' }, 'client_sessions'],
  ['the profile', { claims_in_id_token: true }, 'user_profiles'],
])(
  '%s that cannot be read leaves the token unused, also for a repetition much later',
  async (_what, settings, table) => {
    const app = await testApp(world, { first_party: true, ...settings })
    const first = await begun(app, { scope: 'openid profile' })
    await breakReadsOf(table)
    for (let n = 0; n < 3; n += 1) expect((await refresh(app, first.refresh_token)).status).toBe(500)
    await world.clock.advance('2 minutes')
    expect((await refresh(app, first.refresh_token)).status).toBe(500)
    await mend()
    const again = await refresh(app, first.refresh_token)
    expect(again.status).toBe(200)
    expect(claimsIn(again.body.id_token).sub).toBe(claimsIn(first.id_token).sub)
    expect((await refresh(app, again.body.refresh_token)).status).toBe(200)
    expect(await suspicions()).toEqual([0, 0])
  },
)

it('a profile for a claim that the app has named leaves the ID token out, and the refresh token is answered', async () => {
  const app = await testApp(world, { first_party: true })
  const first = await begun(app, { claims: '{"id_token":{"email":null}}', scope: 'openid email' })
  expect(claimsIn(first.id_token).email).toBe(ada.email)
  await breakReadsOf('user_profiles')
  const { status, body } = await refresh(app, first.refresh_token)
  expect([status, body.id_token]).toEqual([200, undefined])
  await mend()
  const next = await refresh(app, body.refresh_token)
  expect(claimsIn(next.body.id_token).email).toBe(ada.email)
})

it('an API that cannot be looked up is not the end of what was authorized', async () => {
  await testResource(world, 'https://orders.example.com')
  const app = await testApp(world, { first_party: true, scopes: ['openid', 'read'] })
  const first = await begun(app, { scope: 'openid read', resource: 'https://orders.example.com' })
  const { body: second } = await refresh(app, first.refresh_token)
  expect(second.refresh_token).toMatch(/^rt_/)
  // what memory has is dropped with a change, and read from the database
  await breakReadsOf('resources')
  await owner("update latchkey.resources set name = 'Orders'")
  const lookUp = async () => await world.app.tools.clients.findResource('https://orders.example.com')
  await expect.poll(() => lookUp().catch(() => 'fault')).toBe('fault')
  expect((await refresh(app, second.refresh_token)).status).toBe(500)
  await mend()
  // within the grace period, the same token gets its successor
  expect((await refresh(app, second.refresh_token)).status).toBe(200)
})

it('a token that is revoked, used or of another app is refused as before, by an app whose refresh reads ahead', async () => {
  const [app, other] = [
    await testApp(world, { first_party: true, claims_in_id_token: true }),
    await testApp(world, { first_party: true, claims_in_id_token: true }),
  ]
  const { refresh_token: token } = await begun(app)
  expect((await refresh(other, token)).body.error).toBe('invalid_grant')
  expect((await refresh(app, 'rt_nothing')).body.error).toBe('invalid_grant')
  const { body } = await refresh(app, token)
  await world.clock.advance('30 seconds')
  expect((await refresh(app, token)).body.error).toBe('invalid_grant')
  expect((await refresh(app, body.refresh_token)).body.error).toBe('invalid_grant')
  expect((await suspicions())[0]).toBe(1)
})
