/** The reader: text to tree, in one pass without recursion. */
import { type XmlAttribute, type XmlElement, XmlFault } from './tree.ts'

export interface XmlLimits {
  /** Characters of the text. */
  length: number
  depth: number
  elements: number
  /** Of the whole document, declarations of namespaces included. */
  attributes: number
  /** Of one element. */
  attributesOfElement: number
  /** Whether comments and processing instructions are skipped; otherwise they are refused. */
  comments: boolean
}

const XML = 'http://www.w3.org/XML/1998/namespace'
const XMLNS = 'http://www.w3.org/2000/xmlns/'

// names of ASCII: SAML, XML Signature and XML Encryption have no others
const NAME = /[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?/y
const SPACE = /[ \t\n]*/y
const ATTRIBUTE =
  /([ \t\n]+)([A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?)[ \t\n]*=[ \t\n]*(?:"([^"<]*)"|'([^'<]*)')/y
const DECLARATION =
  /^<\?xml[ \t\n]+version[ \t\n]*=[ \t\n]*["']1\.0["'](?:[ \t\n]+encoding[ \t\n]*=[ \t\n]*["']([\w.-]+)["'])?(?:[ \t\n]+standalone[ \t\n]*=[ \t\n]*["'](?:yes|no)["'])?[ \t\n]*\?>/
/** What XML 1.0 §2.2 does not allow, lone surrogates included. */
const FORBIDDEN = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u
const REFERENCE = /&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos));|&/g
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

interface OpenElement extends XmlElement {
  attributes: XmlAttribute[]
  children: OpenElement[]
  qualified: string
}

/** The root of the document. @throws XmlFault */
export function readXml(document: string, limits: XmlLimits): XmlElement {
  if (document.length > limits.length)
    throw new XmlFault('unsafe', `the document has more than ${limits.length} characters`)
  const text = document.replace(/\r\n?/g, '\n')
  if (FORBIDDEN.test(text)) throw malformed('the document contains a forbidden character')
  const namespaces = new Map<string, string[]>([
    ['xml', [XML]],
    ['', ['']],
  ])
  const open: OpenElement[] = []
  let root: OpenElement | null = null
  let elements = 0
  let attributes = 0
  let at = afterDeclaration(text)

  const resolve = (prefix: string): string => {
    const found = namespaces.get(prefix)?.at(-1)
    if (found === undefined) throw malformed(`the prefix ${prefix} is not declared`)
    return found
  }

  function readStart(): void {
    const start = at
    NAME.lastIndex = at + 1
    const qualified = NAME.exec(text)?.[0]
    if (qualified === undefined) throw malformed('a tag has no name')
    at = NAME.lastIndex
    const raw: [string, string][] = []
    for (ATTRIBUTE.lastIndex = at; ; ) {
      const match = ATTRIBUTE.exec(text)
      if (!match) break
      at = ATTRIBUTE.lastIndex
      raw.push([match[2] ?? '', unescapeXml((match[3] ?? match[4] ?? '').replace(/[\t\n]/g, ' '))])
      attributes += 1
      if (raw.length > limits.attributesOfElement || attributes > limits.attributes)
        throw new XmlFault('unsafe', 'the document has too many attributes')
    }
    at = skipSpace(text, at)
    const isEmpty = text.startsWith('/>', at)
    if (!isEmpty && text[at] !== '>') throw malformed(`the tag ${qualified} is malformed`)
    at += isEmpty ? 2 : 1
    const declared = declare(raw)
    const element: OpenElement = {
      ...nameOf(qualified, resolve, true),
      attributes: attributesOf(raw, resolve),
      children: [],
      text: '',
      start,
      end: at,
      contentStart: at,
      contentEnd: at,
      qualified,
      declared,
    }
    elements += 1
    if (elements > limits.elements) throw new XmlFault('unsafe', 'the document has too many elements')
    if (open.length >= limits.depth) throw new XmlFault('unsafe', 'the document is nested too deeply')
    const parent = open.at(-1)
    if (parent) parent.children.push(element)
    else if (root) throw malformed('the document has several roots')
    else root = element
    if (isEmpty) release(declared)
    else open.push(element)
  }

  function declare(raw: readonly [string, string][]): [string, string][] {
    const declared: [string, string][] = []
    for (const [name, uri] of raw) {
      if (name !== 'xmlns' && !name.startsWith('xmlns:')) continue
      const prefix = name.slice(6)
      const isReserved = prefix === 'xmlns' || (prefix === 'xml') !== (uri === XML) || uri === XMLNS
      if (isReserved || (uri === '' && prefix !== '') || declared.some(([one]) => one === prefix))
        throw malformed(`the declaration of the namespace ${name} is not allowed`)
      declared.push([prefix, uri])
      const stack = namespaces.get(prefix)
      if (stack) stack.push(uri)
      else namespaces.set(prefix, [uri])
    }
    return declared
  }

  function release(declared: XmlElement['declared']): void {
    for (const [prefix] of declared) namespaces.get(prefix)?.pop()
  }

  function readEnd(): void {
    NAME.lastIndex = at + 2
    const qualified = NAME.exec(text)?.[0]
    const element = open.pop()
    if (!element || element.qualified !== qualified) throw malformed('tags are not balanced')
    element.contentEnd = at
    at = skipSpace(text, NAME.lastIndex)
    if (text[at] !== '>') throw malformed('an end tag is malformed')
    at += 1
    element.end = at
    release(element.declared)
  }

  function skipHidden(begin: string, end: string, what: string): void {
    if (!limits.comments) throw new XmlFault('unsafe', `the document contains ${what}`)
    const closed = text.indexOf(end, at + begin.length)
    if (closed === -1) throw malformed(`${what} does not end`)
    at = closed + end.length
    const element = open.at(-1)
    // the text of an element that is divided has no single reading
    if (element) element.text = null
  }

  function readText(): void {
    const next = text.indexOf('<', at)
    const end = next === -1 ? text.length : next
    const piece = text.slice(at, end)
    const element = open.at(-1)
    if (!element) {
      if (/[^ \t\n]/.test(piece)) throw malformed('there is text outside of the root')
    } else {
      if (piece.includes(']]>')) throw malformed('the text contains ]]>')
      if (element.text !== null) element.text += unescapeXml(piece)
    }
    at = end
  }

  while (at < text.length) {
    if (text[at] !== '<') readText()
    else if (text.startsWith('<!--', at)) skipHidden('<!--', '-->', 'a comment')
    else if (text[at + 1] === '!') throw refusedMarkup(text, at)
    else if (text[at + 1] === '?') skipHidden('<?', '?>', 'a processing instruction')
    else if (text[at + 1] === '/') readEnd()
    else readStart()
  }
  if (!root || open.length > 0) throw malformed('the document is not complete')
  return root
}

