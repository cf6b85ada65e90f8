/** Keys of ID tokens: created at the first demand, rotated by themselves, and no keys of access tokens. */
import { createPublicKey, type JsonWebKey, verify } from 'node:crypto'
import { accessTokens } from '@latchkey/guard'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemCall } from '../../base/call.ts'
import { type Clock, systemClock } from '../../base/clock.ts'
import { keyring } from '../../base/crypto.ts'
import type { Database } from '../../base/db/database.ts'
import { openTestDatabase, quietLog } from '../../testing/database.ts'
import { createJobs, type Jobs } from '../jobs/index.ts'
import { createKeys, type Keys, type KeysConfig, LONGEST_ID_TOKEN, resealKeys } from './index.ts'
import { generateSealedPair, unsealKey } from './material.ts'

const SECRET = 'a secret of the tests, thirty-two characters'
const OTHER = 'another secret of the tests, also long enough'
const MINUTE = 60_000
const DAY = 86_400_000
const config: KeysConfig = {
  tokenAlgorithm: 'ES256',
  tokenSecret: null,
  keyRotation: 30 * DAY,
  keyLead: 10 * MINUTE,
  accessTokenLifetime: 60 * MINUTE,
}
const SHARED = {
  tokenAlgorithm: 'HS256',
  tokenSecret: 'a shared secret of the tests, long enough',
} as const

let db: Database
let clock: ReturnType<typeof systemClock>
let jobs: Jobs
let opened: Keys[]
beforeEach(async () => {
  db = await openTestDatabase()
  clock = systemClock()
  jobs = createJobs({ db, clock, log: quietLog })
  opened = []
})
afterEach(async () => {
  for (const keys of opened) await keys.close()
  await db.close()
})

/** A node; of the nodes of a test, one has the jobs that `advance` runs. */
async function open(changes: Partial<KeysConfig> = {}, ring = keyring(SECRET), of?: Jobs): Promise<Keys> {
  const own = of ?? createJobs({ db, clock, log: quietLog })
  const keys = createKeys({ db, clock, keyring: ring, jobs: own, log: quietLog, config: { ...config, ...changes } })
  await keys.open()
  opened.push(keys)
  return keys
} // biome-ignore format: a call
const advance = async (milliseconds: number): Promise<void> => {
  clock.advance(milliseconds)
  await jobs.settle()
}
const rows = () => db.tx('system', (tx) => tx.selectFrom('signing_keys').selectAll().execute())
const events = () =>
  db.tx('system', (tx) =>
    tx.selectFrom('audit_events').select(['event_type as type', 'details']).where('event_type', 'like', 'keys.%').orderBy('id').execute(),
  ) // biome-ignore format: a query

const inAnHour = (of: Pick<Clock, 'now'> = clock): number =>
  Math.floor((of.now().getTime() + LONGEST_ID_TOKEN) / 1000)
const signed = (keys: Keys, algorithm: 'RS256' | 'ES256', claims: object = {}): Promise<string> =>
  keys.signIdToken(algorithm, 'JWT', { exp: inAnHour(), ...claims }, clock.now())
const headOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())
const kidOf = (token: string): string => headOf(token).kid
const publishedKids = (keys: Keys) => keys.published().keys.map(({ kid }) => kid as string)

function isSignedBy(token: string, jwk: JsonWebKey | null | undefined): boolean {
  if (!jwk) return false
  const [head, body, signature = ''] = token.split('.')
  const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' as const }
  return verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))
}
/** As a client checks an ID token. */
const isPublished = (keys: Keys, token: string): boolean =>
  isSignedBy(
    token,
    keys.published().keys.find(({ kid }) => kid === kidOf(token)),
  )

