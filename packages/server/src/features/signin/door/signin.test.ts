import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runTogether } from '../../../base/db/compiled.ts'
import { PASSWORD, startWorld, type World } from '../../../testing/world.ts'
import { attemptInsert, beginAttempt } from '../attempts/index.ts'
import { lockedJob } from '../guesses/jobs.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ trustedProxies: ['127.0.0.1'] })
})
afterAll(() => world.stop())

const from = (ip: string) => ({ headers: { 'x-forwarded-for': ip } })
const login = (client: ReturnType<World['client']>, username: string, password: string) =>
  client.post('/api/v1/auth/login', { username, password })

describe('signing in with a password', () => {
  it('answers the user, the session and its token, and sets a cookie that scripts cannot read', async () => {
    const { email, id } = await world.person({ username: 'Ada.L', signIn: false })
    const reply = await login(world.client(), email, PASSWORD)
    expect(reply.status).toBe(200)
    expect(reply.data.user).toMatchObject({
      id,
      email,
      username: 'Ada.L',
      role: 'viewer',
      roles: ['viewer'],
      is_verified: true,
      last_login: null,
    })
    expect(reply.data.user.permissions).toEqual(['analytics:read', 'dashboard:read'])
    expect(reply.data.session).toMatchObject({
      id: expect.stringMatching(/^ses_[0-9a-f]{32}$/),
    })
    expect(reply.data.token).toMatch(/^st_[A-Za-z0-9_-]{43}$/)
    const cookie = reply.headers.getSetCookie().find((line) => line.startsWith('lk_session='))
    expect(cookie).toMatch(/; Path=\/; HttpOnly; SameSite=Lax/)
    expect(cookie).not.toMatch(/max-age|expires/i)
    expect(reply.headers.get('cache-control')).toBe('no-store')
  })

  it.each(['username', 'email', 'identifier'])('takes the field %s, in any spelling', async (field) => {
    const { email } = await world.person({ username: `spelled-${field}`, signIn: false })
    const names = [
      email,
      email.toUpperCase(),
      ` ${email} `,
      `spelled-${field}`,
      `SPELLED-${field}`,
      `ｓpelled-${field}`,
    ]
    for (const name of names) {
      const reply = await world.client().post('/api/v1/auth/login', { [field]: name, password: PASSWORD })
      expect(reply.status, name).toBe(200)
    }
  })

  it('takes a form post and HTTP Basic as well', async () => {
    const { email } = await world.person({ signIn: false })
    const form = await world
      .client()
      .post('/api/v1/auth/login', { username: email, password: PASSWORD, remember_me: 'on' }, { form: true })
    expect(form.status).toBe(200)
    const basic = Buffer.from(`${email}:${PASSWORD}`).toString('base64')
    const reply = await world
      .client()
      .post('/api/v1/auth/login', {}, { headers: { authorization: `Basic ${basic}` } })
    expect(reply.status).toBe(200)
  })

  it('keeps a remembered session for 30 days in a cookie that outlives the browser', async () => {
    const { email } = await world.person({ signIn: false })
    const reply = await world
      .client()
      .post('/api/v1/auth/login', { email, password: PASSWORD, remember_me: true })
    expect(reply.headers.getSetCookie().join()).toMatch(/lk_session=[^;]+;[^,]*Max-Age=2592000/)
    expect(new Date(reply.data.expires_at).getTime() - world.clock.now().getTime()).toBeGreaterThan(
      29.9 * 86_400_000,
    )
  })

  it('asks for an identifier and a password', async () => {
    const reply = await world.client().post('/api/v1/auth/login', {})
    expect(reply.status).toBe(400)
    const fields = reply.body.error.details.map(({ field }: { field: string }) => field)
    expect(fields.sort()).toEqual(['identifier', 'password'])
    const unnamed = await world.client().post('/api/v1/auth/login', { password: 'x' })
    expect(unnamed.body.error.details).toEqual([
      expect.objectContaining({ field: 'identifier', code: 'required' }),
    ])
  })

  it('tells an unverified account so after the right password only, and sends the letter again', async () => {
    const client = world.client()
    await client.post('/api/v1/auth/register', { email: 'late@example.com', password: PASSWORD })
    await world.app.settle()
    expect((await login(client, 'late@example.com', 'wrong password, very wrong')).code).toBe(
      'AUTHENTICATION_FAILED',
    )
    await world.clock.advance('2 minutes')
    const refused = await login(client, 'late@example.com', PASSWORD)
    expect([refused.status, refused.code]).toEqual([403, 'EMAIL_NOT_VERIFIED'])
    expect(refused.headers.getSetCookie().join()).not.toContain('lk_session')
    expect(await world.mailbox.emailsTo('late@example.com')).toHaveLength(2)
  })

  it('tells a disabled account so after the right password only', async () => {
    const { email, id } = await world.person({ signIn: false })
    await world.db.tx('system', (tx) =>
      tx.updateTable('users').set({ status: 'disabled' }).where('id', '=', id).execute(),
    )
    expect((await login(world.client(), email, 'wrong')).code).toBe('AUTHENTICATION_FAILED')
    expect((await login(world.client(), email, PASSWORD)).code).toBe('ACCOUNT_DISABLED')
  })

  it('records success and failure with where they came from', async () => {
    const { email, id } = await world.person({ signIn: false })
    await login(world.client(from('192.0.2.9')), email, 'wrong')
    await login(world.client(from('192.0.2.9')), email, PASSWORD)
    const rows = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('audit_events')
        .selectAll()
        .where('user_id', '=', id)
        .where('event_type', 'like', 'auth.login.%')
        .orderBy('id')
        .execute(),
    )
    expect(rows.map((row) => [row.event_type, row.ip_address, row.details])).toEqual([
      ['auth.login.attempt', '192.0.2.9', expect.objectContaining({ identifier: email })],
      ['auth.login.failure', '192.0.2.9', expect.objectContaining({ reason: 'wrong_password' })],
      ['auth.login.attempt', '192.0.2.9', expect.objectContaining({ identifier: email })],
      ['auth.login.success', '192.0.2.9', expect.objectContaining({ new_device: false })],
    ])
  })

  it('upgrades a hash made elsewhere at the next sign-in', async () => {
    const { email, id } = await world.person({ signIn: false })
    const { hash } = await import('bcrypt')
    const foreign = await hash('an imported password', 4)
    await world.db.tx('system', (tx) =>
      tx.updateTable('passwords').set({ hash: foreign }).where('user_id', '=', id).execute(),
    )
    expect((await login(world.client(), email, 'an imported password')).status).toBe(200)
    const stored = await world.db.tx('system', (tx) =>
      tx.selectFrom('passwords').select('hash').where('user_id', '=', id).executeTakeFirstOrThrow(),
    )
    expect(stored.hash).toMatch(/^\$argon2id\$/)
    expect((await login(world.client(), email, 'an imported password')).status).toBe(200)
  })

  it('keeps a hash that cannot be upgraded: bcrypt takes 72 bytes, and the password may have more', async () => {
    const bcrypt = await startWorld({ hashAlgorithm: 'bcrypt' })
    try {
      const { email, id } = await bcrypt.person({ signIn: false })
      const password =
        'a passphrase of more than seventy-two bytes, because guides recommend a long passphrase'
      const { hash } = await import('@node-rs/argon2')
      const older = await hash(password, { memoryCost: 64, timeCost: 1 })
      await bcrypt.db.tx('system', (tx) =>
        tx.updateTable('passwords').set({ hash: older }).where('user_id', '=', id).execute(),
      )
      expect((await login(bcrypt.client(), email, password)).status).toBe(200)
    } finally {
      await bcrypt.stop()
    }
  })
})

