/** Tokens with pairwise subjects end with what their users lose: at introspection, at guards, and while LISTEN is down. */
import { setTimeout } from 'node:timers/promises'
import { type ProtectedResource, protectedResource } from '@latchkey/guard'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createRevocations, type Revocations } from '../../../core/revocations/index.ts'
import { ensureSubject, lockSubjects } from '../../../core/subjects/index.ts'
import { authorizedCode, claimsIn, type TestApp, testApp, testResource } from '../../../testing/apps.ts'
import { lossesOf } from '../../../testing/losses.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ORDERS = 'https://orders.example.com'
const TENANT = 'https://tenant.example.com'

let world: World
let root: Person
let shop: TestApp
let guards: Record<string, ProtectedResource>
/** Never opened: it queries the database, as a process whose LISTEN connection is down. */
let unheard: Revocations
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  await testResource(world, ORDERS, ['read', 'dashboard:read'], null, 'full')
  shop = await pairwiseApp({
    first_party: true,
    scopes: ['openid', 'roles', 'organization', 'read', 'dashboard:read'],
  })
  root = await world.person({ roles: ['super_admin'] })
  unheard = createRevocations({ db: world.db, clock: world.clock, log: world.app.tools.log })
  const credential = (await root.client.apiKey({ permissions: ['revocations:read'] })).secret
  const common = {
    issuer: world.config.publicUrl,
    url: world.url,
    credential,
    now: () => world.clock.now().getTime(),
  }
  guards = {
    [ORDERS]: protectedResource({ resource: ORDERS, ...common }),
    [TENANT]: protectedResource({ resource: TENANT, ...common }),
  }
  for (const guard of Object.values(guards)) await vi.waitUntil(() => guard.state() === 'connected')
})
afterAll(async () => {
  for (const guard of Object.values(guards ?? {})) guard.close()
  await world?.stop()
})

const pairwiseApp = (settings: object, organization: string | null = null) =>
  testApp(world, { subject_type: 'pairwise', ...settings }, { organization })

const SCOPE = 'openid roles organization read dashboard:read'
async function tokenOf(of: TestApp, { client }: Person, resource = ORDERS, scope = SCOPE): Promise<string> {
  const { body } = await of.exchange(await authorizedCode(client, of, { resource, scope }))
  return body.access_token ?? JSON.stringify(body)
}

/** Where a token is good: at introspection, at a guard, and by the database alone. */
async function goodAt(of: TestApp, token: string, resource = ORDERS): Promise<boolean[]> {
  const request = new Request(resource, { headers: { authorization: `Bearer ${token}` } })
  const { sub, sid, fam, client_id: client, jti, roles = [], org } = claimsIn(token) as Record<string, string>
  expect([sub?.startsWith('usr_'), sid]).toEqual([false, undefined])
  const issuedAt = Number.parseInt(String(jti).slice(4, 16), 16) / 1000
  const by = {
    sub: sub ?? null,
    family: fam ?? null,
    client: client ?? null,
    roles: roles as string[],
    org: org ?? null,
  }
  return [
    (await of.post('/oidc/introspect', { token })).body.active,
    (await guards[resource]?.web(() => new Response())(request))?.status === 200,
    !(await unheard.covers({ ...by, issuedAt }, world.clock.now())),
  ]
}
const EVERYWHERE = [true, true, true]
const NOWHERE = [false, false, false]

/** With what the role permits before: a token that names it would be wrong afterwards. */
const LOSSES = lossesOf(() => root, 'staff')
const succeeded = ({ status, text }: { status: number; text: string }) =>
  expect([200, 201, 204], text).toContain(status)

