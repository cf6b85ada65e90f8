/** The canonical spelling of domains, for every spelling that people and programs send. */
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { canonicalDomain, domainOfAddress } from './domain-names.ts'
import { EmailAddress } from './identifiers.ts'

describe('a domain', () => {
  test.each([
    ['example.com', 'example.com'],
    ['EXAMPLE.Com', 'example.com'],
    ['  example.com.\n', 'example.com'],
    ['mail.eu.example.co.uk', 'mail.eu.example.co.uk'],
    ['münchen.de', 'xn--mnchen-3ya.de'],
    ['MÜNCHEN.DE', 'xn--mnchen-3ya.de'],
    ['mu\u0308nchen.de', 'xn--mnchen-3ya.de'],
    ['xn--mnchen-3ya.de', 'xn--mnchen-3ya.de'],
    ['XN--MNCHEN-3YA.DE', 'xn--mnchen-3ya.de'],
    ['straße.de', 'xn--strae-oqa.de'],
    ['ｅｘａｍｐｌｅ。com', 'example.com'],
    ['ex\u00adample.com', 'example.com'],
    // a Cyrillic а is another name, and is seen to be
    ['p\u0430ypal.com', 'xn--pypal-4ve.com'],
    ['例え.テスト', 'xn--r8jz45g.xn--zckzah'],
    ['3com.com', '3com.com'],
    ['a-b--c.example', 'a-b--c.example'],
    [`${'a'.repeat(63)}.com`, `${'a'.repeat(63)}.com`],
  ])('%j is %s', (text, domain) => {
    expect(canonicalDomain(text)).toBe(domain)
  })

  test.each([
    '', '.', 'com', 'localhost', '.com', 'example..com', '.example.com', 'example.com..',
    '*.example.com', '_dmarc.example.com', 'a_b.com', 'example.c', '¡.𝐀', '-a.com', 'a-.com', 'xn--a.com', 'xn--.com', 'xn--xn---cua.de',
    '127.0.0.1', '127.1', '0x7f.1', '1.2.3.4.', '[::1]', '::1', 'example.1', 'example.0x1', 'example.com:53',
    'https://example.com', 'example.com/path', 'user@example.com', 'example.com?x', 'example.com#x', 'ex%61mple.com',
    'example\\.com', 'exam ple.com', 'example.com\0', 'a\u200d.b\u202e.com', `${'a'.repeat(64)}.com`, `${'a.'.repeat(150)}com`, 'x'.repeat(100_000),
  ])('%j is none', (text) => {
    expect(canonicalDomain(text)).toBeNull()
  }) // biome-ignore format: a list

  it('of any text is null, or is its own canonical spelling and that of its other spellings', () => {
    const spelling = fc.oneof(
      fc.domain(),
      fc.domain().map((one) => one.toUpperCase()),
      fc.string({ unit: 'grapheme', maxLength: 300 }),
      fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }), { maxLength: 6 }).map((all) => all.join('.')),
      fc.array(fc.string({ maxLength: 12 }), { maxLength: 4 }).map((all) => `xn--${all.join('.xn--')}.com`),
    )
    fc.assert(
      fc.property(spelling, (text) => {
        const domain = canonicalDomain(text)
        if (domain === null) return
        expect(domain).toMatch(/^[a-z0-9.-]{3,253}$/)
        for (const other of [domain, `${domain}.`, domain.toUpperCase(), ` ${text} `])
          expect(canonicalDomain(other)).toBe(domain)
        expect(EmailAddress.safeParse(`ada@${domain.slice(-200)}`).success || domain.length > 200).toBe(true)
      }),
      { numRuns: 3000 },
    )
  })

  it('that an e-mail address may have is one', () => {
    fc.assert(
      fc.property(fc.emailAddress(), (address) => {
        if (!EmailAddress.safeParse(address).success) return
        const domain = domainOfAddress(address)
        // an xn-- label that encodes nothing passes as an address, and is no domain
        if (!/(?:@|\.)xn--/i.test(address)) expect(domain).toBe(address.split('@')[1]?.toLowerCase())
      }),
    )
    expect(domainOfAddress('"a@b"@Example.COM')).toBe('example.com')
    expect(['', '@', 'ada', '@example.com', 'ada@', 'ada@localhost'].map(domainOfAddress)).toEqual(
      Array(6).fill(null),
    )
  })
})
