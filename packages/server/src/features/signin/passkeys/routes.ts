/** The JSON API of passkeys: signing in, adding one, also in a sign-in that requires it, and managing a user's own. */
import { z } from 'zod'
import { described, textList } from '../../../base/described.ts'
import { Flag } from '../../../base/fields.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import { Identifier } from '../../../base/identifiers.ts'
import { relatedOrigins } from '../../../base/relying-party.ts'
import { AssertionAnswer, RegistrationAnswer } from '../../../base/webauthn.ts'
import type { Tools } from '../../../core/tools.ts'
import { SessionStarted, sessionCookie, sessionStarted } from '../../identity/sessions/index.ts'
import { makeSetWhereNone } from '../backup-codes/index.ts'
import { answerOutcome, SignedInView } from '../responses/index.ts'
import { AttemptToken, assertOffered, getAttempt } from '../steps/index.ts'
import { CreationOptions, PasskeyId, PasskeyName, PasskeyView, RequestOptions } from './fields.ts'
import { passkeyOperations } from './operations.ts'
import { getPasskey, listPasskeys, removePasskey, renamePasskey } from './passkeys.ts'
import { addOwnPasskey, beginEnrolment, beginOwn, enrolPasskey } from './registration.ts'
import { beginSignIn, secondFactorOptions, signInByPasskey } from './sign-in.ts'

const tag = 'Passkeys'
const Named = { credential: RegistrationAnswer, name: PasskeyName.optional() }

const signInRows = (tools: Tools): Row[] => [
  route({
    of: passkeyOperations.beginSignIn,
    method: 'POST',
    path: '/api/v1/auth/passkeys/login/begin',
    description:
      'Without fields, for a browser that offers its passkeys by itself. With `identifier`, the options name the passkeys of the account; an account without passkeys, or an unknown one, is answered with the ids of passkeys that do not exist. With `attempt`, for `POST /api/v1/auth/mfa/verify`. Sets the cookie `passkey`, which the second request must send.',
    tag,
    input: z.object({
      identifier: Identifier.optional().meta({ description: 'A username or an e-mail address.' }),
      attempt: described(AttemptToken.optional(), 'An attempt that waits for a further proof.').meta({
        samples: [],
      }),
    }),
    output: z.object({ options: RequestOptions }),
    message: 'Passkey sign-in begun.',
    run: async (call, { identifier, attempt: token }) => {
      if (token !== undefined) {
        const attempt = await getAttempt(tools, call, token, ['prove', 'second_factor'], { toShow: true })
        await assertOffered(tools, call, attempt, 'passkey')
        return { data: { options: { ...(await secondFactorOptions(tools, call, attempt)) } } }
      }
      const { options, cookies } = await beginSignIn(tools, call, identifier ?? null)
      return { data: { options: { ...options } }, cookies }
    },
  }),
  route({
    of: passkeyOperations.signIn,
    method: 'POST',
    path: '/api/v1/auth/passkeys/login/complete',
    description:
      'A passkey that verified its user is both factors: no other is required. One that did not is continued by another method, as after a password.',
    tag,
    input: z.object({
      credential: AssertionAnswer,
      remember_me: Flag.describe('The session outlives the browser, and lasts longer. Default: false.'),
      tokens: Flag.describe('Also issues an access and a refresh token for the session. Default: false.'),
    }),
    output: SignedInView,
    message: 'Signed in.',
    run: async (call, { credential, remember_me: remember, tokens }) => {
      const after = { remember, returnTo: null, tokens }
      return await answerOutcome(tools, call, await signInByPasskey(tools, call, credential, after))
    },
  }),
]

