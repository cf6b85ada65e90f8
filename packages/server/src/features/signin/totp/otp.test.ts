import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { base32, fromBase32 } from '../../../base/base32.ts'
import { hotp, matchStep, newOtpSecret, type OtpAlgorithm, otpauthUrl, stepAt, typedCode } from './otp.ts'

const seed = (bytes: number) => Buffer.from('1234567890'.repeat(7).slice(0, bytes))
const SEEDS = { SHA1: seed(20), SHA256: seed(32), SHA512: seed(64) } as const

describe('HOTP', () => {
  it('computes the values of RFC 4226, appendix D', () => {
    const values = Array.from({ length: 10 }, (_, counter) =>
      hotp(SEEDS.SHA1, counter, { algorithm: 'SHA1', digits: 6 }),
    )
    expect(values).toEqual([
      '755224',
      '287082',
      '359152',
      '969429',
      '338314',
      '254676',
      '287922',
      '162583',
      '399871',
      '520489',
    ])
  })
})

// biome-ignore format: a table
const VECTORS: readonly [seconds: number, ...codes: string[]][] = [
  [59, '94287082', '46119246', '90693936'],
  [1111111109, '07081804', '68084774', '25091201'],
  [1111111111, '14050471', '67062674', '99943326'],
  [1234567890, '89005924', '91819424', '93441116'],
  [2000000000, '69279037', '90698825', '38618901'],
  [20000000000, '65353130', '77737706', '47863826'],
]

describe('TOTP', () => {
  it.each(VECTORS)('computes the values of RFC 6238, appendix B, at %i', (seconds, ...codes) => {
    const step = stepAt(new Date(seconds * 1000), 30)
    const algorithms: OtpAlgorithm[] = ['SHA1', 'SHA256', 'SHA512']
    expect(algorithms.map((algorithm) => hotp(SEEDS[algorithm], step, { algorithm, digits: 8 }))).toEqual(
      codes,
    )
  })

  const settings = { algorithm: 'SHA1', digits: 6, period: 30 } as const
  const secret = base32(SEEDS.SHA1)
  const now = new Date(1_700_000_010_000)
  const current = stepAt(now, 30)
  const codeOf = (step: number) => hotp(SEEDS.SHA1, step, settings)
  const match = (code: string, lastStep: number | null = null, at = now) =>
    matchStep(secret, settings, code, { lastStep, now: at })

  it('accepts the codes of one step before and after, and no others', () => {
    const found = [-2, -1, 0, 1, 2].map((drift) => match(codeOf(current + drift)))
    expect(found).toEqual([null, current - 1, current, current + 1, null])
  })

  it('accepts no step up to the last one that was used', () => {
    const found = [-1, 0, 1].map((drift) => match(codeOf(current + drift), current))
    expect(found).toEqual(['replayed', 'replayed', current + 1])
    expect(match('000000', current)).toBeNull()
  })

  it('accepts nothing before the epoch, and at its first step', () => {
    expect(match(codeOf(0), null, new Date(0))).toBe(0)
    expect(match(codeOf(1), null, new Date(0))).toBe(1)
  })

  it('takes the earliest step that is left where two have the same code', () => {
    // with one digit, steps share codes
    const one = { ...settings, digits: 1 }
    for (let at = 0; at < 200; at += 1) {
      const when = new Date((at + 1) * 30_000)
      const codes = [at, at + 1, at + 2].map((step) => hotp(SEEDS.SHA1, step, one))
      for (const lastStep of [null, at, at + 1, at + 2])
        for (const code of new Set(codes)) {
          const steps = codes.flatMap((candidate, index) => (candidate === code ? [at + index] : []))
          const left = steps.filter((step) => lastStep === null || step > lastStep)
          expect(matchStep(secret, one, code, { lastStep, now: when })).toBe(left[0] ?? 'replayed')
        }
    }
  })

  it('refuses codes of another length', () => {
    const code = codeOf(current)
    expect([code.slice(1), `${code}0`, '', '１２３４５６'].map((typed) => match(typed))).toEqual([
      null,
      null,
      null,
      null,
    ])
  })
})

describe('a new secret', () => {
  it('has 160 bits', () => {
    const secrets = new Set(Array.from({ length: 20 }, newOtpSecret))
    expect(secrets.size).toBe(20)
    for (const secret of secrets) expect(fromBase32(secret)).toHaveLength(20)
  })
})

describe('a typed code', () => {
  it.each(['123456', '123 456', ' 12-34-56 ', '1 2 3 4 5 6'])('is read from "%s"', (typed) => {
    expect(typedCode(typed)).toBe('123456')
  })
})

describe('the otpauth URL', () => {
  const settings = { algorithm: 'SHA1', digits: 6, period: 30 } as const

  it('names issuer, account and settings', () => {
    expect(otpauthUrl('JBSWY3DPEHPK3PXP', settings, { issuer: 'Latchkey', account: 'ada@example.com' })).toBe(
      'otpauth://totp/Latchkey:ada%40example.com?secret=JBSWY3DPEHPK3PXP&issuer=Latchkey&algorithm=SHA1&digits=6&period=30',
    )
  })

  it('keeps the parts apart for any names', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1 }),
        fc.string({ unit: 'grapheme' }),
        (issuer, account) => {
          const url = new URL(otpauthUrl('JBSWY3DPEHPK3PXP', settings, { issuer, account }))
          expect([...url.searchParams.keys()]).toEqual(['secret', 'issuer', 'algorithm', 'digits', 'period'])
          expect(decodeURIComponent(url.pathname).split(':')).toEqual([
            expect.stringContaining(issuer.replaceAll(':', ' ')),
            account.replaceAll(':', ' '),
          ])
        },
      ),
    )
  })
})
