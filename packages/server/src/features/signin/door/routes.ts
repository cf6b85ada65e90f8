/** The JSON API of attempts: what a sign-in still needs. Signing in is a route of each method. */
import { z } from 'zod'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { OfferedMethod } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { resumeAttempt } from './attempts.ts'
import { WAITING_STEPS, type WaitingStep } from './next-step.ts'
import { attemptOperations } from './operations.ts'
import { methodsAt, unknownAttempt } from './sign-in.ts'

/** The token of an attempt as a path parameter. */
export const AttemptToken = z.string().min(1).max(200).describe('The `attempt` of a refused sign-in')

export const doorRoutes = (tools: Pick<Tools, 'db'>, methods: () => readonly OfferedMethod[]): Row[] => [
  route({
    of: attemptOperations.showAttempt,
    method: 'GET',
    path: '/api/v1/auth/attempts/:attempt',
    description:
      'A sign-in that needs more than one step is an attempt. It expires after 15 minutes (after a registration, one hour), and can be continued by JSON or on the hosted pages.',
    tag: 'Authentication',
    input: z.object({ attempt: AttemptToken }),
    output: z.object({ step: z.enum(WAITING_STEPS), methods: z.array(z.string()), expires_at: z.string() }),
    message: 'Attempt retrieved.',
    run: async (call, { attempt: token }) => {
      const attempt = await resumeAttempt(tools.db.hot, token, call.now)
      if (!attempt) throw unknownAttempt()
      const step = attempt.step as WaitingStep
      const offered = await methodsAt(tools.db.hot, methods(), attempt)
      return { data: { step, methods: offered, expires_at: attempt.expiresAt.toISOString() } }
    },
  }),
]
