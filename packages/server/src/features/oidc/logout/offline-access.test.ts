/** What apps keep while their users are away (`offline_access`) outlives sessions, and ends with the access of the account. */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../../../base/call.ts'
import { authorizedCode, claimsIn, type TestApp, testApp } from '../../../testing/apps.ts'
import { connect, ownDomain } from '../../../testing/connection-rows.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'
import { provenSessions } from '../../identity/sessions/index.ts'

let world: World
let root: Person
let app: TestApp
beforeAll(async () => {
  world = await startWorld()
  ;[root] = (await world.people([{ roles: ['super_admin'] }])) as [Person]
  app = await testApp(world, { first_party: true })
})
afterAll(() => world?.stop())

interface OfflineUser extends Person {
  access: string
  refresh: string
  sessionId: string
}

let count = 0

async function kept(domain = 'kept.example'): Promise<OfflineUser> {
  const ada = await world.person({ email: `user${++count}@${domain}` })
  const code = await authorizedCode(ada.client, app, { scope: 'openid offline_access' })
  const { body } = await app.exchange(code)
  const sessionId = String(claimsIn(body.id_token).sid)
  return { ...ada, access: body.access_token, refresh: body.refresh_token, sessionId }
}

const refreshed = async ({ refresh }: OfflineUser): Promise<number> =>
  (await app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token: refresh })).status
const isActive = async ({ access }: OfflineUser): Promise<boolean> =>
  (await app.post('/oidc/introspect', { token: access })).body.active
/** Another browser of the user. */
async function elsewhere({ email, password }: Person) {
  const client = world.client()
  await client.signIn(email, password)
  return client
}

const OUTLIVED: Readonly<Record<string, (ada: OfflineUser) => Promise<unknown>>> = {
  'signing out': ({ client }) => client.post('/api/v1/auth/logout'),
  'the end of the session by its user': async (ada) =>
    (await elsewhere(ada)).delete(`/api/v1/auth/sessions/${ada.sessionId}`),
  'the end of all other sessions by their user': async (ada) =>
    (await elsewhere(ada)).delete('/api/v1/auth/sessions'),
  'the end of one session by an administrator': (ada) =>
    root.client.delete(`/api/v1/users/${ada.id}/sessions/${ada.sessionId}`),
}
const ENDS: Readonly<Record<string, (ada: OfflineUser) => Promise<unknown>>> = {
  'a lock that ends sessions': (ada) =>
    root.client.post(`/api/v1/users/${ada.id}/lock`, { end_sessions: true }),
  'disabling the account': (ada) => root.client.post(`/api/v1/users/${ada.id}/disable`),
  'deleting the account': (ada) => root.client.delete(`/api/v1/users/${ada.id}`),
  'the end of all sessions by an administrator': (ada) =>
    root.client.delete(`/api/v1/users/${ada.id}/sessions`),
  'a new password': ({ client }) =>
    client.post('/api/v1/users/me/password', {
      current_password: PASSWORD,
      new_password: 'another horse battery staple',
    }),
  'a reset of the password': async ({ email }) => {
    await world.client().post('/api/v1/auth/password/forgot', { email })
    const token = await world.mailbox.tokenFor(email, /reset-password/)
    const sent = { token, password: 'another horse battery staple' }
    return world.client().post('/api/v1/auth/password/reset', sent)
  },
  'an address that an administrator changes': (ada) =>
    root.client.patch(`/api/v1/users/${ada.id}`, { email: `moved-${ada.email}` }),
  'the revocation of all tokens by the user': ({ client }) => client.delete('/api/v1/auth/tokens'),
}

async function run(act: (ada: OfflineUser) => Promise<unknown>): Promise<OfflineUser> {
  const ada = await kept()
  const reply = (await act(ada)) as { status: number; text: string }
  expect([reply.status, reply.text.slice(0, 300)]).toEqual([
    expect.toSatisfy((one) => one === 200 || one === 204),
    expect.any(String),
  ])
  return ada
}

describe('what an app keeps', () => {
  it.each(Object.entries(OUTLIVED))('outlives %s', async (_, act) => {
    expect(await refreshed(await run(act))).toBe(200)
  })

  it.each(Object.entries(ENDS))('ends with %s', async (_, act) => {
    const ada = await run(act)
    expect([await refreshed(ada), await isActive(ada)]).toEqual([400, false])
  })

  it('does not come back with the account, and its end is recorded once', async () => {
    const ada = await kept()
    await root.client.post(`/api/v1/users/${ada.id}/disable`)
    await root.client.post(`/api/v1/users/${ada.id}/enable`)
    await root.client.delete(`/api/v1/users/${ada.id}/sessions`)
    expect(await refreshed(ada)).toBe(400)
    const events = await world.events(ada.id)
    expect(events.filter((type) => type === 'auth.token.revoked')).toHaveLength(1)
    // what comes afterwards is not concerned
    await ada.client.signIn(ada.email, ada.password)
    const code = await authorizedCode(ada.client, app, { scope: 'openid offline_access' })
    const { body } = await app.exchange(code)
    expect(await isActive({ ...ada, access: body.access_token })).toBe(true)
  })

  it('ends, or is refreshed before it ends, when both happen at once', async () => {
    const ada = await kept()
    const form = { grant_type: 'refresh_token', refresh_token: ada.refresh }
    const [, ...answers] = await Promise.all([
      root.client.post(`/api/v1/users/${ada.id}/disable`),
      ...Array.from({ length: 6 }, () => app.post('/oidc/token', form)),
    ])
    for (const { status, body } of answers) {
      if (status !== 200) continue
      const later = { ...ada, access: body.access_token, refresh: body.refresh_token }
      expect([await isActive(later), await refreshed(later)]).toEqual([false, 400])
    }
  })
})

