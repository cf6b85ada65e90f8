/** Rules that have changed since a password was accepted: judged at the next sign-in, where the password is typed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type App, createApp } from '../../../app.ts'
import type { Config } from '../../../config.ts'
import { Client } from '../../../testing/client.ts'
import { quietLog } from '../../../testing/database.ts'
import { freePort, PASSWORD, startWorld, type World } from '../../../testing/world.ts'

const DIGITS = 'correct horse battery 1842'
const NEXT = 'brass gears turn 7391'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

/** A second server on the same database, after the operator changed the settings. */
async function withSettings<T>(
  settings: Partial<Config>,
  work: (url: string, app: App) => Promise<T>,
): Promise<T> {
  const port = await freePort()
  const config = { ...world.config, ...settings, port, publicUrl: `http://localhost:${port}` }
  const app = await createApp({ config, log: quietLog, database: { ...world.db, close: async () => {} } })
  const { url } = await app.start()
  app.tools.clock.set(world.clock.now())
  try {
    return await work(url, app)
  } finally {
    await app.stop()
  }
}
const signIn = (url: string, email: string, password: string, headers: Record<string, string> = {}) =>
  new Client(url, { headers }).post('/api/v1/auth/login', { email, password })
const rulesOf = (userId: string) =>
  world.db.tx('system', async (tx) => {
    const { profile } = await tx
      .selectFrom('passwords')
      .select('profile')
      .where('user_id', '=', userId)
      .executeTakeFirstOrThrow()
    return profile
  })

describe('a password that does not meet changed rules', () => {
  it('stops the next sign-in at the step of replacing it; the new one completes it', async () => {
    const { email, client } = await world.person()
    await withSettings({ passwordProfile: 'pci' }, async (url) => {
      // a session that is under way continues: the password is not at hand
      expect((await client.get('/api/v1/auth/me')).status).toBe(200)
      const stopped = await signIn(url, email, PASSWORD)
      expect([stopped.status, stopped.code]).toEqual([403, 'PASSWORD_EXPIRED'])
      const { attempt, reason } = stopped.body.error.details
      expect(reason).toBe('policy')
      const replace = (password: string) =>
        new Client(url).post(`/api/v1/auth/attempts/${attempt}/password`, { password })
      expect((await replace('brass gears turn')).body.error.details).toEqual([
        expect.objectContaining({ field: 'password', code: 'needs_digit' }),
      ])
      expect((await replace(NEXT)).status).toBe(200)
      expect((await signIn(url, email, NEXT)).status).toBe(200)
    })
    // back to the former rules, which it was not accepted under and meets
    expect((await signIn(world.url, email, NEXT)).status).toBe(200)
  })

  it.each([
    ['en', 'Choose a new password', 'The rules for passwords have changed'],
    ['de', 'Wählen Sie ein neues Passwort', 'Die Regeln für Passwörter haben sich geändert'],
  ])('is replaced on the page, which names the reason, in %s', async (locale, title, lead) => {
    const { email } = await world.person({ signIn: false })
    await withSettings({ passwordProfile: 'pci' }, async (url) => {
      const browser = new Client(url, { headers: { accept: 'text/html', 'accept-language': locale } })
      const hidden = (text: string) =>
        Object.fromEntries(
          [...text.matchAll(/type="hidden" name="([^"]+)" value="([^"]+)"/g)].map(
            ([, name = '', value = '']) => [name, value],
          ),
        )
      const form = { identifier: email, password: PASSWORD, ...hidden((await browser.get('/sign-in')).text) }
      const sent = await browser.post('/sign-in', form, { form: true })
      expect(sent.headers.get('location')).toBe('/sign-in/new-password')
      const page = await browser.get('/sign-in/new-password')
      expect(page.text).toContain(`<h1>${title}</h1>`)
      expect(page.text).toContain(lead)
      const fields = { ...hidden(page.text), password: NEXT, password_confirm: NEXT }
      expect((await browser.post('/sign-in/new-password', fields, { form: true })).status).toBe(303)
      expect((await browser.get('/account')).status).toBe(200)
    })
  })

  it('stops it at every face of the sign-in', async () => {
    const { email } = await world.person({ signIn: false })
    const basic = `Basic ${Buffer.from(`${email}:${PASSWORD}`).toString('base64')}`
    await withSettings({ passwordProfile: 'pci', compat: ['tokens-by-password'] }, async (url) => {
      const validate = await new Client(url, { headers: { authorization: basic } }).get(
        '/api/v1/auth/validate',
      )
      expect([validate.status, validate.code]).toEqual([403, 'PASSWORD_EXPIRED'])
      expect(validate.body.error.details).toEqual({ reason: 'policy' })
      const login = await new Client(url, { headers: { authorization: basic } }).post(
        '/api/v1/auth/login',
        {},
      )
      expect([login.status, login.code]).toEqual([403, 'PASSWORD_EXPIRED'])
      const token = { username: email, password: PASSWORD }
      expect((await new Client(url).post('/api/users/create_token', token)).status).toBe(403)
    })
  })

  it('is replaced once, of twenty who try at once', async () => {
    const { email } = await world.person({ signIn: false })
    await withSettings({ passwordProfile: 'pci' }, async (url) => {
      const { attempt } = (await signIn(url, email, PASSWORD)).body.error.details
      const replies = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          new Client(url).post(`/api/v1/auth/attempts/${attempt}/password`, { password: `${NEXT} ${n}` }),
        ),
      )
      expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
      for (const { status } of replies) expect([200, 404, 409]).toContain(status)
    })
  })
})

describe('a password that is left alone', () => {
  it('meets the changed rules', async () => {
    const { email, id } = await world.person({ password: DIGITS, signIn: false })
    const before = await rulesOf(id)
    await withSettings({ passwordProfile: 'pci' }, async (url) => {
      expect((await signIn(url, email, DIGITS)).status).toBe(200)
    })
    expect(await rulesOf(id)).toBe(before)
  })

  it('was accepted under the rules in force, as they cannot be judged: common, contextual, breached', async () => {
    // a member since then: the organization’s name was no word of the context when the password was chosen
    const person = await world.person({ password: 'analytical engines' })
    await world.organization({ members: [[person, 'owner']] })
    expect((await signIn(world.url, person.email, 'analytical engines')).status).toBe(200)
  })

  it('came from elsewhere, and is judged only after a change since its first sign-in', async () => {
    const [person] = await world.people([{ password: 'weak', signIn: false }])
    if (!person) throw new Error('no user')
    expect(await rulesOf(person.id)).toBeNull()
    const all = await Promise.all(Array.from({ length: 10 }, () => signIn(world.url, person.email, 'weak')))
    expect(all.map(({ status }) => status)).toEqual(Array(10).fill(200))
    expect(await rulesOf(person.id)).toMatch(/^15 - [0-9a-f]{12}$/)
    await withSettings({ passwordProfile: 'pci' }, async (url) => {
      expect((await signIn(url, person.email, 'weak')).code).toBe('PASSWORD_EXPIRED')
    })
    expect((await signIn(world.url, person.email, 'weak')).status).toBe(200)
  })

  it('is not judged where it is wrong', async () => {
    const { email } = await world.person({ signIn: false })
    await withSettings({ passwordProfile: 'pci' }, async (url) => {
      expect((await signIn(url, email, 'short')).code).toBe('AUTHENTICATION_FAILED')
    })
  })
})
