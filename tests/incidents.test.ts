/**
 * Regression tests of published vulnerabilities in other identity servers and libraries: one describe block per
 * advisory, named after it.
 */
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createApp } from '../packages/server/src/app.ts'
import { systemCall } from '../packages/server/src/base/call.ts'
import { disableUser, enableUser } from '../packages/server/src/features/identity/lifecycle/index.ts'
import { getUser } from '../packages/server/src/features/identity/users/index.ts'
import { Client, type Reply } from '../packages/server/src/testing/client.ts'
import { quietLog } from '../packages/server/src/testing/database.ts'
import {
  freePort,
  PASSWORD,
  type Person,
  startWorld,
  type World,
} from '../packages/server/src/testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const login = (client: Client, username: string, password: string): Promise<Reply> =>
  client.post('/api/v1/auth/login', { username, password })
const jarOf = (person: Person): Client => {
  const client = world.client()
  for (const [name, value] of person.client.cookies) client.cookies.set(name, value)
  client.csrfToken = person.client.csrfToken
  return client
}

async function disable(person: Person): Promise<void> {
  const user = await world.db.tx('system', (tx) => getUser(tx, person.id))
  await world.db.tx('system', (tx) => disableUser(world.app.tools, tx, systemCall(world.clock.now()), user))
}

/** Sends raw bytes, because fetch normalizes paths and refuses some headers. */
function raw(text: string): Promise<{ status: number; text: string }> {
  const { port, hostname } = new URL(world.url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    let received = ''
    socket.setTimeout(5000, () => socket.destroy(new Error('no answer')))
    socket.on('data', (chunk) => {
      received += chunk
    })
    socket.on('close', () => resolve({ status: Number(received.split(' ')[1]), text: received }))
    socket.on('error', reject)
    socket.write(text)
  })
}

describe('Vikunja GHSA-fgfv-pv97-6cmj: a failed sign-in rolled back its failure counter', () => {
  it('the counter survives the refused sign-in and a restart', async () => {
    const person = await world.person({ email: 'vikunja@example.com', signIn: false })
    for (const left of [4, 3, 2]) {
      expect((await login(world.client(), person.email, 'wrong')).body.error.details.attempts_remaining).toBe(
        left,
      )
    }
    // another server on the same database, as after a restart
    const port = await freePort()
    const second = await createApp({
      config: { ...world.config, port },
      database: { ...world.db, close: async () => {} },
      log: quietLog,
    })
    second.tools.clock.set(world.clock.now())
    const { url } = await second.start()
    try {
      for (const left of [1, 0])
        expect(
          (await login(new Client(url), person.email, 'wrong')).body.error.details.attempts_remaining,
        ).toBe(left)
      expect((await login(new Client(url), person.email, PASSWORD)).status).toBe(423)
    } finally {
      await second.stop()
    }
    expect((await login(world.client(), person.email, PASSWORD)).status).toBe(423)
  })
})

describe('Authelia CVE-2025-24806: each spelling had a separate counter', () => {
  it('alice, ALICE, alice@x, a trailing space and compatibility characters are one counter', async () => {
    await world.person({ email: 'alice@example.com', username: 'alice', signIn: false })
    const left: unknown[] = []
    for (const name of ['alice', 'ALICE', 'alice@example.com', 'alice ', 'ａｌｉｃｅ', 'Alice@EXAMPLE.com']) {
      const { status, body } = await login(world.client(), name, 'wrong')
      left.push(status === 401 ? body.error.details.attempts_remaining : status)
    }
    expect(left).toEqual([4, 3, 2, 1, 0, 423])
  })
})

