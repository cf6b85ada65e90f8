import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../../../base/call.ts'
import { sha256 } from '../../../base/crypto.ts'
import { newId } from '../../../base/ids.ts'
import type { Client } from '../../../testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'
import { deleteUser, disableUser, enableUser } from '../../identity/lifecycle/index.ts'
import { getUser } from '../../identity/users/index.ts'
import { makeKey } from './format.ts'
import { MOST_KEYS } from './keys.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const PATH = '/api/v1/auth/api-keys'
const issue = (person: Person, body: Record<string, unknown> = {}) =>
  person.client.post(PATH, { name: 'a program', permissions: ['*'], ...body })
const withKey = (key: string): Client => world.client({ headers: { 'x-api-key': key } })
const validate = (key: string) => withKey(key).get('/api/v1/auth/validate')
const setRoles = (id: string, ...roles: string[]) =>
  world.db.tx('system', (tx) => tx.updateTable('users').set({ roles }).where('id', '=', id).execute())
const asSystem = <T>(work: Parameters<typeof world.db.tx<T>>[1]) => world.db.tx('system', work)
const isDead = async (key: string) => {
  const { status, code } = await validate(key)
  return status === 401 && code === 'INVALID_API_KEY'
}
async function staff(): Promise<Person> {
  const person = await world.person()
  await setRoles(person.id, 'staff')
  return person
}

