import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { base32, fromBase32 } from './base32.ts'

describe('base32', () => {
  it('encodes the values of RFC 4648, section 10, without padding', () => {
    const encoded = ['', 'f', 'fo', 'foo', 'foob', 'fooba', 'foobar'].map((text) => base32(Buffer.from(text)))
    expect(encoded).toEqual(['', 'MY', 'MZXQ', 'MZXW6', 'MZXW6YQ', 'MZXW6YTB', 'MZXW6YTBOI'])
  })

  it('decodes what it encodes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(new Uint8Array(fromBase32(base32(bytes)))).toEqual(bytes)
      }),
    )
  })

  it.each(['MZXW1', 'mzxw6', 'MZ=', 'MZ XQ'])('refuses %s', (text) => {
    expect(() => fromBase32(text)).toThrow('not base32')
  })
})