describe('passport CVE-2022-25896: session fixation by a planted cookie', () => {
  it('sign-in sets a new session cookie in place of a planted one', async () => {
    const person = await world.person({ email: 'passport@example.com', signIn: false })
    const mallory = await world.person({ email: 'mallory@example.com' })
    for (const planted of [mallory.client.cookies.get('lk_session') ?? '', `st_${'A'.repeat(43)}`]) {
      const victim = world.client()
      victim.cookies.set('lk_session', planted)
      // the victim's browser has Mallory's session cookie, and signs in by the form
      const { data } = await victim.get('/csrf')
      const fields = { identifier: person.email, password: PASSWORD, csrf_token: String(data.csrf_token) }
      const { status } = await victim.post('/sign-in', fields, {
        form: true,
        headers: { accept: 'text/html' },
      })
      expect(status).toBe(303)
      expect(victim.cookies.get('lk_session')).not.toBe(planted)
      expect((await victim.get('/api/v1/auth/me')).data.user.id).toBe(person.id)
      const holder = await world
        .client()
        .get('/api/v1/auth/me', { headers: { cookie: `lk_session=${planted}` } })
      expect(holder.data?.user?.id).not.toBe(person.id)
    }
  })

  it('a password change issues a new session token and ends the old one', async () => {
    const person = await world.person({ email: 'renewed@example.com' })
    const before = jarOf(person)
    const changed = await person.client.post('/api/v1/users/me/password', {
      current_password: PASSWORD,
      new_password: 'quite another long sentence',
    })
    expect(changed.status).toBe(200)
    expect(person.client.cookies.get('lk_session')).not.toBe(before.cookies.get('lk_session'))
    expect((await before.get('/api/v1/auth/me')).status).toBe(401)
    expect((await person.client.get('/api/v1/auth/me')).status).toBe(200)
    expect(
      (
        await world.client().get('/api/v1/auth/me', {
          headers: { authorization: `Bearer ${before.cookies.get('lk_session')}` },
        })
      ).status,
    ).toBe(401)
  })

  it('sign-out ends the session on the server, not only in the browser', async () => {
    const person = await world.person({ email: 'out@example.com' })
    const before = jarOf(person)
    expect((await person.client.post('/api/v1/auth/logout')).status).toBe(200)
    expect(person.client.cookies.has('lk_session')).toBe(false)
    expect((await before.get('/api/v1/auth/me')).status).toBe(401)
    expect((await before.get('/account', { headers: { accept: 'text/html' } })).status).toBe(303)
  })
})

describe('nextjs-auth0 CVE-2025-48947: caches stored answers with cookies', () => {
  it('answers that set a cookie or contain personal data have no-store', async () => {
    const person = await world.person({ email: 'auth0@example.com' })
    const { csrfToken } = person.client
    for (const row of world.app.rows) {
      for (const client of [world.client(), jarOf(person)]) {
        if (['auth.logout', 'dev.clock', 'dev.outbox.clear', 'pages.sign_out.submit'].includes(row.name))
          continue
        client.csrfToken = csrfToken
        // resources for any origin are public, and sent without cookies
        if (row.anyOrigin) continue
        const path = row.path.replace(/:\w+/g, 'x')
        const { headers } = await client.send(row.method, path, row.method === 'GET' ? undefined : {}, {
          form: row.kind === 'page',
          headers: { accept: 'text/html' },
        })
        expect([row.name, headers.get('cache-control')]).toEqual([row.name, 'no-store'])
      }
    }
    for (const path of ['/sign-in', '/csrf', '/api/v1/auth/csrf', '/account', '/']) {
      const { headers } = await jarOf(person).get(path, { headers: { accept: 'text/html' } })
      expect([path, headers.get('cache-control')]).toEqual([path, 'no-store'])
    }
  })
})

describe('authentik CVE-2026-25748: a malformed cookie was accepted without a user', () => {
  const MALFORMED = [
    '',
    'x',
    'st_',
    `st_${'A'.repeat(42)}`,
    `st_${'A'.repeat(44)}`,
    '%00',
    '"',
    'null',
    'undefined',
    '{}',
    'st_\u00e4',
    'x'.repeat(4000),
    "st_' or '1'='1",
    'ses_00000000000000000000000000000000',
  ]

  it('gets a 401 from the API and a redirect to sign-in from pages', async () => {
    for (const value of MALFORMED) {
      const headers = { cookie: `lk_session=${encodeURIComponent(value)}` }
      for (const path of [
        '/api/v1/auth/me',
        '/api/v1/auth/sessions',
        '/api/v1/users/me',
        '/api/v1/auth/validate',
      ]) {
        expect([value, path, (await world.client().get(path, { headers })).status]).toEqual([
          value,
          path,
          401,
        ])
      }
      const page = await world.client().get('/account', { headers: { ...headers, accept: 'text/html' } })
      expect([page.status, page.headers.get('location')]).toEqual([303, '/sign-in?return_to=%2Faccount'])
    }
  })

  it('two different session cookies are refused', async () => {
    const person = await world.person({ email: 'twice@example.com' })
    const good = person.client.cookies.get('lk_session')
    for (const cookie of [
      `lk_session=${good}; lk_session=st_x`,
      `lk_session=st_x; lk_session=${good}`,
      `lk_session=${good}; lk_session=`,
    ]) {
      expect((await world.client().get('/api/v1/auth/me', { headers: { cookie } })).status).toBe(401)
    }
  })
})

