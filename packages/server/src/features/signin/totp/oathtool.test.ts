/** The one-time passwords beside those of oathtool, an independent implementation, in both directions. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fromBase32 } from '../../../base/base32.ts'
import { hotp, matchStep, newOtpSecret, type OtpSettings, stepAt } from './otp.ts'

const isThere = (process.env.PATH ?? '')
  .split(delimiter)
  .some((folder) => existsSync(join(folder, 'oathtool')))

// biome-ignore format: a table
const SETTINGS: readonly OtpSettings[] = [
  { algorithm: 'SHA1', digits: 6, period: 30 },
  { algorithm: 'SHA256', digits: 6, period: 30 },
  { algorithm: 'SHA512', digits: 8, period: 60 },
]

// Times around a step and beyond 32 bits of seconds.
const TIMES = [1_000_000_019, 1_700_000_009, 1_700_000_010, 2_147_483_648, 4_102_444_800]

describe.skipIf(!isThere)('one-time passwords beside oathtool', () => {
  describe.each(SETTINGS)('$algorithm, $digits digits, $period seconds', (settings) => {
    const options = (seconds: number) => [
      `--totp=${settings.algorithm}`,
      '--base32',
      `--digits=${settings.digits}`,
      `--time-step-size=${settings.period}s`,
      `--now=@${seconds}`,
    ]

    it('are those that oathtool computes, and are accepted', () => {
      for (const seconds of TIMES) {
        const secret = newOtpSecret()
        const now = new Date(seconds * 1000)
        const code = execFileSync('oathtool', [...options(seconds), secret], { encoding: 'utf8' }).trim()
        const step = stepAt(now, settings.period)
        expect(hotp(fromBase32(secret), step, settings)).toBe(code)
        expect(matchStep(secret, settings, code, { lastStep: null, now })).toBe(step)
      }
    })

    it('are accepted by oathtool within its window of one step', () => {
      for (const seconds of TIMES) {
        const secret = newOtpSecret()
        const step = stepAt(new Date(seconds * 1000), settings.period)
        const verdicts = [-2, -1, 0, 1, 2].map((drift) => {
          const code = hotp(fromBase32(secret), step + drift, settings)
          return spawnSync('oathtool', [...options(seconds), '--window=1', secret, code]).status === 0
        })
        expect(verdicts).toEqual([false, true, true, true, false])
      }
    })
  })
})