describe('keys of ID tokens', () => {
  it('are not created by a start, a job or a rotation before they are demanded', async () => {
    const keys = await open({}, keyring(SECRET), jobs)
    await advance(31 * DAY)
    await keys.rotate(systemCall(clock.now()), { immediately: false })
    expect(new Set((await rows()).map(({ line }) => line))).toEqual(new Set(['access_token']))
  })

  it.each(['RS256', 'ES256'] as const)('sign with %s, and are published', async (algorithm) => {
    const keys = await open()
    const token = await signed(keys, algorithm, { sub: 'usr_1' })
    expect(headOf(token)).toEqual({ alg: algorithm, typ: 'JWT', kid: expect.stringMatching(/^sig_/) })
    expect(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())).toMatchObject({ sub: 'usr_1' })
    expect(isPublished(keys, token)).toBe(true)
    const jwk = keys.published().keys.find(({ kid }) => kid === kidOf(token))
    expect(jwk).toMatchObject({ alg: algorithm, use: 'sig', kty: algorithm === 'RS256' ? 'RSA' : 'EC' })
    for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi']) expect(jwk).not.toHaveProperty(secret)
    const logout = await keys.signIdToken(algorithm, 'logout+jwt', { exp: inAnHour() }, clock.now())
    expect(headOf(logout)).toEqual({ ...headOf(token), typ: 'logout+jwt' })
    for (const row of await rows()) expect(row.sealed_private).toMatch(/^v1\./)
  }) // biome-ignore format: a test

  it('verify no access token, of any type and with any claims', async () => {
    const keys = await open()
    let changes = 0
    keys.onChange(() => {
      changes += 1
    })
    const [issuer, audience] = ['https://id.example.com', 'https://id.example.com']
    const seconds = Math.floor(clock.now().getTime() / 1000)
    const claims = { iss: issuer, aud: audience, sub: 'usr_1', jti: 'tok_1', roles: [], permissions: [], iat: seconds, auth_time: seconds, exp: seconds + 600 }
    const now = () => clock.now().getTime()
    const outcome = (token: string) => accessTokens({ issuer, audience, keys: keys.verifiers(), now }).check(token)
    expect(outcome(keys.sign('at+jwt', claims, clock.now()))).not.toHaveProperty('code')
    for (const algorithm of ['RS256', 'ES256'] as const)
      for (const typ of ['JWT', 'at+jwt']) {
        const token = await keys.signIdToken(algorithm, typ, claims, clock.now())
        expect([typ, outcome(token)]).toMatchObject([typ, { code: 'INVALID_TOKEN' }])
      }
    expect(keys.verifiers()).toHaveLength(1)
    expect(keys.published().keys).toHaveLength(3)
    // those who check access tokens have nothing to fetch
    expect(changes).toBe(0)
    expect(headOf(keys.sign('at+jwt', {}, clock.now())).kid).toBe(keys.verifiers()[0]?.kid)
  }) // biome-ignore format: claims

  it.each(['RS256', 'ES256'] as const)('are created once by requests of several nodes: %s', async (algorithm) => {
    const nodes = await Promise.all([open(), open(), open()])
    const tokens = await Promise.all(nodes.flatMap((keys) => Array.from({ length: 6 }, () => signed(keys, algorithm))))
    expect(new Set(tokens.map(kidOf)).size).toBe(1)
    expect((await rows()).filter(({ line }) => line === 'id_token')).toHaveLength(1)
    for (const keys of nodes) for (const token of tokens) expect(isPublished(keys, token)).toBe(true)
    expect(await events()).toEqual([])
  }) // biome-ignore format: a test

  it('are created ahead by a demand, which other nodes hear of', async () => {
    const [one, two] = [await open(), await open()]
    await Promise.all([one.demand('RS256'), one.demand('RS256')])
    const kid = (await rows()).find(({ line }) => line === 'id_token')?.kid ?? ''
    await expect.poll(() => publishedKids(two)).toContain(kid)
    expect(kidOf(await signed(two, 'RS256'))).toBe(kid)
    await two.demand('RS256')
    expect(await rows()).toHaveLength(2)
  })

  it('are demanded again after a failure', async () => {
    const ring = keyring(SECRET)
    let isFailing = false
    const encrypt: typeof ring.encrypt = (purpose, text) => {
      if (isFailing) throw new Error('interrupted')
      return ring.encrypt(purpose, text)
    }
    const keys = await open({}, { ...ring, encrypt })
    isFailing = true
    const failed = await Promise.allSettled([signed(keys, 'ES256'), signed(keys, 'ES256'), keys.demand('ES256')])
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    isFailing = false
    expect(isPublished(keys, await signed(keys, 'ES256'))).toBe(true)
    expect(await rows()).toHaveLength(2)
  }) // biome-ignore format: a test

  it('are the same after a restart', async () => {
    const before = await open()
    const token = await signed(before, 'RS256')
    await before.close()
    const after = await open()
    expect(isPublished(after, token)).toBe(true)
    expect(kidOf(await signed(after, 'RS256'))).toBe(kidOf(token))
    expect(await rows()).toHaveLength(2)
  })

  it('sign nothing that outlives them', async () => {
    const keys = await open()
    const late = { exp: inAnHour() + 1 }
    await expect(keys.signIdToken('ES256', 'JWT', late, clock.now())).rejects.toThrow('outlive')
    expect(await rows()).toHaveLength(1)
  })

  it('of RSA sign on the thread pool, those of a curve at once', async () => {
    const ring = keyring(SECRET)
    const [rsa, curve] = [await generateSealedPair(ring, 'RS256'), await generateSealedPair(ring, 'ES256')]
    expect(unsealKey(ring, rsa).signEventually(Buffer.from('x'))).toBeInstanceOf(Promise)
    expect(unsealKey(ring, curve).signEventually(Buffer.from('x'))).toBeInstanceOf(Buffer)
  })
})

