/**
 * Forward authentication by the configurations of docs/guides/forward-auth.md: a real proxy between a client, Latchkey,
 * and an app that echoes the requests it receives. A proxy that is not installed is reported as skipped.
 */
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Client, type Json } from '../packages/server/src/testing/client.ts'
import {
  freePort,
  PASSWORD,
  type Person,
  startWorld,
  type World,
} from '../packages/server/src/testing/world.ts'
import { PROXIES, type Running, startProxy } from './setup/proxies.ts'

/** An app that trusts its headers, as an app behind a proxy does. */
async function startApp(): Promise<{ server: Server; port: number }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method, url, headers } = request
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, port: (server.address() as AddressInfo).port }
}

/** The headers about the caller that reach the app. */
const attributes = (body: Json): Record<string, string> =>
  Object.fromEntries(
    Object.entries<string>(body.headers).filter(
      ([name, value]) => name.startsWith('x-auth-') && value !== '',
    ),
  )

for (const [name, { packages, isThere }] of Object.entries(PROXIES)) {
  const title = isThere() ? name : `${name} (not run: install ${packages})`
  describe.skipIf(!isThere())(`forward-auth by ${title}`, () => {
    let world: World
    let app: Awaited<ReturnType<typeof startApp>>
    let proxy: Running
    let ada: Person
    let key: Awaited<ReturnType<Client['apiKey']>>
    let ports: { proxy: number; latchkey: number; app: number }
    beforeAll(async () => {
      app = await startApp()
      const port = await freePort()
      world = await startWorld({ publicUrl: `http://127.0.0.1:${port}`, trustedProxies: ['127.0.0.1'] })
      ports = { proxy: port, latchkey: Number(new URL(world.url).port), app: app.port }
      proxy = await startProxy(name as keyof typeof PROXIES, ports)
      ada = await world.person({ username: 'ada' })
      key = await ada.client.apiKey({ permissions: ['dashboard:read'] })
      const { headers } = await key.client.get('/api/v1/auth/validate')
      for (const [name] of headers) if (name.startsWith('x-auth-')) FORGED[name] = 'forged'
      expect(Object.keys(FORGED)).toHaveLength(16)
    })
    afterAll(async () => {
      await proxy?.stop()
      await world?.stop()
      app?.server.close()
    })
    const client = (headers: Record<string, string> = {}) => new Client(proxy.url, { headers })
    /** Every header that Latchkey sets, as it names them. */
    const FORGED: Record<string, string> = {}

    it('forwards every path outside of the app to Latchkey', async () => {
      expect((await client().get('/healthz')).status).toBe(200)
      expect((await client().get('/sign-in')).text).toContain('name="identifier"')
    })

    it('accepts an API key and passes its owner to the app', async () => {
      const credentials: Record<string, string>[] = [
        { 'x-api-key': key.secret },
        { authorization: `Bearer ${key.secret}` },
        { authorization: `Api-Key ${key.secret}` },
      ]
      for (const headers of credentials) {
        const { status, body } = await client(headers).get('/app/things?a=1&b=%2F')
        expect([status, body.method, body.url]).toEqual([200, 'GET', '/app/things?a=1&b=%2F'])
        expect(attributes(body)).toEqual({
          'x-auth-user-id': ada.id,
          'x-auth-username': 'ada',
          'x-auth-role': 'viewer',
          'x-auth-roles': 'viewer',
          'x-auth-method': 'api_key',
          'x-auth-key-id': key.id,
        })
      }
    })

    it('accepts an access token', async () => {
      const { data } = await world.client().signIn('ada', PASSWORD, { tokens: true })
      const { status, body } = await client({ authorization: `Bearer ${data.access_token}` }).get('/app/')
      expect([status, attributes(body)['x-auth-method']]).toEqual([200, 'access_token'])
    })

    it('overwrites identity headers that the client sends', async () => {
      const { body } = await client({ ...FORGED, 'x-api-key': key.secret }).get('/app/')
      expect(attributes(body)).toEqual({
        'x-auth-user-id': ada.id,
        'x-auth-username': 'ada',
        'x-auth-role': 'viewer',
        'x-auth-roles': 'viewer',
        'x-auth-method': 'api_key',
        'x-auth-key-id': key.id,
      })
      for (const [name, value] of Object.entries(FORGED)) {
        const { body } = await client({ [name]: value, 'x-api-key': key.secret }).get('/app/')
        expect([name, JSON.stringify(body.headers).includes('forged')]).toEqual([name, false])
      }
      expect((await client(FORGED).get('/app/')).status).toBe(401)
    })

    it('refuses a program without a credential or with an invalid one, and gives the reason', async () => {
      const none = await client().get('/app/')
      expect([none.status, none.headers.get('www-authenticate')]).toEqual([401, 'Session realm="latchkey"'])
      const wrong: Record<string, string>[] = [
        { 'x-api-key': `${key.secret}x` },
        { authorization: 'Bearer nonsense' },
        { cookie: 'lk_session=x' },
      ]
      for (const headers of wrong) {
        const refused = await client(headers).get('/app/')
        expect([headers, refused.status]).toEqual([headers, 401])
      }
      const bearer = await client({ 'x-api-key': 'nonsense' }).get('/app/')
      expect(bearer.headers.get('www-authenticate')).toContain('The API key is not valid.')
    })

    it('refuses two credentials, and paths that are spelled around the protected one', async () => {
      const two = await client({ 'x-api-key': key.secret, authorization: `Bearer ${key.secret}` }).get(
        '/app/',
      )
      expect([400, 500]).toContain(two.status)
      for (const path of ['/app/../app/', '/x/..%2fapp/', '//app/', '/app/%2e%2e/app/', '/APP/', '/app;/x']) {
        const { body } = await client(FORGED).get(path)
        expect([path, typeof body === 'object' ? body.headers : undefined]).toEqual([path, undefined])
      }
    })

    it('redirects a browser to sign-in, and back to the requested page', async () => {
      const browser = client()
      const accept = { headers: { accept: 'text/html' } }
      const redirect = await browser.get('/app/page?a=1&b=2', accept)
      expect([302, 303]).toContain(redirect.status)
      const signIn = new URL(redirect.headers.get('location') ?? '')
      expect(signIn.origin).toBe(proxy.url)
      expect(signIn.searchParams.get('return_to')).toBe('/app/page?a=1&b=2')
      const form = await browser.get(signIn.pathname + signIn.search, accept)
      const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(form.text)?.[1] ?? ''
      const fields = { csrf_token, identifier: 'ada', password: PASSWORD, return_to: '/app/page?a=1&b=2' }
      const signedIn = await browser.post('/sign-in', fields, { ...accept, form: true })
      expect([signedIn.status, signedIn.headers.get('location')]).toEqual([303, '/app/page?a=1&b=2'])
      const page = await browser.get('/app/page?a=1&b=2', accept)
      expect([page.status, page.body.url]).toEqual([200, '/app/page?a=1&b=2'])
      expect(attributes(page.body)).toMatchObject({ 'x-auth-method': 'session', 'x-auth-username': 'ada' })
    })

    it('forwards a POST with its method and body if signed in, and refuses it otherwise', async () => {
      const person = client()
      await person.signIn('ada', PASSWORD)
      const { status, body } = await person.post('/app/things', { a: 1 })
      expect([status, body.method, body.body]).toEqual([200, 'POST', '{"a":1}'])
      const stranger = await client({ accept: 'text/html' }).post('/app/things', { a: 1 })
      if ([302, 303].includes(stranger.status))
        expect(stranger.headers.get('location')).toBe(`${proxy.url}/sign-in`)
      else expect(stranger.status).toBe(401)
    })

    it('keeps the cookies of Latchkey from the app, and none of the app’s', async () => {
      const person = client()
      await person.signIn('ada', PASSWORD)
      const session = person.cookies.get('lk_session')
      const device = person.cookies.get('lk_device')
      expect([session, device]).toEqual([expect.any(String), expect.any(String)])
      const others = [
        'device',
        'csrf',
        'attempt',
        'step_up',
        'federation',
        'question',
        'email_browser',
        'passkey',
      ]
      const jars: [string, string[]][] = [
        [`lk_session=${session}`, []],
        [`lk_session=${session}; theme=dark`, ['theme=dark']],
        [`theme=dark; lk_session=${session}`, ['theme=dark']],
        [
          `a=1; lk_csrf=x; lk_session=${session}; xlk_b=2; lk_device=${device}; lk_attempt=y; c=lk_3`,
          ['a=1', 'xlk_b=2', 'c=lk_3'],
        ],
        [`__Host-lk_session=x; lk_session=${session}; d=4`, ['d=4']],
        [
          `a=1; lk_session=${session}; ${others.map((name) => `lk_${name}=x`).join('; ')}; d=4`,
          ['a=1', 'd=4'],
        ],
      ]
      for (const [cookie, kept] of jars) {
        const { status, body } = await client({ cookie }).get('/app/')
        const received = String(body.headers.cookie ?? '')
          .split(/; */)
          .filter(Boolean)
        expect([cookie, status, received]).toEqual([cookie, 200, kept])
      }
    })

    it('keeps the session from the app however many cookies of such a name another site has planted', async () => {
      const person = client()
      await person.signIn('ada', PASSWORD)
      const planted = Array.from({ length: 12 }, (_, n) => `lk_planted_${n}=x`).join('; ')
      const cookie = `${planted}; lk_session=${person.cookies.get('lk_session')}; d=4`
      const { status, body } = await client({ cookie }).get('/app/')
      expect([status, String(body.headers.cookie ?? '')]).toEqual([200, expect.not.stringContaining('lk_')])
    })

    it('passes the identity headers on, also where the client names them as hop-by-hop ones', async () => {
      const reply = await new Promise<{ status: number; text: string }>((resolve, reject) => {
        const connection = `close, ${Object.keys(FORGED).join(', ')}`
        const sent = request(`${proxy.url}/app/`, { headers: { connection, 'x-api-key': key.secret } })
        sent.once('response', async (response) => {
          let text = ''
          for await (const chunk of response) text += String(chunk)
          resolve({ status: response.statusCode ?? 0, text })
        })
        sent.once('error', reject).end()
      })
      if (reply.status === 400) return
      expect([reply.status, attributes(JSON.parse(reply.text))]).toEqual([
        200,
        expect.objectContaining({ 'x-auth-user-id': ada.id, 'x-auth-role': 'viewer' }),
      ])
    })

    it('counts a wrong password of HTTP Basic once', async () => {
      await world.person({ username: 'once' })
      const basic = (password: string) => ({
        authorization: `Basic ${Buffer.from(`once:${password}`).toString('base64')}`,
      })
      for (let n = 0; n < 4; n += 1) {
        const refused = await client(basic('wrong')).get('/app/')
        expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, expect.any(String)])
      }
      expect((await client(basic(PASSWORD)).get('/app/')).status).toBe(200)
    })

    it('lets an app have a credential header for itself beside the session', async () => {
      const person = client()
      await person.signIn('ada', PASSWORD)
      const { status, body } = await person.get('/app/', { headers: { 'x-api-key': '0123456789' } })
      expect([status, body.headers['x-api-key'], attributes(body)['x-auth-method']]).toEqual([
        200,
        '0123456789',
        'session',
      ])
    })

    it('accepts HTTP Basic', async () => {
      const authorization = `Basic ${Buffer.from(`ada:${PASSWORD}`).toString('base64')}`
      const { status, body } = await client({ authorization }).get('/app/')
      expect([status, attributes(body)]).toEqual([
        200,
        expect.objectContaining({ 'x-auth-user-id': ada.id, 'x-auth-method': 'basic' }),
      ])
    })

    it('forwards a user with 200 permissions, and the permissions where the configuration requests them', async () => {
      const permissions = Array.from(
        { length: 200 },
        (_, n) => `a-resource-with-a-long-name-${n}:an-action-with-one`,
      )
      const root = await world.person({ roles: ['super_admin'] })
      const role = await root.client.post('/api/v1/roles', { name: 'many', permissions })
      expect(role.status).toBe(201)
      const { client: many } = await world.person({ roles: ['many'] })
      const cookie = `lk_session=${many.cookies.get('lk_session')}`
      const plain = await client({ cookie }).get('/app/')
      expect([plain.status, attributes(plain.body)['x-auth-permissions']]).toEqual([200, undefined])
      const requesting = await startProxy(
        name as keyof typeof PROXIES,
        { ...ports, proxy: await freePort() },
        (text) =>
          text
            .replaceAll('redirect=1', 'redirect=1&headers=permissions')
            .replace('/validate;', '/validate?headers=permissions;'),
      )
      try {
        const { status, body } = await new Client(requesting.url, { headers: { cookie } }).get('/app/')
        expect(status).toBe(200)
        expect(body.headers['x-auth-permissions'].split(',').sort()).toEqual([...permissions].sort())
      } finally {
        await requesting.stop()
      }
    })

    it('refuses a session from the moment it ends, and a key from the moment it is revoked', async () => {
      const person = client()
      await person.signIn('ada', PASSWORD)
      expect((await person.get('/app/')).status).toBe(200)
      await person.post('/api/v1/auth/logout')
      expect((await person.get('/app/')).status).toBe(401)
      const { id, secret } = await ada.client.apiKey()
      expect((await client({ 'x-api-key': secret }).get('/app/')).status).toBe(200)
      await ada.client.delete(`/api/v1/auth/api-keys/${id}`)
      expect((await client({ 'x-api-key': secret }).get('/app/')).status).toBe(401)
    })

    it('records the client’s own address, and ignores a forged one', async () => {
      const { id } = await world.person({ email: 'address@example.com' })
      const forged = { 'x-forwarded-for': '203.0.113.9' }
      await client(forged).signIn('address@example.com', PASSWORD)
      const rows = await world.db.tx('system', (tx) =>
        tx
          .selectFrom('audit_events')
          .select('ip_address')
          .where('user_id', '=', id)
          .where('event_type', '=', 'auth.login.success')
          .orderBy('id')
          .execute(),
      )
      expect(rows.at(-1)?.ip_address).toBe('127.0.0.1')
    })

    it('admits no one where the required permission is a variable that is not set', async () => {
      const unset = await startProxy(
        name as keyof typeof PROXIES,
        { ...ports, proxy: await freePort() },
        (text) =>
          text.replaceAll('redirect=1', 'redirect=1&require=').replace('/validate;', '/validate?require=;'),
      )
      try {
        const { status } = await new Client(unset.url, { headers: { 'x-api-key': key.secret } }).get('/app/')
        expect(status).toBe(name === 'nginx' ? 500 : 400)
      } finally {
        await unset.stop()
      }
    })

    it('requires a permission if so configured, as in the guide', async () => {
      const requiring = await startProxy(
        name as keyof typeof PROXIES,
        { ...ports, proxy: await freePort() },
        (text) =>
          text
            .replaceAll('redirect=1', 'redirect=1&require=users:read')
            .replace('/validate;', '/validate?require=users:read;'),
      )
      try {
        const ask = (headers: Record<string, string>) => new Client(requiring.url, { headers }).get('/app/')
        expect((await ask({ 'x-api-key': key.secret })).status).toBe(403)
        expect((await ask({})).status).toBe(401)
        await world.db.tx('system', (tx) =>
          tx
            .updateTable('users')
            .set({ roles: ['manager'] })
            .where('id', '=', ada.id)
            .execute(),
        )
        const { secret } = await ada.client.apiKey({ permissions: ['users:read'] })
        expect((await ask({ 'x-api-key': secret })).status).toBe(200)
        expect((await ask({ 'x-api-key': key.secret })).status).toBe(403)
      } finally {
        await requiring.stop()
      }
    })
  })
}
