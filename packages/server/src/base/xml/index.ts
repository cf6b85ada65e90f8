/**
 * Reading XML of untrusted origin: a strict subset of XML 1.0 with namespaces, in one pass and within limits, as a tree of
 * elements. A DTD, an entity that it would define, CDATA and any encoding but UTF-8 are refused before anything is built.
 * Owns the tree and its escaping. Leaves what a document means to its readers.
 *
 * Invariant: the work is linear in the length of the text, and bounded by the limits. Documents that this reader accepts
 * mean the same to every parser: what two parsers could read differently is refused.
 */
export { canonicalXml } from './canonical.ts'
export { decodeXml } from './decode.ts'
export { readXml, type XmlLimits } from './read.ts'
export {
  attributeOf,
  childrenOf,
  elementsOf,
  escapeXml,
  onlyChild,
  type XmlElement,
  XmlFault,
  xmlText,
} from './tree.ts'
