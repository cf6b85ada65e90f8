/**
 * Race tests: many concurrent requests for an action that may succeed once. Exactly one succeeds, and no rows are
 * left over.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../packages/server/src/base/call.ts'
import type { Tx } from '../packages/server/src/base/db/types.ts'
import { disableUser, enableUser } from '../packages/server/src/features/identity/lifecycle/index.ts'
import { getUser } from '../packages/server/src/features/identity/users/index.ts'
import type { Client, Reply } from '../packages/server/src/testing/client.ts'
import { testDatabaseKind } from '../packages/server/src/testing/database.ts'
import { PASSWORD, type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'

const MANY = 24

let world: World
/** A server without verification of addresses. */
let quick: World
beforeAll(async () => {
  world = await startWorld()
  quick = await startWorld({ emailVerification: 'off' })
})
afterAll(() => Promise.all([world.stop(), quick.stop()]))

const atOnce = <T>(work: (n: number) => Promise<T>, many = MANY): Promise<T[]> =>
  Promise.all(Array.from({ length: many }, (_, n) => work(n)))

/** How often each status occurs. */
function statuses(replies: readonly Reply[]): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const { status } of replies) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

const winners = (replies: readonly Reply[]): Reply[] => replies.filter(({ status }) => status < 400)

const countOf = (events: readonly string[], type: string): number =>
  events.filter((event) => event === type).length

/** A client with the same cookies in a separate jar. */
function twin(person: Person, of = world): Client {
  const client = of.client()
  for (const [name, value] of person.client.cookies) client.cookies.set(name, value)
  client.csrfToken = person.client.csrfToken
  return client
}

const usersWith = (of: World, addressKey: string) =>
  of.db.tx('system', (tx) =>
    tx
      .selectFrom('emails')
      .innerJoin('users', 'users.id', 'emails.user_id')
      .select(['users.id', 'users.status', 'users.username'])
      .where('emails.address_key', '=', addressKey)
      .execute(),
  )

async function matching(of: World, userId: string, passwords: readonly string[]): Promise<string[]> {
  const { hash } = await of.db.tx('system', (tx) =>
    tx.selectFrom('passwords').select('hash').where('user_id', '=', userId).executeTakeFirstOrThrow(),
  )
  const right: string[] = []
  for (const password of passwords)
    if ((await of.app.tools.hashing.verify(hash, password)).matches) right.push(password)
  return right
}

const register = (of: World, body: Record<string, unknown>): Promise<Reply> =>
  of.client().post('/api/v1/auth/register', { password: PASSWORD, ...body })

/** Runs statements that lock rows, and keeps the locks. @returns the function that releases them */
async function holdLocks(lock: (tx: Tx) => Promise<unknown>): Promise<() => Promise<void>> {
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  let holder: Promise<void> | undefined
  await new Promise<void>((locked) => {
    holder = world.db.tx('system', async (tx) => {
      await lock(tx)
      locked()
      await released
    })
  })
  return async () => {
    release()
    await holder
  }
}

