/**
 * What an API key looks like: `<product>_<live|test>_<32 characters>`. Of the 32 characters (base62) 27 are
 * random, 160.8 bits; the last 5 are a checksum over everything before them, so that a mistyped, truncated or
 * invented key is known for what it is without asking the database, and a secret scanner can tell a key from
 * what merely looks like one. The checksum keeps nobody out; the stored hash of the whole text does.
 * docs/guides/secret-detection.md describes it to others; format.test.ts holds the two together.
 */
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

export const ENVIRONMENTS = ['live', 'test'] as const
export type Environment = (typeof ENVIRONMENTS)[number]

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const RANDOM = 27
const CHECKSUM = 5
/** Any product: a change of LATCHKEY_API_KEY_PRODUCT leaves the keys before it good. */
const FORM = /^[a-z][a-z0-9]{0,15}_(?:live|test)_[0-9A-Za-z]{32}$/
const HINT = 4

/** A new key, and how it is shown ever after. */
export function makeKey(product: string, environment: Environment): { key: string; hint: string } {
  const head = `${product}_${environment}_`
  const body = head + randomText(RANDOM)
  return { key: body + checksumOf(body), hint: `${head}${body.slice(head.length, head.length + HINT)}` }
}

/** Whether the text has the form of a key, with the right checksum; says nothing about whether there is such a key. */
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

/** Every character equally likely: bytes that would favour the first ones are thrown away. */
function randomText(length: number): string {
  let text = ''
  while (text.length < length) {
    for (const byte of randomBytes(2 * length)) {
      if (byte < 248 && text.length < length) text += BASE62.charAt(byte % 62)
    }
  }
  return text
}
