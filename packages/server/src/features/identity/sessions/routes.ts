/** The JSON API of one's own sessions. */
import { z } from 'zod'
import { operation } from '../../../base/http/row/operation.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { listSessions, revokeOthers, revokeSession, SessionView } from './own.ts'
import type { SessionChecks } from './sessions.ts'
import { sessionCookie } from './view.ts'

export const sessionRoutes = (tools: Tools, checks: SessionChecks): Row[] => [
  route({
    of: operation({
      name: 'sessions.list',
      summary: 'List your sessions',
      needs: 'session',
      quiet: 'reads only',
    }),
    method: 'GET',
    path: '/api/v1/auth/sessions',
    tag: 'Sessions',
    input: z.object({}),
    output: z.array(SessionView),
    run: async (call) => ({ data: await listSessions(tools, checks, call) }),
  }),
  route({
    of: operation({
      name: 'sessions.revoke',
      summary: 'End one of your sessions',
      needs: 'session',
      audit: 'auth.session.revoked',
      errors: ['NOT_FOUND'],
    }),
    method: 'DELETE',
    path: '/api/v1/auth/sessions/:id',
    tag: 'Sessions',
    input: z.object({ id: z.string().max(64) }),
    output: z.null(),
    run: async (call, { id }) => {
      await revokeSession(tools, call, id)
      const cookies = call.session?.id === id ? [sessionCookie(null, call.now)] : []
      return { data: null, message: 'The session has ended.', cookies }
    },
  }),
  route({
    of: operation({
      name: 'sessions.revoke_others',
      summary: 'End all your sessions but this one',
      needs: 'session',
      audit: 'auth.session.revoked',
    }),
    method: 'DELETE',
    path: '/api/v1/auth/sessions',
    tag: 'Sessions',
    input: z.object({}),
    output: z.object({ ended: z.number().int() }),
    run: async (call) => ({
      data: { ended: await revokeOthers(tools, call) },
      message: 'Your other sessions have ended.',
    }),
  }),
]
