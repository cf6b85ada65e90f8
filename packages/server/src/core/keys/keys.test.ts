import { createPublicKey, verify } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../../base/call.ts'
import { systemClock } from '../../base/clock.ts'
import { keyring } from '../../base/crypto.ts'
import type { Database } from '../../base/db/database.ts'
import { openTestDatabase, quietLog } from '../../testing/database.ts'
import { createJobs, type Jobs } from '../jobs/index.ts'
import { createKeys, type Keys, type KeysConfig } from './index.ts'
import { activeOf, nextKeyAt, stageOf } from './stages.ts'

const at = (minutes: number) => new Date(Date.UTC(2030, 0, 1, 12, minutes))
const row = (kid: string, active: number, more: { retired?: number; removed?: number } = {}) => ({
  kid,
  line: 'access_token' as const,
  algorithm: 'ES256' as const,
  active_at: at(active),
  retired_at: more.retired === undefined ? null : at(more.retired),
  removed_at: more.removed === undefined ? null : at(more.removed),
})
const wanted = {
  line: 'access_token',
  algorithm: 'ES256',
  kid: null,
  rotation: 3_600_000,
  lead: 600_000,
} as const

describe('the stages of keys', () => {
  const keys = [
    row('next', 10),
    row('now', 0),
    row('old', -60, { retired: 0 }),
    row('gone', -120, { removed: 0 }),
  ]

  it('are derived from their times', () => {
    const stages = (minute: number) => keys.map((key) => stageOf(key, keys, at(minute)))
    expect(stages(5)).toEqual(['published', 'active', 'retired', 'removed'])
    expect(stages(10)).toEqual(['active', 'retired', 'retired', 'removed'])
  })

  it('have an active key also after the clock was set back, and none without keys', () => {
    expect(activeOf(keys, wanted, at(-1000))?.kid).toBe('old')
    expect(activeOf([row('gone', 0, { removed: 1 })], wanted, at(5))).toBeNull()
  })

  it.each([
    ['none yet', [], 0, at(0)],
    ['a young one', [row('a', 0)], 59, null],
    ['one that is due', [row('a', 0)], 60, at(70)],
    ['a successor that is published', [row('b', 70), row('a', 0)], 65, null],
    ['a removed one alone', [row('a', 0, { removed: 1 })], 2, at(2)],
  ] as const)('ask for a further key in time: %s', (_, those, minute, expected) => {
    expect(nextKeyAt(those, wanted, at(minute))).toEqual(expected)
  })

  it('require a key of another algorithm after the lead, and a secret immediately', () => {
    expect(nextKeyAt([row('a', 0)], { ...wanted, algorithm: 'RS256' }, at(1))).toEqual(at(11))
    expect(nextKeyAt([row('a', 0)], { ...wanted, algorithm: 'HS256', kid: 'sig_s' }, at(1))).toEqual(at(1))
    expect(nextKeyAt([row('sig_s', 0)], { ...wanted, kid: 'sig_s' }, at(1))).toBeNull()
  })
})

describe('the lines of keys', () => {
  const id = (kid: string, active: number, algorithm: 'RS256' | 'ES256') => ({
    ...row(kid, active),
    line: 'id_token' as const,
    algorithm,
  })
  const keys = [row('access', 0), id('rsa', 5, 'RS256'), id('rsa-next', 20, 'RS256'), id('ec', 10, 'ES256')]
  const lineOf = (algorithm: 'RS256' | 'ES256') => ({ ...wanted, line: 'id_token' as const, algorithm })

  it('have an active key each, and none succeeds a key of another line', () => {
    expect(keys.map((key) => stageOf(key, keys, at(15)))).toEqual(['active', 'active', 'published', 'active'])
    expect(keys.map((key) => stageOf(key, keys, at(30)))).toEqual(['active', 'retired', 'active', 'active'])
    expect(activeOf(keys, lineOf('ES256'), at(-9))?.kid).toBe('ec')
    expect(activeOf([row('access', 0)], lineOf('ES256'), at(9))).toBeNull()
  })

  it('are due by themselves', () => {
    expect(nextKeyAt(keys, wanted, at(60))).toEqual(at(70))
    expect(nextKeyAt(keys, lineOf('ES256'), at(69))).toBeNull()
    expect(nextKeyAt(keys, lineOf('ES256'), at(70))).toEqual(at(80))
    expect(nextKeyAt(keys, lineOf('RS256'), at(79))).toBeNull()
    expect(nextKeyAt([row('access', 0)], lineOf('RS256'), at(1))).toEqual(at(1))
  })

  it('of access tokens is one, whose algorithm may change; of ID tokens one for each algorithm', () => {
    const changed = [row('old', 0), { ...row('new', 10), algorithm: 'RS256' as const }]
    expect(activeOf(changed, wanted, at(11))?.kid).toBe('new')
    expect(nextKeyAt(changed, { ...wanted, algorithm: 'RS256' }, at(11))).toBeNull()
  })
})

