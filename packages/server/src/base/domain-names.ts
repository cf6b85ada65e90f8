/**
 * Domain names: their canonical spelling. Invariant: spellings that DNS takes for one name have one canonical spelling: lower
 * case, in ASCII (RFC 5891, with the mapping of UTS 46), without a dot at the end. Whether the name exists, and who owns
 * it, is for others to find out.
 */
import { domainToASCII, domainToUnicode } from 'node:url'

/** The longest domain name as text, without the dot at the end (RFC 1035 §2.3.4). */
export const LONGEST_DOMAIN = 253

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** Versions of Node.js differ in whether they refuse an `xn--` label that encodes nothing. */
const isLabel = (label: string): boolean =>
  LABEL.test(label) && (!label.startsWith('xn--') || /[^\p{ASCII}]/u.test(domainToUnicode(label)))

/**
 * The domain in its canonical spelling. Null for what is none that an e-mail address could have: an IP address, a single
 * label, a last label of one letter, a wildcard, a label with an underscore, an `xn--` label that encodes nothing.
 */
export function canonicalDomain(text: string): string | null {
  const trimmed = text.trim()
  // what domainToASCII would decode, cut off or take for a part of a URL
  if (trimmed.length > 4 * LONGEST_DOMAIN || /[\s%@:/?#[\]\\]/.test(trimmed)) return null
  const ascii = domainToASCII(trimmed).replace(/\.$/, '')
  const labels = ascii.split('.')
  const isName = labels.length > 1 && ascii.length <= LONGEST_DOMAIN && labels.every(isLabel)
  // a numeric last label would be a part of an IP address (RFC 3696 §2); none has one letter, nor has that of an address
  return isName && /^[a-z]./.test(labels.at(-1) ?? '') ? ascii : null
}

/** The domain of an e-mail address in its canonical spelling; null for what is no address. */
export function domainOfAddress(address: string): string | null {
  const at = address.lastIndexOf('@')
  return at > 0 ? canonicalDomain(address.slice(at + 1)) : null
}
