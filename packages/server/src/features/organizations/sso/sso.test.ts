/** Required sign-in by an organization's connection: switching it on, who acts, break-glass, and what happens when it lapses. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kindOf } from '../../../base/assurance.ts'
import { newId } from '../../../base/ids.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { connect, ownDomain, proveByConnection } from '../../../testing/connection-rows.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'
import { enrolFactor } from '../policy/testing.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
})
afterAll(() => world.stop())

let count = 0
const codeOf = ({ status, body }: Reply) => [status, body.error?.code]
const detailsOf = ({ body }: Reply) => body.error?.details
const policyOf = (id: string) => `/api/v1/organizations/${id}/security-policy`
const required = { sign_in: 'sso_required' }

interface Company {
  id: string
  owner: Person
  second: Person
  member: Person
}

async function startCompany(): Promise<Company> {
  const [owner, second, member] = (await world.people(3)) as [Person, Person, Person]
  const id = await world.organization({
    members: [
      [owner, 'owner'],
      [second, 'owner'],
      [member, 'member'],
    ],
  })
  return { id, owner, second, member }
}

const update = (connection: string, fields: object) =>
  world.db.tx('system', (tx) =>
    tx.updateTable('connections').set(fields).where('id', '=', connection).execute(),
  )

/** A company that requires its connection. */
async function requiring(): Promise<Company & { connection: string; forgetDomain: () => Promise<void> }> {
  const of = await startCompany()
  const connection = await connect(world, of.id)
  const forgetDomain = await ownDomain(world, of.id, `s${++count}.example`)
  expect((await of.owner.client.patch(policyOf(of.id), required)).status).toBe(200)
  return { ...of, connection, forgetDomain }
}

const read = ({ client }: Person, id: string) => client.get(`/api/v1/organizations/${id}`)
const validated = async (client: Client) => (await client.get('/api/v1/auth/validate')).data?.organization_id
const eventsIn = (id: string) =>
  world.db.tx('system', (tx) =>
    tx
      .selectFrom('audit_events')
      .select(['event_type', 'user_id', 'session_id'])
      .where('organization_id', '=', id)
      .where('event_type', 'like', 'organization.sso.%')
      .orderBy('id')
      .execute(),
  )
const mailsAbout = async (to: Person, subject: string) =>
  (await world.mailbox.emailsTo(to.email)).filter((one) => one.subject.includes(subject))
/** The person's sessions are of the password and an app. */
const proveTwo = ({ id }: Person) =>
  world.db.tx('system', (tx) => {
    const at = world.clock.now().toISOString()
    const proofs = (['password', 'totp'] as const).map((method) => ({
      method,
      ...kindOf(method),
      ...(method === 'totp' && { established: true }),
      at,
    }))
    return tx
      .updateTable('sessions')
      .set({ proofs: JSON.stringify(proofs), acr: 'aal2', amr: ['pwd', 'otp', 'mfa'] })
      .where('user_id', '=', id)
      .execute()
  })

/** An account of a user at a connection. */
const identify = (user: Person, connection: string, organization: string) =>
  world.db.tx('system', (tx) =>
    tx
      .insertInto('identities')
      .values({
        id: newId('idn'),
        user_id: user.id,
        connection_id: connection,
        organization_id: organization,
        scope: organization,
        issuer: 'https://idp.example',
        subject: user.id,
        provider: 'oidc',
        email: user.email,
        email_verified: true,
        name: null,
        tokens: null,
        linked_at: world.clock.now(),
        last_used_at: null,
      })
      .execute(),
  )

