/** The JSON API of a user's own sessions. */
import { z } from 'zod'
import { described, idInput } from '../../../base/described.ts'
import { SIGNED_OUT_COOKIES } from '../../../base/http/browser-cookies.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { sessionOperations } from './operations.ts'
import { listSessions, revokeOthers, revokeSession } from './own.ts'
import { sessionPages } from './pages.tsx'
import type { SessionChecks } from './sessions.ts'
import { SessionView } from './view.ts'

const tag = 'Sessions'

/** JSON routes and hosted pages. */
export const sessionRows = (tools: Tools, checks: SessionChecks): Row[] => [
  ...sessionRoutes(tools, checks),
  ...sessionPages(tools, checks),
]

const sessionRoutes = (tools: Tools, checks: SessionChecks): Row[] => [
  route({
    of: sessionOperations.list,
    method: 'GET',
    path: '/api/v1/auth/sessions',
    tag,
    message: 'Sessions listed.',
    input: z.object({}),
    output: z.array(SessionView),
    run: async (call) => ({ data: await listSessions(tools, checks, call) }),
  }),
  route({
    of: sessionOperations.revoke,
    method: 'DELETE',
    path: '/api/v1/auth/sessions/:id',
    tag,
    message: 'Session ended.',
    input: z.object({ id: idInput('ses', 'The session to end, one of your own.') }),
    output: z.null(),
    run: async (call, { id }) => {
      await revokeSession(tools, call, id)
      return { data: null, cookies: call.session?.id === id ? SIGNED_OUT_COOKIES : [] }
    },
  }),
  route({
    of: sessionOperations.revokeOthers,
    method: 'DELETE',
    path: '/api/v1/auth/sessions',
    tag,
    message: 'Your other sessions have ended.',
    input: z.object({}),
    output: z.object({ ended: described(z.number().int(), 'The number of sessions that ended.', 2) }),
    run: async (call) => ({ data: { ended: await revokeOthers(tools, call) } }),
  }),
]
