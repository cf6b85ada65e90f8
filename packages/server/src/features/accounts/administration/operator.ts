/** The operator's changes on the command line: the rules behind `latchkey users unlock`. */
import { systemCall } from '../../../base/call.ts'
import type { Tools } from '../../../core/tools.ts'
import { getUserNamed } from '../../identity/users/index.ts'
import { liftLock } from './locks.ts'

/** Lifts a lock and clears failed sign-ins. @throws Problem NOT_FOUND */
export async function unlockUserByOperator(
  tools: Pick<Tools, 'db' | 'clock' | 'config' | 'keyring'>,
  identifier: string,
): Promise<void> {
  const call = systemCall(tools.clock.now())
  await tools.db.tx('system', async (tx) => {
    await liftLock(tools, tx, call, await getUserNamed(tx, identifier), { by: 'operator' })
  })
}
