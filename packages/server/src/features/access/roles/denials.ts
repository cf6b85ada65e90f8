/** Who lacked a permission, in the audit log: turned away at a row's door, or for reaching beyond themselves. */

import type { Denied } from '../../../base/http/index.ts'
import { audit } from '../../../core/audit/index.ts'
import type { Tools } from '../../../core/tools.ts'

/** Of one person: whoever asks in a loop must not fill the log. */
const WRITTEN_A_MINUTE = 60

export const denials =
  ({ db, limits }: Pick<Tools, 'db' | 'limits'>): Denied =>
  async (call, tried, why) => {
    if (call.principal === null) return
    const { userId, username } = call.principal
    const taken = await limits.take(`denied ${userId}`, WRITTEN_A_MINUTE, 60_000, call.now)
    if (!taken.allowed) return
    const details = { ...tried, reason: 'not_permitted', ...why.details }
    await db.tx('system', (tx) => audit(tx, call, { type: 'access.denied', userId, username, details }))
  }
