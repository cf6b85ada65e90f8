/**
 * Password policy: named profiles, pure over the password and its context.
 * `nist` follows NIST SP 800-63B-4 §3.1.1.2 (length and blocklists, no composition rules, no expiry);
 * `classic` is what many older policies require, `custom` is what the settings say. Every reason has a code, so that
 * pages can translate it.
 */
import { z } from 'zod'
import { described } from '../../../base/described.ts'
import type { FieldError } from '../../../base/errors.ts'
import type { PasswordPolicy } from '../../../base/page/form.tsx'
import type { Config } from '../../../config.ts'

type CharacterClass = 'upper' | 'lower' | 'digit' | 'special'

interface Profile {
  min: number
  max: number
  /** Character classes that must all occur. */
  classes: readonly CharacterClass[]
  /** Words that must not occur, in any case. */
  forbidden: readonly string[]
  /** Whether it is looked up among breached passwords, where the check is on. */
  breachCheck: boolean
  /** The age in milliseconds at which a password must be replaced; null for never. */
  maxAge: number | null
  /** How many of the latest passwords, the present one included, must not be used again. */
  history: number
}

/** A password as it is entered: bounded before it is hashed or checked. */
export const TypedPassword = described(
  z.string().min(1).max(1000),
  'A password, as it is typed.',
  'correct horse battery staple',
)

/** Longest password anywhere; longer input is refused before it is hashed. */
export const PASSWORD_MAX = 128

const DAY = 86_400_000

const CLASSES: Readonly<Record<CharacterClass, { message: string; pattern: RegExp }>> = {
  upper: { message: 'Add an upper-case letter.', pattern: /\p{Lu}/u },
  lower: { message: 'Add a lower-case letter.', pattern: /\p{Ll}/u },
  digit: { message: 'Add a digit.', pattern: /\p{Nd}/u },
  special: { message: 'Add a special character.', pattern: /[^\p{L}\p{Nd}\s]/u },
}

const PROFILES: Readonly<Record<Exclude<Config['passwordProfile'], 'custom'>, Profile>> = {
  nist: {
    min: 15,
    max: PASSWORD_MAX,
    classes: [],
    forbidden: [],
    breachCheck: true,
    maxAge: null,
    history: 1,
  },
  classic: {
    min: 8,
    max: PASSWORD_MAX,
    classes: ['upper', 'lower', 'digit', 'special'],
    forbidden: ['password', '123456', 'qwerty', 'admin', 'user', 'guest'],
    breachCheck: false,
    maxAge: 90 * DAY,
    history: 5,
  },
}

/** The settings that state the profile. */
export type PolicySettings = Pick<
  Config,
  | 'passwordProfile'
  | 'passwordMinLength'
  | 'passwordMaxLength'
  | 'passwordClasses'
  | 'passwordForbidden'
  | 'passwordMaxAge'
  | 'passwordHistory'
>

/** The profile in force. */
export function profileOf(config: PolicySettings): Profile {
  if (config.passwordProfile !== 'custom') return PROFILES[config.passwordProfile]
  return {
    min: config.passwordMinLength,
    max: config.passwordMaxLength,
    classes: config.passwordClasses.filter((name) => name !== 'none'),
    forbidden: config.passwordForbidden,
    breachCheck: true,
    maxAge: config.passwordMaxAge,
    history: config.passwordHistory,
  }
}

/** What a form states about the profile. */
export function pagePolicy(config: PolicySettings): PasswordPolicy {
  const { min, max, classes, forbidden } = profileOf(config)
  return { min, max, classes, forbidden }
}

/** Words that a guess at this user's password would start from. */
export interface PasswordContext {
  email?: string | null
  username?: string | null
  fullName?: string | null
  brand: string
}

/** Every fault of the password; none where it is acceptable. History is checked separately, by hashes. */
export function judgePassword(
  profile: Profile,
  password: string,
  context: PasswordContext,
  common: ReadonlySet<string>,
): Omit<FieldError, 'field'>[] {
  const length = [...password.normalize('NFKC')].length
  const folded = password.normalize('NFKC').toLowerCase()
  const reasons: Omit<FieldError, 'field'>[] = []
  if (length < profile.min) {
    reasons.push({
      code: 'too_short',
      message: `Use at least ${profile.min} characters.`,
      params: { min: profile.min },
    })
  }
  if (length > profile.max) {
    reasons.push({
      code: 'too_long',
      message: `Use at most ${profile.max} characters.`,
      params: { max: profile.max },
    })
  }
  for (const name of profile.classes) {
    const { message, pattern } = CLASSES[name]
    if (!pattern.test(password)) reasons.push({ code: `needs_${name}`, message })
  }
  const word = profile.forbidden.find((pattern) => folded.includes(pattern))
  if (word !== undefined) {
    reasons.push({
      code: 'forbidden_pattern',
      message: `Do not use “${word}” in it.`,
      params: { pattern: word },
    })
  }
  if (isCommon(folded, common)) {
    reasons.push({ code: 'blocklisted', message: 'This password is too common.' })
  } else if (isContextual(folded, context)) {
    reasons.push({
      code: 'context',
      message: 'Do not use your name, your address or the name of this service.',
    })
  }
  return reasons
}

/** On the list, a repeated piece, or a run along the alphabet, the digits or the keyboard. */
function isCommon(folded: string, common: ReadonlySet<string>): boolean {
  const bare = folded.replace(/[\s._-]+/g, '')
  if (common.has(folded) || common.has(bare)) return true
  const piece = /^(.+?)\1+$/u.exec(bare)?.[1]
  if (piece !== undefined && ([...piece].length <= 4 || common.has(piece))) return true
  return isRun(bare)
}

const ROWS = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890123456789',
  'qwertyuiopasdfghjklzxcvbnm',
  'qwertzuiopasdfghjklyxcvbnm',
  '1234567890qwertyuiopasdfghjklzxcvbnm',
]
const RUNS = ROWS.flatMap((row) => [row, [...row].reverse().join('')]).map((row) => row + row)
const isRun = (text: string): boolean => text.length >= 4 && RUNS.some((run) => run.includes(text))

/** Whether little is left without the words of the user and of the service. */
function isContextual(folded: string, context: PasswordContext): boolean {
  const words = [
    context.brand,
    context.email,
    context.email?.split('@')[0],
    context.username,
    context.fullName,
  ]
    .flatMap((text) => (text ? [text, ...text.split(/[^\p{L}\p{N}]+/u)] : []))
    .map((text) => text.normalize('NFKC').toLowerCase())
    .filter((text) => text.length >= 4)
    .sort((a, b) => b.length - a.length)
  const rest = words.reduce((text, word) => text.replaceAll(word, ''), folded)
  return rest !== folded && rest.replace(/[^\p{L}\p{N}]/gu, '').length < 6
}

let list: Promise<ReadonlySet<string>> | undefined

/** The list of common passwords (49,000 entries of zxcvbn's), loaded on first use. */
export function commonPasswords(): Promise<ReadonlySet<string>> {
  list ??= import('@zxcvbn-ts/language-common').then(
    ({ dictionary }) => new Set<string>(dictionary['passwords-common']),
  )
  return list
}
