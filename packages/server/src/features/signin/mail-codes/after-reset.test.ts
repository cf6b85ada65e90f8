/** After the password was reset by e-mail, a code by e-mail is no second factor for an hour: the mailbox would be both. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../../../base/call.ts'
import { AFTER_RESET, refusedKinds } from '../../../base/refused-factors.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'
import { getUser } from '../../identity/users/index.ts'
import { resetPasswordByOperator } from '../passwords/reset.ts'

const NEXT = 'another good long password'

let world: World
beforeAll(async () => {
  world = await startWorld({ mfaMethods: ['totp', 'passkey', 'backup_code', 'email_code'] })
})
afterAll(() => world.stop())

async function holder(): Promise<Person> {
  const person = await world.person()
  expect((await person.client.post('/api/v1/auth/mfa/email')).status).toBe(201)
  return person
}
async function reset({ email }: Person): Promise<void> {
  const client = world.client()
  await client.post('/api/v1/auth/password/forgot', { email })
  const token = await world.mailbox.tokenFor(email, /reset-password/)
  expect((await client.post('/api/v1/auth/password/reset', { token, password: NEXT })).status).toBe(200)
}
const login = ({ email }: Person, client: Client, password = NEXT): Promise<Reply> =>
  client.post('/api/v1/auth/login', { email, password })
const detailsOf = ({ body }: Reply) => body.error?.details ?? {}

describe('a code by e-mail after a reset by e-mail', () => {
  it('is neither offered, sent nor accepted within the hour, and is after it', async () => {
    const person = await holder()
    await reset(person)
    const client = world.client()
    const waiting = await login(person, client)
    expect([waiting.code, detailsOf(waiting)]).toEqual([
      'MFA_REQUIRED',
      expect.objectContaining({ methods: [], reason: 'recent_reset' }),
    ])
    expect(waiting.body.message).toContain('Sign in again when an hour has passed since the reset')
    const { attempt } = detailsOf(waiting)
    for (const [path, body] of [
      ['email-code', { attempt }],
      ['mfa/verify', { attempt, method: 'email_code', code: '123456' }],
    ] as const) {
      const refused = await client.post(`/api/v1/auth/${path}`, body)
      expect([refused.code, detailsOf(refused)[0].message]).toEqual([
        'VALIDATION_ERROR',
        waiting.body.message,
      ])
    }
    await world.clock.advance('58 minutes')
    expect(detailsOf(await login(person, client)).methods).toEqual([])
    await world.clock.advance('3 minutes')
    expect(detailsOf(await login(person, client)).methods).toEqual(['email_code'])
  })

  it('is not replaced by a link or a code that came first', async () => {
    const person = await holder()
    await reset(person)
    const client = world.client()
    await client.post('/api/v1/auth/magic-link', { email: person.email })
    const token = await world.mailbox.tokenFor(person.email, /sign-in\/link/)
    const first = await client.post('/api/v1/auth/magic-link/complete', { token })
    expect(first.code).toBe('MFA_REQUIRED')
    const { attempt } = detailsOf(first)
    const proof = { attempt, method: 'password', password: NEXT }
    const second = await client.post('/api/v1/auth/mfa/verify', proof)
    expect(second.status).not.toBe(200)
    expect((await world.events(person.id)).filter((type) => type === 'auth.login.success')).toHaveLength(1)
  })

  it('is explained on the page', async () => {
    const person = await holder()
    await reset(person)
    const browser = world.client()
    const { text } = await browser.get('/sign-in')
    const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(text)?.[1] ?? ''
    const form = { csrf_token, identifier: person.email, password: NEXT }
    const sent = await browser.post('/sign-in', form, { form: true })
    expect(sent.headers.get('location')).toBe('/second-factor')
    const page = await browser.get('/second-factor')
    expect(page.text).toContain('was reset by e-mail less than an hour ago')
    expect(page.text).not.toContain('name="code"')
  })

  it('is accepted after a change of the password, and after a reset by the operator', async () => {
    const changed = await holder()
    const body = { current_password: PASSWORD, new_password: NEXT, new_password_confirm: NEXT }
    expect((await changed.client.post('/api/v1/users/me/password', body)).status).toBe(200)
    expect(detailsOf(await login(changed, world.client())).methods).toEqual(['email_code'])
    const other = await holder()
    const user = await world.db.tx('system', (tx) => getUser(tx, other.id))
    await resetPasswordByOperator(world.app.tools, systemCall(world.clock.now()), user, NEXT)
    expect(detailsOf(await login(other, world.client())).methods).toEqual(['email_code'])
  })
})

it.each([
  [null, []],
  [0, ['email']],
  [AFTER_RESET - 1, ['email']],
  [AFTER_RESET, []],
])('a reset %s milliseconds ago refuses %j', (age, refused) => {
  const now = new Date('2030-06-01T12:00:00Z')
  const resetAt = age === null ? null : new Date(now.getTime() - age)
  expect(refusedKinds({ hasRefusedPasskeysOnly: false, resetAt }, now)).toEqual(refused)
})
