/**
 * One-time passwords, pure: HOTP (RFC 4226), TOTP (RFC 6238), and the otpauth URL that authenticator apps read.
 * otp.test.ts has the vectors of both RFCs; oathtool.test.ts compares with an independent implementation.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { base32, fromBase32 } from '../../../base/base32.ts'

export type OtpAlgorithm = 'SHA1' | 'SHA256' | 'SHA512'

export interface OtpSettings {
  algorithm: OtpAlgorithm
  digits: number
  /** Seconds. */
  period: number
}

/** RFC 4226 §4 R6 recommends 160 bits. */
const SECRET_BYTES = 20

/** Steps that a clock may differ in either direction (RFC 6238 §5.2 recommends one for the delay of the network). */
const DRIFT = 1

export const newOtpSecret = (): string => base32(randomBytes(SECRET_BYTES))

/** RFC 4226 §5.3. */
export function hotp(
  key: Uint8Array,
  counter: number,
  { algorithm, digits }: Omit<OtpSettings, 'period'>,
): string {
  const message = Buffer.alloc(8)
  message.writeBigUInt64BE(BigInt(counter))
  const mac = createHmac(algorithm, key).update(message).digest()
  const offset = (mac.at(-1) ?? 0) & 15
  const truncated = mac.readUInt32BE(offset) & 0x7fffffff
  return String(truncated % 10 ** digits).padStart(digits, '0')
}

/** The time step, RFC 6238 §4.2. */
export const stepAt = (at: Date, period: number): number => Math.floor(at.getTime() / 1000 / period)

/**
 * The step whose code this is: the earliest of those that clocks may differ by, and after the last one that was used
 * (RFC 6238 §5.2: a code is accepted once). @returns null where it is none of them; `replayed` where it is one that was
 * used, or one before
 */
export function matchStep(
  secret: string,
  settings: OtpSettings,
  code: string,
  { lastStep, now }: { lastStep: number | null; now: Date },
): number | 'replayed' | null {
  const key = fromBase32(secret)
  const current = stepAt(now, settings.period)
  let found: number | 'replayed' | null = null
  // every step is compared, so that the time of an answer does not tell which one matched
  for (let step = current + DRIFT; step >= current - DRIFT; step -= 1) {
    if (step < 0 || !isSame(hotp(key, step, settings), code)) continue
    if (lastStep === null || step > lastStep) found = step
    else found ??= 'replayed'
  }
  return found
}

const isSame = (one: string, other: string): boolean => {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** As it was typed: without spaces and hyphens, which apps show between groups of digits. */
export const typedCode = (text: string): string => text.normalize('NFKC').replace(/[\s\p{Pd}]/gu, '')

/** The Key URI Format of authenticator apps; the issuer is also the prefix of the label, as it recommends. */
export function otpauthUrl(
  secret: string,
  { algorithm, digits, period }: OtpSettings,
  { issuer, account }: { issuer: string; account: string },
): string {
  // a colon separates issuer and account, so that neither contains one
  const part = (text: string) => encodeURIComponent(text.replaceAll(':', ' '))
  return `otpauth://totp/${part(issuer)}:${part(account)}?secret=${secret}&issuer=${part(issuer)}&algorithm=${algorithm}&digits=${digits}&period=${period}`
}
