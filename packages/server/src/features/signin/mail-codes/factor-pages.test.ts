/** Codes by e-mail on the security page: enabled and removed there, and where the server does not offer them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { insertFactor } from '../../../core/factors/index.ts'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { formIn } from '../../../testing/step-up.ts'
import { PASSWORD, startWorld, type World } from '../../../testing/world.ts'

const ROW = '/account/security?open=email-code'
const PATH = '/account/security/email-code'
const ACTION = /action="\/account\/security\/email-code[^"]*"/g

let world: World
let plain: World
beforeAll(async () => {
  world = await startWorld({ mfaMethods: ['totp', 'passkey', 'backup_code', 'email_code'] })
  plain = await startWorld({ emailVerification: 'off' })
})
afterAll(() => Promise.all([world.stop(), plain.stop()]))

const actionsOf = async (client: Client): Promise<string[]> => [
  ...((await client.get(ROW)).text.match(ACTION) ?? []),
]
const send = async (client: Client, path: string): Promise<Reply> => {
  const { text } = await client.get('/account/security')
  const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(text)?.[1] ?? ''
  return await client.post(path, { csrf_token }, { form: true })
}
/** Goes through the step-up that waits by a code by e-mail. @returns the page that was kept */
const proveByCode = async (of: World, client: Client, email: string): Promise<Reply> => {
  const unsent = formIn((await client.get('/step-up')).text)
  const sent = await client.post(unsent.action, unsent.fields, { form: true })
  const shown = formIn((await client.get(sent.headers.get('location') ?? '')).text)
  const code = /^\d{6}$/m.exec((await of.mailbox.emailTo(email, /Your code/)).text)?.[0] ?? ''
  const proven = await client.post(shown.action, { ...shown.fields, code }, { form: true })
  expect(proven.headers.get('location')).toBe('/step-up/continue')
  const { action, fields } = formIn((await client.get('/step-up/continue')).text)
  return await client.post(action, fields, { form: true })
}
const login = (email: string): Promise<Reply> =>
  world.client().post('/api/v1/auth/login', { email, password: PASSWORD })

describe('the row of codes by e-mail', () => {
  it('enables them and removes them, each with a confirmation', async () => {
    const { client, email, id } = await world.person()
    expect(await actionsOf(client)).toEqual([`action="${PATH}"`])
    const enabled = await send(client, PATH)
    expect(enabled.headers.get('location')).toBe(`${ROW}&notice=enabled`)
    expect((await client.get(`${ROW}&notice=enabled`)).text).toContain(
      'From now on, a code by e-mail is required',
    )
    expect((await login(email)).body.error.details.methods).toEqual(['email_code'])
    expect(await actionsOf(client)).toEqual([`action="${PATH}/remove"`])
    // the password alone does not remove it
    expect((await send(client, `${PATH}/remove`)).headers.get('location')).toBe('/step-up')
    const removed = await proveByCode(world, client, email)
    expect(removed.headers.get('location')).toBe(`${ROW}&notice=removed`)
    expect((await login(email)).status).toBe(200)
    expect(await world.events(id)).toEqual(expect.arrayContaining(['auth.mfa.enabled', 'auth.mfa.disabled']))
  })

  it('requires a recent proof', async () => {
    const { client } = await world.person()
    await world.clock.advance('11 minutes')
    expect((await send(client, PATH)).headers.get('location')).toMatch(/^\/step-up/)
    expect((await client.get('/api/v1/auth/mfa')).data.methods).toEqual([])
  })

  it('is not shown beside a stronger factor; one that is enabled is removed there', async () => {
    const { client, id } = await world.person()
    await enrolAuthenticator(world, client)
    expect((await client.get('/account/security')).text).not.toContain('id="email-code"')
    const refused = await send(client, PATH)
    expect([refused.status, refused.text]).toEqual([409, expect.stringContaining('stronger second factor')])
    await world.db.tx('system', (tx) =>
      insertFactor(tx, { userId: id, kind: 'email', name: null, confirmed: true }, world.clock.now()),
    )
    expect((await client.get(ROW)).text).toContain('a code by e-mail is not accepted')
    expect((await send(client, `${PATH}/remove`)).headers.get('location')).toBe(`${ROW}&notice=removed`)
    const { methods } = (await client.get('/api/v1/auth/mfa')).data
    expect(methods.map(({ kind }: { kind: string }) => kind)).toEqual(['totp', 'backup_codes'])
  })

  it('says that the address must be verified first', async () => {
    Object.assign(plain.app.tools.config, { mfaMethods: ['totp', 'email_code'] })
    const { client } = await plain.person()
    const { text } = await client.get(ROW)
    expect(text).toContain('First verify your e-mail address')
    expect(text).toContain('action="/verify-email/resend"')
    const refused = await send(client, PATH)
    expect([refused.status, refused.text]).toEqual([403, expect.stringContaining('address first.</p>')])
    const { code, message } = (await client.post('/api/v1/auth/mfa/email')).body.error
    expect([code, message]).toEqual(['EMAIL_NOT_VERIFIED', 'Verify your e-mail address first.'])
    Object.assign(plain.app.tools.config, { mfaMethods: ['totp', 'passkey', 'backup_code'] })
  })
})

describe('a server that does not offer codes by e-mail as a second factor', () => {
  const message = 'This server does not offer codes by e-mail as a second factor.'

  it('says so in the API and on the page, and shows no row', async () => {
    const { client } = await plain.person()
    const refused = await client.post('/api/v1/auth/mfa/email')
    expect([refused.status, refused.body.error]).toEqual([
      400,
      expect.objectContaining({
        code: 'VALIDATION_ERROR',
        details: [expect.objectContaining({ code: 'unavailable', message })],
      }),
    ])
    expect((await client.get('/account/security')).text).not.toContain('id="email-code"')
    expect((await send(client, PATH)).status).toBe(400)
  })

  it('keeps one that is enabled usable, and lets its user remove it', async () => {
    const { client, id, email } = await plain.person()
    await plain.db.tx('system', (tx) =>
      insertFactor(tx, { userId: id, kind: 'email', name: null, confirmed: true }, plain.clock.now()),
    )
    const waiting = await plain.client().post('/api/v1/auth/login', { email, password: PASSWORD })
    expect(waiting.body.error.details.methods).toEqual(['email_code'])
    expect((await send(client, `${PATH}/remove`)).headers.get('location')).toBe('/step-up')
    const removed = await proveByCode(plain, client, email)
    expect(removed.headers.get('location')).toBe(`${ROW}&notice=removed`)
  })
})
