/** The JSON route of signing out. */
import { z } from 'zod'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { sessionCookie } from '../../identity/sessions/index.ts'
import { signInPageOperations } from './operations.ts'
import { signOut } from './sign-out.ts'

export const signOutRoutes = (tools: Pick<Tools, 'db'>): Row[] => [
  route({
    of: signInPageOperations.signOut,
    method: 'POST',
    path: '/api/v1/auth/logout',
    tag: 'Authentication',
    input: z.object({}),
    output: z.null(),
    message: 'Signed out.',
    run: async (call) => {
      await signOut(tools, call)
      return { data: null, cookies: [sessionCookie(null, call.now)] }
    },
  }),
]
