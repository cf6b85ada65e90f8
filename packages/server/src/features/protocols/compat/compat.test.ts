import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../../../base/call.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'
import { disableUser } from '../../identity/lifecycle/index.ts'
import { getUser } from '../../identity/users/index.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ compat: ['tokens-by-password', 'refused-refresh-403', 'not-authenticated-403'] })
})
afterAll(() => world.stop())

const create = (username: string, password = PASSWORD) =>
  world.client().post('/api/users/create_token', { username, password })
const revoke = (username: string, token?: string, password = PASSWORD) =>
  world
    .client()
    .post('/api/users/revoke_token', { user: { username, password }, ...(token ? { token } : {}) })
const validate = (token: string) =>
  world.client().get('/api/v1/auth/validate', { headers: { authorization: `Bearer ${token}` } })
const statuses = (tokens: readonly string[]) =>
  Promise.all(tokens.map(async (token) => (await validate(token)).status))
const sessionsOf = ({ id }: Person) =>
  world.db.tx('system', (tx) =>
    tx.selectFrom('sessions').select('id').where('user_id', '=', id).where('ended_at', 'is', null).execute(),
  )

describe('tokens by password', () => {
  it('have no routes unless they are enabled', async () => {
    const plain = await startWorld()
    for (const path of ['create_token', 'revoke_token'])
      expect((await plain.client().post(`/api/users/${path}`, {})).status).toBe(404)
    await plain.stop()
  })

  it('are answered bare, in every style, and set no cookie', async () => {
    const { id, email } = await world.person({ signIn: false })
    const reply = await create(email)
    expect([reply.status, reply.body]).toEqual([
      200,
      { success: true, token: expect.stringMatching(/^st_[\w-]{43}$/) },
    ])
    expect(reply.headers.getSetCookie()).toEqual([])
    expect((await validate(reply.body.token)).data).toMatchObject({ user_id: id, method: 'session' })
    expect(await world.events(id)).toContain('auth.login.success')
    const headers = { accept: 'application/vnd.latchkey.meta+json' }
    const meta = await world
      .client()
      .post('/api/users/create_token', { username: email, password: PASSWORD }, { headers })
    expect(Object.keys(meta.body)).toEqual(['success', 'token'])
  })

  it('share the failure counter of the login', async () => {
    const person = await world.person({ signIn: false })
    for (let i = 0; i < 2; i += 1)
      expect((await create(person.email, 'wrong')).code).toBe('AUTHENTICATION_FAILED')
    for (let i = 0; i < 2; i += 1)
      expect((await revoke(person.email, 'x', 'wrong')).code).toBe('AUTHENTICATION_FAILED')
    expect(
      (await world.client().post('/api/v1/auth/login', { username: person.email, password: 'wrong' })).code,
    ).toBe('AUTHENTICATION_FAILED')
    for (const reply of [await create(person.email), await revoke(person.email)])
      expect([reply.status, reply.code]).toEqual([423, 'ACCOUNT_LOCKED'])
    expect(await world.events(person.id)).toContain('auth.login.locked')
    const unknown = await create('unknown@example.com')
    expect([unknown.status, unknown.code]).toEqual([401, 'AUTHENTICATION_FAILED'])
  })

  it('are refused to disabled and unverified users, and where the password has expired', async () => {
    const person = await world.person({ signIn: false })
    const user = await world.db.tx('system', (tx) => getUser(tx, person.id))
    await world.db.tx('system', (tx) => disableUser(world.app.tools, tx, systemCall(world.clock.now()), user))
    expect((await create(person.email)).code).toBe('ACCOUNT_DISABLED')
    await world.client().post('/api/v1/auth/register', { email: 'unproven@example.com', password: PASSWORD })
    expect((await create('unproven@example.com')).code).toBe('EMAIL_NOT_VERIFIED')
    const classic = await startWorld({ passwordProfile: 'classic', compat: ['tokens-by-password'] })
    const old = await classic.person({ password: 'Tr4vel-agency!', signIn: false })
    await classic.clock.advance('91 days')
    const body = { username: old.email, password: 'Tr4vel-agency!' }
    const reply = await classic.client().post('/api/users/create_token', body)
    expect([reply.status, reply.code]).toEqual([403, 'PASSWORD_EXPIRED'])
    const open = await classic.db.tx('system', (tx) =>
      tx.selectFrom('sessions').select('id').where('ended_at', 'is', null).execute(),
    )
    expect(open).toEqual([])
    await classic.stop()
  })

  it('are revoked one by one, with all credentials of their session, and leave no session behind', async () => {
    const person = await world.person()
    const [one, two] = [(await create(person.email)).body.token, (await create(person.email)).body.token]
    const reply = await revoke(person.email, one)
    expect(reply.body).toEqual({ success: true, message: 'Token revoked successfully.' })
    expect([(await validate(one)).status, (await validate(two)).status]).toEqual([401, 200])
    expect(await sessionsOf(person)).toHaveLength(2)
    // a second time, and what is no token
    for (const token of [one, 'nonsense', `st_${'A'.repeat(43)}`, `rt_${'A'.repeat(43)}`, 'a.b.c']) {
      const none = await revoke(person.email, token)
      expect([token, none.status, none.code]).toEqual([token, 404, 'NOT_FOUND'])
    }
    expect(await sessionsOf(person)).toHaveLength(2)
    expect((await validate(two)).status).toBe(200)
    expect((await person.client.get('/api/v1/auth/me')).status).toBe(200)
  })

  it('are all revoked where none is named, sessions included', async () => {
    const person = await world.person()
    const token = (await create(person.email)).body.token
    expect((await revoke(person.email)).body).toEqual({
      success: true,
      message: 'All tokens revoked successfully.',
    })
    expect((await validate(token)).status).toBe(401)
    expect((await person.client.get('/api/v1/auth/me')).status).toBe(401)
    expect(await sessionsOf(person)).toEqual([])
  })

  it('of another user are not revoked', async () => {
    const [person, other] = [await world.person(), await world.person()]
    const token = (await create(other.email)).body.token
    const session = (await world.client().signIn(other.email, PASSWORD)).data.token
    for (const foreign of [token, session]) {
      expect((await revoke(person.email, foreign)).status).toBe(404)
      expect((await validate(foreign)).status).toBe(200)
    }
  })

  it('are named by `token` or by `session_token`, which are one field', async () => {
    const person = await world.person({ signIn: false })
    const tokens = [(await create(person.email)).body.token, (await create(person.email)).body.token]
    const send = (fields: Record<string, string>) =>
      world
        .client()
        .post('/api/users/revoke_token', { user: { username: person.email, password: PASSWORD }, ...fields })
    const both = await send({ token: tokens[0], session_token: tokens[1] })
    expect([both.status, both.body.error.details[0].field]).toEqual([400, 'session_token'])
    expect(await statuses(tokens)).toEqual([200, 200])
    expect((await send({ session_token: tokens[0] })).body.message).toBe('Token revoked successfully.')
    expect(await statuses(tokens)).toEqual([401, 200])
    expect((await send({ token: tokens[1], session_token: tokens[1] })).status).toBe(200)
    expect(await statuses(tokens)).toEqual([401, 401])
    expect((await send({ session_token: '' })).code).toBe('VALIDATION_ERROR')
  })

  it('live as long as they are configured to, however long they are idle, and are listed', async () => {
    const lasting = await startWorld({ compat: ['tokens-by-password'], sessionAbsolute: 3_600_000 })
    try {
      const person = await lasting.person()
      const body = { username: person.email, password: PASSWORD }
      const { token } = (await lasting.client().post('/api/users/create_token', body)).body
      const client = lasting.client({ headers: { authorization: `Bearer ${token}` } })
      const { data } = await client.get('/api/v1/auth/validate')
      const { data: listed } = await person.client.get('/api/v1/auth/sessions')
      const year = 365 * 86_400_000
      expect(Date.parse(data.expires_at) - Date.parse(data.authenticated_at)).toBe(year)
      expect(listed.map((one: { id: string }) => one.id)).toContain(data.session_id)
      await lasting.clock.advance('364 days')
      expect((await client.get('/api/v1/auth/validate')).status).toBe(200)
      await lasting.clock.advance('1 day')
      expect((await client.get('/api/v1/auth/validate')).code).toBe('SESSION_EXPIRED')
    } finally {
      await lasting.stop()
    }
  })

  it('end with one of many concurrent revocations', async () => {
    const person = await world.person({ signIn: false })
    const token = (await create(person.email)).body.token
    const replies = await Promise.all(Array.from({ length: 8 }, () => revoke(person.email, token)))
    expect(replies.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(404)])
    expect(await sessionsOf(person)).toEqual([])
  })

  it('require both fields', async () => {
    expect((await world.client().post('/api/users/create_token', { username: 'x' })).code).toBe(
      'VALIDATION_ERROR',
    )
    expect(
      (await world.client().post('/api/users/revoke_token', { username: 'x', password: 'y' })).code,
    ).toBe('VALIDATION_ERROR')
  })
})