const malformed = (message: string): XmlFault => new XmlFault('malformed', message)

function refusedMarkup(text: string, at: number): XmlFault {
  if (text.startsWith('<![CDATA[', at)) return new XmlFault('unsafe', 'the document contains CDATA')
  return new XmlFault('unsafe', 'the document contains a document type or another declaration')
}

function skipSpace(text: string, at: number): number {
  SPACE.lastIndex = at
  SPACE.exec(text)
  return SPACE.lastIndex
}

/** Where the content begins after the XML declaration, which may name UTF-8 alone. */
function afterDeclaration(text: string): number {
  if (!/^<\?xml[ \t\n]/.test(text)) return 0
  const match = DECLARATION.exec(text.slice(0, 200))
  if (!match) throw malformed('the XML declaration is malformed')
  if (match[1] !== undefined && match[1].toLowerCase() !== 'utf-8')
    throw new XmlFault('unsafe', 'the document is not encoded in UTF-8')
  return match[0].length
}

function nameOf(
  qualified: string,
  resolve: (prefix: string) => string,
  isElement: boolean,
): { prefix: string; name: string; namespace: string } {
  const colon = qualified.indexOf(':')
  if (colon !== -1) {
    const prefix = qualified.slice(0, colon)
    return { prefix, name: qualified.slice(colon + 1), namespace: resolve(prefix) }
  }
  return { prefix: '', name: qualified, namespace: isElement ? resolve('') : '' }
}

function attributesOf(
  raw: readonly (readonly [string, string])[],
  resolve: (prefix: string) => string,
): XmlAttribute[] {
  const seen = new Set<string>()
  const attributes: XmlAttribute[] = []
  for (const [qualified, value] of raw) {
    if (qualified === 'xmlns' || qualified.startsWith('xmlns:')) continue
    const name = nameOf(qualified, resolve, false)
    const key = `${name.namespace} ${name.name}`
    if (seen.has(key)) throw malformed(`the attribute ${name.name} is repeated`)
    seen.add(key)
    attributes.push({ ...name, value })
  }
  return attributes
}

export function unescapeXml(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(REFERENCE, (all, decimal?: string, hex?: string, named?: string) => {
    if (named !== undefined) return NAMED[named] ?? ''
    const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number.parseInt(decimal, 10)
    if (all === '&' || Number.isNaN(code) || code > 0x10ffff)
      throw malformed('a reference to an entity is not allowed')
    const character = String.fromCodePoint(code)
    if (FORBIDDEN.test(character)) throw malformed('a reference to a forbidden character')
    return character
  })
}
