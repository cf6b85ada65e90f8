/**
 * The format of API keys: `<product>_<live|test>_<32 characters>`. Of the 32 characters (base62) 27 are random,
 * 160.8 bits; the last 5 are a checksum (CRC-32) of all characters before them. The checksum lets the server reject a
 * mistyped or truncated key without a query, and a secret scanner distinguish keys from similar text. It is no
 * protection: the stored hash of the whole key authenticates.
 * docs/guides/secret-detection.md describes the format; format.test.ts keeps the two equal.
 */
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

export const ENVIRONMENTS = ['live', 'test'] as const
export type Environment = (typeof ENVIRONMENTS)[number]

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const RANDOM = 27
const CHECKSUM = 5
/** Any product: keys remain valid after a change of LATCHKEY_API_KEY_PRODUCT. */
const FORM = /^[a-z][a-z0-9]{0,15}_(?:live|test)_[0-9A-Za-z]{32}$/
const HINT = 4

/** Generates a key, with the hint that is shown instead of it later. */
export function makeKey(product: string, environment: Environment): { key: string; hint: string } {
  const head = `${product}_${environment}_`
  const body = head + randomText(RANDOM)
  return { key: body + checksumOf(body), hint: `${head}${body.slice(head.length, head.length + HINT)}` }
}

/** Whether the text has the format of a key and the right checksum; the key need not exist. */
export const isKey = (text: string): boolean =>
  FORM.test(text) && text.slice(-CHECKSUM) === checksumOf(text.slice(0, -CHECKSUM))

/** CRC-32 (IEEE 802.3) of the ASCII text, modulo 62⁵, as five digits of base62. */
function checksumOf(text: string): string {
  let left = crc32(text) % 62 ** CHECKSUM
  let digits = ''
  for (let i = 0; i < CHECKSUM; i += 1) {
    digits = BASE62.charAt(left % 62) + digits
    left = Math.floor(left / 62)
  }
  return digits
}

/** Uniformly distributed characters: bytes that would bias them are discarded (rejection sampling). */
function randomText(length: number): string {
  let text = ''
  while (text.length < length) {
    for (const byte of randomBytes(2 * length)) {
      if (byte < 248 && text.length < length) text += BASE62.charAt(byte % 62)
    }
  }
  return text
}
