/**
 * Cryptographic primitives: random secrets, their hashes, MACs, authenticated encryption under a versioned key. Keys are
 * derived from LATCHKEY_SECRET, one for each purpose, so that a MAC or ciphertext of one purpose is invalid for all
 * others.
 */
import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto'

/** The purpose of a derived key. */
export type Purpose = 'csrf' | 'identifiers' | 'letters' | 'cursors' | 'keys' | 'refresh' | 'return_to'

/** 256 random bits as 43 characters of base64url. */
export const randomSecret = (): string => randomBytes(32).toString('base64url')

/** Text of that many characters, which no compression makes shorter. */
export const incompressibleText = (characters: number): string =>
  randomBytes(Math.ceil(characters * 0.75))
    .toString('base64url')
    .slice(0, characters)

/** SHA-256; sufficient for secrets of full entropy, never for passwords. */
export const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

export interface Keyring {
  /** HMAC-SHA-256 under the key of the purpose. */
  mac(purpose: Purpose, text: string): Buffer
  /** AES-256-GCM; the result names its key version: `v1.<iv>.<tag+ciphertext>` in base64url. */
  encrypt(purpose: Purpose, text: string): string
  /** @throws if the text is not the result of `encrypt` with the same secret and purpose */
  decrypt(purpose: Purpose, sealed: string): string
}

export function keyring(secret: string): Keyring {
  const derived = new Map<Purpose, Buffer>()
  // RFC 5869: one key a purpose; the salt pins the product and the scheme's version
  const key = (purpose: Purpose): Buffer => {
    let found = derived.get(purpose)
    if (!found) {
      found = Buffer.from(hkdfSync('sha256', secret, 'latchkey/v1', purpose, 32))
      derived.set(purpose, found)
    }
    return found
  }
  return {
    mac: (purpose, text) => createHmac('sha256', key(purpose)).update(text).digest(),
    encrypt(purpose, text) {
      const iv = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key(purpose), iv)
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return `v1.${iv.toString('base64url')}.${Buffer.concat([cipher.getAuthTag(), body]).toString('base64url')}`
    },
    decrypt(purpose, sealed) {
      const [version, iv, body] = sealed.split('.')
      if (version !== 'v1' || !iv || !body) throw new Error('not a sealed text of a known version')
      const bytes = Buffer.from(body, 'base64url')
      const decipher = createDecipheriv('aes-256-gcm', key(purpose), Buffer.from(iv, 'base64url'))
      decipher.setAuthTag(bytes.subarray(0, 16))
      return Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]).toString('utf8')
    },
  }
}
