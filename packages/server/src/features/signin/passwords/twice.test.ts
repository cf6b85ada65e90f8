/** A new password in a form or request: every fault in one answer, and the same request a second time. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PASSWORD, startWorld, type World } from '../../../testing/world.ts'

const NEXT = 'a passphrase for tomorrow'
let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const codesOf = (details: { field: string; code: string }[]) =>
  details.map(({ field, code }) => `${field} ${code}`)

async function resetLink() {
  const person = await world.person({ signIn: false })
  await world.client().post('/api/v1/auth/password/forgot', { email: person.email })
  return { ...person, token: await world.mailbox.tokenFor(person.email, /reset-password/) }
}
const reset = (token: string, password: string, password_confirm = password) =>
  world.client().post('/api/v1/auth/password/reset', { token, password, password_confirm })

describe('the faults of a new password', () => {
  it('and of its repetition are in one answer, at a reset and at a change', async () => {
    const { token } = await resetLink()
    const refused = await reset(token, 'otter-9', 'other')
    expect([refused.status, codesOf(refused.body.error.details)]).toEqual([
      400,
      ['password too_short', 'password_confirm mismatch'],
    ])
    const person = await world.person()
    const change = { current_password: PASSWORD, new_password: 'otter-9', new_password_confirm: 'other' }
    const changed = await person.client.post('/api/v1/users/me/password', change)
    expect(codesOf(changed.body.error.details)).toEqual([
      'new_password too_short',
      'new_password_confirm mismatch',
    ])
  })

  it('are all on the page of an expired password', async () => {
    const classic = await startWorld({ passwordProfile: 'classic' })
    try {
      const { email } = await classic.person({ password: 'Tr0ub4d!or-1', signIn: false })
      await classic.clock.advance('91 days')
      const browser = classic.client({ headers: { accept: 'text/html' } })
      const hidden = (text: string, name: string) =>
        new RegExp(`name="${name}" value="([^"]+)"`).exec(text)?.[1] ?? ''
      const form = (await browser.get('/sign-in')).text
      const fields = { identifier: email, password: 'Tr0ub4d!or-1', csrf_token: hidden(form, 'csrf_token') }
      expect((await browser.post('/sign-in', fields, { form: true })).headers.get('location')).toBe(
        '/sign-in/new-password',
      )
      const { text } = await browser.get('/sign-in/new-password')
      const page = await browser.post(
        '/sign-in/new-password',
        {
          csrf_token: hidden(text, 'csrf_token'),
          attempt: hidden(text, 'attempt'),
          password: 'short',
          password_confirm: 'other',
        },
        { form: true },
      )
      expect(page.status).toBe(400)
      for (const sentence of [
        'Use at least 8 characters.',
        'Add a capital letter.',
        'The two entries are not the same.',
      ])
        expect(page.text).toContain(sentence)
    } finally {
      await classic.stop()
    }
  })
})

describe('a reset that is requested twice', () => {
  it('is answered twice alike, and done once', async () => {
    const { id, token } = await resetLink()
    const [first, second] = [await reset(token, NEXT), await reset(token, NEXT)]
    expect([second.status, second.body.message, second.data]).toEqual([200, first.body.message, first.data])
    expect((await world.events(id)).filter((type) => type === 'auth.password.reset')).toHaveLength(1)
  })

  it('with another password is refused, and counts as a guess', async () => {
    const { id, token } = await resetLink()
    await reset(token, NEXT)
    const other = await reset(token, `${NEXT} or the day after`)
    expect([other.status, other.code]).toEqual([401, 'INVALID_TOKEN'])
    expect(await world.events(id)).toContain('auth.login.failure')
  })
})