describe('a single-use link', () => {
  it('verifies an address once', async () => {
    const { data } = await register(world, { email: 'once@example.com' })
    const token = await world.mailbox.tokenFor('once@example.com', /verify-email/)
    const replies = await atOnce(() => world.client().post('/api/v1/auth/verify-email', { token }))
    expect(statuses(replies)).toEqual({ 200: 1, 401: MANY - 1 })
    expect(new Set(replies.filter(({ status }) => status === 401).map(({ code }) => code))).toEqual(
      new Set(['INVALID_TOKEN']),
    )
    expect(countOf(await world.events(data.user.id), 'auth.email.verified')).toBe(1)
  })

  it('resets a password once, and only the winner’s password works', async () => {
    const person = await world.person({ email: 'reset@example.com' })
    await world.client().post('/api/v1/auth/password/forgot', { email: person.email })
    const token = await world.mailbox.tokenFor(person.email, /reset-password/)
    const passwords = Array.from({ length: MANY }, (_, n) => `an entirely new sentence, number ${n}`)
    const replies = await atOnce((n) =>
      world.client().post('/api/v1/auth/password/reset', { token, password: passwords[n] }),
    )
    expect(winners(replies)).toHaveLength(1)
    expect(statuses(replies)).toEqual({ 200: 1, 401: MANY - 1 })
    const won = passwords[replies.findIndex(({ status }) => status === 200)]
    expect(await matching(world, person.id, [...passwords, PASSWORD])).toEqual([won])
    // the other passwords, sent with a used link, counted as guesses
    await world.clock.advance('15 minutes')
    await world.client().signIn(person.email, won ?? '')
    expect((await person.client.get('/api/v1/auth/me')).status).toBe(401)
    expect(countOf(await world.events(person.id), 'auth.password.reset')).toBe(1)
  })

  it('makes one administrator', async () => {
    const path = new URL((await world.app.setupLink()) ?? '').pathname
    const replies = await atOnce(async (n) => {
      const client = world.client()
      const { data } = await client.get('/csrf')
      const fields = {
        email: `boss${n}@example.com`,
        password: PASSWORD,
        password_confirm: PASSWORD,
        csrf_token: String(data.csrf_token),
      }
      return await client.post(path, fields, { form: true, headers: { accept: 'text/html' } })
    })
    expect(statuses(replies)).toEqual({ 303: 1, 401: MANY - 1 })
    const made = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('emails')
        .innerJoin('users', 'users.id', 'emails.user_id')
        .select('roles')
        .where('address', 'like', 'boss%')
        .execute(),
    )
    expect(made).toEqual([{ roles: ['super_admin'] }])
    expect(await world.app.setupLink()).toBeNull()
  })

  it('is sent in one e-mail after many concurrent requests', async () => {
    const person = await world.person({ email: 'flood@example.com', signIn: false })
    await register(world, { email: 'waiting@example.com' })
    await world.mailbox.emailsTo('waiting@example.com')
    await world.clock.advance('2 minutes')
    await atOnce(() => world.client().post('/api/v1/auth/password/forgot', { email: person.email }))
    await atOnce(() =>
      world.client().post('/api/v1/auth/verify-email/resend', { email: 'waiting@example.com' }),
    )
    const resets = (await world.mailbox.emailsTo(person.email)).filter(({ links }) =>
      links.some((link) => /reset-password/.test(link)),
    )
    const verifications = (await world.mailbox.emailsTo('waiting@example.com')).filter(({ links }) =>
      links.some((link) => /verify-email/.test(link)),
    )
    expect([resets.length, verifications.length]).toEqual([1, 2])
  })
})

