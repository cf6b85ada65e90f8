import { can } from '@latchkey/guard'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PERMISSION, within } from './index.ts'

describe('what is left of permissions within others', () => {
  it.each([
    [['users:read'], ['users:*'], ['users:read']],
    [['users:*'], ['users:read', 'users:list'], ['users:list', 'users:read']],
    [['*'], ['chat:*', 'dashboard:read'], ['chat:*', 'dashboard:read']],
    [['chat:*', 'users:read'], ['*'], ['chat:*', 'users:read']],
    [['users:*'], ['*:read'], ['users:read']],
    [['users:read'], ['chat:*'], []],
    [['users:read'], [], []],
    [[], ['*'], []],
    [['*'], ['*'], ['*']],
  ])('%j within %j is %j', (wanted, held, left) => {
    expect(within(wanted, held)).toEqual(left)
  })

  it('allows exactly what both sides allow', () => {
    const part = fc.constantFrom('a', 'b', 'c')
    const pattern = fc.constantFrom('*', 'a', 'b', 'c')
    const permission = fc.oneof(
      fc.constant('*'),
      fc.tuple(pattern, pattern).map((parts) => parts.join(':')),
    )
    const list = fc.array(permission, { maxLength: 5 })
    fc.assert(
      fc.property(list, list, fc.tuple(part, part), (wanted, held, asked) => {
        const one = asked.join(':')
        const both = can({ permissions: wanted }, one) && can({ permissions: held }, one)
        expect(can({ permissions: within(wanted, held) }, one)).toBe(both)
        for (const left of within(wanted, held)) expect(left).toMatch(PERMISSION)
      }),
      { numRuns: 3000 },
    )
  })
})
