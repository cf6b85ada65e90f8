/** Access tokens that name an organization: services verify them without us, so what it no longer permits is revoked. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kindOf, type StoredProof } from '../../../base/assurance.ts'
import { type DnsServer, startDnsServer } from '../../../testing/dns-server.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'
import { OIDC, ofOrganization } from '../connections/testing.ts'
import { prove } from '../domains/testing.ts'

let dns: DnsServer
let world: World
beforeAll(async () => {
  dns = await startDnsServer()
  world = await startWorld({ rateLimits: 'off', dnsServers: [dns.address] })
})
afterAll(async () => {
  await world.stop()
  await dns.stop()
})

let count = 0
const API = '/api/v1'
const orgOf = (token: string): unknown =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).org
const validated = async (token: string): Promise<number> => {
  const headers = { authorization: `Bearer ${token}` }
  return (await world.client({ headers }).get(`${API}/auth/validate`)).status
}

/** The person's sessions are proven by these methods, in addition by a connection. */
async function provenBy(
  { id }: Person,
  methods: ('password' | 'totp')[],
  connection?: string,
  organization = '',
) {
  const at = world.clock.now().toISOString()
  const proofs = methods.map(
    (method): StoredProof => ({
      method,
      ...kindOf(method),
      ...(method === 'totp' && { established: true }),
      at,
    }),
  )
  if (connection !== undefined)
    proofs.push({ method: 'federation', ...kindOf('federation'), connection, organization, at })
  await world.db.tx('system', (tx) =>
    tx
      .updateTable('sessions')
      .set({ proofs: JSON.stringify(proofs), ...(organization !== '' && { organization_id: organization }) })
      .where('user_id', '=', id)
      .execute(),
  )
}

/** A company of which members have to sign in by one of two connections. */
async function requiring() {
  const [owner, member] = (await world.people(2)) as [Person, Person]
  const id = await world.organization({
    members: [
      [owner, 'owner'],
      [member, 'member'],
    ],
  })
  const connections: string[] = []
  for (const name of ['First', 'Second'])
    connections.push(
      (await owner.client.post(ofOrganization(id), { ...OIDC, name, status: 'active' })).data.id,
    )
  await world.db.tx('system', (tx) =>
    tx
      .updateTable('connections')
      .set({ tested_at: world.clock.now() })
      .where('organization_id', '=', id)
      .execute(),
  )
  const domain = await prove(dns, owner, id, `tokens${++count}.example`)
  const policy = await owner.client.patch(`${API}/organizations/${id}/security-policy`, {
    sign_in: 'sso_required',
  })
  expect(policy.status, policy.text).toBe(200)
  await provenBy(owner, ['password', 'totp'])
  const [first = '', second = ''] = connections
  const set = async (connection: string, status: 'active' | 'disabled') => {
    const { status: code, text } = await owner.client.patch(ofOrganization(id, `/${connection}`), { status })
    expect(code, text).toBe(200)
  }
  return { id, owner, member, first, second, domain, set }
}

/** A token of the member, in the organization. */
async function tokenOf({ member, id }: { member: Person; id: string }) {
  await world.db.tx('system', (tx) =>
    tx.updateTable('sessions').set({ organization_id: id }).where('user_id', '=', member.id).execute(),
  )
  const { data } = await member.client.post(`${API}/auth/token`, {})
  expect([orgOf(data.access_token), await validated(data.access_token)]).toEqual([id, 200])
  return data.access_token as string
}

