/** Which images an app may have, and of which apps users see one. */
import { describe, expect, it } from 'vitest'
import { pngLogo } from '../../testing/png.ts'
import { isLogo, LONGEST_LOGO, shownLogo } from './logos.ts'

const LOGO = pngLogo(128)
const PREFIX = 'data:image/png;base64,'
const image = Buffer.from(LOGO.slice(PREFIX.length), 'base64')
const of = (bytes: Buffer): string => PREFIX + bytes.toString('base64')
const withBytes = (at: number, ...bytes: number[]): string => {
  const changed = Buffer.from(image)
  changed.set(bytes, at)
  return of(changed)
}

describe('a logo', () => {
  it.each([1, 128, 256])('may be a PNG of %i pixels a side', (side) => {
    expect(isLogo(pngLogo(side))).toBe(true)
  })

  it.each([
    ['257 pixels a side', pngLogo(257)],
    ['a width of 2³² - 1', withBytes(16, 255, 255, 255, 255)],
    ['a height of none', withBytes(20, 0, 0, 0, 0)],
    ['another signature', withBytes(0, 0x47)],
    ['another first chunk', withBytes(12, 0x69)],
    ['no end', of(image.subarray(0, -1))],
    ['something after the end', of(Buffer.concat([image, Buffer.from('<script>')]))],
    ['nothing', PREFIX],
    ['less than a head', of(image.subarray(0, 20))],
    ['spaces in it', LOGO.replace(PREFIX, `${PREFIX} `)],
    ['no padding', LOGO.replace(/=+$/, '') + (LOGO.endsWith('=') ? '' : '=')],
    [
      'the alphabet of URLs',
      withBytes(60, 251, 255, 254)
        .replaceAll('+', '-')
        .replaceAll('/', '_')
        .replace('image_png', 'image/png'),
    ],
    ['another type', LOGO.replace('image/png', 'image/svg+xml')],
    ['a parameter', LOGO.replace(';', ';charset=utf-8;')],
    ['upper case', LOGO.replace('data', 'DATA')],
    ['an address', 'https://app.example.com/logo.png'],
    ['too many characters', LOGO + 'A'.repeat(LONGEST_LOGO)],
  ])('is none with %s', (_, text) => {
    expect(isLogo(text)).toBe(false)
  })

  it('is seen of apps of the operator and of organizations, and from no other host', () => {
    const seen = (logo_uri: string | null) =>
      (['operator', 'organization', 'registration', 'document'] as const).map((source) =>
        shownLogo({ logo_uri }, source),
      )
    expect(seen(LOGO)).toEqual([LOGO, LOGO, null, null])
    expect(seen('https://app.example.com/logo.png')).toEqual([null, null, null, null])
    expect(seen(null)).toEqual([null, null, null, null])
  })
})
