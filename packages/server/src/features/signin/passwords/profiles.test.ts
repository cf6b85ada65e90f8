/** Which rules apply to a user, as a table: of the server's profile and those of organizations, the strictest. */
import { describe, expect, it } from 'vitest'
import { CONFORMANCE, PASSWORD_PROFILES } from '../../../config/password-profiles.ts'
import { cautions } from '../../../config/rules.ts'
import { loadConfig } from '../../../config.ts'
import {
  type Profile,
  type ProfileFacts,
  profileFor,
  rulesKey,
  secondFactorUse,
  strictest,
} from './profiles.ts'

const DAY = 86_400_000
const load = (env: Record<string, string> = {}) => loadConfig(env, { cwd: '/nonexistent', secret: 'look' })
const rules = (
  server: string,
  organizations: ProfileFacts['organizations'] = [],
  secondFactor: ProfileFacts['secondFactor'] = 'none',
  env: Record<string, string> = {},
) => profileFor({ server: load({ LATCHKEY_PASSWORD_PROFILE: server, ...env }), organizations, secondFactor })

describe('the rules of one profile', () => {
  it.each([
    ['nist', 'none', { min: 15, classes: [], maxAge: null, history: 1, breachCheck: true }],
    // a second factor that the user may remove does not shorten it
    ['nist', 'enrolled', { min: 15 }],
    ['nist', 'required', { min: 8 }],
    ['classic', 'none', { min: 8, maxAge: 90 * DAY, history: 5, breachCheck: false }],
    ['classic', 'required', { min: 8, maxAge: 90 * DAY, history: 5 }],
    [
      'pci',
      'none',
      { min: 12, classes: ['letter', 'digit'], maxAge: 90 * DAY, history: 4, breachCheck: true },
    ],
    // requirement 8.3.9 is about passwords that are the only factor
    ['pci', 'enrolled', { min: 12, maxAge: null, history: 4 }],
    ['pci', 'required', { min: 12, maxAge: null, history: 4 }],
    ['custom', 'none', { min: 8, classes: ['upper', 'lower', 'digit'], maxAge: null, history: 1 }],
    ['custom', 'required', { min: 8, maxAge: null }],
  ] as const)('%s where a second factor is %s', (name, secondFactor, expected) => {
    expect(rules(name, [], secondFactor)).toMatchObject(expected)
  })
})

describe('the rules of several profiles', () => {
  it('are the strictest of each, in any order', () => {
    const both = {
      min: 15,
      max: 128,
      classes: ['upper', 'lower', 'digit', 'special'],
      forbidden: ['password', '123456', 'qwerty', 'admin', 'user', 'guest'],
      breachCheck: true,
      maxAge: 90 * DAY,
      history: 5,
    }
    expect(rules('nist', ['classic'])).toEqual(both)
    expect(rules('classic', ['nist'])).toMatchObject({
      ...both,
      classes: expect.arrayContaining(both.classes),
    })
    expect(rules('nist', ['pci', 'classic', 'pci'])).toEqual(both)
  })

  it('are never weaker than those of the server', () => {
    for (const server of PASSWORD_PROFILES)
      for (const first of PASSWORD_PROFILES)
        for (const second of PASSWORD_PROFILES)
          for (const secondFactor of ['none', 'enrolled', 'required'] as const) {
            const alone = rules(server, [], secondFactor)
            const all = rules(server, [first, second], secondFactor)
            expect(all.min).toBeGreaterThanOrEqual(alone.min)
            expect(all.history).toBeGreaterThanOrEqual(alone.history)
            expect(all.maxAge ?? Infinity).toBeLessThanOrEqual(alone.maxAge ?? Infinity)
            expect(all.forbidden).toEqual(expect.arrayContaining([...alone.forbidden]))
            expect(all.breachCheck || !alone.breachCheck).toBe(true)
            expect(all.max).toBeGreaterThanOrEqual(all.min)
          }
  })

  it('leave a password that can be chosen, where one minimum exceeds another maximum', () => {
    expect(rules('custom', ['nist'], 'none', { LATCHKEY_PASSWORD_MAX_LENGTH: '10' })).toMatchObject({
      min: 15,
      max: 15,
    })
  })

  it('give an organization with the profile custom the rules of the settings', () => {
    const env = { LATCHKEY_PASSWORD_MIN_LENGTH: '20', LATCHKEY_PASSWORD_FORBIDDEN: 'acme' }
    expect(rules('nist', ['custom'], 'none', env)).toMatchObject({
      min: 20,
      forbidden: ['acme'],
      classes: ['upper', 'lower', 'digit'],
    })
  })

  it('require a letter only where no capital or small one is required', () => {
    expect(rules('pci', ['pci']).classes).toEqual(['letter', 'digit'])
    expect(rules('pci', ['classic']).classes).not.toContain('letter')
    expect(rules('custom', [], 'none', { LATCHKEY_PASSWORD_CLASSES: 'letter,lower' }).classes).toEqual([
      'lower',
    ])
  })
})

