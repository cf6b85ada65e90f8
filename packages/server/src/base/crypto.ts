/**
 * Cryptographic primitives: random secrets, their hashes, MACs, authenticated encryption under a versioned key. Keys
 * are derived from LATCHKEY_SECRET, one for each purpose, so that a MAC or ciphertext of one purpose is invalid for
 * all others. While the secret is rotated, what LATCHKEY_SECRET_PREVIOUS made is still accepted; the tag of AES-GCM
 * tells which of the two it was.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hash,
  hkdfSync,
  randomBytes,
  randomFillSync,
} from 'node:crypto'

/** The purpose of a derived key. */
export type Purpose =
  | 'canary'
  | 'csrf'
  | 'identifiers'
  | 'letters'
  | 'cursors'
  | 'positions'
  | 'keys'
  | 'refresh'
  | 'return_to'
  | 'totp'
  | 'forms'
  | 'challenges'
  | 'email_codes'
  | 'step_ups'
  | 'connections'
  | 'round_trips'
  | 'identities'
  | 'authorize'
  | 'dpop_nonces'
  | 'logout'
  | 'device'
  | 'consents'
  | 'sids'
  | 'backups'
  | 'rows'

/** Random bytes of 64 secrets, drawn at once: a draw costs several times what a secret does. */
const pool = Buffer.alloc(64 * 32)
let drawn = pool.length

/** 256 random bits as 43 characters of base64url. */
export function randomSecret(): string {
  if (drawn === pool.length) {
    randomFillSync(pool)
    drawn = 0
  }
  const secret = pool.toString('base64url', drawn, drawn + 32)
  // memory keeps no secret that was given out
  pool.fill(0, drawn, drawn + 32)
  drawn += 32
  return secret
}

/** Text of that many characters, which no compression makes shorter. */
export const incompressibleText = (characters: number): string =>
  randomBytes(Math.ceil(characters * 0.75))
    .toString('base64url')
    .slice(0, characters)

/** The same as text of one character a byte: a key of a Map, made in a tenth of the time that a Buffer takes. */
export const digestKey = (text: string): string => hash('sha256', text, 'binary')
export const digestBytes = (key: string): Buffer => Buffer.from(key, 'latin1')

/** SHA-256; sufficient for secrets of full entropy, never for passwords. */
export const sha256 = (text: string): Buffer => digestBytes(digestKey(text))

export interface Keyring {
  /** HMAC-SHA-256 under the key of the purpose. */
  mac(purpose: Purpose, text: string): Buffer
  /** Every MAC that is accepted: that of `mac` first, then that of the previous secret. */
  macs(purpose: Purpose, text: string): readonly Buffer[]
  /** AES-256-GCM; the result names its key version: `v1.<iv>.<tag+ciphertext>` in base64url. */
  encrypt(purpose: Purpose, text: string): string
  /** @throws if the text is not the result of `encrypt` with the same or the previous secret and the same purpose */
  decrypt(purpose: Purpose, sealed: string): string
  /** Whether `decrypt` succeeds. */
  opens(purpose: Purpose, sealed: string): boolean
  /** Whether it was sealed under LATCHKEY_SECRET, not the previous secret. */
  isCurrent(purpose: Purpose, sealed: string): boolean
}

/** @param previous the secret before a rotation */
export function keyring(secret: string, previous: string | null = null): Keyring {
  const current = derive(secret)
  const all = previous === null ? [current] : [current, derive(previous)]
  const macOf = (key: DeriveKey, purpose: Purpose, text: string): Buffer =>
    createHmac('sha256', key(purpose)).update(text).digest()
  const isOpenedBy = (keys: readonly DeriveKey[], purpose: Purpose, sealed: string): boolean => {
    try {
      open(keys, purpose, sealed)
      return true
    } catch {
      return false
    }
  }
  return {
    mac: (purpose, text) => macOf(current, purpose, text),
    macs: (purpose, text) => all.map((key) => macOf(key, purpose, text)),
    encrypt(purpose, text) {
      const iv = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', current(purpose), iv)
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return `v1.${iv.toString('base64url')}.${Buffer.concat([cipher.getAuthTag(), body]).toString('base64url')}`
    },
    decrypt: (purpose, sealed) => open(all, purpose, sealed),
    opens: (purpose, sealed) => isOpenedBy(all, purpose, sealed),
    isCurrent: (purpose, sealed) => isOpenedBy([current], purpose, sealed),
  }
}

type DeriveKey = (purpose: Purpose) => Buffer

/** RFC 5869: one key a purpose; the salt pins the product and the scheme's version. */
function derive(secret: string): DeriveKey {
  const derived = new Map<Purpose, Buffer>()
  return (purpose) => {
    let found = derived.get(purpose)
    if (!found) {
      found = Buffer.from(hkdfSync('sha256', secret, 'latchkey/v1', purpose, 32))
      derived.set(purpose, found)
    }
    return found
  }
}

function open(keys: readonly DeriveKey[], purpose: Purpose, sealed: string): string {
  const [version, iv, body] = sealed.split('.')
  if (version !== 'v1' || !iv || !body) throw new Error('not a sealed text of a known version')
  const bytes = Buffer.from(body, 'base64url')
  for (const key of keys) {
    try {
      const decipher = createDecipheriv('aes-256-gcm', key(purpose), Buffer.from(iv, 'base64url'), {
        authTagLength: 16,
      })
      decipher.setAuthTag(bytes.subarray(0, 16))
      return Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]).toString('utf8')
    } catch {
      // sealed under another secret, or changed since
    }
  }
  throw new Error('not sealed under this secret')
}
