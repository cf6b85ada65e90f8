import { describe, expect, it } from 'vitest'
import { keyring } from '../../../base/crypto.ts'
import { countersOf, countFailure } from './failures.ts'

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

  it('hold no identifier in clear', () => {
    expect(of({ account: 'alice@example.com', ip: '192.0.2.1', deviceId: null }).join()).not.toContain(
      'alice',
    )
  })
})
