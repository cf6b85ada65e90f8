/** The JSON API of sign-up. */
import { z } from 'zod'
import { described } from '../../../base/described.ts'
import { optional, TypedPassword } from '../../../base/fields.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import { EmailAddress, FullName } from '../../../base/identifiers.ts'
import { ChosenUsername } from '../../../base/reserved-names.ts'
import type { Tools } from '../../../core/tools.ts'
import { SessionStarted } from '../../identity/sessions/index.ts'
import { UserView, userView } from '../../identity/users/index.ts'
import { OrganizationName } from '../../organizations/organization/index.ts'
import { answerOutcome } from '../../signin/responses/index.ts'
import { registrationOperations } from './operations.ts'
import { judgeRegistration, register } from './register.ts'

export const RegistrationInput = z.object({
  email: EmailAddress,
  password: described(
    TypedPassword,
    'The password, which has to meet the password policy of the server.',
    'correct horse battery staple',
  ),
  password_confirm: described(
    TypedPassword.optional(),
    'The password once more; an error if it differs. Clients with one field omit it.',
    'correct horse battery staple',
  ),
  username: optional(ChosenUsername),
  full_name: optional(FullName),
  organization_name: optional(OrganizationName).describe(
    'The name of an organization to create. It is created at the first sign-in, and the user is its owner.',
  ),
})

export const registrationRoutes = (tools: Tools): Row[] => [
  route({
    of: registrationOperations.register,
    method: 'POST',
    path: '/api/v1/auth/register',
    description:
      'With verification required (the default) the answer is the same whether or not the address or the username is taken, and an e-mail contains the next step. With verification off the account is active immediately, a session is started as at sign-in, and a taken identifier is a 409.',
    tag: 'Authentication',
    message: 'We have sent you an e-mail. Follow its link to verify the address.',
    status: 201,
    input: RegistrationInput,
    judge: judgeRegistration(tools),
    output: z.object({
      user: described(UserView, 'The user, who is not verified yet where verification is required.'),
      ...SessionStarted.partial().shape,
    }),
    run: async (call, input) => {
      const { user, outcome } = await register(tools, call, input)
      if ('next' in outcome) return { data: { user: userView(tools.roles, user) }, status: 201 }
      return {
        ...(await answerOutcome(tools, call, outcome)),
        status: 201,
        message: 'Account created. Signed in.',
      }
    },
  }),
]
