/** By which of an organization's connections its members have to sign in, and which one a refusal names. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { connect, ownDomain, proveByConnection } from '../../../testing/connection-rows.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { isLastRequiredConnection, isLastRequiredDomain } from '../sso/index.ts'
import { pathOf } from './testing.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
})
afterAll(() => world.stop())

let count = 0

/** An organization with an owner and a member, whose address is of its domain. */
async function company() {
  const domain = `required${++count}.example`
  const [owner] = (await world.people(1)) as [Person]
  const member = await world.person({ email: `ada@${domain}` })
  const id = await world.organization({
    members: [
      [owner, 'owner'],
      [member, 'admin'],
    ],
  })
  await ownDomain(world, id, domain, { addedBy: owner.id })
  const domainId = (await owner.client.get(`/api/v1/organizations/${id}/domains`)).data[0].id as string
  const lead = async (connection: string | null, of = domainId) => {
    const path = `/api/v1/organizations/${id}/domains/${of}`
    const { status, text } = await owner.client.patch(path, { connection_id: connection })
    expect(status, text).toBe(200)
  }
  const require = () => owner.client.patch(pathOf(id), { sign_in: 'sso_required' })
  /** The owner has signed in by the connection, so that they act after it is required. */
  const prove = (connection: string) => proveByConnection(world, owner, { connection, organization: id })
  return { id, owner, member, domain, domainId, lead, require, prove }
}
const ofLink = (id: string) => connect(world, id, { origin: 'setup_link' })
const answer = async (client: Client, id: string) => {
  const { status, body } = await client.get(`/api/v1/organizations/${id}`)
  return status === 200 ? 'acts' : (body.error?.details.connection ?? body.error?.code)
}

describe('the sign-in that is required', () => {
  it('is not by a connection of a set-up link to which no domain leads, also an older one', async () => {
    const { id, member, lead, require, prove } = await company()
    const link = await ofLink(id)
    const main = await connect(world, id)
    await lead(main)
    expect((await require()).status).toBe(200)
    await prove(main)
    expect(await answer(member.client, id)).toBe(main)
    await proveByConnection(world, member, { connection: link, organization: id })
    expect(await answer(member.client, id)).toBe(main)
    // once the domain leads to it, it is
    await lead(link)
    expect(await answer(member.client, id)).toBe('acts')
    await lead(main)
    expect(await answer(member.client, id)).toBe(main)
  })

  it('cannot be required while only such a connection is active', async () => {
    const { id, lead, require, owner } = await company()
    const main = await connect(world, id, { status: 'disabled' })
    await lead(main)
    await ofLink(id)
    const { status, body } = await require()
    expect([status, body.error.code]).toEqual([400, 'VALIDATION_ERROR'])
    expect(JSON.stringify(body.error.details)).toContain('no active sign-in connection')
    await lead(null)
    expect((await owner.client.patch(pathOf(id), { sign_in: 'sso_required' })).status).toBe(200)
  })

  it('names the connection to which the domain of the member leads, then one where they have an account', async () => {
    const { id, owner, member, lead, require } = await company()
    const [first, second] = [await connect(world, id), await connect(world, id)]
    await lead(second)
    expect((await require()).status).toBe(200)
    expect(await answer(member.client, id)).toBe(second)
    // the owner's address is of no domain of the organization
    expect(await answer(owner.client, id)).toBe(first)
    const identity = {
      issuer: 'x',
      subject: owner.id,
      provider: 'oidc',
      email: null,
      email_verified: false,
      name: null,
      tokens: null,
    }
    await world.db.tx('system', (tx) =>
      tx
        .insertInto('identities')
        .values({ ...identity, id: `idn_${owner.id.slice(4)}`, user_id: owner.id, connection_id: second, organization_id: id, scope: id, linked_at: world.clock.now(), last_used_at: null })
        .execute(),
    ) // biome-ignore format: one row
    expect(await answer(owner.client, id)).toBe(second)
  })

  it('lapses with the last connection or domain that counts', async () => {
    const { id, domainId, lead, require, prove } = await company()
    const main = await connect(world, id)
    const link = await ofLink(id)
    await lead(main)
    expect((await require()).status).toBe(200)
    await prove(main)
    const last = (connection: string) =>
      world.db.tx('system', (tx) => isLastRequiredConnection(tx, connection))
    const lastDomain = () => world.db.tx('system', (tx) => isLastRequiredDomain(tx, domainId))
    expect([await last(main), await last(link), await lastDomain()]).toEqual([true, false, true])
    // without the choice, the domain leads to the connection of the link once the main one is disabled
    await lead(null)
    expect([await last(main), await last(link)]).toEqual([false, false])
    await ownDomain(world, id, `second-${count}.example`)
    expect(await lastDomain()).toBe(false)
  })

  it('ends the access tokens of sessions by a connection that counts no longer', async () => {
    const { id, member, lead, require, prove } = await company()
    const link = await ofLink(id)
    const main = await connect(world, id)
    await lead(link)
    expect((await require()).status).toBe(200)
    await prove(main)
    await proveByConnection(world, member, { connection: link, organization: id })
    const { data } = await member.client.post('/api/v1/auth/organization', { organization_id: id })
    member.client.csrfToken = data.session.csrf_token
    const { access_token } = (await member.client.post('/api/v1/auth/tokens', {})).data
    const bearer = world.client({ headers: { authorization: `Bearer ${access_token}` } })
    expect((await bearer.get(`/api/v1/organizations/${id}`)).status).toBe(200)
    await world.clock.advance('2 seconds')
    await lead(main)
    expect((await bearer.get('/api/v1/auth/validate')).status).toBe(401)
  })
})
