import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createApp } from '../../../app.ts'
import { openTestDatabase, quietLog } from '../../../testing/database.ts'
import { freePort, PASSWORD, startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const register = (of: World, body: Record<string, unknown>) =>
  of.client().post('/api/v1/auth/register', { password: PASSWORD, ...body })
const verify = (of: World, token: string) => of.client().post('/api/v1/auth/verify-email', { token })

describe('sign-up', () => {
  it('creates an account that is pending until its address is verified', async () => {
    const reply = await register(world, {
      email: 'Ada@Example.com',
      username: 'ada',
      full_name: 'Ada Lovelace',
    })
    expect(reply.status).toBe(201)
    expect(reply.data.user).toMatchObject({
      email: 'Ada@Example.com',
      username: 'ada',
      full_name: 'Ada Lovelace',
      is_verified: false,
      role: 'viewer',
    })
    expect(reply.data).not.toHaveProperty('session')
    expect(reply.headers.getSetCookie()).toEqual([])
    const verified = await verify(world, await world.mailbox.tokenFor('Ada@Example.com', /verify-email/))
    expect(verified.data.user).toMatchObject({ id: reply.data.user.id, is_verified: true })
    expect(await world.events(reply.data.user.id)).toEqual(['user.registered', 'auth.email.verified'])
  })

  it('creates the requested organization at the owner’s first sign-in, once', async () => {
    const input = { email: 'owner@example.com', organization_name: 'Analytical Engines' }
    const { id } = (await register(world, input)).data.user
    await verify(world, await world.mailbox.tokenFor(input.email, /verify-email/))
    expect(await world.events(id)).not.toContain('organization.created')
    const clients = [world.client(), world.client(), world.client()]
    await Promise.all(clients.map((client) => client.signIn(input.email, PASSWORD)))
    await world.app.settle()
    expect((await world.events(id)).filter((type) => type === 'organization.created')).toHaveLength(1)
    for (const client of clients) {
      const { data } = await client.get('/api/v1/users/me/organizations')
      expect(data).toMatchObject([{ name: input.organization_name, role: 'owner', is_active: true }])
    }
  })

  it('creates no organization for a registration that lost its address', async () => {
    const email = 'lost@example.com'
    await register(world, { email, organization_name: 'Of a stranger' })
    const other = await world.person({ email, signIn: false })
    await world.client().signIn(other.email, PASSWORD)
    await world.app.settle()
    expect(await world.events(other.id)).not.toContain('organization.created')
  })

  it('refuses an organization where only administrators create them', async () => {
    const strict = await startWorld({ organizationCreation: 'administrators', emailVerification: 'off' })
    try {
      const input = { email: 'ada@example.com', organization_name: 'Engines' }
      const refused = await register(strict, input)
      expect([refused.status, refused.body.error.details]).toMatchObject([
        400,
        [{ field: 'organization_name', code: 'not_allowed' }],
      ])
      expect((await register(strict, { email: input.email })).status).toBe(201)
    } finally {
      await strict.stop()
    }
  })

  it('answers the same for a taken address, and sends an e-mail to its owner', async () => {
    const { email, id } = await world.person({ signIn: false })
    const taken = await register(world, { email: email.toUpperCase() })
    const free = await register(world, { email: 'free@example.com' })
    expect([taken.status, taken.body.message, Object.keys(taken.data.user)]).toEqual([
      free.status,
      free.body.message,
      Object.keys(free.data.user),
    ])
    expect(taken.data.user.id).not.toBe(id)
    const message = await world.mailbox.emailTo(email)
    expect(message.subject).toBe('You already have an account at Latchkey')
    expect(message.links.join()).not.toContain('token')
    expect(
      (await world.client().post('/api/v1/auth/login', { email, password: PASSWORD })).data.user.id,
    ).toBe(id)
  })

  it('answers the same for a taken username, and reports it by e-mail', async () => {
    await world.person({ username: 'taken', signIn: false })
    const reply = await register(world, { email: 'second@example.com', username: 'TAKEN' })
    expect(reply.status).toBe(201)
    const message = await world.mailbox.emailTo('second@example.com')
    expect(message.subject).toBe('Choose another username for Latchkey')
  })

  it('prevents planted passwords: the first to verify owns the address, rival registrations are deleted', async () => {
    const email = 'victim@example.com'
    await register(world, { email, password: 'the password of a stranger' })
    const strangers = await world.mailbox.tokenFor(email, /verify-email/)
    const mine = await register(world, { email, password: PASSWORD })
    const token = await world.mailbox.tokenFor(email, /verify-email/)
    expect(token).not.toBe(strangers)
    expect((await verify(world, token)).data.user.id).toBe(mine.data.user.id)
    expect((await verify(world, strangers)).code).toBe('INVALID_TOKEN')
    const login = (password: string) => world.client().post('/api/v1/auth/login', { email, password })
    expect((await login('the password of a stranger')).code).toBe('AUTHENTICATION_FAILED')
    expect((await login(PASSWORD)).status).toBe(200)
  })

  it('gives a username to the first to verify, and the other account none', async () => {
    await register(world, { email: 'one@example.com', username: 'wanted' })
    await register(world, { email: 'two@example.com', username: 'wanted' })
    const [one, two] = [
      await world.mailbox.tokenFor('one@example.com', /verify/),
      await world.mailbox.tokenFor('two@example.com', /verify/),
    ]
    expect((await verify(world, two)).data.user.username).toBe('wanted')
    expect((await verify(world, one)).data.user.username).toBeNull()
  })

  it('deletes registrations that are not verified within a week', async () => {
    const { data } = await register(world, { email: 'never@example.com' })
    await world.clock.advance('8 days')
    const row = await world.db.tx('system', (tx) =>
      tx.selectFrom('users').select('id').where('id', '=', data.user.id).executeTakeFirst(),
    )
    expect(row).toBeUndefined()
  })

  it.each([
    [{ email: 'nonsense' }, 'email', 'email'],
    [{ email: 'аda@example.com' }, 'email', 'ascii_only'],
    [{ email: 'x@example.com', username: 'a b' }, 'username', 'invalid'],
    [{ email: 'x@example.com', username: 'ab' }, 'username', 'too_short'],
    [{ email: 'x@example.com', password: 'seven of nine' }, 'password', 'too_short'],
    [{ email: 'x@example.com', password: `x@example.com${'x'.repeat(5)}` }, 'password', 'context'],
    [{ email: 'x@example.com', password_confirm: 'other' }, 'password_confirm', 'mismatch'],
    [{ email: 'x@example.com', full_name: 'a\u202eb' }, 'full_name', 'invalid'],
  ])('refuses %j at its field', async (body, field, code) => {
    const reply = await register(world, body)
    expect([reply.status, reply.code]).toEqual([400, 'VALIDATION_ERROR'])
    expect(reply.body.error.details).toEqual([
      expect.objectContaining({ field, code, message: expect.any(String) }),
    ])
  })

  const EVERYTHING = [
    ['email', 'email'],
    ['username', 'too_short'],
    ['password', 'too_short'],
    ['password', 'blocklisted'],
    ['password_confirm', 'mismatch'],
  ]
  const told = (reply: Awaited<ReturnType<typeof register>>) =>
    reply.body.error.details.map(({ field, code }: Record<string, string>) => [field, code])

  it('reports all field errors in one answer', async () => {
    const body = { email: 'nonsense', username: 'ab', password: 'password1', password_confirm: 'password2' }
    expect(told(await register(world, body))).toEqual(EVERYTHING)
    const sound = { email: 'x@example.com', username: 'fine' }
    expect(told(await register(world, { ...body, ...sound }))).toEqual(EVERYTHING.slice(2))
  })

  it.each([
    ['no text', { password: 7 }, [['password', 'invalid_type']]],
    ['too long to be looked at', { password: 'a'.repeat(1001) }, [['password', 'too_long']]],
    ['left out', { password: undefined, password_confirm: 'x' }, [['password', 'required']]],
    [
      'built from a name',
      { password: 'Grace Hopper 1906', full_name: 'Grace Hopper' },
      [['password', 'context']],
    ],
    ['good, repeated wrongly', { password_confirm: 'other' }, [['password_confirm', 'mismatch']]],
    ['good', { password_confirm: PASSWORD }, []],
  ])('beside a bad address, of a password that is %s', async (_, body, faults) => {
    const reply = await register(world, { email: 'nonsense', ...body })
    expect([reply.status, ...told(reply)]).toEqual([400, ['email', 'email'], ...faults])
  })

  it('does not reveal a taken address or username among the field errors', async () => {
    const { email } = await world.person({ username: 'known', signIn: false })
    const bad = { password: 'short', password_confirm: 'other' }
    const [taken, free] = await Promise.all([
      register(world, { ...bad, email, username: 'known' }),
      register(world, { ...bad, email: 'unknown@example.com', username: 'unknown' }),
    ])
    expect([taken.status, taken.body.error.details]).toEqual([free.status, free.body.error.details])
  })

  it('shows all field errors on the page, each at its field, and keeps the input', async () => {
    const client = world.client()
    const csrf = /name="csrf_token" value="([^"]+)"/.exec((await client.get('/sign-up')).text)?.[1] ?? ''
    const fields = { csrf_token: csrf, email: 'nonsense', password: 'short', password_confirm: 'other' }
    const { status, text } = await client.post('/sign-up', fields, { form: true })
    expect([status, text.includes('value="nonsense"')]).toEqual([400, true])
    for (const name of ['email', 'password', 'password_confirm'])
      expect(text).toMatch(new RegExp(`<input[^>]* name="${name}"[^>]* aria-invalid="true"`))
    expect(text).not.toMatch(/<input[^>]* name="full_name"[^>]* aria-invalid="true"/)
    expect(text).not.toMatch(/value="(?:short|other)"/)
  })

  it('resends the e-mail on request, once a minute, without revealing whether an account exists', async () => {
    const email = 'again@example.com'
    await register(world, { email })
    await world.app.settle()
    const resend = (to: string) => world.client().post('/api/v1/auth/verify-email/resend', { email: to })
    await resend(email)
    expect(await world.mailbox.emailsTo(email)).toHaveLength(1)
    const first = await world.mailbox.tokenFor(email, /verify/)
    await world.clock.advance('2 minutes')
    const [known, unknown] = [await resend(email), await resend('unknown@example.com')]
    expect(known.body.message).toBe(unknown.body.message)
    expect(await world.mailbox.emailsTo(email)).toHaveLength(2)
    expect(await world.mailbox.emailsTo('unknown@example.com')).toEqual([])
    expect((await verify(world, first)).code).toBe('INVALID_TOKEN')
    expect((await verify(world, await world.mailbox.tokenFor(email, /verify/))).status).toBe(200)
  })

  it.each(['an owner', 'an unknown address'])(
    'sends the mailbox of %s at most five e-mails an hour',
    async (whose) => {
      const email =
        whose === 'an unknown address' ? 'flooded@example.com' : (await world.person({ signIn: false })).email
      const before = (await world.mailbox.emailsTo(email)).length
      for (let n = 0; n < 9; n += 1) {
        expect((await register(world, { email })).status).toBe(201)
        await world.clock.advance('2 minutes')
      }
      expect((await world.mailbox.emailsTo(email)).length - before).toBe(5)
      await world.clock.advance('1 hour')
      await register(world, { email })
      expect((await world.mailbox.emailsTo(email)).length - before).toBe(6)
    },
  )

  it('expires a verification link after a day', async () => {
    const email = 'tardy@example.com'
    await register(world, { email })
    const token = await world.mailbox.tokenFor(email, /verify/)
    await world.clock.advance('24 hours')
    expect((await verify(world, token)).code).toBe('TOKEN_EXPIRED')
  })
})