describe('signing keys', () => {
  const SECRET = 'a secret of the tests, thirty-two characters'
  const config: KeysConfig = {
    tokenAlgorithm: 'ES256',
    tokenSecret: null,
    keyRotation: 30 * 86_400_000,
    keyLead: 600_000,
    accessTokenLifetime: 3_600_000,
  }
  const clock = systemClock()
  let db: Database
  let jobs: Jobs
  const opened: Keys[] = []
  beforeAll(async () => {
    db = await openTestDatabase()
    jobs = createJobs({ db, clock, log: quietLog })
  })
  afterAll(async () => {
    for (const keys of opened) await keys.close()
    await db.close()
  })
  const open = async (changes: Partial<KeysConfig> = {}, secret = SECRET, of?: Jobs): Promise<Keys> => {
    const own = of ?? createJobs({ db, clock, log: quietLog })
    const keys = createKeys({
      db,
      clock,
      keyring: keyring(secret),
      jobs: own,
      log: quietLog,
      config: { ...config, ...changes },
    })
    await keys.open()
    opened.push(keys)
    return keys
  }
  const headOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())
  const isGood = (keys: Keys, token: string): boolean => {
    const [head = '', body = '', signature = ''] = token.split('.')
    const jwk = keys.verifiers().find(({ kid }) => kid === headOf(token).kid)
    if (!jwk) return false
    const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' as const }
    return verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))
  }
  const advance = async (milliseconds: number) => {
    clock.advance(milliseconds)
    await jobs.settle()
  }
  const minute = 60_000
  let first: Keys

  it('are created once by concurrent starts, and sealed', async () => {
    const [one] = await Promise.all([open({}, SECRET, jobs), ...Array.from({ length: 7 }, () => open())])
    if (!one) throw new Error('none')
    first = one
    const rows = await db.tx('system', (tx) => tx.selectFrom('signing_keys').selectAll().execute())
    expect(rows).toHaveLength(1)
    expect(rows[0]?.sealed_private).toMatch(/^v1\./)
    expect(JSON.stringify(rows)).not.toMatch(/PRIVATE|"d"/)
  })

  it('are published before they sign and until the last token that they signed has expired', async () => {
    const token = first.sign('at+jwt', { n: 1 }, clock.now())
    const old = headOf(token).kid
    const { kid } = await first.rotate(systemCall(clock.now()), { immediately: false })
    expect(first.published().keys.map((key) => key.kid)).toEqual(expect.arrayContaining([old, kid]))
    await advance(9 * minute)
    expect(headOf(first.sign('at+jwt', {}, clock.now())).kid).toBe(old)
    await advance(2 * minute)
    const last = first.sign('at+jwt', { n: 2 }, clock.now())
    expect(headOf(last).kid).toBe(kid)
    await advance(55 * minute)
    expect(isGood(first, token)).toBe(true)
    await advance(15 * minute)
    await expect.poll(() => isGood(first, token)).toBe(false)
    expect(isGood(first, last)).toBe(true)
  })

  it('are kept longer for a token that lives longer', async () => {
    const token = first.sign('at+jwt', {}, clock.now())
    const until = new Date(clock.now().getTime() + 600 * minute)
    await db.tx('system', (tx) => first.keepUntil(tx, until))
    await first.rotate(systemCall(clock.now()), { immediately: false })
    await advance(11 * minute)
    await advance(580 * minute)
    expect(isGood(first, token)).toBe(true)
    await advance(30 * minute)
    await expect.poll(() => isGood(first, token)).toBe(false)
  })

  it('are rotated by schedule', async () => {
    const before = headOf(first.sign('at+jwt', {}, clock.now())).kid
    await advance(31 * 86_400_000)
    await expect.poll(() => first.published().keys.length).toBe(2)
    await advance(11 * minute)
    expect(headOf(first.sign('at+jwt', {}, clock.now())).kid).not.toBe(before)
  })

  it('change on every node by NOTIFY', async () => {
    const other = await open()
    const { kid } = await first.rotate(systemCall(clock.now()), { immediately: true })
    await expect.poll(() => other.published().keys.map((key) => key.kid)).toEqual([kid])
    expect(isGood(other, first.sign('at+jwt', {}, clock.now()))).toBe(true)
  })

  it('that were sealed under another secret verify and do not sign', async () => {
    const token = first.sign('at+jwt', {}, clock.now())
    const moved = await open({}, 'another secret of the tests, also long enough')
    expect(isGood(moved, token)).toBe(true)
    expect(headOf(moved.sign('at+jwt', {}, clock.now())).kid).not.toBe(headOf(token).kid)
  })

  it('of a shared secret are the same on every node, never published and never rotated', async () => {
    const secret = {
      tokenAlgorithm: 'HS256',
      tokenSecret: 'a shared secret of the tests, long enough',
    } as const
    const [one, two] = [await open(secret), await open(secret)]
    const token = one.sign('at+jwt', {}, clock.now())
    expect(headOf(token)).toEqual({
      alg: 'HS256',
      typ: 'at+jwt',
      kid: headOf(two.sign('at+jwt', {}, clock.now())).kid,
    })
    expect(JSON.stringify(one.published())).not.toContain(headOf(token).kid)
    await expect(one.rotate(systemCall(clock.now()), { immediately: true })).rejects.toThrow(
      'LATCHKEY_TOKEN_SECRET',
    )
  })
})
