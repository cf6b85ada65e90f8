/** What a rule lets through, as a table; and slips in writing one, which must not protect nothing. */
import { describe, expect, it } from 'vitest'
import type { Rule } from './index.ts'
import { makePrincipal } from './principal.ts'
import { Problem, problem } from './problem.ts'
import { compileRule } from './rules.ts'

const somebody = (roles: string[], permissions: string[] = []) =>
  makePrincipal({ userId: 'usr_1', roles, permissions }, 'jwt', {})
const NOBODY = null

const plain = somebody([])
const staff = somebody(['staff', 'viewer'])
const keeper = somebody(['keeper'], ['things:*', '*:read'])
const root = somebody(['root'], ['*'])

// biome-ignore format: a table
const table: [rule: Rule, who: ReturnType<typeof somebody> | null, method: string, status: 200 | 401 | 403][] = [
  [{}, NOBODY, 'GET', 401],
  [{}, plain, 'GET', 200],
  [{ optional: true }, NOBODY, 'GET', 200],
  [{ optional: false }, NOBODY, 'GET', 401],
  [{ optional: true, roles: ['staff'] }, NOBODY, 'GET', 200],
  [{ optional: true, roles: ['staff'] }, plain, 'GET', 403],
  [{ roles: ['staff'] }, NOBODY, 'GET', 401],
  [{ roles: ['staff'] }, plain, 'GET', 403],
  [{ roles: ['staff'] }, staff, 'GET', 200],
  [{ roles: ['staff', 'viewer'] }, staff, 'GET', 200],
  [{ roles: ['staff', 'admin'] }, staff, 'GET', 403],
  [{ roles: ['Staff'] }, staff, 'GET', 403],
  [{ roles: ['staff'] }, root, 'GET', 403],
  [{ roles: { allOf: ['staff', 'admin'] } }, staff, 'GET', 403],
  [{ roles: { anyOf: ['staff', 'admin'] } }, staff, 'GET', 200],
  [{ roles: { anyOf: ['admin', 'owner'] } }, staff, 'GET', 403],
  [{ roles: { allOf: ['viewer'], anyOf: ['staff', 'admin'] } }, staff, 'GET', 200],
  [{ roles: { allOf: ['viewer', 'owner'], anyOf: ['staff'] } }, staff, 'GET', 403],
  [{ permissions: 'things:write' }, keeper, 'GET', 200],
  [{ permissions: ['things:write', 'users:read'] }, keeper, 'GET', 200],
  [{ permissions: ['things:write', 'users:write'] }, keeper, 'GET', 403],
  [{ permissions: 'things:*' }, keeper, 'GET', 200],
  [{ permissions: 'users:*' }, keeper, 'GET', 403],
  [{ permissions: 'users:write' }, root, 'GET', 200],
  [{ roles: ['keeper'], permissions: 'users:write' }, keeper, 'GET', 403],
  [{ methods: { GET: {}, POST: { roles: ['staff'] } } }, plain, 'GET', 200],
  [{ methods: { GET: {}, POST: { roles: ['staff'] } } }, plain, 'POST', 403],
  [{ methods: { GET: {}, POST: { roles: ['staff'] } } }, staff, 'POST', 200],
  [{ methods: { GET: {} } }, root, 'DELETE', 403],
  [{ methods: { GET: {} } }, NOBODY, 'DELETE', 401],
  [{ methods: { GET: {} } }, plain, 'HEAD', 200],
  [{ methods: { GET: { roles: ['staff'] } } }, plain, 'HEAD', 403],
  [{ methods: { GET: { roles: ['staff'] }, HEAD: {} } }, plain, 'HEAD', 200],
  [{ methods: { '*': { roles: ['staff'] }, GET: {} } }, plain, 'GET', 200],
  [{ methods: { '*': { roles: ['staff'] }, GET: {} } }, plain, 'PATCH', 403],
  [{ methods: { '*': { roles: ['staff'] }, GET: {} } }, staff, 'PROPFIND', 200],
  [{ methods: { get: {} } }, plain, 'GET', 200],
  [{ methods: { GET: {} } }, plain, 'get', 403],
  [{ roles: ['viewer'], methods: { GET: {}, POST: { roles: ['staff'] } } }, plain, 'GET', 403],
  [{ roles: ['viewer'], methods: { GET: {}, POST: { roles: ['staff'] } } }, staff, 'POST', 200],
  [{ methods: { GET: { optional: true }, POST: {} } }, NOBODY, 'GET', 200],
  [{ methods: { GET: { optional: true }, POST: {} } }, NOBODY, 'POST', 401],
  [{ optional: true, methods: { GET: {}, POST: { optional: false } } }, NOBODY, 'GET', 200],
  [{ optional: true, methods: { GET: {}, POST: { optional: false } } }, NOBODY, 'POST', 401],
  [{ optional: true, methods: { GET: {} } }, NOBODY, 'POST', 401],
]

describe('a rule', () => {
  it.each(table)('%j, %#', (rule, who, method, status) => {
    const outcome = compileRule(rule)(who, method)
    expect(outcome instanceof Problem ? outcome.status : 200).toBe(status)
    if (!(outcome instanceof Problem)) expect(outcome).toBe(who)
  })

  it('never turns a bad credential into nobody', () => {
    const bad = problem('INVALID_TOKEN')
    for (const rule of [{}, { optional: true }, { methods: { GET: { optional: true } } }])
      expect(compileRule(rule)(bad, 'GET')).toBe(bad)
  })

  it('says what it asks for', () => {
    const required = (rule: Rule) => (compileRule(rule)(plain, 'GET') as Problem).details
    expect(required({ permissions: 'a:b' })).toEqual({ required: 'a:b', of: 'permissions' })
    expect(required({ permissions: ['a:b', 'c:d'] })).toEqual({ required: ['a:b', 'c:d'], of: 'permissions' })
    expect(required({ roles: ['x', 'y'] })).toEqual({ required: ['x', 'y'], of: 'all_roles' })
    expect(required({ roles: { anyOf: ['x'] } })).toEqual({ required: ['x'], of: 'any_role' })
  })

  it.each<[string, unknown]>([
    ['a misspelt member', { role: ['admin'] }],
    ['a misspelt member of roles', { roles: { any: ['admin'] } }],
    ['roles as text', { roles: 'admin' }],
    ['no roles', { roles: [] }],
    ['no roles to have all of', { roles: { allOf: [] } }],
    ['nothing in roles', { roles: {} }],
    ['no permissions', { permissions: [] }],
    ['an empty permission', { permissions: '' }],
    ['a permission that is none', { permissions: [undefined] }],
    ['a slip under a method', { methods: { GET: { role: ['admin'] } } }],
    ['methods in methods', { methods: { GET: { methods: {} } } }],
  ])('with %s stops the start', (_name, rule) => {
    expect(() => compileRule(rule as Rule)).toThrow(TypeError)
  })
})
