/** The links in e-mails about lock-outs and new devices. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Authenticator, addPasskey, signInByPasskey } from '../../../testing/authenticator.ts'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client } from '../../../testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ trustedProxies: ['127.0.0.1'] })
})
afterAll(() => world.stop())

/** Opens the page of a link, and sends its form. */
async function send(path: string, token: string, client: Client = world.client()) {
  const opened = await client.get(`${path}?token=${token}`)
  expect(opened.status).toBe(200)
  const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(opened.text)?.[1] ?? ''
  return { opened, form: () => client.post(path, { csrf_token, token }, { form: true }) }
}
const login = (client: Client, email: string, password = PASSWORD) =>
  client.post('/api/v1/auth/login', { email, password })

/** Locks the account from this machine, where the owner is as well. */
async function lockOut(email: string): Promise<string> {
  for (let i = 0; i < 5; i++) await login(world.client(), email, 'a wrong one of several words')
  expect((await login(world.client(), email)).status).toBe(423)
  return await world.mailbox.tokenFor(email, /\/unlock/)
}

describe('the link in the e-mail about a lock-out', () => {
  it('ends the lock-out where it is used; opening it does nothing', async () => {
    const { id, email } = await world.person({ signIn: false })
    const { opened, form } = await send('/unlock', await lockOut(email))
    expect(opened.text).toContain('End the lock-out')
    expect((await login(world.client(), email)).status).toBe(423)
    expect((await form()).text).toContain('The lock-out has ended')
    expect((await login(world.client(), email)).status).toBe(200)
    expect(await world.events(id)).toContain('auth.lockout.lifted')
  })

  it('is used once among a hundred, and a form that is sent twice is answered alike', async () => {
    const { id, email } = await world.person({ signIn: false })
    const { form } = await send('/unlock', await lockOut(email))
    const answers = await Promise.all(Array.from({ length: 100 }, form))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    const events = await world.events(id)
    expect(events.filter((type) => type === 'auth.lockout.lifted')).toHaveLength(1)
  })

  it('expires after a day, and is replaced by the next one', async () => {
    const { email } = await world.person({ signIn: false })
    const first = await lockOut(email)
    await world.clock.advance('2 hours')
    const second = await lockOut(email)
    expect(second).not.toBe(first)
    await world.clock.advance('25 hours')
    for (const token of [second, 'lnk_nonsense.x', `${second}x`])
      expect((await world.client().get(`/unlock?token=${token}`)).status).toBeGreaterThanOrEqual(400)
  })

  it('ends it for the browser, for the network and over all addresses, also where a known browser opens it', async () => {
    const { email, client } = await world.person()
    const agents = Array.from({ length: 11 }, (_, n) => ({ 'x-forwarded-for': `203.0.113.${n + 1}` }))
    for (const headers of agents)
      for (let i = 0; i < 5; i++)
        await world
          .client({ headers })
          .post('/api/v1/auth/login', { email, password: 'a wrong one of words' })
    const token = await lockOut(email)
    const elsewhere = world.client({ headers: { 'x-forwarded-for': '203.0.113.99' } })
    expect((await login(elsewhere, email)).status).toBe(423)
    client.csrfToken = null
    client.cookies.delete('lk_session')
    expect((await (await send('/unlock', token, client)).form()).text).toContain('The lock-out has ended')
    expect((await login(elsewhere, email)).status).toBe(200)
    expect((await login(world.client(), email)).status).toBe(200)
  })

  it('is none of another purpose', async () => {
    const { email } = await world.person({ signIn: false })
    const token = await lockOut(email)
    expect((await world.client().get(`/not-me?token=${token}`)).status).toBe(401)
    expect((await world.client().get(`/reset-password?token=${token}`)).status).toBe(401)
  })
})

