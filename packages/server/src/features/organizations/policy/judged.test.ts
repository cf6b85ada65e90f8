/**
 * A session acts only in organizations whose policy it meets: by the clock, by what was proven, at every check of a
 * credential, at rows about the organization, at switching and at sign-in.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deleteFactor } from '../../../core/factors/index.ts'
import { Authenticator, addPasskey } from '../../../testing/authenticator.ts'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'
import { actIn, type Company, enrolFactor, pathOf, proveFactor, startCompany } from './testing.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
})
afterAll(() => world.stop())

const set = async ({ id, owner }: Company, change: object) => {
  const reply = await owner.client.patch(pathOf(id), change)
  expect(reply.status, reply.text).toBe(200)
}
/** A company whose owner has a factor and has proven it, and a member whose session lasts and acts in it. */
async function company(change: object): Promise<Company> {
  const made = await startCompany(world)
  await enrolFactor(world, made.owner, 'passkey')
  await proveFactor(world, made.owner, 'passkey')
  await made.member.client.signIn(made.member.email, PASSWORD, { remember_me: true })
  await set(made, change)
  return made
}
/** The person's sessions have proven nothing, as sessions of earlier versions. */
const forgetProofs = ({ id }: Person) =>
  world.db.tx('system', (tx) =>
    tx.updateTable('sessions').set({ proofs: '[]', acr: 'aal1' }).where('user_id', '=', id).execute(),
  )
const actsIn = async (client: Client) => (await client.get('/api/v1/auth/validate')).data?.organization_id
const codeOf = ({ status, body }: Reply) => [status, body.error?.code]
const detailsOf = ({ body }: Reply) => body.error?.details ?? {}
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

