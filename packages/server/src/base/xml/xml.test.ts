import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  attributeOf,
  canonicalXml,
  decodeXml,
  elementsOf,
  escapeXml,
  readXml,
  XmlFault,
  type XmlLimits,
  xmlText,
} from './index.ts'

const LIMITS: XmlLimits = {
  length: 100_000,
  depth: 8,
  elements: 50,
  attributes: 40,
  attributesOfElement: 10,
  comments: false,
}
const read = (text: string, limits: Partial<XmlLimits> = {}) => readXml(text, { ...LIMITS, ...limits })

function faultOf(text: string, limits: Partial<XmlLimits> = {}): XmlFault | null {
  try {
    read(text, limits)
    return null
  } catch (error) {
    expect(error).toBeInstanceOf(XmlFault)
    return error as XmlFault
  }
}

describe('readXml', () => {
  it('reads elements, namespaces, attributes and text', () => {
    const root = read(
      '<?xml version="1.0" encoding="utf-8"?>\n<p:a xmlns:p="urn:p" xmlns="urn:d" p:x="1" x=\'2\'><b y="&lt;&#65;&#x42;&amp;">t &gt; u</b><p:c xmlns:p="urn:q"/></p:a>\n',
    )
    expect(root).toMatchObject({ name: 'a', namespace: 'urn:p', start: 39 })
    expect(root.attributes).toEqual([
      { prefix: 'p', name: 'x', namespace: 'urn:p', value: '1' },
      { prefix: '', name: 'x', namespace: '', value: '2' },
    ])
    expect(root.children.map(({ name, namespace }) => [name, namespace])).toEqual([
      ['b', 'urn:d'],
      ['c', 'urn:q'],
    ])
    const [b] = root.children
    expect(b && attributeOf(b, 'y')).toBe('<AB&')
    expect(b && xmlText(b)).toBe('t > u')
    expect([...elementsOf(root)].map(({ name }) => name)).toEqual(['a', 'b', 'c'])
  })

  it('ends the scope of a namespace with its element', () => {
    expect(read('<a xmlns="u"><b xmlns="v"/><c/></a>').children.map(({ namespace }) => namespace)).toEqual([
      'v',
      'u',
    ])
    expect(faultOf('<a><b xmlns:p="v"></b><p:c/></a>')?.message).toContain('p is not declared')
  })

  it('normalizes line ends as XML requires', () => {
    expect(read('<a x="1\r\n2">1\r\n2\r3</a>')).toMatchObject({
      text: '1\n2\n3',
      attributes: [{ value: '1 2' }],
    })
  })

  const unsafe: Readonly<Record<string, string>> = {
    'a document type': '<!DOCTYPE a><a/>',
    'a document type after white space': '  \n<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    'a document type in lower case': '<!doctype a><a/>',
    'a document type inside the root': '<a><!DOCTYPE b></a>',
    'an entity declaration': '<!ENTITY x "y"><a/>',
    'a document type after a declaration':
      '<?xml version="1.0"?><!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
    CDATA: '<a><![CDATA[x]]></a>',
    'a comment': '<a>x<!-- y -->z</a>',
    'a comment before the root': '<!-- y --><a/>',
    'a processing instruction': '<a>x<?y z?></a>',
    'another encoding': '<?xml version="1.0" encoding="UTF-16"?><a/>',
    'UTF-7': '<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a+AD4-<a/>',
    depth: `${'<a>'.repeat(9)}${'</a>'.repeat(9)}`,
    'many elements': `<a>${'<b/>'.repeat(50)}</a>`,
    'many attributes': `<a>${'<b x="" y="" z=""/>'.repeat(14)}</a>`,
    'many attributes of one element': `<a ${Array.from({ length: 11 }, (_, n) => `x${n}=""`).join(' ')}/>`,
    'many namespaces': `<a ${Array.from({ length: 11 }, (_, n) => `xmlns:x${n}="u"`).join(' ')}/>`,
    'a long text': `<a>${'x'.repeat(100_000)}</a>`,
  }
  for (const [name, text] of Object.entries(unsafe))
    it(`refuses ${name} as unsafe`, () => expect(faultOf(text)?.kind).toBe('unsafe'))

  const malformed: Readonly<Record<string, string>> = {
    'no root': ' ',
    'text before the root': 'x<a/>',
    'UTF-7 without a declaration': '+ADwAIQ-DOCTYPE a+AD4-<a/>',
    'text after the root': '<a/>x',
    'two roots': '<a/><b/>',
    'an open element': '<a><b></a>',
    'a stray end': '<a/></a>',
    'an entity that is not defined': '<a>&x;</a>',
    'a bare ampersand': '<a>x & y</a>',
    'a forbidden character': '<a>\u0000</a>',
    'a reference to a forbidden character': '<a>&#0;</a>',
    'a reference beyond Unicode': '<a>&#x110000;</a>',
    'a lone surrogate': '<a>\ud800</a>',
    'an attribute without quotes': '<a x=1/>',
    'an attribute without a value': '<a x/>',
    'attributes without space between': '<a x=""y=""/>',
    'a repeated attribute': '<a x="" x=""/>',
    'an attribute that is repeated by another prefix': '<a xmlns:p="u" xmlns:q="u" p:x="" q:x=""/>',
    'a < in an attribute': '<a x="<"/>',
    ']]> in text': '<a>]]></a>',
    'an undeclared prefix': '<p:a/>',
    'a prefix that is declared as empty': '<a xmlns:p=""/>',
    'another meaning of xml': '<a xmlns:xml="urn:x"/>',
    'a prefix of the namespace of xml': '<a xmlns:p="http://www.w3.org/XML/1998/namespace"/>',
    'a declaration of xmlns': '<a xmlns:xmlns="urn:x"/>',
    'a malformed declaration': '<?xml version="1.1"?><a/>',
    'a tag that does not end': '<a',
    'a name with two colons': '<a:b:c xmlns:a="u"/>',
  }
  for (const [name, text] of Object.entries(malformed))
    it(`refuses ${name}`, () => expect(faultOf(text)?.kind).toBe('malformed'))

  it('skips comments where they are allowed, and does not read text that they divide', () => {
    const root = read('<!-- a --><a><b>admin<!-- x -->@example.com</b><c>y</c><?z?></a>', { comments: true })
    expect(root.children.map(({ text }) => text)).toEqual([null, 'y'])
    expect(() => root.children.map(xmlText)).toThrow(XmlFault)
    expect(faultOf('<a><!--></a>', { comments: true })?.kind).toBe('malformed')
  })

  it('reads what escapeXml wrote', () => {
    const text = fc
      .string({ unit: 'grapheme' })
      .filter((one) => !/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.test(one))
    fc.assert(
      fc.property(text, (value) => {
        const root = read(`<a x="${escapeXml(value)}">${escapeXml(value)}</a>`)
        expect(root.text).toBe(value)
        expect(attributeOf(root, 'x')).toBe(value)
      }),
    )
  })

  it('ends for any text with a tree or an XmlFault', () => {
    const piece = fc.constantFrom(
      '<',
      '>',
      '/',
      '!',
      '?',
      '&',
      ';',
      '"',
      "'",
      '=',
      ':',
      'a',
      'xmlns',
      ' ',
      '--',
      ']]',
      '[',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        faultOf(pieces.join(''), { comments: true })
      }),
      { numRuns: 2000 },
    )
  })

  it('reads hostile text of megabytes once', () => {
    const most = { length: 10_000_000, comments: true }
    for (const text of [
      `<a${' '.repeat(9_000_000)}`,
      `<a ${'x'.repeat(9_000_000)}`,
      `<a x="${'y'.repeat(9_000_000)}`,
      `<a x${' '.repeat(9_000_000)}`,
      `<a>${'&lt;'.repeat(2_000_000)}`,
      `<!--${'-'.repeat(9_000_000)}`,
      `${'<'.repeat(9_000_000)}`,
      `<${'a:'.repeat(4_000_000)}`,
      `<a>${'<!-- -->'.repeat(1_000_000)}`,
    ])
      expect(faultOf(text, most)).not.toBeNull()
  })
})

