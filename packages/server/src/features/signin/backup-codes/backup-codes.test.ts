/** Backup codes through the JSON API and the pages: made, used once, counted, replaced. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

const API = '/api/v1'

let world: World
let digits: World
beforeAll(async () => {
  world = await startWorld()
  digits = await startWorld({ backupCodes: 'digits' })
})
afterAll(() => Promise.all([world.stop(), digits.stop()]))

const show = async (client: Client) => (await client.get(`${API}/auth/mfa`)).data
const attemptOf = async (person: Person, of = world): Promise<string> => {
  const reply = await of.client().post(`${API}/auth/login`, { username: person.email, password: PASSWORD })
  expect(reply.code, reply.text).toBe('MFA_REQUIRED')
  return reply.body.error.details.attempt
}
const verify = (attempt: string, code: string, of = world): Promise<Reply> =>
  of.client().post(`${API}/auth/mfa/verify`, { attempt, method: 'backup_code', code })
const use = async (person: Person, code: string, of = world): Promise<Reply> =>
  verify(await attemptOf(person, of), code, of)
const create = (client: Client): Promise<Reply> => client.post(`${API}/auth/mfa/backup-codes`)

async function enrolled(of = world) {
  const person = await of.person()
  return { person, app: await enrolAuthenticator(of, person.client) }
}

describe('backup codes', () => {
  it('each sign in once, and are counted down', async () => {
    const { person, app } = await enrolled()
    const [first = '', second = ''] = app.backupCodes
    expect((await use(person, first)).status).toBe(200)
    const again = await use(person, first)
    expect([again.status, again.code]).toEqual([401, 'AUTHENTICATION_FAILED'])
    expect((await use(person, second)).status).toBe(200)
    expect((await show(person.client)).backup_codes_remaining).toBe(8)
    const events = await world.events(person.id)
    expect(events.filter((type) => type === 'auth.mfa.backup_code_used')).toHaveLength(2)
  })

  it('are taken in small letters, with spaces or without hyphens', async () => {
    const { person, app } = await enrolled()
    const forms = [
      (code: string) => code.toLowerCase(),
      (code: string) => code.replaceAll('-', ' '),
      (code: string) => ` ${code.replaceAll('-', '')}\t`,
    ]
    for (const [n, form] of forms.entries()) {
      const reply = await use(person, form(app.backupCodes[n] ?? ''))
      expect([n, reply.status]).toEqual([n, 200])
    }
  })

  it('of eight digits are a setting', async () => {
    const { person, app } = await enrolled(digits)
    expect(app.backupCodes).toHaveLength(10)
    for (const code of app.backupCodes) expect(code).toMatch(/^\d{8}$/)
    const [first = ''] = app.backupCodes
    expect((await use(person, `${first.slice(0, 4)} ${first.slice(4)}`, digits)).status).toBe(200)
  })

  it('are used by one of a hundred who send the same one', async () => {
    const { person, app } = await enrolled()
    const attempts = await Promise.all(Array.from({ length: 4 }, () => attemptOf(person)))
    const [code = ''] = app.backupCodes
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, n) => verify(attempts[n % attempts.length] ?? '', code)),
    )
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(replies.every(({ status }) => [200, 401, 404, 409, 423].includes(status))).toBe(true)
    expect((await show(person.client)).backup_codes_remaining).toBe(9)
  })

  it('of another user are wrong', async () => {
    const [one, other] = [await enrolled(), await enrolled()]
    expect((await use(one.person, other.app.backupCodes[0] ?? '')).status).toBe(401)
    expect((await show(other.person.client)).backup_codes_remaining).toBe(10)
  })

  it('are counted together with wrong codes of the app, up to the lock-out', async () => {
    const { person } = await enrolled()
    const attempt = await attemptOf(person)
    const client = world.client()
    const statuses: number[] = []
    for (let n = 0; n < 6; n++) {
      const method = n % 2 === 0 ? 'backup_code' : 'totp'
      const code = n % 2 === 0 ? 'ABCD-EFGH-IJKL-2345' : '000000'
      statuses.push((await client.post(`${API}/auth/mfa/verify`, { attempt, method, code })).status)
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 423])
  })

  it('send an e-mail as they are used, with how many are left', async () => {
    const { person, app } = await enrolled()
    const used = async () =>
      (await world.mailbox.emailsTo(person.email)).filter(({ subject }) => /backup code/.test(subject))
    await use(person, app.backupCodes[0] ?? '')
    expect((await used())[0]?.text).toContain('9 codes are left.')
    for (const code of app.backupCodes.slice(1, 8)) await use(person, code)
    const few = (await used())[0]
    expect(few?.text).toContain('2 codes are left.')
    expect(few?.text).toContain('Create new codes before you need one')
    await use(person, app.backupCodes[8] ?? '')
    expect((await used())[0]?.text).toContain('1 code is left.')
  })

  it('are no longer offered once the last one is used', async () => {
    const { person, app } = await enrolled()
    for (const code of app.backupCodes) expect((await use(person, code)).status).toBe(200)
    const view = await show(person.client)
    expect([view.backup_codes_remaining, view.methods.length]).toEqual([0, 1])
    const { body } = await world
      .client()
      .post(`${API}/auth/login`, { username: person.email, password: PASSWORD })
    expect(body.error.details.methods).toEqual(['totp'])
  })
})

describe('new backup codes', () => {
  it('replace those before, with an e-mail', async () => {
    const { person, app } = await enrolled()
    const { status, data } = await create(person.client)
    expect([status, data.backup_codes.length]).toEqual([200, 10])
    expect((await use(person, app.backupCodes[0] ?? '')).status).toBe(401)
    expect((await use(person, data.backup_codes[0])).status).toBe(200)
    expect(await world.events(person.id)).toContain('auth.mfa.backup_codes_created')
    const subjects = (await world.mailbox.emailsTo(person.email)).map(({ subject }) => subject)
    expect(subjects).toContain('New backup codes for your account at Latchkey')
  })

  it('that are made with an authenticator app are recorded, and reported where they replace others', async () => {
    const { person, app } = await enrolled()
    const created = async () =>
      (await world.events(person.id)).filter((type) => type === 'auth.mfa.backup_codes_created').length
    const reports = async () =>
      (await world.mailbox.emailsTo(person.email)).filter(({ subject }) => /New backup codes/.test(subject))
        .length
    expect([await created(), await reports()]).toEqual([1, 0])
    const other = await enrolAuthenticator(world, person.client, { backup_codes: true })
    expect([await created(), await reports()]).toEqual([2, 1])
    expect((await use(person, app.backupCodes[0] ?? '')).status).toBe(401)
    expect((await use(person, other.backupCodes[0] ?? '')).status).toBe(200)
    await enrolAuthenticator(world, person.client)
    expect([await created(), await reports()]).toEqual([2, 1])
  })

  it('are one set, however many are made at once', async () => {
    const { person } = await enrolled()
    const replies = await Promise.all(Array.from({ length: 6 }, () => create(person.client)))
    expect(replies.every(({ status }) => status === 200)).toBe(true)
    const firsts: string[] = replies.map(({ data }) => data.backup_codes[0])
    const uses = []
    for (const code of firsts.slice(0, 4)) uses.push((await use(person, code)).status)
    expect(uses.filter((status) => status === 200).length).toBeLessThanOrEqual(1)
    expect((await show(person.client)).backup_codes_remaining).toBeGreaterThanOrEqual(9)
  })

  it('require a factor that they replace', async () => {
    const { client } = await world.person()
    const reply = await create(client)
    expect([reply.status, reply.body.error.details]).toEqual([409, { reason: 'no_factor' }])
  })

  it('require both factors, proven within ten minutes', async () => {
    const { person, app } = await enrolled()
    await world.clock.advance('11 minutes')
    expect((await create(person.client)).code).toBe('STEP_UP_REQUIRED')
    // a session that has proven the password alone, from before the factor
    const client = world.client()
    const login = await client.post(`${API}/auth/login`, { username: person.email, password: PASSWORD })
    const attempt = login.body.error.details.attempt
    const done = await client.post(`${API}/auth/mfa/verify`, {
      attempt,
      method: 'totp',
      code: await app.next(),
    })
    client.csrfToken = done.data.session.csrf_token
    expect((await create(client)).status).toBe(200)
  })

  it('are in no answer but the one that makes them', async () => {
    const { person, app } = await enrolled()
    const texts = []
    for (const path of ['/api/v1/auth/mfa', '/account/security/backup-codes', '/account/security/totp'])
      texts.push((await person.client.get(path)).text)
    for (const secret of [app.secret, ...app.backupCodes]) expect(texts.join()).not.toContain(secret)
  })
})

describe('the page of backup codes', () => {
  const csrfOf = (text: string) => /name="csrf_token" value="([^"]+)"/.exec(text)?.[1] ?? ''

  it('shows how many are left, and makes new ones', async () => {
    const { person } = await enrolled()
    const page = await person.client.get('/account/security/backup-codes')
    expect(page.text).toContain('10 codes are left.')
    person.client.csrfToken = null
    const made = await person.client.post(
      '/account/security/backup-codes',
      { csrf_token: csrfOf(page.text) },
      { form: true },
    )
    expect(made.status).toBe(200)
    const codes = [...made.text.matchAll(/<code>([A-Z2-7-]{19})<\/code>/g)].map(([, code]) => code)
    expect(codes).toHaveLength(10)
    expect((await use(person, codes[3] ?? '')).status).toBe(200)
  })

  it('leads to what codes would replace, and back to the security page', async () => {
    const { client } = await world.person()
    const { text } = await client.get('/account/security/backup-codes')
    for (const path of ['/account/security/totp', '/account/security/passkeys/new', '/account/security'])
      expect(text).toContain(`href="${path}"`)
    expect((await client.get('/account/security/totp')).text).toContain('Back to security')
  })

  it('says that there is nothing to replace without a factor', async () => {
    const { client } = await world.person()
    const page = await client.get('/account/security/backup-codes')
    expect(page.text).toContain('Set up an authenticator app or a passkey first')
    expect(page.text).not.toContain('action="/account/security/backup-codes"')
  })
})
