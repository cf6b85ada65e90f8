import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { safeReturnTo } from './return-to.ts'

const config = { publicUrl: 'https://id.example.com', returnOrigins: ['https://app.example.com'] }

describe('where to go after a sign-in', () => {
  it.each([
    ['/account', '/account'],
    ['/a/b?c=d#e', '/a/b?c=d#e'],
    ['https://id.example.com/account', '/account'],
    ['https://app.example.com/home?x=1', 'https://app.example.com/home?x=1'],
  ])('follows %s', (wanted, found) => {
    expect(safeReturnTo(config, wanted)).toBe(found)
  })

  it.each([
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/\t/evil.example',
    'https://evil.example',
    'https://app.example.com.evil.example',
    'https://app.example.com@evil.example',
    `https://${'user'}:pass@app.example.com/`,
    'http://app.example.com/',
    'https://app.example.com:8443/',
    'javascript:alert(1)',
    'data:text/html,x',
    'blob:https://app.example.com/3f0c',
    'blob:https://id.example.com/account',
    'view-source:https://app.example.com/',
    ' /account',
    '',
    `/${'a'.repeat(3000)}`,
  ])('ignores %s', (wanted) => {
    expect(safeReturnTo(config, wanted)).toBeNull()
  })

  it('never leads to another origin, for any input', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.webUrl(),
          fc.string().map((text) => `/${text}`),
        ),
        (wanted) => {
          const found = safeReturnTo(config, wanted)
          if (found === null) return
          const { origin } = new URL(found, config.publicUrl)
          expect([config.publicUrl, ...config.returnOrigins]).toContain(origin)
        },
      ),
      { numRuns: 2000 },
    )
  })
})
