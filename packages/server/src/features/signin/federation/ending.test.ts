/** A connection whose use ends: the sessions that it alone has proven end, and no others. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kindOf } from '../../../base/assurance.ts'
import { newId } from '../../../base/ids.ts'
import { connectionEnded, endProofs } from '../../../core/connection-ended.ts'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client } from '../../../testing/client.ts'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import { PASSWORD, type Person, type World } from '../../../testing/world.ts'

const API = '/api/v1'

let federated: Federated
let world: World
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
})
afterAll(() => federated?.stop())

let count = 0

/** An organization with a connection, at which everyone of its domain signs in. */
async function company(settings = {}) {
  const [owner] = (await world.people(1)) as [Person]
  const organization = await world.organization({ members: [[owner, 'owner']] })
  const domain = `ending${++count}.example`
  await federated.prove(organization, domain)
  const { id, slug } = await federated.connect('google', {
    organizationId: organization,
    madeBy: owner.id,
    settings,
  })
  return {
    owner,
    organization,
    domain,
    id,
    slug,
    root: `${API}/organizations/${organization}`,
    path: `${API}/organizations/${organization}/connections/${id}`,
  }
}

async function visit({ domain, slug }: { domain: string; slug: string }): Promise<Client> {
  federated.atGoogle({ email: `p${++count}@${domain}`, hd: domain })
  const client = world.client()
  await federated.signIn(client, slug)
  await federated.me(client)
  expect(await validated(client)).toBe(200)
  return client
}

const validated = async (client: Client): Promise<number> => (await client.get(`${API}/auth/validate`)).status

const ends: [string, (of: Awaited<ReturnType<typeof company>>) => Promise<{ status: number }>][] = [
  ['disabled', ({ owner, path }) => owner.client.patch(path, { status: 'disabled' })],
  ['deleted', ({ owner, path }) => owner.client.delete(path)],
  ['of an organization that is deleted', ({ owner, root }) => owner.client.delete(root)],
]
describe.each(ends)('a connection that is %s', (_name, end) => {
  it('ends the sessions that it alone has proven, with their tokens, which is recorded', async () => {
    const of = await company()
    const client = await visit(of)
    const { data } = await client.post(`${API}/auth/token`, {})
    const machine = world.client({ headers: { authorization: `Bearer ${data.access_token}` } })
    expect(await validated(machine)).toBe(200)
    expect((await end(of)).status).toBe(200)
    await world.app.settle()
    expect([await validated(client), await validated(machine)]).toEqual([401, 401])
    if (data.refresh_token !== undefined) {
      const { refresh_token } = data
      expect((await world.client().post(`${API}/auth/refresh`, { refresh_token })).status).not.toBe(200)
    }
    const { events } = await world.db.tx('system', async (tx) => ({
      events: await tx
        .selectFrom('audit_events')
        .select(['event_type', 'details'])
        .where('event_type', '=', 'auth.session.revoked')
        .orderBy('id', 'desc')
        .limit(1)
        .execute(),
    }))
    expect(events).toEqual([{ event_type: 'auth.session.revoked', details: { reason: 'revoked' } }])
  })

  it('leaves those that have another proof, of a password or of another connection', async () => {
    const of = await company()
    const other = await company()
    const stranger = await visit(other)
    const { owner } = of
    federated.atGoogle({ email: `owner${++count}@${of.domain}`, hd: of.domain })
    const begun = await owner.client.post(`${API}/auth/external/${of.slug}/link`, {})
    await federated.answer(owner.client, await federated.fakes.authorize(begun.data.authorization_url))
    // by the connection alone, then with a password
    const client = world.client()
    await federated.signIn(client, of.slug)
    await federated.me(client)
    const { data: step } = await client.post(`${API}/auth/step-up`, {})
    const proof = { attempt: step.attempt, method: 'password', password: PASSWORD }
    expect((await client.post(`${API}/auth/mfa/verify`, proof)).status).toBe(200)
    const alone = world.client()
    await federated.signIn(alone, of.slug)
    expect((await end(of)).status).toBe(200)
    await world.app.settle()
    const all = [client, owner.client, stranger, alone]
    expect(await Promise.all(all.map(validated))).toEqual([200, 200, 200, 401])
  })

  it('leaves no session of a sign-in at the same time', async () => {
    for (let round = 0; round < 3; round++) {
      const of = await company()
      const browsers = []
      for (let n = 0; n < 6; n++) {
        federated.atGoogle({ email: `p${++count}@${of.domain}`, hd: of.domain })
        const client = world.client()
        browsers.push({ client, callback: await federated.begin(client, of.slug) })
      }
      const [ended] = await Promise.all([
        end(of),
        ...browsers.map(({ client, callback }) => federated.answer(client, callback)),
      ])
      expect(ended.status).toBe(200)
      await world.app.settle()
      expect(await Promise.all(browsers.map(({ client }) => validated(client)))).toEqual(Array(6).fill(401))
    }
  })
})

