/** The arithmetic of permissions, compared with an oracle of sets. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { can, covers, lacking, within } from './index.ts'

const FORM = /^(?:\*|(?:\*|[a-z]+):(?:\*|[a-z]+))$/

const pattern = fc.constantFrom('*', 'a', 'b', 'c')
const permission = fc.oneof(
  fc.constant('*'),
  fc.tuple(pattern, pattern).map((parts) => parts.join(':')),
)
const list = fc.array(permission, { maxLength: 5 })

/**
 * Brute force: the set of all single permissions. No list names `other`, so that a pattern is never covered by a list of
 * names; and only `*` grants a malformed one.
 */
const PARTS = ['a', 'b', 'c', 'other']
const FORMLESS = 'anything'
const ALL = [FORMLESS, ...PARTS.flatMap((resource) => PARTS.map((action) => `${resource}:${action}`))]

const singlesOf = (grant: string): string[] =>
  ALL.filter((one) => {
    if (grant === '*') return true
    const [resource, action] = grant.split(':')
    const [its, does] = one.split(':')
    return one !== FORMLESS && (resource === '*' || resource === its) && (action === '*' || action === does)
  })
const setOf = (grants: readonly string[]): Set<string> => new Set(grants.flatMap(singlesOf))
const isCovered = (held: readonly string[], one: string): boolean => {
  const set = setOf(held)
  return singlesOf(one).every((single) => set.has(single))
}

describe('the coverage of a list of permissions', () => {
  it.each([
    [['users:*'], ['users:read', 'users:*'], undefined],
    [['users:read'], ['users:read', 'users:write', 'chat:read'], 'users:write'],
    [['users:read', 'users:write'], ['users:*'], 'users:*'],
    [['*:*'], ['users:*', '*:read', '*:*'], undefined],
    [['*:*'], ['*'], '*'],
    [['*'], ['*', '*:*', 'users:read'], undefined],
    [[], ['users:read'], 'users:read'],
    [[], [], undefined],
  ])('%j, of %j, lacks %j', (held, wanted, first) => {
    expect([lacking(held, wanted), covers(held, wanted)]).toEqual([first, first === undefined])
  })

  it('includes every permission that its grants permit', () => {
    fc.assert(
      fc.property(list, list, (held, wanted) => {
        expect(lacking(held, wanted)).toBe(wanted.find((one) => !isCovered(held, one)))
        expect(covers(held, wanted)).toBe([...setOf(wanted)].every((one) => setOf(held).has(one)))
      }),
      { numRuns: 3000 },
    )
  })

  it('is transitive, so that permissions do not grow when they are granted onward', () => {
    fc.assert(
      fc.property(list, list, list, (one, two, three) => {
        if (covers(one, two) && covers(two, three)) expect(covers(one, three)).toBe(true)
        expect(covers(one, one)).toBe(true)
      }),
      { numRuns: 3000 },
    )
  })
})

describe('the intersection of permissions', () => {
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

  it('grants exactly what both lists grant', () => {
    const part = fc.constantFrom('a', 'b', 'c')
    fc.assert(
      fc.property(list, list, fc.tuple(part, part), (wanted, held, asked) => {
        const one = asked.join(':')
        const both = can({ permissions: wanted }, one) && can({ permissions: held }, one)
        expect(can({ permissions: within(wanted, held) }, one)).toBe(both)
        for (const left of within(wanted, held)) expect(left).toMatch(FORM)
      }),
      { numRuns: 3000 },
    )
  })

  it('grants what both lists grant, and is covered by both', () => {
    fc.assert(
      fc.property(list, list, (wanted, held) => {
        const left = within(wanted, held)
        expect(setOf(left)).toEqual(new Set([...setOf(wanted)].filter((one) => setOf(held).has(one))))
        expect([covers(wanted, left), covers(held, left)]).toEqual([true, true])
        expect(left).toEqual([...new Set(left)].sort())
        expect(Object.isFrozen(left)).toBe(true)
      }),
      { numRuns: 3000 },
    )
  })
})
