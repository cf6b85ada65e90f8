/** Authenticator apps through the JSON API: set up, signed in with, guessed, replayed. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeOf, enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { proveByApi } from '../../../testing/step-up.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

const API = '/api/v1'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const enable = (client: Client, body: Record<string, unknown> = {}): Promise<Reply> =>
  client.post(`${API}/auth/mfa/enable`, { method: 'totp', ...body })
const confirm = (client: Client, body: Record<string, unknown>): Promise<Reply> =>
  client.post(`${API}/auth/mfa/confirm`, body)
const show = async (client: Client) => (await client.get(`${API}/auth/mfa`)).data
const signIn = (person: Person, client = world.client()): Promise<Reply> =>
  client.post(`${API}/auth/login`, { username: person.email, password: PASSWORD })
const verify = (attempt: string, code: string, method = 'totp', client = world.client()): Promise<Reply> =>
  client.post(`${API}/auth/mfa/verify`, { attempt, method, code })

/** A user with an authenticator app. */
async function enrolled(wish = {}) {
  const person = await world.person()
  return { person, app: await enrolAuthenticator(world, person.client, wish) }
}
/** The attempt of a right password. */
async function attemptOf(person: Person, client?: Client): Promise<string> {
  const reply = await signIn(person, client)
  expect([reply.status, reply.code]).toEqual([401, 'MFA_REQUIRED'])
  return reply.body.error.details.attempt
}
const failures = async (userId: string): Promise<unknown[]> => {
  const rows = await world.db.tx('system', (tx) =>
    tx
      .selectFrom('audit_events')
      .select('details')
      .where('user_id', '=', userId)
      .where('event_type', '=', 'auth.login.failure')
      .orderBy('id')
      .execute(),
  )
  return rows.map(({ details }) => (details as { reason?: unknown }).reason)
}

