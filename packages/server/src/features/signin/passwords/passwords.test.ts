import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'
import { setPasswordByOperator } from '../../accounts/registration/operator.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const NEW = 'a completely different phrase'
const change = ({ client }: Person, current_password: string, new_password: string) =>
  client.post('/api/v1/users/me/password', { current_password, new_password })
const works = async (email: string, password: string, of = world) =>
  (await of.client().post('/api/v1/auth/login', { email, password })).status === 200

describe('changing one’s password', () => {
  it('ends the other sessions and renews this one', async () => {
    const person = await world.person()
    const other = world.client()
    await other.signIn(person.email, PASSWORD)
    const before = person.client.cookies.get('lk_session')
    const reply = await change(person, PASSWORD, NEW)
    expect(reply.status).toBe(200)
    const after = person.client.cookies.get('lk_session')
    expect(after).toBe(reply.data.token)
    expect(after).not.toBe(before)
    expect((await person.client.get('/api/v1/auth/me')).status).toBe(200)
    expect((await other.get('/api/v1/auth/me')).status).toBe(401)
    expect(
      (await world.client({ headers: { cookie: `lk_session=${before}` } }).get('/api/v1/auth/me')).status,
    ).toBe(401)
    expect([await works(person.email, PASSWORD), await works(person.email, NEW)]).toEqual([false, true])
    expect(await world.events(person.id)).toContain('auth.password.changed')
    expect((await world.mailbox.emailTo(person.email, /was changed/)).text).toContain('/forgot-password')
  })

  it('asks for the present one, and counts wrong ones as guesses', async () => {
    const person = await world.person()
    for (let i = 0; i < 5; i += 1) {
      const reply = await change(person, 'wrong', NEW)
      expect([reply.status, reply.code]).toEqual([401, 'AUTHENTICATION_FAILED'])
    }
    expect((await change(person, PASSWORD, NEW)).code).toBe('ACCOUNT_LOCKED')
    const stranger = await world
      .client()
      .post('/api/v1/auth/login', { email: person.email, password: PASSWORD })
    expect(stranger.status, 'a known place is counted by itself').toBe(200)
    expect((await person.client.get('/api/v1/auth/me')).status).toBe(200)
  })

  it.each([
    ['too short', 'seven of nine', 'too_short'],
    ['the same again', PASSWORD, 'reused'],
    ['among the common ones', 'passwordpassword', 'blocklisted'],
  ])('refuses one that is %s, at its field', async (_what, password, code) => {
    const reply = await change(await world.person(), PASSWORD, password)
    expect([reply.status, reply.code]).toEqual([400, 'VALIDATION_ERROR'])
    expect(reply.body.error.details).toEqual([expect.objectContaining({ field: 'new_password', code })])
  })

  it('refuses a repetition that differs', async () => {
    const { client } = await world.person()
    const body = { current_password: PASSWORD, new_password: NEW, new_password_confirm: `${NEW}!` }
    const reply = await client.post('/api/v1/users/me/password', body)
    expect(reply.body.error.details).toEqual([
      expect.objectContaining({ field: 'new_password_confirm', code: 'mismatch' }),
    ])
  })
})

describe('where password managers look for the page that changes a password', () => {
  const at = '/.well-known/change-password'
  it('is a redirect to it, for everybody alike', async () => {
    const person = await world.person()
    for (const client of [world.client(), person.client]) {
      const { status, headers } = await client.get(at, { headers: { accept: 'text/html' } })
      expect([status, headers.get('location'), headers.getSetCookie()]).toEqual([
        303,
        '/account/security',
        [],
      ])
    }
    expect((await person.client.get('/account/security')).status).toBe(200)
    const stranger = await world.client().get('/account/security')
    expect(stranger.headers.get('location')).toBe('/sign-in?return_to=%2Faccount%2Fsecurity')
  })

  // W3C, Detecting the Reliability of HTTP Status Codes: that is what they ask for to see whether they may believe it
  it('is believed, because what is not there is no 200', async () => {
    const name = 'resource-that-should-not-exist-whose-status-code-should-not-be-200'
    for (const accept of ['text/html', '*/*'])
      expect((await world.client().get(`/.well-known/${name}`, { headers: { accept } })).status).toBe(404)
  })
})

