/** Remembered devices: browsers that are accepted as the second factor of their user. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

const API = '/api/v1'
const NEXT = 'another one of several words'
const HTML = { headers: { accept: 'text/html' } }

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

type App = Awaited<ReturnType<typeof enrolAuthenticator>>
type Owner = Person & { app: App; browser: Client }

const login = (browser: Client, { email }: Pick<Person, 'email'>, password = PASSWORD): Promise<Reply> =>
  browser.post(`${API}/auth/login`, { email, password })

/** Signs in with both factors. */
async function signIn(browser: Client, person: Person, app: App, remember = true): Promise<Reply> {
  const asked = await login(browser, person)
  const { attempt } = asked.body.error.details
  const body = { attempt, method: 'totp', code: await app.next(), remember_device: remember }
  const answer = await browser.post(`${API}/auth/mfa/verify`, body)
  browser.csrfToken = answer.data?.session.csrf_token ?? null
  return answer
}

/** A browser without its session, and with what it keeps. */
function signedOut(browser: Client, at = world): Client {
  const again = at.client()
  for (const [name, value] of browser.cookies) if (name.includes('device')) again.cookies.set(name, value)
  return again
}

/** A user with an authenticator app, who has remembered a browser. */
async function remembered(): Promise<Owner> {
  const person = await world.person()
  const app = await enrolAuthenticator(world, person.client)
  const browser = world.client({ headers: { 'user-agent': FIREFOX } })
  expect((await signIn(browser, person, app)).status).toBe(200)
  return { ...person, app, browser }
}
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'

/** The answer to the password, in the browser that was remembered. */
async function answerOf(owner: Owner, password = PASSWORD): Promise<string | number> {
  const { code, status } = await login(signedOut(owner.browser), owner, password)
  return code ?? status
}
const list = async (client: Client) => (await client.get(`${API}/auth/devices`)).data
const lastSignIn = (userId: string) =>
  world.db.tx('system', (tx) =>
    tx
      .selectFrom('audit_events')
      .select('details')
      .where('user_id', '=', userId)
      .where('event_type', '=', 'auth.login.success')
      .orderBy('id', 'desc')
      .executeTakeFirstOrThrow(),
  )

