/**
 * Exclusive XML Canonicalization 1.0 (https://www.w3.org/TR/xml-exc-c14n/) without comments, of a document that the strict
 * reader has accepted. One pass over the element.
 */
import { unescapeXml } from './read.ts'
import type { XmlAttribute, XmlElement } from './tree.ts'

export interface CanonicalOptions {
  /** The PrefixList of InclusiveNamespaces (§3): prefixes that are written although nothing uses them; `#default` is the empty one. */
  inclusive?: readonly string[]
  /** A child that is left out with all that is in it: the signature of an element that envelops it. */
  without?: XmlElement | null
}

/** Namespaces by their prefixes. */
type Scope = ReadonlyMap<string, string>

/**
 * The canonical text of an element.
 * @param document the text that was read
 * @param path the elements from the root to this one, both included
 */
export function canonicalXml(
  document: string,
  path: readonly XmlElement[],
  { inclusive = [], without = null }: CanonicalOptions = {},
): string {
  const text = document.replace(/\r\n?/g, '\n')
  const listed = inclusive.map((prefix) => (prefix === '#default' ? '' : prefix))
  const out: string[] = []

  /** @param above what is declared around the element @param written what the canonical text has declared there */
  function write(element: XmlElement, above: Scope, written: Scope): void {
    const scope = withDeclared(above, element)
    const used = element.attributes.map(({ prefix }) => prefix).filter((prefix) => prefix !== '')
    const added = [...new Set([element.prefix, ...used, ...listed])]
      .filter((prefix) => prefix !== 'xml' && uriOf(scope, prefix) !== uriOf(written, prefix))
      .sort(compare)
    const name = qualified(element)
    out.push('<', name)
    for (const prefix of added)
      out.push(` ${prefix === '' ? 'xmlns' : `xmlns:${prefix}`}="${escapeValue(uriOf(scope, prefix))}"`)
    for (const one of [...element.attributes].sort(compareAttributes))
      out.push(` ${qualified(one)}="${escapeValue(one.value)}"`)
    out.push('>')
    const inner =
      added.length === 0
        ? written
        : new Map([...written, ...added.map((prefix) => [prefix, uriOf(scope, prefix)] as const)])
    let at = element.contentStart
    for (const child of element.children) {
      out.push(escapeText(unescapeXml(text.slice(at, child.start))))
      if (child !== without) write(child, scope, inner)
      at = child.end
    }
    out.push(escapeText(unescapeXml(text.slice(at, element.contentEnd))), '</', name, '>')
  }

  const apex = path.at(-1)
  if (apex) write(apex, path.slice(0, -1).reduce<Scope>(withDeclared, new Map()), new Map())
  return out.join('')
}

const uriOf = (scope: Scope, prefix: string): string => scope.get(prefix) ?? ''

const withDeclared = (scope: Scope, { declared }: XmlElement): Scope =>
  declared.length === 0 ? scope : new Map([...scope, ...declared])

const qualified = ({ prefix, name }: XmlElement | XmlAttribute): string =>
  prefix === '' ? name : `${prefix}:${name}`

/** By code units, which for the names of this reader is by code points. */
const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)

const compareAttributes = (left: XmlAttribute, right: XmlAttribute): number =>
  compare(left.namespace, right.namespace) || compare(left.name, right.name)

const TEXT: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#xD;' }
const VALUE: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '"': '&quot;',
  '\t': '&#x9;',
  '\n': '&#xA;',
  '\r': '&#xD;',
}
const escapeText = (value: string): string => value.replace(/[&<>\r]/g, (one) => TEXT[one] ?? '')
const escapeValue = (value: string): string => value.replace(/[&<"\t\n\r]/g, (one) => VALUE[one] ?? '')
