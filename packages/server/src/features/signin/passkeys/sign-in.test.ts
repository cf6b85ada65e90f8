/** Signing in with a passkey, by JSON: without a user name, begun by address, and what is refused. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Authenticator, addPasskey, assertPasskey, signInByPasskey } from '../../../testing/authenticator.ts'
import { codeOf, enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

const BEGIN = '/api/v1/auth/passkeys/login/begin'
const COMPLETE = '/api/v1/auth/passkeys/login/complete'

let world: World
let origin: string
beforeAll(async () => {
  world = await startWorld({ trustedProxies: ['127.0.0.1'] })
  origin = world.config.publicUrl
})
afterAll(() => world?.stop())

/** A user with one passkey. */
async function holder(authenticator = new Authenticator()) {
  const [person] = (await world.people(1)) as [Person]
  const { id, passkey } = await addPasskey(person.client, authenticator)
  return { person, authenticator, id, passkey }
}

const stored = (factorId: string) =>
  world.db.tx('system', (tx) =>
    tx
      .selectFrom('passkey_credentials')
      .selectAll()
      .where('factor_id', '=', factorId)
      .executeTakeFirstOrThrow(),
  )
const lastEvent = (userId: string, type: string) =>
  world.db.tx('system', (tx) =>
    tx
      .selectFrom('audit_events')
      .select('details')
      .where('user_id', '=', userId)
      .where('event_type', '=', type)
      .orderBy('id', 'desc')
      .executeTakeFirst(),
  )

describe('a sign-in without a user name', () => {
  it('starts a session of two factors, asks for no more, and records it', async () => {
    const { person, authenticator, id } = await holder()
    const client = world.client()
    const begun = await client.post(BEGIN)
    expect(begun.data.options).toMatchObject({ rpId: 'localhost', userVerification: 'required' })
    expect(begun.data.options.allowCredentials).toBeUndefined()
    const reply = await signInByPasskey(client, authenticator)
    expect(reply.status).toBe(200)
    expect(reply.data.user.id).toBe(person.id)
    expect((await client.get('/api/v1/auth/me')).status).toBe(200)
    const session = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('sessions')
        .select(['amr', 'acr'])
        .where('user_id', '=', person.id)
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .executeTakeFirstOrThrow(),
    )
    expect(session).toEqual({ acr: 'aal2-phr', amr: ['swk', 'user', 'mfa'] })
    expect((await lastEvent(person.id, 'auth.login.success'))?.details).toMatchObject({
      login_method: 'passkey',
      mfa_used: true,
    })
    const [passkey] = (await client.get('/api/v1/auth/passkeys')).data
    expect(passkey).toMatchObject({ id, last_used_at: expect.stringMatching(/^2030-06-01T/) })
  })

  it('can be remembered, and issues tokens', async () => {
    const { authenticator } = await holder()
    const client = world.client()
    const reply = await signInByPasskey(client, authenticator, { more: { remember_me: true, tokens: true } })
    expect(reply.data.access_token).toBeDefined()
    const [session] = (await client.get('/api/v1/auth/sessions')).data.filter(
      ({ current }: { current: boolean }) => current,
    )
    expect(session.remember_me).toBe(true)
  })

  it('keeps the backup state, and the last use, up to date', async () => {
    const { authenticator, id } = await holder(new Authenticator({ flags: { bs: false } }))
    expect(await stored(id)).toMatchObject({ backed_up: false, device_type: 'multiDevice' })
    await signInByPasskey(world.client(), authenticator, { flags: { bs: true } })
    expect(await stored(id)).toMatchObject({ backed_up: true })
  })

  it('without user verification is one factor, and continues with the password', async () => {
    const { person, authenticator } = await holder()
    const client = world.client()
    const waiting = await signInByPasskey(client, authenticator, { flags: { uv: false } })
    expect(waiting.code).toBe('MFA_REQUIRED')
    expect(waiting.body.error.details.methods).toContain('password')
    const done = await client.post('/api/v1/auth/mfa/verify', {
      attempt: waiting.body.error.details.attempt,
      method: 'password',
      password: person.password,
    })
    expect(done.status).toBe(200)
  })
})

