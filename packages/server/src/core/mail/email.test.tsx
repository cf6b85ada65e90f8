import fc from 'fast-check'
import type { ComponentChildren } from 'preact'
import { describe, expect, test } from 'vitest'
import { Action, linksOf, Note, Paragraph, renderHtml, renderText } from './email.tsx'
import { oneAddress, subjectLine } from './sealed.ts'

const palette = { fill: '#0c6b58', onFill: '#ffffff', accent: '#0c6b58' }
const frame = {
  look: { name: 'Acme', light: palette, dark: palette },
  locale: 'en' as const,
  subject: 'Hello',
}
const LINK = 'https://id.example/verify-email?token=lnk_1.abc&x=1'

const body = (
  <>
    <Paragraph>
      Hello <strong>Ann</strong>, confirm
      {' it: '}
      {null}
    </Paragraph>
    <Action href={LINK}>Verify address</Action>
    <ul>
      <li>one</li>
      <li>two</li>
    </ul>
    <Note>
      See <a href="https://id.example/help">the help</a>
      <br />
      or <a href="https://id.example/x">https://id.example/x</a>.
    </Note>
  </>
)

describe('an email', () => {
  test('as text has paragraphs, and the full URLs of its links', () => {
    expect(renderText(body, frame)).toBe(
      [
        'Hello Ann, confirm it:',
        `Verify address:\n${LINK}`,
        'one',
        'two',
        'See the help (https://id.example/help)\nor https://id.example/x.',
        '-- \nThis e-mail was sent automatically by Acme. Replies to it are not read.\n',
      ].join('\n\n'),
    )
  })

  test('as HTML is a complete document in its language that loads nothing', () => {
    const html = renderHtml(body, { ...frame, locale: 'de' })
    expect(html).toMatch(/^<!doctype html><html lang="de">/)
    expect(html).toContain('<title>Hello</title>')
    expect(html).toContain(`<a class="button" href="${LINK.replace('&', '&amp;')}"`)
    expect(html).toContain('prefers-color-scheme:dark')
    expect(html).toContain('automatisch von Acme')
    expect(html).not.toMatch(/<(?:img|script|link|iframe)|url\(|@import/i)
  })

  test('lists its links in order, each once', () => {
    const twice = [body, <Action href={LINK}>again</Action>]
    expect(linksOf(<div>{twice}</div>)).toEqual([LINK, 'https://id.example/help', 'https://id.example/x'])
  })

  test('may be composed of a feature’s components', () => {
    const Greeting = ({ name, children }: { name: string; children: ComponentChildren }) => (
      <>
        <Paragraph>Dear {name},</Paragraph>
        {children}
      </>
    )
    const composed = <Greeting name="Ann">{[1, 2].map((n) => <Paragraph key={n}>{n}</Paragraph>)}</Greeting> // biome-ignore format: it reads as one line
    expect(renderText(composed, frame)).toMatch(/^Dear Ann,\n\n1\n\n2\n\n-- \n/)
  })

  test.each([
    'javascript:alert(1)',
    'data:text/html,x',
    '//evil.example',
    '/relative',
    'https://x/"><script>',
    'https://x\n.example',
  ])('has no action that leads to %j', (href) => {
    expect(() => renderHtml(<Action href={href}>x</Action>, frame)).toThrow()
    expect(() => renderText(<Action href={href}>x</Action>, frame)).toThrow()
  })

  test('shows markup in names as text', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '<script>alert(1)</script>',
        '"><img src=x onerror=alert(1)>',
        '<a href="https://evil.example">x</a>',
        '</title><b>',
        '&lt;b&gt;',
        '-- \nforged\n\nparagraph',
      ),
    )
    const withName = (name: string) => (
      <>
        <Paragraph>Hello {name}!</Paragraph>
        <Note>{name}</Note>
      </>
    )
    const tags = (html: string): string[] => html.match(/<\/?[a-z][^>]*>/g) ?? []
    const plain = tags(renderHtml(withName('Ann'), { ...frame, subject: 'Ann' }))
    fc.assert(
      fc.property(hostile, (name) => {
        const html = renderHtml(withName(name), { ...frame, subject: name })
        expect(tags(html)).toEqual(plain)
        const blocks = renderText(withName(name), frame).split('\n\n')
        expect(blocks.length).toBeLessThanOrEqual(3)
        expect(blocks.at(-1)).toMatch(/^-- \nThis e-mail/)
      }),
    )
  })
})

describe('a subject', () => {
  test('is one line without markup or control characters for any input', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
        const line = subjectLine(text)
        expect(line).not.toMatch(/[\r\n<>\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e]/u)
        expect([...line].length).toBeLessThanOrEqual(200)
      }),
    )
    expect(subjectLine('Hi\r\nBcc: evil@x.example\u2028<b>Ann</b>  Öz 😀 ')).toBe(
      'Hi Bcc: evil@x.example bAnn/b Öz 😀',
    )
  })
})

describe('an address', () => {
  test.each([
    'ann@example.com',
    "o'neil+tag@sub.example",
    'ann@localhost',
    'äöü@bücher.example',
    'a.b-c_d=e@x.example',
  ])('%s is one', (address) => {
    expect(oneAddress(address)).toBe(address)
  })

  test.each([
    'ann@example.com\r\nBcc: x@y.example', 'ann@example.com, bob@example.com', 'Ann <ann@example.com>', '"ann"@example.com', 'ann@ex ample.com',
    'ann', '@example.com', 'ann@', 'a@b@c', 'ann@example.com;x@y', 'ann(x)@example.com', 'ann@example.com\u0000', 'group:ann@example.com', `${'a'.repeat(320)}@x.example`, '',
    'ann\u202e@example.com',
  ])('%j is none', (address) => {
    expect(() => oneAddress(address)).toThrow(expect.objectContaining({ code: 'VALIDATION_ERROR' }))
  }) // biome-ignore format: a list
})
