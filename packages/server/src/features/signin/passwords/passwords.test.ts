import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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
        '/account/security/password',
        [],
      ])
    }
    expect((await person.client.get('/account/security/password')).status).toBe(200)
    const stranger = await world.client().get('/account/security/password')
    expect(stranger.headers.get('location')).toBe('/sign-in?return_to=%2Faccount%2Fsecurity%2Fpassword')
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
    const other = `${NEW}, or another`
    expect([(await reset(used, other)).status, (await reset(used, other)).code]).toEqual([
      401,
      'INVALID_TOKEN',
    ])
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

describe('the names of organizations', () => {
  const refused = [expect.objectContaining({ code: 'context' })]

  it('are no passwords of their members, at a change, a reset and by the operator', async () => {
    const [member, other] = await world.people(2)
    if (!member || !other) throw new Error('no users')
    await world.organization({ name: 'Brass & Gears Limited', members: [[member, 'owner']] })
    for (const word of ['brassgearslimited', 'brass-gears-limited-1', 'Brass & Gears Limited']) {
      expect((await change(member, PASSWORD, word)).body.error?.details, word).toEqual(refused)
      await expect(setPasswordByOperator(world.app.tools, member.email, word)).rejects.toMatchObject({
        details: refused,
      })
    }
    await world.client().post('/api/v1/auth/password/forgot', { email: member.email })
    const token = await world.mailbox.tokenFor(member.email, /reset-password/)
    const reset = { token, password: 'brassgearslimited' }
    const reply = await world.client().post('/api/v1/auth/password/reset', reset)
    expect(reply.body.error?.details).toEqual(refused)
    // of another user, and within a longer phrase
    expect((await change(other, PASSWORD, 'brassgearslimited')).status).toBe(200)
    expect((await change(member, PASSWORD, 'brass and gears turn the wheel')).status).toBe(200)
  })

  it('are no passwords of who founds one while signing up', async () => {
    const sign = (password: string) =>
      world.client().post('/api/v1/auth/register', {
        email: 'founder@example.com',
        organization_name: 'Difference Machines',
        password,
      })
    expect((await sign('DifferenceMachines1')).body.error?.details).toEqual(refused)
    expect((await sign('a difference that counts')).status).toBe(201)
  })
})

describe('the profile pci', () => {
  let pci: World
  beforeAll(async () => {
    pci = await startWorld({ passwordProfile: 'pci' })
  })
  afterAll(() => pci.stop())

  it.each([
    ['en', ['at least 12 characters', 'a letter', 'a digit']],
    ['de', ['mindestens 12 Zeichen', 'einen Buchstaben', 'eine Ziffer']],
  ])('states its rules on the page, in %s', async (locale, rules) => {
    const browser = pci.client({ headers: { accept: 'text/html', 'accept-language': locale } })
    const { text } = await browser.get('/sign-up')
    for (const rule of rules) expect(text).toContain(`>${rule}</li>`)
  })

  it('refuses the last four, and expires a password after 90 days', async () => {
    const passwords = [1, 2, 3, 4, 5].map((n) => `brass gears ${n}`)
    const [first = '', ...later] = passwords
    const person = await pci.person({ password: first })
    let current = first
    for (const next of later.slice(0, 3)) {
      expect((await change(person, current, next)).status).toBe(200)
      current = next
      await pci.clock.advance('1 minute')
    }
    expect((await change(person, current, first)).body.error?.details).toEqual([
      expect.objectContaining({ code: 'reused', params: { history: 4 } }),
    ])
    expect((await change(person, current, later[3] ?? '')).status).toBe(200)
    expect((await change(person, later[3] ?? '', first)).status).toBe(200)
    await pci.clock.advance('90 days')
    const late = await pci.client().post('/api/v1/auth/login', { email: person.email, password: first })
    expect([late.status, late.code]).toEqual([403, 'PASSWORD_EXPIRED'])
  })
})