it('are named by what a stored password can be judged by', () => {
  const one: Profile = rules('classic')
  const same = [
    { ...one, forbidden: [...one.forbidden].reverse(), classes: [...one.classes].reverse() },
    { ...one, max: 64, history: 9, maxAge: null, breachCheck: true },
    strictest([one, one]),
  ]
  const other = [
    { ...one, min: 9 },
    { ...one, classes: one.classes.slice(1) },
    { ...one, forbidden: one.forbidden.slice(1) },
    rules('nist'),
  ]
  for (const each of same) expect(rulesKey(each)).toBe(rulesKey(one))
  expect(new Set([one, ...other].map(rulesKey)).size).toBe(5)
})

describe('what a profile conforms to', () => {
  it('is one sentence each', () => {
    expect(Object.keys(CONFORMANCE)).toEqual([...PASSWORD_PROFILES])
    for (const sentence of Object.values(CONFORMANCE)) expect(sentence).toMatch(/^Follows .*[^.]\.$/)
  })

  const beside = (env: Record<string, string>) =>
    cautions(load({ LATCHKEY_PASSWORD_PROFILE: 'pci', ...env })).filter((text) => text.includes('PCI'))
  it('is completed, for pci, by warnings about other settings', () => {
    expect(beside({})).toEqual([
      expect.stringMatching(/^LATCHKEY_LOCKOUT_DURATION is below the 30 minutes .* 8\.3\.4\.$/),
      expect.stringMatching(/^LATCHKEY_SESSION_IDLE and LATCHKEY_REMEMBER_IDLE are above .* 8\.2\.8\.$/),
    ])
    const met = {
      LATCHKEY_LOCKOUT_DURATION: '30m',
      LATCHKEY_SESSION_IDLE: '15m',
      LATCHKEY_REMEMBER_IDLE: '15m',
    }
    expect(beside(met)).toEqual([])
    expect(beside({ ...met, LATCHKEY_LOCKOUT_FAILURES: '11' })).toEqual([
      expect.stringContaining('above the 10 attempts'),
    ])
    expect(beside({ LATCHKEY_PASSWORD_PROFILE: 'nist' })).toEqual([])
  })
})

describe('the use of a second factor', () => {
  const now = new Date('2030-06-01T12:00:00Z')
  const demand = (mode: 'none' | 'require_any', dueAt: Date | null) =>
    ({ mode, accepts: ['totp'], dueAt, organizationId: null }) as const
  const later = new Date(now.getTime() + 1)
  it.each([
    ['none', [], []],
    ['none', ['backup_codes', 'email'], []],
    ['enrolled', ['totp'], []],
    ['enrolled', ['passkey', 'backup_codes'], []],
    ['required', [], [demand('require_any', null)]],
    ['required', ['totp'], [demand('require_any', now)]],
    ['none', [], [demand('require_any', later)]],
    ['enrolled', ['totp'], [demand('require_any', later)]],
    ['none', [], [demand('none', null)]],
  ] as const)('is %s with %j and %j', (use, factors, demands) => {
    expect(secondFactorUse({ factors, demands, hasPassword: true }, now)).toBe(use)
  })
})