describe('many registrations at once', () => {
  it('of one address are all accepted, and only the first to verify remains', async () => {
    const email = 'crowd@example.com'
    const replies = await atOnce((n) => register(world, { email, password: `${PASSWORD} ${n}` }))
    expect(statuses(replies)).toEqual({ 201: MANY })
    const emails = await world.mailbox.emailsTo(email)
    const tokens = emails.flatMap(({ links }) =>
      links
        .filter((link) => /verify-email/.test(link))
        .map((link) => new URL(link).searchParams.get('token')),
    )
    expect(tokens.length).toBeGreaterThan(0)
    const verified = await Promise.all(
      tokens.map((token) => world.client().post('/api/v1/auth/verify-email', { token })),
    )
    expect(winners(verified)).toHaveLength(1)
    expect(
      verified.map(({ status }) => status).filter((status) => ![200, 401, 404, 409].includes(status)),
    ).toEqual([])
    const left = await usersWith(world, email)
    expect(left).toEqual([
      { id: winners(verified)[0]?.data.id ?? left[0]?.id, status: 'active', username: null },
    ])
    const ids = replies.map(({ data }) => String(data.user.id))
    const right = await matching(
      world,
      left[0]?.id ?? '',
      Array.from({ length: MANY }, (_, n) => `${PASSWORD} ${n}`),
    )
    expect(right).toEqual([`${PASSWORD} ${ids.indexOf(left[0]?.id ?? '')}`])
    // the passwords of the others are deleted with them
    for (const table of ['passwords', 'links', 'sessions', 'devices'] as const) {
      const rows = await world.db.tx('system', (tx) =>
        tx.selectFrom(table).select('user_id').where('user_id', 'in', ids).execute(),
      )
      expect([table, rows.filter(({ user_id }) => user_id !== left[0]?.id)]).toEqual([table, []])
    }
  })

  it('of one username with different addresses: one gets the name, and all get an account', async () => {
    const emails = Array.from({ length: 12 }, (_, n) => `named${n}@example.com`)
    for (const reply of await Promise.all(
      emails.map((email) => register(world, { email, username: 'Wanted' })),
    ))
      expect(reply.status).toBe(201)
    const tokens = await Promise.all(emails.map((email) => world.mailbox.tokenFor(email, /verify-email/)))
    const verify = (token: string) => world.client().post('/api/v1/auth/verify-email', { token })
    const first = await Promise.all(tokens.map(verify))
    expect(first.map(({ status }) => status).filter((status) => status !== 200 && status !== 409)).toEqual([])
    // after the conflict the link is still valid
    const lost = tokens.filter((_, n) => first[n]?.status === 409)
    for (const token of lost) expect((await verify(token)).status).toBe(200)
    const holders = await world.db.tx('system', (tx) =>
      tx.selectFrom('users').select('status').where('username_key', '=', 'wanted').execute(),
    )
    expect(holders).toEqual([{ status: 'active' }])
  })

  it('of one address without verification: one succeeds, the others conflict', async () => {
    const replies = await atOnce((n) =>
      register(quick, { email: n % 2 ? 'Same@Example.com' : 'same@example.com' }),
    )
    expect(statuses(replies)).toEqual({ 201: 1, 409: MANY - 1 })
    expect(new Set(replies.filter(({ status }) => status === 409).map(({ code }) => code))).toEqual(
      new Set(['CONFLICT']),
    )
    expect(await usersWith(quick, 'same@example.com')).toHaveLength(1)
  })

  it('of one username without verification: one succeeds, the others conflict and leave no rows', async () => {
    const replies = await atOnce((n) =>
      register(quick, { email: `user${n}@example.com`, username: n % 2 ? 'Samename' : 'samename' }),
    )
    expect(statuses(replies)).toEqual({ 201: 1, 409: MANY - 1 })
    const left = await quick.db.tx('system', (tx) =>
      tx.selectFrom('emails').select('address').where('address', 'like', 'user%').execute(),
    )
    expect(left).toHaveLength(1)
  })
})