describe('a forgotten password', () => {
  const forgot = (email: string) => world.client().post('/api/v1/auth/password/forgot', { email })
  const reset = (token: string, password = NEW) =>
    world.client().post('/api/v1/auth/password/reset', { token, password, password_confirm: password })
  const tokenFor = async (email: string) => {
    await forgot(email)
    return await world.mailbox.tokenFor(email, /reset-password/)
  }

  it('is reset by an e-mailed link, which ends every session and does not sign in', async () => {
    const { email, client, id } = await world.person()
    const reply = await reset(await tokenFor(email))
    expect(reply.status).toBe(200)
    expect(reply.headers.getSetCookie()).toEqual([])
    expect((await client.get('/api/v1/auth/me')).status).toBe(401)
    expect([await works(email, PASSWORD), await works(email, NEW)]).toEqual([false, true])
    expect(await world.events(id)).toEqual(
      expect.arrayContaining(['auth.password.reset_requested', 'auth.password.reset']),
    )
  })

  it('is answered alike for an unknown address, and no e-mail is sent', async () => {
    const { email } = await world.person({ signIn: false })
    const [known, unknown] = [await forgot(email), await forgot('unknown@example.com')]
    expect([known.status, known.body.message, known.data]).toEqual([
      unknown.status,
      unknown.body.message,
      unknown.data,
    ])
    await world.app.settle()
    expect(await world.mailbox.emailsTo('unknown@example.com')).toEqual([])
  })

  it('sends at most one e-mail a minute, and only the latest link works', async () => {
    const { email } = await world.person({ signIn: false })
    const first = await tokenFor(email)
    await forgot(email)
    await world.app.settle()
    expect(
      (await world.mailbox.emailsTo(email)).filter((letter) => /Reset/.test(letter.subject)),
    ).toHaveLength(1)
    await world.clock.advance('2 minutes')
    const second = await tokenFor(email)
    expect((await reset(first)).code).toBe('INVALID_TOKEN')
    expect((await reset(second)).status).toBe(200)
  })

  it('sends at most five e-mails an hour, so that a stranger cannot keep replacing the link', async () => {
    const { email } = await world.person({ signIn: false })
    for (let n = 0; n < 8; n += 1) {
      await forgot(email)
      await world.clock.advance('2 minutes')
    }
    const letters = (await world.mailbox.emailsTo(email)).filter(({ subject }) => /Reset/.test(subject))
    expect(letters).toHaveLength(5)
    const last = await world.mailbox.tokenFor(email, /reset-password/)
    await forgot(email)
    await world.app.settle()
    expect((await reset(last)).status).toBe(200)
    await world.clock.advance('1 hour')
    expect(await tokenFor(email)).not.toBe(last)
  })

  it('takes a link once, within an hour', async () => {
    const { email } = await world.person({ signIn: false })
    const used = await tokenFor(email)
    await reset(used)
    expect([(await reset(used)).status, (await reset(used)).code]).toEqual([401, 'INVALID_TOKEN'])
    await world.clock.advance('2 minutes')
    const late = await tokenFor(email)
    await world.clock.advance('1 hour')
    expect((await reset(late, 'yet another long phrase')).code).toBe('TOKEN_EXPIRED')
  })

  it('keeps the link when the new password is refused', async () => {
    const { email } = await world.person({ signIn: false })
    const token = await tokenFor(email)
    expect((await reset(token, 'short')).code).toBe('VALIDATION_ERROR')
    expect((await reset(token)).status).toBe(200)
  })

  it('verifies the address of a user who has not done so', async () => {
    const email = 'forgetful@example.com'
    await world.client().post('/api/v1/auth/register', { email, password: PASSWORD })
    await world.app.settle()
    await world.clock.advance('2 minutes')
    expect((await reset(await tokenFor(email))).status).toBe(200)
    expect(await works(email, NEW)).toBe(true)
  })

  it('ends the lock-out of the user', async () => {
    const { email } = await world.person({ signIn: false })
    for (let i = 0; i < 5; i += 1)
      await world.client().post('/api/v1/auth/login', { email, password: 'wrong' })
    expect((await world.client().post('/api/v1/auth/login', { email, password: PASSWORD })).status).toBe(423)
    await reset(await tokenFor(email))
    expect(await works(email, NEW)).toBe(true)
  })

  it('forgets every known device when the operator resets it', async () => {
    const { email, client } = await world.person()
    await setPasswordByOperator(world.app.tools, email, NEW)
    for (let i = 0; i < 5; i += 1)
      await world.client().post('/api/v1/auth/login', { email, password: 'wrong' })
    expect((await client.post('/api/v1/auth/login', { email, password: NEW })).status).toBe(423)
  })

  it('forgets every known device but the one that resets it', async () => {
    const { email, client } = await world.person()
    const intruder = world.client()
    await intruder.signIn(email, PASSWORD)
    const token = await tokenFor(email)
    const body = { token, password: NEW }
    expect((await client.post('/api/v1/auth/password/reset', body)).status).toBe(200)
    // locks out strangers at this address, which all clients here share
    for (let i = 0; i < 5; i += 1)
      await world.client().post('/api/v1/auth/login', { email, password: 'wrong' })
    const signIn = (of: typeof client) => of.post('/api/v1/auth/login', { email, password: NEW })
    expect([(await signIn(intruder)).status, (await signIn(client)).status]).toEqual([423, 200])
  })

  it('accepts no link of another kind', async () => {
    const email = 'confused@example.com'
    await world.client().post('/api/v1/auth/register', { email, password: PASSWORD })
    const token = await world.mailbox.tokenFor(email, /verify-email/)
    expect((await reset(token)).code).toBe('INVALID_TOKEN')
    expect((await world.client().post('/api/v1/auth/verify-email', { token })).status).toBe(200)
  })

  it.each(['', 'x', 'lnk_0.x', `lnk_${'0'.repeat(32)}.${'A'.repeat(43)}`, 'a.b.c'])(
    'refuses the token %j',
    async (token) => {
      const reply = await reset(token)
      expect([400, 401]).toContain(reply.status)
    },
  )
})

