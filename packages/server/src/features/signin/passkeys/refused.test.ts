/** Passkeys that are refused, because there may be a copy or they belong to another domain: demanded, and not offered. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Authenticator, addPasskey, signInByPasskey } from '../../../testing/authenticator.ts'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

const PASSKEYS = '/api/v1/auth/passkeys'
const BLOCKED =
  'The second factor of this account is refused, and there is no other. Ask an administrator to reset the second factors.'

let world: World
beforeAll(async () => {
  world = await startWorld({ emailSignIn: [], lockoutFailures: 50 })
})
afterAll(() => world?.stop())

const change = (factorId: string, values: { flagged_at?: Date; rp_id?: string }) =>
  world.db.tx('system', (tx) =>
    tx.updateTable('passkey_credentials').set(values).where('factor_id', '=', factorId).execute(),
  )
const login = async ({ email }: Person) => {
  const client = world.client()
  return { client, reply: await client.post('/api/v1/auth/login', { email, password: PASSWORD }) }
}
/** A user with a passkey that was refused as the copy of another one. */
async function holder() {
  const person = await world.person()
  const authenticator = new Authenticator({ isCounting: true, flags: { be: false, bs: false } })
  const { id } = await addPasskey(person.client, authenticator)
  expect((await signInByPasskey(world.client(), authenticator, { counter: 1 })).code).toBe(
    'AUTHENTICATION_FAILED',
  )
  return { person, id }
}

describe('a user whose only second factor is refused', () => {
  it('is not signed in by the password alone, and told whom to ask', async () => {
    const { person } = await holder()
    const { client, reply } = await login(person)
    expect([reply.code, reply.body.message]).toEqual(['MFA_REQUIRED', BLOCKED])
    expect(reply.body.error.details).toMatchObject({ methods: [], reason: 'factor_refused' })
    const { attempt } = reply.body.error.details
    expect((await client.get(`/api/v1/auth/attempts/${attempt}`)).data).toMatchObject({ methods: [] })
    const begun = await client.post(`${PASSKEYS}/login/begin`, { attempt })
    expect([begun.code, begun.body.error.details[0].message]).toEqual(['VALIDATION_ERROR', BLOCKED])
    client.cookies.set('lk_attempt', attempt)
    const page = await client.get('/second-factor')
    expect(page.text).toContain('there may be a copy of your passkey')
    expect(page.text).not.toContain('name="credential"')
  })

  it('does not change factors by the password alone, also after a step-up', async () => {
    const { person, id } = await holder()
    await world.clock.advance('11 minutes')
    const requests = () =>
      Promise.all([
        person.client.delete(`${PASSKEYS}/${id}`),
        person.client.post(`${PASSKEYS}/register/begin`),
        person.client.post('/api/v1/auth/mfa/enable', { method: 'totp' }),
        person.client.post('/api/v1/auth/mfa/disable'),
      ])
    const refused = { reason: 'factor_refused' }
    for (const { status, body } of await requests())
      expect([status, body.error.details]).toEqual([409, refused])
    const begun = await person.client.post('/api/v1/auth/step-up')
    expect(begun.data.methods).toEqual(['password'])
    const proof = { attempt: begun.data.attempt, method: 'password', password: PASSWORD }
    const raised = await person.client.post('/api/v1/auth/mfa/verify', proof)
    person.client.csrfToken = raised.data.session.csrf_token
    for (const { status, body } of await requests())
      expect([status, body.error.details]).toEqual([409, refused])
    for (const path of ['/account/security?open=passkeys', '/account/security/passkeys']) {
      const { text } = await person.client.get(path)
      expect(text).toContain('Ask an administrator to reset your second factors')
    }
  })

  it('removes it while the passkey was just proven', async () => {
    const { person, id } = await holder()
    expect((await person.client.delete(`${PASSKEYS}/${id}`)).status).toBe(200)
    expect((await login(person)).reply.status).toBe(200)
  })

  it('gets in again after an administrator has reset the factors', async () => {
    const { person } = await holder()
    const [root] = (await world.people([{ roles: ['super_admin'] }])) as [Person]
    expect((await root.client.post(`/api/v1/users/${person.id}/mfa/reset`)).status).toBe(200)
    expect((await login(person)).reply.status).toBe(200)
  })
})

describe('a refused passkey beside other factors', () => {
  it('is not offered; they sign in, and confirm its removal', async () => {
    const { person, id } = await holder()
    const app = await enrolAuthenticator(world, person.client)
    const { client, reply } = await login(person)
    const { attempt, methods } = reply.body.error.details
    expect(methods).toEqual(['totp', 'backup_code'])
    const proof = { attempt, method: 'totp', code: await app.next() }
    const done = await client.post('/api/v1/auth/mfa/verify', proof)
    expect(done.status).toBe(200)
    client.csrfToken = done.data.session.csrf_token
    const { text } = await client.get('/account/security?open=passkeys')
    expect(text).toContain('Remove it and add a new one.')
    expect(text).toContain(': refused')
    expect((await client.delete(`${PASSKEYS}/${id}`)).status).toBe(200)
  })

  it('leaves another passkey offered, and alone among those that a browser may use', async () => {
    const { person } = await holder()
    const good = await addPasskey(person.client, new Authenticator())
    const { client, reply } = await login(person)
    const { attempt, methods } = reply.body.error.details
    expect(methods).toEqual(['passkey'])
    const { data } = await client.post(`${PASSKEYS}/login/begin`, { attempt })
    expect(data.options.allowCredentials.map(({ id }: { id: string }) => id)).toEqual([
      good.passkey.id.toString('base64url'),
    ])
  })

  it('of a policy that demands a passkey is replaced after the other factor was proven', async () => {
    const { person } = await holder()
    const app = await enrolAuthenticator(world, person.client)
    Object.assign(world.app.tools.config, { mfa: 'required', mfaMethods: ['passkey'] })
    try {
      const { client, reply } = await login(person)
      const { attempt } = reply.body.error.details
      expect(reply.code).toBe('MFA_REQUIRED')
      const verified = await client.post('/api/v1/auth/mfa/verify', {
        attempt,
        method: 'totp',
        code: await app.next(),
      })
      expect([verified.code, verified.body.error.details.methods]).toEqual([
        'MFA_ENROLMENT_REQUIRED',
        ['passkey'],
      ])
    } finally {
      Object.assign(world.app.tools.config, {
        mfa: 'optional',
        mfaMethods: ['totp', 'passkey', 'backup_code'],
      })
    }
  })
})

it('a passkey of another domain is not offered either', async () => {
  const person = await world.person()
  const { id } = await addPasskey(person.client, new Authenticator())
  await change(id, { rp_id: 'former.example.com' })
  expect((await login(person)).reply.body.error.details).toMatchObject({
    methods: [],
    reason: 'factor_refused',
  })
})