describe('Oathkeeper GHSA-vhr5-ggp3-qq85: paths that proxy and server parse differently', () => {
  const PATHS = [
    '/api/v1/auth/csrf/../me', '/csrf/../account', '/api/v1/auth/%2e%2e/auth/me', '/api/v1/auth/csrf/..%2fme', '//account', '///account', '/./account', '/account/.',
    '/%61ccount', '/account%2f', '/account%00', '/account;x=1', '/account/..;/account', '\\account', '/\\account', '/sign-in/..\\account', '/ACCOUNT', '/account%20', '/account?x=1#y',
  ] // biome-ignore format: a list

  it('open nothing to a caller who is not signed in', async () => {
    const person = await world.person({ email: 'oathkeeper@example.com', signIn: false })
    const { host } = new URL(world.url)
    for (const path of PATHS) {
      const { status, text } = await raw(
        `GET ${path} HTTP/1.1\r\nhost: ${host}\r\naccept: text/html\r\nconnection: close\r\n\r\n`,
      )
      expect([path, status >= 300 && status < 500]).toEqual([path, true])
      expect(text).not.toContain(person.email)
    }
  })

  it('headers that rewrite path or method are ignored', async () => {
    const person = await world.person({ email: 'override@example.com' })
    const rewriting = [
      { 'x-original-url': '/api/v1/auth/me' }, { 'x-rewrite-url': '/api/v1/auth/me' }, { 'x-forwarded-uri': '/api/v1/auth/me' }, { 'x-forwarded-prefix': '/api/v1/auth/me' },
    ] // biome-ignore format: a list
    for (const headers of rewriting) {
      expect((await world.client().get('/api/v1/users/me', { headers })).status).toBe(401)
      expect((await person.client.get('/healthz', { headers })).text).not.toContain(person.email)
    }
    for (const headers of [
      { 'x-http-method-override': 'DELETE' },
      { 'x-http-method': 'DELETE' },
      { 'x-method-override': 'DELETE' },
    ]) {
      expect((await person.client.get('/api/v1/users/me', { headers })).status).toBe(200)
      expect(
        (await person.client.post('/api/v1/users/me', { password: PASSWORD, _method: 'DELETE' }, { headers }))
          .status,
      ).toBe(405)
    }
    expect((await person.client.get('/api/v1/auth/me')).status).toBe(200)
  })
})