describe('the review before it is required', () => {
  const FORM = {
    mode: 'disabled',
    grace_days: '14',
    notify_days_before: '7',
    session_absolute: '',
    profile: 'server',
    allow_totp: 'true',
    allow_passkey: 'true',
    sign_in: 'sso_required',
    version: '0',
  }
  const review = async (
    { client }: Person,
    id: string,
    fields: Record<string, string> = {},
    language = 'en',
  ) => {
    const headers = { accept: 'text/html', 'accept-language': language }
    const sent = { csrf_token: client.csrfToken ?? '', ...FORM, ...fields }
    return await client.post(`/account/organizations/${id}/security/review`, sent, { headers, form: true })
  }
  const previewed = async ({ client }: Person, id: string, fields: object = required) =>
    (await client.post(`${policyOf(id)}/preview`, fields)).data

  it('counts who cannot sign in by the connection yet, and says how owners get in without it', async () => {
    const { id, owner, second, member } = await startCompany()
    const connection = await connect(world, id, { name: 'Engine SSO' })
    const other = await startCompany()
    const elsewhere = await connect(world, other.id)
    await ownDomain(world, id, 'xn--mnchen-3ya.example')
    const local = await world.person({ email: 'ida@xn--mnchen-3ya.example' })
    const outside = await world.person({ email: 'ole@outside.example' })
    await world.db.tx('system', (tx) =>
      tx
        .insertInto('memberships')
        .values(
          [local, outside].map((user) => ({
            organization_id: id,
            user_id: user.id,
            role: 'member',
            joined_at: world.clock.now(),
          })),
        )
        .execute(),
    )
    await identify(owner, connection, id)
    // an account at a connection of another organization is none of this one
    await identify(second, elsewhere, other.id)
    await enrolFactor(world, owner, 'totp')
    await proveTwo(owner)
    const confirmed_at = new Date(world.clock.now().getTime() - 86_400_000)
    await world.db.tx('system', (tx) =>
      tx.updateTable('factors').set({ confirmed_at }).where('user_id', '=', owner.id).execute(),
    )
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('sessions')
        .set({ organization_id: id })
        .where('user_id', 'in', [second.id, member.id])
        .execute(),
    )

    const { sso } = await previewed(owner, id)
    expect(sso).toEqual({
      connections: ['Engine SSO'],
      must_connect: 4,
      other_address: 3,
      owners: 2,
      owners_without_factor: 1,
      owners_waiting: 0,
      owners_ready_at: null,
    })
    expect((await previewed(owner, id, { mode: 'optional' })).sso).toBeNull()

    const { status, text } = await review(owner, id)
    expect(status).toBe(200)
    expect(text).toContain('members have to sign in by: Engine SSO.')
    expect(text).toContain('Of 5 people 4 have not signed in that way yet.')
    expect(text).toContain('3 of them have no address at your verified domains')
    expect(text).toContain('If the provider fails, owners can sign in with a password or a passkey')
    expect(text).toContain('One of 2 owners has no second factor')
    expect(text).toContain('2 people lose access in their open sessions until they have signed in that way.')
    // the mode is not changed: factors that are not required are not mentioned
    expect(text).not.toContain('set up a second factor')
    expect((await review(owner, id, { mode: 'require_any' })).text).toContain(
      'Of 5 people 4 would have to set up a second factor',
    )
    expect((await review(owner, id, {}, 'de')).text).toContain(
      'Von 5 Personen haben sich 4 noch nicht so angemeldet.',
    )
  })

  it('warns where no owner could sign in without the provider, and tells what its end means', async () => {
    const { id, owner } = await startCompany()
    const connection = await connect(world, id)
    await ownDomain(world, id, `r${++count}.example`)
    const { text } = await review(owner, id)
    expect(text).toContain('No owner has a second factor')
    expect(text).toContain('href="/account/security"')
    expect((await owner.client.patch(policyOf(id), required)).status).toBe(200)
    await proveByConnection(world, owner, { connection, organization: id })
    const ending = await review(owner, id, { sign_in: 'any', version: '1' })
    expect(ending.text).toContain('Members may sign in by any method again.')
    // what stays in force is not repeated
    const kept = await review(owner, id, { grace_days: '3', version: '1' })
    expect([kept.status, kept.text]).toEqual([200, expect.stringContaining('Change the security policy?')])
    expect(kept.text).not.toContain('members have to sign in')
  })
})

