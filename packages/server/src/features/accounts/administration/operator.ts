/** What the operator does from the command line: the rules behind `latchkey users unlock`. */
import { systemCall } from '../../../base/call.ts'
import type { Tools } from '../../../core/tools.ts'
import { getUserNamed } from '../../identity/users/index.ts'
import { unlock } from './locks.ts'

/** Lifts a lock and forgets failed sign-ins. @throws Problem NOT_FOUND */
export async function unlockByOperator(
  tools: Pick<Tools, 'db' | 'clock' | 'config' | 'keyring'>,
  identifier: string,
): Promise<void> {
  const call = systemCall(tools.clock.now())
  await tools.db.tx('system', async (tx) => {
    await unlock(tools, tx, call, await getUserNamed(tx, identifier), { by: 'operator' })
  })
}
