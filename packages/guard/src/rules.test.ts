/** Rules, as a table of verdicts; and malformed rules, which are refused. */
import { describe, expect, it } from 'vitest'
import type { Rule } from './index.ts'
import { makePrincipal } from './principal.ts'
import { Problem, problem } from './problem.ts'
import { compileRule } from './rules.ts'

const principalWith = (roles: string[], permissions: string[] = []) =>
  makePrincipal({ userId: 'usr_1', roles, permissions }, 'jwt', {})
const ANONYMOUS = null

const plain = principalWith([])
const staff = principalWith(['staff', 'viewer'])
const keeper = principalWith(['keeper'], ['things:*', '*:read'])
const root = principalWith(['root'], ['*'])
const inside = (role: string | null, held: string[], roles: string[] = [], permissions: string[] = []) =>
  makePrincipal(
    {
      userId: 'usr_1',
      roles,
      permissions,
      organizationId: 'org_1',
      organizationRole: role,
      organizationPermissions: held,
    },
    'jwt',
    {},
  )
const member = inside('member', ['docs:read'])
const owner = inside('owner', ['*'])
/** All permissions outside of the organization, none inside; and organization fields of a caller without an organization. */
const operator = inside('guest', [], ['root', 'owner'], ['*'])
const nowhere = makePrincipal(
  {
    userId: 'usr_1',
    organizationRole: 'owner',
    organizationPermissions: ['*'],
    permissions: ['*'],
    roles: ['owner'],
  },
  'custom',
  {},
)

// biome-ignore format: a table
const table: [rule: Rule, who: ReturnType<typeof principalWith> | null, method: string, status: 200 | 401 | 403][] = [
  [{}, ANONYMOUS, 'GET', 401],
  [{}, plain, 'GET', 200],
  [{ optional: true }, ANONYMOUS, 'GET', 200],
  [{ optional: false }, ANONYMOUS, 'GET', 401],
  [{ optional: true, roles: ['staff'] }, ANONYMOUS, 'GET', 200],
  [{ optional: true, roles: ['staff'] }, plain, 'GET', 403],
  [{ roles: ['staff'] }, ANONYMOUS, 'GET', 401],
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
  [{ methods: { GET: {} } }, ANONYMOUS, 'DELETE', 401],
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
  [{ methods: { GET: { optional: true }, POST: {} } }, ANONYMOUS, 'GET', 200],
  [{ methods: { GET: { optional: true }, POST: {} } }, ANONYMOUS, 'POST', 401],
  [{ optional: true, methods: { GET: {}, POST: { optional: false } } }, ANONYMOUS, 'GET', 200],
  [{ optional: true, methods: { GET: {}, POST: { optional: false } } }, ANONYMOUS, 'POST', 401],
  [{ optional: true, methods: { GET: {} } }, ANONYMOUS, 'POST', 401],
  [{ organization: true }, ANONYMOUS, 'GET', 401],
  [{ organization: true, optional: true }, ANONYMOUS, 'GET', 200],
  [{ organization: true }, root, 'GET', 403],
  [{ organization: true }, nowhere, 'GET', 403],
  [{ organization: true }, member, 'GET', 200],
  [{ organization: true }, inside(null, []), 'GET', 200],
  [{ organization: { roles: ['owner'] } }, owner, 'GET', 200],
  [{ organization: { roles: ['owner'] } }, member, 'GET', 403],
  [{ organization: { roles: ['owner'] } }, operator, 'GET', 403],
  [{ organization: { roles: ['owner'] } }, nowhere, 'GET', 403],
  [{ organization: { roles: ['owner'] } }, inside(null, []), 'GET', 403],
  [{ organization: { roles: { anyOf: ['owner', 'member'] } } }, member, 'GET', 200],
  [{ organization: { roles: { anyOf: ['owner', 'admin'] } } }, member, 'GET', 403],
  [{ organization: { permissions: 'docs:read' } }, member, 'GET', 200],
  [{ organization: { permissions: 'docs:write' } }, member, 'GET', 403],
  [{ organization: { permissions: ['docs:read', 'docs:write'] } }, member, 'GET', 403],
  [{ organization: { permissions: 'docs:write' } }, owner, 'GET', 200],
  [{ organization: { permissions: 'docs:read' } }, operator, 'GET', 403],
  [{ organization: { permissions: 'docs:read' } }, nowhere, 'GET', 403],
  [{ permissions: 'docs:read' }, owner, 'GET', 403],
  [{ roles: ['owner'] }, owner, 'GET', 403],
  [{ permissions: 'docs:read', organization: { roles: ['guest'] } }, operator, 'GET', 200],
  [{ permissions: 'docs:read', organization: { roles: ['member'] } }, member, 'GET', 403],
  [{ methods: { GET: {}, '*': { organization: { permissions: 'docs:write' } } } }, member, 'GET', 200],
  [{ methods: { GET: {}, '*': { organization: { permissions: 'docs:write' } } } }, member, 'PUT', 403],
  [{ organization: true, methods: { GET: {} } }, root, 'GET', 403],
]

