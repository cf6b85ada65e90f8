/** Backup codes: their forms, and how they are typed. Pure, except that they are random. */
import { randomBytes, randomInt } from 'node:crypto'
import { base32 } from '../../../base/base32.ts'

export type BackupCodeForm = 'strong' | 'digits'

/** PRODUCT §11. */
export const BACKUP_CODES = 10
const DIGITS = 8
/** 80 bits, as 16 characters of base32. */
const STRONG_BYTES = 10

const SALT_BYTES = 16

/** Codes as they are shown: `XXXX-XXXX-XXXX-XXXX`, or eight digits. All of a set differ. */
export function newBackupCodes(form: BackupCodeForm): string[] {
  const codes = new Set<string>()
  while (codes.size < BACKUP_CODES) codes.add(form === 'digits' ? eightDigits() : strong())
  return [...codes]
}

const eightDigits = (): string => String(randomInt(10 ** DIGITS)).padStart(DIGITS, '0')
const strong = (): string => (base32(randomBytes(STRONG_BYTES)).match(/.{4}/g) ?? []).join('-')

/**
 * A code as it is compared: capital letters, without spaces and hyphens; what base32 does not have is what it is
 * mistaken for (RFC 4648 §6 has no 0 and no 1). Codes of digits are left as they are.
 */
export function foldBackupCode(typed: string): string {
  const folded = typed
    .normalize('NFKC')
    .replace(/[\s\p{Pd}]/gu, '')
    .toUpperCase()
  return /^\d{8}$/.test(folded) ? folded : folded.replaceAll('0', 'O').replaceAll('1', 'I')
}

/** Whether it has the form of a backup code; another one is wrong without a hash. */
export const isBackupCode = (folded: string): boolean => /^(?:\d{8}|[A-Z2-7]{16})$/.test(folded)

export const newSalt = (): Buffer => randomBytes(SALT_BYTES)