describe('creating a key', () => {
  it('shows it once, and stores its hash', async () => {
    const person = await staff()
    const reply = await issue(person, {
      name: ' The  build ',
      description: 'runs at night',
      permissions: ['chat:read'],
    })
    expect([reply.status, reply.body.message]).toEqual([
      201,
      'API key created. Store the key now: it is not shown again.',
    ])
    const { api_key: key, ...shown } = reply.data
    expect(key).toMatch(/^lk_live_[0-9A-Za-z]{32}$/)
    expect(shown).toEqual({
      key_id: expect.stringMatching(/^key_[0-9a-f]{32}$/),
      name: 'The build',
      description: 'runs at night',
      environment: 'live',
      hint: key.slice(0, 12),
      permissions: ['chat:read'],
      status: 'active',
      created_at: expect.stringMatching(/^2030-06-01T12:0/),
      expires_at: null,
      last_used_at: null,
      rotated_at: null,
      rotated_from: null,
    })
    const list = await person.client.get(PATH)
    expect(list.data).toEqual([shown])
    expect(list.text).not.toContain(key.slice(12))
    const [row] = await asSystem((tx) =>
      tx.selectFrom('api_keys').selectAll().where('id', '=', shown.key_id).execute(),
    )
    expect(row?.token_hash.equals(sha256(key))).toBe(true)
    expect(JSON.stringify({ ...row, token_hash: '' })).not.toContain(key.slice(12))
    expect(await world.events(person.id)).toContain('auth.api_key.created')
  })

  it('identifies the owner, and is accepted in each of the three places', async () => {
    const person = await staff()
    const { data } = await issue(person, {
      permissions: ['chat:read', 'dashboard:read'],
      environment: 'test',
    })
    expect(data.api_key).toMatch(/^lk_test_/)
    for (const headers of [
      { 'x-api-key': data.api_key },
      { authorization: `Bearer ${data.api_key}` },
      { authorization: `Api-Key ${data.api_key}` },
    ]) {
      const reply = await world.client({ headers }).get('/api/v1/auth/validate')
      expect(reply.data).toEqual({
        user_id: person.id,
        username: null,
        role: 'staff',
        roles: ['staff'],
        permissions: ['chat:read', 'dashboard:read'],
        method: 'api_key',
        session_id: null,
        acr: null,
        key_id: data.key_id,
        organization_id: null,
        organization_role: null,
        organization_permissions: [],
        token_id: null,
        authenticated_at: null,
        expires_at: null,
        amr: [],
      })
    }
    expect((await world.client().get(`/api/v1/auth/validate?api_key=${data.api_key}`)).status).toBe(401)
  })

  it('requires a recent sign-in; a key cannot create keys', async () => {
    const person = await staff()
    const { data } = await issue(person)
    for (const [method, path] of [['POST', PATH], ['GET', PATH], ['DELETE', `${PATH}/${data.key_id}`], ['POST', `${PATH}/${data.key_id}/rotate`]] as const) {
      const refused = await withKey(data.api_key).send(method, path, method === 'GET' ? undefined : { name: 'x' })
      expect([method, path, refused.status, refused.code]).toEqual([method, path, 401, 'AUTHENTICATION_REQUIRED'])
    } // biome-ignore format: a table
    await world.clock.advance('11 minutes')
    expect((await issue(person)).code).toBe('STEP_UP_REQUIRED')
    expect((await person.client.post(`${PATH}/${data.key_id}/rotate`)).code).toBe('STEP_UP_REQUIRED')
    expect((await person.client.get(PATH)).status).toBe(200)
    expect((await person.client.delete(`${PATH}/${data.key_id}`)).status).toBe(200)
  })

  it.each([
    [{ name: '' }, 'name', 'required'],
    [{ name: 'x'.repeat(101) }, 'name', 'too_long'],
    [{ name: 'Build \u202egpj.exe' }, 'name', 'invalid'],
    [{ name: '\u200b' }, 'name', 'invalid'],
    [{ environment: 'prod' }, 'environment', 'invalid_choice'],
    [{ permissions: ['users'] }, 'permissions.0', 'invalid'],
    [{ permissions: ['users:read:all'] }, 'permissions.0', 'invalid'],
    [{ permissions: 'users:read' }, 'permissions', 'invalid_type'],
    [{ permissions: undefined }, 'permissions', 'required'],
    [{ expires_at: 'tomorrow' }, 'expires_at', 'datetime'],
    [{ expires_at: '2020-01-01T00:00:00Z' }, 'expires_at', 'past'],
    [{ expires_at: '2050-01-01T00:00:00Z' }, 'expires_at', 'too_late'],
  ])('refuses %j at its field', async (body, field, code) => {
    const reply = await issue(await staff(), body)
    expect([reply.status, reply.code]).toEqual([400, 'VALIDATION_ERROR'])
    expect(reply.body.error.details).toEqual([expect.objectContaining({ field, code })])
  })

  it('refuses an invisible character in the words in which people and organizations do', async () => {
    const { client } = await staff()
    const hidden = 'Ada \u202egpj.exe'
    const replies = [
      await client.post(PATH, { name: hidden, permissions: [] }),
      await client.post('/api/v1/organizations', { name: hidden }),
      await client.patch('/api/v1/users/me', { full_name: hidden }),
    ]
    const said = replies.map(({ body }) => body.error.details[0])
    expect(said).toEqual(
      ['name', 'name', 'full_name'].map((field) => ({
        field,
        code: 'invalid',
        message: 'Use one line of visible characters.',
      })),
    )
  })

  it('is created for the caller only, even if the body names another user', async () => {
    const [person, other] = [await staff(), await staff()]
    const { body } = await issue(person, { user_id: other.id })
    expect(body.error.details).toMatchObject([{ field: 'user_id', code: 'unknown' }])
    const { data } = await issue(person, {})
    expect((await validate(data.api_key)).data.user_id).toBe(person.id)
    // nor would the database let it
    const scope = { userId: person.id, organizationId: null, permissions: ['*'] }
    const { key, hint } = makeKey('lk', 'live')
    const forged = world.db.tx(scope, (tx) =>
      tx
        .insertInto('api_keys')
        .values({
          id: newId('key'), user_id: other.id, organization_id: null, name: 'x', description: null, environment: 'live', hint,
          token_hash: sha256(key), scopes: null, created_at: world.clock.now(), expires_at: null, last_used_at: null,
          rotated_from: null, rotated_at: null, revoked_at: null,
        }) // biome-ignore format: a row
        .execute(),
    )
    await expect(forged).rejects.toThrow(/row-level security/)
  })

  it(`is created at most ${MOST_KEYS} times for one user, also by concurrent requests`, async () => {
    const person = await staff()
    const rows = Array.from({ length: MOST_KEYS - 3 }, () => ({
      id: newId('key'), user_id: person.id, organization_id: null, name: 'x', description: null, environment: 'live' as const,
      hint: 'lk_live_0000', token_hash: sha256(newId('key')), scopes: [], created_at: world.clock.now(), expires_at: null,
      last_used_at: null, rotated_from: null, rotated_at: null, revoked_at: null,
    })) // biome-ignore format: a row
    await asSystem((tx) => tx.insertInto('api_keys').values(rows).execute())
    const replies = await Promise.all(Array.from({ length: 10 }, () => issue(person)))
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(3)
    expect(replies.filter(({ code }) => code === 'CONFLICT')).toHaveLength(7)
    await person.client.delete(`${PATH}/${rows[0]?.id}`)
    expect((await issue(person)).status).toBe(201)
  })
})