describe('the removal of a domain', () => {
  it('says before the last verified one is removed that the sign-in is not required any more', async () => {
    const of = await requiring()
    await proveTwo(of.owner)
    const { owner, id } = of
    const domains = (await owner.client.get(`/api/v1/organizations/${id}/domains`)).data
    const question = async (domain: string) => {
      const headers = { accept: 'text/html' }
      const page = `/account/organizations/${id}/domains/${domain}/remove`
      const { status, text } = await owner.client.get(page, { headers })
      expect([status, text]).toEqual([
        200,
        expect.stringContaining('Another organization may verify the domain.'),
      ])
      return text
    }
    expect(await question(domains[0].id)).toContain('This is the last verified domain.')
    const forget = await ownDomain(world, id, `again${++count}.example`)
    expect(await question(domains[0].id)).not.toContain('This is the last verified domain.')
    await forget()
    const unproven = await ownDomain(world, id, `not${++count}.example`, { isVerified: false })
    expect(await question(domains[0].id)).toContain('This is the last verified domain.')
    await unproven()
    expect((await owner.client.patch(policyOf(id), { sign_in: 'any' })).status).toBe(200)
    expect(await question(domains[0].id)).not.toContain('This is the last verified domain.')
  })
})

describe('the policy', () => {
  it('requires a connection that is active and tested, and a proven domain', async () => {
    const { id, owner } = await startCompany()
    const refused = async () => {
      const reply = await owner.client.put(policyOf(id), required)
      const preview = await owner.client.post(`${policyOf(id)}/preview`, required)
      expect(preview.status).toBe(reply.status)
      return [reply.status, detailsOf(reply)?.[0]?.code, detailsOf(reply)?.[0]?.message]
    }
    expect(await refused()).toEqual([400, 'unavailable', expect.stringContaining('no active')])
    const connection = await connect(world, id, { status: 'draft' })
    expect(await refused()).toEqual([400, 'unavailable', expect.stringContaining('no active')])
    await update(connection, { status: 'active', tested_at: null })
    expect(await refused()).toEqual([400, 'unavailable', expect.stringContaining('tested')])
    await update(connection, { tested_at: world.clock.now() })
    const unproven = await ownDomain(world, id, 'unproven.example', { isVerified: false })
    expect(await refused()).toEqual([400, 'unavailable', expect.stringContaining('domain')])
    await unproven()
    await ownDomain(world, id, 'proven.example')
    const set = await owner.client.put(policyOf(id), required)
    expect(set.data).toMatchObject({ sign_in: 'sso_required', sign_in_lapsed_at: null })
    // what is in force is not judged again by other changes
    await update(connection, { tested_at: null })
    await proveByConnection(world, owner, { connection, organization: id })
    expect((await owner.client.patch(policyOf(id), { grace_days: 3 })).status).toBe(200)
  })

  it('is not met by the connection or the domain of a neighbour, nor by one of the server', async () => {
    const [of, neighbour] = [await startCompany(), await startCompany()]
    await connect(world, neighbour.id)
    await connect(world, null)
    await ownDomain(world, neighbour.id, 'neighbour.example')
    expect((await of.owner.client.patch(policyOf(of.id), required)).status).toBe(400)
    await connect(world, of.id)
    expect((await of.owner.client.patch(policyOf(of.id), required)).status).toBe(400)
  })

  it('is for those who may change it, and counts before who loses a session', async () => {
    const { id, owner, member } = await startCompany()
    const [stranger] = (await world.people(1)) as [Person]
    await connect(world, id)
    await ownDomain(world, id, 'counted.example')
    expect((await member.client.patch(policyOf(id), required)).status).toBe(403)
    expect((await stranger.client.patch(policyOf(id), required)).status).toBe(404)
    await owner.client.post('/api/v1/auth/organization', { organization_id: id })
    const { data } = await owner.client.post(`${policyOf(id)}/preview`, required)
    expect(data.loses_session).toBeGreaterThan(0)
  })
})