describe('a session from before the due date', () => {
  it('acts in the organization through weeks of grace, and loses it without a write', async () => {
    const of = await company({ mode: 'require_any', grace_days: 21 })
    const { id, member } = of
    for (let week = 0; week < 3; week++) {
      expect(await actsIn(member.client), `week ${week}`).toBe(id)
      expect((await member.client.get(`/api/v1/organizations/${id}`)).status).toBe(200)
      for (let day = 0; day < 7; day++) {
        if (week === 2 && day === 6) break
        await world.clock.advance('1 day')
        await member.client.get('/api/v1/auth/me')
      }
    }
    expect(await actsIn(member.client)).toBe(id)
    const before = await world.db.tx('system', (tx) =>
      tx.selectFrom('sessions').select(['organization_id', 'acr']).where('user_id', '=', member.id).execute(),
    )
    await world.clock.advance('1 day')
    expect(await actsIn(member.client)).toBeNull()
    expect((await member.client.get('/api/v1/auth/me')).status).toBe(200)
    const after = await world.db.tx('system', (tx) =>
      tx.selectFrom('sessions').select(['organization_id', 'acr']).where('user_id', '=', member.id).execute(),
    )
    expect(after).toEqual(before)
  })

  it('is answered 403 with an attempt about the organization, and is suspended from then on', async () => {
    const of = await company({ mode: 'require_any', grace_days: 1 })
    const { id, owner, member } = of
    await world.clock.advance('1 day')
    const stateOf = async () =>
      (await member.client.get('/api/v1/users/me/mfa-compliance')).data.organizations[0].state
    expect(await stateOf()).toBe('past_due')
    const refused = await member.client.get(`/api/v1/organizations/${id}`)
    expect(codeOf(refused)).toEqual([403, 'MFA_ENROLMENT_REQUIRED'])
    expect(detailsOf(refused)).toMatchObject({ organization_id: id, methods: ['passkey', 'totp'] })
    const attempt = String(detailsOf(refused).attempt)
    const shown = await member.client.get(`/api/v1/auth/attempts/${attempt}`)
    expect(shown.data.step).toBe('prove')
    // to another session the attempt does not exist
    expect((await owner.client.get(`/api/v1/auth/attempts/${attempt}`)).status).toBe(404)
    // the password again, because the last proof is a day old; then the factor
    const proven = await member.client.post('/api/v1/auth/mfa/verify', {
      attempt,
      method: 'password',
      password: PASSWORD,
    })
    expect(codeOf(proven)).toEqual([403, 'MFA_ENROLMENT_REQUIRED'])
    expect(await stateOf()).toBe('suspended')
    const events = (await world.events(member.id)).filter((type) => type.endsWith('mfa_stopped'))
    await member.client.get(`/api/v1/organizations/${id}`)
    expect((await world.events(member.id)).filter((type) => type.endsWith('mfa_stopped'))).toEqual(events)
    expect(events).toHaveLength(1)
    // pages lead to the step-up, which leads to the enrolment
    const page = await member.client.get(`/account/organizations/${id}`, { headers: { accept: 'text/html' } })
    expect([page.status, page.headers.get('location')]).toEqual([303, '/step-up'])
    // leaving is possible in any case
    expect((await member.client.post(`/api/v1/organizations/${id}/leave`)).status).toBe(200)
  })

  it('is no longer stopped once the factor is set up, which is recorded in the organization', async () => {
    const of = await company({ mode: 'require_totp', grace_days: 0, allowed_methods: ['totp'] })
    const { id, member } = of
    expect((await member.client.get(`/api/v1/organizations/${id}`)).code).toBe('MFA_ENROLMENT_REQUIRED')
    const stopped = async () =>
      await world.db.tx('system', (tx) =>
        tx
          .selectFrom('memberships')
          .select('mfa_stopped_at')
          .where('organization_id', '=', id)
          .where('user_id', '=', member.id)
          .executeTakeFirstOrThrow(),
      )
    expect((await stopped()).mfa_stopped_at).not.toBeNull()
    // another factor than the one that is demanded
    await addPasskey(member.client, new Authenticator())
    expect((await stopped()).mfa_stopped_at).not.toBeNull()
    await enrolAuthenticator(world, member.client)
    expect((await stopped()).mfa_stopped_at).toBeNull()
    await enrolAuthenticator(world, member.client)
    const events = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('audit_events')
        .select(['organization_id', 'details'])
        .where('event_type', '=', 'organization.member.mfa_enrolled')
        .where('user_id', '=', member.id)
        .execute(),
    )
    expect(events).toEqual([{ organization_id: id, details: { kind: 'totp' } }])
  })

  it('enrols at once with a recent proof', async () => {
    const of = await company({ mode: 'require_any', grace_days: 0 })
    const refused = await of.member.client.get(`/api/v1/organizations/${of.id}`)
    const shown = await of.member.client.get(`/api/v1/auth/attempts/${detailsOf(refused).attempt}`)
    expect(shown.data.step).toBe('enrol')
  })

  it('acts again once a factor is enrolled and proven, and not with another one', async () => {
    const of = await company({ mode: 'require_passkey', grace_days: 0, allowed_methods: ['passkey'] })
    const { id, member } = of
    expect(await actsIn(member.client)).toBeNull()
    await enrolFactor(world, member, 'totp')
    await proveFactor(world, member, 'totp')
    expect(await actsIn(member.client)).toBeNull()
    await enrolFactor(world, member, 'passkey')
    const weak = await member.client.get(`/api/v1/organizations/${id}`)
    expect(codeOf(weak)).toEqual([401, 'STEP_UP_REQUIRED'])
    expect(detailsOf(weak)).toEqual({ acr: 'aal2-phr', methods: ['passkey'], organization_id: id })
    await proveFactor(world, member, 'passkey')
    expect(await actsIn(member.client)).toBe(id)
    expect((await member.client.get(`/api/v1/organizations/${id}`)).status).toBe(200)
  })

  it('by the password alone does not act where its user has a factor, also within the days of grace', async () => {
    const { id, member } = await company({ mode: 'require_any', grace_days: 30 })
    expect(await actsIn(member.client)).toBe(id)
    await enrolFactor(world, member, 'totp')
    expect(await actsIn(member.client)).toBeNull()
    const refused = await member.client.get(`/api/v1/organizations/${id}`)
    expect(detailsOf(refused)).toEqual({ acr: 'aal2', methods: ['totp'], organization_id: id })
    await proveFactor(world, member)
    expect(await actsIn(member.client)).toBe(id)
  })

  it('follows changes of policy, override and factors at the next request', async () => {
    const of = await company({ mode: 'optional' })
    const { id, owner, member } = of
    const override = (mfa: string) => owner.client.patch(pathOf(id, `members/${member.id}/mfa`), { mfa })
    expect(await actsIn(member.client)).toBe(id)
    await set(of, { mode: 'require_any', grace_days: 0 })
    expect(await actsIn(member.client)).toBeNull()
    expect((await override('exempt')).status).toBe(200)
    expect(await actsIn(member.client)).toBe(id)
    await set(of, { mode: 'disabled' })
    await override('required')
    expect(await actsIn(member.client)).toBeNull()
    await override('inherit')
    expect(await actsIn(member.client)).toBe(id)
    await override('force_totp')
    const factor = await enrolFactor(world, member, 'totp')
    await proveFactor(world, member)
    expect(await actsIn(member.client)).toBe(id)
    await world.db.tx('system', (tx) => deleteFactor(tx, member.id, factor.id))
    expect(await actsIn(member.client)).toBeNull()
  })
})