describe('a connection that is used again', () => {
  const again: [string, (of: Awaited<ReturnType<typeof company>>) => Promise<number[]>][] = [
    [
      'because it was enabled',
      async ({ owner, path }) => [
        (await owner.client.patch(path, { status: 'disabled' })).status,
        (await owner.client.patch(path, { status: 'active' })).status,
      ],
    ],
    [
      'because its organization was restored',
      async ({ owner, root }) => [
        (await owner.client.delete(root)).status,
        (await owner.client.post(`${root}/restore`, {})).status,
      ],
    ],
  ]
  it.each(again)(
    '%s, has nothing from before, and a retry of the job ends nothing from afterwards',
    async (_name, use) => {
      const of = await company()
      const other = await company()
      const old = await visit(of)
      const enrolled = federated.atGoogle({ email: `p${++count}@${of.domain}`, hd: of.domain })
      const first = world.client()
      await federated.signIn(first, of.slug)
      await federated.me(first)
      await enrolAuthenticator(world, first)
      /** A sign-in that waits for the second factor. */
      const wait = async () => {
        const client = world.client()
        federated.atGoogle({ ...enrolled, hd: of.domain })
        expect(goal(await federated.signIn(client, of.slug))).toBe('/second-factor')
        return client
      }
      const oldAttempt = await wait()
      expect(await use(of)).toEqual([200, 200])
      const ended = world.clock.now()
      await world.clock.advance('1 second')
      const [fresh, foreign, attempt] = [await visit(of), await visit(other), await wait()]
      await world.db.tx('system', (tx) =>
        endProofs(
          world.app.tools.jobs,
          tx,
          [
            { id: of.id, version: 2 },
            { id: other.id, version: 1 },
          ],
          ended,
        ),
      )
      await world.app.settle()
      // also the one with an authenticator, which begins no sign-in
      expect(await Promise.all([old, first, fresh, foreign].map(validated))).toEqual([401, 401, 200, 200])
      const page = async (client: Client) => goal(await client.get('/second-factor', HTML))
      expect([await page(oldAttempt), await page(attempt)]).toEqual(['/sign-in?notice=attempt_ended', null])
    },
  )

  it('ends what was proven until then, also where the job runs late', async () => {
    const of = await company()
    const client = await visit(of)
    const ended = world.clock.now()
    await world.clock.advance('1 second')
    await world.db.tx('system', (tx) =>
      endProofs(world.app.tools.jobs, tx, [{ id: of.id, version: 2 }], ended),
    )
    await world.app.settle()
    expect(await validated(client)).toBe(401)
  })

  it('ends all of a connection that is not used, although the clock of another node is ahead', async () => {
    const of = await company()
    const client = await visit(of)
    const ended = new Date(world.clock.now().getTime() - 60_000)
    await world.db.tx('system', async (tx) => {
      await tx.updateTable('connections').set({ status: 'disabled' }).where('id', '=', of.id).execute()
      await endProofs(world.app.tools.jobs, tx, [{ id: of.id, version: 2 }], ended)
    })
    await world.app.settle()
    expect(await validated(client)).toBe(401)
  })

  it('ends all where the job is of an earlier version', async () => {
    const of = await company()
    const client = await visit(of)
    await world.db.tx('system', (tx) =>
      world.app.tools.jobs.enqueue(tx, connectionEnded, { connection_id: of.id }, { now: world.clock.now() }),
    )
    await world.app.settle()
    expect(await validated(client)).toBe(401)
  })
})

