/**
 * The sealed secrets of authenticator apps. In the form of one that waits for its first code: its id and secret, for its
 * user, until a time; loading such a page writes nothing, and the id keeps a form that is sent twice from adding it twice.
 * And in the table, through a rotation of the server's secret.
 */
import { z } from 'zod'
import type { Keyring } from '../../../base/crypto.ts'
import type { Db } from '../../../base/db/types.ts'
import { Instant } from '../../../base/fields.ts'
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

const AT_ONCE = 200

/** Seals every secret under the current one of the server, page by page; one that neither opens stays as it is. */
export async function resealTotp(
  { hot: db }: Pick<Db, 'hot'>,
  keyring: Keyring,
): Promise<{ resealed: number; unreadable: number }> {
  const counts = { resealed: 0, unreadable: 0 }
  for (let after = ''; ; ) {
    const page = await listSealedSecrets(db, after, AT_ONCE)
    for (const { factor_id: id, secret } of page) {
      after = id
      if (keyring.isCurrent('totp', secret)) continue
      if (!keyring.opens('totp', secret)) counts.unreadable += 1
      else if (await replaceSecret(db, id, secret, keyring.encrypt('totp', keyring.decrypt('totp', secret))))
        counts.resealed += 1
    }
    if (page.length < AT_ONCE) return counts
  }
}