describe('the permissions of a key', () => {
  it.each([[['users:read']], [['chat:read', 'users:*']], [['*:read']], [['*:*']]])(
    'is never more than its maker: %j is refused to staff',
    async (permissions) => {
      const reply = await issue(await staff(), { permissions })
      expect([reply.status, reply.code]).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
      expect(reply.body.error.details.required).toBe(permissions.at(-1))
    },
  )

  it('lose at once what the owner loses, and regain it with the owner', async () => {
    const person = await world.person()
    await setRoles(person.id, 'manager')
    const scoped = (await issue(person, { permissions: ['users:read', 'chat:read'] })).data.api_key
    const whole = (await issue(person)).data.api_key
    const none = (await issue(person, { permissions: [] })).data.api_key
    const may = async (key: string) => (await validate(key)).data.permissions
    expect(await may(scoped)).toEqual(['chat:read', 'users:read'])
    expect(await may(whole)).toContain('users:*')
    await setRoles(person.id, 'staff')
    expect(await may(scoped)).toEqual(['chat:read'])
    expect(await may(whole)).not.toContain('users:*')
    await setRoles(person.id, 'super_admin')
    expect(await may(scoped)).toEqual(['chat:read', 'users:read'])
    expect(await may(whole)).toContain('*')
    expect(await may(none)).toEqual([])
  })

  it('is judged where a proxy asks: from below 403, with what is held 200', async () => {
    const { data } = await issue(await staff(), { permissions: ['chat:read'] })
    const ask = (query: string) => withKey(data.api_key).get(`/api/v1/auth/validate?${query}`)
    expect((await ask('require=chat:read')).status).toBe(200)
    expect((await ask('require=chat:write')).body.error.details).toEqual({ required: 'chat:write' })
    expect((await ask('require=chat:read,users:read')).status).toBe(403)
    expect((await ask('role=manager,staff')).status).toBe(200)
    expect((await ask('role=manager')).status).toBe(403)
    expect((await ask('require=chat')).status).toBe(400)
  })
})

