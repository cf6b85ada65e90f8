/** The JSON API of authenticator apps: setting one up in a session, and in a sign-in that requires one. */
import { z } from 'zod'
import { described, textList } from '../../../base/described.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { SessionStarted, sessionCookie, sessionStarted } from '../../identity/sessions/index.ts'
import { FactorView, factorView, renameOwnFactor } from '../mfa/index.ts'
import { answerOutcome, SignedInView } from '../responses/index.ts'
import { AttemptToken } from '../steps/index.ts'
import {
  ConfirmInput,
  EnableInput,
  NewAuthenticatorView,
  newAuthenticatorView,
  RenameInput,
} from './fields.ts'
import { totpOperations } from './operations.ts'
import { beginInAttempt, beginInSession, confirmInAttempt, confirmInSession } from './setup.ts'

const TAG = 'Second factors'
const BEGUN = 'Confirm the authenticator app with a code that it shows.'

/** What a request to begin wishes for. */
const wishOf = ({ name, backup_codes: withCodes }: z.output<typeof EnableInput>) => ({
  name: name ?? null,
  withCodes,
})
const confirmationOf = ({ code, factor_id: factorId }: z.output<typeof ConfirmInput>) => ({
  code,
  factorId: factorId ?? null,
})

export const totpRoutes = (tools: Tools): Row[] => [
  route({
    of: totpOperations.enable,
    method: 'POST',
    path: '/api/v1/auth/mfa/enable',
    description:
      'Shows the secret of a new authenticator app once, as text, URL and QR code. It counts after `POST /api/v1/auth/mfa/confirm` within an hour; until then nothing changes. A user may have five.',
    tag: TAG,
    input: EnableInput,
    output: NewAuthenticatorView,
    message: BEGUN,
    run: async (call, input) => ({
      data: newAuthenticatorView(await beginInSession(tools, call, wishOf(input))),
    }),
  }),
  route({
    of: totpOperations.confirm,
    method: 'POST',
    path: '/api/v1/auth/mfa/confirm',
    description:
      'From now on a second factor is required when you sign in. The code is used up. This session has proven it as well, and continues under a new token, which is answered and set as the cookie.',
    tag: TAG,
    input: ConfirmInput,
    output: SessionStarted.extend({
      methods: textList('The kinds of the second factors that you have.', 'totp', 'backup_codes'),
      backup_codes_remaining: described(z.number().int(), 'How many backup codes are left.', 10),
    }),
    message: 'Authenticator app set up. A second factor is required when you sign in.',
    run: async (call, input) => {
      const { session, kinds, backupCodes } = await confirmInSession(tools, call, confirmationOf(input), null)
      return {
        data: {
          ...sessionStarted(tools, session),
          methods: [...kinds],
          backup_codes_remaining: backupCodes,
        },
        cookies: call.session?.via === 'cookie' ? [sessionCookie(session, call.now)] : [],
      }
    },
  }),
  route({
    of: totpOperations.rename,
    method: 'PATCH',
    path: '/api/v1/auth/mfa/:id',
    description: 'Passkeys are renamed by `PATCH /api/v1/auth/passkeys/:id`; other factors have no name.',
    tag: TAG,
    input: RenameInput,
    output: FactorView,
    message: 'Authenticator app renamed.',
    run: async (call, { id, name }) => ({
      data: factorView(await renameOwnFactor(tools, call, { kind: 'totp', id }, name)),
    }),
  }),
  route({
    of: totpOperations.enableInAttempt,
    method: 'POST',
    path: '/api/v1/auth/attempts/:attempt/mfa/enable',
    description:
      'Takes the `attempt` of a 403 `MFA_ENROLMENT_REQUIRED`, and answers as `POST /api/v1/auth/mfa/enable`.',
    tag: TAG,
    input: EnableInput.extend({ attempt: AttemptToken }),
    output: NewAuthenticatorView,
    message: BEGUN,
    run: async (call, { attempt, ...input }) => ({
      data: newAuthenticatorView(await beginInAttempt(tools, call, attempt, wishOf(input))),
    }),
  }),
  route({
    of: totpOperations.confirmInAttempt,
    method: 'POST',
    path: '/api/v1/auth/attempts/:attempt/mfa/confirm',
    description: 'Answers as the sign-in would have. A wrong code leaves the attempt usable.',
    tag: TAG,
    input: ConfirmInput.extend({ attempt: AttemptToken }),
    output: SignedInView,
    message: 'Authenticator app set up. Signed in.',
    run: async (call, { attempt, ...input }) => {
      const outcome = await confirmInAttempt(tools, call, attempt, confirmationOf(input), null)
      return await answerOutcome(tools, call, outcome, 'Authenticator app set up. ')
    },
  }),
]
