/** By which of an organization's connections its members have to sign in, and which one a refusal names. */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  countingFor,
  MEMBER_CONNECTIONS,
  type Requirable,
  requirableConnections,
} from '../../../core/policies.ts'
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
    const last = (connection: string, how: 'disabled' | 'deleted' = 'disabled') =>
      world.db.tx('system', (tx) => isLastRequiredConnection(tx, connection, how))
    const lastDomain = () => world.db.tx('system', (tx) => isLastRequiredDomain(tx, domainId))
    expect([await last(main), await last(link), await lastDomain()]).toEqual([true, false, true])
    // once it is deleted, the domain leads to the connection of the link
    expect(await last(main, 'deleted')).toBe(false)
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

describe('a connection that a set-up link has made', () => {
  /** A member whose address is of no domain of the organization, who has signed in by a connection. */
  async function outsider(id: string, connection: string, role = 'member') {
    const eve = await world.person()
    await world.db.tx('system', (tx) =>
      tx
        .insertInto('memberships')
        .values({ organization_id: id, user_id: eve.id, role, joined_at: world.clock.now() })
        .execute(),
    )
    await proveByConnection(world, eve, { connection, organization: id })
    return eve
  }
  const bearerOf = async ({ client }: Person, id: string): Promise<Client> => {
    const { data } = await client.post('/api/v1/auth/organization', { organization_id: id })
    client.csrfToken = data.session.csrf_token
    const { access_token } = (await client.post('/api/v1/auth/tokens', {})).data
    return world.client({ headers: { authorization: `Bearer ${access_token}` } })
  }

  it('counts for members whose address it speaks for, and for no owner besides; that of an administrator for all', async () => {
    const { id, owner, member, lead, require, prove } = await company()
    const [link, main] = [await ofLink(id), await connect(world, id)]
    await lead(link)
    expect((await require()).status).toBe(200)
    await prove(main)
    await proveByConnection(world, member, { connection: link, organization: id })
    const eve = await outsider(id, link)
    expect([await answer(member.client, id), await answer(eve.client, id)]).toEqual(['acts', main])
    expect(await answer(owner.client, id)).toBe('acts')
    await prove(link)
    expect(await answer(owner.client, id)).toBe(main)
    for (const one of [member, eve]) {
      await proveByConnection(world, one, { connection: main, organization: id })
      expect(await answer(one.client, id)).toBe('acts')
    }
  })

  it('counts for all where no other one does for them, until an administrator enables one', async () => {
    const { id, owner, member, lead, require, prove } = await company()
    const main = await connect(world, id, { status: 'disabled', provider: 'google' })
    const [link, other] = [await ofLink(id), await ofLink(id)]
    await lead(link)
    await ownDomain(world, id, `leads-${count}.example`)
    const rows = (await owner.client.get(`/api/v1/organizations/${id}/domains`)).data
    await lead(other, rows.find(({ domain }: { domain: string }) => domain.startsWith('leads-')).id)
    expect((await require()).status).toBe(200)
    await prove(link)
    const eve = await outsider(id, other)
    await proveByConnection(world, member, { connection: link, organization: id })
    expect([await answer(owner.client, id), await answer(eve.client, id)]).toEqual(['acts', 'acts'])
    const bearer = await bearerOf(eve, id)
    expect((await bearer.get(`/api/v1/organizations/${id}`)).status).toBe(200)
    // of two of links, each for its own domain
    expect(await answer(member.client, id)).toBe('acts')
    await proveByConnection(world, member, { connection: other, organization: id })
    expect(await answer(member.client, id)).toBe(link)
    await world.clock.advance('2 seconds')
    const path = `/api/v1/organizations/${id}/connections/${main}`
    const enabled = await owner.client.patch(path, { client_id: 'x', client_secret: 'y', status: 'active' })
    expect(enabled.status, enabled.text).toBe(200)
    expect([(await bearer.get('/api/v1/auth/validate')).status, await answer(eve.client, id)]).toEqual([
      401,
      main,
    ])
  })

  it('ceases to count for a member whose address is unverified, at the next request', async () => {
    const administrator = await world.person({ roles: ['super_admin'] })
    const { id, member, lead, require, prove } = await company()
    const [link, main] = [await ofLink(id), await connect(world, id)]
    await lead(link)
    expect((await require()).status).toBe(200)
    await prove(main)
    await proveByConnection(world, member, { connection: link, organization: id })
    const bearer = await bearerOf(member, id)
    await world.clock.advance('2 seconds')
    expect([await answer(member.client, id), (await bearer.get('/api/v1/auth/validate')).status]).toEqual([
      'acts',
      200,
    ])
    const path = `/api/v1/users/${member.id}`
    expect((await administrator.client.patch(path, { is_verified: false })).status).toBe(200)
    expect([await answer(member.client, id), (await bearer.get('/api/v1/auth/validate')).status]).toEqual([
      main,
      401,
    ])
  })

  it('ceases to count for a member whose address is verified, to which another one leads', async () => {
    const administrator = await world.person({ roles: ['super_admin'] })
    const { id, owner, member, lead, require } = await company()
    const [link, other] = [await ofLink(id), await ofLink(id)]
    await lead(link)
    await ownDomain(world, id, `verified-${count}.example`)
    const rows = (await owner.client.get(`/api/v1/organizations/${id}/domains`)).data
    await lead(other, rows.find(({ domain }: { domain: string }) => domain.startsWith('verified-')).id)
    await proveByConnection(world, owner, { connection: link, organization: id })
    expect((await require()).status).toBe(200)
    const verify = (is_verified: boolean) =>
      administrator.client.patch(`/api/v1/users/${member.id}`, { is_verified })
    expect((await verify(false)).status).toBe(200)
    await proveByConnection(world, member, { connection: other, organization: id })
    await world.clock.advance('2 seconds')
    const bearer = await bearerOf(member, id)
    await world.clock.advance('2 seconds')
    expect((await bearer.get('/api/v1/auth/validate')).status).toBe(200)
    expect((await verify(true)).status).toBe(200)
    expect([(await bearer.get('/api/v1/auth/validate')).status, await answer(member.client, id)]).toEqual([
      401,
      link,
    ])
  })

  it('is none that a member has an account at, in the preview of the requirement, where it does not count for them', async () => {
    const { id, owner, member, lead } = await company()
    const [link, main] = [await ofLink(id), await connect(world, id)]
    await lead(link)
    const eve = await outsider(id, link)
    await world.db.tx('system', async (tx) => {
      for (const user_id of [member.id, eve.id])
        await tx
          .insertInto('identities')
          .values({ id: `idn_${user_id.slice(4)}`, user_id, connection_id: link, organization_id: id, scope: id, issuer: 'l', subject: user_id, provider: 'oidc', email: null, email_verified: false, name: null, tokens: null, linked_at: world.clock.now(), last_used_at: null })
          .execute() // biome-ignore format: one row
    })
    const preview = { sign_in: 'sso_required' }
    const { data } = await owner.client.post(`${pathOf(id)}/preview`, preview)
    expect(data.sso).toMatchObject({ must_connect: 2 })
    await world.db.tx('system', (tx) => tx.deleteFrom('connections').where('id', '=', main).execute())
    const alone = (await owner.client.post(`${pathOf(id)}/preview`, preview)).data
    expect(alone.sso).toMatchObject({ must_connect: 1 })
  })

  it('is judged by one rule, in SQL and for rows that were read', async () => {
    const { id, member, domain, lead } = await company()
    const [link, other] = [await ofLink(id), await ofLink(id)]
    const main = await connect(world, id)
    const eve = await outsider(id, link)
    for (const choice of [link, other, main, null])
      for (const status of ['active', 'disabled'] as const)
        for (const verified of [true, false]) {
          await lead(choice)
          const rows = await world.db.tx('system', async (tx) => {
            await tx.updateTable('connections').set({ status }).where('id', '=', main).execute()
            const verified_at = verified ? world.clock.now() : null
            await tx.updateTable('emails').set({ verified_at }).where('user_id', '=', member.id).execute()
            return (
              await sql<{ user_id: string; ids: string[]; all: Requirable }>`
                select m.user_id, ${MEMBER_CONNECTIONS} as ids, ${requirableConnections(sql`m.organization_id`)} as all
                from memberships m where m.organization_id = ${id}`.execute(tx)
            ).rows
          })
          expect(rows).toHaveLength(3)
          for (const { user_id, ids, all } of rows) {
            const of = user_id === member.id && verified ? domain : null
            expect([choice, status, user_id === eve.id, ids]).toEqual([
              choice,
              status,
              user_id === eve.id,
              countingFor(all, of),
            ])
          }
        }
  })
})
