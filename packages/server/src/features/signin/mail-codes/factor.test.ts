/** Proofs of the mailbox beside other factors: as the second factor, in a step-up, and what they do not replace. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../../../base/call.ts'
import { insertFactor } from '../../../core/factors/index.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'
import { beginStepUp } from '../steps/index.ts'
import { enableEmailFactor } from './factor.tsx'

let world: World
beforeAll(async () => {
  world = await startWorld({
    mfaMethods: ['totp', 'passkey', 'backup_code', 'email_code'],
    lockoutFailures: 20,
  })
})
afterAll(() => world.stop())

const enrol = (userId: string, kind: 'totp' | 'email') =>
  world.db.tx('system', (tx) =>
    insertFactor(tx, { userId, kind, name: null, confirmed: true }, world.clock.now()),
  )
/** The call of a signed-in user. */
const callOf = async ({ id, client }: Person) => {
  const row = await world.db.hot
    .selectFrom('sessions')
    .select('id')
    .where('user_id', '=', id)
    .where('ended_at', 'is', null)
    .executeTakeFirstOrThrow()
  const { data } = await client.get('/api/v1/users/me')
  const session = { id: row.id, via: 'cookie', proofs: [] }
  const principal = { userId: id, username: data.user?.username ?? null }
  return { ...systemCall(world.clock.now()), principal, session } as unknown as Parameters<
    typeof enableEmailFactor
  >[1]
}
const codeTo = async (email: string) =>
  /^\d{6}$/m.exec((await world.mailbox.emailTo(email, /Your code/)).text)?.[0] ?? ''
const login = (client: Client, email: string) =>
  client.post('/api/v1/auth/login', { email, password: PASSWORD })
const detailsOf = ({ body }: Reply) => body.error?.details ?? {}
const byLink = async (client: Client, email: string): Promise<Reply> => {
  await client.post('/api/v1/auth/magic-link', { email })
  const token = await world.mailbox.tokenFor(email, /sign-in\/link/)
  return await client.post('/api/v1/auth/magic-link/complete', { token })
}
const byCode = async (client: Client, email: string): Promise<Reply> => {
  const { data } = await client.post('/api/v1/auth/email-code', { email })
  const code = await codeTo(email)
  return await client.post('/api/v1/auth/email-code/complete', { attempt: data.attempt, code })
}

describe('a proof of the mailbox', () => {
  it.each([
    ['link', byLink],
    ['code', byCode],
  ] as const)('by a %s does not replace an enrolled factor', async (_what, sign) => {
    const { email, id } = await world.person({ signIn: false })
    await enrol(id, 'totp')
    const client = world.client()
    const answer = await sign(client, email)
    expect([answer.status, answer.code]).toEqual([401, 'MFA_REQUIRED'])
    const { attempt, methods } = detailsOf(answer)
    expect(methods).toEqual(['totp'])
    const body = { attempt, method: 'email_code', code: '000000' }
    expect((await client.post('/api/v1/auth/mfa/verify', body)).code).toBe('VALIDATION_ERROR')
    expect((await client.post('/api/v1/auth/email-code', { attempt })).code).toBe('VALIDATION_ERROR')
    expect(await world.events(id)).not.toContain('auth.login.success')
  })

  it('twice is one factor: a link and a code do not complete a sign-in that needs two', async () => {
    const { email, id } = await world.person({ signIn: false })
    await enrol(id, 'email')
    const client = world.client()
    for (const sign of [byLink, byCode]) {
      const answer = await sign(client, email)
      expect([answer.code, detailsOf(answer).methods]).toEqual(['MFA_REQUIRED', ['password']])
      const { attempt } = detailsOf(answer)
      const again = await client.post('/api/v1/auth/email-code', { attempt })
      expect(again.code).toBe('VALIDATION_ERROR')
      const verify = { attempt, method: 'email_code', code: '000000' }
      expect((await client.post('/api/v1/auth/mfa/verify', verify)).code).toBe('VALIDATION_ERROR')
    }
    expect(await world.events(id)).not.toContain('auth.login.success')
  })

  it('signs in no disabled account, and no locked one', async () => {
    const [ada] = await world.people([{ roles: ['super_admin'] }])
    for (const [action, code] of [
      ['disable', 'ACCOUNT_DISABLED'],
      ['lock', 'ACCOUNT_LOCKED'],
    ] as const) {
      const { email, id } = await world.person({ signIn: false })
      const client = world.client()
      const { data } = await client.post('/api/v1/auth/email-code', { email })
      const right = await codeTo(email)
      const done = await ada?.client.post(`/api/v1/users/${id}/${action}`, action === 'lock' ? {} : undefined)
      expect(done?.status, done?.text).toBe(200)
      const body = { attempt: data.attempt, code: right }
      const answer = await client.post('/api/v1/auth/email-code/complete', body)
      expect(answer.code).toBe(code)
      expect(await world.events(id)).not.toContain('auth.login.success')
    }
  })
})

