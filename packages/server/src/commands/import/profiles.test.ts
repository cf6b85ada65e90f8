/** What the presets take into the profile of a record. */
import { expect, it } from 'vitest'
import { auth0 } from './presets/auth0.ts'
import { clerk } from './presets/clerk.ts'
import { django } from './presets/django.ts'
import { keycloak } from './presets/keycloak.ts'
import { latchkey } from './presets/latchkey.ts'
import type { ImportPreset, Raw } from './presets/preset.ts'

const profileOf = (preset: ImportPreset, raw: Raw): unknown => {
  const options = { firebase: null, groupsAsOrganizations: false, connections: {} }
  const result = preset.read(raw, options)
  return 'record' in result ? result.record.profile : result.ignored
}
const names = { given_name: 'Ada', family_name: 'King' }

it.each([
  ['auth0', auth0, { ...names, nickname: 'ada', picture: 'https://s.example.com/a' }, { ...names, nickname: 'ada', picture: 'https://s.example.com/a' }],
  ['keycloak', keycloak, { firstName: 'Ada', lastName: 'King' }, names],
  ['clerk', clerk, { first_name: 'Ada', last_name: 'King' }, names],
  ['django', django, { fields: { password: '!', first_name: 'Ada', last_name: '' } }, { given_name: 'Ada' }],
  ['CSV of latchkey', latchkey, { profile: '{"given_name":"Ada","address":{"locality":"London"}}' }, { given_name: 'Ada', address: { locality: 'London' } }],
  ['a user without names', keycloak, { firstName: '', username: 'x' }, undefined],
] as const)('%s', (_name, preset, raw, profile) => {
  expect(profileOf(preset, raw)).toEqual(profile)
}) // biome-ignore format: a table