it('of an organization that is purged: its kept tokens are revoked at the provider first', async () => {
  const of = await company({ keeps_tokens: true })
  const google = federated.fakes.provider('google')
  const client = await visit(of)
  const user = await federated.me(client)
  const before = google.revoked.length
  const kept = async () => (await federated.identitiesOf(user.id)).map(({ tokens }) => tokens !== null)
  expect((await of.owner.client.delete(of.root)).status).toBe(200)
  await world.app.settle()
  // it can be restored
  expect([await kept(), google.revoked.length]).toEqual([[true], before])
  await world.clock.advance('32 days')
  await world.app.settle()
  expect(google.revoked).toHaveLength(before + 1)
  await world.clock.advance('1 hour')
  await world.app.settle()
  expect([await kept(), google.revoked.length]).toEqual([[], before + 1])
  const rows = await world.db.hot
    .selectFrom('organizations')
    .select('id')
    .where('id', '=', of.organization)
    .execute()
  expect(rows).toEqual([])
})

it('of the server, which is disabled, ends its sessions too', async () => {
  const { slug, id } = await federated.connect('google', { slug: 'ending' })
  const root = await world.person({ roles: ['super_admin'] })
  federated.atGoogle()
  const client = world.client()
  await federated.signIn(client, slug)
  expect(await validated(client)).toBe(200)
  expect((await root.client.patch(`${API}/connections/${id}`, { status: 'disabled' })).status).toBe(200)
  await world.app.settle()
  expect(await validated(client)).toBe(401)
})

it('is found among more sessions than one statement examines', async () => {
  const of = await company()
  const client = await visit(of)
  const [other] = (await world.people(1)) as [Person]
  const now = world.clock.now()
  const proofs = JSON.stringify([
    { method: 'federation', ...kindOf('federation'), connection: newId('con'), at: now.toISOString() },
  ])
  const rows = Array.from({ length: 2500 }, (_, n) => ({
    id: `ses_${String(n).padStart(32, '0')}`,
    user_id: other.id,
    token_hash: Buffer.from(`ending ${n}`.padEnd(32)),
    created_at: now,
    authenticated_at: now,
    last_seen_at: now,
    expires_at: new Date(now.getTime() + 86_400_000),
    idle_seconds: 86_400,
    remember: false,
    amr: [],
    acr: 'aal1' as const,
    proofs,
    limited_to: null,
    organization_id: null,
    ip_address: null,
    user_agent: null,
    ended_at: null,
    end_reason: null,
  }))
  for (let at = 0; at < rows.length; at += 500)
    await world.db.tx('system', (tx) =>
      tx
        .insertInto('sessions')
        .values(rows.slice(at, at + 500))
        .execute(),
    )
  expect((await of.owner.client.delete(of.path)).status).toBe(200)
  await world.app.settle()
  expect(await validated(client)).toBe(401)
  const open = await world.db.tx('system', (tx) =>
    tx
      .selectFrom('sessions')
      .select('id')
      .where('user_id', '=', other.id)
      .where('ended_at', 'is', null)
      .execute(),
  )
  // and the one with which they signed in
  expect(open).toHaveLength(2501)
})

it('says before what ends', async () => {
  const { owner, organization, id } = await company()
  const at = `/account/organizations/${organization}/connections/${id}`
  for (const path of [at, `${at}/delete`])
    expect((await owner.client.get(path, HTML)).text).toContain(
      'Disabling or deleting the connection signs out everyone who has signed in by it alone',
    )
})
