/** Bytes to text: UTF-8 alone. */
import { XmlFault } from './tree.ts'

/** A byte order mark of UTF-16, and what UTF-16 and UTF-32 have between characters of ASCII. */
const isOtherEncoding = (bytes: Uint8Array): boolean =>
  (bytes[0] === 0xfe && bytes[1] === 0xff) || (bytes[0] === 0xff && bytes[1] === 0xfe) || bytes.includes(0)

/** The text of a document, without a byte order mark. @throws XmlFault where it is longer or not UTF-8 */
export function decodeXml(bytes: Uint8Array, maxBytes: number): string {
  if (bytes.length > maxBytes)
    throw new XmlFault('unsafe', `the document has ${bytes.length} bytes, more than ${maxBytes}`)
  if (isOtherEncoding(bytes)) throw new XmlFault('unsafe', 'the document is not encoded in UTF-8')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new XmlFault('unsafe', 'the document is not encoded in UTF-8')
  }
}
