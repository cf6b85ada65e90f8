/** What the operator does from the command line: the rules behind `latchkey users unlock`. */
import { systemCall } from '../../../base/call.ts'
import { problem } from '../../../base/errors.ts'
import { isId } from '../../../base/ids.ts'
import type { Tools } from '../../../core/tools.ts'
import { findByIdentifier, findUser } from '../../identity/users/index.ts'
import { unlock } from './locks.ts'

/** Lifts a lock and forgets failed sign-ins. @throws Problem NOT_FOUND */
export async function unlockByOperator(
  tools: Pick<Tools, 'db' | 'clock' | 'config' | 'keyring'>,
  identifier: string,
): Promise<void> {
  const call = systemCall(tools.clock.now())
  await tools.db.tx('system', async (tx) => {
    const user = isId('usr', identifier)
      ? await findUser(tx, identifier)
      : await findByIdentifier(tx, identifier)
    if (!user) throw problem('NOT_FOUND', { message: `There is no account named ${identifier}.` })
    await unlock(tools, tx, call, user, { by: 'operator' })
  })
}