describe('the link in the e-mail about a new device', () => {
  async function intruded(): Promise<{ owner: Person; intruder: Client; token: string }> {
    const owner = await world.person()
    const intruder = world.client()
    await intruder.signIn(owner.email, PASSWORD)
    return { owner, intruder, token: await world.mailbox.tokenFor(owner.email, /\/not-me/) }
  }

  it('ends sessions, devices and the password, and leads to a new one', async () => {
    const { owner, intruder, token } = await intruded()
    const { form } = await send('/not-me', token)
    expect((await intruder.get('/api/v1/auth/me')).status).toBe(200)
    const answer = await form()
    expect(answer.text).toContain('Your account is yours again')
    for (const client of [intruder, owner.client])
      expect((await client.get('/api/v1/auth/me')).status).toBe(401)
    expect((await login(world.client(), owner.email)).status).toBe(401)
    expect(await world.events(owner.id)).toContain('auth.sign_in.disowned')
    const rows = await world.db.hot
      .selectFrom('devices')
      .select('id')
      .where('user_id', '=', owner.id)
      .execute()
    expect(rows).toEqual([])
    const reset = /href="\/reset-password\?token=([^"]+)"/.exec(answer.text)?.[1] ?? ''
    const password = 'another of several words'
    expect(
      (await world.client().post('/api/v1/auth/password/reset', { token: reset, password })).status,
    ).toBe(200)
    expect((await login(world.client(), owner.email, password)).status).toBe(200)
  })

  it('answers the browser whose session it ends with the page of a visitor', async () => {
    const { owner, token } = await intruded()
    owner.client.csrfToken = null
    const { opened, form } = await send('/not-me', token, owner.client)
    expect(opened.text).toContain('action="/sign-out"')
    const answer = await form()
    expect(answer.text).toContain('Your account is yours again')
    expect(answer.text).not.toContain('action="/sign-out"')
    expect(answer.headers.get('set-cookie')).toMatch(/lk_session=;/)
    const other = await world.person()
    other.client.csrfToken = null
    const elsewhere = await (await send('/not-me', (await intruded()).token, other.client)).form()
    expect(elsewhere.text).toContain('action="/sign-out"')
    expect((await other.client.get('/api/v1/auth/me')).status).toBe(200)
  })

  it('ends what was planted since the sign-in, lists it, and keeps second factors from before', async () => {
    const owner = await world.person()
    const app = await enrolAuthenticator(world, owner.client, { name: 'My phone' })
    const before = await enrolAuthenticator(world, owner.client, { name: 'My tablet' })
    await world.clock.advance('5 minutes')
    const intruder = world.client()
    const asked = await login(intruder, owner.email)
    const { attempt } = asked.body.error.details
    const stolen = { attempt, method: 'totp', code: await app.next() }
    const signedIn = await intruder.post('/api/v1/auth/mfa/verify', stolen)
    intruder.csrfToken = signedIn.data.session.csrf_token
    await world.app.settle()
    await enrolAuthenticator(world, intruder, { name: 'Planted app' })
    const planted = new Authenticator()
    await addPasskey(intruder, planted, { name: 'Planted key' })
    const key = await intruder.apiKey({ name: 'Planted program' })
    await intruder.post('/api/v1/auth/mfa/backup-codes')
    await intruder.post('/api/v1/auth/mfa/enable', { method: 'totp' })
    const next = `intruder.${owner.id}@example.com`
    await intruder.post('/api/v1/users/me/email', { email: next, password: PASSWORD })
    const change = await world.mailbox.tokenFor(next, /email-change/)
    const token = await world.mailbox.tokenFor(owner.email, /\/not-me/)

    const answer = await (await send('/not-me', token)).form()
    const email = await world.mailbox.emailTo(owner.email, /reported a sign-in/)
    for (const text of [answer.text, email.text])
      for (const name of ['“Planted app”', '“Planted key”', '“Planted program”', 'Backup codes'])
        expect(text).toContain(name)
    expect((await key.client.get('/api/v1/auth/validate')).code).toBe('INVALID_API_KEY')
    expect((await signInByPasskey(world.client(), planted)).status).toBe(401)
    expect((await world.client().post('/api/v1/auth/email-change', { token: change })).code).toBe(
      'INVALID_TOKEN',
    )
    const left = await world.db.hot
      .selectFrom('factors')
      .select('id')
      .where('user_id', '=', owner.id)
      .execute()
    expect(left.map(({ id }) => id).sort()).toEqual([app.factorId, before.factorId].sort())
    expect(await world.events(owner.id)).toEqual(
      expect.arrayContaining(['auth.api_key.revoked', 'auth.passkey.removed', 'auth.mfa.disabled']),
    )
  })

  it('is used once among a hundred', async () => {
    const { owner, token } = await intruded()
    const { form } = await send('/not-me', token)
    await Promise.all(Array.from({ length: 100 }, form))
    const events = await world.events(owner.id)
    expect(events.filter((type) => type === 'auth.sign_in.disowned')).toHaveLength(1)
  })

  it.each(['/unlock', '/not-me'])('of %s is void once the account has another address', async (path) => {
    const { owner, token: disowning } = await intruded()
    const token = path === '/unlock' ? await lockOut(owner.email) : disowning
    const former = await send(path, token)
    const next = `moved.${owner.id}@example.com`
    expect(
      (await owner.client.post('/api/v1/users/me/email', { email: next, password: PASSWORD })).status,
    ).toBe(202)
    const change = await world.mailbox.tokenFor(next, /email-change/)
    expect((await owner.client.post('/api/v1/auth/email-change', { token: change })).status).toBe(200)
    // the form that was open, and the link
    expect((await former.form()).text).not.toContain('/reset-password?token=')
    expect((await owner.client.get('/api/v1/auth/me')).status).toBe(200)
    expect(await world.events(owner.id)).not.toEqual(
      expect.arrayContaining([path === '/unlock' ? 'auth.lockout.lifted' : 'auth.sign_in.disowned']),
    )
    const link = path === '/unlock' ? 'unlock' : 'not_me'
    await world.db.tx('system', (tx) =>
      tx.updateTable('links').set({ used_at: null, email_id: null }).where('purpose', '=', link).execute(),
    )
    expect((await world.client().get(`${path}?token=${token}`)).status).toBe(401)
  })

  it('leads to a password, and to no verified address', async () => {
    const off = await startWorld({ emailVerification: 'off' })
    try {
      const owner = await off.person()
      await off.client().signIn(owner.email, PASSWORD)
      const token = await off.mailbox.tokenFor(owner.email, /\/not-me/)
      const client = off.client()
      const opened = await client.get(`/not-me?token=${token}`)
      const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(opened.text)?.[1] ?? ''
      const done = await client.post('/not-me', { csrf_token, token }, { form: true })
      const reset = /href="\/reset-password\?token=([^"]+)"/.exec(done.text)?.[1] ?? ''
      const password = 'another of several words'
      expect(
        (await off.client().post('/api/v1/auth/password/reset', { token: reset, password })).status,
      ).toBe(200)
      expect(await off.events(owner.id)).not.toContain('auth.email.verified')
    } finally {
      await off.stop()
    }
  })

  it('is not revoked by a change of the password, which the intruder can make', async () => {
    const { intruder, token } = await intruded()
    const changed = await intruder.post('/api/v1/users/me/password', {
      current_password: PASSWORD,
      new_password: 'chosen by an intruder',
    })
    expect(changed.status, changed.text).toBe(200)
    expect((await world.client().get(`/not-me?token=${token}`)).status).toBe(200)
  })

  it('works for a week, also after later sign-ins from other devices', async () => {
    const { owner, token } = await intruded()
    await world.client().signIn(owner.email, PASSWORD)
    await world.clock.advance('6 days')
    expect((await world.client().get(`/not-me?token=${token}`)).status).toBe(200)
    await world.clock.advance('2 days')
    const expired = await world.client().get(`/not-me?token=${token}`)
    expect([expired.status, expired.text.includes('This link has expired')]).toEqual([401, true])
  })
})
