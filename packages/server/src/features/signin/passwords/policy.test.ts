import { beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../../config.ts'
import { commonPasswords, judgePassword } from './policy.ts'
import { type ProfileFacts, profileFor } from './profiles.ts'

const context = {
  brand: 'Latchkey',
  email: 'ada.lovelace@example.com',
  organizations: ['Analytical Engines', 'engine-works'],
  username: 'countess',
  fullName: 'Ada Lovelace',
}
let common: ReadonlySet<string>
beforeAll(async () => {
  common = await commonPasswords()
})
const settings = loadConfig({}, { cwd: '/nonexistent', secret: 'look' })
const profile = (passwordProfile: ProfileFacts['server']['passwordProfile']) =>
  profileFor({ server: { ...settings, passwordProfile }, organizations: [], secondFactor: 'none' })
const reasons = (name: 'nist' | 'classic' | 'pci', password: string) =>
  judgePassword(profile(name), password, context, common).map(({ code }) => code)

describe('the profile nist', () => {
  it.each([
    'correct horse battery staple',
    'ThisIsFineIThink',
    'пароль из четырёх слов',
    '🦊🦊 fox in the rain',
  ])('accepts %j', (password) => {
    expect(reasons('nist', password)).toEqual([])
  })

  it.each([
    ['fourteen chars', 'too_short'],
    ['x'.repeat(7).concat('yz'.repeat(61)), 'too_long'],
    ['passwordpassword', 'blocklisted'],
    ['aaaaaaaaaaaaaaaa', 'blocklisted'],
    ['abcabcabcabcabcabc', 'blocklisted'],
    ['abcdefghijklmnop', 'blocklisted'],
    ['qwertyuiopasdfgh', 'blocklisted'],
    ['1234567890123456', 'blocklisted'],
    ['latchkeylatchkey', 'context'],
    ['ada.lovelace@example.com', 'context'],
    ['countess-countess-1', 'context'],
    ['LovelaceLatchkey2', 'context'],
    ['AnalyticalEngines1842', 'context'],
    ['engine-works-engine-works', 'context'],
  ])('refuses %j as %s', (password, code) => {
    expect(reasons('nist', password)).toContain(code)
  })

  it('counts characters, not bytes', () => {
    expect(reasons('nist', '🦊🐺🐻🐼🐨🐯🦁🐮🐷🐸🐵🐔🐧🐦🐤')).toEqual([])
    expect(reasons('nist', '🦊🐺🐻🐼🐨🐯🦁🐮🐷🐸🐵🐔🐧🐦')).toEqual(['too_short'])
  })

  it('accepts parts of a name within a longer sentence', () => {
    expect(reasons('nist', 'lovelace wrote the first program')).toEqual([])
    expect(reasons('nist', 'analytical engines need no steam')).toEqual([])
  })
})

describe('the profile classic', () => {
  it('accepts eight characters of all four kinds', () => {
    expect(reasons('classic', 'Tr0ub4d!')).toEqual([])
  })

  it.each([
    ['Tr0ub4!', 'too_short'],
    ['tr0ub4dor!', 'needs_upper'],
    ['TR0UB4DOR!', 'needs_lower'],
    ['Troubador!', 'needs_digit'],
    ['Tr0ub4dor1', 'needs_special'],
    ['MyPassWord!1', 'forbidden_pattern'],
    ['Xx123456!x', 'forbidden_pattern'],
    ['Qwerty!!77', 'forbidden_pattern'],
    ['SuperUser7!', 'forbidden_pattern'],
    ['Guest-House7!', 'forbidden_pattern'],
    ['TheAdmin!7', 'forbidden_pattern'],
  ])('refuses %j as %s', (password, code) => {
    expect(reasons('classic', password)).toContain(code)
  })

  it('names every reason at once', () => {
    expect(reasons('classic', 'abc')).toEqual(
      expect.arrayContaining(['too_short', 'needs_upper', 'needs_digit', 'needs_special']),
    )
  })
})

describe('the profile pci', () => {
  it.each(['brass gears 1842', 'пароль-из-слов-7', 'abcdefgh1jkm'])('accepts %j', (password) => {
    expect(reasons('pci', password)).toEqual([])
  })

  it.each([
    ['brass gear1', 'too_short'],
    ['brass gears turn', 'needs_digit'],
    ['1842 7391 6604', 'needs_letter'],
    ['x1'.repeat(65), 'too_long'],
    ['passwordpassword', 'blocklisted'],
    ['countess 1842', 'context'],
  ])('refuses %j as %s', (password, code) => {
    expect(reasons('pci', password)).toContain(code)
  })
})