describe('a code by e-mail as the second factor', () => {
  it('is enabled by a user without another one, who gets an e-mail about it', async () => {
    const person = await world.person()
    const enable = () => person.client.post('/api/v1/auth/mfa/email')
    const enabled = await enable()
    expect([enabled.status, enabled.data]).toMatchObject([201, { methods: ['email'] }])
    expect((await world.mailbox.emailTo(person.email)).subject).toBe(
      'Codes by e-mail are switched on for Latchkey',
    )
    expect(await world.events(person.id)).toContain('auth.mfa.enabled')
    expect((await enable()).code).toBe('CONFLICT')
    expect((await world.client().post('/api/v1/auth/mfa/email')).code).toBe('AUTHENTICATION_REQUIRED')
    await world.clock.advance('11 minutes')
    expect((await enable()).code).toBe('STEP_UP_REQUIRED')
  })

  it('is enabled once by many requests, not beside TOTP, and not where the server does not offer it', async () => {
    const person = await world.person()
    const call = await callOf(person)
    const many = await Promise.allSettled(
      Array.from({ length: 20 }, () => enableEmailFactor(world.app.tools, call)),
    )
    expect(many.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const strong = await world.person()
    await enrol(strong.id, 'totp')
    await expect(enableEmailFactor(world.app.tools, await callOf(strong))).rejects.toMatchObject({
      details: { reason: 'stronger_factor' },
    })
    const config = { ...world.config, mfaMethods: ['totp'] as const }
    await expect(enableEmailFactor({ ...world.app.tools, config }, call)).rejects.toMatchObject({
      code: 'VALIDATION_ERROR',
    })
  })

  it('is removed, and another factor added, after a code and not by the password alone', async () => {
    const person = await world.person()
    await enrol(person.id, 'email')
    const { client } = person
    const disable = () => client.post('/api/v1/auth/mfa/disable')
    for (const reply of [
      await disable(),
      await client.post('/api/v1/auth/mfa/enable', { method: 'totp' }),
      await client.post('/api/v1/auth/passkeys/register/begin'),
    ])
      expect([reply.code, detailsOf(reply)]).toEqual([
        'STEP_UP_REQUIRED',
        { acr: 'aal1', max_age: 600, methods: ['email_code'] },
      ])
    await world.clock.advance('11 minutes')
    const { attempt } = (await client.post('/api/v1/auth/step-up', { acr: 'aal1', max_age: 600 })).data
    const verify = (proof: object) => client.post('/api/v1/auth/mfa/verify', { attempt, ...proof })
    const half = await verify({ method: 'password', password: PASSWORD })
    expect([half.code, detailsOf(half).methods]).toEqual(['MFA_REQUIRED', ['email_code']])
    await client.post('/api/v1/auth/email-code', { attempt })
    const whole = await verify({ method: 'email_code', code: await codeTo(person.email) })
    client.csrfToken = whole.data.session.csrf_token
    expect((await disable()).status).toBe(200)
  })

  it('completes a sign-in by password, and never raises its level', async () => {
    const { email, id } = await world.person({ signIn: false })
    await enrol(id, 'email')
    const client = world.client()
    const waiting = await login(client, email)
    expect([waiting.code, detailsOf(waiting).methods]).toEqual(['MFA_REQUIRED', ['email_code']])
    const { attempt } = detailsOf(waiting)
    const verify = (code: string) =>
      client.post('/api/v1/auth/mfa/verify', { attempt, method: 'email_code', code })
    expect((await verify('123456')).code).toBe('TOKEN_EXPIRED')
    expect((await client.post('/api/v1/auth/email-code', { attempt })).status).toBe(202)
    const code = await codeTo(email)
    const wrong = await verify(code === '000000' ? '111111' : '000000')
    expect([wrong.code, detailsOf(wrong).attempts_remaining]).toEqual(['AUTHENTICATION_FAILED', 19])
    const answers = await Promise.all(Array.from({ length: 4 }, () => verify(code)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    const session = await world.db.hot
      .selectFrom('sessions')
      .select(['amr', 'acr'])
      .where('user_id', '=', id)
      .where('ended_at', 'is', null)
      .executeTakeFirst()
    expect(session).toEqual({ amr: ['pwd', 'email'], acr: 'aal1' })
  })

  it('completes it on the page, which sends the code', async () => {
    const { email, id } = await world.person({ signIn: false })
    await enrol(id, 'email')
    const browser = world.client()
    const csrf = async (path: string) =>
      /name="csrf_token" value="([^"]+)"/.exec((await browser.get(path)).text)?.[1] ?? ''
    const form = { csrf_token: await csrf('/sign-in'), identifier: email, password: PASSWORD }
    const first = await browser.post('/sign-in', form, { form: true })
    expect(first.headers.get('location')).toBe('/second-factor')
    const attempt = (browser.cookies.get('lk_attempt') ?? '').split('.')[0] ?? ''
    const unsent = (await browser.get('/second-factor')).text
    expect(unsent).toContain('action="/sign-in/code/send"')
    for (const part of ['name="code"', 'name="remember_device"', 'Send another code'])
      expect(unsent).not.toContain(part)
    const sent = { csrf_token: await csrf('/second-factor'), attempt, method: 'email_code' }
    const sending = await browser.post('/sign-in/code/send', sent, { form: true })
    expect(sending.headers.get('location')).toBe('/second-factor?method=email_code')
    const entering = (await browser.get('/second-factor?method=email_code')).text
    for (const part of [
      'name="code"',
      'action="/second-factor"',
      'Send another code',
      'at most one a minute',
    ])
      expect(entering).toContain(part)
    const code = await codeTo(email)
    const wrong = await browser.post('/second-factor', { ...sent, code: '12' }, { form: true })
    expect([wrong.status, wrong.text.includes('six digits')]).toEqual([400, true])
    const done = await browser.post('/second-factor', { ...sent, code }, { form: true })
    expect(done.headers.get('location')).toBe('/account')
  })
})

describe('a step-up of a user without a password', () => {
  it('is proven by a code', async () => {
    const person = await world.person()
    await world.db.tx('system', (tx) => tx.deleteFrom('passwords').where('user_id', '=', person.id).execute())
    await world.clock.advance('11 minutes')
    const refused = await person.client.post('/api/v1/auth/api-keys', { name: 'k', permissions: ['*'] })
    expect([refused.code, detailsOf(refused).methods]).toEqual(['STEP_UP_REQUIRED', ['email_code']])
    const { token: attempt } = await beginStepUp(world.app.tools, await callOf(person), {})
    expect((await person.client.post('/api/v1/auth/email-code', { attempt })).status).toBe(202)
    const verify = { attempt, method: 'email_code', code: await codeTo(person.email) }
    // the page of the step-up sends it as well, by the cookie of the attempt
    await world.clock.advance('1 minute')
    person.client.cookies.set('lk_step_up', attempt)
    const form = { csrf_token: person.client.csrfToken ?? '', attempt: attempt.split('.')[0] ?? '' }
    const sent = await person.client.post('/sign-in/code/send', form, { form: true })
    expect(sent.headers.get('location')).toBe('/step-up?method=email_code')
    verify.code = await codeTo(person.email)
    // under the session that began it only
    expect((await world.client().post('/api/v1/auth/mfa/verify', verify)).status).toBe(404)
    const raised = await person.client.post('/api/v1/auth/mfa/verify', verify)
    expect(raised.status, raised.text).toBe(200)
    person.client.csrfToken = raised.data.session.csrf_token
    const key = await person.client.post('/api/v1/auth/api-keys', { name: 'k', permissions: ['*'] })
    expect(key.status, key.text).toBe(201)
  })
})
