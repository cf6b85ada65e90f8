/** The JSON route that begins a step-up. */
import { z } from 'zod'
import { ACRS } from '../../../base/assurance.ts'
import { described, EXAMPLE_LATER, exampleId, textList, timeField } from '../../../base/described.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { findPolicyDemand } from '../../organizations/policy/index.ts'
import { beginStepUp, findOffer } from '../steps/index.ts'
import { stepUpOperations } from './operations.ts'

export const stepUpRoutes = (tools: Tools): Row[] => [
  route({
    of: stepUpOperations.begin,
    method: 'POST',
    path: '/api/v1/auth/step-up',
    description:
      'Begins an attempt that raises this session. Continue it under the same session by `POST auth/mfa/verify`; the session then has the new `acr`, `amr` and time of authentication, and a new token. `STEP_UP_REQUIRED` says in `acr` and `max_age` what an operation requires.',
    tag: 'Authentication',
    input: z.object({
      acr: described(
        z.enum(ACRS),
        'The level to reach, as far as the account can reach it; at any level, the second factor that a sign-in requires is proven too. Without it, one proof is enough.',
        'aal2',
      ).optional(),
      max_age: described(
        z.int().min(0).max(31_536_000),
        'Seconds. What the session has proven within this time counts towards `acr`; at least one further proof is required. Without it, only what is proven in this attempt counts.',
        600,
      ).optional(),
      organization_id: described(
        z.string().max(64),
        'The organization of `STEP_UP_REQUIRED`, one of your own: what its security policy requires of the session is proven too, by methods that count there. Without it, proofs count for your account.',
        exampleId('org'),
      ).optional(),
    }),
    output: z.object({
      attempt: described(
        z.string(),
        'The token of the attempt, for `POST auth/mfa/verify`.',
        `${exampleId('sgn')}.kPZ0b6pV5f3V0XgqzH2m1d9s7yT4uQ8wE6rL0aC3nJk`,
      ),
      step: described(z.literal('prove'), 'What the attempt waits for.', 'prove'),
      methods: textList('The methods of which one continues the step-up.', 'totp'),
      expires_at: timeField('When the attempt expires.', EXAMPLE_LATER),
    }),
    message: 'Step-up begun.',
    run: async (call, { acr, max_age: maxAge, organization_id: organizationId }) => {
      const demand = {
        ...(acr && { acr }),
        ...(maxAge !== undefined && { maxAge }),
        ...(organizationId !== undefined && (await findPolicyDemand(tools, call, organizationId))),
      }
      const attempt = await beginStepUp(tools, call, demand)
      const { methods } = await findOffer(tools, call, attempt)
      const { token, expiresAt } = attempt
      return {
        data: {
          attempt: token,
          step: 'prove' as const,
          methods: [...methods],
          expires_at: expiresAt.toISOString(),
        },
      }
    },
  }),
]
