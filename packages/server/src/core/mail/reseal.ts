/** The outbox and a rotation of the server's secret. */
import type { Keyring } from '../../base/crypto.ts'
import type { Db } from '../../base/db/types.ts'
import { listSealedEmails, replaceSealed } from './sql.ts'

const AT_ONCE = 200

/** Seals every email under the current secret, page by page; one that neither secret opens stays as it is. */
export async function resealEmails(
  db: Db,
  keyring: Keyring,
): Promise<{ resealed: number; unreadable: number }> {
  const counts = { resealed: 0, unreadable: 0 }
  for (let after = ''; ; ) {
    const page = await listSealedEmails(db.hot, after, AT_ONCE)
    const last = page.at(-1)
    if (!last) return counts
    after = last.id
    const old = page.filter(({ sealed }) => !keyring.isCurrent('letters', sealed))
    const readable = old.filter(({ sealed }) => keyring.opens('letters', sealed))
    counts.unreadable += old.length - readable.length
    const rows = readable.map(({ id, sealed }) => ({
      id,
      from: sealed,
      to: keyring.encrypt('letters', keyring.decrypt('letters', sealed)),
    }))
    if (rows.length > 0) counts.resealed += await replaceSealed(db.hot, rows)
  }
}
