/** A token that acts as a user ends with the rights of who acts: at introspection, at guards, and while LISTEN is down. */
import { type ProtectedResource, protectedResource } from '@latchkey/guard'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createRevocations, type Revocable, type Revocations } from '../../../core/revocations/index.ts'
import { UNNAMED_ROLE } from '../../../core/revocations/list.ts'
import { authorizedCode, claimsIn, type TestApp, testApp, testResource } from '../../../testing/apps.ts'
import { type Lose, lossesOf } from '../../../testing/losses.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const ORDERS = 'https://orders.example.com'

let world: World
let root: Person
let ada: Person
let support: TestApp
let guard: ProtectedResource
/** Never opened: it queries the database, as a process whose LISTEN connection is down. */
let unheard: Revocations
let count = 0
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  await testResource(world, ORDERS)
  support = await testApp(world, {
    first_party: true,
    grant_types: ['authorization_code', EXCHANGE],
    scopes: ['openid', 'read'],
  })
  root = await world.person({ roles: ['super_admin'] })
  ada = await world.person()
  unheard = createRevocations({ db: world.db, clock: world.clock, log: world.app.tools.log })
  guard = protectedResource({
    resource: ORDERS,
    issuer: world.config.publicUrl,
    url: world.url,
    credential: (await root.client.apiKey({ permissions: ['revocations:read'] })).secret,
    now: () => world.clock.now().getTime(),
  })
  await vi.waitUntil(() => guard.state() === 'connected')
})
afterAll(async () => {
  guard?.close()
  await world?.stop()
})

interface Helper extends Person {
  role: string
  /** The role that theirs inherits. */
  base: string
}

/** A user with a role that inherits the permission to act as users. */
async function helper(): Promise<Helper> {
  count += 1
  const [base, role] = [`base_${count}`, `helper_${count}`]
  await made({ name: base, permissions: ['impersonation:create', 'dashboard:read', 'analytics:read'] })
  await made({ name: role, permissions: [], inherits: [base] })
  return { ...(await world.person({ roles: [role] })), role, base }
}
async function made(role: object): Promise<void> {
  succeeded(await root.client.post('/api/v1/roles', { description: 'Helps users.', ...role }))
}
const succeeded = ({ status, text }: { status: number; text: string }) =>
  expect([200, 201, 204], text).toContain(status)

const tokenOf = async ({ client }: Person) =>
  (await support.exchange(await authorizedCode(client, support))).body.access_token as string
const impersonate = (actor: string) =>
  support.post('/oidc/token', {
    grant_type: EXCHANGE,
    subject_token: ada.id,
    subject_token_type: 'urn:latchkey:params:oauth:token-type:user_id',
    actor_token: actor,
    actor_token_type: ACCESS_TOKEN,
    resource: ORDERS,
    scope: 'read',
    reason: 'Ticket 4711',
  })
const actAsAda = async (by: Person) => (await impersonate(await tokenOf(by))).body.access_token as string

/** Where a token is good: at introspection, at a guard, and by the database alone. */
async function goodAt(token: string): Promise<boolean[]> {
  const request = new Request(ORDERS, { headers: { authorization: `Bearer ${token}` } })
  return [
    (await support.post('/oidc/introspect', { token })).body.active,
    (await guard.web(() => new Response())(request)).status === 200,
    !(await unheard.covers(revocable(token), world.clock.now())),
  ]
}
function revocable(token: string): Revocable {
  const { sub, act, sid, fam, client_id, jti } = claimsIn(token) as Record<string, string>
  const actors = []
  for (let one = act as unknown as Act | undefined; one; one = one.act) actors.push(one.sub)
  const issuedAt = Number.parseInt(String(jti).slice(4, 16), 16) / 1000
  const by = { sub: sub ?? null, sid: sid ?? null, family: fam ?? null, client: client_id ?? null }
  return {
    ...by,
    actors,
    roles: actors.some((one) => one.startsWith('usr_')) ? [UNNAMED_ROLE] : [],
    issuedAt,
  }
}
interface Act {
  sub: string
  act?: Act
}
const EVERYWHERE = [true, true, true]
const NOWHERE = [false, false, false]

type LoseRole = (by: Helper) => ReturnType<Lose>
const LOSSES = lossesOf(() => root, 'viewer')
/** A token does not name the roles by which its administrator acts, so that these end those of all administrators. */
const ROLE_LOSSES: Readonly<Record<string, LoseRole>> = {
  'has a role that permits something else': ({ role }) =>
    root.client.patch(`/api/v1/roles/${role}`, { inherits: [], permissions: ['dashboard:read'] }),
  'has a role that inherits less': ({ base }) =>
    root.client.patch(`/api/v1/roles/${base}`, { permissions: ['dashboard:read'] }),
}

