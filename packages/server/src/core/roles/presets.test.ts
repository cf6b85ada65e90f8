import { effectivePermissions } from '@latchkey/guard'
import { describe, expect, it } from 'vitest'
import { adminRole, defaultRole, PRESETS, type Preset } from './presets.ts'

const permissionsOf = ({ rolePreset }: { rolePreset: Preset }, names: readonly string[]) =>
  effectivePermissions(new Map(PRESETS[rolePreset].map((role) => [role.name, role])), names)

const ladder = { rolePreset: 'ladder', defaultRole: null } as const
const services = { rolePreset: 'client-services', defaultRole: null } as const

describe('the role presets', () => {
  it.each(Object.keys(PRESETS) as Preset[])(
    '%s inherits and grants only its own roles, without a cycle',
    (preset) => {
      const names = PRESETS[preset].map((role) => role.name)
      expect(new Set(names).size).toBe(names.length)
      for (const role of PRESETS[preset]) {
        for (const name of [...role.inherits, ...role.grants]) expect([...names, '*']).toContain(name)
        const seen = new Set<string>()
        const waiting = [...role.inherits]
        for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
          expect(name, `${role.name} inherits itself`).not.toBe(role.name)
          if (seen.has(name)) continue
          seen.add(name)
          waiting.push(...(PRESETS[preset].find((other) => other.name === name)?.inherits ?? []))
        }
      }
    },
  )

  it.each(Object.keys(PRESETS) as Preset[])('%s writes permissions as resource:action', (preset) => {
    for (const role of PRESETS[preset])
      for (const permission of role.permissions) expect(permission).toMatch(/^(\*|[a-z_]+:(\*|[a-z_]+))$/)
  })

  it('includes the permissions that a role of the ladder inherits', () => {
    expect(permissionsOf(ladder, ['viewer'])).toEqual(['analytics:read', 'dashboard:read'])
    expect(permissionsOf(ladder, ['staff'])).toEqual([
      'analytics:read',
      'chat:*',
      'concerns:*',
      'dashboard:read',
    ])
    expect(permissionsOf(ladder, ['manager'])).toContain('users:*')
    expect(permissionsOf(ladder, ['administrator'])).toEqual(
      expect.arrayContaining(['system:*', 'api_keys:*', 'audit:read', 'users:*', 'chat:*', 'dashboard:read']),
    )
    expect(permissionsOf(ladder, ['super_admin'])).toContain('*')
  })

  it('gives no permissions to an unknown role', () => {
    expect(permissionsOf(ladder, ['emperor'])).toEqual([])
    expect(permissionsOf(ladder, ['admin'])).toEqual([])
  })

  it('gives new users the lowest or the configured role, and the first administrator the highest', () => {
    expect(defaultRole(ladder)).toBe('viewer')
    expect(defaultRole(services)).toBe('user')
    expect(defaultRole({ ...ladder, defaultRole: 'staff' })).toBe('staff')
    expect(permissionsOf(services, [adminRole(services)])).toContain('*')
    expect(permissionsOf(ladder, [adminRole(ladder)])).toContain('*')
  })
})