describe('guessing', () => {
  it('is locked out after five failures for fifteen minutes, and tells how many are left', async () => {
    const { email, id } = await world.person({ signIn: false })
    const guesser = world.client(from('198.51.100.1'))
    for (const left of [4, 3, 2, 1, 0]) {
      const reply = await login(guesser, email, 'wrong')
      expect([reply.status, reply.body.error.details]).toEqual([
        401,
        { attempts_remaining: left, lockout_duration: 900 },
      ])
      expect(reply.headers.get('www-authenticate')).toBeTruthy()
    }
    const locked = await login(guesser, email, PASSWORD)
    expect([locked.status, locked.code, locked.body.error.details]).toEqual([
      423,
      'ACCOUNT_LOCKED',
      { lockout_duration: 900 },
    ])
    expect(locked.headers.get('retry-after')).toBe('900')
    expect(await world.events(id)).toContain('auth.login.locked')
    await world.app.settle()
    expect((await world.mailbox.emailTo(email)).subject).toContain('Failed sign-ins')
    await world.clock.advance('14 minutes')
    expect((await login(guesser, email, PASSWORD)).status).toBe(423)
    await world.clock.advance('1 minute')
    expect((await login(guesser, email, PASSWORD)).status).toBe(200)
  })

  it('does not lock out a known device, nor the owner at another address', async () => {
    const { email, client } = await world.person()
    const stranger = world.client(from('198.51.100.2'))
    for (let i = 0; i < 6; i += 1) await login(stranger, email, 'wrong')
    expect((await login(stranger, email, PASSWORD)).status).toBe(423)
    expect((await login(client, email, PASSWORD)).status).toBe(200)
    expect((await login(world.client(from('198.51.100.3')), email, PASSWORD)).status).toBe(200)
  })

  it('treats a user id as an unknown identifier, which reveals nothing about the user', async () => {
    const { email, id } = await world.person({ signIn: false })
    const left = async (identifier: string) =>
      (await login(world.client(from('198.51.100.4')), identifier, 'wrong')).body.error.details
        .attempts_remaining
    expect([await left(id), await left(email), await left(id), await left(email)]).toEqual([4, 4, 3, 3])
  })

  it('counts a known device too, by itself', async () => {
    const { email, client } = await world.person()
    for (let i = 0; i < 5; i += 1) expect((await login(client, email, 'wrong')).status).toBe(401)
    expect((await login(client, email, PASSWORD)).status).toBe(423)
  })

  it('is reported by at most one e-mail an hour, from any number of addresses and on any number of nodes', async () => {
    const { email, id } = await world.person({ signIn: false })
    const lock = () =>
      world.db.tx('system', async (tx) => {
        for (let n = 0; n < 12; n += 1)
          await world.app.tools.jobs.enqueue(tx, lockedJob, {
            user_id: id,
            at: world.clock.now().toISOString(),
            ip: `192.0.2.${n}`,
            locale: 'en',
          })
      })
    const told = async () =>
      (await world.mailbox.emailsTo(email)).filter(({ subject }) => /Failed sign-ins/.test(subject))
    await lock()
    const [first, ...more] = await told()
    expect(more).toEqual([])
    expect(first?.text).toContain('There may be more such attempts')
    await world.clock.advance('59 minutes')
    await lock()
    expect(await told()).toHaveLength(1)
    await world.clock.advance('1 minute')
    await lock()
    expect(await told()).toHaveLength(2)
  })

  it('ends for strangers everywhere when it comes from many addresses', async () => {
    const { email, client } = await world.person()
    for (let address = 1; address <= 13; address += 1) {
      const guesser = world.client(from(`203.0.113.${address}`))
      for (let i = 0; i < 4; i += 1) await login(guesser, email, 'wrong')
    }
    expect((await login(world.client(from('203.0.113.99')), email, PASSWORD)).status).toBe(423)
    expect((await login(client, email, PASSWORD)).status).toBe(200)
  })

  it('is forgotten after a right password', async () => {
    const { email } = await world.person({ signIn: false })
    const client = world.client(from('198.51.100.4'))
    for (let i = 0; i < 4; i += 1) await login(client, email, 'wrong')
    expect((await login(client, email, PASSWORD)).status).toBe(200)
    const other = world.client(from('198.51.100.4'))
    expect((await login(other, email, 'wrong')).body.error.details.attempts_remaining).toBe(4)
  })
})

