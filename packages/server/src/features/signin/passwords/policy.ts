/**
 * Password policy: judges a password by a profile (profiles.ts), the list of common passwords, and the words of its
 * context. Pure. Every reason has a code, so that pages can translate it.
 */
import type { FieldError } from '../../../base/errors.ts'
import type { CharacterClass, Profile } from './profiles.ts'

const CLASSES: Readonly<Record<CharacterClass, { message: string; pattern: RegExp }>> = {
  letter: { message: 'Add a letter.', pattern: /\p{L}/u },
  upper: { message: 'Add an upper-case letter.', pattern: /\p{Lu}/u },
  lower: { message: 'Add a lower-case letter.', pattern: /\p{Ll}/u },
  digit: { message: 'Add a digit.', pattern: /\p{Nd}/u },
  special: { message: 'Add a special character.', pattern: /[^\p{L}\p{Nd}\s]/u },
}

/** Words that a guess at this user's password would start from. */
export interface PasswordContext {
  email?: string | null
  username?: string | null
  fullName?: string | null
  /** Names and slugs of the user's organizations. */
  organizations?: readonly string[]
  brand: string
}

/**
 * The rules of the profile that a stored password can be judged by when it is typed: where they have changed since it
 * was accepted, it must be replaced.
 */
export function weaknesses(profile: Profile, password: string): Omit<FieldError, 'field'>[] {
  const folded = password.normalize('NFKC').toLowerCase()
  const reasons: Omit<FieldError, 'field'>[] = []
  if ([...password.normalize('NFKC')].length < profile.min) {
    reasons.push({
      code: 'too_short',
      message: `Use at least ${profile.min} characters.`,
      params: { min: profile.min },
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
  return reasons
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
  const reasons = weaknesses(profile, password)
  if (length > profile.max) {
    reasons.push({
      code: 'too_long',
      message: `Use at most ${profile.max} characters.`,
      params: { max: profile.max },
    })
  }
  if (isCommon(folded, common)) {
    reasons.push({ code: 'blocklisted', message: 'This password is too common.' })
  } else if (isContextual(folded, context)) {
    reasons.push({
      code: 'context',
      message: 'Do not use your name, your address, or the name of this service or of your organization.',
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

/** Whether little is left without the words of the user, of their organizations and of the service. */
function isContextual(folded: string, context: PasswordContext): boolean {
  const words = [
    context.brand,
    context.email,
    context.email?.split('@')[0],
    context.username,
    context.fullName,
    ...(context.organizations ?? []),
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
