/** What apps have got ends with the membership, the organization, the app, and with all tokens of a user. */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { endClientsAccess, endRemainingAccess } from '../../../core/client-access.ts'
import { authorizedCode, claimsIn, type TestApp, testApp } from '../../../testing/apps.ts'
import { answerDevice, beginOnDevice, ON_DEVICES, pollFrom } from '../../../testing/devices.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { type Company, startCompany } from '../../organizations/policy/testing.ts'

const GRANTS = ['authorization_code', 'refresh_token', 'client_credentials']
const OFFLINE = 'openid offline_access'

let world: World
let root: Person
/** Of the server: it may introspect all tokens. */
let judge: TestApp
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  root = await world.person({ roles: ['super_admin'] })
  judge = await testApp(world, { first_party: true, grant_types: GRANTS })
})
afterAll(() => world?.stop())

interface TokenPair {
  access: string
  refresh: string
}

const appOf = ({ id }: Company): Promise<TestApp> =>
  testApp(world, { grant_types: GRANTS }, { organization: id })
const codeFor = ({ client }: Person, app: TestApp, scope = OFFLINE) => authorizedCode(client, app, { scope })
async function got(user: Person, app: TestApp, scope = OFFLINE): Promise<TokenPair> {
  const { body } = await app.exchange(await codeFor(user, app, scope))
  return { access: body.access_token, refresh: body.refresh_token }
}
const refreshed = async (app: TestApp, { refresh }: TokenPair) =>
  (await app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token: refresh })).status
const isActive = async (token: string) => (await judge.post('/oidc/introspect', { token })).body.active
const userinfo = async ({ access }: TokenPair) =>
  (await world.client().get('/oidc/userinfo', { headers: { authorization: `Bearer ${access}` } })).status
/** Whether guards refuse a token: it is on the list. */
const isRevoked = (token: string) => {
  const { fam: family, client_id: client, sub, jti } = claimsIn(token) as Record<string, string>
  const issuedAt = Number.parseInt(String(jti).slice(4, 16), 16) / 1000
  const revocable = { family: family ?? null, client: client ?? null, sub: sub ?? null, issuedAt }
  return world.app.tools.revocations.covers(revocable, world.clock.now())
}
const ended = async (app: TestApp, one: TokenPair) => ({
  isRevoked: await isRevoked(one.access),
  active: [await isActive(one.access), await isActive(one.refresh)],
  userinfo: await userinfo(one),
  refreshed: await refreshed(app, one),
})
const ENDED = { isRevoked: true, active: [false, false], userinfo: 401, refreshed: 400 }
const GOOD = { isRevoked: false, active: [true, true], userinfo: 200, refreshed: 200 }
const succeeded = ({ status }: { status: number }) => expect([200, 204]).toContain(status)