describe('a remembered browser', () => {
  it('signs in its user by the password alone, at the level of one factor', async () => {
    const owner = await remembered()
    expect(await world.events(owner.id)).toContain('auth.device.remembered')
    const browser = signedOut(owner.browser)
    expect((await login(browser, owner)).status).toBe(200)
    const { details } = await lastSignIn(owner.id)
    expect(details).toMatchObject({
      methods: ['password', 'remembered_device'],
      mfa_used: false,
      remembered_device: true,
      new_device: false,
    })
    expect((await browser.get(`${API}/auth/mfa`)).data.acr).toBe('aal1')
    const levels = (await browser.get(`${API}/auth/sessions`)).data.map(
      ({ acr, methods }: { acr: string; methods: string[] }) => [acr, ...methods],
    )
    expect(levels).toEqual(
      expect.arrayContaining([
        ['aal1', 'password', 'remembered_device'],
        ['aal2', 'password', 'totp'],
      ]),
    )
    expect((await browser.get(`${API}/auth/validate`)).data).toMatchObject({ acr: 'aal1', amr: ['pwd'] })
  })

  it('does not replace the second factor where both have to be proven', async () => {
    const owner = await remembered()
    const browser = signedOut(owner.browser)
    browser.csrfToken = (await login(browser, owner)).data.session.csrf_token
    const refused = await browser.post(`${API}/auth/mfa/disable`)
    expect([refused.status, refused.code]).toEqual([401, 'STEP_UP_REQUIRED'])
  })

  it('is not one whose user did not choose it', async () => {
    const owner = await remembered()
    const browser = world.client()
    expect((await signIn(browser, owner, owner.app, false)).status).toBe(200)
    expect(await answerOf({ ...owner, browser })).toBe('MFA_REQUIRED')
    expect((await lastSignIn(owner.id)).details).not.toHaveProperty('remembered_device')
  })

  it('is of no use with a wrong password, nor to a browser without its cookie', async () => {
    const owner = await remembered()
    expect(await answerOf(owner, NEXT)).toBe('AUTHENTICATION_FAILED')
    expect((await login(world.client(), owner)).code).toBe('MFA_REQUIRED')
  })

  it("does not replace another user's second factor, whose password was stolen", async () => {
    const [owner, other] = [await remembered(), await remembered()]
    const answer = await login(signedOut(owner.browser), other)
    expect(answer.code).toBe('MFA_REQUIRED')
  })

  it('is refused with a cookie that was changed', async () => {
    const owner = await remembered()
    const other = await remembered()
    const cookieOf = ({ browser }: Owner) =>
      [...browser.cookies].find(([name]) => name.includes('device')) ?? ['', '']
    const [name, value] = cookieOf(owner)
    const [id = '', secret = ''] = value.split('.')
    const [otherId = '', otherSecret = ''] = cookieOf(other)[1].split('.')
    for (const forged of [
      `${id}.${otherSecret}`,
      `${otherId}.${secret}`,
      `${id}.${secret.slice(0, -1)}${secret.endsWith('A') ? 'B' : 'A'}`,
      `${id}.`,
      id,
      `${value}.x`.slice(1),
    ]) {
      const browser = world.client()
      browser.cookies.set(name, forged)
      expect((await login(browser, owner)).code).toBe('MFA_REQUIRED')
    }
    expect(await answerOf(owner)).toBe(200)
  })

  it('is remembered for thirty days from when it was chosen, however often it signs in', async () => {
    const owner = await remembered()
    await world.clock.advance('29 days')
    expect(await answerOf(owner)).toBe(200)
    await world.clock.advance('1 day')
    expect(await answerOf(owner)).toBe('MFA_REQUIRED')
    const browser = signedOut(owner.browser)
    await signIn(browser, owner, owner.app)
    expect(await answerOf({ ...owner, browser })).toBe(200)
  })

  it('of two users who share it is that of the one who chose it last', async () => {
    const owner = await remembered()
    const second = await world.person()
    const app = await enrolAuthenticator(world, second.client)
    const shared = signedOut(owner.browser)
    expect((await signIn(shared, second, app)).status).toBe(200)
    expect(await answerOf({ ...second, app, browser: shared })).toBe(200)
    expect((await login(signedOut(shared), owner)).code).toBe('MFA_REQUIRED')
  })

  it('stays, as a browser that is known does, however often a script signs in without keeping a cookie', async () => {
    const owner = await remembered()
    const known = signedOut(owner.browser)
    known.cookies.clear()
    expect((await signIn(known, owner, owner.app, false)).status).toBe(200)
    await world.clock.advance('1 minute')
    expect((await signIn(signedOut(known), owner, owner.app, false)).status).toBe(200)
    for (let n = 0; n < 22; n++) {
      await world.clock.advance('1 minute')
      expect((await signIn(world.client(), owner, owner.app, false)).status).toBe(200)
    }
    expect(await answerOf(owner)).toBe(200)
    await signIn(signedOut(known), owner, owner.app, false)
    expect((await lastSignIn(owner.id)).details).toMatchObject({ new_device: false })
    const { count } = await world.db.hot
      .selectFrom('devices')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('user_id', '=', owner.id)
      .executeTakeFirstOrThrow()
    expect(Number(count)).toBe(20)
  })

  it('is not chosen in a step-up', async () => {
    const { client, ...person } = await world.person()
    const app = await enrolAuthenticator(world, client)
    await world.clock.advance('11 minutes')
    const { data } = await client.post(`${API}/auth/step-up`, {})
    const body = { attempt: data.attempt, method: 'totp', code: await app.next(), remember_device: true }
    expect((await client.post(`${API}/auth/mfa/verify`, body)).status).toBe(200)
    expect((await login(signedOut(client), person)).code).toBe('MFA_REQUIRED')
  })
})

