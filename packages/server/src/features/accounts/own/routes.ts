/** The JSON API of the caller's own account. */

import { z } from 'zod'
import { LOCALES } from '../../../base/call.ts'
import { described, EXAMPLE_LATER, idField, timeField } from '../../../base/described.ts'
import { TypedPassword } from '../../../base/fields.ts'
import { SIGNED_OUT_COOKIES } from '../../../base/http/browser-cookies.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import { FullName, Username } from '../../../base/identifiers.ts'
import type { Tools } from '../../../core/tools.ts'
import { ProfileInput, ProfileView, profileView } from '../../../core/user-profile.ts'
import { UserView, userView } from '../../identity/users/index.ts'
import { ActiveOrganizationView, activeOrganizationView } from '../../organizations/organization/index.ts'
import { callerReader, deleteOwnAccount, type OwnAccount, ownAccount, updateProfile } from './account.ts'
import { profileOperations } from './operations.ts'

const Account = UserView.extend({
  profile: described(
    ProfileView,
    'What the user states besides, for apps and for the people who administer the server.',
  ),
}).meta({ id: 'Account' })

const Me = z.object({
  user: described(UserView, 'The user of the credential.'),
  session: described(
    z.object({
      id: idField('ses', 'The session.'),
      expires_at: timeField('When the session ends, unless it is used before its idle limit.', EXAMPLE_LATER),
    }),
    'The session of the credential.',
  ),
  organization: described(
    ActiveOrganizationView.nullable(),
    'The organization that the session acts in; null for none.',
  ),
})

export function accountRoutes(tools: Tools): Row[] {
  const caller = callerReader(tools)
  const accountView = ({ user, profile }: OwnAccount) => ({
    ...userView(tools.roles, user),
    profile: profileView(profile),
  })
  return [
    route({
      of: profileOperations.whoAmI,
      method: 'GET',
      path: '/api/v1/auth/me',
      tag: 'Authentication',
      message: 'Signed-in user retrieved.',
      input: z.object({}),
      output: Me,
      run: async (call) => {
        const { user, active } = await caller(call)
        const session = {
          id: call.session?.id ?? '',
          expires_at: call.session?.expiresAt.toISOString() ?? '',
        }
        return {
          data: {
            user: userView(tools.roles, user),
            session,
            organization: active && activeOrganizationView(active),
          },
        }
      },
    }),
    route({
      of: profileOperations.show,
      method: 'GET',
      path: '/api/v1/users/me',
      tag: 'Account',
      message: 'Account retrieved.',
      input: z.object({}),
      output: Account,
      run: async (call) => ({ data: accountView(await ownAccount(tools, call)) }),
    }),
    route({
      of: profileOperations.update,
      method: 'PATCH',
      path: '/api/v1/users/me',
      description: 'Changes only the fields that are sent. `null` clears a field.',
      tag: 'Account',
      message: 'Profile saved.',
      input: z.object({
        full_name: described(
          FullName.nullable().optional(),
          'The name of the person; null removes it.',
          'Ada King',
        ),
        username: described(Username.nullable().optional(), 'The username; null removes it.', 'countess'),
        locale: described(
          z.enum(LOCALES).nullable().optional(),
          'The language of pages and e-mails; null: that of the browser.',
          'en',
        ),
        profile: described(ProfileInput.optional(), 'Only the fields that are sent are changed.'),
      }),
      output: Account,
      run: async (call, change) => ({ data: accountView(await updateProfile(tools, call, change)) }),
    }),
    route({
      of: profileOperations.delete,
      method: 'DELETE',
      path: '/api/v1/users/me',
      description:
        'Requires the password, or of an account without one a sign-in of the last ten minutes (`STEP_UP_REQUIRED`). Deletes the account and all personal data immediately and permanently.',
      tag: 'Account',
      message: 'Account deleted.',
      body: true,
      input: z.object({
        password: described(
          TypedPassword.optional(),
          'The present password. Only an account that has none omits it.',
          'correct horse battery staple',
        ),
      }),
      output: z.null(),
      run: async (call, { password }) => {
        await deleteOwnAccount(tools, call, password)
        return {
          data: null,
          cookies: [...SIGNED_OUT_COOKIES, { name: 'device', value: null }],
        }
      },
    }),
  ]
}
