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
  it.each(table)('grants %j, asked for %s: %s', (permissions, asked, allowed) => {
    expect(can({ permissions }, asked)).toBe(allowed)
  })
})
