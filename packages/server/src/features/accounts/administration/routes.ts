/** The JSON API of user administration. */
import { z } from 'zod'
import { LOCALES } from '../../../base/call.ts'
import { cursorField, PageInput } from '../../../base/cursor.ts'
import { described } from '../../../base/described.ts'
import { Flag, Instant, optional, roleNameField, TypedPassword } from '../../../base/fields.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import { EmailAddress, FullName, Username } from '../../../base/identifiers.ts'
import { ACCOUNT_STATUSES } from '../../../core/locks.ts'
import type { Tools } from '../../../core/tools.ts'
import { ProfileInput } from '../../../core/user-profile.ts'
import type { SessionChecks } from '../../identity/sessions/index.ts'
import { changeAccount, createAccount, deleteAccount } from './accounts.ts'
import { TAG, UserId } from './fields.ts'
import { lockRoutes } from './lock-routes.ts'
import { userOperations } from './operations.ts'
import { getPerson, listPeople } from './people.ts'
import { PersonAccountView, PersonView, personAccountView, personView, SETTABLE_STATUSES } from './view.ts'

const RoleName = described(roleNameField(), 'The name of a role.', 'viewer')

const People = PageInput.extend({
  // it contains the search position: a name of up to a hundred letters of any script
  cursor: cursorField(2048),
  search: z
    .string()
    .max(320)
    .optional()
    .describe('The beginning of a username, an address or a name, in any spelling.'),
  status: optional(z.enum(ACCOUNT_STATUSES)).describe('Only accounts in this state.'),
  role: optional(RoleName).describe('Only users with this role.'),
  created_after: optional(Instant).describe('Created at this time or later. ISO 8601 with a zone.'),
  created_before: optional(Instant).describe('Created before this time. ISO 8601 with a zone.'),
  sort: optional(z.enum(['created_at', '-created_at'])).describe(
    'The order by creation, `-created_at` for the newest first. Default: newest first. Not with `search`.',
  ),
})

const RolesAndStatus = {
  role: RoleName.optional().meta({ description: 'One role, instead of `roles`.', samples: [] }),
  roles: z
    .array(RoleName)
    .min(1)
    .max(50)
    .optional()
    .meta({
      description: 'All roles of the user, instead of `role`.',
      samples: [['viewer']],
    }),
  status: z
    .enum(SETTABLE_STATUSES)
    .optional()
    .meta({
      description:
        'The state of the account: `locked` until it is `active` again; `active` also lifts a lock and enables a disabled account.',
      samples: ['active'],
    }),
}

const NewPerson = z.object({
  email: described(EmailAddress, 'The address to sign in with, unique on the server.', 'charles@example.com'),
  username: described(Username.optional(), 'The username to sign in with, besides the address.', 'charles'),
  full_name: described(FullName.optional(), 'The name of the person.', 'Charles Babbage'),
  password: described(
    TypedPassword.optional(),
    'The password, which has to meet the password policy of the server. Without it the user chooses one by a link.',
    'correct horse battery staple',
  ),
  ...RolesAndStatus,
  is_verified: Flag.describe('Whether the address counts as verified. Default: false.'),
  locale: described(z.enum(LOCALES).optional(), 'The language of pages and e-mails.', 'en'),
  send_invitation: z
    .boolean()
    .optional()
    .describe('Sends an e-mail with a link to choose a password. Default: true without `password`.'),
})

const Change = z.object({
  id: UserId,
  full_name: described(
    FullName.nullable().optional(),
    'The name of the person; null removes it.',
    'Ada King',
  ),
  username: described(Username.nullable().optional(), 'The username; null removes it.', 'lovelace'),
  locale: described(
    z.enum(LOCALES).nullable().optional(),
    'The language of pages and e-mails; null: that of the browser.',
    'en',
  ),
  profile: described(ProfileInput.optional(), 'Only the fields that are sent are changed.'),
  email: described(EmailAddress.optional(), 'The new address, unique on the server.', 'lovelace@example.com'),
  is_verified: described(z.boolean().optional(), 'Whether the address counts as verified.', true),
  mfa_required: described(
    z.boolean().optional(),
    'Whether the account must have a second factor: without one, it is set up at the next sign-in. Of your own account it cannot be lifted.',
    false,
  ),
  ...RolesAndStatus,
})

export const administrationRoutes = (tools: Tools, checks: SessionChecks): Row[] => [
  route({
    of: userOperations.list,
    method: 'GET',
    path: '/api/v1/users',
    description:
      'A search matches the beginning of usernames, addresses and names, in any spelling. Its results are ordered by the matched text, and a page may be short where filters leave few results. Without `search` the list is ordered by creation, newest first. `*`, `%` and `_` have no special meaning.',
    tag: TAG,
    message: 'Users listed.',
    input: People,
    output: z.array(PersonView),
    run: async (call, query) => {
      const { page, nextCursor } = await listPeople(tools, call, query)
      return { data: page.map((user) => personView(tools.roles, user, call.now)), nextCursor }
    },
  }),
  route({
    of: userOperations.create,
    method: 'POST',
    path: '/api/v1/users',
    description:
      'Without a password the user receives an e-mail with a link to choose one. Roles other than the default role require `users:grant` and a session instead of an API key, and must not exceed your own permissions.',
    tag: TAG,
    message: 'Account created.',
    status: 201,
    input: NewPerson,
    output: PersonView,
    run: async (call, input) => ({
      data: personView(tools.roles, await createAccount(tools, call, input), call.now),
    }),
  }),
  route({
    of: userOperations.get,
    method: 'GET',
    path: '/api/v1/users/:id',
    tag: TAG,
    message: 'User retrieved.',
    input: z.object({ id: UserId }),
    output: PersonAccountView,
    run: async (call, { id }) => ({
      data: personAccountView(tools.roles, await getPerson(tools, call, id), call.now),
    }),
  }),
  route({
    of: userOperations.update,
    method: 'PATCH',
    path: '/api/v1/users/:id',
    description:
      'Changes only the fields that are sent. A new address is unverified unless `is_verified` is true; it ends every session, and both addresses receive an e-mail. Roles follow the rules of `PUT users/:id/roles`, and `status` those of the actions `lock`, `unlock`, `disable` and `enable`; not on your own account, except for `active`. All fields are changed, or none.',
    tag: TAG,
    message: 'Account changed.',
    input: Change,
    output: PersonAccountView,
    run: async (call, { id, ...change }) => ({
      data: personAccountView(tools.roles, await changeAccount(tools, call, id, change), call.now),
    }),
  }),
  route({
    of: userOperations.delete,
    method: 'DELETE',
    path: '/api/v1/users/:id',
    description: 'Deletes the account and all personal data immediately and permanently.',
    tag: TAG,
    message: 'Account deleted.',
    input: z.object({ id: UserId }),
    output: z.null(),
    run: async (call, { id }) => {
      await deleteAccount(tools, call, id)
      return { data: null }
    },
  }),
  ...lockRoutes(tools, checks),
]