describe('a token of an organization', () => {
  it('by a connection that is disabled is revoked, although the session has another proof and stays', async () => {
    const of = await requiring()
    await provenBy(of.member, ['password'], of.first, of.id)
    const token = await tokenOf(of)
    await of.set(of.first, 'disabled')
    expect(await validated(token)).toBe(401)
    await world.app.settle()
    const { data } = await of.member.client.post(`${API}/auth/token`, {})
    expect([orgOf(data.access_token), await validated(data.access_token)]).toEqual([undefined, 200])
  })

  it('by a connection that is deleted is revoked too, and stays where another one is added', async () => {
    const of = await requiring()
    await provenBy(of.member, ['password'], of.first, of.id)
    const token = await tokenOf(of)
    const third = { ...OIDC, name: 'Third', status: 'active' }
    const { data } = await of.owner.client.post(ofOrganization(of.id), third)
    expect(await validated(token)).toBe(200)
    await of.owner.client.patch(ofOrganization(of.id, `/${data.id}`), { name: 'Renamed' })
    expect(await validated(token)).toBe(200)
    expect((await of.owner.client.delete(ofOrganization(of.id, `/${of.first}`))).status).toBe(200)
    expect(await validated(token)).toBe(401)
  })

  it('from while no connection was enabled is revoked when one is enabled again', async () => {
    const of = await requiring()
    await of.set(of.first, 'disabled')
    await of.set(of.second, 'disabled')
    const token = await tokenOf(of)
    await of.set(of.second, 'active')
    expect(await validated(token)).toBe(401)
    const { data } = await of.member.client.post(`${API}/auth/token`, {})
    expect(orgOf(data.access_token)).toBeUndefined()
  })

  it('from while there was no verified domain is revoked when one is verified', async () => {
    const of = await requiring()
    expect((await of.owner.client.delete(of.domain.path)).status).toBe(200)
    const token = await tokenOf(of)
    await prove(dns, of.owner, of.id, `again${++count}.example`)
    expect(await validated(token)).toBe(401)
  })

  it('stays where nothing is required, and in a neighbouring organization', async () => {
    const of = await requiring()
    const neighbour = await requiring()
    await provenBy(neighbour.member, ['password'], neighbour.first, neighbour.id)
    const theirs = await tokenOf(neighbour)
    const policy = { sign_in: 'any' }
    expect(
      (await of.owner.client.patch(`${API}/organizations/${of.id}/security-policy`, policy)).status,
    ).toBe(200)
    const token = await tokenOf(of)
    await of.set(of.first, 'disabled')
    await of.set(of.first, 'active')
    await prove(dns, of.owner, of.id, `more${++count}.example`)
    expect([await validated(token), await validated(theirs)]).toEqual([200, 200])
  })
})

describe('break-glass', () => {
  const eventsIn = (id: string) =>
    world.db.tx('system', (tx) =>
      tx
        .selectFrom('audit_events')
        .select(['user_id', 'session_id', 'ip_address'])
        .where('organization_id', '=', id)
        .where('event_type', '=', 'organization.sso.bypassed')
        .execute(),
    )

  it('is recorded before a token is answered that names the organization, also by a refresh token alone', async () => {
    const { id, owner } = await requiring()
    const signedIn = await owner.client.signIn(owner.email, PASSWORD, { tokens: true })
    await provenBy(owner, ['password', 'totp'], undefined, id)
    expect(await eventsIn(id)).toEqual([])
    const all = await Promise.all(
      Array.from({ length: 6 }, () =>
        world.client().post(`${API}/auth/refresh`, { refresh_token: signedIn.data.refresh_token }),
      ),
    )
    for (const { data } of all) expect(orgOf(data.access_token)).toBe(id)
    const session = { user_id: owner.id, session_id: signedIn.data.session.id }
    expect(await eventsIn(id)).toEqual([{ ...session, ip_address: expect.any(String) }])
  })

  it('is not recorded for a member, whose token does not name the organization', async () => {
    const { id, member } = await requiring()
    const signedIn = await member.client.signIn(member.email, PASSWORD, { tokens: true })
    await provenBy(member, ['password', 'totp'], undefined, id)
    const { refresh_token } = signedIn.data
    const { data } = await world.client().post(`${API}/auth/refresh`, { refresh_token })
    expect([orgOf(data.access_token), await eventsIn(id)]).toEqual([undefined, []])
  })
})