describe('an invalid key', () => {
  it('is refused with any alteration: truncated, extended, in another case, of another environment', async () => {
    const { data } = await issue(await staff())
    const key = String(data.api_key)
    const tail = key.slice(-1)
    const others = [
      key.slice(0, -1), `${key}A`, key.slice(0, 8) + key.slice(8).toLowerCase(), key.slice(0, 8) + key.slice(8).toUpperCase(),
      key.replace('_live_', '_test_'), key.replace('lk_', 'kl_'), key.slice(0, -1) + (tail === 'a' ? 'b' : 'a'), makeKey('lk', 'live').key,
      'lk_live_', 'nonsense',
    ].filter((one) => one !== key) // biome-ignore format: a list
    for (const other of others) {
      const reply = await validate(other)
      expect([other, reply.status, reply.code]).toEqual([other, 401, 'INVALID_API_KEY'])
      expect(reply.headers.get('www-authenticate')).toMatch(/^Bearer realm="latchkey", error="invalid_token"/)
      const bearer = await world
        .client({ headers: { authorization: `Bearer ${other}` } })
        .get('/api/v1/auth/validate')
      expect([other, bearer.status]).toEqual([other, 401])
    }
    expect((await validate(key)).status).toBe(200)
  })

  it('may be one of another kind: a session token is no key', async () => {
    const { data } = await world.client().signIn((await staff()).email, PASSWORD)
    expect(await isDead(data.token)).toBe(true)
  })

  it('comes with another credential of any kind: a bad request', async () => {
    const person = await staff()
    const { data } = await issue(person)
    for (const authorization of [`Bearer ${data.api_key}`, 'Bearer garbage', 'Basic YTpi']) {
      const reply = await withKey(data.api_key).get('/api/v1/auth/validate', { headers: { authorization } })
      expect([authorization, reply.status]).toEqual([authorization, 400])
    }
  })

  it('has expired: from the very instant', async () => {
    const at = new Date(world.clock.now().getTime() + 3_600_000)
    const person = await staff()
    const { data } = await issue(person, { expires_at: at.toISOString() })
    expect((await validate(data.api_key)).data.expires_at).toBe(at.toISOString())
    world.app.tools.clock.set(new Date(at.getTime() - 2000))
    expect((await validate(data.api_key)).status).toBe(200)
    world.app.tools.clock.set(at)
    expect(await isDead(data.api_key)).toBe(true)
    await person.client.signIn(person.email, PASSWORD)
    expect((await person.client.get(PATH)).data[0].status).toBe('expired')
  })

  it('belongs to a user who was disabled or deleted: refused at once', async () => {
    const person = await staff()
    const { data } = await issue(person)
    const call = systemCall(world.clock.now())
    await asSystem(async (tx) => disableUser(world.app.tools, tx, call, await getUser(tx, person.id)))
    expect(await isDead(data.api_key)).toBe(true)
    await asSystem(async (tx) => enableUser(tx, call, await getUser(tx, person.id)))
    expect((await validate(data.api_key)).status).toBe(200)
    await asSystem(async (tx) => deleteUser(world.app.tools, tx, call, await getUser(tx, person.id)))
    expect(await isDead(data.api_key)).toBe(true)
    const left = await asSystem((tx) =>
      tx.selectFrom('api_keys').select('id').where('user_id', '=', person.id).execute(),
    )
    expect(left).toEqual([])
  })
})

describe('where the operator limits lifetimes', () => {
  it('every key expires, and keys may be accepted in the query', async () => {
    const bounded = await startWorld({
      apiKeyMaxLifetime: 86_400_000,
      apiKeyInQuery: true,
      apiKeyProduct: 'acme',
    })
    try {
      const { client } = await bounded.person()
      const { data } = await client.post(PATH, { name: 'x', permissions: ['*'] })
      expect(data.api_key).toMatch(/^acme_live_/)
      expect(Date.parse(data.expires_at) - Date.parse(data.created_at)).toBe(86_400_000)
      const expires_at = new Date(Date.parse(data.expires_at) + 60_000).toISOString()
      expect((await client.post(PATH, { name: 'x', permissions: ['*'], expires_at })).code).toBe(
        'VALIDATION_ERROR',
      )
      const absent = await client.post(PATH, { name: 'x', permissions: ['*'], expires_at: null })
      expect(Date.parse(absent.data.expires_at) - Date.parse(absent.data.created_at)).toBe(86_400_000)
      const { data: rotated } = await client.post(`${PATH}/${data.key_id}/rotate`)
      expect(Date.parse(rotated.expires_at) - Date.parse(rotated.created_at)).toBe(86_400_000)
      const asked = await bounded.client().get(`/api/v1/auth/validate?api_key=${rotated.api_key}`)
      expect(asked.data.method).toBe('api_key')
      const page = await client.get('/account/api-keys', { headers: { accept: 'text/html' } })
      expect(page.text).not.toContain('value="never"')
      const fields = { name: 'x', environment: 'live', expires_in: 'never', access: 'all' }
      const endless = await client.post(
        '/account/api-keys',
        { csrf_token: client.csrfToken, ...fields },
        { form: true, headers: { accept: 'text/html' } },
      )
      expect([endless.status, endless.text.includes('href="#field-expires_in"')]).toEqual([400, true])
    } finally {
      await bounded.stop()
    }
  })
})