describe('what ends it', () => {
  it.each<[string, (owner: Owner) => Promise<string | undefined>]>([
    [
      'a change of the password',
      async ({ client, app, ...owner }) => {
        const browser = world.client()
        await signIn(browser, { client, ...owner }, app, false)
        const body = { current_password: PASSWORD, new_password: NEXT }
        expect((await browser.post(`${API}/users/me/password`, body)).status).toBe(200)
        return NEXT
      },
    ],
    [
      'a reset of the password, also in the same browser',
      async ({ browser, email }) => {
        await world.client().post(`${API}/auth/password/forgot`, { email })
        const token = await world.mailbox.tokenFor(email, /reset-password/)
        const same = signedOut(browser)
        expect((await same.post(`${API}/auth/password/reset`, { token, password: NEXT })).status).toBe(200)
        return NEXT
      },
    ],
    [
      'the link of an e-mail that says “This was not me”',
      async ({ email }) => {
        const token = await world.mailbox.tokenFor(email, /\/not-me/)
        const other = world.client()
        const { text } = await other.get(`/not-me?token=${token}`, HTML)
        const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(text)?.[1] ?? ''
        const sent = await other.post('/not-me', { csrf_token, token }, { form: true, ...HTML })
        const reset = /href="\/reset-password\?token=([^"]+)"/.exec(sent.text)?.[1] ?? ''
        const body = { token: reset, password: NEXT }
        expect((await other.post(`${API}/auth/password/reset`, body)).status).toBe(200)
        return NEXT
      },
    ],
    [
      'its owner, who forgets it',
      async ({ browser }) => {
        const [device] = await list(browser)
        expect((await browser.get(`${API}/auth/mfa`)).data.devices).toEqual([device])
        expect((await browser.delete(`${API}/auth/devices/${device.id}`)).status).toBe(200)
        return undefined
      },
    ],
    [
      'its owner, who forgets all',
      async ({ browser }) => {
        const answer = await browser.delete(`${API}/auth/devices`)
        expect([answer.status, answer.data]).toEqual([200, { forgotten: 1 }])
        return undefined
      },
    ],
  ])('%s', async (_what, end) => {
    const owner = await remembered()
    const password = await end(owner)
    expect(await answerOf(owner, password)).toBe('MFA_REQUIRED')
  })

  it('the removal of a second factor, also of another one', async () => {
    const owner = await remembered()
    const { factorId } = await enrolAuthenticator(world, owner.browser)
    expect(await answerOf(owner)).toBe(200)
    await owner.browser.post(`${API}/auth/mfa/disable`, { factor_id: factorId })
    expect(await answerOf(owner)).toBe('MFA_REQUIRED')
  })

  it('a reset of the second factors by an administrator, also after they are set up again', async () => {
    const owner = await remembered()
    const administrator = await world.person({ roles: ['super_admin'] })
    const reset = await administrator.client.post(`${API}/users/${owner.id}/mfa/reset`)
    expect(reset.status).toBe(200)
    const again = world.client()
    await again.signIn(owner.email, PASSWORD)
    await enrolAuthenticator(world, again)
    expect(await answerOf(owner)).toBe('MFA_REQUIRED')
  })

  it('a policy that does not accept it, as long as it is in force', async () => {
    const owner = await remembered()
    const founder = await world.person()
    await enrolAuthenticator(world, founder.client)
    const id = await world.organization({
      members: [
        [founder, 'owner'],
        [owner, 'member'],
      ],
    })
    const policy = async (mode: string, allowed_methods: string[]) => {
      const body = { mode, allowed_methods, grace_days: 0 }
      const { status } = await founder.client.put(`${API}/organizations/${id}/security-policy`, body)
      expect(status).toBe(200)
    }
    await policy('require_any', ['totp', 'passkey', 'remembered_device'])
    expect(await answerOf(owner)).toBe(200)
    await policy('require_any', ['totp', 'passkey'])
    expect(await answerOf(owner)).toBe('MFA_REQUIRED')
    await policy('disabled', ['totp', 'passkey'])
    expect(await answerOf(owner)).toBe(200)
  })

  it('a sign-in that is under way meanwhile does not use it', async () => {
    const owner = await remembered()
    const forget = () => owner.browser.delete(`${API}/auth/devices`)
    const sign = () => login(signedOut(owner.browser), owner)
    const answers = await Promise.all([sign(), forget(), sign(), forget(), sign()])
    expect(answers.every(({ status, code }) => status === 200 || code === 'MFA_REQUIRED')).toBe(true)
    expect((await world.events(owner.id)).filter((type) => type === 'auth.device.forgotten')).toHaveLength(1)
    expect(await answerOf(owner)).toBe('MFA_REQUIRED')
  })
})

describe('the list', () => {
  it("has the caller's remembered browsers, by their names", async () => {
    const owner = await remembered()
    const other = await remembered()
    const [device, ...more] = await list(owner.browser)
    expect(more).toEqual([])
    expect(device).toMatchObject({
      current: true,
      device: { browser: 'Firefox', system: 'Linux' },
      user_agent: FIREFOX,
      ip_address: '127.0.0.1',
    })
    expect(Date.parse(device.trusted_until) - world.clock.now().getTime()).toBeLessThanOrEqual(
      30 * 86_400_000,
    )
    const [foreign] = await list(other.browser)
    for (const id of [foreign.id, 'dev_01a2169b0e86733db9bb48c43c551fae']) {
      const answer = await owner.browser.delete(`${API}/auth/devices/${id}`)
      expect([answer.status, answer.body.error?.details]).toEqual([404, { resource: 'device' }])
    }
    expect(await answerOf(other)).toBe(200)
    await world.clock.advance('31 days')
    const later = signedOut(owner.browser)
    await signIn(later, owner, owner.app, false)
    expect(await list(later)).toEqual([])
  })

  it('is a row of the security page, whose forms work without a script', async () => {
    const owner = await remembered()
    const shown = await owner.browser.get('/account/security?open=devices', HTML)
    expect(shown.text).toContain('Firefox on Linux')
    const action = /action="(\/account\/security\/devices\/dev_\w+\/forget)"/.exec(shown.text)?.[1] ?? ''
    const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(shown.text)?.[1] ?? ''
    for (let i = 0; i < 2; i++) {
      const sent = await owner.browser.post(action, { csrf_token }, { form: true, ...HTML })
      expect([sent.status, sent.headers.get('location')]).toEqual([
        303,
        '/account/security?open=devices&notice=forgotten',
      ])
    }
    expect(await answerOf(owner)).toBe('MFA_REQUIRED')
  })
})

