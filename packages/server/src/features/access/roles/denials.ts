/** Audit events `access.denied`: a caller lacked the permission of a row, or one for what they wanted to change. */

import type { DenialRecorder } from '../../../base/http/index.ts'
import { audit } from '../../../core/audit/index.ts'
import type { Tools } from '../../../core/tools.ts'

/** Rate limit per user, so that a loop of refused requests does not fill the log. */
const EVENTS_PER_MINUTE = 60

export const denials =
  ({ db, limits }: Pick<Tools, 'db' | 'limits'>): DenialRecorder =>
  async (call, tried, why) => {
    if (call.principal === null) return
    const { userId, username } = call.principal
    const window = { key: `denied ${userId}`, max: EVENTS_PER_MINUTE, milliseconds: 60_000 }
    const [verdict] = await limits.usual.take([window], call.now)
    if (!verdict?.allowed) return
    const details = { ...tried, reason: 'not_permitted', ...why.details }
    await db.tx('system', (tx) => audit(tx, call, { type: 'access.denied', userId, username, details }))
  }