describe('the lock-out of second factors', () => {
  /** A user with an authenticator app and a passkey, for whom 5 codes were wrong. */
  async function lockedOut() {
    const { person, authenticator } = await holder()
    const app = await enrolAuthenticator(world, person.client)
    const guess = async (code: string) => {
      const client = world.client()
      const { email: username, password } = person
      const asked = await client.post('/api/v1/auth/login', { username, password })
      const attempt = asked.body.error.details?.attempt
      if (attempt === undefined) return asked.code
      return (await client.post('/api/v1/auth/mfa/verify', { attempt, method: 'totp', code })).code ?? 'done'
    }
    const wrong = String((Number(codeOf(world, app.secret)) + 1) % 1_000_000).padStart(6, '0')
    for (let n = 0; n < 5; n++) await guess(wrong)
    expect(await guess(await app.next())).toBe('ACCOUNT_LOCKED')
    return { person, authenticator, app, guess }
  }

  it('ends with a sign-in by a passkey, which is a second factor by itself', async () => {
    const { authenticator, app, guess } = await lockedOut()
    expect((await signInByPasskey(world.client(), authenticator)).status).toBe(200)
    expect(await guess(await app.next())).toBe('done')
  })

  it('ends with a passkey that the password has completed', async () => {
    const { person, authenticator, app, guess } = await lockedOut()
    await world.clock.advance('16 minutes')
    for (let n = 0; n < 5; n++) await guess('000000')
    // the password is not locked from another address
    const client = world.client({ headers: { 'x-forwarded-for': '198.51.100.77' } })
    const waiting = await signInByPasskey(client, authenticator, { flags: { uv: false } })
    const { attempt } = waiting.body.error.details
    const body = { attempt, method: 'password', password: person.password }
    expect((await client.post('/api/v1/auth/mfa/verify', body)).status).toBe(200)
    // the lock-out of the password here has ended, that of second factors would last for twice as long
    await world.clock.advance('16 minutes')
    expect(await guess(await app.next())).toBe('done')
  })
})

describe('a sign-in that names an account', () => {
  it('names its passkeys, in any spelling', async () => {
    const { person, authenticator, passkey } = await holder()
    for (const identifier of [person.email, person.email.toUpperCase()]) {
      const { data } = await world.client().post(BEGIN, { identifier })
      expect(data.options.allowCredentials).toEqual([
        { id: passkey.id.toString('base64url'), type: 'public-key', transports: ['hybrid', 'internal'] },
      ])
    }
    const reply = await signInByPasskey(world.client(), authenticator, {
      begin: { identifier: person.email },
      userHandle: null,
    })
    expect(reply.status).toBe(200)
  })

  it('answers unknown accounts, and accounts without passkeys, with passkeys that stay the same', async () => {
    const [person] = (await world.people(1)) as [Person]
    for (const identifier of [person.email, 'unknown@example.com', 'a-name-of-none']) {
      const [one, again, spelled] = await Promise.all(
        [identifier, identifier, identifier.toUpperCase()].map(
          async (name) =>
            (await world.client().post(BEGIN, { identifier: name })).data.options.allowCredentials,
        ),
      )
      expect(one.length).toBeGreaterThan(0)
      for (const passkey of one)
        expect(passkey).toMatchObject({ id: expect.stringMatching(/^[\w-]{22,43}$/), type: 'public-key' })
      expect(new Set(one.map(({ id }: { id: string }) => id)).size).toBe(one.length)
      expect(again).toEqual(one)
      expect(spelled).toEqual(one)
    }
  })

  it('answers unknown accounts with one, two or three passkeys, as accounts have them', async () => {
    const { person } = await holder()
    await addPasskey(person.client, new Authenticator())
    const countOf = async (identifier: string): Promise<number> =>
      (await world.client().post(BEGIN, { identifier })).data.options.allowCredentials.length
    expect(await countOf(person.email)).toBe(2)
    const counts = await Promise.all(Array.from({ length: 60 }, (_, n) => countOf(`unknown${n}@example.com`)))
    expect([...new Set(counts)].sort()).toEqual([1, 2, 3])
  })
})