describe('the policy of one organization', () => {
  it('has no effect in another, nor on administrators of the server', async () => {
    const of = await company({ mode: 'require_any', grace_days: 0 })
    const { id, member } = of
    const other = await world.organization({ name: 'Other', members: [[member, 'owner']] })
    await actIn(member, other)
    expect(await actsIn(member.client)).toBe(other)
    expect((await member.client.get(`/api/v1/organizations/${other}`)).status).toBe(200)
    expect((await member.client.get(`/api/v1/organizations/${id}`)).status).toBe(403)
    const [root] = (await world.people([{ roles: ['super_admin'] }])) as [Person]
    expect((await root.client.get(`/api/v1/organizations/${id}/members`)).status).toBe(200)
  })

  it('is required of a member with a role at the server, for what that role does not permit', async () => {
    const of = await company({ mode: 'optional' })
    const { id, owner } = of
    const [root] = (await world.people([{ roles: ['super_admin'] }])) as [Person]
    const role = { name: 'organization_reader', permissions: ['organizations:read'] }
    expect((await root.client.post('/api/v1/roles', role)).status).toBe(201)
    await root.client.patch(`/api/v1/users/${owner.id}`, { role: role.name })
    const path = `/api/v1/organizations/${id}`
    expect((await owner.client.patch(path, { name: 'Engines' })).status).toBe(200)
    await set(of, { mode: 'require_any', grace_days: 0 })
    await forgetProofs(owner)
    expect((await owner.client.get(`${path}/members`)).status).toBe(200)
    const refused = await owner.client.patch(path, { name: 'Motors' })
    expect([codeOf(refused), detailsOf(refused)]).toMatchObject([
      [401, 'STEP_UP_REQUIRED'],
      { acr: 'aal2', methods: ['passkey'], organization_id: id },
    ])
    await proveFactor(world, owner, 'passkey')
    expect((await owner.client.patch(path, { name: 'Motors' })).status).toBe(200)
  })

  it('is required of the owner who restores it; for others it does not exist', async () => {
    const { id, owner, admin } = await company({ mode: 'require_any', grace_days: 0 })
    expect((await owner.client.delete(`/api/v1/organizations/${id}`)).status).toBe(200)
    await forgetProofs(owner)
    const restore = ({ client }: Person) => client.post(`/api/v1/organizations/${id}/restore`)
    expect((await restore(admin)).status).toBe(404)
    expect(codeOf(await restore(owner))).toEqual([401, 'STEP_UP_REQUIRED'])
    await proveFactor(world, owner, 'passkey')
    expect((await restore(owner)).status).toBe(200)
  })

  it('is listed for its members in any case, and does not disclose itself to others', async () => {
    const of = await company({ mode: 'require_any', grace_days: 0 })
    const { data } = await of.member.client.get('/api/v1/users/me/organizations')
    expect(data.map((one: { id: string; is_active: boolean }) => [one.id, one.is_active])).toEqual([
      [of.id, false],
    ])
    const stranger = await world.person()
    expect((await stranger.client.get(`/api/v1/organizations/${of.id}`)).status).toBe(404)
  })
})

