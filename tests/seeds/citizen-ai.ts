/**
 * The first document: sign-in by session, API keys, roles, limits, CSRF, password policy, tokens, audit, error codes.
 */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect } from 'vitest'
import { ERRORS } from '../../packages/server/src/base/errors.ts'
import { loadConfig } from '../../packages/server/src/config.ts'
import { AUDIT_EVENTS } from '../../packages/server/src/core/audit/index.ts'
import { codeOf } from '../../packages/server/src/testing/authenticator-app.ts'
import type { Client, Json, Reply } from '../../packages/server/src/testing/client.ts'
import { type Person, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { type Excerpt, expectFields, seedDocument, timeBetween } from './document.ts'
import { expectLimits } from './limits.ts'
import { expectOAuth, expectSaml } from './providers.ts'
import { pageSettings } from './settings.ts'

const API = '/api/v1'
const AGENT = 'YourApp/1.0'
/** What `ladder` gives to an administrator; the document's `read`, `write` and `admin` are not of the form `resource:action`. */
const ADMINISTRATOR = [
  'analytics:read',
  'api_keys:*',
  'audit:read',
  'chat:*',
  'concerns:*',
  'dashboard:read',
  'system:*',
  'users:*',
]

seedDocument('citizen-ai', ({ printed, prose }) => {
  let world: World
  let admin: Person
  /** A client that sends what line 93 to 96 demand, with this credential. */
  const program = (credential: string): Client =>
    world.client({
      headers: {
        authorization: `Bearer ${credential}`,
        'content-type': 'application/json',
        'x-api-version': 'v1',
        'user-agent': AGENT,
      },
    })
  const signIn = async (): Promise<Reply> => {
    const reply = await world.client().post(`${API}/auth/login`, { username: 'admin', password: 'password' })
    expect(reply.status).toBe(200)
    return reply
  }
  const sessionToken = async (): Promise<string> => (await signIn()).data.token
  const newKey = async (permissions: readonly string[] = ['chat:read']): Promise<Reply> =>
    program(await sessionToken()).post(`${API}/auth/api-keys`, { name: 'A key', permissions })

  /** From now on: a time between now and the moment of the comparison, or that much later. */
  const sinceNow = () => {
    const from = world.clock.now()
    return (later?: number) => timeBetween(from, world.clock.now(), later)
  }

  beforeAll(async () => {
    // the test of the limits has another server
    world = await startWorld(pageSettings('citizen-ai', ['rateLimits']))
    const [person] = await world.people([
      { username: 'admin', password: 'password', roles: ['administrator'], signIn: false },
    ])
    if (!person) throw new Error('no administrator')
    admin = person
  })
  afterAll(() => world.stop())

  prose('1', 'an introduction')
  printed('2-32', 'POST /api/v1/auth/login', async (excerpt) => {
    const before = sinceNow()
    await signIn()
    const previous = before()
    await world.clock.advance('1 minute')
    const client = world.client()
    const during = sinceNow()
    const reply = await client.post(`${API}/auth/login`, excerpt.json(0))
    expect(reply.status).toBe(200)
    const printedLifetime =
      Date.parse(excerpt.json(1).data.session.expires_at) - Date.parse(excerpt.json(1).metadata.timestamp)
    expectFields(excerpt.json(1), reply.body, {
      'data.user.id': admin.id,
      'data.user.permissions': ADMINISTRATOR,
      // of the sign-in before this one
      'data.user.last_login': previous,
      'data.session.id': expect.stringMatching(/^ses_/),
      'data.session.expires_at': during(printedLifetime),
      'data.session.csrf_token': expect.stringMatching(/^.{20,}$/),
      'metadata.timestamp': during(),
    })
    expect([...client.cookies.keys()]).toContain('lk_session')
  })
  printed('33-42', 'an API key as Bearer, in the printed form', async (excerpt) => {
    const { api_key: key } = (await newKey()).data
    const [example = ''] = excerpt.all(/^(ca_\w+)$/gm)[0] ?? []
    expect([key.length, key.split('_').map((part: string) => part.length)]).toEqual([
      example.length,
      example.split('_').map((part) => part.length),
    ])
    expect(key).toMatch(/^ca_live_[0-9A-Za-z]{32}$/)
    expect((await program(key).get(`${API}/auth/validate`)).status).toBe(200)
  })
  printed('43-52', 'super admin > administrator > manager > staff > viewer', async (excerpt) => {
    const [root] = await world.people([{ roles: ['super_admin'] }])
    const name = (label: string) => label.toLowerCase().replace(' ', '_')
    const labels = new Map(
      excerpt.all(/\b([A-E])\[([^\]]+)\]/g).map(([id = '', label = '']) => [id, name(label)]),
    )
    const roles: { name: string; inherits: string[] }[] = (await root?.client.get(`${API}/roles`))?.data
    const edges = excerpt.all(/^([A-E])(?:\[[^\]]+\])? --> ([B-E])\[/gm)
    expect(edges).toHaveLength(4)
    for (const [from = '', to = ''] of edges)
      expect(roles.find((role) => role.name === labels.get(from))?.inherits).toEqual([labels.get(to)])
  })
  printed('53-62', 'the table of permissions, cell by cell', async (excerpt) => {
    const NEEDED: Readonly<Record<string, string>> = {
      'View Dashboard': 'dashboard:read',
      'View Analytics': 'analytics:read',
      'Chat Management': 'chat:manage',
      'Concern Management': 'concerns:manage',
      'User Management': 'users:write',
      'System Configuration': 'system:write',
      'API Key Management': 'api_keys:write',
      'Audit Logs': 'audit:read',
    }
    const COLUMNS = ['viewer', 'staff', 'manager', 'administrator', 'super_admin']
    const { can } = await import('../../packages/guard/src/index.ts')
    const people = await world.people(COLUMNS.map((role) => ({ roles: [role] })))
    const held = await Promise.all(
      people.map(
        async ({ client }) => (await client.get(`${API}/auth/me`)).data.user.permissions as string[],
      ),
    )
    const rows = excerpt.lines.slice(2).map((line) => line.split('|').map((cell) => cell.trim()))
    expect(rows.map(([, label]) => label)).toEqual(Object.keys(NEEDED))
    for (const [, label = '', ...cells] of rows)
      for (const [n, role] of COLUMNS.entries())
        expect([label, role, can({ permissions: held[n] ?? [] }, NEEDED[label] ?? '')]).toEqual([
          label,
          role,
          cells[n] === '✅',
        ])
  })
  printed('63-69', 'a session ends with the browser, and its cookie cannot be altered', async (excerpt) => {
    expect(excerpt.text).toMatch(/"SESSION_PERMANENT": False,\n"SESSION_USE_SIGNER": True/)
    const client = world.client()
    const { headers } = await client.signIn('admin', 'password')
    expect(headers.getSetCookie().find((line) => line.startsWith('lk_session='))).not.toMatch(
      /max-age|expires/i,
    )
    const cookie = client.cookies.get('lk_session') ?? ''
    client.cookies.set('lk_session', `${cookie.slice(0, -1)}${cookie.endsWith('A') ? 'B' : 'A'}`)
    expect((await client.get(`${API}/auth/me`)).status).toBe(401)
  })
  printed(
    '70-74',
    'a session of 30 minutes, in a cookie that is Secure, HttpOnly and SameSite=Lax',
    async (excerpt) => {
      const seconds = Number(excerpt.all(/LIFETIME": (\d+)/g)[0]?.[0])
      expect(world.config.sessionIdle).toBe(seconds * 1000)
      const { headers } = await signIn()
      expect(headers.getSetCookie()[0]).toMatch(/; HttpOnly/)
      expect(headers.getSetCookie()[0]).toMatch(/; SameSite=Lax/)
      const { cookieJar } = await import('../../packages/server/src/base/present/cookies.ts')
      const overHttps = cookieJar('https://id.example.com').set({ name: 'session', value: 'x' })
      expect(overHttps).toMatch(/^__Host-lk_session=x; .*HttpOnly; Secure; SameSite=Lax/)
    },
  )
  printed('75-91', 'a request with an expired session is a 401', async () => {
    const client = world.client()
    await client.signIn('admin', 'password')
    expect((await client.get(`${API}/auth/me`)).status).toBe(200)
    await world.clock.advance('31 minutes')
    const late = await client.get(`${API}/auth/me`)
    expect([late.status, late.code]).toEqual([401, 'SESSION_EXPIRED'])
  })
  printed('92-96', 'the headers of an authenticated request; the version is echoed', async (excerpt) => {
    const headers = Object.fromEntries(excerpt.all(/^([\w-]+): (.+)$/gm)) as Record<string, string>
    const { api_key: key } = (await newKey()).data
    const reply = await world.client().get(`${API}/auth/validate`, {
      headers: { ...headers, Authorization: (headers.Authorization ?? '').replace('your-api-key', key) },
    })
    expect([reply.status, reply.headers.get('x-api-version')]).toEqual([200, headers['X-API-Version']])
  })
  printed('97-117', 'POST /api/v1/auth/api-keys', async (excerpt) => {
    const body = { ...excerpt.json(0), expires_at: '2031-12-31T23:59:59Z' }
    const during = sinceNow()
    const reply = await program(await sessionToken()).post(`${API}/auth/api-keys`, body)
    expect(reply.status).toBe(201)
    expectFields(excerpt.json(1), reply.body, {
      'data.key_id': expect.stringMatching(/^key_/),
      'data.api_key': expect.stringMatching(/^ca_live_[0-9A-Za-z]{32}$/),
      // a set, in alphabetical order
      'data.permissions': excerpt.json(1).data.permissions.toSorted(),
      'data.created_at': during(),
      'data.expires_at': new Date(body.expires_at).toISOString(),
    })
    expect(reply.data.description).toBe(body.description)
    const validated = await program(reply.data.api_key).get(`${API}/auth/validate`)
    expect([...validated.data.permissions].sort()).toEqual([...body.permissions].sort())
  })
  printed('118-120', 'GET /api/v1/auth/api-keys', async () => {
    const { key_id: id } = (await newKey()).data
    const reply = await program(await sessionToken()).get(`${API}/auth/api-keys`)
    expect(JSON.stringify(reply.data)).toContain(id)
    expect(reply.text).not.toMatch(/ca_live_[0-9A-Za-z]{32}/)
  })
  printed('121-123', 'DELETE /api/v1/auth/api-keys/{key_id}', async () => {
    const { key_id: id, api_key: key } = (await newKey()).data
    expect((await program(await sessionToken()).delete(`${API}/auth/api-keys/${id}`)).status).toBe(200)
    const refused = await program(key).get(`${API}/auth/validate`)
    expect([refused.status, refused.code]).toEqual([401, 'INVALID_API_KEY'])
  })
  printed('124-134', 'rate limits by method of authentication, and their headers', expectLimits)
  printed('135-140', 'a form with csrf_token', async (excerpt) => {
    const [name = ''] = excerpt.all(/name="(\w+)"/g)[0] ?? []
    const client = world.client()
    const { csrf_token: token } = (await client.signIn('admin', 'password')).data.session
    client.csrfToken = null
    const form = (fields: Record<string, string>) => client.post(`${API}/auth/logout`, fields, { form: true })
    expect([(await form({})).code, (await form({ [name]: 'x' })).code]).toEqual([
      'CSRF_FAILED',
      'CSRF_FAILED',
    ])
    expect((await form({ [name]: token })).status).toBe(200)
  })
  printed('141-149', 'the header X-CSRFToken of a script', async (excerpt) => {
    const [name = ''] = excerpt.all(/'(X-CSRF\w+)'/g)[0] ?? []
    const client = world.client()
    const { csrf_token: token } = (await client.signIn('admin', 'password')).data.session
    client.csrfToken = null
    const post = (headers: Record<string, string>) => client.post(`${API}/auth/logout`, {}, { headers })
    expect((await post({})).code).toBe('CSRF_FAILED')
    expect((await post({ [name]: token })).status).toBe(200)
  })
  printed('150-163', 'the password policy, as the profile `classic`', async (excerpt) => {
    const policy = JSON.parse(printedPolicy(excerpt.text))
    const classic = await startWorld(pageSettings('citizen-ai', ['rateLimits']))
    const good = 'Tr4vel-agencies!'
    const person = await classic.person({ password: good })
    const change = async (password: string, current = good) =>
      person.client.post(`${API}/users/me/password`, { current_password: current, new_password: password })
    const REFUSED: Readonly<Record<string, string>> = {
      min_length: 'Aa1!'.padEnd(policy.min_length - 1, 'x'),
      max_length: 'Aa1!'.padEnd(policy.max_length + 1, 'x'),
      require_uppercase: 'tr4vel-agencies!',
      require_lowercase: 'TR4VEL-AGENCIES!',
      require_numbers: 'Travel-agencies!',
      require_special_chars: 'Tr4velagencies',
    }
    for (const [rule, password] of Object.entries(REFUSED)) {
      expect(policy).toHaveProperty(rule)
      expect([rule, (await change(password)).code]).toEqual([rule, 'VALIDATION_ERROR'])
    }
    for (const pattern of policy.forbidden_patterns)
      expect([pattern, (await change(`Zx9!-${pattern.toUpperCase()}-mmm`)).code]).toEqual([
        pattern,
        'VALIDATION_ERROR',
      ])
    for (const length of [policy.min_length, policy.max_length]) {
      const reply = await classic.client().post(`${API}/auth/register`, {
        email: `l${length}@example.com`,
        password: 'Zq7!wvtk'.padEnd(length, 'kW3?zt'),
      })
      expect([length, reply.status]).toEqual([length, 201])
    }
    const used = [good]
    for (let n = 1; n < policy.history_check; n += 1) {
      const next = `Tr4vel-agencies!${n}`
      expect((await change(next, used.at(-1))).status).toBe(200)
      used.push(next)
    }
    for (const old of used) expect((await change(old, used.at(-1))).code).toBe('VALIDATION_ERROR')
    await classic.clock.advance(`${policy.max_age_days + 1} days`)
    const expired = await classic
      .client()
      .post(`${API}/auth/login`, { username: person.email, password: used.at(-1) })
    expect([expired.status, expired.code]).toEqual([403, 'PASSWORD_EXPIRED'])
    await classic.stop()
  })
  printed('164-177', 'argon2', async () => {
    const { hash } = await world.db.tx('system', (tx) =>
      tx.selectFrom('passwords').select('hash').where('user_id', '=', admin.id).executeTakeFirstOrThrow(),
    )
    expect(hash).toMatch(/^\$argon2id\$v=19\$/)
    const matches = async (password: string) => (await world.app.tools.hashing.verify(hash, password)).matches
    expect([await matches('password'), await matches('passwore')]).toEqual([true, false])
  })
  /** An administrator with an authenticator app, set up as printed. */
  const withSecondFactor = async (excerpt?: Excerpt) => {
    const [person] = await world.people([{ roles: ['administrator'], username: `second${++seconds}` }])
    if (!person) throw new Error('no administrator')
    const client = program(person.client.cookies.get('lk_session') ?? '')
    const body = excerpt?.json(0) ?? { method: 'totp' }
    const enabled = await client.post(`${API}/auth/mfa/enable`, body)
    expect(enabled.status).toBe(200)
    const confirmed = await client.post(`${API}/auth/mfa/confirm`, {
      code: codeOf(world, enabled.data.secret),
    })
    expect(confirmed.status).toBe(200)
    return { person, enabled, secret: String(enabled.data.secret) }
  }
  let seconds = 0
  /** The sequence of the diagram, lines 196 to 207. */
  const signInWithCode = async ({ person, secret }: { person: Person; secret: string }, more = {}) => {
    const client = world.client({ headers: { 'user-agent': AGENT, ...more } })
    const asked = await client.post(`${API}/auth/login`, {
      username: person.email,
      password: person.password,
    })
    expect([asked.status, asked.code]).toEqual([401, 'MFA_REQUIRED'])
    await world.clock.advance('30 seconds')
    const { attempt } = asked.body.error.details
    const code = codeOf(world, secret)
    const granted = await client.post(`${API}/auth/mfa/verify`, { attempt, method: 'totp', code })
    expect(granted.status).toBe(200)
    return granted
  }
  printed('178-208', 'POST /api/v1/auth/mfa/enable, and a sign-in with a code', async (excerpt) => {
    const made = await withSecondFactor(excerpt)
    const printedCodes: string[] = excerpt.json(1).data.backup_codes
    expectFields(excerpt.json(1), made.enabled.body, {
      'data.secret': expect.stringMatching(/^[A-Z2-7]{32}$/),
      'data.qr_code': expect.stringMatching(/^data:image\/png;base64,iVBORw0KGgoAAAANSUhEUgAA/),
      // six are printed; the product makes ten
      'data.backup_codes': expect.toSatisfy(
        (codes: string[]) => codes.length === 10 && codes.every((code) => /^\d{8}$/.test(code)),
        'ten codes in the printed form',
      ),
    })
    expect(printedCodes.every((code) => /^\d{8}$/.test(code))).toBe(true)
    expect((await signInWithCode(made)).data.user.id).toBe(made.person.id)
  })
  printed('209-225', 'the default connection of SAML', (excerpt) => expectSaml(excerpt.json()))
  printed('226-241', 'sign-in by Google and Microsoft', (excerpt) => expectOAuth(excerpt.json()))
  printed('242-259', 'the claims of an access token, HS256', async (excerpt) => {
    const reply = await world
      .client()
      .post(`${API}/auth/login`, { username: 'admin', password: 'password', tokens: true })
    const [header, payload] = reply.data.access_token
      .split('.', 2)
      .map((part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()))
    const now = Math.floor(world.clock.now().getTime() / 1000)
    const example = excerpt.json(0).payload
    expect(payload.iat - now, 'iat').toBeLessThanOrEqual(0)
    expectFields(
      excerpt.json(0),
      { header, payload },
      {
        // RFC 9068 §2.1 gives access tokens another type, and the product follows it
        'header.typ': 'at+jwt',
        'payload.sub': admin.id,
        'payload.permissions': ADMINISTRATOR,
        'payload.iat': expect.toSatisfy((iat: number) => iat > now - 60, 'the last minute'),
        'payload.exp': payload.iat + example.exp - example.iat,
        'payload.iss': world.config.publicUrl,
      },
    )
  })
  printed('260-275', 'POST /api/v1/auth/refresh', async (excerpt) => {
    const { refresh_token } = (
      await world
        .client()
        .post(`${API}/auth/login`, { username: 'admin', password: 'password', tokens: true })
    ).data
    expect(Object.keys(excerpt.json(0))).toEqual(['refresh_token'])
    const reply = await world.client().post(`${API}/auth/refresh`, { refresh_token })
    expectFields(excerpt.json(1), reply.body, {
      'data.access_token': expect.stringMatching(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/),
      'data.refresh_token': expect.stringMatching(/^rt_/),
    })
    expect(reply.data.refresh_token).not.toBe(refresh_token)
  })
  printed('276-291', 'an entry of the audit log', async (excerpt) => {
    const example = excerpt.json(0)
    const made = await withSecondFactor()
    const during = sinceNow()
    const { data } = await signInWithCode(made, { 'user-agent': example.user_agent })
    const reply = await program(data.token).get(
      `${API}/audit-logs?event_type=auth.login.success&user_id=${made.person.id}`,
    )
    expectFields(
      example,
      reply.data.find((entry: Json) => entry.session_id === data.session.id),
      {
        timestamp: during(),
        user_id: made.person.id,
        username: expect.stringMatching(/^second\d+$/),
        ip_address: '127.0.0.1',
        session_id: data.session.id,
      },
    )
  })
  printed('292-306', 'the types of events, and a failed sign-in', async (excerpt) => {
    const types = (excerpt.lines[0] ?? '').replace(/\{$/, '').split(/(?=auth\.)/)
    expect(types).toHaveLength(10)
    expect(Object.keys(AUDIT_EVENTS)).toEqual(expect.arrayContaining(types))
    const [person] = await world.people([{ signIn: false }])
    const attempt = () =>
      world.client().post(`${API}/auth/login`, { username: person?.email, password: 'not the password' })
    const expected = excerpt.json(0)
    const during = sinceNow()
    let reply = await attempt()
    for (let n = 0; n < 2; n += 1) reply = await attempt()
    expect(reply.status).toBe(401)
    expectFields(expected, reply.body, {
      // a sentence with a full stop
      'error.message': `${expected.error.message}.`,
      'metadata.timestamp': during(),
      'metadata.request_id': reply.headers.get('x-request-id'),
    })
  })
  printed('307-322', 'the error codes and their statuses', (excerpt) => {
    const codes = excerpt.all(/^([A-Z_]+) \|\n.*\| (\d{3}) \|$/gm)
    expect(codes.length).toBe(7)
    for (const [code = '', status] of codes)
      expect([code, ERRORS[code as keyof typeof ERRORS].status]).toEqual([code, Number(status)])
  })
  printed('323-324', 'MFA_REQUIRED is 401', (excerpt) => {
    const [[code = '', status] = []] = excerpt.all(/^([A-Z_]+) \|\n.*\| (\d{3}) \|$/gm)
    expect(ERRORS[code as keyof typeof ERRORS].status).toBe(Number(status))
  })
  printed('325', '“Use HTTPS only in production”: without it production does not start', (excerpt) => {
    expect(excerpt.text).toContain('Use HTTPS only in production')
    const production = (url: string) => () =>
      loadConfig(
        {
          LATCHKEY_PROFILE: 'production',
          LATCHKEY_PUBLIC_URL: url,
          LATCHKEY_SECRET: randomBytes(32).toString('base64'),
          DATABASE_URL: 'postgres://latchkey:x@127.0.0.1/latchkey',
          LATCHKEY_SMTP_URL: 'smtp://127.0.0.1:25',
        },
        { cwd: '/nonexistent' },
      )
    expect(production('http://id.example.com')).toThrow(/LATCHKEY_PUBLIC_URL/)
    expect(production('https://id.example.com')).not.toThrow()
  })
  prose('326', 'advice for the people who sign in')
  printed('327-329', 'without https a cookie is not Secure, and stays Lax', async () => {
    const cookie = (await signIn()).headers.getSetCookie()[0]
    expect(cookie).not.toMatch(/Secure/)
    expect(cookie).toMatch(/SameSite=Lax/)
  })
  printed('330-332', 'GET /api/v1/auth/validate with an API key', async () => {
    const reply = await program((await newKey()).data.api_key).get(`${API}/auth/validate`)
    expect(reply.data).toMatchObject({ user_id: admin.id, method: 'api_key', permissions: ['chat:read'] })
  })
  printed('333-336', 'the CSRF token in a meta tag of every page', async (excerpt) => {
    const [selector = ''] = excerpt.all(/querySelector\('meta\[name=([\w-]+)\]'\)/g)[0] ?? []
    const client = world.client()
    await client.signIn('admin', 'password')
    const page = await client.get('/account', { headers: { accept: 'text/html' } })
    const token = new RegExp(`<meta name="${selector}" content="([^"]+)"`).exec(page.text)?.[1] ?? ''
    client.csrfToken = null
    const reply = await client.post(`${API}/auth/logout`, {}, { headers: { 'x-csrftoken': token } })
    expect(reply.status).toBe(200)
  })
})

/** The policy is written in Python: comments, and True for true. */
const printedPolicy = (text: string): string =>
  text
    .replace(/^PASSWORD_POLICY = /, '')
    .replaceAll(/#.*$/gm, '')
    .replaceAll('True', 'true')