describe('what is refused', () => {
  it.each([
    ['another origin', { origin: 'http://evil.localhost:4000' }],
    ['another relying party', { rpId: 'example.com' }],
    ['a registration instead', { type: 'webauthn.create' }],
    ['no user present', { flags: { up: false } }],
    ['a challenge that was made up', { challenge: 'AAAA' }],
    ['the handle of another user', { userHandle: 'AAAA' }],
    ['no handle, where no account was named', { userHandle: null }],
    ['a frame of another site', { clientData: { crossOrigin: true, topOrigin: 'https://evil.example' } }],
    ['another backup eligibility', { flags: { be: false, bs: false } }],
  ])('%s', async (_, ceremony) => {
    const { person, authenticator } = await holder()
    const refused = await signInByPasskey(world.client(), authenticator, ceremony)
    expect(refused.code).toBe('AUTHENTICATION_FAILED')
    expect((await lastEvent(person.id, 'auth.login.failure'))?.details).toMatchObject({
      login_method: 'passkey',
      reason: 'wrong_assertion',
    })
  })

  it('a signature of another key, and one that was changed', async () => {
    const { authenticator, passkey } = await holder()
    const { passkey: foreign } = await holder()
    const client = world.client()
    const swapped = await assertPasskey(client, authenticator, {
      by: { ...passkey, privateKey: foreign.privateKey },
    })
    expect((await client.post(COMPLETE, { credential: swapped })).code).toBe('AUTHENTICATION_FAILED')
    const credential = await assertPasskey(client, authenticator)
    const signature = credential.response.signature.replace(/.{6}$/, 'AAAAAA')
    const changed = { ...credential, response: { ...credential.response, signature } }
    expect((await client.post(COMPLETE, { credential: changed })).code).toBe('AUTHENTICATION_FAILED')
    expect((await client.post(COMPLETE, { credential })).status).toBe(200)
  })

  it('a challenge of another browser, of a registration, and one without the cookie', async () => {
    const { person, authenticator } = await holder()
    const credential = await assertPasskey(world.client(), authenticator)
    const other = world.client()
    await other.post(BEGIN)
    expect((await other.post(COMPLETE, { credential })).code).toBe('AUTHENTICATION_FAILED')
    expect((await world.client().post(COMPLETE, { credential })).code).toBe('AUTHENTICATION_FAILED')
    const { challenge } = (await person.client.post('/api/v1/auth/passkeys/register/begin')).data.options
    const replayed = await signInByPasskey(world.client(), authenticator, { challenge })
    expect(replayed.code).toBe('AUTHENTICATION_FAILED')
  })

  it('a second use: of a hundred answers one signs in, and failures lock no account out', async () => {
    const { person, authenticator } = await holder()
    const client = world.client()
    const credential = await assertPasskey(client, authenticator)
    const cookie = [...client.cookies].map((pair) => pair.join('=')).join('; ')
    const replies = await Promise.all(
      Array.from({ length: 100 }, () =>
        world.client().post(COMPLETE, { credential }, { headers: { cookie } }),
      ),
    )
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(replies.filter(({ code }) => code === 'AUTHENTICATION_FAILED')).toHaveLength(99)
    await expect(world.client().signIn(person.email, person.password)).rejects.toThrow('MFA_REQUIRED')
    expect((await signInByPasskey(world.client(), authenticator)).status).toBe(200)
  })

  it('an expired challenge', async () => {
    const { authenticator } = await holder()
    const client = world.client()
    const credential = await assertPasskey(client, authenticator)
    await world.clock.advance('10 minutes')
    expect((await client.post(COMPLETE, { credential })).code).toBe('AUTHENTICATION_FAILED')
  })

  it('an unknown passkey, and one that was removed', async () => {
    const { person, authenticator, id } = await holder()
    await person.client.delete(`/api/v1/auth/passkeys/${id}`)
    const removed = await signInByPasskey(world.client(), authenticator)
    expect(removed.code).toBe('AUTHENTICATION_FAILED')
    const unknown = new Authenticator()
    unknown.create({ rp: { id: 'localhost' }, user: { id: 'AAAA' }, challenge: 'AAAA' }, { origin })
    const refused = await signInByPasskey(world.client(), unknown)
    expect({ ...refused.body.error, request_id: null }).toEqual({ ...removed.body.error, request_id: null })
  })

  it('a user who is disabled or locked, at once', async () => {
    const [administrator] = await world.people([{ roles: ['super_admin'] }])
    for (const [path, code] of [
      ['disable', 'ACCOUNT_DISABLED'],
      ['lock', 'ACCOUNT_LOCKED'],
    ]) {
      const { person, authenticator } = await holder()
      const done = await administrator?.client.post(`/api/v1/users/${person.id}/${path}`, {})
      expect(done?.status).toBe(200)
      expect((await signInByPasskey(world.client(), authenticator)).code).toBe(code)
    }
  })
})