describe('a member of the organization of an app', () => {
  const DEPARTURES: Readonly<Record<string, (company: Company) => Promise<{ status: number }>>> = {
    'was removed': ({ id, owner, member }) =>
      owner.client.delete(`/api/v1/organizations/${id}/members/${member.id}`),
    'has left': ({ id, member }) => member.client.post(`/api/v1/organizations/${id}/leave`),
  }

  it.each(Object.entries(DEPARTURES))('has nothing of it once the member %s', async (_, depart) => {
    const company = await startCompany(world)
    const [app, ofServer] = [await appOf(company), await testApp(world, { first_party: true })]
    const [theirs, stays, elsewhere] = [
      await got(company.member, app),
      await got(company.admin, app),
      await got(company.member, ofServer),
    ]
    const code = await codeFor(company.member, app)
    succeeded(await depart(company))
    expect(await ended(app, theirs)).toEqual(ENDED)
    expect((await app.exchange(code)).body.error).toBe('invalid_grant')
    expect(await ended(app, stays)).toEqual(GOOD)
    expect(await ended(ofServer, elsewhere)).toEqual(GOOD)
  })

  it('gets nothing that outlives a departure, however an exchange and a refresh meet it', async () => {
    for (let round = 0; round < 5; round += 1) {
      const company = await startCompany(world)
      const { id, owner, member } = company
      const app = await appOf(company)
      const { refresh } = await got(member, app)
      const code = await codeFor(member, app)
      const [exchanged, turned, removed] = await Promise.all([
        app.exchange(code),
        app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token: refresh }),
        owner.client.delete(`/api/v1/organizations/${id}/members/${member.id}`),
      ])
      succeeded(removed)
      for (const { status, body } of [exchanged, turned]) {
        expect([200, 400]).toContain(status)
        if (status === 200) expect(await isRevoked(body.access_token)).toBe(true)
      }
    }
  })

  it('is judged at userinfo and introspection, however the membership ended', async () => {
    const company = await startCompany(world)
    const app = await appOf(company)
    const theirs = await got(company.member, app)
    await world.db.tx('system', (tx) =>
      sql`delete from memberships where user_id = ${company.member.id}`.execute(tx),
    )
    expect(await ended(app, theirs)).toEqual({ ...ENDED, isRevoked: false })
  })

  it('is nothing either at an app of the server for members of the organization alone', async () => {
    const company = await startCompany(world)
    const app = await testApp(world, { first_party: true, allowed_organizations: [company.id] })
    const [theirs, stays] = [await got(company.member, app), await got(company.admin, app)]
    succeeded(
      await company.owner.client.delete(`/api/v1/organizations/${company.id}/members/${company.member.id}`),
    )
    expect(await ended(app, theirs)).toEqual({ ...ENDED, isRevoked: false })
    expect(await ended(app, stays)).toEqual(GOOD)
  })
})

it('the tokens of the apps of an organization end with it, also those for the apps themselves', async () => {
  const [company, neighbour] = [await startCompany(world), await startCompany(world)]
  const [app, other] = [await appOf(company), await appOf(neighbour)]
  const own = async (of: TestApp) =>
    (await of.post('/oidc/token', { grant_type: 'client_credentials' })).body.access_token as string
  const [theirs, itself, kept] = [await got(company.member, app), await own(app), await own(other)]
  expect([isRevoked(itself), await isActive(itself)]).toEqual([false, true])
  succeeded(await company.owner.client.delete(`/api/v1/organizations/${company.id}`))
  expect([isRevoked(itself), await isActive(itself)]).toEqual([true, false])
  expect([isRevoked(theirs.access), await isActive(theirs.access), await userinfo(theirs)]).toEqual([
    true,
    false,
    401,
  ])
  expect([isRevoked(kept), await isActive(kept)]).toEqual([false, true])
})

it('what the apps of an organization have got is of no use after it was restored', async () => {
  const company = await startCompany(world)
  const { id, owner, member } = company
  const [app, second, ofServer] = [
    await appOf(company),
    await appOf(company),
    await testApp(world, { first_party: true }),
  ]
  const [theirs, inSession] = [await got(member, app), await got(member, second, 'openid')]
  const elsewhere = await got(member, ofServer)
  const code = await codeFor(member, second)
  succeeded(await owner.client.delete(`/api/v1/organizations/${id}`))
  succeeded(await owner.client.post(`/api/v1/organizations/${id}/restore`, {}))
  expect(await ended(app, theirs)).toEqual(ENDED)
  expect(await ended(second, inSession)).toEqual(ENDED)
  expect((await second.exchange(code)).body.error).toBe('invalid_grant')
  expect(await ended(ofServer, elsewhere)).toEqual(GOOD)
  expect((await second.exchange(await codeFor(member, second))).status).toBe(200)
})

it('nothing outlives the deletion of the organization of an app, however an exchange and a refresh meet it', async () => {
  for (let round = 0; round < 5; round += 1) {
    const company = await startCompany(world)
    const { id, owner, member } = company
    const app = await appOf(company)
    const { refresh } = await got(member, app)
    const code = await codeFor(member, app)
    const [exchanged, turned, deleted] = await Promise.all([
      app.exchange(code),
      app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token: refresh }),
      owner.client.delete(`/api/v1/organizations/${id}`),
    ])
    succeeded(deleted)
    for (const { status, body } of [exchanged, turned])
      if (status === 200) expect(await isRevoked(body.access_token)).toBe(true)
  }
})

