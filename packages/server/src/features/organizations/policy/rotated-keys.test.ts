/** Replacing an API key gives a key that acts in the organization of the old one, so it takes a session that acts there. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { connect, ownDomain, proveByConnection } from '../../../testing/connection-rows.ts'
import { HTML } from '../../../testing/federation.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'
import { actIn, type Company, pathOf, startCompany } from './testing.ts'

const KEYS = '/api/v1/auth/api-keys'
let world: World
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
})
afterAll(() => world.stop())

const keyOf = async (person: Person, organization: string) => {
  await actIn(person, organization)
  const { data } = await person.client.post(KEYS, { name: 'deploy', permissions: ['members:read'] })
  return { id: data.key_id as string, secret: data.api_key as string }
}
const rotate = (client: Client, id: string) => client.post(`${KEYS}/${id}/rotate`, {})
const actsIn = async (secret: string) => {
  const bearer = world.client({ headers: { 'x-api-key': secret } })
  const { status, data } = await bearer.get('/api/v1/auth/validate')
  return [status, data?.organization_id]
}

/** A company that requires sign-in by its connection, with a key of a member from before. */
async function requiring(): Promise<Company & { connection: string; key: { id: string; secret: string } }> {
  const company = await startCompany(world)
  const key = await keyOf(company.admin, company.id)
  const connection = await connect(world, company.id)
  await ownDomain(world, company.id, `${company.id.replace('_', '-')}.example`)
  const { status, text } = await company.owner.client.patch(pathOf(company.id), { sign_in: 'sso_required' })
  expect(status, text).toBe(200)
  return { ...company, connection, key }
}

describe('a key of an organization', () => {
  it('is replaced by no session without the required sign-in, and by one that has it', async () => {
    const { id, admin, connection, key } = await requiring()
    const client = world.client()
    await client.signIn(admin.email, PASSWORD)
    const refused = await rotate(client, key.id)
    expect([refused.status, refused.code]).toEqual([401, 'STEP_UP_REQUIRED'])
    expect(refused.body.error.details).toMatchObject({
      organization_id: id,
      connection,
      methods: ['federation'],
    })
    expect(await actsIn(key.secret)).toEqual([200, id])
    const { data: session } = await client.get('/api/v1/auth/validate')
    await proveByConnection(world, admin, { connection, organization: id, session: session.session_id })
    await world.db.tx('system', async (tx) => {
      // the account's own proof stays beside it
      const row = await tx
        .selectFrom('sessions')
        .select('proofs')
        .where('id', '=', session.session_id)
        .executeTakeFirstOrThrow()
      const at = world.clock.now().toISOString()
      const password = {
        method: 'password',
        amr: ['pwd'],
        factor: 'knowledge',
        phishing_resistant: false,
        at,
      } as const
      await tx
        .updateTable('sessions')
        .set({ proofs: JSON.stringify([...row.proofs, password]) })
        .where('id', '=', session.session_id)
        .execute()
    })
    const replaced = await rotate(client, key.id)
    expect(replaced.status, replaced.text).toBe(201)
    expect(await actsIn(replaced.data.api_key)).toEqual([200, id])
    expect((await actsIn(key.secret))[0]).toBe(401)
  })

  it('is replaced by no session that the provider of another organization has proven, even for a super administrator', async () => {
    const { admin, key } = await requiring()
    const neighbour = await startCompany(world)
    await world.db.tx('system', async (tx) => {
      await tx
        .updateTable('users')
        .set({ roles: ['super_admin'] })
        .where('id', '=', admin.id)
        .execute()
    })
    const connection = await connect(world, neighbour.id)
    const client = world.client()
    await client.signIn(admin.email, PASSWORD)
    const { session_id } = (await client.get('/api/v1/auth/validate')).data
    await proveByConnection(world, admin, { connection, organization: neighbour.id, session: session_id })
    expect((await rotate(client, key.id)).code).toBe('STEP_UP_REQUIRED')
    const other = world.client()
    await other.signIn(admin.email, PASSWORD)
    expect((await rotate(other, key.id)).body.error.details).toMatchObject({ methods: ['federation'] })
  })

  it('leads from its page to the sign-in that is required', async () => {
    const { admin, connection, key } = await requiring()
    const client = world.client()
    await client.signIn(admin.email, PASSWORD)
    const form = { grace: '0' }
    const sent = await client.send('POST', `/account/api-keys/${key.id}/rotate`, form, {
      form: true,
      ...HTML,
    })
    expect([sent.status, sent.headers.get('location')]).toEqual([303, '/step-up'])
    expect((await client.get('/step-up', HTML)).text).toContain(`/api/v1/auth/external/${connection}/`)
  })

  it('is replaced by no member who has to set up a factor', async () => {
    const { id, owner, member } = await startCompany(world)
    const key = await keyOf(member, id)
    const mfa = `/api/v1/organizations/${id}/members/${member.id}/mfa`
    expect((await owner.client.patch(mfa, { mfa: 'required' })).status).toBe(200)
    await world.clock.advance('15 days')
    const client = world.client()
    const { body } = await client.post('/api/v1/auth/login', { email: member.email, password: PASSWORD })
    expect(body.error?.code ?? 'none').toBe('MFA_ENROLMENT_REQUIRED')
    expect((await rotate(client, key.id)).status).toBe(401)
  })

  it('is replaced by no user who has left it', async () => {
    const { id, member } = await startCompany(world)
    const key = await keyOf(member, id)
    expect((await member.client.post(`/api/v1/organizations/${id}/leave`, {})).status).toBe(200)
    const refused = await rotate(member.client, key.id)
    expect([refused.status, refused.body.error.details.reason]).toEqual([409, 'left_organization'])
    expect(refused.body.error.message).toContain('Create a key for what you need, and revoke this one')
    const shown = await member.client.send(
      'POST',
      `/account/api-keys/${key.id}/rotate`,
      { grace: '0' },
      { form: true, ...HTML },
    )
    expect([shown.status, shown.text]).toEqual([
      409,
      expect.stringContaining('Create a key for what you need'),
    ])
    expect((await member.client.delete(`${KEYS}/${key.id}`)).status).toBe(200)
  })
})

it('a key that acts in no organization is replaced by any recent sign-in to the account', async () => {
  const [person] = (await world.people(1)) as [Person]
  const { data } = await person.client.post(KEYS, { name: 'own', permissions: [] })
  expect((await rotate(person.client, data.key_id)).status).toBe(201)
})
