/** A user whose only passkey is lost, or refused, manages their factors by what else completes a sign-in of theirs. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Authenticator, addPasskey } from '../../../testing/authenticator.ts'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { formIn, proveByApi } from '../../../testing/step-up.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

const API = '/api/v1/auth'
const html = { headers: { accept: 'text/html' } }

let world: World
beforeAll(async () => {
  world = await startWorld({ emailSignIn: [] })
})
afterAll(() => world?.stop())

type Proof = Record<string, string>

/** Signs in by the password and a further proof. */
async function signInBy({ email }: Person, proof: Proof): Promise<Client> {
  const client = world.client()
  const stopped = await client.post(`${API}/login`, { email, password: PASSWORD })
  const { attempt } = stopped.body.error.details
  const done = await client.post(`${API}/mfa/verify`, { attempt, ...proof })
  expect(done.status, done.text).toBe(200)
  client.csrfToken = done.data.session.csrf_token
  return client
}

/** A user with a passkey and backup codes, who has the codes. */
async function withCodes() {
  const person = await world.person()
  const { id, passkey } = await addPasskey(person.client, new Authenticator())
  const codes: string[] = (await person.client.post(`${API}/mfa/backup-codes`)).data.backup_codes
  const next = (): Proof => ({ method: 'backup_code', code: codes.pop() ?? '' })
  return { person, id, passkey, next }
}
/** A user with a passkey and an authenticator app, who has the app. */
async function withApp() {
  const person = await world.person()
  const { id } = await addPasskey(person.client, new Authenticator())
  const app = await enrolAuthenticator(world, person.client)
  const next = async (): Promise<Proof> => ({ method: 'totp', code: await app.next() })
  return { person, id, next }
}

/** Everything that changes factors; the last one removes the passkey. */
async function manage(client: Client, id: string): Promise<Reply[]> {
  return [
    await client.post(`${API}/passkeys/register/begin`),
    await client.post(`${API}/mfa/enable`, { method: 'totp' }),
    await client.post(`${API}/mfa/backup-codes`),
    await client.delete(`${API}/passkeys/${id}`),
  ]
}
const expectManaged = async (client: Client, id: string) =>
  expect((await manage(client, id)).map(({ status, code }) => code ?? status)).toEqual([200, 200, 200, 200])
const change = (factorId: string, values: { flagged_at?: Date; rp_id?: string }) =>
  world.db.tx('system', (tx) =>
    tx.updateTable('passkey_credentials').set(values).where('factor_id', '=', factorId).execute(),
  )

describe('a user whose only passkey is lost', () => {
  it('manages factors after a sign-in by password and backup code', async () => {
    const { person, id, next } = await withCodes()
    await expectManaged(await signInBy(person, next()), id)
  })

  it('manages them after a sign-in by password and authenticator app', async () => {
    const { person, id, next } = await withApp()
    await expectManaged(await signInBy(person, await next()), id)
  })

  it('steps up by password and backup code, which are offered beside the passkey', async () => {
    const { person, id, next } = await withCodes()
    const client = await signInBy(person, next())
    await world.clock.advance('11 minutes')
    const methods = ['passkey', 'backup_code', 'password']
    for (const reply of await manage(client, id))
      expect([reply.code, reply.body.error.details]).toEqual([
        'STEP_UP_REQUIRED',
        { acr: 'aal2', max_age: 600, methods },
      ])
    const begun = await client.post(`${API}/step-up`, { acr: 'aal2', max_age: 600 })
    expect(begun.data.methods).toEqual(methods)
    const half = await proveByApi(client)
    expect([half.code, half.body.error.details.methods]).toEqual(['MFA_REQUIRED', ['passkey', 'backup_code']])
    expect((await client.delete(`${API}/passkeys/${id}`)).code).toBe('STEP_UP_REQUIRED')
    expect((await proveByApi(client, { method: 'password', password: PASSWORD }, next())).status).toBe(200)
    await expectManaged(client, id)
  })

  it('steps up on the pages by another way than the passkey', async () => {
    const { person, id, next } = await withApp()
    const client = await signInBy(person, await next())
    await world.clock.advance('11 minutes')
    const { text } = await client.get('/account/security/passkeys', html)
    const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(text)?.[1] ?? ''
    const form = { form: true, ...html }
    const sent = await client.post(`/account/security/passkeys/${id}/remove`, { csrf_token }, form)
    expect(sent.headers.get('location')).toBe('/step-up')
    expect((await client.get('/step-up', html)).text).toContain('href="/step-up?method=password"')
    const first = formIn((await client.get('/step-up?method=password', html)).text)
    const half = await client.post(first.action, { ...first.fields, password: PASSWORD }, form)
    expect(half.headers.get('location')).toBe('/step-up')
    const second = formIn((await client.get('/step-up?method=totp', html)).text)
    const proven = await client.post(second.action, { ...second.fields, ...(await next()) }, form)
    expect(proven.headers.get('location')).toBe('/step-up/continue')
    const { action, fields } = formIn((await client.get('/step-up/continue', html)).text)
    expect((await client.post(action, fields, form)).headers.get('location')).toContain('done=removed')
  })

  it('does not manage them with a remembered browser instead of the backup code', async () => {
    const { person, id, next } = await withCodes()
    const client = world.client()
    const login = { email: person.email, password: PASSWORD }
    const { attempt } = (await client.post(`${API}/login`, login)).body.error.details
    const proof = { attempt, ...next(), remember_device: true }
    expect((await client.post(`${API}/mfa/verify`, proof)).status).toBe(200)
    client.cookies.delete('lk_session')
    const again = await client.post(`${API}/login`, login)
    expect(again.status).toBe(200)
    client.csrfToken = again.data.session.csrf_token
    for (const reply of await manage(client, id))
      expect([reply.code, reply.body.error.details.methods]).toEqual([
        'STEP_UP_REQUIRED',
        ['passkey', 'backup_code'],
      ])
  })
})

describe('a user whose only passkey is refused', () => {
  it.each([
    ['there may be a copy of it', { flagged_at: new Date('2030-06-01T00:00:00Z') }],
    ['it belongs to a former domain', { rp_id: 'former.example.com' }],
  ])('because %s manages factors by password and backup code', async (_why, values) => {
    const { person, id, next } = await withCodes()
    await change(id, values)
    const client = await signInBy(person, next())
    await world.clock.advance('11 minutes')
    const refused = await client.delete(`${API}/passkeys/${id}`)
    expect(refused.body.error.details.methods).toEqual(['backup_code', 'password'])
    expect((await proveByApi(client, { method: 'password', password: PASSWORD }, next())).status).toBe(200)
    await expectManaged(client, id)
  })
})
