/** An expired password: a step of the sign-in, continued by JSON and on the page. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { startWorld, type World } from '../../../testing/world.ts'

describe('an expired password', () => {
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
    expect(reply.body.error.details.reason).toBe('age')
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

  it('shows no form and no step to an account that may not sign in any more', async () => {
    const person = await classic.person({ password: FIRST, signIn: false })
    await classic.clock.advance('90 days')
    const browser = classic.client()
    await signInByForm(browser, person.email)
    const attempt = browser.cookies.get('lk_attempt')
    const set = (change: { status?: 'disabled' | 'active'; locked_at?: Date | null }) =>
      classic.db.tx('system', (tx) =>
        tx.updateTable('users').set(change).where('id', '=', person.id).execute(),
      )
    const seen = async () => {
      const shown = await classic.client().get(`/api/v1/auth/attempts/${attempt}`)
      return [shown.status, shown.code, (await browser.get('/sign-in/new-password')).status]
    }
    expect(await seen()).toEqual([200, undefined, 200])
    await set({ status: 'disabled' })
    expect(await seen()).toEqual([403, 'ACCOUNT_DISABLED', 403])
    await set({ status: 'active', locked_at: classic.clock.now() })
    expect(await seen()).toEqual([423, 'ACCOUNT_LOCKED', 423])
    await set({ locked_at: null })
    expect(await seen()).toEqual([200, undefined, 200])
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
})