describe('switching', () => {
  it('asks for what is missing, and happens once it is there', async () => {
    const of = await company({ mode: 'require_any', grace_days: 0 })
    const { id, member } = of
    await member.client.post('/api/v1/auth/organization', { organization_id: null }).then(({ data }) => {
      member.client.csrfToken = data.session.csrf_token
    })
    const change = () => member.client.post('/api/v1/auth/organization', { organization_id: id })
    const missing = await change()
    expect(codeOf(missing)).toEqual([403, 'MFA_ENROLMENT_REQUIRED'])
    expect(detailsOf(missing)).toMatchObject({ organization_id: id, attempt: expect.stringMatching(/^sgn_/) })
    await enrolFactor(world, member, 'totp')
    const weak = await change()
    expect([codeOf(weak), detailsOf(weak).methods]).toEqual([[401, 'STEP_UP_REQUIRED'], ['totp']])
    const form = await member.client.post(
      '/account/active-organization',
      { csrf_token: member.client.csrfToken ?? '', organization_id: id },
      { form: true },
    )
    expect(form.headers.get('location')).toBe('/step-up')
    await proveFactor(world, member)
    expect((await change()).data.organization.id).toBe(id)
    expect(await actsIn(member.client)).toBe(id)
  })
})

describe('session_absolute', () => {
  it('ends acting in the organization so long after the last proof, and not the session', async () => {
    const { id, member } = await company({ session_absolute: '12h' })
    await world.clock.advance('11 hours')
    expect(await actsIn(member.client)).toBe(id)
    await world.clock.advance('1 hour')
    expect(await actsIn(member.client)).toBeNull()
    const refused = await member.client.get(`/api/v1/organizations/${id}`)
    expect(codeOf(refused)).toEqual([401, 'STEP_UP_REQUIRED'])
    expect(detailsOf(refused)).toEqual({ max_age: 43_200, methods: ['password'], organization_id: id })
    expect((await member.client.get('/api/v1/auth/me')).status).toBe(200)
  })
})

describe('an access token', () => {
  it('names the organization only as long as the session acts in it', async () => {
    const { id, member } = await company({ mode: 'require_any', grace_days: 1 })
    const { data } = await member.client.signIn(member.email, PASSWORD, { tokens: true })
    const claims = claimsOf(data.access_token)
    expect(claims.org).toBe(id)
    await world.clock.advance('23 hours')
    await world.clock.advance('30 minutes')
    const refresh = (refresh_token: string) => world.client().post('/api/v1/auth/refresh', { refresh_token })
    const late = await refresh(data.refresh_token)
    const due = (await member.client.get('/api/v1/users/me/mfa-compliance')).data.due_at
    const lateClaims = claimsOf(late.data.access_token)
    expect([lateClaims.org, lateClaims.exp]).toEqual([id, Math.floor(Date.parse(due) / 1000)])
    await world.clock.advance('30 minutes')
    const after = await refresh(late.data.refresh_token)
    expect(claimsOf(after.data.access_token).org).toBeUndefined()
    const bearer = { headers: { authorization: `Bearer ${after.data.access_token}` } }
    const refused = await world.client().get(`/api/v1/organizations/${id}`, bearer)
    expect(codeOf(refused)).toEqual([403, 'MFA_ENROLMENT_REQUIRED'])
    // proven in the session, which the token belongs to
    await enrolFactor(world, member, 'totp')
    await proveFactor(world, member)
    expect((await world.client().get(`/api/v1/organizations/${id}`, bearer)).status).toBe(200)
  })

  it('of an organization is revoked by a change of its policy', async () => {
    const of = await company({ mode: 'optional' })
    const { member } = of
    const { data } = await member.client.signIn(member.email, PASSWORD, { tokens: true })
    const bearer = { headers: { authorization: `Bearer ${data.access_token}` } }
    expect((await world.client().get('/api/v1/auth/me', bearer)).status).toBe(200)
    await set(of, { mode: 'require_any' })
    expect((await world.client().get('/api/v1/auth/me', bearer)).status).toBe(401)
  })
})

describe('an API key', () => {
  it('of the organization does not act there while its maker is past due', async () => {
    const { id, member } = await company({ mode: 'require_any', grace_days: 1 })
    const key = await member.client.apiKey()
    const used = async () => {
      const headers = { 'x-api-key': key.secret }
      const { data } = await world.client().get('/api/v1/auth/validate', { headers })
      return data?.organization_id
    }
    expect(await used()).toBe(id)
    await world.clock.advance('1 day')
    expect(await used()).toBeNull()
    await enrolFactor(world, member, 'totp')
    expect(await used()).toBe(id)
  })
})