describe('a rule', () => {
  it.each(table)('%j, %#', (rule, who, method, status) => {
    const outcome = compileRule(rule)(who, method)
    expect(outcome instanceof Problem ? outcome.status : 200).toBe(status)
    if (!(outcome instanceof Problem)) expect(outcome).toBe(who)
  })

  it('never takes an invalid credential for an anonymous caller', () => {
    const bad = problem('INVALID_TOKEN')
    for (const rule of [{}, { optional: true }, { methods: { GET: { optional: true } } }])
      expect(compileRule(rule)(bad, 'GET')).toBe(bad)
  })

  it('names its requirements in the details', () => {
    const required = (rule: Rule) => (compileRule(rule)(plain, 'GET') as Problem).details
    expect(required({ permissions: 'a:b' })).toEqual({ required: 'a:b', of: 'permissions' })
    expect(required({ permissions: ['a:b', 'c:d'] })).toEqual({ required: ['a:b', 'c:d'], of: 'permissions' })
    expect(required({ roles: ['x', 'y'] })).toEqual({ required: ['x', 'y'], of: 'all_roles' })
    expect(required({ roles: { anyOf: ['x'] } })).toEqual({ required: ['x'], of: 'any_role' })
    expect(required({ organization: true })).toEqual({ required: [], of: 'organization' })
  })

  it('distinguishes its requirements inside an organization in the details', () => {
    for (const who of [operator, nowhere, plain]) {
      const required = (organization: NonNullable<Rule['organization']>) =>
        (compileRule({ organization })(who, 'GET') as Problem).details
      expect(required({ roles: ['x'] })).toEqual({ required: ['x'], of: 'organization_roles' })
      expect(required({ roles: { anyOf: ['x', 'y'] } })).toEqual({
        required: ['x', 'y'],
        of: 'organization_roles',
      })
      expect(required({ permissions: 'a:b' })).toEqual({ required: 'a:b', of: 'organization_permissions' })
      expect(required({ permissions: ['a:b', 'c:d'] })).toEqual({
        required: ['a:b', 'c:d'],
        of: 'organization_permissions',
      })
    }
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
    ['nothing of an organization', { organization: {} }],
    ['an organization that is off', { organization: false }],
    ['an organization that is none', { organization: null }],
    ['a misspelt member of organization', { organization: { role: ['owner'] } }],
    ['no roles in an organization', { organization: { roles: [] } }],
    ['two roles at once in an organization', { organization: { roles: ['owner', 'admin'] } }],
    ['two roles at once in an organization, spelt out', { organization: { roles: { allOf: ['a', 'b'] } } }],
    ['no permissions in an organization', { organization: { permissions: [] } }],
    ['an organization under a method that is a slip', { methods: { GET: { organization: {} } } }],
  ])('with %s is refused', (_name, rule) => {
    expect(() => compileRule(rule as Rule)).toThrow(TypeError)
  })
})
