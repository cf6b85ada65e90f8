/**
 * Changing one's own address: the request, the link to the new address, and what an administrator's change does to
 * it.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'
import { addressRequests, ME } from './testing.ts'

let world: World
let n = 0
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())
beforeEach(() => world.clock.advance('2 minutes'))

const fresh = () => `new${++n}@example.com`
const { request, confirm, signIn, confirmToken: tokenTo } = addressRequests(() => world)
const signsIn = async (identifier: string) => (await signIn(identifier)).status

describe('the request', () => {
  it('changes nothing before the link to the new address is followed', async () => {
    const person = await world.person()
    const email = fresh()
    const reply = await request(person, email)
    expect([reply.status, reply.data.pending.email]).toEqual([202, email])
    expect((await person.client.get(ME)).data).toEqual({
      email: person.email,
      is_verified: true,
      pending: reply.data.pending,
    })
    expect([await signsIn(person.email), await signsIn(email)]).toEqual([200, 401])
    expect((await person.client.get('/api/v1/users/me')).data.email).toBe(person.email)
    expect(await world.events(person.id)).toContain('auth.email.change_requested')
  })

  it('requires the password, counts the guess, and is refused during the lock-out', async () => {
    const person = await world.person()
    const wrong = await request(person, fresh(), 'wrong')
    expect([wrong.status, wrong.code, wrong.body.error.details.attempts_remaining]).toEqual([
      401,
      'AUTHENTICATION_FAILED',
      4,
    ])
    for (let left = 4; left > 0; left--) await request(person, fresh(), 'wrong')
    expect((await request(person, fresh())).code).toBe('ACCOUNT_LOCKED')
    expect((await person.client.get(ME)).data.pending).toBeNull()
    expect(await world.events(person.id)).not.toContain('auth.email.change_requested')
  })

  it('is void once the password is replaced: it may have been another person’s', async () => {
    const next = 'quite another passphrase'
    const replace: Record<string, (person: Person) => Promise<{ status: number }>> = {
      changed: ({ client }) =>
        client.post('/api/v1/users/me/password', { current_password: PASSWORD, new_password: next }),
      reset: async ({ email }) => {
        await world.client().post('/api/v1/auth/password/forgot', { email })
        const token = await world.mailbox.tokenFor(email, /reset-password/)
        return world.client().post('/api/v1/auth/password/reset', { token, password: next })
      },
    }
    for (const [how, replaced] of Object.entries(replace)) {
      const person = await world.person()
      const email = fresh()
      await request(person, email)
      const token = await tokenTo(email)
      expect([how, (await replaced(person)).status]).toEqual([how, 200])
      expect([how, (await confirm(token)).code]).toEqual([how, 'INVALID_TOKEN'])
      const present = await world
        .client()
        .post('/api/v1/auth/login', { username: person.email, password: next })
      expect([how, present.status]).toEqual([how, 200])
    }
  })

  it('at the moment at which the password is replaced leaves no link that works', async () => {
    for (let round = 0; round < 6; round++) {
      const person = await world.person()
      const thief = world.client()
      await thief.signIn(person.email, PASSWORD)
      const email = fresh()
      const change = { current_password: PASSWORD, new_password: 'quite another passphrase' }
      const [changed, ...requests] = await Promise.all([
        person.client.post('/api/v1/users/me/password', change),
        ...Array.from({ length: 4 }, () => thief.post(ME, { email, password: PASSWORD })),
      ])
      expect(changed.status).toBe(200)
      for (const { status } of requests) expect([202, 401, 409, 423]).toContain(status)
      const open = await world.db.tx('system', (tx) =>
        tx
          .selectFrom('links')
          .select('id')
          .where('user_id', '=', person.id)
          .where('purpose', '=', 'change_email')
          .where('used_at', 'is', null)
          .execute(),
      )
      expect(open).toEqual([])
    }
  })

  it.each([
    ['the present address', (email: string) => email, 'unchanged'],
    ['another spelling of it', (email: string) => email.toUpperCase(), 'unchanged'],
    ['no address', () => 'not-an-address', 'email'],
    ['a long one', () => `${'a'.repeat(250)}@example.com`, 'too_long'],
  ])('refuses %s', async (_, other, code) => {
    const person = await world.person()
    const { status, body } = await request(person, other(person.email))
    expect([status, body.error.details[0]]).toEqual([400, expect.objectContaining({ field: 'email', code })])
  })

  it('is nothing for a stranger or an API key', async () => {
    const person = await world.person()
    const { data } = await person.client.post('/api/v1/auth/api-keys', { name: 'k', permissions: ['*'] })
    const input = { email: fresh(), password: PASSWORD }
    expect((await world.client().post(ME, input)).status).toBe(401)
    const key = world.client({ headers: { authorization: `Bearer ${data.api_key}` } })
    expect((await key.post(ME, input)).status).toBeGreaterThanOrEqual(401)
    expect((await person.client.get(ME)).data.pending).toBeNull()
  })

  it('does not reveal that the address belongs to another account, whose owner gets an e-mail', async () => {
    const [person, owner, other] = await world.people(3)
    if (!person || !owner || !other) throw new Error('no users')
    const taken = await request(person, owner.email)
    const free = await request(other, fresh())
    const shape = ({ status, body }: typeof taken) => [status, body.message, Object.keys(body.data.pending)]
    expect(shape(taken)).toEqual(shape(free))
    expect((await person.client.get(ME)).data.pending.email).toBe(owner.email)
    const letter = await world.mailbox.emailTo(owner.email, /already has an account/)
    expect(letter.links.join()).not.toContain('token')
    expect(letter.text).not.toContain(person.email)
    expect(await signsIn(owner.email)).toBe(200)
  })

  it('sends no more than five e-mails an hour to one address, for all accounts together', async () => {
    const email = fresh()
    for (const person of await world.people(7)) expect((await request(person, email)).status).toBe(202)
    expect(await world.mailbox.emailsTo(email)).toHaveLength(5)
  })

  it('is limited for one user', async () => {
    const limited = await startWorld({ rateLimits: 'standard' })
    try {
      const person = await limited.person()
      for (let i = 0; i < 10; i++)
        await person.client.post(ME, { email: `l${i}@example.com`, password: PASSWORD })
      const reply = await person.client.post(ME, { email: 'l@example.com', password: PASSWORD })
      expect(reply.code).toBe('RATE_LIMIT_EXCEEDED')
    } finally {
      await limited.stop()
    }
  })

  it('is withdrawn once, and its link with it', async () => {
    const person = await world.person()
    const email = fresh()
    await request(person, email)
    const token = await tokenTo(email)
    expect((await person.client.delete(ME)).status).toBe(200)
    expect((await person.client.get(ME)).data.pending).toBeNull()
    expect([(await confirm(token)).code, (await person.client.delete(ME)).code]).toEqual([
      'INVALID_TOKEN',
      'NOT_FOUND',
    ])
    expect(await world.events(person.id)).toContain('auth.email.change_cancelled')
  })
})

describe('the link to the new address', () => {
  it('makes it the address of the account, keeps sessions, and tells the old one', async () => {
    const person = await world.person()
    await world.client().post('/api/v1/auth/password/forgot', { email: person.email })
    const reset = await world.mailbox.tokenFor(person.email, /reset-password/)
    const email = fresh()
    await request(person, email)
    const reply = await confirm(await tokenTo(email))
    expect([reply.status, reply.data.user.email, reply.data.user.is_verified]).toEqual([200, email, true])
    expect([await signsIn(person.email), await signsIn(email)]).toEqual([401, 200])
    expect((await person.client.get(ME)).data).toEqual({ email, is_verified: true, pending: null })
    const told = await world.mailbox.emailTo(person.email, /was changed/)
    expect(told.links.join()).toContain('/email-change/undo?token=')
    expect(told.text).not.toContain(email)
    // a link that was sent to the old mailbox is void
    const late = await world
      .client()
      .post('/api/v1/auth/password/reset', { token: reset, password: `${PASSWORD} 2` })
    expect(late.code).toBe('INVALID_TOKEN')
    expect(await world.events(person.id)).toContain('auth.email.changed')
  })

  it('is replaced by that of a second request, and works once', async () => {
    const person = await world.person()
    const [first, second] = [fresh(), fresh()]
    await request(person, first)
    await request(person, second)
    expect((await confirm(await tokenTo(first))).code).toBe('INVALID_TOKEN')
    const token = await tokenTo(second)
    expect([(await confirm(token)).status, (await confirm(token)).code]).toEqual([200, 'INVALID_TOKEN'])
    expect((await confirm('lnk_x.y')).code).toBe('INVALID_TOKEN')
  })

  it('expires after 24 hours', async () => {
    const person = await world.person()
    const email = fresh()
    await request(person, email)
    const token = await tokenTo(email)
    await world.clock.advance('25 hours')
    expect((await confirm(token)).code).toBe('TOKEN_EXPIRED')
    expect((await (await again(person)).get(ME)).data).toMatchObject({ email: person.email, pending: null })
  })

  it('is refused where another account has taken the address, or its own is disabled or locked', async () => {
    const [late, first, disabled, locked] = await world.people(4)
    if (!late || !first || !disabled || !locked) throw new Error('no users')
    const email = fresh()
    await request(late, email)
    const lateToken = await tokenTo(email)
    await world.clock.advance('2 minutes')
    await request(first, email)
    expect((await confirm(await tokenTo(email))).status).toBe(200)
    const refused = await confirm(lateToken)
    expect([refused.status, refused.code, refused.body.message]).toEqual([
      409,
      'CONFLICT',
      expect.stringContaining('another account'),
    ])
    const admin = await world.person({ roles: ['super_admin'] })
    for (const [person, action, code] of [
      [disabled, 'disable', 'ACCOUNT_DISABLED'],
      [locked, 'lock', 'ACCOUNT_LOCKED'],
    ] as const) {
      const other = fresh()
      await request(person, other)
      const token = await tokenTo(other)
      expect((await admin.client.post(`/api/v1/users/${person.id}/${action}`)).status).toBe(200)
      expect((await confirm(token)).code).toBe(code)
    }
  })

  it('deletes registrations of the address that were not verified', async () => {
    const person = await world.person()
    const email = fresh()
    await world.client().post('/api/v1/auth/register', { email, password: 'the password of a stranger' })
    await request(person, email)
    expect((await confirm(await tokenTo(email))).status).toBe(200)
    const stranger = { username: email, password: 'the password of a stranger' }
    expect((await world.client().post('/api/v1/auth/login', stranger)).status).toBe(401)
  })

  it('is void once an administrator changed the address, which tells the old one as well', async () => {
    const admin = await world.person({ roles: ['super_admin'] })
    const person = await world.person()
    const [own, theirs] = [fresh(), fresh()]
    await request(person, own)
    const token = await tokenTo(own)
    const moved = await admin.client.patch(`/api/v1/users/${person.id}`, { email: theirs, is_verified: true })
    expect(moved.status).toBe(200)
    expect((await confirm(token)).code).toBe('INVALID_TOKEN')
    await world.mailbox.emailTo(person.email, /was changed/)
    // an address that was kept for the undoing of the user's change can be given back by an administrator
    expect((await admin.client.patch(`/api/v1/users/${person.id}`, { email: person.email })).status).toBe(200)
  })
})

/** The user after their session has expired. */
async function again({ email, password }: Person) {
  const client = world.client()
  await client.signIn(email, password)
  return client
}
