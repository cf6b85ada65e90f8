/**
 * The sealed secrets of authenticator apps. In the form of one that waits for its first code: its id and secret, for its
 * user, until a time; loading such a page writes nothing, and the id keeps a form that is sent twice from adding it twice.
 * And in the table, through a rotation of the server's secret.
 */
import { z } from 'zod'
import type { Keyring } from '../../../base/crypto.ts'
import { Instant } from '../../../base/fields.ts'
import type { SealedColumn } from '../../../core/secrets/index.ts'
import { listSealedSecrets, replaceSecret } from './sql.ts'

export interface SealedSetup {
  id: string
  userId: string
  secret: string
  name: string | null
  until: Date
}

const Sealed = z.object({
  id: z.string(),
  user_id: z.string(),
  secret: z.string(),
  name: z.string().nullable(),
  until: Instant,
})

export const sealSetup = (
  keyring: Keyring,
  { id, userId: user_id, secret, name, until }: SealedSetup,
): string => keyring.encrypt('totp', JSON.stringify({ id, user_id, secret, name, until }))

/** @returns null for a text that was changed or is another user's, and after its time */
export function openSetup(keyring: Keyring, userId: string, sealed: string, now: Date): SealedSetup | null {
  if (!keyring.opens('totp', sealed)) return null
  const text = keyring.decrypt('totp', sealed)
  // the stored secret of an authenticator is sealed for the same purpose
  if (!text.startsWith('{')) return null
  const { user_id, ...setup } = Sealed.parse(JSON.parse(text))
  return user_id === userId && setup.until > now ? { ...setup, userId } : null
}

/** The column, for a rotation of the server's secret. */
export const sealedTotpSecrets: SealedColumn = {
  purpose: 'totp',
  list: listSealedSecrets,
  replace: replaceSecret,
}
