/**
 * The secrets of clients: 256 random bits behind `cs_`, of which the hash is stored. SHA-256 suffices for them, because they
 * cannot be guessed. Several are valid at once, so that an app changes from one to the next without an interruption.
 */
import { timingSafeEqual } from 'node:crypto'
import { randomSecret, sha256 } from '../../base/crypto.ts'

export interface StoredClientSecret {
  id: string
  hash: Buffer
  expiresAt: Date | null
}

const PREFIX = 'cs_'
const HINT = 4
/** Longer than any secret: what is longer is not hashed. */
const LONGEST = 200

export function makeClientSecret(): { secret: string; hash: Buffer; hint: string } {
  const secret = `${PREFIX}${randomSecret()}`
  return { secret, hash: sha256(secret), hint: secret.slice(0, PREFIX.length + HINT) }
}

/** The secret that was sent, among those of a client that are valid; null for none. Takes as long for each. */
export function findClientSecret(
  secrets: readonly StoredClientSecret[],
  sent: string,
  now: Date,
): StoredClientSecret | null {
  if (sent.length > LONGEST) return null
  const hash = sha256(sent)
  let found: StoredClientSecret | null = null
  for (const secret of secrets)
    if (timingSafeEqual(secret.hash, hash) && (secret.expiresAt === null || secret.expiresAt > now))
      found = secret
  return found
}