describe('a session', () => {
  it('without the connection does not act there, learns where to sign in, and does afterwards', async () => {
    const { id, member, connection } = await requiring()
    const refused = await read(member, id)
    expect(codeOf(refused)).toEqual([401, 'STEP_UP_REQUIRED'])
    expect(detailsOf(refused)).toEqual({
      methods: ['federation'],
      connection,
      authorize_url: `${world.app.tools.config.publicUrl}/api/v1/auth/external/${connection}/authorize`,
      organization_id: id,
    })
    expect(await validated(member.client)).toBeNull()
    const stepUp = await member.client.post('/api/v1/auth/step-up', { organization_id: id })
    expect(stepUp.data.methods).toEqual(['federation'])
    // the password is no way round
    const proven = await member.client.post('/api/v1/auth/mfa/verify', {
      attempt: stepUp.data.attempt,
      method: 'password',
      password: PASSWORD,
    })
    expect(proven.status).toBe(400)
    await proveByConnection(world, member, { connection, organization: id })
    await member.client.post('/api/v1/auth/organization', { organization_id: id })
    expect(await validated(member.client)).toBe(id)
    expect((await read(member, id)).status).toBe(200)
  })

  it('by a connection of the server, of a neighbour, or by one that is disabled does not act there', async () => {
    const { id, member, connection } = await requiring()
    const neighbour = await requiring()
    const server = await connect(world, null)
    for (const by of [
      { connection: server },
      { connection: neighbour.connection, organization: neighbour.id },
      { connection, organization: neighbour.id },
    ]) {
      await proveByConnection(world, member, by)
      expect((await read(member, id)).code).toBe('STEP_UP_REQUIRED')
    }
    const other = await connect(world, id)
    await proveByConnection(world, member, { connection: other, organization: id })
    expect((await read(member, id)).status).toBe(200)
    await update(other, { status: 'disabled' })
    expect((await read(member, id)).code).toBe('STEP_UP_REQUIRED')
  })

  it('stops and acts at the next request as connections and domains change', async () => {
    const { id, member, connection, forgetDomain } = await requiring()
    await member.client.post('/api/v1/auth/organization', { organization_id: id })
    const acting = async () => {
      await member.client.post('/api/v1/auth/organization', { organization_id: id })
      return (await validated(member.client)) === id
    }
    expect(await acting()).toBe(false)
    await update(connection, { status: 'disabled' })
    expect(await acting()).toBe(true)
    await update(connection, { status: 'active' })
    expect(await validated(member.client)).toBeNull()
    await forgetDomain()
    expect(await acting()).toBe(true)
    await ownDomain(world, id, `again${++count}.example`)
    expect(await validated(member.client)).toBeNull()
    await world.db.tx('system', (tx) => tx.deleteFrom('connections').where('id', '=', connection).execute())
    expect(await acting()).toBe(true)
  })

  it('of a member whom second factors exempt is not exempt', async () => {
    const { id, member, owner, connection } = await requiring()
    await proveByConnection(world, owner, { connection, organization: id })
    const exempt = await owner.client.patch(`/api/v1/organizations/${id}/members/${member.id}/mfa`, {
      mfa: 'exempt',
    })
    expect(exempt.status).toBe(200)
    expect((await read(member, id)).code).toBe('STEP_UP_REQUIRED')
  })
})