describe('a sign-in', () => {
  it('says within the days of grace by when a factor is needed, and stops after them', async () => {
    const { id, member } = await company({ mode: 'require_any', grace_days: 2 })
    const login = () => world.client().post('/api/v1/auth/login', { email: member.email, password: PASSWORD })
    const early = await login()
    expect(early.data.mfa_compliance).toMatchObject({ state: 'in_grace' })
    expect(Date.parse(early.data.mfa_compliance.due_at)).toBeGreaterThan(world.clock.now().getTime())
    await world.clock.advance('2 days')
    const late = await login()
    expect(codeOf(late)).toEqual([403, 'MFA_ENROLMENT_REQUIRED'])
    expect(detailsOf(late)).toMatchObject({ organization_id: id, methods: ['passkey', 'totp'] })
    const { data } = await member.client.get('/api/v1/users/me/mfa-compliance')
    expect(data.state).toBe('suspended')
  })

  it('of a user without demands says nothing about them', async () => {
    const stranger = await world.person({ signIn: false })
    const plain = await world
      .client()
      .post('/api/v1/auth/login', { email: stranger.email, password: PASSWORD })
    expect(plain.data).not.toHaveProperty('mfa_compliance')
  })

  it('has to meet the strictest of several organizations, and only those that exist', async () => {
    const first = await company({ mode: 'require_any', grace_days: 0 })
    const { member, id } = first
    const [other] = (await world.people(1)) as [Person]
    const second = await world.organization({
      name: 'Strict',
      members: [
        [other, 'owner'],
        [member, 'member'],
      ],
    })
    await enrolFactor(world, other, 'passkey')
    await proveFactor(world, other, 'passkey')
    await other.client.patch(pathOf(second), {
      mode: 'require_passkey',
      allowed_methods: ['passkey'],
      grace_days: 0,
    })
    await enrolFactor(world, member, 'totp')
    const login = async () =>
      detailsOf(await world.client().post('/api/v1/auth/login', { email: member.email, password: PASSWORD }))
    // first what can be proven, then what has to be set up
    expect((await login()).methods).toEqual(['totp'])
    await other.client.delete(`/api/v1/organizations/${second}`)
    expect(id).not.toBe(second)
    expect((await login()).methods).toEqual(['totp'])
  })
})

describe('a demand of the server’s administrators', () => {
  it('on an account or a role stops the next sign-in, and is lifted again', async () => {
    const [root] = (await world.people([{ roles: ['super_admin'] }])) as [Person]
    const [manager] = (await world.people([{ roles: ['manager'] }])) as [Person]
    const person = await world.person({ signIn: false })
    const login = () => world.client().post('/api/v1/auth/login', { email: person.email, password: PASSWORD })
    const require = (by: Person, mfa_required: boolean, id = person.id) =>
      by.client.patch(`/api/v1/users/${id}`, { mfa_required })
    expect((await require(root, true)).data.mfa_required).toBe(true)
    expect(codeOf(await login())).toEqual([403, 'MFA_ENROLMENT_REQUIRED'])
    expect((await require(root, false)).data.mfa_required).toBe(false)
    expect((await login()).status).toBe(200)
    // not by who may not change the account, nor for oneself
    expect((await require(manager, false, root.id)).status).toBe(403)
    expect((await require(root, true, root.id)).status).toBe(200)
    expect((await require(root, false, root.id)).status).toBe(409)
    expect(
      (await person.client.patch(`/api/v1/users/${person.id}`, { mfa_required: false })).status,
    ).not.toBe(200)

    const made = await root.client.post('/api/v1/roles', { name: 'guarded', requires_mfa: true })
    expect([made.status, made.data.requires_mfa]).toEqual([201, true])
    await root.client.patch(`/api/v1/users/${person.id}`, { role: 'guarded' })
    expect(codeOf(await login())).toEqual([403, 'MFA_ENROLMENT_REQUIRED'])
    expect(
      (await root.client.patch('/api/v1/roles/guarded', { requires_mfa: false })).data.requires_mfa,
    ).toBe(false)
    expect((await login()).status).toBe(200)
  })
})