describe('one account, many requests', () => {
  it('gives a username to one of many users who choose it', async () => {
    const people: Person[] = []
    for (let n = 0; n < 10; n += 1) people.push(await quick.person({ email: `asks${n}@example.com` }))
    const replies = await Promise.all(
      people.map(({ client }) => client.patch('/api/v1/users/me', { username: 'coveted' })),
    )
    expect(statuses(replies)).toEqual({ 200: 1, 409: 9 })
  })

  it('is deleted once', async () => {
    const person = await quick.person({ email: 'leaving@example.com' })
    const replies = await atOnce(
      () => twin(person, quick).delete('/api/v1/users/me', { password: PASSWORD }),
      20,
    )
    expect(winners(replies)).toHaveLength(1)
    expect(
      replies.map(({ status }) => status).filter((status) => ![200, 401, 404, 423].includes(status)),
    ).toEqual([])
    expect(countOf(await quick.events(person.id), 'user.deleted')).toBe(1)
    expect(await quick.mailbox.emailsTo(person.email)).toHaveLength(1)
    expect(await usersWith(quick, person.email)).toEqual([])
    // late requests write no personal data about the deleted user
    const written = await quick.db.tx('system', (tx) =>
      tx
        .selectFrom('audit_events')
        .select(['event_type', 'ip_address', 'user_agent', 'username'])
        .where('user_id', '=', person.id)
        .execute(),
    )
    expect(
      written.filter(({ ip_address, user_agent, username }) => ip_address ?? user_agent ?? username),
    ).toEqual([])
  })

  it('ends a session once', async () => {
    const person = await world.person({ email: 'revokes@example.com' })
    const other = world.client()
    const { data } = await other.signIn(person.email, PASSWORD)
    const replies = await atOnce(() => twin(person).delete(`/api/v1/auth/sessions/${data.session.id}`))
    expect(statuses(replies)).toEqual({ 200: 1, 404: MANY - 1 })
    expect(countOf(await world.events(person.id), 'auth.session.revoked')).toBe(1)
    expect((await other.get('/api/v1/auth/me')).status).toBe(401)
  })

  it('signs out once', async () => {
    const person = await world.person({ email: 'signsout@example.com' })
    const replies = await atOnce(() => twin(person).post('/api/v1/auth/logout'))
    expect(replies.map(({ status }) => status).filter((status) => status !== 200 && status !== 401)).toEqual(
      [],
    )
    expect(countOf(await world.events(person.id), 'auth.logout')).toBe(1)
  })

  it('changes its password once, and only the winner’s works', async () => {
    const person = await world.person({ email: 'changes@example.com' })
    const passwords = Array.from({ length: 12 }, (_, n) => `yet another sentence to know, ${n}`)
    const replies = await Promise.all(
      passwords.map((password) =>
        twin(person).post('/api/v1/users/me/password', {
          current_password: PASSWORD,
          new_password: password,
        }),
      ),
    )
    expect(winners(replies)).toHaveLength(1)
    expect(
      replies.map(({ status }) => status).filter((status) => ![200, 401, 409, 423].includes(status)),
    ).toEqual([])
    const won = passwords[replies.findIndex(({ status }) => status === 200)]
    expect(await matching(world, person.id, [...passwords, PASSWORD])).toEqual([won])
    expect(countOf(await world.events(person.id), 'auth.password.changed')).toBe(1)
    await world.client().signIn(person.email, won ?? '')
    expect((await person.client.get('/api/v1/auth/me')).status).toBe(401)
  })

  it('records the expiry of a session once, even if many requests find it expired', async () => {
    const person = await world.person({ email: 'expires@example.com' })
    world.app.tools.clock.advance(31 * 60_000)
    const replies = await atOnce(() => twin(person).get('/api/v1/auth/me'))
    expect(new Set(replies.map(({ status, code }) => `${status} ${code}`))).toEqual(
      new Set(['401 SESSION_EXPIRED']),
    )
    await world.app.settle()
    expect(countOf(await world.events(person.id), 'auth.session.expired')).toBe(1)
  })
})

// PostgreSQL only: an embedded database has one connection, so transactions cannot overlap
if (testDatabaseKind() === 'postgres')
  describe('a sign-in that is about to start its session', () => {
    /** Blocks the sign-in just before it starts its session, runs `meanwhile`, and releases it. */
    async function overtaken(person: Person, meanwhile: () => Promise<unknown>): Promise<Reply> {
      const signIn = (password: string) =>
        world.client().post('/api/v1/auth/login', { username: person.email, password })
      // a failure, so that the sign-in must clear a counter, which can be locked
      await signIn('wrong')
      const release = await holdLocks((tx) => tx.selectFrom('failures').select('key').forUpdate().execute())
      const signingIn = signIn(PASSWORD)
      await sleep(400)
      const done = meanwhile()
      await Promise.race([done, sleep(400)])
      await Promise.all([release(), done])
      return signingIn
    }

    const meBy = (reply: Reply) =>
      world.client({ headers: { authorization: `Bearer ${reply.data?.token}` } }).get('/api/v1/auth/me')

    it('with the old password leaves no session after the password is reset', async () => {
      const person = await world.person({ email: 'overtaken@example.com', signIn: false })
      await world.client().post('/api/v1/auth/password/forgot', { email: person.email })
      const token = await world.mailbox.tokenFor(person.email, /reset-password/)
      const reply = await overtaken(person, async () => {
        const body = { token, password: 'an entirely new sentence' }
        expect((await world.client().post('/api/v1/auth/password/reset', body)).status).toBe(200)
      })
      expect((await meBy(reply)).status).toBe(401)
    })

    it('leaves no session after the account is disabled, even after it is enabled again', async () => {
      const person = await world.person({ email: 'overtaken2@example.com', signIn: false })
      const call = systemCall(world.clock.now())
      const { tools } = world.app
      const change = (to: typeof enableUser) =>
        world.db.tx('system', async (tx) => to(tx, call, await getUser(tx, person.id)))
      const reply = await overtaken(person, () => change((tx, by, user) => disableUser(tools, tx, by, user)))
      await change(enableUser)
      expect((await meBy(reply)).code).toBe('ACCOUNT_DISABLED')
    })
  })