describe('sign-up with verification off', () => {
  let open: World
  beforeAll(async () => {
    open = await startWorld({ emailVerification: 'off' })
  })
  afterAll(() => open.stop())

  it('signs in immediately', async () => {
    const client = open.client()
    const reply = await client.post('/api/v1/auth/register', {
      email: 'quick@example.com',
      password: PASSWORD,
    })
    expect(reply.status).toBe(201)
    expect(reply.data).toMatchObject({
      user: { is_verified: false },
      token: expect.stringMatching(/^st_/),
      session: { csrf_token: expect.any(String) },
    })
    expect((await client.get('/api/v1/auth/me')).data.user.email).toBe('quick@example.com')
    expect(await open.mailbox.emailsTo('quick@example.com')).toEqual([])
  })

  it('refuses a taken address or username with CONFLICT', async () => {
    await register(open, { email: 'first@example.com', username: 'first' })
    const address = await register(open, { email: 'FIRST@example.com' })
    expect([address.status, address.code, address.body.error.details]).toEqual([
      409,
      'CONFLICT',
      { field: 'email' },
    ])
    const username = await register(open, { email: 'other@example.com', username: 'First' })
    expect([username.status, username.body.error.details]).toEqual([409, { field: 'username' }])
  })
})

describe('the first administrator', () => {
  it('is created through the page of a single-use link, and is signed in', async () => {
    const fresh = await startWorld()
    try {
      const path = new URL(String(await fresh.app.setupLink())).pathname
      const client = fresh.client()
      const form = await client.get(path)
      expect(form.status).toBe(200)
      const csrf = /name="csrf_token" value="([^"]+)"/.exec(form.text)?.[1] ?? ''
      const fields = {
        csrf_token: csrf,
        email: 'root@example.com',
        password: PASSWORD,
        password_confirm: PASSWORD,
      }
      const refused = await client.post(
        path,
        { ...fields, password: 'short', password_confirm: 'short' },
        { form: true },
      )
      expect([refused.status, refused.text.includes('root@example.com')]).toEqual([400, true])
      const made = await client.post(path, fields, { form: true })
      expect([made.status, made.headers.get('location')]).toEqual([303, '/account'])
      expect((await client.get('/api/v1/auth/me')).data.user).toMatchObject({
        role: 'super_admin',
        permissions: expect.arrayContaining(['*']),
        is_verified: true,
      })
      expect((await fresh.client().get(path)).status).toBe(401)
      expect(await fresh.app.setupLink()).toBeNull()
    } finally {
      await fresh.stop()
    }
  })

  it('gets all field errors in one answer', async () => {
    const fresh = await startWorld()
    try {
      const path = new URL(String(await fresh.app.setupLink())).pathname
      const client = fresh.client()
      const csrf = /name="csrf_token" value="([^"]+)"/.exec((await client.get(path)).text)?.[1] ?? ''
      const fields = { csrf_token: csrf, email: 'nonsense', password: 'short', password_confirm: 'other' }
      const { status, text } = await client.post(path, fields, { form: true })
      expect([status, text.match(/aria-invalid="true"/g)?.length]).toEqual([400, 3])
    } finally {
      await fresh.stop()
    }
  })

  it('has one valid set-up link at a time: a newer one revokes it', async () => {
    const fresh = await startWorld()
    try {
      const [first, second] = [await fresh.app.setupLink(), await fresh.app.setupLink()]
      expect((await fresh.client().get(new URL(String(first)).pathname)).status).toBe(401)
      expect((await fresh.client().get(new URL(String(second)).pathname)).status).toBe(200)
    } finally {
      await fresh.stop()
    }
  })

  it('is created headless from the environment, once', async () => {
    const admin = { adminEmail: 'ops@example.com', adminPassword: 'from the environment, long' }
    const database = await openTestDatabase()
    const start = async (password: string) => {
      const config = { ...world.config, ...admin, adminPassword: password, port: await freePort() }
      const app = await createApp({ config, log: quietLog, database: { ...database, close: async () => {} } })
      await app.start()
      const link = await app.setupLink()
      await app.stop()
      return link
    }
    try {
      expect(await start(admin.adminPassword)).toBeNull()
      expect(await start('another one, never used before')).toBeNull()
      const users = await database.tx('system', (tx) =>
        tx.selectFrom('users').select(['roles', 'status']).execute(),
      )
      expect(users).toEqual([{ roles: ['super_admin'], status: 'active' }])
    } finally {
      await database.close()
    }
  })
})

describe('resending the e-mail for an address with several registrations', () => {
  it('lets the owner of the mailbox choose the password, and refuses other registrants', async () => {
    const email = 'contested@example.com'
    await register(world, { email, password: PASSWORD })
    await register(world, { email, password: 'the password of a stranger' })
    await world.app.settle()
    await world.clock.advance('2 minutes')
    await world.client().post('/api/v1/auth/verify-email/resend', { email })
    const message = await world.mailbox.emailTo(email)
    expect(message.links.join()).not.toContain('verify-email')
    const token = await world.mailbox.tokenFor(email, /reset-password/)
    const chosen = 'chosen by the owner of it'
    expect(
      (await world.client().post('/api/v1/auth/password/reset', { token, password: chosen })).status,
    ).toBe(200)
    const login = (password: string) => world.client().post('/api/v1/auth/login', { email, password })
    expect((await login('the password of a stranger')).status).toBe(401)
    expect((await login(chosen)).status).toBe(200)
  })
})
