/** The JSON API of changing one's own address. */

import { z } from 'zod'
import { described, EXAMPLE_LATER, flagField, textField, timeField } from '../../../base/described.ts'
import { TypedPassword } from '../../../base/fields.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import { EmailAddress } from '../../../base/identifiers.ts'
import type { Tools } from '../../../core/tools.ts'
import { LinkToken } from '../../identity/emails/index.ts'
import { UserView, userView } from '../../identity/users/index.ts'
import {
  cancelChange,
  confirmChange,
  ownAddress,
  type PendingChange,
  requestChange,
  undoChange,
} from './change.ts'
import { addressOperations } from './operations.ts'

const PendingView = z.object({
  email: textField('The new address, which counts once its link is followed.', 'ada@new.example.com'),
  requested_at: timeField('When the change was requested.'),
  expires_at: timeField('When the link to the new address stops working.', EXAMPLE_LATER),
})

const pendingView = ({ address, requestedAt, expiresAt }: PendingChange): z.output<typeof PendingView> => ({
  email: address,
  requested_at: requestedAt.toISOString(),
  expires_at: expiresAt.toISOString(),
})

export const addressRoutes = (tools: Tools): Row[] => [
  route({
    of: addressOperations.show,
    method: 'GET',
    path: '/api/v1/users/me/email',
    tag: 'Account',
    message: 'Address retrieved.',
    input: z.object({}),
    output: z.object({
      email: textField('The address of the account.', 'ada@example.com'),
      is_verified: flagField('Whether the address is verified.', true),
      pending: described(PendingView.nullable(), 'The change that waits for its link; null where none does.'),
    }),
    run: async (call) => {
      const { user, pending } = await ownAddress(tools, call)
      const is_verified = user.email_verified_at !== null
      return { data: { email: user.email, is_verified, pending: pending && pendingView(pending) } }
    },
  }),
  route({
    of: addressOperations.change,
    method: 'POST',
    path: '/api/v1/users/me/email',
    description:
      'Sends a link to the new address, which counts once the link is followed; until then the old one signs in. Returns the same answer whether or not the address belongs to another account.',
    tag: 'Account',
    message: 'We have sent a link to the new address. It counts once the link is followed.',
    status: 202,
    input: z.object({
      email: EmailAddress,
      password: described(
        TypedPassword.optional(),
        'The present password. Only an account that has none omits it, after a sign-in of the last ten minutes (`STEP_UP_REQUIRED`).',
        'correct horse battery staple',
      ),
    }),
    output: z.object({ pending: described(PendingView, 'The change, which waits for its link.') }),
    run: async (call, input) => ({
      status: 202,
      data: { pending: pendingView(await requestChange(tools, call, input)) },
    }),
  }),
  route({
    of: addressOperations.cancel,
    method: 'DELETE',
    path: '/api/v1/users/me/email',
    description: 'The link that was sent to the new address no longer works.',
    tag: 'Account',
    message: 'Change of the address withdrawn.',
    input: z.object({}),
    output: z.null(),
    run: async (call) => {
      await cancelChange(tools, call)
      return { data: null }
    },
  }),
  route({
    of: addressOperations.confirm,
    method: 'POST',
    path: '/api/v1/auth/email-change',
    description:
      'Takes the token from the e-mail to the new address. The old address gets a link that undoes the change for seven days.',
    tag: 'Account',
    message: 'Address changed.',
    input: z.object({ token: LinkToken }),
    output: z.object({ user: described(UserView, 'The user, with the new address.') }),
    run: async (call, { token }) => ({
      data: { user: userView(tools.roles, await confirmChange(tools, call, token)) },
    }),
  }),
  route({
    of: addressOperations.undo,
    method: 'POST',
    path: '/api/v1/auth/email-change/undo',
    description:
      'Takes the token from the e-mail to the earlier address. Restores that address; ends every session, API key, sign-in under way and link of the account, and its password; and sends a link to choose a new one.',
    tag: 'Account',
    message:
      'Change undone. All sessions, API keys, the password and second factors that were set up since have ended. An e-mail with a link to choose a new password is on its way.',
    input: z.object({ token: LinkToken }),
    output: z.null(),
    run: async (call, { token }) => {
      await undoChange(tools, call, token)
      return { data: null }
    },
  }),
]