describe('parallel guesses', () => {
  const GUESSES = 60
  const guess = (identifier: string, password: string) =>
    world.client().post('/api/v1/auth/login', { username: identifier, password })

  it('get as many verdicts as the lock-out allows, for known and unknown accounts', async () => {
    const person = await world.person({ email: 'guessed@example.com', signIn: false })
    for (const identifier of [person.email, 'guessed-unknown@example.com']) {
      const replies = await atOnce((n) => guess(identifier, `wrong password number ${n}`), GUESSES)
      expect(statuses(replies)).toEqual({ 401: 5, 423: GUESSES - 5 })
      const left = replies
        .filter(({ status }) => status === 401)
        .map(({ body }) => body.error.details.attempts_remaining)
      expect(left.sort()).toEqual([0, 1, 2, 3, 4])
    }
    expect((await guess(person.email, PASSWORD)).status).toBe(423)
  })

  it('get no more verdicts if the right password is among them', async () => {
    // the position is random on purpose: no position may be special
    for (let round = 0; round < 4; round += 1) {
      const person = await world.person({ email: `lucky${round}@example.com`, signIn: false })
      const place = Math.floor(Math.random() * GUESSES)
      const replies = await atOnce(
        (n) => guess(person.email, n === place ? PASSWORD : `wrong password number ${n}`),
        GUESSES,
      )
      const { 200: right = 0, 401: wrong = 0, 423: locked = 0 } = statuses(replies)
      expect(right + wrong + locked, `the right one at ${place}`).toBe(GUESSES)
      expect(replies[place]?.status, `the right one at ${place}`).not.toBe(401)
      // the right password clears the failures before it, at most four
      if (right === 0) expect(wrong, `the right one at ${place}`).toBe(5)
      else expect(wrong, `the right one at ${place}`).toBeLessThanOrEqual(9)
      expect(countOf(await world.events(person.id), 'auth.login.locked')).toBe(1)
    }
  })

  it('from one IP address lock the account for that address only', async () => {
    const proxied = await startWorld({ trustedProxies: ['127.0.0.1/32'] })
    try {
      const person = await proxied.person({ email: 'wide@example.com', signIn: false })
      const from = (ip: string, password: string) =>
        proxied
          .client()
          .post(
            '/api/v1/auth/login',
            { username: person.email, password },
            { headers: { 'x-forwarded-for': ip } },
          )
      for (let round = 0; round < 2; round += 1) {
        const replies = await atOnce((n) => from('203.0.113.9', `wrong password number ${n}`), GUESSES)
        expect(statuses(replies)).toEqual({ 401: 5, 423: GUESSES - 5 })
        await proxied.clock.advance('15 minutes')
      }
      expect(countOf(await proxied.events(person.id), 'auth.login.locked')).toBe(2)
      await atOnce((n) => from('203.0.113.9', `wrong password number ${n}`), GUESSES)
      expect((await from('203.0.113.9', PASSWORD)).status).toBe(423)
      expect((await from('198.51.100.7', PASSWORD)).status).toBe(200)
    } finally {
      await proxied.stop()
    }
  })

  it('in different spellings together get as many verdicts', async () => {
    const person = await world.person({ email: 'spelled@example.com', username: 'spelled', signIn: false })
    const spellings = [
      'spelled',
      'SPELLED',
      ' spelled ',
      'ｓｐｅｌｌｅｄ',
      person.email,
      'Spelled@Example.com',
      ' spelled@example.com',
      'spelled@ｅxample.com',
    ]
    const replies = await atOnce(
      (n) => guess(spellings[n % spellings.length] ?? '', `wrong password number ${n}`),
      GUESSES,
    )
    expect(statuses(replies)).toEqual({ 401: 5, 423: GUESSES - 5 })
  })
})
