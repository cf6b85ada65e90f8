import { describe, expect, it } from 'vitest'
import { keyring } from '../../../base/crypto.ts'
import { countersOf, countFailure, countSecondFailure, lockOf, type SecondState } from './failures.ts'

const NOW = new Date('2030-01-01T12:00:00Z')
const LOCKOUT = 15 * 60_000
const minutes = (n: number) => new Date(NOW.getTime() + n * 60_000)

describe('counting a failure', () => {
  it('locks with the failure that reaches the limit, and not before', () => {
    let state = { count: 0, last_at: NOW, locked_until: null as Date | null }
    for (let i = 1; i < 5; i += 1) {
      const { tripped, ...next } = countFailure(state, 5, LOCKOUT, NOW)
      expect({ tripped, count: next.count, locked: next.locked_until }).toEqual({
        tripped: false,
        count: i,
        locked: null,
      })
      state = next
    }
    expect(countFailure(state, 5, LOCKOUT, NOW)).toEqual({
      count: 5,
      last_at: NOW,
      locked_until: minutes(15),
      tripped: true,
    })
  })

  it('does not prolong a lock by further attempts', () => {
    const locked = { count: 5, last_at: NOW, locked_until: minutes(15) }
    expect(countFailure(locked, 5, LOCKOUT, minutes(14))).toEqual({ ...locked, tripped: false })
  })

  it('starts from one after the lock-out', () => {
    const locked = { count: 5, last_at: NOW, locked_until: minutes(15) }
    expect(countFailure(locked, 5, LOCKOUT, minutes(15)).count).toBe(1)
  })

  it('forgets failures that lie as far back as a lock lasts', () => {
    const state = { count: 4, last_at: NOW, locked_until: null }
    expect(countFailure(state, 5, LOCKOUT, minutes(14)).count).toBe(5)
    expect(countFailure(state, 5, LOCKOUT, minutes(15)).count).toBe(1)
  })
})

describe('counting a wrong second factor', () => {
  const none: SecondState = { count: 0, last_at: NOW, locked_until: null, level: 0, total: 0 }
  const code = { isCode: true }
  /** Guesses as soon as the counter permits, until then; the guesses whose outcome was answered. */
  function attack(second: { isCode: boolean }, days: number): { answered: number[]; locks: number[] } {
    const answered: number[] = []
    const locks: number[] = []
    let state = none
    for (let now = NOW; now < minutes(days * 1440); ) {
      const until = lockOf(state, second, now)
      if (until) {
        now = until
        continue
      }
      answered.push(now.getTime() - NOW.getTime())
      const { tripped, ...next } = countSecondFailure(state, 5, LOCKOUT, now)
      if (tripped && next.locked_until) locks.push((next.locked_until.getTime() - now.getTime()) / 60_000)
      state = next
    }
    return { answered, locks }
  }

  it('locks for twice as long each time, up to a day', () => {
    const { locks } = attack({ isCode: false }, 20)
    expect(locks.slice(0, 9)).toEqual([15, 30, 60, 120, 240, 480, 960, 1440, 1440])
  })

  it('refuses codes after 100 consecutive failures, however long an attacker waits: at most 0.15 % of accounts fall', () => {
    const { answered } = attack(code, 3650)
    expect(answered).toHaveLength(100)
    // a code of six digits, of which each of five authenticators accepts three
    expect((answered.length * 3 * 5) / 1e6).toBeLessThanOrEqual(0.0015)
    expect(lockOf({ locked_until: null, total: 99 }, code, NOW)).toBeNull()
    expect(lockOf({ locked_until: null, total: 100 }, code, NOW)).toEqual(minutes(1440))
    // what is long enough or signs is refused for a time only
    expect(lockOf({ locked_until: null, total: 100 }, { isCode: false }, NOW)).toBeNull()
  })

  it('forgets nothing by waiting: pauses between the guesses keep the total', () => {
    let state = none
    for (let hour = 0; hour < 300; hour += 3) {
      const now = minutes(hour * 60)
      if (lockOf(state, code, now)) break
      const { tripped, ...next } = countSecondFailure(state, 5, LOCKOUT, now)
      expect(tripped).toBe(false)
      state = next
    }
    expect(state.total).toBe(100)
  })

  it('does not count while it is locked', () => {
    const locked: SecondState = { count: 5, last_at: NOW, locked_until: minutes(15), level: 1, total: 5 }
    expect(countSecondFailure(locked, 5, LOCKOUT, minutes(14))).toEqual({ ...locked, tripped: false })
  })
})

describe('the counters of a guess', () => {
  const ring = keyring('a secret of the tests, thirty-two characters')
  const of = (guessed: { account: string; ip: string | null; deviceId: string | null }) =>
    countersOf(ring, { lockoutFailures: 5 }, guessed).map(({ key }) => key)

  it('are two for a stranger: with the address, and over all addresses', () => {
    const here = of({ account: 'usr_1', ip: '192.0.2.1', deviceId: null })
    const there = of({ account: 'usr_1', ip: '192.0.2.2', deviceId: null })
    expect(here).toHaveLength(2)
    expect(here.filter((key) => there.includes(key))).toHaveLength(1)
  })

  it('count an IPv6 network of one household as one address', () => {
    const one = of({ account: 'usr_1', ip: '2001:db8:1:2::1', deviceId: null })
    const other = of({ account: 'usr_1', ip: '2001:db8:1:2:ffff::9', deviceId: null })
    expect(one).toEqual(other)
  })

  it('are a separate one for a known device, which unknown devices cannot reach', () => {
    const known = of({ account: 'usr_1', ip: '192.0.2.1', deviceId: 'dev_1' })
    const stranger = of({ account: 'usr_1', ip: '192.0.2.1', deviceId: null })
    expect(known).toHaveLength(1)
    expect(stranger).not.toContain(known[0])
  })

  it('at a second factor are the same and one over all addresses; a known device has separate ones', () => {
    const at = (ip: string, deviceId: string | null) =>
      countersOf(ring, { lockoutFailures: 5 }, { account: 'usr_1', ip, deviceId, second: { isCode: true } })
    const [here, there, known] = [at('192.0.2.1', null), at('192.0.2.2', null), at('192.0.2.1', 'dev_1')]
    const secondOf = (counters: typeof here) => counters.filter(({ second }) => second).map(({ key }) => key)
    expect([here.length, known.length]).toEqual([3, 2])
    expect(secondOf(here)).toEqual(secondOf(there))
    expect(secondOf(known)).not.toEqual(secondOf(here))
    const usual = of({ account: 'usr_1', ip: '192.0.2.1', deviceId: null })
    expect(here.filter(({ second }) => !second).map(({ key }) => key)).toEqual(usual)
    // an administrator's unlock finds all of them
    expect(new Set([...here, ...known].map(({ account }) => account)).size).toBe(1)
  })

  it('hold no identifier in clear', () => {
    expect(of({ account: 'alice@example.com', ip: '192.0.2.1', deviceId: null }).join()).not.toContain(
      'alice',
    )
  })
})