describe('the profile classic', () => {
  let classic: World
  const FIRST = 'Tr0ub4d!or-1'
  beforeAll(async () => {
    classic = await startWorld({ passwordProfile: 'classic' })
  })
  afterAll(() => classic.stop())

  const NEXT = 'N3w-Tr0ub4d!or'
  const expired = async () => {
    const person = await classic.person({ password: FIRST, signIn: false })
    await classic.clock.advance('90 days')
    const reply = await person.client.post('/api/v1/auth/login', { email: person.email, password: FIRST })
    return { ...person, reply, attempt: String(reply.body.error?.details?.attempt) }
  }
  const replace = (attempt: string, password: string, more: object = {}) =>
    classic.client().post(`/api/v1/auth/attempts/${attempt}/password`, { password, ...more })
  const hiddenFields = async (browser: Client, path: string): Promise<Record<string, string>> =>
    Object.fromEntries(
      [...(await browser.get(path)).text.matchAll(/type="hidden" name="([^"]+)" value="([^"]+)"/g)].map(
        ([, name = '', value = '']) => [name, value],
      ),
    )
  const signInByForm = async (browser: Client, identifier: string) =>
    browser.post(
      '/sign-in',
      { identifier, password: FIRST, ...(await hiddenFields(browser, '/sign-in')) },
      { form: true },
    )

  it('stops a sign-in with an expired password at the step of replacing it', async () => {
    const { reply, attempt, id } = await expired()
    expect([reply.status, reply.code]).toEqual([403, 'PASSWORD_EXPIRED'])
    expect(reply.headers.getSetCookie().join()).not.toContain('lk_session')
    expect(attempt).toMatch(/^sgn_[0-9a-f]{32}\.[A-Za-z0-9_-]{43}$/)
    const shown = await classic.client().get(`/api/v1/auth/attempts/${attempt}`)
    expect([shown.status, shown.data]).toEqual([
      200,
      { step: 'change_password', methods: [], expires_at: reply.body.error.details.expires_at },
    ])
    const events = (await classic.events(id)).filter((type) => type.startsWith('auth.login'))
    expect(events).toEqual(['auth.login.attempt'])
  })

  it('takes the attempt for nothing else', async () => {
    const { attempt } = await expired()
    for (const headers of [
      { authorization: `Bearer ${attempt}` },
      { authorization: `Api-Key ${attempt}` },
      { 'x-api-key': attempt },
      { cookie: `lk_session=${attempt}` },
      { cookie: `lk_attempt=${attempt}` },
    ])
      for (const path of [
        '/api/v1/auth/me',
        '/api/v1/auth/validate',
        '/api/v1/users/me',
        '/api/v1/auth/sessions',
      ])
        expect((await classic.client({ headers }).get(path)).status, path).toBe(401)
    expect((await classic.client().post('/api/v1/auth/refresh', { refresh_token: attempt })).status).toBe(401)
  })

  it('completes the sign-in with a new password, and answers as the login would have', async () => {
    const person = await classic.person({ password: FIRST, signIn: false })
    await classic.clock.advance('90 days')
    const wish = { email: person.email, password: FIRST, remember_me: true, tokens: true }
    const refused = await classic.client().post('/api/v1/auth/login', wish)
    const { attempt } = refused.body.error.details
    const reply = await replace(attempt, NEXT, { password_confirm: NEXT })
    expect([reply.status, reply.body.message]).toEqual([200, 'Password changed. Signed in.'])
    expect(reply.data).toMatchObject({
      user: { id: person.id },
      session: { id: expect.stringMatching(/^ses_/) },
      access_token: expect.any(String),
      refresh_token: expect.stringMatching(/^rt_/),
    })
    expect(reply.headers.getSetCookie().join()).toMatch(/lk_session=st_[^;]+;[^,]*Max-Age=/)
    const works = async (password: string) =>
      (await classic.client().post('/api/v1/auth/login', { email: person.email, password })).status
    expect([await works(FIRST), await works(NEXT)]).toEqual([401, 200])
    expect(await classic.events(person.id)).toEqual(
      expect.arrayContaining(['auth.password.changed', 'auth.login.success']),
    )
    expect((await classic.mailbox.emailTo(person.email, /was changed/)).text).toContain('/forgot-password')
  })

  it('keeps the attempt when the new password is refused', async () => {
    const { attempt } = await expired()
    for (const [password, code] of [
      ['short', 'too_short'],
      [FIRST, 'reused'],
    ] as const)
      expect((await replace(attempt, password)).body.error.details).toEqual(
        expect.arrayContaining([expect.objectContaining({ field: 'password', code })]),
      )
    expect((await replace(attempt, NEXT, { password_confirm: `${NEXT}x` })).body.error.details).toEqual([
      expect.objectContaining({ field: 'password_confirm', code: 'mismatch' }),
    ])
    expect((await replace(attempt, NEXT)).status).toBe(200)
  })

  it('completes an attempt once, of twenty who try at once', async () => {
    const { attempt, id } = await expired()
    const replies = await Promise.all(Array.from({ length: 20 }, (_, n) => replace(attempt, `${NEXT}-${n}`)))
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    for (const { status } of replies) expect([200, 404, 409]).toContain(status)
    expect((await classic.events(id)).filter((type) => type === 'auth.login.success')).toHaveLength(1)
    expect((await replace(attempt, `${NEXT}-again`)).status).toBe(404)
  })

  it('ends the attempt when the password is reset meanwhile, so that the old password is useless', async () => {
    const { attempt, email } = await expired()
    await classic.client().post('/api/v1/auth/password/forgot', { email })
    const token = await classic.mailbox.tokenFor(email, /reset-password/)
    const reset = await classic.client().post('/api/v1/auth/password/reset', { token, password: NEXT })
    expect(reset.status).toBe(200)
    const reply = await replace(attempt, 'Another-0ne!')
    expect([reply.status, reply.code]).toEqual([404, 'NOT_FOUND'])
    expect((await classic.client().post('/api/v1/auth/login', { email, password: NEXT })).status).toBe(200)
  })

  it('refuses the attempt where a node that does not know attempts has changed the password', async () => {
    const { attempt, id } = await expired()
    await classic.db.tx('system', (tx) =>
      tx
        .updateTable('passwords')
        .set({ changed_at: classic.clock.now() })
        .where('user_id', '=', id)
        .execute(),
    )
    const reply = await replace(attempt, NEXT)
    expect([reply.status, reply.code]).toEqual([409, 'CONFLICT'])
  })

  it('judges the account again when the attempt is continued', async () => {
    const { attempt, id } = await expired()
    await classic.db.tx('system', (tx) =>
      tx.updateTable('users').set({ status: 'disabled' }).where('id', '=', id).execute(),
    )
    expect((await replace(attempt, NEXT)).code).toBe('ACCOUNT_DISABLED')
    await classic.db.tx('system', (tx) =>
      tx.updateTable('users').set({ status: 'active' }).where('id', '=', id).execute(),
    )
    expect((await replace(attempt, NEXT)).code, 'a refused attempt is finished').toBe('NOT_FOUND')
  })

  it('expires the attempt after fifteen minutes', async () => {
    const { attempt } = await expired()
    await classic.clock.advance('15 minutes')
    const reply = await classic.client().get(`/api/v1/auth/attempts/${attempt}`)
    expect([reply.status, reply.code]).toEqual([404, 'NOT_FOUND'])
    expect((await replace(attempt, NEXT)).status).toBe(404)
  })

  it('is continued on the page after a sign-in by the form, and goes where the user was going', async () => {
    const person = await classic.person({ password: FIRST, signIn: false })
    await classic.clock.advance('90 days')
    const browser = classic.client()
    const form = {
      identifier: person.email,
      password: FIRST,
      return_to: '/account/sessions',
      ...(await hiddenFields(browser, '/sign-in')),
    }
    const first = await browser.post('/sign-in', form, { form: true })
    expect([first.status, first.headers.get('location')]).toEqual([303, '/sign-in/new-password'])
    expect(first.headers.getSetCookie().join()).toMatch(/lk_attempt=sgn_[^;]+;[^,]*Max-Age=900[^,]*HttpOnly/)
    expect(browser.cookies.has('lk_session')).toBe(false)
    const page = await browser.get('/sign-in/new-password')
    expect([page.status, page.text.includes(person.email)]).toEqual([200, true])
    const send = async (password: string) =>
      browser.post(
        '/sign-in/new-password',
        {
          password,
          password_confirm: password,
          ...(await hiddenFields(browser, '/sign-in/new-password')),
        },
        { form: true },
      )
    expect((await send('short')).status).toBe(400)
    const done = await send(NEXT)
    expect([done.status, done.headers.get('location')]).toEqual([303, '/account/sessions'])
    expect([browser.cookies.has('lk_attempt'), browser.cookies.has('lk_session')]).toEqual([false, true])
    expect((await browser.get('/account/sessions')).status).toBe(200)
  })

  it('is begun by JSON and continued on the page, and the other way round', async () => {
    const byJson = await expired()
    const browser = classic.client({ headers: { cookie: `lk_attempt=${byJson.attempt}` } })
    expect((await browser.get('/sign-in/new-password')).text).toContain(byJson.email)
    const byForm = await classic.person({ password: FIRST, signIn: false })
    await classic.clock.advance('90 days')
    const visitor = classic.client()
    await signInByForm(visitor, byForm.email)
    const attempt = visitor.cookies.get('lk_attempt') ?? ''
    expect((await replace(attempt, NEXT)).data.user.id).toBe(byForm.id)
  })

  it('does not give the new password to the account of another attempt, which began in another tab', async () => {
    const [first, second] = [
      await classic.person({ password: FIRST }),
      await classic.person({ password: FIRST }),
    ]
    await classic.clock.advance('90 days')
    const browser = classic.client()
    await signInByForm(browser, first.email)
    const firstTab = await hiddenFields(browser, '/sign-in/new-password')
    await signInByForm(browser, second.email)
    const form = { password: NEXT, password_confirm: NEXT }
    for (const typed of [form, { ...form, password_confirm: 'another' }]) {
      const reply = await browser.post('/sign-in/new-password', { ...typed, ...firstTab }, { form: true })
      expect([reply.status, reply.headers.get('location')]).toEqual([303, '/sign-in?notice=attempt_ended'])
    }
    const secondTab = await hiddenFields(browser, '/sign-in/new-password')
    const done = await browser.post('/sign-in/new-password', { ...form, ...secondTab }, { form: true })
    expect([done.status, done.headers.get('location')]).toEqual([303, '/account'])
    expect(await classic.events(first.id)).not.toContain('auth.password.changed')
    expect(await classic.events(second.id)).toContain('auth.password.changed')
  })

  it('returns to the sign-in form from a form of an expired attempt, whichever way it was filled in', async () => {
    const person = await classic.person({ password: FIRST, signIn: false })
    await classic.clock.advance('90 days')
    for (const typed of [
      { password: NEXT, password_confirm: NEXT },
      { password: NEXT, password_confirm: 'another' },
      { password: '', password_confirm: '' },
    ]) {
      const browser = classic.client()
      await signInByForm(browser, person.email)
      const hidden = await hiddenFields(browser, '/sign-in/new-password')
      await classic.clock.advance('16 minutes')
      const reply = await browser.post('/sign-in/new-password', { ...typed, ...hidden }, { form: true })
      expect([reply.status, reply.headers.get('location')]).toEqual([303, '/sign-in?notice=attempt_ended'])
    }
  })

  it('sends a browser without an attempt to the sign-in form, which says why', async () => {
    const browser = classic.client({
      headers: { cookie: `lk_attempt=sgn_${'0'.repeat(32)}.${'A'.repeat(43)}` },
    })
    for (const client of [classic.client(), browser]) {
      const reply = await client.get('/sign-in/new-password')
      expect([reply.status, reply.headers.get('location')]).toEqual([303, '/sign-in?notice=attempt_ended'])
    }
    expect((await classic.client().get('/sign-in?notice=attempt_ended')).text).toContain(
      'This sign-in took too long',
    )
  })

  it('does not expire a password a day early', async () => {
    const person = await classic.person({ password: FIRST, signIn: false })
    await classic.clock.advance('89 days')
    expect((await person.client.signIn(person.email, FIRST)).status).toBe(200)
  })

  it('refuses the last five, and takes the sixth again', async () => {
    const person = await classic.person({ password: FIRST })
    const later = ['N3w!Tr0ub-2x', 'N3w!Tr0ub-3x', 'N3w!Tr0ub-4x', 'N3w!Tr0ub-5x']
    let current = FIRST
    for (const next of later) {
      expect((await change(person, current, next)).status).toBe(200)
      current = next
      await classic.clock.advance('1 minute')
    }
    for (const used of [FIRST, ...later]) {
      const reply = await change(person, current, used)
      expect(reply.body.error?.details, used).toEqual([expect.objectContaining({ code: 'reused' })])
    }
    expect((await change(person, current, 'N3w!Tr0ub-6x')).status).toBe(200)
    expect((await change(person, 'N3w!Tr0ub-6x', FIRST)).status).toBe(200)
  })
})
