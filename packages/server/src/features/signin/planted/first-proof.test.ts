/**
 * With LATCHKEY_EMAIL_VERIFICATION=off a stranger can register another person's address. What the stranger set up ends when
 * the owner of the mailbox arrives (GHSA-g38m-r43w-p2q7).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Authenticator, addPasskey, signInByPasskey } from '../../../testing/authenticator.ts'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client } from '../../../testing/client.ts'
import { formIn } from '../../../testing/step-up.ts'
import { PASSWORD, startWorld, type World } from '../../../testing/world.ts'

const API = '/api/v1'
const NEXT = 'chosen by the owner of it'

let world: World
beforeAll(async () => {
  world = await startWorld({ emailVerification: 'off' })
})
afterAll(() => world.stop())

/** An account that a stranger has registered, with everything that can be planted in it. */
async function planted() {
  const stranger = await world.person()
  const { client, email, id } = stranger
  await enrolAuthenticator(world, client, { backup_codes: true })
  const passkey = new Authenticator()
  await addPasskey(client, passkey)
  const key = await client.apiKey()
  const second = world.client()
  await signInByPasskey(second, passkey)
  await world.clock.advance('2 minutes')
  const login = (password: string) => world.client().post(`${API}/auth/login`, { username: email, password })
  return {
    email,
    id,
    client,
    login,
    /** What of it still works. */
    async alive(): Promise<string[]> {
      const factors = world.db.hot.selectFrom('factors').select('id').where('user_id', '=', id)
      const isSignedIn = async (one: Client) => (await one.get(`${API}/auth/me`)).status === 200
      const works = {
        session: await isSignedIn(client),
        'second session': await isSignedIn(second),
        'API key': (await key.client.get(`${API}/auth/validate`)).status === 200,
        passkey: (await signInByPasskey(world.client(), passkey)).status === 200,
        factor: (await factors.execute()).length > 0,
        password: (await login(PASSWORD)).code !== 'AUTHENTICATION_FAILED',
      }
      return Object.entries(works).flatMap(([name, isAlive]) => (isAlive ? [name] : []))
    },
  }
}
const isVerified = async (id: string) => (await world.events(id)).includes('auth.email.verified')

describe('the first proof of a mailbox', () => {
  it('by a reset of the password ends everything from before, and says so', async () => {
    const { email, id, alive, login } = await planted()
    const owner = world.client()
    await owner.post(`${API}/auth/password/forgot`, { email })
    const token = await world.mailbox.tokenFor(email, /reset-password/)
    expect((await owner.get(`/reset-password?token=${token}`)).text).toContain('was not confirmed until now')
    expect((await owner.post(`${API}/auth/password/reset`, { token, password: NEXT })).status).toBe(200)
    expect(await alive()).toEqual([])
    expect((await login(NEXT)).status).toBe(200)
    expect(await isVerified(id)).toBe(true)
  })

  it('by a link signs in to an account in which nothing is left', async () => {
    const { email, id, alive } = await planted()
    const owner = world.client()
    await owner.post(`${API}/auth/magic-link`, { email })
    const token = await world.mailbox.tokenFor(email, /\/sign-in\/link\?/)
    expect((await owner.get(`/sign-in/link?token=${token}`)).text).toContain('was not confirmed until now')
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => owner.post(`${API}/auth/magic-link/complete`, { token })),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect((await owner.get(`${API}/auth/me`)).status).toBe(200)
    expect(await alive()).toEqual([])
    expect(await isVerified(id)).toBe(true)
  })

  it('by a code likewise', async () => {
    const { email, id, alive } = await planted()
    const owner = world.client()
    const { attempt } = (await owner.post(`${API}/auth/email-code`, { email })).data
    const code = /^\d{6}$/m.exec((await world.mailbox.emailTo(email, /code/)).text)?.[0]
    const done = await owner.post(`${API}/auth/email-code/complete`, { attempt, code })
    expect(done.status, done.text).toBe(200)
    expect(await alive()).toEqual([])
    expect(await isVerified(id)).toBe(true)
  })

  it('by the link that verifies the address likewise, also the password', async () => {
    const { email, id, alive } = await planted()
    const owner = world.client()
    await owner.post(`${API}/auth/verify-email/resend`, { email })
    const token = await world.mailbox.tokenFor(email, /verify-email/)
    const opened = await owner.get(`/verify-email?token=${token}`)
    expect(opened.text).toContain('was not confirmed until now')
    const { action, fields } = formIn(opened.text)
    expect((await owner.post(action, fields, { form: true })).status).toBe(200)
    expect(await alive()).toEqual([])
    expect(await isVerified(id)).toBe(true)
  })

  it('by undoing a change of the address, which the stranger made, ends what is older than the change', async () => {
    const { email, id, client, alive } = await planted()
    const next = `stranger.${id}@example.com`
    await client.post(`${API}/users/me/email`, { email: next, password: PASSWORD })
    const change = await world.mailbox.tokenFor(next, /email-change/)
    expect((await client.post(`${API}/auth/email-change`, { token: change })).status).toBe(200)
    const undo = await world.mailbox.tokenFor(email, /email-change\/undo/)
    expect((await world.client().post(`${API}/auth/email-change/undo`, { token: undo })).status).toBe(200)
    expect(await alive()).toEqual([])
  })

  it('in a browser that is signed in to the account ends nothing: one person holds both', async () => {
    const { email, id, client, alive } = await planted()
    await client.post(`${API}/auth/verify-email/resend`, { email })
    const token = await world.mailbox.tokenFor(email, /verify-email/)
    expect((await client.post(`${API}/auth/verify-email`, { token })).status).toBe(200)
    expect(await isVerified(id)).toBe(true)
    expect(await alive()).toHaveLength(6)
  })

  it('is the first once: a reset of a proven account leaves second factors and keys', async () => {
    const { email, client, alive } = await planted()
    await client.post(`${API}/auth/verify-email/resend`, { email })
    const verifying = await world.mailbox.tokenFor(email, /verify-email/)
    await client.post(`${API}/auth/verify-email`, { token: verifying })
    await client.post(`${API}/auth/password/forgot`, { email })
    const token = await world.mailbox.tokenFor(email, /reset-password/)
    await world.client().post(`${API}/auth/password/reset`, { token, password: NEXT })
    expect(await alive()).toEqual(['API key', 'passkey', 'factor'])
  })
})