describe('setting up an authenticator app', () => {
  it('shows the secret as text, URL and QR code, with backup codes', async () => {
    const person = await world.person()
    const { status, data } = await enable(person.client, { backup_codes: true, name: 'Phone' })
    expect(status).toBe(200)
    expect(data).toEqual({
      factor_id: expect.stringMatching(/^fac_[0-9a-f]{32}$/),
      secret: expect.stringMatching(/^[A-Z2-7]{32}$/),
      otpauth_url: `otpauth://totp/Latchkey:${encodeURIComponent(person.email)}?secret=${data.secret}&issuer=Latchkey&algorithm=SHA1&digits=6&period=30`,
      qr_code: expect.stringMatching(/^data:image\/png;base64,iVBORw0KGgo/),
      backup_codes: expect.any(Array),
    })
    expect(new Set(data.backup_codes).size).toBe(10)
  })

  it('changes nothing before a code is confirmed', async () => {
    const person = await world.person()
    const { data } = await enable(person.client)
    expect(await show(person.client)).toEqual({
      enabled: false,
      required: false,
      methods: [],
      backup_codes_remaining: 0,
      acr: 'aal1',
      devices: [],
    })
    expect((await signIn(person)).status).toBe(200)
    const wrong = await confirm(person.client, { code: codeOf(world, data.secret, 5) })
    expect([wrong.status, wrong.body.error.details[0]]).toEqual([
      400,
      expect.objectContaining({ field: 'code', code: 'wrong_code' }),
    ])
    expect(await world.events(person.id)).not.toContain('auth.mfa.enabled')
  })

  it('counts from its first code on, for this session too', async () => {
    const person = await world.person()
    const before = person.client.cookies.get('lk_session')
    const { data } = await enable(person.client, { name: 'Phone' })
    const done = await confirm(person.client, { code: codeOf(world, data.secret) })
    expect(done.status).toBe(200)
    expect(done.data).toMatchObject({ methods: ['totp', 'backup_codes'], backup_codes_remaining: 10 })
    expect(person.client.cookies.get('lk_session')).not.toBe(before)
    expect(await show(person.client)).toMatchObject({
      enabled: true,
      acr: 'aal2',
      methods: [
        { id: data.factor_id, kind: 'totp', name: 'Phone', last_used_at: null },
        { kind: 'backup_codes', name: null },
      ],
    })
    expect(await world.events(person.id)).toContain('auth.mfa.enabled')
    const [email] = await world.mailbox.emailsTo(person.email)
    expect(email?.subject).toBe('An authenticator app was added to your account at Latchkey')
    await attemptOf(person)
  })

  it('continues a session that is sent as a bearer token', async () => {
    const person = await world.person()
    const { data: session } = await signIn(person)
    const bearer = (token: string) => world.client({ headers: { authorization: `Bearer ${token}` } })
    const { data } = await enable(bearer(session.token))
    const done = await confirm(bearer(session.token), { code: codeOf(world, data.secret) })
    expect(done.status).toBe(200)
    expect((await bearer(session.token).get(`${API}/auth/me`)).status).toBe(401)
    expect((await bearer(done.data.token).get(`${API}/auth/me`)).status).toBe(200)
  })

  it('begun again replaces the one before, and is confirmed within an hour', async () => {
    const { client } = await world.person()
    const first = (await enable(client)).data
    const second = (await enable(client)).data
    const gone = await confirm(client, { code: codeOf(world, first.secret), factor_id: first.factor_id })
    expect([gone.status, gone.body.error.details]).toEqual([409, { reason: 'not_begun' }])
    await world.clock.advance('61 minutes')
    await client.get(`${API}/auth/me`)
    const late = await confirm(client, { code: codeOf(world, second.secret) })
    expect([late.status, late.code]).toEqual([401, 'SESSION_EXPIRED'])
  })

  it('is over after an hour', async () => {
    const { client } = await world.person()
    const { data } = await enable(client)
    for (let n = 0; n < 3; n++) {
      await world.clock.advance('21 minutes')
      await client.get(`${API}/auth/me`)
    }
    await proveByApi(client)
    const late = await confirm(client, { code: codeOf(world, data.secret) })
    expect([late.status, late.body.error.details]).toEqual([409, { reason: 'not_begun' }])
  })

  it('requires a recent sign-in, to begin and to confirm', async () => {
    const { client } = await world.person()
    const { data } = await enable(client)
    await world.clock.advance('11 minutes')
    expect((await enable(client)).code).toBe('STEP_UP_REQUIRED')
    const late = await confirm(client, { code: codeOf(world, data.secret) })
    expect([late.status, late.code]).toEqual([401, 'STEP_UP_REQUIRED'])
    expect((await show(client)).enabled).toBe(false)
    await proveByApi(client)
    expect((await confirm(client, { code: codeOf(world, data.secret) })).status).toBe(200)
  })

  it('of another user is not confirmed', async () => {
    const [one, other] = [await world.person(), await world.person()]
    const { data } = await enable(one.client)
    const body = { code: codeOf(world, data.secret), factor_id: data.factor_id }
    expect((await confirm(other.client, body)).status).toBe(409)
    expect((await show(other.client)).enabled).toBe(false)
  })

  it('is possible for five, each with a name', async () => {
    const { person } = await enrolled({ name: 'App 1' })
    for (const n of [2, 3, 4, 5]) {
      const { data } = await enable(person.client, { name: `App ${n}` })
      expect(data.backup_codes).toEqual([])
      expect((await confirm(person.client, { code: codeOf(world, data.secret) })).status).toBe(200)
    }
    const { methods, backup_codes_remaining: left } = await show(person.client)
    expect([methods.filter(({ kind }: { kind: string }) => kind === 'totp').length, left]).toEqual([5, 10])
    const more = await enable(person.client)
    expect([more.status, more.body.error.details]).toEqual([409, { reason: 'too_many_factors' }])
  })

  it('does not exceed five where several are confirmed at once', async () => {
    const { person } = await enrolled()
    for (let n = 0; n < 3; n++) await enrolAuthenticator(world, person.client)
    const { data } = await enable(person.client)
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => confirm(person.client, { code: codeOf(world, data.secret) })),
    )
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    const { methods } = await show(person.client)
    expect(methods.filter(({ kind }: { kind: string }) => kind === 'totp')).toHaveLength(5)
  })

  it.each([
    [{}, 'method'],
    [{ method: 'sms' }, 'method'],
    [{ method: 'totp', name: 'x'.repeat(101) }, 'name'],
    [{ method: 'totp', name: 'a\u202eb' }, 'name'],
    [{ method: 'totp', backup_codes: 'yes' }, 'backup_codes'],
    [{ method: 'totp', secret: 'JBSWY3DPEHPK3PXP' }, 'secret'],
  ])('refuses %j', async (body, field) => {
    const { client } = await world.person()
    const reply = await client.post(`${API}/auth/mfa/enable`, body)
    expect([reply.status, reply.body.error.details[0].field]).toEqual([400, field])
  })
})

