/** Creating backup codes: in a session, where they replace those that the user has, and with another factor. */
import { isStrong } from '../../../base/assurance.ts'
import { type Call, findLocale } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { audit } from '../../../core/audit/index.ts'
import { listFactors } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { getUser, lockUserRow, type User } from '../../identity/users/index.ts'
import { assertMayEnrol } from '../second-factor/index.ts'
import { codesMadeEmail } from './mail.tsx'
import { adoptSet, countBackupCodes, makeSet, type NewSet, type OfferedSet, replaceSet } from './sets.ts'

/**
 * @returns the codes, once
 * @throws Problem VALIDATION_ERROR where this server does not offer them; CONFLICT where there is no factor that they would
 * replace; UNAVAILABLE
 */
export async function createBackupCodes(
  tools: Pick<Tools, 'config' | 'db' | 'hashing' | 'mail'>,
  call: Call,
): Promise<readonly string[]> {
  if (!call.principal) throw problem('AUTHENTICATION_REQUIRED')
  const { userId } = call.principal
  assertMayEnrol(tools.config, 'backup_code')
  const set = await makeSet(tools)
  await tools.db.tx('system', async (tx) => {
    await lockUserRow(tx, userId)
    const user = await getUser(tx, userId)
    const factors = await listFactors(tx, userId)
    if (!factors.some(({ kind }) => isStrong(kind)))
      throw problem('CONFLICT', {
        message: 'Backup codes replace a second factor. Set up an authenticator app or a passkey first.',
        details: { reason: 'no_factor' },
      })
    await issueSet(tx, call, user, set)
    await reportNewCodes(tools, tx, call, user)
  })
  return set.codes
}

/**
 * Makes the codes that were made with an authenticator the user's set, where there are any: recorded, and reported where they
 * replace others. The caller holds the user's row.
 */
export async function adoptCodes(
  tools: Pick<Tools, 'config' | 'mail'>,
  tx: Tx,
  call: Call,
  user: User,
  factorId: string,
): Promise<void> {
  const former = await countBackupCodes(tx, user.id)
  if (!(await adoptSet(tx, user.id, factorId, call.now))) return
  await recordNewCodes(tx, call, user)
  if (former > 0) await reportNewCodes(tools, tx, call, user)
}

/** Gives the user codes where there are none; the user's row decides of two at once. The caller holds it. */
export async function issueWhereNone(tx: Tx, call: Call, user: User, set: OfferedSet): Promise<void> {
  if ((await countBackupCodes(tx, user.id)) > 0) return
  await issueSet(tx, call, user, set)
  set.isStored = true
}

/** Replaces the user's set, recorded. The caller holds the user's row. */
async function issueSet(tx: Tx, call: Call, user: User, set: NewSet): Promise<void> {
  await replaceSet(tx, user.id, set, call.now)
  await recordNewCodes(tx, call, user)
}

const recordNewCodes = (tx: Tx, call: Call, { id: userId, username }: User): Promise<void> =>
  audit(tx, call, { type: 'auth.mfa.backup_codes_created', userId, username })

async function reportNewCodes(
  tools: Pick<Tools, 'config' | 'mail'>,
  tx: Tx,
  call: Call,
  user: User,
): Promise<void> {
  const locale = findLocale(user.locale) ?? call.locale
  await tools.mail.write(tx, codesMadeEmail(tools.config, { to: user.email, locale }), call.now, user.id)
}
