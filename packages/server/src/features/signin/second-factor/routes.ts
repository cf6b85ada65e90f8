/** The JSON route that continues an attempt. */
import { z } from 'zod'
import { SECOND_METHODS } from '../../../base/assurance.ts'
import { described } from '../../../base/described.ts'
import { Flag, TypedCode, TypedPassword } from '../../../base/fields.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import { AssertionAnswer } from '../../../base/webauthn.ts'
import type { Tools } from '../../../core/tools.ts'
import { answerOutcome, SignedInView } from '../responses/index.ts'
import { AttemptToken } from '../steps/index.ts'
import type { ContinuingMethod } from './method.ts'
import { unavailableMethod } from './offered.ts'
import { secondFactorOperations } from './operations.ts'

export const secondFactorRoutes = (tools: Tools, methods: readonly ContinuingMethod[]): Row[] => [
  route({
    of: secondFactorOperations.verify,
    method: 'POST',
    path: '/api/v1/auth/mfa/verify',
    description:
      'Continues the attempt of `MFA_REQUIRED`, or of `POST auth/step-up`, by one of its methods. The answer is that of a sign-in, or the error of the next step. A step-up is continued under the session that began it.',
    tag: 'Authentication',
    input: z.object({
      attempt: AttemptToken,
      method: described(z.enum(SECOND_METHODS), 'One of the `methods` of the attempt.', 'totp'),
      code: described(
        TypedCode,
        'The code, for `totp`, `backup_code` and `email_code`.',
        '492039',
      ).optional(),
      password: described(
        TypedPassword,
        'The password, for `password`.',
        'correct horse battery staple',
      ).optional(),
      credential: AssertionAnswer.optional().meta({
        description: 'The assertion, for `passkey`.',
        samples: [],
      }),
      remember_device: described(
        Flag,
        'Whether the browser (the cookie `device`) is accepted as the second factor of later sign-ins, for the time of `LATCHKEY_REMEMBERED_DEVICE`. Without effect in a step-up.',
        true,
      ),
    }),
    output: SignedInView,
    message: 'Signed in.',
    run: async (call, { attempt, method, ...sent }) =>
      answerOutcome(tools, call, await methodNamed(methods, method).prove(call, attempt, sent)),
  }),
]

/** @throws Problem VALIDATION_ERROR for a method that this server does not have */
export function methodNamed(methods: readonly ContinuingMethod[], name: string): ContinuingMethod {
  const method = methods.find((one) => one.name === name)
  if (method) return method
  throw unavailableMethod()
}
