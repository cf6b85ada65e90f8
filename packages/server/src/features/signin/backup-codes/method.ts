/**
 * Backup codes as a sign-in method, the second of an attempt: for when the other factors are not at hand. A code is used
 * up by the statement that accepts it; with the last one the set is deleted.
 */
import { kindOf } from '../../../base/assurance.ts'
import { type Call, findLocale } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { audit } from '../../../core/audit/index.ts'
import { deleteFactor, updateFactorUse } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { findUser, lockUserRow, type User } from '../../identity/users/index.ts'
import type { FurtherMethod } from '../door/index.ts'
import { foldBackupCode, isBackupCode } from './codes.ts'
import { codeUsedEmail } from './mail.tsx'
import { type BackupCodeRow, selectSet, takeCode } from './sql.ts'

export const backupCodeMethod = (
  tools: Pick<Tools, 'config' | 'hashing' | 'mail'>,
): FurtherMethod<{ code: string }, BackupCodeRow[]> => ({
  name: 'backup_code',
  proof: kindOf('backup_code'),
  failure: 'wrong_code',
  read: async (db, { owner }) => (owner ? selectSet(db, owner.id) : []),
  async verify(call, { owner }, set, { code }) {
    const folded = foldBackupCode(code)
    const [first] = set
    if (!owner || !first || !isBackupCode(folded)) return null
    const hash = await tools.hashing.hashCode(folded, first.salt)
    const found = set.find((row) => row.used_at === null && row.hash.equals(hash))
    if (!found) return null
    return {
      user: owner,
      requires: [],
      ...(found.confirmed_at && { enrolledAt: found.confirmed_at }),
      async recheck(tx) {
        await lockUserRow(tx, owner.id)
        const left = await takeCode(tx, found, call.now)
        if (left === null) return null
        const user = await findUser(tx, owner.id)
        if (user) await recordUse(tools, tx, call, user, found.factor_id, left)
        return user
      },
    }
  },
})

async function recordUse(
  tools: Pick<Tools, 'config' | 'mail'>,
  tx: Tx,
  call: Call,
  user: User,
  factorId: string,
  left: number,
): Promise<void> {
  if (left === 0) await deleteFactor(tx, user.id, factorId)
  else await tx.executeQuery(updateFactorUse({ id: factorId, now: call.now }))
  await audit(tx, call, {
    type: 'auth.mfa.backup_code_used',
    userId: user.id,
    username: user.username,
    details: { remaining: left },
  })
  const locale = findLocale(user.locale) ?? call.locale
  await tools.mail.write(tx, codeUsedEmail(tools.config, { to: user.email, locale, left }), call.now, user.id)
}