describe('the rotation of keys of ID tokens', () => {
  it('is that of each algorithm by itself, and of no access token', async () => {
    const keys = await open({}, keyring(SECRET), jobs)
    const other = await open()
    const rsa = kidOf(await signed(keys, 'RS256'))
    await advance(15 * DAY)
    const curve = kidOf(await signed(keys, 'ES256'))
    await advance(15 * DAY + MINUTE)
    // the key of access tokens is as old as that of RSA
    await expect.poll(() => keys.published().keys.length).toBe(5)
    expect([kidOf(await signed(keys, 'RS256')), kidOf(await signed(keys, 'ES256'))]).toEqual([rsa, curve])
    await advance(11 * MINUTE)
    const token = await signed(keys, 'RS256')
    expect(kidOf(token)).not.toBe(rsa)
    expect(kidOf(await signed(keys, 'ES256'))).toBe(curve)
    await expect.poll(() => isPublished(other, token)).toBe(true)
    const scheduled = (await events()).filter(({ type }) => type === 'keys.rotated')
    expect(scheduled.map(({ details }) => details)).toEqual([
      expect.objectContaining({ line: 'access_token', algorithm: 'ES256' }),
      expect.objectContaining({
        line: 'id_token',
        algorithm: 'RS256',
        immediately: false,
        kid: kidOf(token),
      }),
    ])
  })

  it('keeps a key published for the hour of its last token, and finds it while it is listed', async () => {
    // that of access tokens is kept for another time
    const keys = await open({ accessTokenLifetime: 5 * MINUTE }, keyring(SECRET), jobs)
    const kid = kidOf(await signed(keys, 'ES256'))
    const stage = async () => (await keys.list(clock.now())).find((key) => key.kid === kid)?.stage
    await keys.rotate(systemCall(clock.now()), { immediately: false })
    await advance(10 * MINUTE - 1000)
    const last = await signed(keys, 'ES256')
    expect(kidOf(last)).toBe(kid)
    await advance(MINUTE)
    expect([kidOf(await signed(keys, 'ES256')) === kid, await stage()]).toEqual([false, 'retired'])
    await advance(58 * MINUTE)
    expect([isPublished(keys, last), isSignedBy(last, await keys.findVerifier(kid))]).toEqual([true, true])
    await advance(10 * MINUTE)
    await expect.poll(() => publishedKids(keys)).not.toContain(kid)
    // an id_token_hint may have expired
    expect([isSignedBy(last, await keys.findVerifier(kid)), await stage()]).toEqual([true, 'removed'])
    const removed = (await events()).filter(({ type }) => type === 'keys.removed')
    expect(removed.map(({ details }) => details)).toContainEqual({ kid, line: 'id_token' })
    await advance(91 * DAY)
    expect([await keys.findVerifier(kid), await stage()]).toEqual([null, undefined])
  })

  it('finds no key of access tokens and no other text', async () => {
    const keys = await open()
    await signed(keys, 'ES256')
    const access = kidOf(keys.sign('at+jwt', {}, clock.now()))
    await keys.rotate(systemCall(clock.now()), { immediately: true })
    const unknown = `sig_${'0'.repeat(32)}`
    for (const kid of [access, kidOf(keys.sign('at+jwt', {}, clock.now())), unknown, '', 'sig_', `${unknown}'`, 'x'.repeat(9999)])
      expect([kid, await keys.findVerifier(kid)]).toEqual([kid, null])
  }) // biome-ignore format: a test

  it('finds the key of another node that this one has not heard of', async () => {
    const [one, two] = [await open(), await open()]
    const token = await signed(one, 'ES256')
    expect(isSignedBy(token, await two.findVerifier(kidOf(token)))).toBe(true)
  })

  it('by command is of all lines, with an event for each', async () => {
    const keys = await open()
    const other = await open()
    const before = [await signed(keys, 'RS256'), await signed(keys, 'ES256')]
    const view = await keys.rotate(systemCall(clock.now()), { immediately: true })
    expect(view).toMatchObject({ line: 'access_token', algorithm: 'ES256', stage: 'active' })
    for (const token of before) expect(isPublished(keys, token)).toBe(false)
    await expect.poll(() => publishedKids(other).length).toBe(3)
    const after = [await signed(other, 'RS256'), await signed(other, 'ES256')]
    expect(publishedKids(keys).sort()).toEqual([view.kid, ...after.map(kidOf)].sort())
    const rotated = (await events()).map(({ details }) => details as Record<string, unknown>)
    expect(rotated.map(({ line, algorithm }) => [line, algorithm])).toEqual([
      ['access_token', 'ES256'], ['id_token', 'RS256'], ['id_token', 'ES256'],
    ])
    expect(rotated.slice(1).map(({ removed }) => removed)).toEqual(before.map((token) => [kidOf(token)]))
  }) // biome-ignore format: pairs

  it('while tokens are signed leaves each of them with a key that is found, or one that it removed', async () => {
    const keys = await open()
    const other = await open()
    await keys.demand('RS256')
    const call = systemCall(clock.now())
    const work = Array.from({ length: 40 }, async (_, n) => {
      if (n === 10) await keys.rotate(call, { immediately: true }).catch(() => null)
      return signed(n % 2 === 0 ? keys : other, 'RS256')
    })
    const tokens = await Promise.all(work)
    const removed = new Set(
      (await rows()).flatMap(({ kid, removed_at }) => (removed_at === null ? [] : [kid])),
    )
    const left = tokens.filter((token) => !removed.has(kidOf(token)))
    expect(left.length).toBeGreaterThan(0)
    for (const token of left) expect(isSignedBy(token, await other.findVerifier(kidOf(token)))).toBe(true)
    // what the removed keys have signed counts for nothing
    for (const kid of removed) expect(await other.findVerifier(kid)).toBeNull()
    const active = (await keys.list(clock.now())).filter(({ stage }) => stage === 'active')
    expect(active.map(({ line }) => line).sort()).toEqual(['access_token', 'id_token'])
  })
})