describe('what a connection or an account at a provider has proven', () => {
  const PROOF = { method: 'federation', amr: ['fed'], at: new Date(0).toISOString() }
  /** Makes what an app keeps that of a user who signed in at a provider. */
  const provenBy = (ada: OfflineUser, proof: Record<string, unknown>) =>
    world.db.tx('system', (tx) =>
      sql`update token_families set proofs = ${JSON.stringify([{ ...PROOF, ...proof }])}::jsonb
        where user_id = ${ada.id} and session_id is null`.execute(tx),
    )
  const call = () => systemCall(world.clock.now())

  it('is kept by no app after the connection has ended', async () => {
    const [ada, ben] = [await kept(), await kept()]
    await provenBy(ada, { connection: 'con_a', connection_version: 1 })
    await provenBy(ben, { connection: 'con_b', connection_version: 1 })
    const ended = { connectionId: 'con_a', version: 2, until: null }
    await provenSessions.endEverywhere(world.app.tools, call(), ended)
    expect([await refreshed(ada), await isActive(ada)]).toEqual([400, false])
    expect(await refreshed(ben)).toBe(200)
  })

  it('is kept by no app after the account was disconnected', async () => {
    const ada = await kept()
    await provenBy(ada, { connection: 'con_a', identity: 'idn_a' })
    const ended = { identityId: 'idn_a', connectionId: 'con_a' }
    await world.db.tx('system', (tx) => provenSessions.endIn(world.app.tools, tx, call(), ada.id, ended))
    expect([await refreshed(ada), await isActive(ada)]).toEqual([400, false])
  })

  it('is kept by no app of users whose domain the organization has lost, and of those of its other domains it is', async () => {
    const [owner, ada, ben] = [await world.person(), await kept('lost.example'), await kept('stays.example')]
    const organization = await world.organization({ members: [[owner, 'owner']] })
    for (const domain of ['lost.example', 'stays.example']) await ownDomain(world, organization, domain)
    const proof = { connection: await connect(world, organization), organization, authority: true }
    for (const one of [ada, ben]) await provenBy(one, proof)
    const root = `/api/v1/organizations/${organization}/domains`
    const rows: { id: string; domain: string }[] = (await owner.client.get(root)).data
    const lost = rows.find(({ domain }) => domain === 'lost.example')
    await provenSessions.endAuthorityOf(world.app.tools, organization)
    expect([await isActive(ada), await isActive(ben)]).toEqual([true, true])
    expect((await owner.client.delete(`${root}/${lost?.id}`)).status).toBe(200)
    await world.app.settle()
    expect([await isActive(ada), await isActive(ben)]).toEqual([false, true])
    expect([await refreshed(ada), await refreshed(ben)]).toEqual([400, 200])
    expect(await world.events(ben.id)).not.toContain('auth.token.revoked')
  })

  it('is kept after an address has moved to another domain of the organization, and not after one has left them', async () => {
    const [owner, ada, ben] = [await world.person(), await kept('from.example'), await kept('from.example')]
    const organization = await world.organization({ members: [[owner, 'owner']] })
    for (const domain of ['from.example', 'to.example']) await ownDomain(world, organization, domain)
    const proof = { connection: await connect(world, organization), organization, authority: true }
    for (const [one, domain] of [
      [ada, 'private.example'],
      [ben, 'to.example'],
    ] as const) {
      await provenBy(one, proof)
      await world.db.tx('system', async (tx) => {
        const address = `moved-${one.id}@${domain}`
        await tx.updateTable('emails').set({ address, address_key: address }).where('user_id', '=', one.id).execute()
        await provenSessions.endAuthorityIn(world.app.tools, tx, one.id)
      }) // biome-ignore format: one row
    }
    expect([await refreshed(ada), await refreshed(ben)]).toEqual([400, 200])
  })

  it('is kept by no app where the connection is of no organization any more', async () => {
    const ada = await kept()
    await provenBy(ada, { connection: 'con_a', organization: 'org_a', authority: true })
    await provenSessions.endAuthorityOf(world.app.tools, 'org_b')
    expect(await isActive(ada)).toBe(true)
    await provenSessions.endAuthorityOf(world.app.tools, 'org_a')
    expect([await refreshed(ada), await isActive(ada)]).toEqual([400, false])
  })
})

describe('what has ended', () => {
  const families = async ({ id }: Person): Promise<number> =>
    (
      await world.db.tx('system', (tx) =>
        tx.selectFrom('token_families').select('id').where('user_id', '=', id).execute(),
      )
    ).length

  it('is deleted a week after the longest life of it, and nothing before', async () => {
    const ada = await kept()
    await world.clock.advance('96 days')
    await world.app.settle()
    expect(await families(ada)).toBe(1)
    await world.clock.advance('2 days')
    await world.app.settle()
    expect(await families(ada)).toBe(0)
  })
})
