/**
 * The third document: the routes of accounts and organizations, the envelope `meta`, migrations, profiles,
 * deployment.
 */
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect } from 'vitest'
import { loadConfig } from '../../packages/server/src/config.ts'
import { PROVIDER_IDS } from '../../packages/server/src/core/providers/index.ts'
import type { Json, Reply } from '../../packages/server/src/testing/client.ts'
import { testDatabaseKind } from '../../packages/server/src/testing/database.ts'
import {
  freePort,
  PASSWORD,
  type Person,
  startWorld,
  type World,
} from '../../packages/server/src/testing/world.ts'
import { expectFields, seedDocument } from './document.ts'
import { type Installation, installation } from './programs.ts'
import { requestTo, withGoogleAndMicrosoft } from './providers.ts'
import { hasRow } from './rows.ts'
import { pageSettings } from './settings.ts'

const API = '/api/v1'
const ROOT = new URL('../../', import.meta.url)
const MANIFESTS = ['packages/guard/package.json', 'packages/server/package.json']
const run = promisify(execFile)

seedDocument('gatehouse', ({ printed, prose, later }) => {
  let world: World
  let ada: Person
  let cli: Installation
  beforeAll(async () => {
    world = await startWorld(
      pageSettings('gatehouse', ['port', 'hashAlgorithm', 'bcryptCost', 'passwordProfile']),
    )
    ada = await world.person({ email: 'ada@example.com' })
    cli = await installation({ LATCHKEY_PASSWORD_PROFILE: 'custom' })
  })
  afterAll(async () => {
    await world.stop()
    await cli.remove()
  })

  /** Calls each printed route once; the printed list and the calls have to be the same. */
  const expectRoutes = async (
    excerpt: { all(pattern: RegExp): string[][] },
    calls: Readonly<Record<string, () => Promise<Reply>>>,
  ): Promise<void> => {
    const routes = excerpt.all(/`([A-Z]+ \/\S+)`/g).flat()
    expect(routes.toSorted()).toEqual(Object.keys(calls).toSorted())
    for (const [route, call] of Object.entries(calls)) {
      const reply = await call()
      expect([route, reply.status < 300, reply.status < 300 || reply.text]).toEqual([route, true, true])
      expect([route, reply.body.success, reply.body.code]).toEqual([route, true, reply.status])
    }
  }

  prose('1-23', 'the frame of the page, and an introduction')
  printed('24', 'sign-in by OAuth, SAML and OpenID Connect, beside the password', (excerpt) => {
    const [[names = ''] = []] = excerpt.all(/OAuth \(([^)]+)\)/g)
    const offered: readonly string[] = PROVIDER_IDS
    for (const name of [...names.toLowerCase().split(', '), 'saml', 'oidc']) expect(offered).toContain(name)
  })
  printed('27', 'organizations with roles', async () => {
    const { data } = await ada.client.post(`${API}/organizations`, { name: 'Roles' })
    const roles = await ada.client.get(`${API}/organizations/${data.id}/roles`)
    for (const role of ['owner', 'admin', 'member', 'guest']) expect(roles.text).toContain(`"${role}"`)
  })
  printed('30', 'Redis, which is optional: sessions are rows of the database', () => {
    const text = readFileSync(new URL('../../docs/reference/configuration.md', import.meta.url), 'utf8')
    expect(text).toMatch(/`REDIS_URL` \| not set \| Redis, which counts rate limits over all nodes/)
    expect(loadConfig({ REDIS_URL: 'redis://127.0.0.1:6379/0' }, { cwd: '/nonexistent' })).toMatchObject({
      redisUrl: 'redis://127.0.0.1:6379/0',
    })
  })
  printed('33', 'an audit log', async () => {
    const { id, client } = await world.person()
    await client.post(`${API}/auth/logout`)
    expect(await world.events(id)).toEqual(
      expect.arrayContaining(['user.registered', 'auth.login.success', 'auth.logout']),
    )
  })
  prose('36', 'security: line 518')
  prose('39', 'the envelope: line 338')
  printed('42', 'requests are validated', async () => {
    const reply = await world
      .client()
      .post(`${API}/auth/register`, { email: 'no address', password: PASSWORD })
    expect([reply.status, reply.body.error]).toEqual([
      400,
      expect.objectContaining({ type: 'VALIDATION_ERROR', details: { email: [expect.any(String)] } }),
    ])
  })
  prose('45', 'tests: this suite')
  printed('48', 'OpenAPI', async () => {
    const reply = await world.client().get('/api/openapi.json')
    expect([reply.status, reply.body.openapi]).toEqual([200, expect.stringMatching(/^3\.1/)])
  })
  prose('53-80', 'what it is built of')
  prose('81-83', 'a heading')
  printed(
    '86-97',
    'what has to be there before: one program, and PostgreSQL where one wants it',
    (excerpt) => {
      expect(excerpt.all(/- (\w+) \d/g).flat()).toEqual(['Python', 'PostgreSQL', 'Redis'])
      const manifest = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8'))
      expect(manifest.engines.node).toMatch(/^>=/)
      // without PostgreSQL and Redis the server runs on the embedded database, in memory
      expect(loadConfig({}, { cwd: '/nonexistent' })).toMatchObject({ databaseUrl: null, redisUrl: null })
    },
  )
  printed('102-119', 'the clone has everything that the next commands need', (excerpt) => {
    expect(excerpt.text).toContain('git clone')
    for (const file of [
      'package.json',
      'package-lock.json',
      '.env.example',
      'README.md',
      'scripts/start.mjs',
    ])
      expect([file, existsSync(new URL(file, ROOT))]).toEqual([file, true])
  })
  printed(
    '124-151,487-500',
    'dependencies of development and of production, from one lock',
    async (excerpt) => {
      const files = excerpt.all(/pip install -r requirements\/(\w+)\.txt/g).flat()
      expect(files).toEqual(['development', 'production'])
      const folder = mkdtempSync(join(tmpdir(), 'lk-install-'))
      for (const file of ['package.json', 'package-lock.json', ...MANIFESTS])
        cpSync(new URL(file, ROOT), join(folder, file))
      // what would be installed; nothing is fetched
      const install = async (...more: string[]) => {
        const words = ['ci', '--dry-run', '--offline', '--ignore-scripts', ...more]
        return /added (\d+) packages/.exec((await run('npm', words, { cwd: folder })).stdout)?.[1]
      }
      const [development, production] = [Number(await install()), Number(await install('--omit=dev'))]
      rmSync(folder, { recursive: true })
      expect([production > 0, development > production]).toEqual([true, true])
    },
  )
  printed('155-167', 'cp .env.example .env, which is a valid configuration', () => {
    const example = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8')
    const settings = example.match(/^#?\s*[A-Z][A-Z0-9_]+=/gm) ?? []
    expect(settings.length).toBeGreaterThan(20)
    const env = Object.fromEntries(
      example
        .split('\n')
        .filter((line) => /^[A-Z]/.test(line))
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    )
    expect(() => loadConfig(env, { cwd: '/nonexistent' })).not.toThrow()
  })
  printed('172-181,543-546', 'the database is initialized: latchkey migrate up', async () => {
    const { exit, stderr } = await cli.latchkey(['migrate', 'up'])
    expect([exit, stderr]).toEqual([0, ''])
  })
  printed('186-195,555-558', 'sample data: latchkey seed', async () => {
    const { exit, stdout } = await cli.latchkey(['seed', '--json'])
    const { users, organizations } = JSON.parse(stdout)
    expect([exit, users.length > 5, organizations.length > 1]).toEqual([0, true, true])
    expect(new Set(users.map(({ password }: { password: string }) => password)).size).toBe(users.length)
  })
  printed('200-220,563-566', 'the server runs on the printed ports', async (excerpt) => {
    const [[port = ''] = []] = excerpt.all(/--port (\d+)/g)
    const settings = { LATCHKEY_PROFILE: 'development', LATCHKEY_PORT: port }
    expect(loadConfig(settings, { cwd: '/nonexistent' })).toMatchObject({
      port: Number(port),
      profile: 'development',
      publicUrl: `http://localhost:${port}`,
    })
    const [[address = ''] = []] = excerpt.all(/available at `(\S+)`/g)
    expect(
      loadConfig({ LATCHKEY_PORT: String(pageSettings('gatehouse', []).port) }, { cwd: '/' }).publicUrl,
    ).toBe(address)
    const free = await freePort()
    const server = await installation({
      LATCHKEY_PROFILE: 'development',
      LATCHKEY_ARGON2_MEMORY_KIB: '8192',
      LATCHKEY_PORT: String(free),
    })
    let health = 0
    const { exit, output } = await server.startAndStop(
      [],
      new RegExp(`http://localhost:${free}`),
      async () => {
        health = (await fetch(`http://127.0.0.1:${free}/api/health`)).status
      },
    )
    await server.remove()
    expect([exit, health], output).toEqual([0, 200])
  })
  prose('227-231', 'headings')
  printed('232-250', 'the routes of authentication', async (excerpt) => {
    const client = world.client()
    const credentials = { email: 'routes@example.com', password: PASSWORD }
    let other = ''
    await expectRoutes(excerpt, {
      'POST /api/v1/auth/register': () => client.post(`${API}/auth/register`, credentials),
      'POST /api/v1/auth/login': async () => {
        client.cookies.clear()
        other = (await world.client().signIn(credentials.email, PASSWORD)).data.session.id
        return client.signIn(credentials.email, PASSWORD)
      },
      'GET /api/v1/auth/me': () => client.get(`${API}/auth/me`),
      'GET /api/v1/auth/sessions': () => client.get(`${API}/auth/sessions`),
      'DELETE /api/v1/auth/sessions/:id': () => client.delete(`${API}/auth/sessions/${other}`),
      'POST /api/v1/auth/logout': () => client.post(`${API}/auth/logout`),
    })
  })
  printed('255-270', 'the routes of the own account', async (excerpt) => {
    const { email, client } = await world.person()
    const password = `${PASSWORD} again`
    await expectRoutes(excerpt, {
      'GET /api/v1/users/me': () => client.get(`${API}/users/me`),
      'PATCH /api/v1/users/me': async () => {
        const reply = await client.patch(`${API}/users/me`, { full_name: 'Grace Hopper' })
        expect(reply.data).toMatchObject({ email, full_name: 'Grace Hopper' })
        return reply
      },
      'POST /api/v1/users/me/password': () =>
        client.post(`${API}/users/me/password`, { current_password: PASSWORD, new_password: password }),
      'GET /api/v1/users/me/organizations': () => client.get(`${API}/users/me/organizations`),
      'DELETE /api/v1/users/me': async () => {
        client.cookies.clear()
        await client.signIn(email, password)
        return client.delete(`${API}/users/me`, { password })
      },
    })
  })
  printed('275-299', 'the routes of organizations', async (excerpt) => {
    const [owner, root, member] = [
      await world.person(),
      (await world.people([{ roles: ['super_admin'] }]))[0],
      await world.person(),
    ]
    let id = ''
    const at = () => `${API}/organizations/${id}`
    await expectRoutes(excerpt, {
      'POST /api/v1/organizations': async () => {
        const reply = await owner.client.post(`${API}/organizations`, {
          name: 'Acme Corp',
          description: 'Everything from one hand',
          logo_url: 'https://acme-corp.example/logo.svg',
        })
        id = reply.data.id
        return reply
      },
      'GET /api/v1/organizations/:id': async () => {
        const reply = await owner.client.get(at())
        expect(reply.data).toMatchObject({
          name: 'Acme Corp',
          description: 'Everything from one hand',
          logo_url: 'https://acme-corp.example/logo.svg',
        })
        return reply
      },
      'PATCH /api/v1/organizations/:id': async () => {
        const reply = await owner.client.patch(at(), { name: 'Acme Corporation' })
        expect(reply.data.name).toBe('Acme Corporation')
        return reply
      },
      'GET /api/v1/organizations/:id/members': async () => {
        const reply = await owner.client.get(`${at()}/members`)
        expect(reply.data).toMatchObject([{ user: { id: owner.id }, role: 'owner' }])
        return reply
      },
      'POST /api/v1/organizations/:id/members': async () => {
        const invited = await owner.client.post(`${at()}/members`, {
          email: 'new@example.com',
          role: 'member',
        })
        expect([invited.status, invited.data.email, invited.data.role]).toEqual([
          202,
          'new@example.com',
          'member',
        ])
        return (root ?? owner).client.post(`${at()}/members`, { user_id: member.id, role: 'member' })
      },
      'PATCH /api/v1/organizations/:id/members/:userId/role': async () => {
        const reply = await owner.client.patch(`${at()}/members/${member.id}/role`, { role: 'admin' })
        const { data } = await owner.client.get(`${at()}/members`)
        expect(data.find((one: Json) => one.user.id === member.id)?.role).toBe('admin')
        return reply
      },
      'DELETE /api/v1/organizations/:id/members/:userId': () =>
        owner.client.delete(`${at()}/members/${member.id}`),
      'DELETE /api/v1/organizations/:id': () => owner.client.delete(at()),
    })
  })
  printed('306-309', 'GET /api/health', async (excerpt) => {
    const [[path = ''] = []] = excerpt.all(/`GET (\S+)`/g)
    expect((await world.client().get(path)).status).toBe(200)
  })
  printed('316-326', 'the redirect URI of Google and Microsoft', async (excerpt) => {
    const [[base = '', names = '', rest = ''] = []] = excerpt.all(/(http:\S+\/)\[([a-z|]+)\]([^\s`]+)/g)
    await withGoogleAndMicrosoft({ publicUrl: new URL(base).origin }, async (federated) => {
      for (const name of names.split('|')) {
        const asked = await requestTo(federated, name)
        expect(asked.searchParams.get('redirect_uri')).toBe(`${base}${name}${rest}`)
      }
    })
  })
  printed('333-373', 'the envelope of a success', async (excerpt) => {
    const { body } = await ada.client.get(`${API}/users/me`)
    expect(Object.keys(body).toSorted()).toEqual(Object.keys(excerpt.json()).toSorted())
    expectFields(excerpt.json(), body, {
      message: expect.stringMatching(/^[A-Z].*\.$/),
      request_id: expect.stringMatching(/^req_[0-9a-f]{32}$/),
    })
    expect(body.data).toMatchObject({ id: ada.id, email: 'ada@example.com' })
  })
  printed('378-419', 'the envelope of a failure', async (excerpt) => {
    const { body } = await world.client().post(`${API}/auth/login`, {})
    expect(Object.keys(body).toSorted()).toEqual(Object.keys(excerpt.json()).toSorted())
    const free = {
      message: expect.stringMatching(/^[A-Z].*\.$/),
      request_id: expect.stringMatching(/^req_[0-9a-f]{32}$/),
    }
    expectFields(excerpt.json(), body, free)
    expect(body.error.details).toEqual({ identifier: [expect.any(String)], password: [expect.any(String)] })
    const missing = (await ada.client.get(`${API}/organizations/org_01a2011586297523a347fc1f17c74a0f`)).body
    expectFields(excerpt.json(), missing, { ...free, code: 404, 'error.type': 'NOT_FOUND' })
  })
  prose('424-438', 'how a developer of the server writes a migration: ours are files, CONTRIBUTING.md')
  printed('443-466', 'migrations up and down', async () => {
    expect((await cli.latchkey(['migrate', 'up'])).exit).toBe(0)
    const down = await cli.latchkey(['migrate', 'down', '--yes', '--json'])
    expect(down.exit, down.stderr).toBe(0)
    expect((await cli.latchkey(['migrate', 'status'])).stdout).toMatch(/pending/)
    expect((await cli.latchkey(['migrate', 'up'])).exit).toBe(0)
    expect((await cli.latchkey(['migrate', 'status'])).stdout).not.toMatch(/pending/)
  })
  printed('471-482', 'three profiles', (excerpt) => {
    const profiles = excerpt.all(/FLASK_ENV=(\w+)/g).flat()
    expect(profiles).toEqual(['development', 'testing', 'production'])
    for (const profile of profiles) {
      const env = {
        LATCHKEY_PROFILE: profile,
        LATCHKEY_PUBLIC_URL: 'https://id.example.com',
        LATCHKEY_SECRET: 'Xo8Vb2Nq7Lr4Tz9Ky6Ws1Jd5Hg3Fp0Cm',
        DATABASE_URL: 'postgres://latchkey:x@127.0.0.1/latchkey',
        LATCHKEY_SMTP_URL: 'smtp://127.0.0.1:25',
      }
      expect(loadConfig(env, { cwd: '/nonexistent' }).profile).toBe(profile)
    }
  })
  printed('503-506', 'four workers, and the address 0.0.0.0:8000', async (excerpt) => {
    const [[host = '', port = ''] = []] = excerpt.all(/-b ([\d.]+):(\d+)/g)
    expect(loadConfig({ LATCHKEY_HOST: host, LATCHKEY_PORT: port }, { cwd: '/nonexistent' })).toMatchObject({
      host,
      port: Number(port),
    })
    const [[workers = ''] = []] = excerpt.all(/-w (\d+)/g)
    const { exit, output } = await cli.startAndStop(['--workers', workers], /the server has started/)
    // one process has the embedded database to itself
    const [expected, code] =
      testDatabaseKind() === 'postgres' ? [/the server has started/, 0] : [/serves one process/, 1]
    expect([exit, output]).toEqual([code, expect.stringMatching(expected)])
  })
  prose('513', 'a heading')
  printed('518', 'bcrypt of 12 rounds', async () => {
    const bcrypt = await startWorld({
      ...pageSettings('gatehouse', ['port', 'passwordProfile']),
      envelope: 'standard',
    })
    const { id, client, email } = await bcrypt.person()
    const { hash } = await bcrypt.db.tx('system', (tx) =>
      tx.selectFrom('passwords').select('hash').where('user_id', '=', id).executeTakeFirstOrThrow(),
    )
    expect(hash).toMatch(/\$2[aby]\$12\$/)
    expect((await client.signIn(email, PASSWORD)).status).toBe(200)
    await bcrypt.stop()
    expect(() => loadConfig({ LATCHKEY_BCRYPT_COST: '11' }, { cwd: '/nonexistent' })).toThrow(
      /LATCHKEY_BCRYPT_COST/,
    )
  })
  printed('521', 'CORS for allowed origins', async () => {
    const allowed = async (origin: string) =>
      (await world.client().get('/api/health', { headers: { origin } })).headers.get(
        'access-control-allow-origin',
      )
    expect([await allowed('https://app.example.com'), await allowed('https://evil.example')]).toEqual([
      'https://app.example.com',
      null,
    ])
  })
  printed('524', 'security headers', async () => {
    const { headers } = await world.client().get('/sign-in', { headers: { accept: 'text/html' } })
    expect(headers.get('content-security-policy')).toMatch(/default-src 'none'/)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    const https = await startWorld({ publicUrl: 'https://id.example.com' })
    const hsts = (await https.client().get('/sign-in')).headers.get('strict-transport-security')
    await https.stop()
    expect(hsts).toMatch(/^max-age=\d{8}/)
  })
  printed('527', 'rate limits on sensitive routes', async () => {
    const limited = await startWorld({
      ...pageSettings('gatehouse', ['port', 'passwordProfile']),
      rateLimits: 'standard',
    })
    const statuses = new Set<number>()
    for (let n = 0; n < 30; n += 1)
      statuses.add(
        (await limited.client().post(`${API}/auth/password/forgot`, { email: `a${n}@example.com` })).status,
      )
    expect(statuses).toContain(429)
    await limited.stop()
  })
  printed('530', 'SQL in a value is a value', async () => {
    const full_name = "Robert'); drop table users; --"
    await ada.client.patch(`${API}/users/me`, { full_name })
    expect((await ada.client.get(`${API}/users/me`)).data.full_name).toBe(full_name)
  })
  printed('533', 'secure cookies', async () => {
    const reply = await world.client().signIn('ada@example.com', PASSWORD)
    expect(reply.headers.getSetCookie()[0]).toMatch(/HttpOnly; SameSite=Lax/)
    const https = await startWorld({ publicUrl: 'https://id.example.com' })
    const { email } = await https.person({ signIn: false })
    const cookies = (await https.client().signIn(email, PASSWORD)).headers.getSetCookie()
    await https.stop()
    expect(cookies[0]).toMatch(/^__Host-lk_session=.*HttpOnly; Secure; SameSite=Lax/)
  })
  printed('536', 'the id of a request is in the audit log', async () => {
    const reply = await world.client().signIn('ada@example.com', PASSWORD)
    const event = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('audit_events')
        .selectAll()
        .where('request_id', '=', reply.body.request_id)
        .executeTakeFirst(),
    )
    expect(event?.event_type).toMatch(/^auth\.login\./)
    expect(reply.headers.get('x-request-id')).toBe(reply.body.request_id)
  })
  prose('573', 'a heading')
  printed(
    '576-582',
    'sample data has the app of the document, with a secret that is random',
    async (excerpt) => {
      const [[id = ''] = []] = excerpt.all(/client_id: (\S+)/g)
      const [[secret = ''] = []] = excerpt.all(/client_secret: (\S+)/g)
      const { exit, stdout } = await cli.latchkey(['clients', 'show', id, '--json'])
      const { client_id, secrets } = JSON.parse(stdout)
      expect([exit, client_id, secrets.length]).toEqual([0, id, 1])
      expect(secret.startsWith(secrets[0].hint)).toBe(false)
      expect(hasRow(world, 'POST', '/oidc/token')).toBe(true)
    },
  )
  printed('587-593', 'the user of the document signs in', async (excerpt) => {
    const [[email = ''] = []] = excerpt.all(/email: (\S+)/g)
    const [[password = ''] = []] = excerpt.all(/password: (\S+)/g)
    // no default credentials (PRODUCT.md §10): the operator types them, under a profile that permits this password
    const created = await cli.latchkey(['users', 'create', '--email', email, '--password-stdin'], password)
    expect([created.exit, created.stderr]).toEqual([0, ''])
    await world.people([{ email, password, signIn: false }])
    expect((await world.client().signIn(email, password)).status).toBe(200)
  })
  later('600-603', 'a browser of the data', () => expect(hasRow(world, 'GET', '/admin')).toBe(false))
})
