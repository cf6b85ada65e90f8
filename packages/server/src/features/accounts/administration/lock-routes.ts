/** The JSON API of locking and disabling accounts, and of ending their sessions. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { described, idInput } from '../../../base/described.ts'
import { invalid } from '../../../base/errors.ts'
import { Instant, line, optional } from '../../../base/fields.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { listSessions, type SessionChecks, SessionView } from '../../identity/sessions/index.ts'
import type { User } from '../../identity/users/index.ts'
import { TAG, UserId } from './fields.ts'
import {
  disableAccount,
  enableAccount,
  endSessionsOf,
  lockAccount,
  resetMfa,
  sendReset,
  unlockAccount,
} from './locks.ts'
import { userOperations } from './operations.ts'
import { getPerson } from './people.ts'
import { PersonView, personView } from './view.ts'

const Reason = described(
  optional(line(500)),
  'Why, for the audit log: one line of up to 500 characters.',
  'Reported as stolen',
)
const YEAR = 366 * 24 * 60

const Lock = z.object({
  id: UserId,
  until: optional(Instant).describe(
    'The end of the lock, ISO 8601 with a zone. Without `until` and `minutes` the lock lasts until it is lifted.',
  ),
  minutes: z
    .number()
    .int()
    .min(1)
    .max(10 * YEAR)
    .optional()
    .describe('The length of the lock in minutes, instead of `until`.'),
  reason: Reason,
  end_sessions: z
    .boolean()
    .default(true)
    .describe(
      'Whether the sessions of the user end. False: they are refused during the lock, and are usable again afterwards.',
    ),
})

/** The end of a lock, null for none. @throws Problem VALIDATION_ERROR */
function endOfLock(
  input: { until?: Date | undefined; minutes?: number | undefined },
  now: Date,
): Date | null {
  const { until, minutes } = input
  if (until !== undefined && minutes !== undefined)
    throw invalid('minutes', 'not_with_until', 'Send `until` or `minutes`, not both.')
  if (until !== undefined && until <= now) throw invalid('until', 'past', 'Must be in the future.')
  return until ?? (minutes === undefined ? null : new Date(now.getTime() + minutes * 60_000))
}

export function lockRoutes(tools: Tools, checks: SessionChecks): Row[] {
  const person = (call: Call, user: User) => personView(tools.roles, user, call.now)
  return [
    route({
      of: userOperations.lock,
      method: 'POST',
      path: '/api/v1/users/:id/lock',
      description:
        'The lock ends at a time, or when it is lifted. Every sign-in method refuses the account, and its sessions, tokens and API keys are refused on every node and guard within a second. A second lock replaces the first.',
      tag: TAG,
      message: 'Account locked.',
      input: Lock,
      output: PersonView,
      run: async (call, { id, until, minutes, reason, end_sessions }) => {
        const end = endOfLock({ until, minutes }, call.now)
        const user = await lockAccount(tools, call, id, { until: end, reason, endSessions: end_sessions })
        return { data: person(call, user) }
      },
    }),
    route({
      of: userOperations.unlock,
      method: 'POST',
      path: '/api/v1/users/:id/unlock',
      description: 'Also clears the failed sign-ins of the account, from all addresses.',
      tag: TAG,
      message: 'Account unlocked.',
      input: z.object({ id: UserId }),
      output: PersonView,
      run: async (call, { id }) => ({
        data: person(call, await unlockAccount(tools, call, id)),
      }),
    }),
    route({
      of: userOperations.disable,
      method: 'POST',
      path: '/api/v1/users/:id/disable',
      description:
        'Ends its sessions and tokens. Its API keys are refused on every node and guard within a second.',
      tag: TAG,
      message: 'Account disabled.',
      input: z.object({ id: UserId, reason: Reason }),
      output: PersonView,
      run: async (call, { id, reason }) => ({
        data: person(call, await disableAccount(tools, call, id, reason)),
      }),
    }),
    route({
      of: userOperations.enable,
      method: 'POST',
      path: '/api/v1/users/:id/enable',
      tag: TAG,
      message: 'Account enabled.',
      input: z.object({ id: UserId }),
      output: PersonView,
      run: async (call, { id }) => ({
        data: person(call, await enableAccount(tools, call, id)),
      }),
    }),
    route({
      of: userOperations.resetMfa,
      method: 'POST',
      path: '/api/v1/users/:id/mfa/reset',
      description:
        'Removes authenticator apps, passkeys and backup codes, ends the sessions, and sends the user an e-mail. Verify first, by other means, that the request comes from the user: afterwards the password alone signs in. Not on your own account.',
      tag: TAG,
      message: 'Second factors removed.',
      input: z.object({ id: UserId }),
      output: z.object({
        removed: described(z.number().int(), 'The number of factors that were removed.', 2),
      }),
      run: async (call, { id }) => ({ data: { removed: await resetMfa(tools, call, id) } }),
    }),
    route({
      of: userOperations.listSessions,
      method: 'GET',
      path: '/api/v1/users/:id/sessions',
      tag: TAG,
      message: 'Sessions listed.',
      input: z.object({ id: UserId }),
      output: z.array(SessionView),
      run: async (call, { id }) => {
        await getPerson(tools, call, id)
        return { data: await listSessions(tools, checks, call, id) }
      },
    }),
    route({
      of: userOperations.endSessions,
      method: 'DELETE',
      path: '/api/v1/users/:id/sessions',
      tag: TAG,
      message: 'Sessions ended.',
      input: z.object({ id: UserId }),
      output: z.object({ ended: described(z.number().int(), 'The number of sessions that ended.', 2) }),
      run: async (call, { id }) => ({
        data: { ended: await endSessionsOf(tools, call, id) },
      }),
    }),
    route({
      of: userOperations.endSession,
      method: 'DELETE',
      path: '/api/v1/users/:id/sessions/:session_id',
      tag: TAG,
      message: 'Session ended.',
      input: z.object({ id: UserId, session_id: idInput('ses', 'The session to end, one of the user.') }),
      output: z.null(),
      run: async (call, { id, session_id }) => {
        await endSessionsOf(tools, call, id, session_id)
        return { data: null }
      },
    }),
    route({
      of: userOperations.sendReset,
      method: 'POST',
      path: '/api/v1/users/:id/password-reset',
      description:
        'The password, sessions and tokens stay valid until the link is used. At most one e-mail a minute.',
      tag: TAG,
      message: 'E-mail sent.',
      input: z.object({ id: UserId }),
      output: z.null(),
      run: async (call, { id }) => {
        await sendReset(tools, call, id)
        return { data: null }
      },
    }),
  ]
}
