/**
 * One-time passwords of authenticator apps as a sign-in method, the second of an attempt. A code of any of the user's
 * authenticators is right; its step is used up by the statement that accepts it, on whichever node.
 */
import { kindOf } from '../../../base/assurance.ts'
import type { Keyring } from '../../../base/crypto.ts'
import { updateFactorUse } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { findUser, lockUserRow } from '../../identity/users/index.ts'
import type { FurtherMethod } from '../door/index.ts'
import { matchStep, typedCode } from './otp.ts'
import { selectSecrets, type TotpSecret, takeStep } from './sql.ts'

export interface TotpGuess {
  code: string
}

export const totpMethod = ({ keyring }: Pick<Tools, 'keyring'>): FurtherMethod<TotpGuess, TotpSecret[]> => ({
  name: 'totp',
  proof: kindOf('totp'),
  failure: 'wrong_code',
  read: async (db, { owner }) => (owner ? selectSecrets(db, owner.id) : []),
  async verify({ now }, { owner }, secrets, { code }) {
    const match = findMatch(keyring, secrets, typedCode(code), now)
    if (!owner || !match) return null
    if (match === 'replayed') return { failure: REPLAYED }
    return {
      // a code of one step that was sent twice at once
      recheckFailure: REPLAYED,
      user: owner,
      requires: [],
      ...(match.enrolledAt && { enrolledAt: match.enrolledAt }),
      async recheck(tx) {
        await lockUserRow(tx, owner.id)
        if (!(await takeStep(tx, match.factorId, match.step))) return null
        await tx.executeQuery(updateFactorUse({ id: match.factorId, now }))
        return await findUser(tx, owner.id)
      },
    }
  },
})

/** The code was right, and is used up. */
const REPLAYED = 'replayed_code'

/** The authenticator whose code it is. All of them are compared, so that the time does not tell which. */
function findMatch(
  keyring: Pick<Keyring, 'decrypt'>,
  secrets: readonly TotpSecret[],
  code: string,
  now: Date,
): { factorId: string; enrolledAt: Date | null; step: number } | 'replayed' | null {
  const matches = secrets.map((row) => ({
    factorId: row.factor_id,
    enrolledAt: row.confirmed_at,
    step: matchStep(keyring.decrypt('totp', row.secret), row, code, { lastStep: row.last_step, now }),
  }))
  for (const { step, ...match } of matches) if (typeof step === 'number') return { ...match, step }
  return matches.some(({ step }) => step === 'replayed') ? 'replayed' : null
}