describe('a token that acts as a user', () => {
  it.each(Object.entries(LOSSES))('is good nowhere once its administrator %s', async (_, lose) => {
    const [by, other] = [await helper(), await helper()]
    const [token, kept] = [await actAsAda(by), await actAsAda(other)]
    expect([await goodAt(token), await goodAt(kept)]).toEqual([EVERYWHERE, EVERYWHERE])
    succeeded(await lose(by))
    await expect.poll(() => goodAt(token)).toEqual(NOWHERE)
    expect(await goodAt(kept)).toEqual(EVERYWHERE)
  })

  it.each(Object.entries(ROLE_LOSSES))('is good nowhere once its administrator %s', async (_, lose) => {
    const by = await helper()
    const token = await actAsAda(by)
    expect(claimsIn(token).act).toEqual({ sub: by.id })
    expect(await goodAt(token)).toEqual(EVERYWHERE)
    succeeded(await lose(by))
    await expect.poll(() => goodAt(token)).toEqual(NOWHERE)
  })

  it('is as old as what its administrator has lost, and the next one is good', async () => {
    const by = await helper()
    const before = world.clock.now()
    succeeded(await by.client.delete('/api/v1/auth/tokens'))
    succeeded(await root.client.patch(`/api/v1/roles/${by.role}`, { rank: 3 }))
    const { revocations } = world.app.tools
    for (const credential of [{ actors: [by.id] }, { roles: [UNNAMED_ROLE] }]) {
      const issuedAt = (at: Date | null) => Number(at) / 1000
      const covered = (at: number) => revocations.covers({ ...credential, issuedAt: at }, world.clock.now())
      // based on what was read before the revocation was heard, and after it
      expect(covered(issuedAt(revocations.issueAt(credential, new Date(before.getTime() - 1))))).toBe(true)
      expect(covered(issuedAt(revocations.issueAt(credential, world.clock.now())))).toBe(false)
    }
    expect(await goodAt(await actAsAda(by))).toEqual(EVERYWHERE)
  })

  it('is good nowhere however its issue meets the loss', async () => {
    for (const lose of Object.values({ ...LOSSES, ...ROLE_LOSSES })) {
      const by = await helper()
      const actor = await tokenOf(by)
      const [{ status, body }, lost] = await Promise.all([impersonate(actor), lose(by)])
      succeeded(lost)
      expect([200, 400], JSON.stringify(body)).toContain(status)
      if (status === 200) await expect.poll(() => goodAt(body.access_token)).toEqual(NOWHERE)
    }
  })
})

it('a token that a service has exchanged ends with the service and with the first app, and not with another one', async () => {
  const services = []
  for (let n = 0; n < 2; n += 1)
    services.push(
      await testApp(world, {
        grant_types: [EXCHANGE],
        redirect_uris: [],
        scopes: ['read'],
        served_resources: [ORDERS],
      }),
    )
  const portals = [await testApp(world, { scopes: ['read'] }), await testApp(world, { scopes: ['read'] })]
  const [first, second] = services as [TestApp, TestApp]
  const [portal, other] = portals as [TestApp, TestApp]
  const delegated = async (to: TestApp, from: TestApp) => {
    const code = await authorizedCode(ada.client, from, { resource: ORDERS, scope: 'read' })
    const subject = (await from.exchange(code)).body.access_token as string
    const form = { subject_token: subject, subject_token_type: ACCESS_TOKEN, resource: ORDERS }
    return (await to.post('/oidc/token', { grant_type: EXCHANGE, ...form })).body.access_token as string
  }
  const tokens = [
    await delegated(first, portal),
    await delegated(second, portal),
    await delegated(first, other),
    await delegated(second, other),
  ]
  expect(claimsIn(tokens[0] ?? '').act).toEqual({ sub: first.id, act: { sub: portal.id } })
  const good = () => Promise.all(tokens.map(goodAt))
  expect(await good()).toEqual(tokens.map(() => EVERYWHERE))
  const disable = async ({ id }: TestApp) =>
    succeeded(await root.client.patch(`/api/v1/oidc/clients/${id}`, { status: 'disabled' }))
  await disable(first)
  await expect.poll(good).toEqual([NOWHERE, EVERYWHERE, NOWHERE, EVERYWHERE])
  await disable(portal)
  await expect.poll(good).toEqual([NOWHERE, NOWHERE, NOWHERE, EVERYWHERE])
  succeeded(await root.client.delete(`/api/v1/oidc/clients/${other.id}`))
  await expect.poll(good).toEqual(tokens.map(() => NOWHERE))
})
