import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { can } from './can.ts'

const table: [grants: string[], asked: string, allowed: boolean][] = [
  [[], 'users:read', false],
  [['users:read'], 'users:read', true],
  [['users:read'], 'users:write', false],
  [['users:read'], 'user:read', false],
  [['users:*'], 'users:read', true],
  [['users:*'], 'users:*', true],
  [['users:*'], 'users_archive:read', false],
  [['users:*'], 'user:read', false],
  [['u:*'], 'u:read', true],
  [['*:read'], 'users:read', true],
  [['*:read'], 'users:write', false],
  [['*:read'], 'users:proofread', false],
  [['*:read'], 'users:*', false],
  [['*:*'], 'users:read', true],
  [['*'], 'users:read', true],
  [['*'], 'anything', true],
  [['audit:read', '*:write', 'chat:*'], 'chat:send', true],
  [['users'], 'users', false],
  [['users:'], 'users:', false],
  [[':read'], ':read', false],
  [['*:'], 'users:', false],
  [[''], '', false],
  [['users:read'], 'USERS:READ', false],
  [['users:read:all'], 'users:read', false],
  [['users:*'], 'users:read:all', true],
  [['*:*'], '', false],
]

describe('can', () => {
  it.each(table)('%j grants %s: %s', (permissions, asked, allowed) => {
    expect(can({ permissions }, asked)).toBe(allowed)
  })

  /** More grants than are scanned without a cache; none of them matches. */
  const others = Array.from({ length: 20 }, (_, n) => `other_${n}:read`)

  it.each(table)('%j in a long frozen list grants %s: %s', (permissions, asked, allowed) => {
    expect(can({ permissions: Object.freeze([...others, ...permissions]) }, asked)).toBe(allowed)
  })

  it('has the verdict of the single grants for a long frozen list', () => {
    const text = fc.stringMatching(/^[a*:]{0,6}$/)
    const part = fc.constantFrom('a', 'b', '*', '')
    const permission = fc.oneof(
      text,
      fc.array(part, { minLength: 1, maxLength: 3 }).map((all) => all.join(':')),
    )
    fc.assert(
      fc.property(fc.array(permission, { maxLength: 12 }), permission, (grants, asked) => {
        const one = grants.some((grant) => can({ permissions: [grant] }, asked))
        const frozen = { permissions: Object.freeze([...others, ...grants]) }
        expect([can(frozen, asked), can(frozen, asked)]).toEqual([one, one])
        expect(can({ permissions: [...others, ...grants] }, asked)).toBe(one)
      }),
      { numRuns: 5000 },
    )
  })

  it('bounds its cache without changing a verdict', () => {
    const frozen = { permissions: Object.freeze([...others, 'a:*']) }
    for (const round of [1, 2])
      for (let n = 0; n < 500; n++)
        expect([round, can(frozen, `a:${n}`), can(frozen, `b:${n}`)]).toEqual([round, true, false])
  })

  it('does not cache verdicts of a list that is not frozen', () => {
    const permissions = [...others, 'users:read']
    expect(can({ permissions }, 'users:read')).toBe(true)
    permissions.pop()
    expect(can({ permissions }, 'users:read')).toBe(false)
    Object.freeze(permissions)
    expect(can({ permissions }, 'users:read')).toBe(false)
  })
})