/** So many families of a user at an app, as one that they have got: their refresh tokens are not known. */
const copies = (count: number, refresh: string) =>
  world.db.tx('system', (tx) =>
    sql`
      insert into token_families (id, user_id, session_id, created_at, client_id, grant_id, scopes, resources, claims, expires_at,
        authenticated_at, acr, amr, proofs, organization_id)
      select 'fam_00' || left(md5(${refresh}::text || n), 30), user_id, session_id, created_at, client_id, grant_id, scopes, resources, claims, expires_at,
        authenticated_at, acr, amr, proofs, organization_id
      from token_families cross join generate_series(1, ${count}::int) n
      where id = (select family_id from refresh_tokens where token_hash = sha256(convert_to(${refresh}, 'UTF8')))`.execute(
      tx,
    ),
  )

it('more families of an app than one transaction takes end in parts, and none that begins after it was enabled again', async () => {
  const ada = await world.person()
  const app = await testApp(world, { first_party: true })
  const first = await got(ada, app)
  await copies(1200, first.refresh)
  const last = await got(ada, app)
  const open = async () =>
    Number(
      (
        await sql<{
          n: string
        }>`select count(*) as n from token_families where client_id = ${app.id} and revoked_at is null`.execute(
          world.db.hot,
        )
      ).rows[0]?.n,
    )
  expect(await open()).toBe(1202)
  const path = `/api/v1/oidc/clients/${app.id}`
  await world.db.tx('system', async (tx) => {
    const call = { clock: world.clock, jobs: { enqueue: async () => {} } }
    await endClientsAccess(call, tx, [app.id])
  })
  expect(await open()).toBe(702)
  const until = world.clock.now().toISOString()
  succeeded(await root.client.patch(path, { status: 'active' }))
  // the family that the job has left is renewed, and another one begins
  await world.clock.advance('1 minute')
  const renewed = await app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token: last.refresh })
  expect(renewed.status).toBe(200)
  const later = await got(ada, app)
  await endRemainingAccess(world.app.tools, { client_id: app.id, until })
  expect(await open()).toBe(1)
  const { access_token: access, refresh_token: refresh } = renewed.body
  expect(await ended(app, { access, refresh })).toEqual(ENDED)
  expect(await ended(app, later)).toEqual(GOOD)
  // the whole way
  await copies(600, later.refresh)
  for (const status of ['disabled', 'active']) succeeded(await root.client.patch(path, { status }))
  await world.app.settle()
  expect(await open()).toBe(0)
})

it('what an app got before it was disabled is of no use after it was enabled again', async () => {
  const ada = await world.person()
  const app = await testApp(world, { first_party: true })
  const [offline, inSession, code] = [
    await got(ada, app),
    await got(ada, app, 'openid'),
    await codeFor(ada, app),
  ]
  for (const status of ['disabled', 'active'])
    succeeded(await root.client.patch(`/api/v1/oidc/clients/${app.id}`, { status }))
  expect(await ended(app, offline)).toEqual(ENDED)
  expect(await ended(app, inSession)).toEqual(ENDED)
  expect((await app.exchange(code)).body.error).toBe('invalid_grant')
  expect((await app.exchange(await codeFor(ada, app))).status).toBe(200)
})

it('codes of a user are of no use after the revocation of all tokens', async () => {
  const [ada, ben] = (await world.people(2)) as [Person, Person]
  const app = await testApp(world, { first_party: true })
  const device = await testApp(world, { ...ON_DEVICES, first_party: true })
  const begun = await beginOnDevice(device)
  succeeded(await answerDevice(ada.client, begun.user_code))
  const [code, other] = [await codeFor(ada, app), await codeFor(ben, app)]
  succeeded(await ada.client.delete('/api/v1/auth/tokens'))
  expect((await app.exchange(code)).body.error).toBe('invalid_grant')
  expect((await pollFrom(device, begun.device_code)).body.error).toBe('invalid_grant')
  expect((await app.exchange(other)).status).toBe(200)
})
