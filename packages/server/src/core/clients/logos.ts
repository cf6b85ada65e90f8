/**
 * Logos of apps: small PNG images (W3C PNG, third edition, §11.2.1) as `data:` addresses (RFC 2397), because pages load nothing
 * from other hosts. Those of apps that registered themselves are not shown: a stranger could look like anyone.
 */
import type { ClientsTable } from './tables.ts'

const PREFIX = 'data:image/png;base64,'
/** Characters of an address: each page of a list of apps has some of them. */
export const LONGEST_LOGO = 12_000
const LARGEST_SIDE = 256
const SIGNATURE = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')
const END = Buffer.from('0000000049454e44ae426082', 'hex')

/** Whether it is the `data:` address of a PNG image of at most 256 × 256 pixels. */
export function isLogo(text: string): boolean {
  if (!text.startsWith(PREFIX) || text.length > LONGEST_LOGO) return false
  const base64 = text.slice(PREFIX.length)
  const image = Buffer.from(base64, 'base64')
  if (image.toString('base64') !== base64 || image.length < SIGNATURE.length + 8 + END.length) return false
  const sides = [image.readUInt32BE(16), image.readUInt32BE(20)]
  return (
    image.subarray(0, SIGNATURE.length).equals(SIGNATURE) &&
    image.subarray(-END.length).equals(END) &&
    sides.every((side) => side > 0 && side <= LARGEST_SIDE)
  )
}

/** The image that users see; null for none. */
export const shownLogo = (
  { logo_uri: logo }: { logo_uri: string | null },
  source: ClientsTable['source'],
): string | null =>
  logo?.startsWith(PREFIX) && (source === 'operator' || source === 'organization') ? logo : null
