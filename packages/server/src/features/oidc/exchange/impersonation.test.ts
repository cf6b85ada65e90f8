/** Administrators who act as users, by a token exchange: who may, as whom, what they get, and what is recorded. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { authorizedCode, claimsIn, type TestApp, testApp, testResource } from '../../../testing/apps.ts'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const USER_ID = 'urn:latchkey:params:oauth:token-type:user_id'
const ORDERS = 'https://orders.example.com'
const SETTINGS = {
  first_party: true,
  grant_types: ['authorization_code', 'refresh_token', EXCHANGE],
  scopes: ['openid', 'offline_access', 'read'],
}

let world: World
let root: Person
let helper: Person
let ada: Person
let support: TestApp
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  await testResource(world, ORDERS, ['read'])
  support = await testApp(world, SETTINGS, { name: 'Support' })
  root = await world.person({ roles: ['super_admin'] })
  const role = {
    name: 'helper',
    description: 'Helps users.',
    permissions: ['impersonation:create', 'dashboard:read', 'analytics:read'],
  }
  const made = await root.client.post('/api/v1/roles', role)
  if (made.status !== 201) throw new Error(made.text)
  helper = await world.person({ roles: ['helper'] })
  ada = await world.person({ email: 'ada@example.com' })
})
afterAll(() => world?.stop())

const tokenOf = async (who: Person, of = support, scope = 'openid') =>
  (await of.exchange(await authorizedCode(who.client, of, { scope }))).body.access_token as string
const actAs = (userId: string, actor: string, form: Record<string, string> = {}, by = support) =>
  by.post('/oidc/token', {
    grant_type: EXCHANGE,
    subject_token: userId,
    subject_token_type: USER_ID,
    actor_token: actor,
    actor_token_type: ACCESS_TOKEN,
    resource: ORDERS,
    scope: 'read',
    reason: 'Ticket 4711',
    ...form,
  })
const outcome = async (reply: ReturnType<typeof actAs>) => {
  const { status, body } = await reply
  return status === 200 ? 'token' : `${status} ${body.error}`
}

describe('an administrator with the permission', () => {
  it('gets a token of the user that names them, for minutes, and no other', async () => {
    const { status, body } = await actAs(ada.id, await tokenOf(helper))
    expect(status).toBe(200)
    expect(body).toEqual({
      access_token: expect.any(String),
      issued_token_type: ACCESS_TOKEN,
      token_type: 'Bearer',
      expires_in: 900,
      scope: 'read',
    })
    expect(claimsIn(body.access_token)).toMatchObject({
      sub: ada.id,
      act: { sub: helper.id },
      aud: ORDERS,
      client_id: support.id,
      scope: 'read',
    })
    const headers = { authorization: `Bearer ${body.access_token}` }
    expect((await world.client().get('/api/v1/users/me', { headers })).status).toBe(401)
    expect((await world.client().get('/oidc/userinfo', { headers })).status).toBe(401)
  })

  it('is in the log about the user with the reason, and the user gets an e-mail without it', async () => {
    const ben = await world.person()
    const { body } = await actAs(ben.id, await tokenOf(helper), { reason: ' Ticket 4712 ' })
    const { data } = await root.client.get(`/api/v1/audit-logs?user_id=${ben.id}&limit=1`)
    expect(data[0]).toMatchObject({
      event_type: 'user.impersonated',
      user_id: ben.id,
      details: {
        by: helper.id,
        reason: 'Ticket 4712',
        client: support.id,
        resources: [ORDERS],
        scopes: ['read'],
        token: claimsIn(body.access_token).jti,
        expires_in: 900,
      },
    })
    const { text } = await world.mailbox.emailTo(ben.email, /administrator/i)
    expect(text).toContain('Support')
    expect(text).not.toContain('4712')
  })

  it('loses it with their own session, their account, and the access of the user', async () => {
    const ENDS: Readonly<Record<string, (by: Person, of: Person) => Promise<unknown>>> = {
      'signed out': ({ client }) => client.post('/api/v1/auth/logout'),
      'an administrator who is disabled': ({ id }) => root.client.post(`/api/v1/users/${id}/disable`),
      'a user who is disabled': (_by, { id }) => root.client.post(`/api/v1/users/${id}/disable`),
    }
    for (const end of Object.values(ENDS)) {
      const [by, of] = [await world.person({ roles: ['helper'] }), await world.person()]
      const { body } = await actAs(of.id, await tokenOf(by))
      const active = async () =>
        (await support.post('/oidc/introspect', { token: body.access_token })).body.active
      expect(await active()).toBe(true)
      await end(by, of)
      await expect.poll(active).toBe(false)
    }
  })
})

describe('no one acts as a user', () => {
  it('without the permission, which no other one covers', async () => {
    for (const roles of [['viewer'], ['manager'], ['administrator']]) {
      const by = await world.person({ roles })
      expect(await outcome(actAs(ada.id, await tokenOf(by)))).toBe('400 invalid_request')
      const { data } = await root.client.get(`/api/v1/audit-logs?user_id=${by.id}&limit=1`)
      expect(data[0]).toMatchObject({
        event_type: 'access.denied',
        details: {
          action: 'oidc.token.impersonate',
          target: { id: ada.id },
          required: 'impersonation:create',
        },
      })
    }
  })

  it('with more rights than their own, and as an equal they may', async () => {
    const above = await world.person({ roles: ['manager'] })
    for (const one of [root, above])
      expect(await outcome(actAs(one.id, await tokenOf(helper)))).toBe('400 invalid_request')
    const equal = await world.person({ roles: ['helper'] })
    expect(await outcome(actAs(equal.id, await tokenOf(helper)))).toBe('token')
    expect(await outcome(actAs(above.id, await tokenOf(root)))).toBe('token')
    expect(await world.events(root.id)).not.toContain('user.impersonated')
  })

  it('who is unknown, disabled, locked, or oneself', async () => {
    const actor = await tokenOf(helper)
    const [disabled, locked] = [await world.person(), await world.person()]
    await root.client.post(`/api/v1/users/${disabled.id}/disable`)
    await root.client.post(`/api/v1/users/${locked.id}/lock`, {})
    for (const id of [
      disabled.id,
      locked.id,
      helper.id,
      'usr_01a2026ca8ea70c79be6dc3e592d4f6c',
      'ada@example.com',
      '',
    ])
      expect(await outcome(actAs(id, actor))).toBe('400 invalid_request')
  })

  it('without a reason', async () => {
    const actor = await tokenOf(helper)
    for (const reason of ['', '   ', 'two\nlines', 'x'.repeat(501), '1174 \u202e', '\u200b'])
      expect(await outcome(actAs(ada.id, actor, { reason }))).toBe('400 invalid_request')
    expect(await outcome(actAs(ada.id, actor, { reason: 'x'.repeat(500) }))).toBe('token')
  })

  it('after a sign-in of more than ten minutes ago', async () => {
    const by = await world.person({ roles: ['helper'] })
    const actor = await tokenOf(by)
    await world.clock.advance('11 minutes')
    const { status, body } = await actAs(ada.id, actor)
    expect([status, body.error]).toEqual([400, 'invalid_request'])
    expect(body.error_description).toContain('max_age=600')
    await by.client.signIn(by.email, PASSWORD)
    expect(await outcome(actAs(ada.id, await tokenOf(by)))).toBe('token')
    await helper.client.signIn(helper.email, PASSWORD)
    await root.client.signIn(root.email, PASSWORD)
  })

  it('by a password alone, where the administrator has a second factor', async () => {
    const by = await world.person({ roles: ['helper'] })
    const actor = await tokenOf(by)
    expect(await outcome(actAs(ada.id, actor))).toBe('token')
    const other = world.client()
    await other.signIn(by.email, PASSWORD)
    await enrolAuthenticator(world, other)
    expect(await outcome(actAs(ada.id, actor))).toBe('400 invalid_request')
    const both = { ...by, client: other }
    expect(await outcome(actAs(ada.id, await tokenOf(both)))).toBe('token')
  })

  it('through a token that an exchange has given, of another app, of a session, or without a session', async () => {
    const { body } = await actAs(ada.id, await tokenOf(root))
    const ben = await world.person()
    expect(await outcome(actAs(ben.id, body.access_token))).toBe('400 invalid_request')
    const again = { subject_token: body.access_token, subject_token_type: ACCESS_TOKEN, scope: 'read' }
    const chained = await support.post('/oidc/token', { grant_type: EXCHANGE, resource: ORDERS, ...again })
    expect(chained.body.error).toBe('invalid_request')
    const other = await testApp(world, SETTINGS)
    expect(await outcome(actAs(ada.id, await tokenOf(root, other)))).toBe('400 invalid_request')
    const { data } = await world
      .client()
      .post('/api/v1/auth/login', { username: root.email, password: PASSWORD, tokens: true })
    expect(await outcome(actAs(ada.id, data.access_token))).toBe('400 invalid_request')
    expect(await outcome(actAs(ada.id, await tokenOf(root, support, 'openid offline_access')))).toBe(
      '400 invalid_request',
    )
    for (const form of [{ actor_token_type: USER_ID }, { actor_token: '' }, { actor_token: 'a.b.c' }])
      expect(await outcome(actAs(ada.id, await tokenOf(root), form))).toBe('400 invalid_request')
  })

  it('for more than an API of the operator, by a scope of it', async () => {
    const actor = await tokenOf(root)
    for (const scope of ['openid', 'offline_access', 'read openid', 'unknown'])
      expect(await outcome(actAs(ada.id, actor, { scope }))).toBe('400 invalid_scope')
    expect(await outcome(actAs(ada.id, actor, { resource: '' }))).toBe('400 invalid_target')
    expect(await outcome(actAs(ada.id, actor, { resource: world.config.publicUrl }))).toBe(
      '400 invalid_target',
    )
  })

  it('from an organization: not by its apps, nor by its owners, nor where its provider alone has proven who they are', async () => {
    const owner = await world.person()
    const organization = await world.organization({
      members: [
        [owner, 'owner'],
        [ada, 'member'],
        [root, 'member'],
      ],
    })
    const api = 'https://acme.example.com'
    await testResource(world, api, ['read'], organization)
    const own = await testApp(world, { ...SETTINGS, first_party: false }, { organization })
    for (const by of [owner, root]) {
      const actor = await tokenOf(by, own)
      expect(await outcome(actAs(ada.id, actor, { resource: api }, own))).toBe('400 unauthorized_client')
    }
    expect(await outcome(actAs(ada.id, await tokenOf(owner)))).toBe('400 invalid_request')
    expect(await outcome(actAs(ada.id, await tokenOf(root), { resource: api }))).toBe('400 invalid_target')
    const theirs = await world.person({ roles: ['helper'] })
    const actor = await tokenOf(theirs)
    expect(await outcome(actAs(ada.id, actor))).toBe('token')
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('sessions')
        .set({
          proofs: JSON.stringify([
            {
              method: 'federated',
              amr: ['fed'],
              factor: 'knowledge',
              phishing_resistant: false,
              channel: 'provider',
              connection: 'con_x',
              connection_version: 1,
              identity: 'idn_x',
              organization,
              at: world.clock.now().toISOString(),
            },
          ]),
        })
        .where('user_id', '=', theirs.id)
        .execute(),
    )
    expect(await outcome(actAs(ada.id, actor))).toBe('400 invalid_request')
  })

  it('by an app of another party', async () => {
    const third = await testApp(world, { ...SETTINGS, first_party: false })
    expect(await outcome(actAs(ada.id, await tokenOf(root, third), {}, third))).toBe(
      '400 unauthorized_client',
    )
  })
})
