/** LATCHKEY_MFA_METHODS: of a factor that it does not name, none is set up; one that exists works. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Authenticator, addPasskey, assertPasskey, signInByPasskey } from '../../../testing/authenticator.ts'
import { codeOf, enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

const API = '/api/v1'
const UNAVAILABLE = (field: string) => [expect.objectContaining({ field, code: 'unavailable' })]

const enable = (client: Client, body = {}): Promise<Reply> =>
  client.post(`${API}/auth/mfa/enable`, { method: 'totp', ...body })
const csrfOf = (text: string) => /name="csrf_token" value="([^"]+)"/.exec(text)?.[1] ?? ''

describe('a server that offers passkeys only', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ mfaMethods: ['passkey'], mfa: 'required' })
  })
  afterAll(() => world?.stop())
  const enrolled = async () => {
    const [person] = await world.people([{ signIn: false }])
    if (!person) throw new Error('no user was created')
    const client = world.client()
    const login = await client.post(`${API}/auth/login`, { username: person.email, password: PASSWORD })
    const { attempt, methods } = login.body.error.details
    return { client, attempt: String(attempt), methods }
  }

  it('offers no authenticator app where a factor must be set up, and sets none up there', async () => {
    const { client, attempt, methods } = await enrolled()
    expect(methods).toEqual(['passkey'])
    const path = `${API}/auth/attempts/${attempt}`
    expect((await client.get(path)).data.methods).toEqual(['passkey'])
    const begun = await client.post(`${path}/mfa/enable`, { method: 'totp' })
    expect([begun.status, begun.body.error.details]).toEqual([400, UNAVAILABLE('method')])
  })
})

describe('a server that has stopped offering authenticator apps and backup codes', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
  })
  afterAll(() => world?.stop())
  const waitingOnPage = (person: Person) => waitingIn(world, person)
  const proveByCode = ({ client, attempt }: Awaited<ReturnType<typeof waitingIn>>, code: string) =>
    client.post(`${API}/auth/mfa/verify`, { attempt, method: 'totp', code })
  const stopOffering = (...methods: World['config']['mfaMethods']) => {
    Object.assign(world.app.tools.config, { mfaMethods: methods })
  }

  it('sets none up, in the API or on the pages, and takes those that there are', async () => {
    const person = await world.person()
    const waiting = await world.person()
    const begun = await enable(waiting.client)
    const app = await enrolAuthenticator(world, person.client)
    stopOffering('passkey')
    const refused = await enable(waiting.client)
    expect([refused.status, refused.body.error.details]).toEqual([400, UNAVAILABLE('method')])
    const code = codeOf(world, begun.data.secret)
    const late = await waiting.client.post(`${API}/auth/mfa/confirm`, { code })
    expect([late.status, late.body.error.details]).toEqual([409, { reason: 'not_begun' }])
    const codes = await person.client.post(`${API}/auth/mfa/backup-codes`)
    expect([codes.status, codes.body.error.details]).toEqual([400, UNAVAILABLE('method')])

    const security = (await waiting.client.get('/account/security')).text
    expect(security).not.toContain('Authenticator apps')
    expect(security).not.toContain('Backup codes')
    expect(security).toContain('Passkeys')
    expect((await person.client.get('/account/security')).text).toContain('Authenticator apps')
    const list = await person.client.get('/account/security/totp')
    expect(list.text).not.toContain('Add an authenticator app')
    person.client.csrfToken = null
    const sent = { csrf_token: csrfOf(list.text) }
    const form = await person.client.post('/account/security/totp', sent, { form: true })
    expect(form.text).not.toContain('otpauth')
    expect((await person.client.get('/account/security/backup-codes')).text).not.toContain('Create')

    const client = world.client()
    const login = await client.post(`${API}/auth/login`, { username: person.email, password: PASSWORD })
    const { attempt } = login.body.error.details
    const proof = { attempt, method: 'totp', code: await app.next() }
    expect((await client.post(`${API}/auth/mfa/verify`, proof)).status).toBe(200)
  })

  it('makes no backup codes beside an authenticator app', async () => {
    stopOffering('totp')
    const { client } = await world.person()
    const wished = await enable(client, { backup_codes: true })
    expect([wished.status, wished.body.error.details]).toEqual([400, UNAVAILABLE('backup_codes')])
    expect((await enable(client)).data.backup_codes).toEqual([])
  })

  it('adds no passkey; one that exists is the second factor, signs in and is offered', async () => {
    stopOffering('totp', 'passkey')
    const person = await world.person()
    const passkey = new Authenticator()
    const other = await world.person()
    stopOffering('totp')
    expect((await world.client().get('/sign-in')).text).not.toContain('passkey')
    stopOffering('totp', 'passkey')
    await addPasskey(person.client, passkey)
    const app = await enrolAuthenticator(world, person.client, { backup_codes: false })
    stopOffering('totp')
    const refused = await person.client.post(`${API}/auth/passkeys/register/begin`)
    expect([refused.status, refused.body.error.details]).toEqual([409, { reason: 'no_passkeys' }])
    expect((await other.client.get('/account/security')).text).not.toContain('Passkeys')
    const page = (await person.client.get('/account/security/passkeys')).text
    expect(page).not.toContain('/account/security/passkeys/new')

    expect((await world.client().get('/sign-in')).text).toContain('passkey')
    expect((await signInByPasskey(world.client(), passkey)).status).toBe(200)
    const { client, attempt, methods } = await waitingOnPage(person)
    expect(methods).toEqual(['passkey', 'totp'])
    const shown = await client.get('/second-factor')
    expect([shown.status, shown.text]).toEqual([200, expect.stringContaining('data-passkey="get"')])
    const credential = await assertPasskey(client, passkey, { begin: { attempt } })
    const proof = { attempt, method: 'passkey', credential }
    expect((await client.post(`${API}/auth/mfa/verify`, proof)).status).toBe(200)
    expect((await proveByCode(await waitingOnPage(person), await app.next())).status).toBe(200)
  })

  it('without a domain offers no passkey, and still requires a second factor', async () => {
    stopOffering('totp', 'passkey')
    const person = await world.person()
    await addPasskey(person.client, new Authenticator())
    const alone = await world.person()
    await addPasskey(alone.client, new Authenticator())
    const app = await enrolAuthenticator(world, person.client, { backup_codes: false })
    const { publicUrl } = world.config
    Object.assign(world.app.tools.config, { publicUrl: publicUrl.replace('localhost', '127.0.0.1') })
    try {
      const waiting = await waitingOnPage(person)
      expect(waiting.methods).toEqual(['totp'])
      const shown = await waiting.client.get('/second-factor')
      expect([shown.status, shown.text]).toEqual([200, expect.stringContaining('name="code"')])
      expect((await proveByCode(waiting, await app.next())).status).toBe(200)
      expect((await waitingOnPage(alone)).methods).toEqual([])
      expect((await world.client().get('/sign-in')).text).not.toContain('passkey')
    } finally {
      Object.assign(world.app.tools.config, { publicUrl })
    }
  })
})

/** A sign-in by the password that waits for a second factor, in a browser. */
async function waitingIn(world: World, { email }: Person) {
  const client = world.client()
  const { body } = await client.post(`${API}/auth/login`, { email, password: PASSWORD })
  const { attempt, methods } = body.error.details
  client.cookies.set('lk_attempt', attempt)
  return { client, attempt, methods }
}