describe('a sign-in from a device not seen before', () => {
  it('is reported by e-mail, except for the first sign-in', async () => {
    const { email } = await world.person()
    await world.app.settle()
    expect((await world.mailbox.emailsTo(email)).map((letter) => letter.subject)).not.toContain(
      'New sign-in to Latchkey',
    )
    const agent = 'Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0'
    await login(
      world.client({ headers: { 'user-agent': agent, 'x-forwarded-for': '192.0.2.77' } }),
      email,
      PASSWORD,
    )
    const letter = await world.mailbox.emailTo(email)
    expect(letter.subject).toBe('New sign-in to Latchkey')
    expect(letter.text).toMatch(/Firefox.*Linux/)
    expect(letter.text).toContain('192.0.2.77')
  })

  it('is reported where no device is known any more, because they were forgotten', async () => {
    const { id, email } = await world.person()
    await world.db.hot.deleteFrom('devices').where('user_id', '=', id).execute()
    await login(world.client(), email, PASSWORD)
    expect((await world.mailbox.emailTo(email)).subject).toBe('New sign-in to Latchkey')
  })

  it('is not reported again for the same browser', async () => {
    const { email, client } = await world.person()
    await login(client, email, PASSWORD)
    await login(client, email, PASSWORD)
    await world.app.settle()
    expect(
      (await world.mailbox.emailsTo(email)).filter((letter) => letter.subject.startsWith('New sign-in')),
    ).toEqual([])
  })
})