describe('with a shared secret for access tokens', () => {
  it('ID tokens have key pairs, which alone are published and rotated', async () => {
    const keys = await open(SHARED, keyring(SECRET), jobs)
    const rotate = (immediately: boolean) => keys.rotate(systemCall(clock.now()), { immediately })
    await expect(rotate(true)).rejects.toMatchObject({ code: 'CONFLICT' })
    const access = keys.sign('at+jwt', {}, clock.now())
    const token = await signed(keys, 'ES256')
    expect(publishedKids(keys)).toEqual([kidOf(token)])
    const next = await rotate(false)
    expect(next).toMatchObject({ line: 'id_token', algorithm: 'ES256', stage: 'published' })
    await advance(11 * MINUTE)
    expect(kidOf(await signed(keys, 'ES256'))).toBe(next.kid)
    const last = await rotate(true)
    expect(last).toMatchObject({ line: 'id_token', algorithm: 'ES256', stage: 'active' })
    expect(publishedKids(keys)).toEqual([last.kid])
    expect(kidOf(keys.sign('at+jwt', {}, clock.now()))).toBe(kidOf(access))
    expect(keys.verifiers().map(({ kty }) => kty)).toEqual(['oct'])
  })
})

describe('a rotation of the server secret', () => {
  it('seals keys of ID tokens again, which sign throughout', async () => {
    const token = await signed(await open(), 'ES256')
    const during = await open({}, keyring(OTHER, SECRET))
    expect(kidOf(await signed(during, 'ES256'))).toBe(kidOf(token))
    expect(await resealKeys(db, keyring(OTHER, SECRET))).toEqual({ resealed: 2, unreadable: 0 })
    const after = await open({}, keyring(OTHER))
    expect(kidOf(await signed(after, 'ES256'))).toBe(kidOf(token))
    for (const { sealed_private } of await rows())
      expect(keyring(OTHER).isCurrent('keys', sealed_private)).toBe(true)
  })

  it('replaces what cannot be opened at the next demand, and leaves it to verify', async () => {
    const token = await signed(await open(), 'ES256')
    const moved = await open({}, keyring(OTHER))
    const next = await signed(moved, 'ES256')
    expect(kidOf(next)).not.toBe(kidOf(token))
    expect([isPublished(moved, token), isPublished(moved, next)]).toEqual([true, true])
  })
})