const ownRows = (tools: Tools): Row[] => [
  route({
    of: passkeyOperations.list,
    method: 'GET',
    path: '/api/v1/auth/passkeys',
    tag,
    input: z.object({}),
    output: z.array(PasskeyView),
    message: 'Passkeys listed.',
    run: async (call) => ({ data: await listPasskeys(tools, call) }),
  }),
  route({
    of: passkeyOperations.beginAdding,
    method: 'POST',
    path: '/api/v1/auth/passkeys/register/begin',
    tag,
    input: z.object({}),
    output: z.object({ options: CreationOptions }),
    message: 'Adding a passkey begun.',
    run: async (call) => ({ data: { options: { ...(await beginOwn(tools, call)) } } }),
  }),
  route({
    of: passkeyOperations.add,
    method: 'POST',
    path: '/api/v1/auth/passkeys/register/complete',
    description:
      'The name is that of the browser and its system, unless one is sent. This session has proven the passkey as well, and continues under a new token, which is answered and set as the cookie.',
    tag,
    input: z.object(Named),
    output: SessionStarted.extend(PasskeyView.shape),
    status: 201,
    message: 'Passkey added.',
    run: async (call, input) => {
      const { id, session } = await addOwnPasskey(tools, call, input)
      return {
        data: { ...sessionStarted(tools, session), ...(await getPasskey(tools, call, id)) },
        cookies: call.session?.via === 'cookie' ? [sessionCookie(session, call.now)] : [],
        status: 201,
      }
    },
  }),
  route({
    of: passkeyOperations.rename,
    method: 'PATCH',
    path: '/api/v1/auth/passkeys/:id',
    tag,
    input: z.object({ id: PasskeyId, name: PasskeyName }),
    output: PasskeyView,
    message: 'Passkey renamed.',
    run: async (call, { id, name }) => ({ data: await renamePasskey(tools, call, id, name) }),
  }),
  route({
    of: passkeyOperations.remove,
    method: 'DELETE',
    path: '/api/v1/auth/passkeys/:id',
    description:
      'Refused where nothing else would sign in (`last_way_in`), and where a policy requires a second factor and there is no other (`required_by_policy`).',
    tag,
    input: z.object({ id: PasskeyId }),
    output: z.null(),
    message: 'Passkey removed.',
    run: async (call, { id }) => {
      await removePasskey(tools, call, id)
      return { data: null }
    },
  }),
]

const enrolmentRows = (tools: Tools): Row[] => [
  route({
    of: passkeyOperations.beginEnrolling,
    method: 'POST',
    path: '/api/v1/auth/attempts/:attempt/passkeys/register/begin',
    description: 'Takes the `attempt` of a 403 `MFA_ENROLMENT_REQUIRED`.',
    tag,
    input: z.object({ attempt: AttemptToken }),
    output: z.object({ options: CreationOptions }),
    message: 'Adding a passkey begun.',
    run: async (call, { attempt }) => ({
      data: { options: { ...(await beginEnrolment(tools, call, attempt)) } },
    }),
  }),
  route({
    of: passkeyOperations.enrol,
    method: 'POST',
    path: '/api/v1/auth/attempts/:attempt/passkeys/register/complete',
    description:
      'Adds the passkey, and answers as the sign-in would have. A user without backup codes gets them, unless a new password has to be chosen first.',
    tag,
    input: z.object({ attempt: AttemptToken, ...Named }),
    output: SignedInView.extend({
      backup_codes: textList(
        'Backup codes, in this answer only; absent where none were made.',
        'ABCD-EFGH-IJKL-MNOP',
      ).optional(),
    }),
    message: 'Passkey added. Signed in.',
    async run(call, { attempt: token, ...input }) {
      const { userId, requirements } = await getAttempt(tools, call, token, ['enrol'], { toShow: true })
      // an error of the next step has no place for them
      const set = requirements.length === 0 ? await makeSetWhereNone(tools, userId) : null
      const { data, ...answer } = await answerOutcome(
        tools,
        call,
        await enrolPasskey(tools, call, token, input, set),
        'Passkey added. ',
      )
      return { ...answer, data: { ...data, ...(set?.isStored && { backup_codes: [...set.codes] }) } }
    },
  }),
]

export const passkeyRoutes = (tools: Tools): Row[] => [
  ...signInRows(tools),
  ...ownRows(tools),
  ...enrolmentRows(tools),
  route({
    of: passkeyOperations.publishOrigins,
    method: 'GET',
    // WebAuthn Level 3 §5.11.1, Related Origin Requests
    path: '/.well-known/webauthn',
    description:
      'Related origin requests of WebAuthn, without an envelope: further websites that may use the passkeys of this domain (`LATCHKEY_PASSKEY_ORIGINS`).',
    tag,
    anyOrigin: true,
    bare: true,
    lenient: 'the document of a standard, which browsers fetch',
    input: z.object({}),
    output: z.object({
      origins: described(z.array(z.string()), 'Origins, the server’s first.', ['https://id.example.com']),
    }),
    message: 'Origins retrieved.',
    run: async () => ({
      data: { origins: relatedOrigins(tools.config) },
      headers: { 'cache-control': 'public, max-age=300' },
    }),
  }),
]
