/** Access and refresh tokens: concurrent refreshes, key rotation under load, every algorithm. */
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../packages/server/src/base/call.ts'
import { Client, type Json, type Reply } from '../packages/server/src/testing/client.ts'
import { testDatabaseKind } from '../packages/server/src/testing/database.ts'
import { type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'
import { asBearer, race, refreshAt, signIn, statusOf, type Tokens } from './tokens/refreshing.ts'

// fewer on PGlite, which runs on the thread of the server
const ROUNDS = testDatabaseKind() === 'pglite' ? 10 : 200

let world: World
let ada: Person
beforeAll(async () => {
  world = await startWorld()
  ada = await world.person({ email: 'ada@example.com', username: 'ada' })
})
afterAll(() => world.stop())

const me = (token: string, url = world.url) => statusOf(url, token)
const decode = (part = ''): Json => JSON.parse(Buffer.from(part, 'base64url').toString())

describe('a refresh token used by many concurrent requests', () => {
  it(`is used once and returns the same successor to a hundred requests, ${ROUNDS} times`, {
    timeout: 600_000,
  }, async () => {
    const tokens = await signIn(world.url, ada)
    await race([world.url], world.db, tokens, ROUNDS)
    expect(await me(tokens.token)).toBe(200)
    expect(await world.events(ada.id)).not.toContain('auth.token.reuse')
  })

  it('is reused after the grace period: its family is revoked, once', async () => {
    const eve = await world.person({ email: 'eve@example.com' })
    const first = await signIn(world.url, eve)
    const second = (await refreshAt(world.url, first.refresh_token)).data as Tokens
    await world.clock.advance('11 seconds')
    const replies = await Promise.all(
      Array.from({ length: 30 }, () => refreshAt(world.url, first.refresh_token)),
    )
    expect(new Set(replies.map(({ status, code }) => `${status} ${code}`))).toEqual(
      new Set(['401 INVALID_TOKEN']),
    )
    expect((await refreshAt(world.url, second.refresh_token)).status).toBe(401)
    expect([await me(second.access_token), await me(first.token)]).toEqual([401, 401])
    const events = await world.events(eve.id)
    expect(events.filter((type) => type === 'auth.token.reuse')).toHaveLength(1)
    expect(await world.mailbox.emailsTo(eve.email)).toHaveLength(
      (await world.mailbox.emailsTo(eve.email)).filter(({ subject }) => !/was ended/.test(subject)).length +
        1,
    )
  })

  it('returns no usable tokens if its session ends or its family is revoked meanwhile', async () => {
    for (let round = 0; round < 5; round++) {
      const tokens = await signIn(world.url, ada)
      const client = new Client(world.url, { headers: { authorization: `Bearer ${tokens.token}` } })
      const [replies] = await Promise.all([
        Promise.all(Array.from({ length: 20 }, () => refreshAt(world.url, tokens.refresh_token))),
        round % 2 ? client.post('/api/v1/auth/logout') : client.delete('/api/v1/auth/tokens'),
      ])
      for (const { status, data } of replies) {
        if (status !== 200) continue
        expect(await me(data.access_token)).toBe(401)
        expect((await refreshAt(world.url, data.refresh_token)).status).toBe(401)
      }
    }
  })

  it('returns no usable tokens if all tokens are revoked meanwhile, even in the next second', async () => {
    const tokens = await signIn(world.url, ada)
    const client = new Client(world.url, { headers: { authorization: `Bearer ${tokens.token}` } })
    const { done, release } = await lockFamilies(ada.id)
    const revoking = client.delete('/api/v1/auth/tokens')
    await setTimeout(50)
    // the request comes after the revocation but reads the family as it was before
    world.app.tools.clock.advance(2000)
    const refreshing = refreshAt(world.url, tokens.refresh_token)
    await setTimeout(50)
    release()
    await done
    expect((await revoking).status).toBe(200)
    const { status, data } = await refreshing
    if (status === 200) expect(await me(data.access_token)).toBe(401)
    expect((await refreshAt(world.url, data?.refresh_token ?? tokens.refresh_token)).status).toBe(401)
  })

  it('is refused if its family is revoked between the read and the use of the token', async () => {
    const tokens = await signIn(world.url, ada)
    let refreshing: Promise<Reply> | null = null
    await world.db.tx('system', async (tx) => {
      await tx
        .updateTable('token_families')
        .set({ revoked_at: world.clock.now(), revoke_reason: 'revoked' })
        .where('session_id', '=', tokens.session.id)
        .execute()
      refreshing = refreshAt(world.url, tokens.refresh_token)
      await setTimeout(50)
    })
    expect(await refreshing).toMatchObject({ status: 401, code: 'INVALID_TOKEN' })
  })
})

/** Locks a user's token families against writes (`for share`). */
async function lockFamilies(userId: string): Promise<{ done: Promise<void>; release: () => void }> {
  let release = (): void => {}
  const over = new Promise<void>((resolve) => {
    release = resolve
  })
  let done: Promise<void> = Promise.resolve()
  await new Promise<void>((begun) => {
    done = world.db.tx('system', async (tx) => {
      await tx.selectFrom('token_families').select('id').where('user_id', '=', userId).forShare().execute()
      begun()
      await over
    })
  })
  return { done, release }
}

describe('signing keys that change', () => {
  it('fail no sign-in, refresh or call under load', { timeout: 120_000 }, async () => {
    const { keys, clock } = world.app.tools
    let tokens = await signIn(world.url, ada)
    let isOver = false
    let calls = 0
    const failures: string[] = []
    const load = async (): Promise<void> => {
      while (!isOver) {
        calls += 1
        const { status, text } = await asBearer(world.url, tokens.access_token)
        if (status !== 200) failures.push(text)
      }
    }
    const refreshing = async (): Promise<void> => {
      while (!isOver) {
        const { status, data, text } = await refreshAt(world.url, tokens.refresh_token)
        if (status === 200) tokens = data
        else failures.push(text)
      }
    }
    const running = [load(), load(), load(), load(), refreshing()]
    for (let n = 0; n < 8; n++) {
      await keys.rotate(systemCall(clock.now()), { immediately: false })
      // past the lead time: the next key signs, and the first ones are removed in the end
      await world.clock.advance('11 minutes')
    }
    isOver = true
    await Promise.all(running)
    expect(failures).toEqual([])
    expect(calls).toBeGreaterThan(50)
  })

  it('are published as a JWK set that any cache may store for five minutes', async () => {
    const first = await world
      .client()
      .get('/.well-known/jwks.json', { headers: { origin: 'https://app.example' } })
    expect(first.headers.get('cache-control')).toBe('public, max-age=300')
    expect(first.headers.get('access-control-allow-origin')).toBe('*')
    const etag = first.headers.get('etag') ?? ''
    const again = await world.client().get('/.well-known/jwks.json', { headers: { 'if-none-match': etag } })
    expect([again.status, again.text]).toEqual([304, ''])
    for (const key of first.body.keys) {
      expect(key).toMatchObject({
        kty: 'EC',
        crv: 'P-256',
        use: 'sig',
        alg: 'ES256',
        kid: expect.any(String),
      })
      expect(key).not.toHaveProperty('d')
    }
    await world.app.tools.keys.rotate(systemCall(world.clock.now()), { immediately: false })
    const changed = await world.client().get('/.well-known/jwks.json', { headers: { 'if-none-match': etag } })
    expect(changed.status).toBe(200)
  })
})

describe('the other algorithms', () => {
  it.each(['RS256', 'EdDSA', 'HS256'] as const)(
    '%s signs, is checked, and publishes no secret',
    async (alg) => {
      const secret = 'a shared secret of the tests, long enough'
      const other = await startWorld({
        tokenAlgorithm: alg,
        ...(alg === 'HS256' ? { tokenSecret: secret } : {}),
      })
      try {
        const bea = await other.person({ email: 'bea@example.com' })
        const { access_token, refresh_token } = await signIn(other.url, bea)
        expect(decode(access_token.split('.')[0]).alg).toBe(alg)
        expect(await me(access_token, other.url)).toBe(200)
        expect(await me((await refreshAt(other.url, refresh_token)).data.access_token, other.url)).toBe(200)
        const { body, text } = await other.client().get('/.well-known/jwks.json')
        expect(body.keys).toHaveLength(alg === 'HS256' ? 0 : 1)
        expect(text).not.toMatch(/"(?:d|k|p|q)"/)
      } finally {
        await other.stop()
      }
    },
  )
})
