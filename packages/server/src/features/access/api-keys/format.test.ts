import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isKey, makeKey } from './format.ts'

const guide = readFileSync(
  join(import.meta.dirname, '../../../../../../docs/guides/secret-detection.md'),
  'utf8',
)
/** The code blocks of a language in the guide. */
const block = (language: string): string =>
  new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(guide)?.[1] ?? ''

describe('the format of an API key', () => {
  it.each(['live', 'test'] as const)(
    'is product, %s and 32 characters; the hint is how it begins',
    (environment) => {
      const { key, hint } = makeKey('lk', environment)
      expect(key).toMatch(new RegExp(`^lk_${environment}_[0-9A-Za-z]{32}$`))
      expect(key.startsWith(hint)).toBe(true)
      expect(hint).toHaveLength(12)
      expect(isKey(key)).toBe(true)
    },
  )

  it('contains the product, and keys of another product remain valid', () => {
    expect(isKey(makeKey('acme2', 'live').key)).toBe(true)
  })

  it('never repeats, and uses every character', () => {
    const keys = Array.from({ length: 2000 }, () => makeKey('lk', 'live').key)
    expect(new Set(keys).size).toBe(2000)
    expect(new Set(keys.flatMap((key) => [...key.slice(8, 35)])).size).toBe(62)
  })

  it('is distinguished from similar text: any other text of its form is refused', () => {
    const { key } = makeKey('lk', 'live')
    const others = [
      key.slice(0, -1), `${key}0`, key.toLowerCase(), key.toUpperCase(), ` ${key}`, `${key} `, `${key}\n`,
      key.replace('live', 'test'), key.replace('lk', 'kl'), key.replace('_live_', '-live-'), `lk_live_${'A'.repeat(32)}`, '',
    ] // biome-ignore format: a list
    for (const other of others.filter((text) => text !== key))
      expect([other, isKey(other)]).toEqual([other, false])
    const character = fc.constantFrom(...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz')
    fc.assert(
      fc.property(fc.integer({ min: 8, max: 39 }), character, (at, other) => {
        const changed = key.slice(0, at) + other + key.slice(at + 1)
        expect(isKey(changed)).toBe(changed === key)
      }),
    )
  })
})

describe('the rules for secret scanners in docs/guides/secret-detection.md', () => {
  /** As a TOML literal string says it, and as the JSON of secretlint does. */
  const gitleaks = /regex = '''([^']+)'''/.exec(block('toml'))?.[1] ?? 'there is no rule'
  const secretlint =
    (JSON.parse(block('json')) as { rules: { options: { patterns: { patterns: string[] }[] } }[] }).rules[0]
      ?.options.patterns[0]?.patterns[0] ?? '/there is no rule/'
  const [, source = '', flags = ''] = /^\/(.*)\/([a-z]*)$/.exec(secretlint) ?? []
  const rules = { gitleaks: () => new RegExp(gitleaks, 'g'), secretlint: () => new RegExp(source, flags) }

  it.each(Object.entries(rules))('of %s finds every generated key, anywhere in a text', (_, rule) => {
    for (let i = 0; i < 500; i += 1) {
      const { key } = makeKey('lk', i % 2 ? 'live' : 'test')
      for (const text of [
        key,
        `X-API-Key: ${key}`,
        `{"key":"${key}"}`,
        `?api_key=${key}&a=b`,
        `KEY=${key}\nnext`,
        `'${key}';`,
      ])
        expect(text.match(rule())?.join() ?? text).toContain(key)
    }
  })

  it.each(Object.entries(rules))('of %s passes over what only looks like one', (_, rule) => {
    const { key } = makeKey('lk', 'live')
    const others = [
      key.slice(0, -1), `${key}0`, `x${key}`, key.replace('live', 'prod'), key.toUpperCase(), key.replaceAll('_', '-'),
      'lk_live_', 'lk_test_key', 'st_ic2-4GbrwKd0dimqxTIz0P_sEUCqBfEE1SWyvhohx4E', `key_${'0'.repeat(32)}`,
    ] // biome-ignore format: a list
    for (const other of others) expect([other, rule().test(other)]).toEqual([other, false])
  })

  it('print the checksum as the server computes it', async () => {
    const script = block('js')
    const checked = (await import(`data:text/javascript,${encodeURIComponent(script)}`)) as {
      isKey(text: string): boolean
    }
    for (let i = 0; i < 200; i += 1) {
      const { key } = makeKey('lk', 'test')
      expect(checked.isKey(key)).toBe(true)
      expect(checked.isKey(`${key.slice(0, -1)}${key.endsWith('x') ? 'y' : 'x'}`)).toBe(false)
    }
  })
})
