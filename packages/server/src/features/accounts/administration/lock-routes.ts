/** The JSON API of locking, disabling, and ending sessions. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { invalid } from '../../../base/errors.ts'
import { Instant, optional } from '../../../base/fields.ts'
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
  sendReset,
  unlockAccount,
} from './locks.ts'
import { userOperations } from './operations.ts'
import { getPerson } from './people.ts'
import { PersonView, personView } from './view.ts'

const Reason = optional(z.string().trim().min(1).max(500)).describe('For the audit log')
const YEAR = 366 * 24 * 60

const Lock = z.object({
  id: UserId,
  until: optional(Instant).describe('Left out, with `minutes`: until it is unlocked'),
  minutes: z
    .number()
    .int()
    .min(1)
    .max(10 * YEAR)
    .optional(),
  reason: Reason,
  end_sessions: z
    .boolean()
    .default(true)
    .describe('False: sessions rest while the lock lasts, and go on afterwards'),
})

/** When a lock ends. @throws Problem VALIDATION_ERROR */
function endOfLock(wish: { until?: Date | undefined; minutes?: number | undefined }, now: Date): Date | null {
  if (wish.until !== undefined && wish.minutes !== undefined)
    throw invalid('minutes', 'not_with_until', 'Say until when, or for how long.')
  if (wish.until !== undefined && wish.until <= now) throw invalid('until', 'past', 'Must lie in the future.')
  return wish.until ?? (wish.minutes === undefined ? null : new Date(now.getTime() + wish.minutes * 60_000))
}

export function lockRoutes(tools: Tools, checks: SessionChecks): Row[] {
  const person = (call: Call, user: User) => personView(tools.roles, user, call.now)
  return [
    route({
      of: userOperations.lock,
      method: 'POST',
      path: '/api/v1/users/:id/lock',
      description:
        'For a time, or until it is unlocked. Nobody signs in to it by any method, and its sessions, tokens and API keys are refused, everywhere within a second. A second lock replaces the first.',
      tag: TAG,
      input: Lock,
      output: PersonView,
      run: async (call, { id, until, minutes, reason, end_sessions }) => {
        const end = endOfLock({ until, minutes }, call.now)
        const user = await lockAccount(tools, call, id, { until: end, reason, endSessions: end_sessions })
        return { data: person(call, user), message: 'The account is locked.' }
      },
    }),
    route({
      of: userOperations.unlock,
      method: 'POST',
      path: '/api/v1/users/:id/unlock',
      description: 'Also forgets the failed sign-ins that were counted against it, from wherever they came.',
      tag: TAG,
      input: z.object({ id: UserId }),
      output: PersonView,
      run: async (call, { id }) => ({
        data: person(call, await unlockAccount(tools, call, id)),
        message: 'The account is unlocked.',
      }),
    }),
    route({
      of: userOperations.disable,
      method: 'POST',
      path: '/api/v1/users/:id/disable',
      description: 'Its sessions and tokens end, its API keys are refused, everywhere within a second.',
      tag: TAG,
      input: z.object({ id: UserId, reason: Reason }),
      output: PersonView,
      run: async (call, { id, reason }) => ({
        data: person(call, await disableAccount(tools, call, id, reason)),
        message: 'The account is disabled.',
      }),
    }),
    route({
      of: userOperations.enable,
      method: 'POST',
      path: '/api/v1/users/:id/enable',
      tag: TAG,
      input: z.object({ id: UserId }),
      output: PersonView,
      run: async (call, { id }) => ({
        data: person(call, await enableAccount(tools, call, id)),
        message: 'The account is enabled.',
      }),
    }),
    route({
      of: userOperations.listSessions,
      method: 'GET',
      path: '/api/v1/users/:id/sessions',
      tag: TAG,
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
      input: z.object({ id: UserId }),
      output: z.object({ ended: z.number().int() }),
      run: async (call, { id }) => ({
        data: { ended: await endSessionsOf(tools, call, id) },
        message: 'The sessions have ended.',
      }),
    }),
    route({
      of: userOperations.endSession,
      method: 'DELETE',
      path: '/api/v1/users/:id/sessions/:session_id',
      tag: TAG,
      input: z.object({ id: UserId, session_id: z.string().max(64) }),
      output: z.null(),
      run: async (call, { id, session_id }) => {
        await endSessionsOf(tools, call, id, session_id)
        return { data: null, message: 'The session has ended.' }
      },
    }),
    route({
      of: userOperations.sendReset,
      method: 'POST',
      path: '/api/v1/users/:id/password-reset',
      description: 'Nothing ends before the link is used. At most one e-mail a minute.',
      tag: TAG,
      input: z.object({ id: UserId }),
      output: z.null(),
      run: async (call, { id }) => {
        await sendReset(tools, call, id)
        return { data: null, message: 'The e-mail is on its way.' }
      },
    }),
  ]
}
