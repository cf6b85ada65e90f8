/** What second factors a user has, and whether one is required. */
import type { Call } from '../../../base/call.ts'
import { problem } from '../../../base/errors.ts'
import { findSignInFacts, listFactors } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { countBackupCodes } from '../backup-codes/index.ts'
import { listRemembered } from '../devices/index.ts'
import { type FactorsView, factorView } from './view.ts'

export async function showFactors(tools: Pick<Tools, 'config' | 'db'>, call: Call): Promise<FactorsView> {
  if (!call.principal) throw problem('AUTHENTICATION_REQUIRED')
  const { userId } = call.principal
  const devices = await listRemembered(tools, call)
  return await tools.db.tx('system', async (tx) => {
    const factors = await listFactors(tx, userId)
    const { demands } = await findSignInFacts(tools, tx, userId, call.now)
    return {
      enabled: factors.some(({ kind }) => kind !== 'backup_codes'),
      required: demands.some(({ mode }) => mode !== 'none'),
      methods: factors.map(factorView),
      backup_codes_remaining: await countBackupCodes(tx, userId),
      devices,
      acr: call.session?.acr ?? null,
    }
  })
}