describe('a token with a pairwise subject', () => {
  it.each(Object.entries(LOSSES))(
    'that was exchanged for one of another app is good nowhere once its user %s',
    async (_, lose) => {
      const ada = await world.person()
      const portal = await testApp(world, { first_party: true, scopes: ['openid', 'read'] })
      const service = await pairwiseApp({
        grant_types: ['authorization_code', EXCHANGE],
        scopes: ['read'],
        served_resources: [ORDERS],
      })
      const { body } = await service.post('/oidc/token', {
        grant_type: EXCHANGE,
        subject_token: await tokenOf(portal, ada, ORDERS, 'openid read'),
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        resource: ORDERS,
      })
      expect(await goodAt(service, body.access_token)).toEqual(EVERYWHERE)
      succeeded(await lose(ada))
      await expect.poll(() => goodAt(service, body.access_token)).toEqual(NOWHERE)
    },
  )

  it.each(Object.entries(LOSSES))('is good nowhere once its user %s', async (_, lose) => {
    const [ada, bob] = [
      await world.person({ roles: ['manager'] }),
      await world.person({ roles: ['manager'] }),
    ]
    const [token, kept] = [await tokenOf(shop, ada), await tokenOf(shop, bob)]
    expect(claimsIn(token).roles).toEqual(['manager'])
    expect([await goodAt(shop, token), await goodAt(shop, kept)]).toEqual([EVERYWHERE, EVERYWHERE])
    succeeded(await lose(ada))
    await expect.poll(() => goodAt(shop, token)).toEqual(NOWHERE)
    expect(await goodAt(shop, kept)).toEqual(EVERYWHERE)
  })

  it('is good nowhere however the first sign-in to a sector meets the loss', async () => {
    for (let round = 0; round < 3; round += 1)
      for (const [what, lose] of Object.entries(LOSSES)) {
        // what the user gets afterwards is none of these tokens
        if (what === 'has revoked all tokens' || what.startsWith('has withdrawn')) continue
        const ada = await world.person({ roles: ['manager'] })
        const app = await pairwiseApp({ first_party: true, scopes: SCOPE.split(' ') })
        const [token, lost] = await Promise.all([tokenOf(app, ada).catch(() => ''), lose(ada)])
        succeeded(lost)
        if (!token.startsWith('ey')) continue
        const isCurrent = what === 'has other roles' && String(claimsIn(token).roles) === 'staff'
        if (!isCurrent) await expect.poll(() => goodAt(app, token)).toEqual(NOWHERE)
      }
  })

  it('of an organization ends with the role of the member, and with the membership', async () => {
    const owner = await world.person()
    const [ada, bob] = [await world.person(), await world.person()]
    const organization = await world.organization({
      members: [
        [owner, 'owner'],
        [ada, 'admin'],
        [bob, 'admin'],
      ],
    })
    await testResource(world, TENANT, ['read'], organization, 'full')
    const app = await pairwiseApp({ scopes: ['openid', 'organization', 'read'] }, organization)
    const tokenFor = (who: Person) => tokenOf(app, who, TENANT, 'openid organization read')
    const [token, kept] = [await tokenFor(ada), await tokenFor(bob)]
    expect(claimsIn(token)).toMatchObject({ org: organization, org_role: 'admin' })
    const good = (one: string) => goodAt(app, one, TENANT)
    expect([await good(token), await good(kept)]).toEqual([EVERYWHERE, EVERYWHERE])
    const member = `/api/v1/organizations/${organization}/members/${ada.id}`
    succeeded(await owner.client.patch(`${member}/role`, { role: 'member' }))
    await expect.poll(() => good(token)).toEqual(NOWHERE)
    const next = await tokenFor(ada)
    expect([claimsIn(next).sub, claimsIn(next).org_role]).toEqual([claimsIn(token).sub, 'member'])
    expect(await good(next)).toEqual(EVERYWHERE)
    succeeded(await owner.client.delete(member))
    await expect.poll(() => good(next)).toEqual(NOWHERE)
    expect(await good(kept)).toEqual(EVERYWHERE)
  })
})

it('the revocation of all tokens meets the end of an account without a deadlock', async () => {
  const deadlocks = async (): Promise<number> => {
    const { rows } = await sql<{ n: number }>`
      select deadlocks::int as n from pg_stat_database where datname = current_database()`.execute(
      world.db.hot,
    )
    return rows[0]?.n ?? 0
  }
  const before = await deadlocks()
  for (let round = 0; round < 5; round += 1) {
    const ada = await world.person()
    for (const _ of [1, 2, 3]) await tokenOf(shop, ada)
    const [revoked, disabled] = await Promise.all([
      ada.client.delete('/api/v1/auth/tokens'),
      root.client.post(`/api/v1/users/${ada.id}/disable`),
    ])
    expect([200, 401, 403]).toContain(revoked.status)
    succeeded(disabled)
  }
  expect(await deadlocks()).toBe(before)
})

it('a new subject waits for a revocation of what its user has, and is in the next one', async () => {
  const ada = await world.person()
  const app = await pairwiseApp({ first_party: true })
  const client = await world.app.tools.clients.find(app.id)
  if (client === null) throw new Error('no client')
  const order: string[] = []
  let lock = () => {}
  const locked = new Promise<void>((resolve) => {
    lock = resolve
  })
  const revoking = world.db.tx('system', async (tx) => {
    expect(await lockSubjects(tx, ada.id)).toEqual([])
    lock()
    await setTimeout(100)
    order.push('revoked')
  })
  await locked
  const making = world.db
    .tx('system', (tx) => ensureSubject(tx, client, ada.id, world.clock.now()))
    .then(() => order.push('made'))
  await Promise.all([revoking, making])
  expect(order).toEqual(['revoked', 'made'])
  expect(await world.db.tx('system', (tx) => lockSubjects(tx, ada.id))).toHaveLength(1)
})
