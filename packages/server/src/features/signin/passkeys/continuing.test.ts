/** The passkey in an attempt: as the second factor, in a step-up, and set up within a sign-in that requires one. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Authenticator, addPasskey, signInByPasskey } from '../../../testing/authenticator.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

const BEGIN = '/api/v1/auth/passkeys/login/begin'
const VERIFY = '/api/v1/auth/mfa/verify'

let world: World
let origin: string
beforeAll(async () => {
  world = await startWorld()
  origin = world.config.publicUrl
})
afterAll(() => world?.stop())

const csrfOf = (text: string) => /name="csrf_token" value="([^"]+)"/.exec(text)?.[1] ?? ''
const unescaped = (text: string) =>
  text.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')

/** A user with a passkey, and a sign-in of theirs that has the right password. */
async function waiting(authenticator = new Authenticator()) {
  const [person] = (await world.people(1)) as [Person]
  const { id, passkey } = await addPasskey(person.client, authenticator)
  return { person, authenticator, id, passkey, ...(await byPassword(person)) }
}

async function byPassword(person: Person) {
  const client = world.client()
  const reply = await client.post('/api/v1/auth/login', { username: person.email, password: person.password })
  expect(reply.code).toBe('MFA_REQUIRED')
  expect(reply.body.error.details.methods).toContain('passkey')
  return { client, attempt: String(reply.body.error.details.attempt) }
}

