/**
 * The `latchkey` method with the session cookie of the server and CSRF tokens; and clocks of guard and server that
 * differ: what the server says is compared with the server's time and with the order in which it arrived.
 */
import { describe, expect, it } from 'vitest'
import { apiKey, custom, jwt, latchkey, session } from './index.ts'
import { asked, eachTestHasACounterpart, live, make, server, statusOf } from './testing/consumers.ts'
import { opaqueOf } from './testing/counterpart.ts'
import { type Probe, probe, type SendOptions } from './testing/probe.ts'
import { until, withinASecond } from './testing/waiting.ts'

eachTestHasACounterpart()

const cookieOf = (token: string): string => `theme=dark; lk_session=${token}`
const send = async (consumer: Probe, headers: Record<string, string>, options: SendOptions = {}) => {
  const { status, code } = await consumer.send({ host: 'app.test', ...headers }, options)
  return code ?? status
}

describe('the session cookie', () => {
  it('is validated by the server, and its answer is remembered while the stream is connected', async () => {
    const consumer = await live()
    const cookie = cookieOf(opaqueOf(server, 'session'))
    for (let i = 0; i < 3; i++) {
      const { principal } = await consumer.send({ cookie })
      expect(principal).toMatchObject({ userId: 'usr_1', method: 'session', sessionId: 'ses_1' })
    }
    expect(asked()).toBe(1)
  })

  it('has the level, the methods and the time of its proofs', async () => {
    const consumer = make()
    const proven = { amr: ['pwd', 'otp', 'mfa'], acr: 'aal2', authenticated_at: '2030-06-01T12:00:00.000Z' }
    const cookie = cookieOf(opaqueOf(server, 'session', proven))
    const authenticatedAt = new Date(proven.authenticated_at)
    expect((await consumer.send({ cookie })).principal).toMatchObject({
      amr: ['pwd', 'otp', 'mfa'],
      acr: 'aal2',
      authenticatedAt,
    })
    for (const acr of [undefined, null, 2]) {
      const odd = cookieOf(opaqueOf(server, 'session', { acr: acr as null }))
      expect((await consumer.send({ cookie: odd })).principal).toMatchObject({ acr: null })
    }
  })

  it('is validated for every request without a stream', async () => {
    const consumer = make()
    const token = opaqueOf(server, 'session')
    for (let i = 0; i < 2; i++) expect(await send(consumer, { cookie: cookieOf(token) })).toBe(200)
    server.forget(token)
    expect([await send(consumer, { cookie: cookieOf(token) }), asked()]).toEqual(['INVALID_TOKEN', 3])
  })

  it.each(['sid', 'sub'])('is refused within a second after its %s was revoked', async (kind) => {
    const consumer = await live()
    await withinASecond(async () => {
      const token = opaqueOf(server, 'session')
      expect(await send(consumer, { cookie: cookieOf(token) })).toBe(200)
      const value = kind === 'sid' ? 'ses_1' : 'usr_1'
      server.forget(token)
      server.revoke({ kind, value, before: kind === 'sub' ? Math.floor(Date.now() / 1000) : null })
      return async () => (await send(consumer, { cookie: cookieOf(token) })) === 'INVALID_TOKEN'
    })
  })

  it('needs no CSRF token for safe methods', async () => {
    const consumer = make()
    const cookie = cookieOf(opaqueOf(server, 'session'))
    for (const method of ['GET', 'HEAD', 'OPTIONS'])
      expect([method, await send(consumer, { cookie, origin: 'https://evil.example' }, { method })]).toEqual([
        method,
        200,
      ])
  })

  it('opens a WebSocket for pages of the same host only, which cannot send a CSRF token', async () => {
    const consumer = make()
    const upgrade = { cookie: cookieOf(opaqueOf(server, 'session')), upgrade: 'websocket' }
    expect(await send(consumer, { ...upgrade, origin: 'https://app.test' })).toBe(200)
    expect(await send(consumer, { ...upgrade, origin: 'https://evil.example' })).toBe('CSRF_FAILED')
  })

  it.each(['x-csrf-token', 'x-csrftoken'])(
    'needs the CSRF token of its session in %s for unsafe methods',
    async (name) => {
      for (const consumer of [make(), await live()]) {
        const cookie = cookieOf(opaqueOf(server, 'session'))
        for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
          const options = { method }
          expect(await send(consumer, { cookie, [name]: server.csrfToken }, options)).toBe(200)
          expect(await send(consumer, { cookie }, options)).toBe('CSRF_FAILED')
          const wrong = server.csrfToken.replace('m', 'x')
          expect(await send(consumer, { cookie, [name]: wrong }, options)).toBe('CSRF_FAILED')
          for (const malformed of ['', 'x', 'a.b.c', `${server.csrfToken} `.repeat(50)])
            expect(await send(consumer, { cookie, [name]: malformed }, options)).toBe('CSRF_FAILED')
        }
      }
    },
  )

  it('causes no request to the server where the CSRF token is missing or the origin is another', async () => {
    const consumer = make()
    const cookie = cookieOf(opaqueOf(server, 'session'))
    const token = { cookie, 'x-csrf-token': server.csrfToken }
    const post = { method: 'POST' }
    expect(await send(consumer, { cookie }, post)).toBe('CSRF_FAILED')
    for (const from of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
    ])
      expect([from, await send(consumer, { ...token, ...from }, post)]).toEqual([from, 'CSRF_FAILED'])
    expect(asked()).toBe(0)
    expect(await send(consumer, { ...token, origin: 'http://app.test' }, post)).toBe(200)
    expect(await send(consumer, { ...token, 'sec-fetch-site': 'same-origin' }, post)).toBe(200)
  })

  it('is accepted from other origins of the app', async () => {
    const consumer = make({ origins: ['https://app.example'] })
    const cookie = cookieOf(opaqueOf(server, 'session'))
    const headers = { cookie, 'x-csrf-token': server.csrfToken, 'sec-fetch-site': 'cross-site' }
    expect(await send(consumer, { ...headers, origin: 'https://app.example' }, { method: 'POST' })).toBe(200)
    expect(await send(consumer, { ...headers, origin: 'https://app.example.evil' }, { method: 'POST' })).toBe(
      'CSRF_FAILED',
    )
  })

  it('needs a CSRF token for each session, also where an earlier request was accepted', async () => {
    const consumer = await live()
    const [one, two] = [opaqueOf(server, 'session'), opaqueOf(server, 'session', { session_id: 'ses_2' })]
    const post = { method: 'POST' }
    expect(await send(consumer, { cookie: cookieOf(one), 'x-csrf-token': server.csrfToken }, post)).toBe(200)
    expect(await send(consumer, { cookie: cookieOf(two) })).toBe(200)
    server.csrfToken = server.csrfToken.replace('n', 'k')
    expect(
      await send(
        consumer,
        { cookie: cookieOf(two), 'x-csrf-token': server.csrfToken.replace('k', 'n') },
        post,
      ),
    ).toBe('CSRF_FAILED')
  })

  it('yields to an explicit credential, even to an invalid one', async () => {
    const consumer = make()
    const cookie = cookieOf(opaqueOf(server, 'session'))
    expect(await send(consumer, { cookie, authorization: 'Bearer st_x' })).toBe('INVALID_TOKEN')
    const key = opaqueOf(server, 'api_key')
    const { principal } = await consumer.send({ cookie, 'x-api-key': key }, { method: 'POST' })
    expect(principal?.method).toBe('api_key')
  })

  const FOREIGN = [{ 'x-api-key': '0123' }, { authorization: 'Bearer 0123' }, { authorization: 'Digest a' }]

  it('is the credential beside header fields in a form that no method has, with its CSRF protection', async () => {
    const consumer = make()
    const cookie = cookieOf(opaqueOf(server, 'session'))
    for (const headers of [...FOREIGN, { ...FOREIGN[0], ...FOREIGN[1] }]) {
      const fields: Record<string, string> = { cookie, ...headers }
      expect([headers, await send(consumer, fields)]).toEqual([headers, 200])
      expect([headers, await send(consumer, fields, { method: 'POST' })]).toEqual([headers, 'CSRF_FAILED'])
      expect(await send(make({ cookie: false }), fields)).not.toBe(200)
      expect(await send(consumer, { ...fields, cookie: 'theme=dark' })).not.toBe(200)
    }
    const key = opaqueOf(server, 'api_key')
    expect(await send(consumer, { cookie, authorization: 'Bearer 0123', 'x-api-key': key })).toBe(
      'BAD_REQUEST',
    )
  })

  it('is not, where another method may read such a field', async () => {
    const cookie = cookieOf(opaqueOf(server, 'session'))
    const find = () => null
    const others = {
      apiKey: apiKey({ find, bearer: true }),
      session: session({ cookie: 'sid', find }),
      jwt: jwt({ issuer: null, audience: null, secret: 'x'.repeat(32), cookie: 'token' }),
      custom: custom(find),
    }
    for (const [name, method] of Object.entries(others)) {
      const consumer = probe({ methods: [latchkey({ issuer: server.issuer }), method] })
      const sent = { cookie, authorization: 'Bearer 0123' }
      expect([name, await send(consumer, sent)]).toEqual([name, expect.stringContaining('INVALID_')])
      consumer.guard.close()
    }
  })

  it.each(['', 'x', 'st_short', `st_${'a'.repeat(44)}`, 'eyJ.eyJ.x', `lk_live_${'a'.repeat(32)}`])(
    'is invalid where it is malformed, not absent: %j',
    async (value) => {
      const consumer = make()
      for (const rule of [{}, { optional: true }])
        expect(await send(consumer, { cookie: `lk_session=${value}` }, { rule })).toBe('INVALID_TOKEN')
      expect(asked()).toBe(0)
    },
  )

  it('is invalid where it was sent twice with different values', async () => {
    const [one, two] = [opaqueOf(server, 'session'), opaqueOf(server, 'session')]
    const consumer = make()
    expect(await send(consumer, { cookie: `lk_session=${one}; lk_session=${two}` })).toBe('INVALID_TOKEN')
    expect(await send(consumer, { cookie: `lk_session=${one}; lk_session=${one}` })).toBe(200)
  })

  it('is not read with cookie: false', async () => {
    const consumer = make({ cookie: false })
    expect(await send(consumer, { cookie: cookieOf(opaqueOf(server, 'session')) })).toBe(
      'AUTHENTICATION_REQUIRED',
    )
  })

  it('has the prefix __Host- where the issuer is https, and no other name is read', async () => {
    const consumer = probe({
      methods: [latchkey({ issuer: 'https://id.example', url: server.issuer })],
    })
    const token = opaqueOf(server, 'session')
    expect(await send(consumer, { cookie: `__Host-lk_session=${token}` })).toBe('INVALID_TOKEN')
    expect(asked()).toBe(1)
    expect(await send(consumer, { cookie: `lk_session=${token}` })).toBe('AUTHENTICATION_REQUIRED')
  })

  it('is answered with 503 where the server cannot be reached', async () => {
    const consumer = make({ timeout: 500 })
    const cookie = cookieOf(opaqueOf(server, 'session'))
    await server.fall()
    expect(await send(consumer, { cookie }, { rule: { optional: true } })).toBe('UNAVAILABLE')
  })
})

