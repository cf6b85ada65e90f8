/**
 * The fourth document: registration with verification, five roles, tokens that expire and are revoked, CSRF, limits.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect } from 'vitest'
import { can } from '../../packages/guard/src/index.ts'
import { loadConfig } from '../../packages/server/src/config.ts'
import type { Client } from '../../packages/server/src/testing/client.ts'
import { PASSWORD, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { seedDocument } from './document.ts'
import { pageSettings } from './settings.ts'

const API = '/api/v1'
const ROLES = ['admin', 'manager', 'client', 'employee', 'user']

seedDocument('get-community', ({ printed, prose }) => {
  let world: World
  beforeAll(async () => {
    world = await startWorld(pageSettings('get-community', ['rateLimits']))
  })
  afterAll(() => world.stop())

  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
  const statusOf = async (token: string) => {
    const { status, code } = await world.client().get(`${API}/auth/me`, bearer(token))
    return [status, code]
  }
  const tokensOf = async (email: string) =>
    (await world.client().post(`${API}/auth/login`, { username: email, password: PASSWORD, tokens: true }))
      .data
  const newTokens = async () => tokensOf((await world.person({ signIn: false })).email)
  const csrfOf = (page: string) => /name="csrf_token" value="([^"]+)"/.exec(page)?.[1] ?? ''
  const html = { headers: { accept: 'text/html' } }
  const submit = async (client: Client, path: string, fields: Record<string, string>) => {
    const { text } = await client.get(path, html)
    return client.post(path, { csrf_token: csrfOf(text), ...fields }, { form: true, ...html })
  }

  prose('1-2', 'an introduction')
  printed('3-18', 'registration: the role user, not verified, a verification e-mail', async () => {
    const email = 'new@example.com'
    const client = world.client()
    const page = await submit(client, '/sign-up', { email, password: PASSWORD, password_confirm: PASSWORD })
    expect([page.status < 400, (await world.mailbox.emailTo(email)).links.length > 0]).toEqual([true, true])
    const other = await world
      .client()
      .post(`${API}/auth/register`, { email: 'other@example.com', password: PASSWORD })
    expect(other.data.user).toMatchObject({ role: 'user', is_verified: false })
    expect((await world.client().get('/account', html)).headers.get('location')).toMatch(/^\/sign-in/)
  })
  printed('19-27', 'an address has to be verified before a sign-in, which gives both tokens', async () => {
    const email = 'unproven@example.com'
    await world.client().post(`${API}/auth/register`, { email, password: PASSWORD })
    const login = () =>
      world.client().post(`${API}/auth/login`, { username: email, password: PASSWORD, tokens: true })
    expect((await login()).code).toBe('EMAIL_NOT_VERIFIED')
    await world
      .client()
      .post(`${API}/auth/verify-email`, { token: await world.mailbox.tokenFor(email, /verify-email/) })
    expect((await login()).data).toMatchObject({
      access_token: expect.stringMatching(/^eyJ/),
      refresh_token: expect.stringMatching(/^rt_/),
    })
  })
  prose('28-29', 'an introduction, and where its SQL is')
  printed('30-36', 'the five roles and what they may', async (excerpt) => {
    expect(
      excerpt.text.replaceAll(/\.(?=[a-z])/g, '.\n').match(/^(admin|manager|client|employee|user)$/gm),
    ).toEqual(ROLES)
    const people = await world.people(ROLES.map((role) => ({ roles: [role] })))
    const MAY: Readonly<Record<string, Readonly<Record<string, boolean>>>> = {
      admin: { 'users:write': true, 'clients:write': true, 'anything:else': true },
      manager: { 'clients:write': true, 'users:grant': true, 'system:write': false },
      client: { 'clients:write': false, 'clients:read': false },
      employee: { 'clients:read_assigned': true, 'insights:add': true, 'clients:write': false },
      user: { 'clients:read': false, 'insights:add': false, 'users:read': false },
    }
    for (const [n, role] of ROLES.entries()) {
      const { permissions } = (await people[n]?.client.get(`${API}/auth/me`))?.data.user ?? {}
      for (const [permission, expected] of Object.entries(MAY[role] ?? {}))
        expect([role, permission, can({ permissions }, permission)]).toEqual([role, permission, expected])
    }
    const [admin, manager, , , user] = people
    const grant = (by: typeof admin, role: string) =>
      by?.client.send('PUT', `${API}/users/${user?.id}/roles`, { roles: [role] }).then(({ status }) => status)
    const grantable = async (by: typeof admin, role: string) => ((await grant(by, role)) ?? 500) < 300
    expect([await grantable(manager, 'client'), await grantable(manager, 'admin')]).toEqual([true, false])
    expect(await grantable(admin, 'manager')).toBe(true)
  })
  printed(
    '37-55',
    'a CSRF token, tokens for credentials, and a request with the access token',
    async (excerpt) => {
      expect(excerpt.text).toContain('X-CSRF-TOKEN')
      expect((await world.client().get('/csrf')).data.csrf_token).toEqual(expect.any(String))
      const { access_token, refresh_token } = await newTokens()
      expect(refresh_token).toMatch(/^rt_/)
      expect(await statusOf(access_token)).toEqual([200, undefined])
    },
  )
  printed('56-67', 'an expired access token is refused, for good', async () => {
    const { access_token } = await newTokens()
    await world.clock.advance('2 hours')
    expect(await statusOf(access_token)).toEqual([401, 'TOKEN_EXPIRED'])
  })
  printed('68-80', 'a refresh gives new tokens', async () => {
    const first = await newTokens()
    await world.clock.advance('2 hours')
    const next = (await world.client().post(`${API}/auth/refresh`, { refresh_token: first.refresh_token }))
      .data
    expect(next.refresh_token).not.toBe(first.refresh_token)
    expect(await statusOf(next.access_token)).toEqual([200, undefined])
  })
  printed('81-92', 'a bad token is refused, and a token can be revoked', async () => {
    const { access_token } = await newTokens()
    const [header, payload] = access_token.split('.')
    expect(await statusOf(`${header}.${payload}.${'A'.repeat(86)}`)).toEqual([401, 'INVALID_TOKEN'])
    await world.client().post(`${API}/auth/revoke`, { token: access_token })
    expect(await statusOf(access_token)).toEqual([401, 'INVALID_TOKEN'])
  })
  printed('93-105', 'after a revocation one signs in again', async () => {
    const { email } = await world.person({ signIn: false })
    const first = await tokensOf(email)
    await world.client().post(`${API}/auth/revoke`, { token: first.refresh_token })
    const refused = await world.client().post(`${API}/auth/refresh`, { refresh_token: first.refresh_token })
    expect(refused.status).toBe(401)
    expect(await statusOf((await tokensOf(email)).access_token)).toEqual([200, undefined])
  })
  printed('106', 'a signature that a public key verifies', async () => {
    const { access_token } = await newTokens()
    const { keys } = (await world.client().get('/.well-known/jwks.json')).body
    const { kid } = JSON.parse(Buffer.from(access_token.split('.')[0], 'base64url').toString())
    const { createLocalJWKSet, jwtVerify } = await import('jose')
    const verified = await jwtVerify(access_token, createLocalJWKSet({ keys }), {
      currentDate: world.clock.now(),
    })
    expect([verified.protectedHeader.kid, verified.payload.role]).toEqual([kid, 'user'])
  })
  printed('107', '100 requests a minute, as the preset `single`', async (excerpt) => {
    const [[limit = ''] = []] = excerpt.all(/(\d+) requests per minute/g)
    const limited = await startWorld(pageSettings('get-community'))
    const client = limited.client()
    for (let n = 0; n < Number(limit); n += 1) {
      const reply = await client.get(`${API}/auth/me`)
      expect([n, reply.status, reply.headers.get('x-ratelimit-limit')]).toEqual([n, 401, limit])
    }
    expect((await client.get(`${API}/auth/me`)).status).toBe(429)
    await limited.stop()
  })
  printed('108', 'no state changes by a request of another site', async (excerpt) => {
    expect(excerpt.text).toContain('changing their email address')
    const { client } = await world.person()
    client.csrfToken = null
    const forged = await client.post(`${API}/users/me/email`, { email: 'x@example.com', password: PASSWORD })
    expect([forged.status, forged.code]).toEqual([403, 'CSRF_FAILED'])
    // the data cannot be read from there either
    const { headers } = await client.get(`${API}/users/me`, { headers: { origin: 'https://evil.example' } })
    expect(headers.get('access-control-allow-origin')).toBeNull()
  })
  printed('109-113', 'GET /csrf, and its token as X-CSRF-TOKEN', async (excerpt) => {
    const [[path = ''] = []] = excerpt.all(/GET request to the (\/\w+)/g)
    const [[header = ''] = []] = excerpt.all(/requests as (X-[\w-]+)/g)
    const { client } = await world.person()
    client.csrfToken = null
    const refused = await client.post(`${API}/auth/logout`)
    expect([refused.status, refused.code]).toEqual([403, 'CSRF_FAILED'])
    const { csrf_token } = (await client.get(path)).data
    expect((await client.post(`${API}/auth/logout`, {}, { headers: { [header]: csrf_token } })).status).toBe(
      200,
    )
  })
  prose('114-117', 'links')
  printed('118', 'openssl rand -hex 32 makes a secret that production takes', (excerpt) => {
    const [[encoding = '', bytes] = []] = excerpt.all(/openssl rand -(\w+) (\d+)/g)
    const secret = randomBytes(Number(bytes)).toString(encoding as BufferEncoding)
    const env = {
      LATCHKEY_PROFILE: 'production',
      LATCHKEY_PUBLIC_URL: 'https://id.example.com',
      LATCHKEY_SECRET: secret,
      DATABASE_URL: 'postgres://latchkey:x@127.0.0.1/latchkey',
      LATCHKEY_SMTP_URL: 'smtp://127.0.0.1:25',
    }
    expect(loadConfig(env, { cwd: '/nonexistent' }).secret).toBe(secret)
  })
  printed('119-122', 'gitleaks, with a rule that finds a key of this server', async (excerpt) => {
    expect(excerpt.text).toMatch(/^gitleaks detect .*--config=\S*gitleaks\.toml$/m)
    const page = readFileSync(new URL('../../docs/guides/secret-detection.md', import.meta.url), 'utf8')
    const regex = /regex = '{3}(.*)'{3}/.exec(page)?.[1] ?? ''
    const { secret } = await (await world.person()).client.apiKey()
    expect(new RegExp(regex).exec(`KEY="${secret}"`)?.[1]).toBe(secret)
  })
  prose('123-124', 'a notice')
})