describe('as a second factor', () => {
  it.each([
    ['with user verification', true, ['pwd', 'swk', 'user', 'mfa']],
    ['without', false, ['pwd', 'swk', 'mfa']],
  ])('%s completes the sign-in', async (_, uv, amr) => {
    const { person, client, attempt, authenticator, passkey } = await waiting()
    const { data } = await client.post(BEGIN, { attempt })
    expect(data.options).toMatchObject({
      userVerification: 'preferred',
      allowCredentials: [{ id: passkey.id.toString('base64url') }],
    })
    const credential = authenticator.get(data.options, { origin, flags: { uv }, userHandle: null })
    const done = await client.post(VERIFY, { attempt, method: 'passkey', credential })
    expect(done.status).toBe(200)
    const session = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('sessions')
        .select(['amr', 'acr'])
        .where('user_id', '=', person.id)
        .orderBy('id', 'desc')
        .executeTakeFirstOrThrow(),
    )
    expect(session).toEqual({ acr: 'aal2-phr', amr })
  })

  it('is refused with a challenge of another attempt, of a sign-in, and for a passkey of another user', async () => {
    const one = await waiting()
    const two = await waiting()
    const verify = (credential: object) =>
      one.client.post(VERIFY, { attempt: one.attempt, method: 'passkey', credential })
    const { options } = (await one.client.post(BEGIN, { attempt: one.attempt })).data
    const again = await byPassword(one.person)
    const other = (await again.client.post(BEGIN, { attempt: again.attempt })).data.options
    const plain = (await one.client.post(BEGIN)).data.options
    for (const { challenge } of [other, plain])
      expect((await verify(one.authenticator.get(options, { origin, challenge }))).code).toBe(
        'AUTHENTICATION_FAILED',
      )
    expect((await verify(two.authenticator.get(options, { origin }, two.passkey))).code).toBe(
      'AUTHENTICATION_FAILED',
    )
    expect((await verify(one.authenticator.get(options, { origin }))).status).toBe(200)
  })

  it('completes an attempt once, of a hundred answers', async () => {
    const { client, attempt, authenticator } = await waiting()
    const { options } = (await client.post(BEGIN, { attempt })).data
    const credential = authenticator.get(options, { origin })
    const replies = await Promise.all(
      Array.from({ length: 100 }, () =>
        world.client().post(VERIFY, { attempt, method: 'passkey', credential }),
      ),
    )
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  it('names no passkeys without an attempt that waits', async () => {
    const { client, attempt, authenticator } = await waiting()
    const { options } = (await client.post(BEGIN, { attempt })).data
    const credential = authenticator.get(options, { origin })
    await client.post(VERIFY, { attempt, method: 'passkey', credential })
    expect((await world.client().post(BEGIN, { attempt })).status).toBe(404)
    expect((await world.client().post(BEGIN, { attempt: `${attempt.slice(0, -1)}_` })).status).toBe(404)
  })

  it('requires the answer, in its form', async () => {
    const { client, attempt } = await waiting()
    for (const credential of [undefined, {}, { id: 'AA', type: 'public-key', response: {} }])
      expect((await client.post(VERIFY, { attempt, method: 'passkey', credential })).status).toBe(400)
  })

  it('is not required after a passkey that verified its user', async () => {
    const { authenticator } = await waiting()
    expect((await signInByPasskey(world.client(), authenticator)).status).toBe(200)
  })
})

describe('within a sign-in that requires one', () => {
  async function required() {
    const [person] = (await world.people([{ signIn: false }])) as [Person]
    await world.db.tx('system', (tx) =>
      tx.updateTable('users').set({ mfa_required: true }).where('id', '=', person.id).execute(),
    )
    const client = world.client()
    const reply = await client.post('/api/v1/auth/login', {
      username: person.email,
      password: person.password,
    })
    expect(reply.code).toBe('MFA_ENROLMENT_REQUIRED')
    const attempt = String(reply.body.error.details.attempt)
    return { person, client, attempt, path: `/api/v1/auth/attempts/${attempt}/passkeys/register` }
  }

  it('is set up, proves itself, and completes the sign-in', async () => {
    const { person, client, path } = await required()
    const authenticator = new Authenticator()
    const { options } = (await client.post(`${path}/begin`)).data
    const credential = authenticator.create(options, { origin })
    const done = await client.post(`${path}/complete`, { credential, name: 'Key' })
    expect(done.status).toBe(200)
    expect((await client.get('/api/v1/auth/passkeys')).data).toMatchObject([{ name: 'Key' }])
    expect(await world.events(person.id)).toEqual(
      expect.arrayContaining(['auth.passkey.added', 'auth.login.success']),
    )
    expect((await world.client().post(`${path}/begin`)).status).toBe(404)
    expect((await signInByPasskey(world.client(), authenticator)).status).toBe(200)
  })

  it('is set up with backup codes, once', async () => {
    const { person, client, path } = await required()
    const { options } = (await client.post(`${path}/begin`)).data
    const authenticator = new Authenticator()
    const credential = authenticator.create(options, { origin })
    const { backup_codes: codes } = (await client.post(`${path}/complete`, { credential })).data
    expect(codes).toHaveLength(10)
    expect((await client.get('/api/v1/auth/mfa')).data.backup_codes_remaining).toBe(10)
    expect(await world.events(person.id)).toContain('auth.mfa.backup_codes_created')
    const again = await byPassword(person)
    const used = { attempt: again.attempt, method: 'backup_code', code: codes[0] }
    expect((await again.client.post(VERIFY, used)).status).toBe(200)
  })

  it('is set up on the page, which shows the backup codes before the browser continues', async () => {
    const { person, client } = await required()
    const attemptCookie = await client.get('/sign-in')
    const token = csrfOf(attemptCookie.text)
    const sent = { identifier: person.email, password: person.password, csrf_token: token }
    const html = { form: true, headers: { accept: 'text/html' } }
    const signedIn = await client.post('/sign-in', sent, html)
    expect(signedIn.headers.get('location')).toBe('/second-factor/enrol')
    const page = (await client.get('/second-factor/enrol?method=passkey')).text
    const options = JSON.parse(unescaped(/data-options="([^"]+)"/.exec(page)?.[1] ?? '{}'))
    const fields = {
      csrf_token: csrfOf(page),
      attempt: /name="attempt" value="([^"]+)"/.exec(page)?.[1] ?? '',
      method: 'passkey',
      credential: JSON.stringify(new Authenticator().create(options, { origin })),
    }
    const shown = await client.post('/second-factor/enrol', fields, html)
    expect([...shown.text.matchAll(/<code>[A-Z2-7-]{19}<\/code>/g)]).toHaveLength(10)
    expect((await client.get('/api/v1/auth/mfa')).data.backup_codes_remaining).toBe(10)
  })

  it('is refused with the challenge of another attempt, and the attempt stays usable', async () => {
    const one = await required()
    const two = await required()
    const { options } = (await one.client.post(`${one.path}/begin`)).data
    const { challenge } = (await two.client.post(`${two.path}/begin`)).data.options
    const wrong = new Authenticator().create(options, { origin, challenge })
    expect((await one.client.post(`${one.path}/complete`, { credential: wrong })).status).toBe(400)
    const right = new Authenticator().create(options, { origin })
    expect((await one.client.post(`${one.path}/complete`, { credential: right })).status).toBe(200)
  })

  it('is set up once, of twenty answers', async () => {
    const { person, client, path } = await required()
    const { options } = (await client.post(`${path}/begin`)).data
    const replies = await Promise.all(
      Array.from({ length: 20 }, () =>
        world
          .client()
          .post(`${path}/complete`, { credential: new Authenticator().create(options, { origin }) }),
      ),
    )
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    const rows = await world.db.tx('system', (tx) =>
      tx.selectFrom('factors').select('kind').where('user_id', '=', person.id).orderBy('kind').execute(),
    )
    expect(rows).toEqual([{ kind: 'backup_codes' }, { kind: 'passkey' }])
  })

  it('is not begun by an attempt that waits for something else', async () => {
    const { client, attempt } = await waiting()
    const path = `/api/v1/auth/attempts/${attempt}/passkeys/register`
    expect((await client.post(`${path}/begin`)).code).toBe('CONFLICT')
  })
})