describe('a guard whose clock differs from that of the server', () => {
  it.each([120, -120, 3600])(
    'refuses the key and the session of a disabled user within a second: %i s',
    async (seconds) => {
      const consumer = await live({}, () => Date.now() + seconds * 1000)
      for (const kind of ['api_key', 'session'] as const)
        await withinASecond(async () => {
          const credential = opaqueOf(server, kind)
          expect(await statusOf(consumer, credential)).toBe(200)
          server.forget(credential)
          server.revoke({ kind: 'sub', value: 'usr_1', before: Math.floor(Date.now() / 1000) })
          return async () => (await statusOf(consumer, credential)) === 401
        })
    },
  )

  it('remembers an answer that is more recent than a revocation', async () => {
    const consumer = await live({}, () => Date.now() - 120_000)
    const token = await server.token({ jti: 't' })
    server.revoke({ kind: 'sub', value: 'usr_1', before: Math.floor(Date.now() / 1000) - 5 })
    server.revoke({ kind: 'jti', value: 't' })
    await until(async () => (await statusOf(consumer, token)) === 401)
    const key = opaqueOf(server, 'api_key')
    for (let i = 0; i < 3; i++) expect(await statusOf(consumer, key)).toBe(200)
    expect(asked()).toBe(1)
  })

  it('accepts a key that the server accepts, although its expiry is past by the clock of the guard', async () => {
    const key = opaqueOf(server, 'api_key', { expires_at: new Date(Date.now() + 60_000).toISOString() })
    const consumer = await live({}, () => Date.now() + 120_000)
    expect(await statusOf(consumer, key)).toBe(200)
  })

  it('does not remember an answer beyond its expiry at the server', async () => {
    let shift = -120_000
    const consumer = await live({ rememberFor: 60 }, () => Date.now() + shift)
    const key = opaqueOf(server, 'api_key', { expires_at: new Date(Date.now() + 10_000).toISOString() })
    expect([await statusOf(consumer, key), await statusOf(consumer, key), asked()]).toEqual([200, 200, 1])
    shift += 11_000
    await statusOf(consumer, key)
    expect(asked()).toBe(2)
  })

  it('does not remember an answer for longer where its clock is set back', async () => {
    let shift = 0
    const consumer = await live({}, () => Date.now() + shift)
    const key = opaqueOf(server, 'api_key')
    expect(await statusOf(consumer, key)).toBe(200)
    shift = -3_600_000
    await statusOf(consumer, key)
    expect(asked()).toBe(2)
  })

  it('accepts a fresh token of a server that is up to a minute ahead', async () => {
    const behind = async (seconds: number) => {
      const consumer = await live({}, () => Date.now() - seconds * 1000)
      return statusOf(consumer, await server.token())
    }
    expect([await behind(6), await behind(55), await behind(120)]).toEqual([200, 200, 401])
  })
})
