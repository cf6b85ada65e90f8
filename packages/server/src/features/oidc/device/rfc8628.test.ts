/** RFC 8628, the device authorization grant: each of its answers and errors, and what a user sees and decides. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { claimsIn, type TestApp, testApp, testResource } from '../../../testing/apps.ts'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import {
  answerDevice,
  beginOnDevice,
  DEVICE_GRANT,
  devicePage,
  ON_DEVICES,
  pollFrom,
} from '../../../testing/devices.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
let ada: Person
let app: TestApp
let root: Person
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  ada = await world.person({ email: 'ada@example.com' })
  root = await world.person({ roles: ['super_admin'] })
  app = await testApp(world, ON_DEVICES, { name: 'Television' })
})
afterAll(() => world?.stop())

const errorOf = async (code: string, of = app) => {
  const { status, body } = await pollFrom(of, code)
  return status === 200 ? 'tokens' : `${status} ${body.error}`
}
const allowed = async (of = app, by = ada, form: Record<string, string> = {}) => {
  const begun = await beginOnDevice(of, form)
  const reply = await answerDevice(by.client, begun.user_code)
  expect([reply.status, reply.text]).toEqual([200, expect.stringContaining('Your device is signed in')])
  return begun
}

describe('the device authorization endpoint (§3.1, §3.2)', () => {
  it('answers what the device shows, and what it alone knows', async () => {
    const { status, body, headers } = await app.post('/oidc/device_authorization', { scope: 'openid' })
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    const page = `${world.config.publicUrl}/oidc/device`
    expect(body).toEqual({
      device_code: expect.stringMatching(/^dc_[A-Za-z0-9_-]{43}$/),
      user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
      verification_uri: page,
      verification_uri_complete: `${page}?user_code=${body.user_code}`,
      expires_in: 600,
      interval: 5,
    })
  })

  it('is in the metadata, with its grant (§4)', async () => {
    const { body } = await world.client().get('/.well-known/openid-configuration')
    expect(body.device_authorization_endpoint).toBe(`${world.config.publicUrl}/oidc/device_authorization`)
    expect(body.grant_types_supported).toContain(DEVICE_GRANT)
  })

  it('authenticates apps as everywhere, and takes public ones', async () => {
    const open = await testApp(world, { ...ON_DEVICES, token_endpoint_auth_method: 'none' })
    expect((await open.post('/oidc/device_authorization', {})).status).toBe(200)
    const form = { client_id: app.id }
    const bare = await world.client().post('/oidc/device_authorization', form, { form: true })
    expect([bare.status, bare.body.error]).toEqual([401, 'invalid_client'])
    const foreign = await world
      .client()
      .post('/oidc/device_authorization', { client_id: open.id, client_secret: 'x' }, { form: true })
    expect(foreign.status).toBe(401)
    const off = await testApp(world, ON_DEVICES, { status: 'disabled' })
    expect((await off.post('/oidc/device_authorization', {})).status).toBe(401)
  })

  it('refuses an app without the grant, and scopes and APIs that the authorization endpoint refuses', async () => {
    const error = async (of: TestApp, form: Record<string, string>) =>
      (await of.post('/oidc/device_authorization', form)).body.error
    expect(await error(await testApp(world), {})).toBe('unauthorized_client')
    expect(await error(app, { scope: 'everything' })).toBe('invalid_scope')
    expect(await error(app, { resource: 'https://api.example.com/unknown' })).toBe('invalid_target')
    expect(await error(app, { scope: 'x'.repeat(8193) })).toBe('invalid_request')
    const twice = new URLSearchParams([
      ['scope', 'openid'],
      ['scope', 'email'],
    ])
    expect((await app.post('/oidc/device_authorization', twice)).body.error).toBe('invalid_request')
    const { body } = await app.post('/oidc/device_authorization', { scope: 'openid everything' })
    await answerDevice(ada.client, body.user_code)
    expect((await pollFrom(app, body.device_code)).body.scope).toBe('openid')
  })
})

describe('a device that polls (§3.4, §3.5)', () => {
  it('waits, and gets the tokens of a code once the user has allowed it', async () => {
    const { device_code: code, user_code: userCode } = await beginOnDevice(app, { scope: 'openid profile' })
    expect(await errorOf(code)).toBe('400 authorization_pending')
    await answerDevice(ada.client, userCode)
    const { status, body, headers } = await pollFrom(app, code)
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: 'openid profile' })
    expect(claimsIn(body.id_token)).toMatchObject({ sub: ada.id, aud: app.id, acr: 'aal1' })
    const info = await world
      .client()
      .get('/oidc/userinfo', { headers: { authorization: `Bearer ${body.access_token}` } })
    expect(info.body.sub).toBe(ada.id)
    const again = await app.post('/oidc/token', {
      grant_type: 'refresh_token',
      refresh_token: body.refresh_token,
    })
    expect(again.status).toBe(200)
  })

  it('too soon has to slow down, by five seconds more each time', async () => {
    const { device_code: code } = await beginOnDevice(app)
    const after = async (seconds: number) => {
      await world.clock.advance(`${seconds} seconds`)
      return await errorOf(code)
    }
    expect(await after(0)).toBe('400 authorization_pending')
    expect(await after(5)).toBe('400 authorization_pending')
    expect(await after(2)).toBe('400 slow_down')
    expect(await after(5)).toBe('400 slow_down')
    expect(await after(15)).toBe('400 authorization_pending')
    expect(await after(10)).toBe('400 slow_down')
    expect(await after(20)).toBe('400 authorization_pending')
  })

  it('too soon gets its tokens all the same when the user has answered', async () => {
    const { device_code: code, user_code: userCode } = await beginOnDevice(app)
    await errorOf(code)
    expect(await errorOf(code)).toBe('400 slow_down')
    await answerDevice(ada.client, userCode)
    expect(await errorOf(code)).toBe('tokens')
  })

  it('learns that the user does not allow it, and that its code has expired', async () => {
    const denied = await beginOnDevice(app)
    expect((await answerDevice(ada.client, denied.user_code, 'deny')).text).toContain('Not allowed')
    expect(await errorOf(denied.device_code)).toBe('400 access_denied')
    expect(await errorOf(denied.device_code)).toBe('400 access_denied')
    const late = await beginOnDevice(app)
    const lateAllowed = await allowed()
    await world.clock.advance('601 seconds')
    expect(await errorOf(late.device_code)).toBe('400 expired_token')
    expect(await errorOf(lateAllowed.device_code)).toBe('400 expired_token')
    expect((await answerDevice(ada.client, late.user_code)).status).toBe(400)
  })

  it('gets nothing for the code of another app, an unknown, a used and a foreign one', async () => {
    const other = await testApp(world, ON_DEVICES)
    const { device_code: code, user_code: userCode } = await allowed()
    expect(await errorOf(code, other)).toBe('400 invalid_grant')
    expect(await errorOf(userCode)).toBe('400 invalid_grant')
    expect(await errorOf(`dc_${'x'.repeat(43)}`)).toBe('400 invalid_grant')
    expect((await app.post('/oidc/token', { grant_type: DEVICE_GRANT })).body.error).toBe('invalid_request')
    expect(await errorOf(code)).toBe('tokens')
    expect(await errorOf(code)).toBe('400 invalid_grant')
    const noGrant = await testApp(world)
    expect((await pollFrom(noGrant, code)).body.error).toBe('unauthorized_client')
  })

  it('has a code that is of no use to the grant of authorization codes', async () => {
    const both = await testApp(world, { grant_types: ['authorization_code', DEVICE_GRANT] })
    const { device_code: code } = await allowed(both)
    const asCode = await both.exchange(code, { redirect_uri: DEVICE_GRANT })
    expect(asCode.body.error).toBe('invalid_grant')
    expect(await errorOf(code, both)).toBe('tokens')
  })

  it('a hundred times at once gets its tokens once, and keeps them', async () => {
    const { device_code: code } = await allowed()
    const replies = await Promise.all(Array.from({ length: 100 }, () => pollFrom(app, code)))
    const good = replies.filter(({ status }) => status === 200)
    expect(good).toHaveLength(1)
    const bad = replies.filter(({ status }) => status !== 200)
    expect(new Set(bad.map(({ body }) => body.error))).toEqual(new Set(['invalid_grant']))
    const info = await world
      .client()
      .get('/oidc/userinfo', { headers: { authorization: `Bearer ${good[0]?.body.access_token}` } })
    expect(info.status).toBe(200)
  })
})

describe('what a device has got', () => {
  it('ends with the session in which it was allowed, and with offline_access outlives it', async () => {
    const ben = await world.person()
    const online = (await pollFrom(app, (await allowed(app, ben)).device_code)).body
    const scope = 'openid offline_access'
    const offline = (await pollFrom(app, (await allowed(app, ben, { scope })).device_code)).body
    const waiting = await allowed(app, ben)
    expect(claimsIn(online.id_token).sid).toBe(claimsIn(offline.id_token).sid)
    await ben.client.post('/api/v1/auth/logout')
    const refresh = (refresh_token: string) =>
      app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token })
    expect((await refresh(online.refresh_token)).body.error).toBe('invalid_grant')
    expect((await refresh(offline.refresh_token)).status).toBe(200)
    expect(await errorOf(waiting.device_code)).toBe('400 invalid_grant')
  })

  it('is nothing where the account was disabled or locked meanwhile (authentik CVE-2025-53942)', async () => {
    for (const action of ['disable', 'lock']) {
      const ben = await world.person()
      const { device_code: code } = await allowed(app, ben)
      await root.client.post(`/api/v1/users/${ben.id}/${action}`, {})
      expect(await errorOf(code)).toBe('400 invalid_grant')
    }
  })

  it('is remembered as a session of the app and as what the user has allowed, and recorded', async () => {
    const own = await testApp(world, ON_DEVICES)
    await allowed(own)
    const rows = await world.db.tx('system', async (tx) => ({
      grants: await tx.selectFrom('grants').select(['user_id']).where('client_id', '=', own.id).execute(),
      sessions: await tx
        .selectFrom('client_sessions')
        .select('client_id')
        .where('client_id', '=', own.id)
        .execute(),
    }))
    expect(rows).toEqual({
      grants: [{ user_id: ada.id }],
      sessions: [{ client_id: own.id }],
    })
    const denied = await beginOnDevice(own)
    await answerDevice(ada.client, denied.user_code, 'deny')
    const { data } = await root.client.get(`/api/v1/audit-logs?user_id=${ada.id}&limit=2`)
    expect(data).toMatchObject([
      { event_type: 'oidc.denied', details: { client: own.id, device: true } },
      { event_type: 'oidc.authorized', details: { client: own.id, device: true, scopes: ['openid'] } },
    ])
  })
})

describe('the page (§3.3)', () => {
  it('has a short address, too', async () => {
    const { headers } = await world
      .client()
      .get('/device?user_code=wdjb', { headers: { accept: 'text/html' } })
    expect(headers.get('location')).toBe('/oidc/device?user_code=wdjb')
  })

  it('takes the code in any case, with the hyphen and without', async () => {
    const { user_code: code } = await beginOnDevice(app)
    for (const typed of [code, code.toLowerCase(), code.replace('-', ''), ` ${code.replace('-', ' ')} `]) {
      const sent = await ada.client.post('/oidc/device', { user_code: typed }, { form: true })
      expect(sent.headers.get('location')).toBe(`/oidc/device/question?user_code=${code}`)
      expect((await devicePage(ada.client, typed)).text).toContain(code)
    }
  })

  it('shows who wants what, the code to compare, and that a code which came by a message is a trick (§5.4)', async () => {
    const organizationId = await world.organization({ members: [[ada, 'member']] })
    const own = await testApp(world, ON_DEVICES, { name: 'Acme TV', organization: organizationId })
    const { user_code: code } = await beginOnDevice(own, { scope: 'openid profile' })
    const { status, text, headers } = await devicePage(ada.client, code)
    expect(status).toBe(200)
    for (const words of ['Acme TV', code, 'ada@example.com', 'it is a trick', 'your username', '127.0.0.1'])
      expect(text).toContain(words)
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  })

  it('leads who is not signed in through the sign-in, before any code is looked up', async () => {
    const { user_code: code } = await beginOnDevice(app)
    const browser = world.client()
    for (const one of [code, 'BBBB-BBBB']) {
      const complete = await browser.get(`/oidc/device?user_code=${one}`)
      expect(complete.headers.get('location')).toBe(`/oidc/device/question?user_code=${one}`)
      const { status, headers } = await devicePage(browser, one)
      expect([status, headers.get('location')]).toEqual([
        303,
        `/sign-in?return_to=${encodeURIComponent(`/oidc/device/question?user_code=${one}`)}`,
      ])
    }
    await browser.signIn('ada@example.com', PASSWORD)
    expect((await devicePage(browser, code)).text).toContain(code)
  })

  it('says the same of a code that is unknown, malformed, expired, or was another user’s', async () => {
    const ben = await world.person()
    const { user_code: taken } = await allowed()
    const { user_code: old } = await beginOnDevice(app)
    await world.clock.advance('5 minutes')
    const { user_code: fresh } = await allowed()
    await world.clock.advance('301 seconds')
    for (const code of ['BBBB-BBBB', 'nonsense', 'AEIO-UAEI', taken, old, fresh, 'ſſſſ-ſſſſ']) {
      const { status, text } = await devicePage(ben.client, code)
      expect([status, text]).toEqual([400, expect.stringContaining('This code is not right')])
    }
    expect((await devicePage(ada.client, fresh)).text).toContain('Your device is signed in')
  })

  it('is answered once, by one user, of several at the same time and later', async () => {
    const people = await world.people(5)
    const { user_code: code, device_code: device } = await beginOnDevice(app)
    const replies = await Promise.all(
      people.flatMap(({ client }) => [answerDevice(client, code), answerDevice(client, code, 'deny')]),
    )
    expect(replies.filter(({ status }) => status === 200).length).toBeGreaterThan(0)
    const rows = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('audit_events')
        .select('user_id')
        .where('event_type', 'in', ['oidc.authorized', 'oidc.denied'])
        .where(
          'user_id',
          'in',
          people.map(({ id }) => id),
        )
        .execute(),
    )
    expect(rows).toHaveLength(1)
    const first = await errorOf(device)
    expect(['tokens', '400 access_denied']).toContain(first)
    const second = await answerDevice(people[0]?.client ?? ada.client, code, 'deny')
    expect([200, 303, 400]).toContain(second.status)
    expect(await errorOf(device)).toBe(first === 'tokens' ? '400 invalid_grant' : first)
  })

  it('needs the form of this server, and a session', async () => {
    const { user_code: code, device_code: device } = await beginOnDevice(app)
    const forged = await ada.client.post(
      '/oidc/device/question',
      { user_code: code, decision: 'allow' },
      { form: true, headers: { 'x-csrf-token': 'x' } },
    )
    expect(forged.status).toBe(403)
    const stranger = await answerDevice(world.client(), code)
    expect(stranger.status).toBeGreaterThanOrEqual(300)
    expect(await errorOf(device)).toBe('400 authorization_pending')
  })
})

describe('who may sign a device in is judged as at the authorization endpoint', () => {
  it('by roles and organizations of the app, at the page and again at the token', async () => {
    const organizationId = await world.organization({ members: [[ada, 'member']] })
    const ofStaff = await testApp(world, { ...ON_DEVICES, allowed_roles: ['super_admin'] })
    const ofMembers = await testApp(world, { ...ON_DEVICES, allowed_organizations: [organizationId] })
    const ofAcme = await testApp(world, ON_DEVICES, { organization: organizationId })
    const ben = await world.person()
    for (const one of [ofStaff, ofMembers, ofAcme]) {
      const { user_code: code, device_code: device } = await beginOnDevice(one)
      for (const reply of [await devicePage(ben.client, code), await answerDevice(ben.client, code)]) {
        expect(reply.status).toBe(403)
        expect(reply.text).toContain('You cannot sign in to Portal')
      }
      expect(await errorOf(device, one)).toBe('400 authorization_pending')
    }
    const { device_code: device } = await allowed(ofAcme)
    await world.db.tx('system', (tx) =>
      tx
        .deleteFrom('memberships')
        .where('user_id', '=', ada.id)
        .where('organization_id', '=', organizationId)
        .execute(),
    )
    expect(await errorOf(device, ofAcme)).toBe('400 invalid_grant')
  })

  it('by the level that the app requires', async () => {
    const strict = await testApp(world, { ...ON_DEVICES, required_acr: 'aal2' })
    const ben = await world.person()
    const { user_code: code, device_code: device } = await beginOnDevice(strict)
    expect((await devicePage(ben.client, code)).status).toBe(403)
    const passwordOnly = world.client()
    await passwordOnly.signIn(ben.email, PASSWORD)
    // the session of the enrolment has proven both
    await enrolAuthenticator(world, ben.client)
    for (const reply of [await devicePage(passwordOnly, code), await answerDevice(passwordOnly, code)])
      expect([reply.status, reply.headers.get('location')]).toEqual([303, '/step-up'])
    expect(await errorOf(device, strict)).toBe('400 authorization_pending')
    expect((await answerDevice(ben.client, code)).text).toContain('Your device is signed in')
    const { body } = await pollFrom(strict, device)
    expect(claimsIn(body.id_token)).toMatchObject({ acr: 'aal2' })
  })

  it('by how recent the sign-in has to be', async () => {
    const recent = await testApp(world, { ...ON_DEVICES, default_max_age: 60 })
    const ben = await world.person()
    await world.clock.advance('5 minutes')
    const { user_code: code } = await beginOnDevice(recent)
    const { status, headers } = await devicePage(ben.client, code)
    expect([status, headers.get('location')]).toEqual([303, '/step-up'])
  })
})

describe('guessing codes', () => {
  it('is limited for an account, also from several addresses', async () => {
    const strict = await startWorld({ rateLimits: 'standard' })
    try {
      const ben = await strict.person()
      const statuses: number[] = []
      for (let n = 0; n < 62; n += 1) statuses.push((await devicePage(ben.client, 'BBBB-BBBB')).status)
      expect(statuses.filter((status) => status === 400)).toHaveLength(60)
      expect(statuses.at(-1)).toBe(429)
    } finally {
      await strict.stop()
    }
  })
})

it('what has expired is deleted', async () => {
  await beginOnDevice(app)
  await world.clock.advance('3 hours')
  const rows = await world.db.tx('system', (tx) =>
    tx.selectFrom('device_authorizations').select('hash').execute(),
  )
  expect(rows).toEqual([])
})

describe('a device whose app or API is changed while the question is open', () => {
  it('is not allowed by an answer to what was not shown', async () => {
    const eve = await world.person()
    const { user_code: code, device_code: device } = await beginOnDevice(app)
    const post = (fields: Record<string, string>) =>
      eve.client.post(
        '/oidc/device/question',
        { user_code: code, decision: 'allow', ...fields },
        { form: true, headers: { accept: 'text/html' } },
      )
    for (const fields of [{}, { shown: 'x' }])
      expect((await post(fields)).headers.get('location')).toBe(`/oidc/device/question?user_code=${code}`)
    expect(await errorOf(device)).toBe('400 authorization_pending')
    expect((await answerDevice(eve.client, code)).status).toBe(200)
  })

  it('is none any more where its only API is deleted', async () => {
    const eve = await world.person()
    const api = 'https://recorder.example.com'
    await testResource(world, api)
    const { user_code: code } = await beginOnDevice(app, { resource: api })
    expect((await devicePage(eve.client, code)).status).toBe(200)
    await world.db.tx('system', (tx) => tx.deleteFrom('resources').where('identifier', '=', api).execute())
    await expect.poll(async () => (await devicePage(eve.client, code)).status).toBe(400)
  })
})
