/** The names of factors, and renaming one of the caller's. */
import type { Call } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import { notFound } from '../../../base/errors.ts'
import { line } from '../../../base/fields.ts'
import { audit } from '../../../core/audit/index.ts'
import { type Factor, listFactors, renameFactor } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { lockUserRow } from '../../identity/users/index.ts'

export const LONGEST_FACTOR_NAME = 60
/** The name by which a user recognizes a factor. */
export const FactorName = line(LONGEST_FACTOR_NAME)

/** The kinds that have a name, and what the audit log calls a new one. */
const RENAMED = { totp: 'auth.mfa.renamed', passkey: 'auth.passkey.renamed' } as const
export type NamedKind = keyof typeof RENAMED

/** A factor of the caller, of this kind. */
export interface OwnFactor {
  kind: NamedKind
  id: string
}

function ownOf(factors: readonly Factor[], { kind, id }: OwnFactor): Factor {
  const found = factors.find((factor) => factor.id === id && factor.kind === kind)
  if (!found) throw notFound(kind === 'passkey' ? 'passkey' : 'factor')
  return found
}

/** @throws Problem NOT_FOUND for one that is not the caller's */
export async function getOwnFactor(tools: Pick<Tools, 'db'>, call: Call, wanted: OwnFactor): Promise<Factor> {
  const { userId } = callerScope(call)
  return ownOf(await tools.db.tx('system', (tx) => listFactors(tx, userId)), wanted)
}

/** @throws Problem NOT_FOUND for one that is not the caller's */
export async function renameOwnFactor(
  tools: Pick<Tools, 'db'>,
  call: Call,
  wanted: OwnFactor,
  name: string,
): Promise<Factor> {
  const { userId } = callerScope(call)
  return await tools.db.tx('system', async (tx) => {
    await lockUserRow(tx, userId)
    const former = ownOf(await listFactors(tx, userId), wanted)
    if (former.name === name) return former
    await renameFactor(tx, userId, former.id, name)
    await audit(tx, call, {
      type: RENAMED[wanted.kind],
      userId,
      username: call.principal?.username ?? null,
      details: { factor_id: former.id, from: former.name, to: name },
    })
    return { ...former, name }
  })
}
