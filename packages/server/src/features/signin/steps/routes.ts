/** The JSON API of attempts: what a sign-in still needs. Signing in is a route of each method. */
import { z } from 'zod'
import { described, EXAMPLE_LATER, exampleId, textList, timeField } from '../../../base/described.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { WAITING_STEPS, type WaitingStep } from './next-step.ts'
import { attemptOperations } from './operations.ts'
import { assertMayContinue, findAttempt, findOffer, unknownAttempt } from './resumed.ts'

/** The token of an attempt as a path parameter. */
export const AttemptToken = described(
  z.string().min(1).max(200),
  'The `attempt` in the details of the error that stopped the sign-in. Form: `sgn_….secret`.',
  `${exampleId('sgn')}.kPZ0b6pV5f3V0XgqzH2m1d9s7yT4uQ8wE6rL0aC3nJk`,
)

export const attemptRoutes = (tools: Pick<Tools, 'config' | 'db'>): Row[] => [
  route({
    of: attemptOperations.showAttempt,
    method: 'GET',
    path: '/api/v1/auth/attempts/:attempt',
    description:
      'A sign-in that needs more than one step is an attempt. It expires after 15 minutes (after a registration, one hour; where a second factor has to be set up, 30 minutes from then; one that waits for the code of an e-mail, 10 minutes), and can be continued by JSON or on the hosted pages.',
    tag: 'Authentication',
    input: z.object({ attempt: AttemptToken }),
    output: z.object({
      step: described(
        z.enum(WAITING_STEPS),
        'What the sign-in waits for: who the user is, a proof, a verified address, a second factor, setting one up, or a new password.',
        'change_password',
      ),
      methods: textList(
        'The methods of which one continues the sign-in at this step; at `enrol`, the factors of which one has to be set up.',
        'totp',
      ),
      expires_at: timeField('When the attempt expires.', EXAMPLE_LATER),
    }),
    message: 'Attempt retrieved.',
    run: async (call, { attempt: token }) => {
      const attempt = await findAttempt(tools, call, token)
      if (!attempt) throw unknownAttempt()
      await assertMayContinue(tools, call, attempt)
      const step = attempt.step as WaitingStep
      const { methods, enrollable } = await findOffer(tools, call, attempt)
      return {
        data: { step, methods: [...methods, ...enrollable], expires_at: attempt.expiresAt.toISOString() },
      }
    },
  }),
]
