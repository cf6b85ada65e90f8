/** Signing keys and a rotation of the server's secret. */
import type { Keyring } from '../../base/crypto.ts'
import type { Db, Statements } from '../../base/db/types.ts'
import { listSigningKeys, lockKeys, updateSealed } from './sql.ts'

/** The private key of every stored key, as it is sealed. */
export const listSealedKeys = async (db: Statements): Promise<string[]> =>
  (await listSigningKeys(db, 'all')).map(({ sealed_private }) => sealed_private)

/** Seals every key under the current secret; one that neither secret opens stays as it is. */
export const resealKeys = (db: Db, keyring: Keyring): Promise<{ resealed: number; unreadable: number }> =>
  db.tx('system', async (tx) => {
    await lockKeys(tx)
    const counts = { resealed: 0, unreadable: 0 }
    for (const { kid, sealed_private: sealed } of await listSigningKeys(tx, 'all')) {
      if (keyring.isCurrent('keys', sealed)) continue
      if (!keyring.opens('keys', sealed)) {
        counts.unreadable += 1
        continue
      }
      await updateSealed(tx, kid, sealed, keyring.encrypt('keys', keyring.decrypt('keys', sealed)))
      counts.resealed += 1
    }
    return counts
  })
