/** The hosted page of a user's own sessions. */
import { z } from 'zod'
import { SIGNED_OUT_COOKIES } from '../../../base/http/browser-cookies.ts'
import { page, type Row } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { sessionOperations } from './operations.ts'
import { isOwnSession, listSessions, revokeOthers, revokeSession } from './own.ts'
import type { SessionChecks } from './sessions.ts'
import { sessionsText } from './texts.ts'
import { Sessions } from './views.tsx'

export const sessionPages = (tools: Tools, checks: SessionChecks): Row[] => [
  page({
    of: sessionOperations.list,
    name: 'pages.sessions',
    method: 'GET',
    path: '/account/sessions',
    input: z.object({ ended: z.string().max(10).optional() }),
    run: async (call, { ended }) => {
      const sessions = await listSessions(tools, checks, call)
      const items = sessions.map((session) => ({
        id: session.id,
        userAgent: session.user_agent,
        ipAddress: session.ip_address,
        signedInAt: new Date(session.created_at),
        lastSeenAt: new Date(session.last_seen_at),
        remembered: session.remember_me,
        current: session.current,
      }))
      return {
        page: <Sessions sessions={items} ended={endedOf(ended)} />,
        title: sessionsText(call.locale, 'sessions.title'),
      }
    },
  }),
  page({
    of: sessionOperations.revoke,
    name: 'pages.sessions.end',
    method: 'POST',
    path: '/account/sessions/:id/end',
    formAt: '/account/sessions',
    input: z.object({ id: z.string().max(64) }),
    run: async (call, { id }) => {
      await revokeSession(tools, call, id)
      const cookies = call.session?.id === id ? SIGNED_OUT_COOKIES : []
      return { redirect: '/account/sessions?ended=one', cookies }
    },
    reached: async (call, { id = '' }, { code }) =>
      code === 'NOT_FOUND' && (await isOwnSession(tools, call, id))
        ? { redirect: '/account/sessions' }
        : null,
  }),
  page({
    of: sessionOperations.revokeOthers,
    name: 'pages.sessions.end_others',
    method: 'POST',
    path: '/account/sessions/end-others',
    formAt: '/account/sessions',
    input: z.object({}),
    run: async (call) => ({ redirect: `/account/sessions?ended=${await revokeOthers(tools, call)}` }),
  }),
]

const endedOf = (text: string | undefined): 'one' | number | null =>
  text === 'one' ? 'one' : text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : null