describe('renaming an authenticator app', () => {
  const rename = ({ client }: Person, id: string, body: object): Promise<Reply> =>
    client.patch(`${API}/auth/mfa/${id}`, body)

  it('answers the factor, and is in the audit log once', async () => {
    const { person, app } = await enrolled({ name: 'Phone' })
    const renamed = await rename(person, app.factorId, { name: ' Old  phone ' })
    expect([renamed.status, renamed.body.message]).toEqual([200, 'Authenticator app renamed.'])
    expect(renamed.data).toMatchObject({ id: app.factorId, kind: 'totp', name: renamed.data.name })
    await rename(person, app.factorId, { name: renamed.data.name })
    expect((await show(person.client)).methods[0].name).toBe(renamed.data.name)
    const events = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('audit_events')
        .select('details')
        .where('user_id', '=', person.id)
        .where('event_type', '=', 'auth.mfa.renamed')
        .execute(),
    )
    expect(events.map(({ details }) => details)).toEqual([
      { factor_id: app.factorId, from: 'Phone', to: renamed.data.name },
    ])
  })

  it.each([[{}], [{ name: '' }], [{ name: 'x'.repeat(101) }], [{ name: 'a\u202eb' }]])(
    'refuses %j',
    async (body) => {
      const { person, app } = await enrolled({ name: 'Phone' })
      const reply = await rename(person, app.factorId, body)
      expect([reply.status, reply.body.error.details[0].field]).toEqual([400, 'name'])
      expect((await show(person.client)).methods[0].name).toBe('Phone')
    },
  )

  it('finds none that is not confirmed yet', async () => {
    const person = await world.person()
    const { data } = await enable(person.client)
    expect((await rename(person, data.factor_id, { name: 'Phone' })).code).toBe('NOT_FOUND')
  })
})