describe('the form of the second factor', () => {
  const signInForm = async (browser: Client, { email }: Person) => {
    const { text } = await browser.get('/sign-in', HTML)
    const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(text)?.[1] ?? ''
    await browser.post('/sign-in', { csrf_token, identifier: email, password: PASSWORD }, { form: true })
    return (await browser.get('/second-factor', HTML)).text
  }
  const hidden = (text: string, name: string) =>
    new RegExp(`name="${name}" value="([^"]+)"`).exec(text)?.[1] ?? ''

  it('has a box that remembers the browser', async () => {
    const person = await world.person()
    const app = await enrolAuthenticator(world, person.client)
    const browser = world.client()
    const text = await signInForm(browser, person)
    expect(text).toContain('Do not ask again on this device for 30 days')
    const fields = {
      csrf_token: hidden(text, 'csrf_token'),
      attempt: hidden(text, 'attempt'),
      method: 'totp',
      remember_device: 'true',
    }
    const wrong = await browser.post('/second-factor', { ...fields, code: '000000' }, { form: true, ...HTML })
    expect(wrong.text).toMatch(/name="remember_device"[^>]*checked/)
    const sent = await browser.post('/second-factor', { ...fields, code: await app.next() }, { form: true })
    expect(sent.headers.get('location')).toBe('/account')
    expect((await login(signedOut(browser), person)).status).toBe(200)
  })

  it('has none where a policy does not accept it, nor where the server remembers none', async () => {
    const person = await world.person()
    await enrolAuthenticator(world, person.client)
    await world.db.tx('system', (tx) =>
      tx.updateTable('users').set({ mfa_required: true }).where('id', '=', person.id).execute(),
    )
    expect(await signInForm(world.client(), person)).not.toContain('remember_device')
  })
})

describe('a browser that was remembered by a code by e-mail', () => {
  it('replaces such codes, and no authenticator app that is set up later', async () => {
    const mailing = await startWorld({ mfaMethods: ['totp', 'email_code'] })
    try {
      const person = await mailing.person()
      expect((await person.client.post(`${API}/auth/mfa/email`)).status).toBe(201)
      const browser = mailing.client()
      const { attempt } = (await login(browser, person)).body.error.details
      await browser.post(`${API}/auth/email-code`, { attempt })
      const { text } = await mailing.mailbox.emailTo(person.email, /Your code/)
      const code = /^\d{6}$/m.exec(text)?.[0] ?? ''
      const body = { attempt, method: 'email_code', code, remember_device: true }
      const proven = await browser.post(`${API}/auth/mfa/verify`, body)
      const other = mailing.client()
      other.cookies.set('lk_session', browser.cookies.get('lk_session') ?? '')
      other.csrfToken = proven.data.session.csrf_token
      expect((await login(signedOut(browser, mailing), person)).status).toBe(200)
      await enrolAuthenticator(mailing, other)
      expect((await login(signedOut(browser, mailing), person)).code).toBe('MFA_REQUIRED')
    } finally {
      await mailing.stop()
    }
  })
})

describe('with LATCHKEY_REMEMBERED_DEVICE=0s', () => {
  it('no browser is remembered, nor offered to be', async () => {
    const off = await startWorld({ rememberedDevice: 0 })
    try {
      const person = await off.person()
      const app = await enrolAuthenticator(off, person.client)
      const browser = off.client()
      const { attempt } = (await login(browser, person)).body.error.details
      const page = await person.client.get('/account/security', HTML)
      expect(page.text).not.toContain('id="devices"')
      const body = { attempt, method: 'totp', code: await app.next(), remember_device: true }
      const answer = await browser.post(`${API}/auth/mfa/verify`, body)
      expect(answer.status).toBe(200)
      expect(await list(browser)).toEqual([])
      expect(await off.events(person.id)).not.toContain('auth.device.remembered')
      expect((await login(signedOut(browser, off), person)).code).toBe('MFA_REQUIRED')
    } finally {
      await off.stop()
    }
  })
})