describe('a counter', () => {
  it('increases; one that does not is that of a copy, which is refused from then on', async () => {
    const { person, authenticator, id, passkey } = await holder(
      new Authenticator({ isCounting: true, flags: { be: false, bs: false } }),
    )
    expect((await signInByPasskey(world.client(), authenticator)).status).toBe(200)
    expect(await stored(id)).toMatchObject({ counter: 2 })
    const refused = await signInByPasskey(world.client(), authenticator, { counter: 2 })
    expect(refused.code).toBe('AUTHENTICATION_FAILED')
    expect((await lastEvent(person.id, 'auth.passkey.counter_regressed'))?.details).toEqual({
      factor_id: id,
      stored: 2,
      sent: 2,
    })
    const email = await world.mailbox.emailTo(person.email, /was refused/)
    expect(email.text).toContain('copy')
    expect((await stored(id)).flagged_at).not.toBeNull()
    expect((await signInByPasskey(world.client(), authenticator, { counter: 99 })).code).toBe(
      'AUTHENTICATION_FAILED',
    )
    expect((await person.client.get('/api/v1/auth/passkeys')).data).toMatchObject([{ id, suspended: true }])
    expect(passkey.id).toBeDefined()
  })

  it('of two answers with the same one, sent at once, one signs in', async () => {
    const { authenticator, id } = await holder(
      new Authenticator({ isCounting: true, flags: { be: false, bs: false } }),
    )
    const clients = Array.from({ length: 10 }, () => world.client())
    const credentials = await Promise.all(
      clients.map((client) => assertPasskey(client, authenticator, { counter: 50 })),
    )
    const replies = await Promise.all(
      clients.map((client, n) => client.post(COMPLETE, { credential: credentials[n] })),
    )
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    expect((await stored(id)).flagged_at).not.toBeNull()
  })

  it('that was forged is not reported: the signature is verified first', async () => {
    const { person, authenticator, id } = await holder(
      new Authenticator({ isCounting: true, flags: { be: false, bs: false } }),
    )
    const { passkey: foreign } = await holder()
    const [own] = authenticator.passkeys
    if (!own) throw new Error('no passkey')
    const by = { ...own, privateKey: foreign.privateKey }
    const refused = await signInByPasskey(world.client(), authenticator, { counter: 0, by })
    expect(refused.code).toBe('AUTHENTICATION_FAILED')
    expect((await stored(id)).flagged_at).toBeNull()
    expect(await world.events(person.id)).not.toContain('auth.passkey.counter_regressed')
  })
})

describe('related origins', () => {
  it('are published without a credential, for every script', async () => {
    const reply = await world
      .client()
      .get('/.well-known/webauthn', { headers: { origin: 'https://other.example' } })
    expect(reply.body).toEqual({ origins: [origin] })
    expect(reply.headers.get('access-control-allow-origin')).toBe('*')
  })

  it('may run a ceremony, and no other origin', async () => {
    const shop = 'https://shop.example'
    const related = await startWorld({ passkeyOrigins: [shop] })
    try {
      const [person] = (await related.people(1)) as [Person]
      const authenticator = new Authenticator()
      await addPasskey(person.client, authenticator)
      expect((await related.client().get('/.well-known/webauthn')).body.origins).toEqual([
        related.config.publicUrl,
        shop,
      ])
      expect((await signInByPasskey(related.client(), authenticator, { origin: shop })).status).toBe(200)
      const refused = await signInByPasskey(related.client(), authenticator, {
        origin: 'http://shop.example',
      })
      expect(refused.code).toBe('AUTHENTICATION_FAILED')
    } finally {
      await related.stop()
    }
  })
})

it('a server without a domain has no passkeys', async () => {
  const numeric = await startWorld({ publicUrl: 'http://127.0.0.1:4000' })
  try {
    const refused = await numeric.client().post(BEGIN)
    expect(refused.body.error).toMatchObject({ code: 'CONFLICT', details: { reason: 'no_passkeys' } })
    expect((await numeric.client().get('/.well-known/webauthn')).body).toEqual({ origins: [] })
  } finally {
    await numeric.stop()
  }
})