describe('break-glass', () => {
  it('is for owners with a second factor, is recorded once for each session, and told to the others', async () => {
    const { id, owner, second, member } = await requiring()
    expect(detailsOf(await read(owner, id))?.methods).toEqual(['federation'])
    await proveTwo(owner)
    await proveTwo(member)
    expect((await read(member, id)).code).toBe('STEP_UP_REQUIRED')
    const all = await Promise.all(Array.from({ length: 20 }, () => read(owner, id)))
    expect(all.every(({ status }) => status === 200)).toBe(true)
    await owner.client.post('/api/v1/auth/organization', { organization_id: id })
    expect(await validated(owner.client)).toBe(id)
    const events = await eventsIn(id)
    expect(events.map(({ event_type, user_id }) => [event_type, user_id])).toEqual([
      ['organization.sso.bypassed', owner.id],
    ])
    expect(events[0]?.session_id).toMatch(/^ses_/)
    expect(await mailsAbout(second, 'without your identity provider')).toHaveLength(1)
    expect(await mailsAbout(owner, 'without your identity provider')).toHaveLength(0)
    expect(await mailsAbout(member, 'without your identity provider')).toHaveLength(0)
  })

  it('is recorded too where the session acts at another service alone', async () => {
    const { id, owner } = await requiring()
    await owner.client.signIn(owner.email, PASSWORD)
    await proveTwo(owner)
    await world.db.tx('system', (tx) =>
      tx.updateTable('sessions').set({ organization_id: id }).where('user_id', '=', owner.id).execute(),
    )
    expect(await validated(owner.client)).toBe(id)
    await validated(owner.client)
    expect(await eventsIn(id)).toHaveLength(1)
  })

  it('costs no further statement once it is recorded', async () => {
    const { id, owner } = await requiring()
    await proveTwo(owner)
    expect((await read(owner, id)).status).toBe(200)
    const recorded = async (statement: string) =>
      await world.db.asOwner(async (line) => {
        const { rows } = await line.plain(
          `${statement} latchkey.sso_bypasses where organization_id = '${id}'`,
        )
        return rows.length
      })
    expect(await recorded('select 1 as one from')).toBe(1)
    // where it were not remembered, the next request would write it again
    await recorded('delete from')
    for (let n = 0; n < 5; n++) expect((await read(owner, id)).status).toBe(200)
    expect(await recorded('select 1 as one from')).toBe(0)
  })

  it('is offered in a step-up as a password with a second factor, beside the provider', async () => {
    const { id, owner } = await requiring()
    const enrolledAt = new Date(world.clock.now().getTime() - 86_400_000)
    await world.db.tx('system', (tx) =>
      tx
        .insertInto('factors')
        .values({
          id: `fac_${owner.id.slice(4)}`,
          user_id: owner.id,
          kind: 'totp',
          name: null,
          created_at: enrolledAt,
          confirmed_at: enrolledAt,
          last_used_at: null,
        })
        .execute(),
    )
    // the session has the password already
    expect(detailsOf(await read(owner, id))?.methods).toEqual(['totp', 'federation'])
    expect((await owner.client.post('/api/v1/auth/step-up', { organization_id: id })).data.methods).toEqual([
      'totp',
      'federation',
    ])
  })
})

describe('the requirement', () => {
  it('lapses without the connection, which owners learn once, and holds again with it', async () => {
    const { id, owner, member, connection } = await requiring()
    await update(connection, { status: 'disabled' })
    await world.clock.advance('2 minutes')
    await world.app.settle()
    expect((await eventsIn(id)).map(({ event_type }) => event_type)).toEqual(['organization.sso.lapsed'])
    expect(await mailsAbout(owner, 'can sign in without')).toHaveLength(1)
    expect(await mailsAbout(member, 'can sign in without')).toHaveLength(0)
    expect((await owner.client.get(policyOf(id))).data.sign_in_lapsed_at).not.toBeNull()
    const page = await owner.client.get(`/account/organizations/${id}/security`, {
      headers: { accept: 'text/html' },
    })
    expect(page.text).toContain('is not enforced')
    await world.clock.advance('2 minutes')
    await world.app.settle()
    expect(await mailsAbout(owner, 'can sign in without')).toHaveLength(1)
    await update(connection, { status: 'active' })
    await world.clock.advance('2 minutes')
    await world.app.settle()
    expect((await eventsIn(id)).map(({ event_type }) => event_type)).toEqual([
      'organization.sso.lapsed',
      'organization.sso.resumed',
    ])
    expect((await read(member, id)).code).toBe('STEP_UP_REQUIRED')
  })
})