describe('Supabase GHSA-3529-5m8x-rpv3: a hostile Host reached a mailed link', () => {
  it('every link of every e-mail has the configured public URL', async () => {
    const person = await world.person({ email: 'hosted@example.com', signIn: false })
    await world.clock.advance('2 minutes')
    const { port } = new URL(world.url)
    const send = (path: string, body: unknown, hostile: string) => {
      const text = JSON.stringify(body)
      return raw(
        `POST ${path} HTTP/1.1\r\n${hostile}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
      )
    }
    const HOSTILE = [
      'host: evil.example', `host: evil.example:${port}`, `host: 127.0.0.1:${port}\r\nx-forwarded-host: evil.example\r\nx-forwarded-proto: https`,
      `host: 127.0.0.1:${port}\r\nforwarded: host=evil.example;proto=https`, `host: 127.0.0.1:${port}\r\nx-host: evil.example\r\nx-forwarded-server: evil.example\r\nx-original-host: evil.example`,
    ] // biome-ignore format: a list
    for (const [n, hostile] of HOSTILE.entries()) {
      await send('/api/v1/auth/register', { email: `hosted${n}@example.com`, password: PASSWORD }, hostile)
      await send('/api/v1/auth/password/forgot', { email: person.email }, hostile)
      await world.clock.advance('2 minutes')
      const emails = [
        ...(await world.mailbox.emailsTo(`hosted${n}@example.com`)),
        ...(await world.mailbox.emailsTo(person.email)),
      ]
      expect(emails.length).toBeGreaterThan(n + 1)
      for (const { links, html, text } of emails) {
        expect(links.map((link) => new URL(link).origin)).toEqual(links.map(() => world.config.publicUrl))
        expect(html + text).not.toContain('evil')
      }
    }
    const page = await raw(
      `GET /account HTTP/1.1\r\nhost: evil.example\r\naccept: text/html\r\nconnection: close\r\n\r\n`,
    )
    expect(page.text).not.toContain('evil')
    expect(await world.app.setupLink()).toMatch(new RegExp(`^${world.config.publicUrl}/`))
  })
})

describe('next-auth CVE-2022-31127: markup in names and addresses was markup in e-mails', () => {
  it('is escaped in e-mails, and absent from subjects', async () => {
    const nasty = '<img src=x onerror=alert(1)> <a href="https://evil.example">click</a> {{7*7}}'
    const email = "a'b+{x}|`~&amp@example.com"
    const registered = await world
      .client()
      .post('/api/v1/auth/register', { email, full_name: nasty, username: 'plain-name', password: PASSWORD })
    expect(registered.status).toBe(201)
    expect(registered.data.user.full_name).toBe(nasty)
    for (const { subject, html, links, to } of await world.mailbox.emailsTo(email)) {
      expect(to).toBe(email)
      expect(subject).not.toMatch(/[<>{}\r\n]|evil|alert/)
      expect(html).not.toMatch(/<img src=x|onerror=alert\(1\)>|<a href="https:\/\/evil/)
      expect(html).not.toContain("a'b+{x}|`~&amp@")
      expect(links.join()).not.toContain('evil')
    }
    const token = await world.mailbox.tokenFor(email, /verify-email/)
    const client = world.client()
    await client.post('/api/v1/auth/verify-email', { token })
    await client.signIn(email, PASSWORD)
    const { text } = await client.get('/account', { headers: { accept: 'text/html' } })
    expect(text).not.toMatch(/<img src=x/)
    expect(text).toContain('&lt;img src=x onerror=alert(1)')
  })

  it('an address cannot contain a header or a second address', async () => {
    for (const email of [
      'a@example.com\r\nbcc: b@example.com',
      'a@example.com, b@example.com',
      'a@example.com;b@example.com',
      '"a@evil.example"@example.com',
      '<a@example.com>',
      'A <a@example.com>',
      'a@example.com\0',
      'a@exa mple.com',
    ]) {
      const { status, code } = await world
        .client()
        .post('/api/v1/auth/register', { email, password: PASSWORD })
      expect([email, status, code]).toEqual([email, 400, 'VALIDATION_ERROR'])
    }
  })
})

describe('authentik CVE-2025-53942: sessions of a disabled user remained valid', () => {
  it('are refused immediately, by cookie and bearer, and remain so after the account is enabled again', async () => {
    const person = await world.person({ email: 'disabled@example.com' })
    const bearer = world.client({
      headers: { authorization: `Bearer ${person.client.cookies.get('lk_session')}` },
    })
    expect((await bearer.get('/api/v1/auth/me')).status).toBe(200)
    await disable(person)
    for (const client of [bearer, jarOf(person)]) {
      const { status, code } = await client.get('/api/v1/auth/me')
      expect([status, code]).toEqual([403, 'ACCOUNT_DISABLED'])
    }
    expect((await jarOf(person).get('/account', { headers: { accept: 'text/html' } })).status).not.toBe(200)
    expect((await login(world.client(), person.email, PASSWORD)).code).toBe('ACCOUNT_DISABLED')
    expect((await login(world.client(), person.email, 'wrong')).code).toBe('AUTHENTICATION_FAILED')
    await world.client().post('/api/v1/auth/password/forgot', { email: person.email })
    const emails = await world.mailbox.emailsTo(person.email)
    expect(emails.filter(({ links }) => links.some((link) => link.includes('reset-password')))).toEqual([])
    await world.db.tx('system', async (tx) =>
      enableUser(tx, systemCall(world.clock.now()), await getUser(tx, person.id)),
    )
    for (const client of [bearer, jarOf(person)])
      expect((await client.get('/api/v1/auth/me')).status).not.toBe(200)
    expect((await login(world.client(), person.email, PASSWORD)).status).toBe(200)
  })

  it('a reset link from before does not enable the account', async () => {
    const person = await world.person({ email: 'resets@example.com', signIn: false })
    await world.client().post('/api/v1/auth/password/forgot', { email: person.email })
    const token = await world.mailbox.tokenFor(person.email, /reset-password/)
    await disable(person)
    await world
      .client()
      .post('/api/v1/auth/password/reset', { token, password: 'quite another long sentence' })
    expect((await login(world.client(), person.email, 'quite another long sentence')).status).not.toBe(200)
  })
})

describe('Better Auth GHSA-g38m-r43w-p2q7: a stranger registered the victim’s address first', () => {
  it('the stranger’s password and account are gone after the owner of the address verifies', async () => {
    const email = 'victim@example.com'
    const planted = await world
      .client()
      .post('/api/v1/auth/register', { email, password: 'planted by the stranger', username: 'stranger' })
    const stranger = await login(world.client(), email, 'planted by the stranger')
    expect([stranger.status, stranger.code]).toEqual([403, 'EMAIL_NOT_VERIFIED'])
    expect(stranger.headers.getSetCookie().join()).not.toContain('lk_session')

    const registered = await world.client().post('/api/v1/auth/register', { email, password: PASSWORD })
    await world.app.settle()
    const own = await linkOf(registered.data.user.id)
    expect((await world.client().post('/api/v1/auth/verify-email', { token: own })).status).toBe(200)
    expect((await login(world.client(), email, 'planted by the stranger')).status).toBe(401)
    expect((await login(world.client(), email, PASSWORD)).data.user.id).toBe(registered.data.user.id)
    const left = await world.db.tx('system', (tx) =>
      tx.selectFrom('users').select('id').where('id', '=', planted.data.user.id).execute(),
    )
    expect(left).toEqual([])
  })

  it('a password reset by the owner of the address replaces the stranger’s password', async () => {
    const email = 'mailbox@example.com'
    await world.client().post('/api/v1/auth/register', { email, password: 'planted by the stranger' })
    await world.clock.advance('2 minutes')
    await world.client().post('/api/v1/auth/password/forgot', { email })
    const token = await world.mailbox.tokenFor(email, /reset-password/)
    expect(
      (await world.client().post('/api/v1/auth/password/reset', { token, password: PASSWORD })).status,
    ).toBe(200)
    expect((await login(world.client(), email, 'planted by the stranger')).status).toBe(401)
    expect((await login(world.client(), email, PASSWORD)).status).toBe(200)
  })

  /** The token for one of several users who registered the address, from the newest e-mail with a link for that user. */
  async function linkOf(userId: string): Promise<string> {
    const emails = await world.mailbox.emailsTo('victim@example.com')
    const links = await world.db.tx('system', (tx) =>
      tx.selectFrom('links').select('id').where('user_id', '=', userId).execute(),
    )
    const tokens = emails.flatMap((email) =>
      email.links.map((link) => new URL(link).searchParams.get('token') ?? ''),
    )
    const found = tokens.find((token) => links.some(({ id }) => token.startsWith(`${id}.`)))
    if (found === undefined) throw new Error('no e-mail for this registration')
    return found
  }
})

describe('ZITADEL CVE-2026-27840: a truncated token was accepted', () => {
  /** Variants of a token: truncated, extended, in another case. */
  function lookalikes(token: string): string[] {
    const flipped = token.replace(/[a-z](?=[^a-z]*$)/i, (letter) =>
      letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
    )
    const last = token.at(-1) ?? ''
    return [
      token.slice(0, -1), token.slice(0, -8), token.slice(0, 20), `${token}A`, `${token}=`, `${token}==`, token.toUpperCase(), token.toLowerCase(), flipped, ` ${token}`.trim().replace('_', '-'),
      token.replace(/.$/, last === 'A' ? 'B' : 'A'), `${token.slice(0, 10)}%20${token.slice(10)}`, `${token}.`, `${token}\u00a0`, token.replace(/^.../, ''), `${token},${token}`, token.split('').reverse().join(''),
    ].filter((one) => one !== token) // biome-ignore format: a list
  }

  it('a session token is accepted only as issued', async () => {
    const person = await world.person({ email: 'zitadel@example.com' })
    const token = person.client.cookies.get('lk_session') ?? ''
    for (const bad of lookalikes(token)) {
      const ascii = encodeURI(bad)
      expect([
        bad,
        (await world.client().get('/api/v1/auth/me', { headers: { cookie: `lk_session=${ascii}` } })).status,
      ]).toEqual([bad, 401])
      expect([
        bad,
        (await world.client().get('/api/v1/auth/me', { headers: { authorization: `Bearer ${ascii}` } }))
          .status,
      ]).toEqual([bad, 401])
    }
    expect((await person.client.get('/api/v1/auth/me')).status).toBe(200)
  })

  it('the token of a link is accepted only as issued, and only for its purpose', async () => {
    const person = await world.person({ email: 'links@example.com', signIn: false })
    await world
      .client()
      .post('/api/v1/auth/register', { email: 'unverified@example.com', password: PASSWORD })
    await world.client().post('/api/v1/auth/password/forgot', { email: person.email })
    const reset = await world.mailbox.tokenFor(person.email, /reset-password/)
    const verify = await world.mailbox.tokenFor('unverified@example.com', /verify-email/)
    const setup = ((await world.app.setupLink()) ?? '').split('/').at(-1) ?? ''
    const asReset = (token: string) =>
      world.client().post('/api/v1/auth/password/reset', { token, password: 'quite another long sentence' })
    const asVerify = (token: string) => world.client().post('/api/v1/auth/verify-email', { token })
    for (const bad of [...lookalikes(reset), verify, setup])
      expect([bad, (await asReset(bad)).status >= 400]).toEqual([bad, true])
    for (const bad of [...lookalikes(verify), reset, setup])
      expect([bad, (await asVerify(bad)).status >= 400]).toEqual([bad, true])
    for (const bad of [reset, verify, setup]) {
      expect(
        (await world.client().get('/api/v1/auth/me', { headers: { authorization: `Bearer ${bad}` } })).status,
      ).toBe(401)
    }
    expect((await asReset(reset)).status).toBe(200)
    expect((await asVerify(verify)).status).toBe(200)
  })
})

describe('ZITADEL CVE-2025-46815: a single-use credential was accepted again', () => {
  const FIFTY = Array.from({ length: 50 })

  it('a link replayed fifty times concurrently, and again later, succeeds once', async () => {
    const person = await world.person({ email: 'replay@example.com', signIn: false })
    await world.client().post('/api/v1/auth/password/forgot', { email: person.email })
    const token = await world.mailbox.tokenFor(person.email, /reset-password/)
    const once = (n = 0) =>
      world
        .client()
        .post('/api/v1/auth/password/reset', { token, password: `quite another long sentence ${n}` })
    const replies = await Promise.all(FIFTY.map((_, n) => once(n)))
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(replies.filter(({ code }) => code === 'INVALID_TOKEN')).toHaveLength(49)
    expect((await once(50)).code).toBe('INVALID_TOKEN')
    await world.clock.advance('2 hours')
    expect((await once(50)).code).toBe('INVALID_TOKEN')
  })

  it('a link that is expired or replaced does not succeed', async () => {
    const person = await world.person({ email: 'late@example.com', signIn: false })
    const ask = async () => {
      await world.client().post('/api/v1/auth/password/forgot', { email: person.email })
      return await world.mailbox.tokenFor(person.email, /reset-password/)
    }
    const use = (token: string) =>
      world.client().post('/api/v1/auth/password/reset', { token, password: 'quite another long sentence' })
    const first = await ask()
    await world.clock.advance('5 minutes')
    const second = await ask()
    expect(second).not.toBe(first)
    expect((await use(first)).code).toBe('INVALID_TOKEN')
    await world.clock.advance('61 minutes')
    expect((await use(second)).code).toBe('TOKEN_EXPIRED')
    expect((await login(world.client(), person.email, PASSWORD)).status).toBe(200)
  })
})
