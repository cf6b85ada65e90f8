/** The JSON API of the door itself: signing out. Signing in is each method's own route. */
import { z } from 'zod'
import { operation } from '../../../base/http/row/operation.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { SESSION_COOKIE, signOut } from '../../identity/sessions/index.ts'

export const signinRoutes = (tools: Pick<Tools, 'db'>): Row[] => [
  route({
    of: operation({
      name: 'auth.logout',
      summary: 'Sign out',
      needs: 'session',
      audit: 'auth.logout',
    }),
    method: 'POST',
    path: '/api/v1/auth/logout',
    tag: 'Authentication',
    limitedSession: true,
    input: z.object({}),
    output: z.null(),
    run: async (call) => {
      await signOut(tools, call)
      return { data: null, message: 'You are signed out.', cookies: [{ name: SESSION_COOKIE, value: null }] }
    },
  }),
]