describe('a sign-in with an authenticator app', () => {
  it('continues after the password with its code', async () => {
    const { person, app } = await enrolled()
    const client = world.client()
    const attempt = await attemptOf(person, client)
    const waiting = await client.get(`${API}/auth/attempts/${attempt}`)
    expect(waiting.data).toMatchObject({ step: 'second_factor', methods: ['totp', 'backup_code'] })
    const done = await verify(attempt, await app.next(), 'totp', client)
    expect(done.status).toBe(200)
    expect(done.data.user.id).toBe(person.id)
    client.csrfToken = done.data.session.csrf_token
    expect((await show(client)).acr).toBe('aal2')
    const success = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('audit_events')
        .select('details')
        .where('user_id', '=', person.id)
        .where('event_type', '=', 'auth.login.success')
        .orderBy('id', 'desc')
        .executeTakeFirstOrThrow(),
    )
    expect(success.details).toMatchObject({
      login_method: 'password',
      mfa_used: true,
      methods: ['password', 'totp'],
    })
  })

  it('takes a code as apps show it', async () => {
    const { person, app } = await enrolled()
    const code = await app.next()
    const done = await verify(await attemptOf(person), ` ${code.slice(0, 3)} ${code.slice(3)} `)
    expect(done.status).toBe(200)
  })

  it('takes the codes of one step before and after, and no others', async () => {
    const { person, app } = await enrolled()
    await world.clock.advance('5 minutes')
    for (const [drift, status] of [
      [-2, 401],
      [2, 401],
      [-1, 200],
      [1, 200],
    ] as const) {
      const reply = await verify(await attemptOf(person), codeOf(world, app.secret, drift))
      expect([drift, reply.status]).toEqual([drift, status])
    }
  })

  it('takes no code twice, and none of an earlier step', async () => {
    const { person, app } = await enrolled()
    await world.clock.advance('5 minutes')
    expect((await verify(await attemptOf(person), codeOf(world, app.secret))).status).toBe(200)
    for (const drift of [0, -1]) {
      const reply = await verify(await attemptOf(person), codeOf(world, app.secret, drift))
      expect([reply.status, reply.code]).toEqual([401, 'AUTHENTICATION_FAILED'])
    }
    expect((await verify(await attemptOf(person), codeOf(world, app.secret, 1))).status).toBe(200)
    expect(await failures(person.id)).toEqual(['replayed_code', 'replayed_code'])
  })

  it('does not take the code that confirmed the app', async () => {
    const { person, app } = await enrolled()
    expect((await verify(await attemptOf(person), codeOf(world, app.secret))).status).toBe(401)
    expect((await verify(await attemptOf(person), '000000')).status).toBe(401)
    expect(await failures(person.id)).toEqual(['replayed_code', 'wrong_code'])
  })

  it('takes a code of any of several apps, each on its own', async () => {
    const { person, app } = await enrolled()
    const other = await enrolAuthenticator(world, person.client)
    await world.clock.advance('1 minute')
    for (const { secret } of [app, other])
      expect((await verify(await attemptOf(person), codeOf(world, secret))).status).toBe(200)
    const { methods } = await show(person.client)
    expect(methods).toMatchObject([
      { kind: 'totp', last_used_at: expect.any(String) },
      { kind: 'backup_codes', last_used_at: null },
      { kind: 'totp', last_used_at: expect.any(String) },
    ])
  })

  it('takes one of a hundred uses of a code, in one attempt or many', async () => {
    const { person, app } = await enrolled()
    const attempts = await Promise.all(Array.from({ length: 3 }, () => attemptOf(person)))
    const code = await app.next()
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, n) => verify(attempts[n % attempts.length] ?? '', code)),
    )
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(replies.every(({ status }) => [200, 401, 404, 409, 423].includes(status))).toBe(true)
  })

  it('counts wrong codes as wrong passwords, up to the lock-out', async () => {
    const { person, app } = await enrolled()
    const attempt = await attemptOf(person)
    const left: unknown[] = []
    for (let n = 0; n < 5; n++) {
      const { status, body } = await verify(attempt, codeOf(world, app.secret, 50 + n))
      left.push(status === 401 ? body.error.details.attempts_remaining : body.error.code)
    }
    expect(left).toEqual([4, 3, 2, 1, 0])
    expect((await verify(attempt, await app.next())).code).toBe('ACCOUNT_LOCKED')
  })

  it('does not start counting again with the right password', async () => {
    const { person, app } = await enrolled()
    for (let n = 0; n < 5; n++) {
      const reply = await verify(await attemptOf(person), codeOf(world, app.secret, 50 + n))
      expect(reply.body.error.details.attempts_remaining).toBe(4 - n)
    }
    expect((await signIn(person)).code).toBe('ACCOUNT_LOCKED')
  })

  it('says that the code was wrong, not the password', async () => {
    const { person } = await enrolled()
    const { body } = await verify(await attemptOf(person), '000000')
    expect(body.error.message).not.toMatch(/password/i)
  })

  it('is not continued by another attempt, a used one, or none', async () => {
    const { person, app } = await enrolled()
    const attempt = await attemptOf(person)
    const stranger = await enrolled()
    const theirs = await attemptOf(stranger.person)
    expect((await verify(theirs, await app.next())).status).toBe(401)
    for (const token of [
      '',
      'x',
      `${attempt}x`,
      `${attempt.slice(0, -1)}${attempt.endsWith('A') ? 'B' : 'A'}`,
    ]) {
      const { status } = await verify(token, await app.next())
      expect([token, [400, 404].includes(status)]).toEqual([token, true])
    }
    expect((await verify(attempt, await app.next())).status).toBe(200)
    expect((await verify(attempt, await app.next())).status).toBe(404)
  })

  it('does not take a method that the user has not', async () => {
    const { person } = await enrolled({ backup_codes: false })
    const attempt = await attemptOf(person)
    for (const method of ['backup_code', 'email_code', 'password']) {
      const reply = await verify(attempt, 'ABCD-EFGH-IJKL-2345', method)
      expect([method, reply.status]).toEqual([method, 400])
    }
  })

  it('ends with the attempt, after 15 minutes', async () => {
    const { person, app } = await enrolled()
    const attempt = await attemptOf(person)
    await world.clock.advance('15 minutes')
    expect((await verify(attempt, codeOf(world, app.secret))).status).toBe(404)
  })

  it.skipIf(
    !(process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'oathtool'))),
  )('takes the codes of oathtool', async () => {
    const { person, app } = await enrolled()
    await world.clock.advance('1 minute')
    const now = `--now=@${Math.floor(world.clock.now().getTime() / 1000)}`
    const code = execFileSync('oathtool', ['--totp', '--base32', now, app.secret], { encoding: 'utf8' })
    expect((await verify(await attemptOf(person), code.trim())).status).toBe(200)
  })
})