describe('signing in once more in the same browser', () => {
  it('ends the session it had', async () => {
    const { client, email } = await world.person()
    const before = client.cookies.get('lk_session')
    await client.signIn(email, PASSWORD)
    expect((await client.get('/api/v1/auth/me')).status).toBe(200)
    const old = world.client({ headers: { cookie: `lk_session=${before}` } })
    expect((await old.get('/api/v1/auth/me')).status).toBe(401)
  })
})

describe('an attempt that waits for a proof', () => {
  it('lists the methods that the user has, of all features', async () => {
    const { id } = await world.person({ signIn: false })
    const [withPassword, without] = [id, (await world.person({ signIn: false })).id]
    await world.db.tx('system', (tx) => tx.deleteFrom('passwords').where('user_id', '=', without).execute())
    const after = { remember: false, returnTo: null, tokens: false }
    const waiting = {
      step: 'prove',
      proofs: [],
      requirements: [],
      providerSession: null,
      isFinished: false,
    } as const
    for (const [userId, methods] of [
      [withPassword, ['password']],
      [without, ['email_code']],
    ] as const) {
      const attempt = beginAttempt(after, world.clock.now())
      await world.db.tx('system', (tx) => runTogether(tx, [attemptInsert(attempt, { ...waiting, userId })]))
      const shown = await world.client().get(`/api/v1/auth/attempts/${attempt.token}`)
      expect(shown.data).toMatchObject({ step: 'prove', methods })
    }
  })
})

describe('signing out', () => {
  it('ends the session, clears the cookie and is recorded', async () => {
    const { client, id } = await world.person()
    const old = client.cookies.get('lk_session')
    const reply = await client.post('/api/v1/auth/logout')
    expect(reply.status).toBe(200)
    expect(client.cookies.has('lk_session')).toBe(false)
    const replayed = await world.client({ headers: { cookie: `lk_session=${old}` } }).get('/api/v1/auth/me')
    expect([replayed.status, replayed.code]).toEqual([401, 'AUTHENTICATION_REQUIRED'])
    expect(await world.events(id)).toContain('auth.logout')
  })

  it('needs the CSRF token under a cookie, and none under a bearer token', async () => {
    const { client, email } = await world.person()
    client.csrfToken = null
    const refused = await client.post('/api/v1/auth/logout')
    expect([refused.status, refused.code]).toEqual([403, 'CSRF_FAILED'])
    const { data } = await login(world.client(), email, PASSWORD)
    const bearer = world.client({ headers: { authorization: `Bearer ${data.token}` } })
    expect((await bearer.post('/api/v1/auth/logout')).status).toBe(200)
    expect((await bearer.get('/api/v1/auth/me')).code).toBe('INVALID_TOKEN')
  })
})

it('deletes expired attempts after a day and expired links after a week, and keeps the others', async () => {
  const [{ id, email } = { id: '', email: '' }] = await world.people([{ signIn: false }])
  const after = { remember: false, returnTo: null, tokens: false }
  const progress = {
    step: 'prove',
    userId: id,
    proofs: [],
    requirements: [],
    providerSession: null,
    isFinished: false,
  } as const
  const waiting = async () => {
    const attempt = beginAttempt(after, world.clock.now())
    await world.db.tx('system', (tx) => runTogether(tx, [attemptInsert(attempt, progress)]))
    return attempt.id
  }
  const stored = (table: 'attempts' | 'links') =>
    world.db.tx('system', async (tx) => {
      const rows = await tx.selectFrom(table).select('id').where('user_id', '=', id).execute()
      return rows.map((row) => row.id)
    })
  await world.client().post('/api/v1/auth/password/forgot', { email })
  await world.app.settle()
  const links = await stored('links')
  const early = await waiting()
  await world.clock.advance('23 hours')
  expect(await stored('attempts')).toEqual([early])
  const late = await waiting()
  await world.clock.advance('3 hours')
  expect(await stored('attempts')).toEqual([late])
  await world.clock.advance('5 days')
  expect(await stored('links')).toEqual(links)
  await world.clock.advance('3 days')
  expect(await stored('links')).toEqual([])
})