describe('compatibility statuses', () => {
  const style = (name: string) => ({ headers: { accept: `application/vnd.latchkey.${name}+json` } })
  const refresh = (of: World, name: string) =>
    of.client().post('/api/v1/auth/refresh', { refresh_token: `rt_${'A'.repeat(43)}` }, style(name))

  it('a refused refresh token is 403 in every style where that is enabled, in `errors` always', async () => {
    for (const name of ['standard', 'detail', 'errors']) expect((await refresh(world, name)).status).toBe(403)
    const plain = await startWorld()
    expect((await refresh(plain, 'standard')).status).toBe(401)
    expect((await refresh(plain, 'errors')).status).toBe(403)
    await plain.stop()
  })

  it('a missing credential is 403 in `detail`, an invalid one remains 401', async () => {
    const missing = await world.client().get('/api/v1/auth/me', style('detail'))
    expect([missing.status, missing.body]).toEqual([403, { detail: 'Not authenticated' }])
    const wrong = { headers: { ...style('detail').headers, authorization: 'Bearer nonsense' } }
    expect((await world.client().get('/api/v1/auth/me', wrong)).status).toBe(401)
    expect((await world.client().get('/api/v1/auth/me')).status).toBe(401)
  })
})

describe('a login by API key', () => {
  it('returns the key’s user as a login does, and starts no session', async () => {
    const person = await world.person({ username: 'programmed' })
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('users')
        .set({ roles: ['staff'] })
        .where('id', '=', person.id)
        .execute(),
    )
    const key = await person.client.apiKey({ permissions: ['chat:read'] })
    const before = await sessionsOf(person)
    for (const headers of [
      { 'x-api-key': key.secret },
      { authorization: `Api-Key ${key.secret}` },
      { authorization: `Bearer ${key.secret}` },
    ]) {
      const reply = await world.client().post('/api/v1/auth/login', undefined, { headers })
      expect([reply.status, reply.headers.getSetCookie()]).toEqual([200, []])
      expect(reply.data).toEqual({
        user: expect.objectContaining({
          id: person.id,
          username: 'programmed',
          email: person.email,
          role: 'staff',
          permissions: ['chat:read'],
        }),
      })
    }
    expect(await sessionsOf(person)).toEqual(before)
    expect((await world.events(person.id)).filter((type) => type === 'auth.login.success')).toHaveLength(1)
  })

  it('is refused with an invalid key, and with a password beside the key', async () => {
    const person = await world.person()
    const key = await person.client.apiKey()
    const login = (key: string, body?: Record<string, unknown>) =>
      world.client().post('/api/v1/auth/login', body, { headers: { 'x-api-key': key } })
    expect((await login(`${key.secret}x`)).code).toBe('INVALID_API_KEY')
    expect((await login(`${key.secret}x`, { username: person.email, password: PASSWORD })).code).toBe(
      'INVALID_API_KEY',
    )
    expect((await login(key.secret, { username: person.email, password: PASSWORD })).status).toBe(400)
    const basic = { authorization: `Basic ${Buffer.from(`${person.email}:${PASSWORD}`).toString('base64')}` }
    expect(
      (await world.client().post('/api/v1/auth/login', undefined, { headers: basic })).data.token,
    ).toMatch(/^st_/)
    expect(
      (
        await world
          .client()
          .post('/api/v1/auth/login', undefined, { headers: { ...basic, 'x-api-key': key.secret } })
      ).status,
    ).toBe(400)
  })
})
