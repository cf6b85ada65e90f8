/**
 * The password profiles, and which of them apply to a user: that of the server together with those of the user's
 * organizations, of which the strictest rule wins. Pure, tested as a table.
 * `nist` follows NIST SP 800-63B-4 §3.1.1.2 (length and a blocklist, no composition rules, no expiry), `classic` is what
 * many older policies require, `pci` follows PCI DSS 4.0.1 §8.3.6 to §8.3.9, `custom` is what the settings state.
 */
import { createHash } from 'node:crypto'
import { isDue, isStrong, type SignInFacts } from '../../../base/assurance.ts'
import type { PasswordPolicy } from '../../../base/page/form.tsx'
import type { PasswordProfileName } from '../../../config/password-profiles.ts'
import type { Config } from '../../../config.ts'

export type CharacterClass = PasswordPolicy['classes'][number]

export interface Profile extends PasswordPolicy {
  /** Whether it is looked up among breached passwords, where the check is on. */
  breachCheck: boolean
  /** The age in milliseconds at which a password must be replaced; null for never. */
  maxAge: number | null
  /** How many of the latest passwords, the present one included, must not be used again. */
  history: number
}

/** The settings that state the profile of the server, and the rules of `custom`. */
export type ProfileSettings = Pick<
  Config,
  | 'passwordProfile'
  | 'passwordMinLength'
  | 'passwordMaxLength'
  | 'passwordClasses'
  | 'passwordForbidden'
  | 'passwordMaxAge'
  | 'passwordHistory'
>

/**
 * Whether sign-ins of the user need a second factor: because one is required of them, because they have set one up, or
 * not at all.
 */
export type SecondFactorUse = 'required' | 'enrolled' | 'none'

/** A second factor that is demanded but may still be put off is not required yet. */
export function secondFactorUse({ factors, demands }: SignInFacts, now: Date): SecondFactorUse {
  if (demands.some((demand) => demand.mode !== 'none' && isDue(demand, now))) return 'required'
  return factors.some(isStrong) ? 'enrolled' : 'none'
}

export interface ProfileFacts {
  server: ProfileSettings
  /** Of the user's organizations, those that have one. */
  organizations: readonly PasswordProfileName[]
  secondFactor: SecondFactorUse
}

/** Longest password anywhere; longer input is refused before it is hashed. */
export const PASSWORD_MAX = 128

const DAY = 86_400_000

const NIST: Profile = {
  min: 15,
  max: PASSWORD_MAX,
  classes: [],
  forbidden: [],
  breachCheck: true,
  maxAge: null,
  history: 1,
}

/** NIST SP 800-63B-4 §3.1.1.2: the minimum of a password that is used with a second factor only. */
const NIST_MIN_WITH_SECOND_FACTOR = 8

const CLASSIC: Profile = {
  min: 8,
  max: PASSWORD_MAX,
  classes: ['upper', 'lower', 'digit', 'special'],
  forbidden: ['password', '123456', 'qwerty', 'admin', 'user', 'guest'],
  breachCheck: false,
  maxAge: 90 * DAY,
  history: 5,
}

const PCI: Profile = {
  // PCI DSS 4.0.1 §8.3.6
  min: 12,
  max: PASSWORD_MAX,
  classes: ['letter', 'digit'],
  forbidden: [],
  breachCheck: true,
  // §8.3.9: where a password is the only factor
  maxAge: 90 * DAY,
  // §8.3.7
  history: 4,
}

const customProfile = (server: ProfileSettings): Profile => ({
  min: server.passwordMinLength,
  max: server.passwordMaxLength,
  classes: withoutImplied(server.passwordClasses.filter((name) => name !== 'none')),
  forbidden: server.passwordForbidden,
  breachCheck: true,
  maxAge: server.passwordMaxAge,
  history: server.passwordHistory,
})

/** An organization that chooses `custom` gets the rules of the server's settings. */
function namedProfile(
  name: PasswordProfileName,
  { server, secondFactor }: Pick<ProfileFacts, 'server' | 'secondFactor'>,
): Profile {
  if (name === 'custom') return customProfile(server)
  if (name === 'classic') return CLASSIC
  if (name === 'pci') return secondFactor === 'none' ? PCI : { ...PCI, maxAge: null }
  return secondFactor === 'required' ? { ...NIST, min: NIST_MIN_WITH_SECOND_FACTOR } : NIST
}

/** The rules for a user's passwords. */
export const profileFor = (facts: ProfileFacts): Profile =>
  strictest(
    [facts.server.passwordProfile, ...new Set(facts.organizations)].map((name) => namedProfile(name, facts)),
  )

/** Of each rule, the strictest; a minimum that exceeds another profile's maximum wins. */
export function strictest(profiles: readonly Profile[]): Profile {
  const min = Math.max(...profiles.map((profile) => profile.min))
  const ages = profiles.flatMap(({ maxAge }) => maxAge ?? [])
  return {
    min,
    max: Math.max(min, Math.min(...profiles.map((profile) => profile.max))),
    classes: withoutImplied(profiles.flatMap(({ classes }) => classes)),
    forbidden: [...new Set(profiles.flatMap(({ forbidden }) => forbidden))],
    breachCheck: profiles.some(({ breachCheck }) => breachCheck),
    maxAge: ages.length > 0 ? Math.min(...ages) : null,
    history: Math.max(...profiles.map(({ history }) => history)),
  }
}

const CLASSES: readonly CharacterClass[] = ['letter', 'upper', 'lower', 'digit', 'special']

/** In one order; a capital or small letter is a letter. */
function withoutImplied(classes: readonly CharacterClass[]): CharacterClass[] {
  const hasCase = classes.includes('upper') || classes.includes('lower')
  return CLASSES.filter((name) => classes.includes(name) && !(name === 'letter' && hasCase))
}

/** What a form states about the profile. */
export const pagePolicyOf = ({ min, max, classes, forbidden }: Profile): PasswordPolicy => ({
  min,
  max,
  classes,
  forbidden,
})

/**
 * Names the rules that a stored password can be judged by at a sign-in. It is stored with the password, so that only a
 * change of the rules makes a sign-in judge it.
 */
export function rulesKey({ min, classes, forbidden }: Profile): string {
  const words = createHash('sha256').update([...forbidden].sort().join(' '))
  return [min, [...classes].sort().join('+') || '-', words.digest('hex').slice(0, 12)].join(' ')
}