describe('decodeXml', () => {
  const text = '<a>ä</a>'
  it('reads UTF-8, with and without a byte order mark', () => {
    expect(decodeXml(Buffer.from(text), 100)).toBe(text)
    expect(decodeXml(Buffer.from(`\ufeff${text}`), 100)).toBe(text)
  })

  it.each([
    ['UTF-16 with a byte order mark', Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['UTF-16 without one', Buffer.from(text, 'utf16le')],
    ['UTF-16 in the other order', Buffer.from(`\ufeff${text}`, 'utf16le').swap16()],
    ['Latin-1', Buffer.from(text, 'latin1')],
    ['overlong UTF-8', Buffer.from([0x3c, 0xc0, 0xbc])],
    ['more bytes than allowed', Buffer.alloc(101, 0x20)],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeXml(bytes, 100)).toThrow(XmlFault)
  })
})

describe('canonicalXml', () => {
  const NS = 'xmlns:a="urn:a" xmlns:b="urn:b"'
  /** Of the element that is reached by the names of children. */
  function canonical(text: string, names: readonly string[] = [], inclusive: readonly string[] = []): string {
    const path = [read(text)]
    for (const name of names)
      path.push(...(path.at(-1)?.children.filter((child) => child.name === name) ?? []))
    return canonicalXml(text, path, { inclusive })
  }

  it.each([
    ['end tags, and text outside of the root', '<?xml version="1.0"?>\n<a><b/>\n</a>\n', '<a><b></b>\n</a>'],
    ['line ends', '<a>1\r\n2\r3</a>', '<a>1\n2\n3</a>'],
    ['characters of text', '<a>&lt;&gt;&amp;&quot;&apos;"&#13;&#9;&#228;</a>', '<a>&lt;&gt;&amp;"\'"&#xD;\tä</a>'],
    ['characters of values', `<a x='&lt;>&amp;"&#10;&#9;&#13;&apos;'/>`, `<a x="&lt;>&amp;&quot;&#xA;&#x9;&#xD;'"></a>`],
    ['white space of tags and values', '<a  x = "1\n2"\t></a >', '<a x="1 2"></a>'],
    ['the order of attributes', `<a ${NS} b:a="1" a:z="2" a:b="3" z="4" y="5"/>`, '<a xmlns:a="urn:a" xmlns:b="urn:b" y="5" z="4" a:b="3" a:z="2" b:a="1"></a>'],
    ['namespaces where they are used', `<r ${NS}><a:x><a:y b:z="1"/></a:x><b:x/></r>`, '<r><a:x xmlns:a="urn:a"><a:y xmlns:b="urn:b" b:z="1"></a:y></a:x><b:x xmlns:b="urn:b"></b:x></r>'],
    ['a prefix that is declared again', '<a:x xmlns:a="urn:a"><a:x xmlns:a="urn:b"><a:x xmlns:a="urn:b"/></a:x></a:x>', '<a:x xmlns:a="urn:a"><a:x xmlns:a="urn:b"><a:x></a:x></a:x></a:x>'],
    ['the default namespace', '<x xmlns="urn:a"><y xmlns=""><z xmlns="urn:a"/></y><w/></x>', '<x xmlns="urn:a"><y xmlns=""><z xmlns="urn:a"></z></y><w></w></x>'],
    ['an attribute of the prefix xml', '<a xml:lang="de"/>', '<a xml:lang="de"></a>'],
  ])('writes %s', (_, text, expected) => expect(canonical(text)).toBe(expected)) // biome-ignore format: a table

  it('writes an element with the namespaces of those around it, and what is listed where it is declared', () => {
    const text = `<r ${NS} xmlns="urn:d"><a:x><y xmlns:c="urn:c">c:1</y></a:x></r>`
    expect(canonical(text, ['x'])).toBe('<a:x xmlns:a="urn:a"><y xmlns="urn:d">c:1</y></a:x>')
    expect(canonical(text, ['x', 'y'])).toBe('<y xmlns="urn:d">c:1</y>')
    expect(canonical(text, ['x'], ['b', 'c', 'unknown', '#default'])).toBe(
      '<a:x xmlns="urn:d" xmlns:a="urn:a" xmlns:b="urn:b"><y xmlns:c="urn:c">c:1</y></a:x>',
    )
  })

  it('leaves out one child with what is in it', () => {
    const text = '<a>1<b>2</b>3<b>4</b></a>'
    const root = read(text)
    expect(canonicalXml(text, [root], { without: root.children[0] ?? null })).toBe('<a>13<b>4</b></a>')
  })

  it('writes the same of what it has written', () => {
    const text = `<r ${NS} xmlns="urn:d" x="&#10;"><a:x b:y="&quot;">&amp;<z/></a:x></r>`
    expect(canonical(canonical(text))).toBe(canonical(text))
  })
})
