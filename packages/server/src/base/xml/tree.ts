/** The tree of an XML document: elements with their namespace, attributes and text. Types and pure functions. */

/** Why a document is refused: `unsafe` for constructs and sizes that are never accepted, `malformed` otherwise. */
export class XmlFault extends Error {
  constructor(
    readonly kind: 'unsafe' | 'malformed',
    message: string,
  ) {
    super(message)
  }
}

export interface XmlAttribute {
  /** Empty for none. */
  prefix: string
  /** Without its prefix. */
  name: string
  /** Empty for an attribute without a prefix. */
  namespace: string
  value: string
}

export interface XmlElement {
  /** Empty for none. */
  prefix: string
  /** Without its prefix. */
  name: string
  namespace: string
  attributes: readonly XmlAttribute[]
  children: readonly XmlElement[]
  /** The characters directly in it; null where a comment or a processing instruction divides them. */
  text: string | null
  /** The namespaces that it declares: prefix and URI. */
  declared: readonly (readonly [string, string])[]
  /** Where the element, and what is between its tags, begins and ends in the text that was read, whose lines end in LF. */
  start: number
  end: number
  contentStart: number
  contentEnd: number
}

/** The value of an attribute without a namespace; null where it is absent. */
export const attributeOf = (element: XmlElement, name: string): string | null =>
  element.attributes.find((one) => one.namespace === '' && one.name === name)?.value ?? null

export const childrenOf = (element: XmlElement, namespace: string, name: string): XmlElement[] =>
  element.children.filter((child) => child.namespace === namespace && child.name === name)

/** The child of that name; null for none. @throws XmlFault for several */
export function onlyChild(element: XmlElement, namespace: string, name: string): XmlElement | null {
  const [first, second] = childrenOf(element, namespace, name)
  if (second) throw new XmlFault('malformed', `${element.name} contains several ${name}`)
  return first ?? null
}

/** The text of an element that contains nothing else, without surrounding white space. @throws XmlFault */
export function xmlText(element: XmlElement): string {
  if (element.text === null)
    throw new XmlFault('unsafe', `a comment or a processing instruction is inside ${element.name}`)
  if (element.children.length > 0) throw new XmlFault('malformed', `${element.name} contains elements`)
  return element.text.replace(/^[ \t\n]+|[ \t\n]+$/g, '')
}

/** The element and all elements in it, in the order of the document. */
export function* elementsOf(root: XmlElement): Generator<XmlElement> {
  const waiting: XmlElement[] = [root]
  for (let element = waiting.pop(); element; element = waiting.pop()) {
    yield element
    for (let at = element.children.length - 1; at >= 0; at -= 1) {
      const child = element.children[at]
      if (child) waiting.push(child)
    }
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
}

/** Text as the content of an element or of an attribute. */
export const escapeXml = (text: string): string => text.replace(/[&<>"'\t\n\r]/g, (one) => ESCAPES[one] ?? '')
