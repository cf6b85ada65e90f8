/** Role resolution, compared with an oracle; and the `roles` option of a guard. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { custom, effectivePermissions, type PrincipalFields, type RoleDefinition, session } from './index.ts'
import { startCounterpart } from './testing/counterpart.ts'
import { probe } from './testing/probe.ts'

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'] as const
const name = fc.constantFrom(...NAMES, 'undefined_role')
const permission = fc.constantFrom('*', 'x:*', 'x:read', 'x:write', '*:read', 'y:read', 'z:add')
/** Includes cycles, roles that inherit themselves, and names that are not defined. */
const graph = fc
  .uniqueArray(
    fc.record({
      name: fc.constantFrom(...NAMES),
      permissions: fc.array(permission, { maxLength: 3 }),
      inherits: fc.option(fc.array(name, { maxLength: 3 }), { nil: undefined }),
    }),
    { selector: (role) => role.name },
  )
  .map((roles): RoleDefinition[] => roles)

/** Brute force: whether a chain of inheritance, at most as long as there are roles, reaches a role with the permission. */
function isPermitted(roles: readonly RoleDefinition[], held: readonly string[], wanted: string): boolean {
  let reached = [...held]
  for (let step = 0; step <= roles.length; step++)
    reached = [
      ...reached,
      ...roles.filter((one) => reached.includes(one.name)).flatMap((one) => one.inherits ?? []),
    ]
  return roles.some((one) => reached.includes(one.name) && one.permissions.includes(wanted))
}

describe('the effective permissions of roles', () => {
  it('are those that a chain of inheritance reaches, in any graph', () => {
    fc.assert(
      fc.property(graph, fc.array(name, { maxLength: 3 }), (roles, held) => {
        const found = effectivePermissions(new Map(roles.map((role) => [role.name, role])), held)
        for (const wanted of ['*', 'x:*', 'x:read', 'x:write', '*:read', 'y:read', 'z:add'])
          expect(found.includes(wanted)).toBe(isPermitted(roles, held, wanted))
        expect(found).toEqual([...new Set(found)].sort())
        expect(Object.isFrozen(found)).toBe(true)
      }),
      { numRuns: 3000 },
    )
  })

  it('never shrink when a role, or a permission of a role, is added', () => {
    fc.assert(
      fc.property(graph, fc.array(name), name, permission, (roles, held, more, wanted) => {
        const of = (all: readonly RoleDefinition[], names: readonly string[]) =>
          effectivePermissions(new Map(all.map((role) => [role.name, role])), names)
        const before = of(roles, held)
        expect(of(roles, [...held, more])).toEqual(expect.arrayContaining([...before]))
        const wider = roles.map((role) => ({ ...role, permissions: [...role.permissions, wanted] }))
        expect(of(wider, held)).toEqual(expect.arrayContaining([...before]))
      }),
    )
  })
})

const ROLES: RoleDefinition[] = [
  { name: 'clerk', permissions: ['invoices:read'] },
  { name: 'chief', permissions: ['invoices:*'], inherits: ['clerk'] },
]
const guardOf = (fields: PrincipalFields, roles: RoleDefinition[] | undefined = ROLES) =>
  probe({ methods: [custom(() => fields)], roles })

describe('a guard with role definitions', () => {
  it('grants the permissions of the roles of a principal, inherited ones included', async () => {
    const chief = guardOf({ userId: 'u', roles: ['chief'] })
    const response = await chief.send({}, { rule: { permissions: ['invoices:write', 'invoices:read'] } })
    expect(response.status).toBe(200)
    expect(response.principal?.permissions).toEqual(['invoices:*', 'invoices:read'])
    const clerk = guardOf({ userId: 'u', role: 'clerk' })
    expect((await clerk.send({}, { rule: { permissions: 'invoices:read' } })).status).toBe(200)
    expect((await clerk.send({}, { rule: { permissions: 'invoices:write' } })).status).toBe(403)
  })

  it('adds them to the permissions of the principal, and keeps all other fields', async () => {
    const record = { user_id: 7, roles: ['clerk'], permissions: ['chat:read'], secret: 'x' }
    const one = probe({ methods: [session({ cookie: 'sid', find: () => record })], roles: ROLES })
    const { principal } = await one.send({ cookie: 'sid=1' })
    expect(principal?.permissions).toEqual(['chat:read', 'invoices:read'])
    expect(principal).toMatchObject({ userId: '7', method: 'session', roles: ['clerk'] })
    expect(principal?.source).toBe(record)
    expect(Object.isFrozen(principal)).toBe(true)
    expect(Object.isFrozen(record)).toBe(false)
  })

  it('grants nothing for a role that is not defined', async () => {
    const one = guardOf({ userId: 'u', roles: ['emperor', '__proto__', 'constructor'] })
    expect((await one.send({}, { rule: { permissions: 'invoices:read' } })).status).toBe(403)
    expect((await one.send()).principal?.permissions).toEqual([])
  })

  it('changes neither a refusal nor an anonymous caller', async () => {
    const none = probe({ methods: [custom(() => null)], roles: ROLES })
    expect((await none.send()).status).toBe(401)
  })

  it('leaves principals of a Latchkey server unchanged', async () => {
    const server = await startCounterpart()
    const { latchkey } = await import('./index.ts')
    const method = latchkey({ issuer: server.issuer, revocation: 'none' })
    const one = probe({ methods: [method], roles: [{ name: 'clerk', permissions: ['*'] }] })
    const response = await one.bearer(await server.token({ roles: ['clerk'], permissions: ['chat:read'] }))
    expect(response.principal?.permissions).toEqual(['chat:read'])
    await server.close()
  })

  it.each<[string, unknown[]]>([
    ['a role twice', [ROLES[0], ROLES[0]]],
    ['a role without a name', [{ name: '', permissions: [] }]],
    ['permissions as text', [{ name: 'a', permissions: 'x:read' }]],
    ['a permission that is none', [{ name: 'a', permissions: [1] }]],
    ['an inherited role that is not defined', [{ name: 'a', permissions: [], inherits: ['b'] }]],
  ])('is not created with %s', (_slip, roles) => {
    expect(() => guardOf({ userId: 'u' }, roles as RoleDefinition[])).toThrow(TypeError)
  })
})
