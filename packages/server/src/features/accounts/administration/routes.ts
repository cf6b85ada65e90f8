/** The JSON API of user administration. */
import { z } from 'zod'
import { LOCALES } from '../../../base/call.ts'
import { PageInput } from '../../../base/cursor.ts'
import { Flag, Instant, optional, roleNameField } from '../../../base/fields.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import { EmailAddress, FullName, Username } from '../../../base/identifiers.ts'
import type { Tools } from '../../../core/tools.ts'
import type { SessionChecks } from '../../identity/sessions/index.ts'
import { TypedPassword } from '../../signin/passwords/index.ts'
import { changeAccount, createAccount, deleteAccount } from './accounts.ts'
import { TAG, UserId } from './fields.ts'
import { lockRoutes } from './lock-routes.ts'
import { userOperations } from './operations.ts'
import { getPerson, listPeople } from './people.ts'
import { PersonView, personView, SETTABLE_STATUSES, STATUSES } from './view.ts'

const RoleName = roleNameField()

const People = PageInput.extend({
  // it contains the search position: a name of up to a hundred letters of any script
  cursor: z.string().max(2048).optional(),
  search: z.string().max(320).optional().describe('The beginning of a username, an address or a name'),
  status: optional(z.enum(STATUSES)),
  role: optional(RoleName),
  created_after: optional(Instant).describe('Created at this time or later'),
  created_before: optional(Instant).describe('Created before this time'),
  sort: optional(z.enum(['created_at', '-created_at'])).describe('Default: newest first. Not with `search`'),
})

const RolesAndStatus = {
  role: RoleName.optional().describe('One role, instead of `roles`'),
  roles: z.array(RoleName).min(1).max(50).optional().describe('All roles'),
  status: z
    .enum(SETTABLE_STATUSES)
    .optional()
    .describe(
      '`locked` until it is `active` again; `active` also lifts a lock and enables a disabled account',
    ),
}

const NewPerson = z.object({
  email: EmailAddress,
  username: Username.optional(),
  full_name: FullName.optional(),
  password: TypedPassword.optional(),
  ...RolesAndStatus,
  is_verified: Flag.describe('Whether the address counts as verified'),
  locale: z.enum(LOCALES).optional(),
  send_invitation: z
    .boolean()
    .optional()
    .describe('Sends an e-mail with a link to choose a password. Default: true without `password`'),
})

const Change = z.object({
  id: UserId,
  full_name: FullName.nullable().optional(),
  username: Username.nullable().optional(),
  locale: z.enum(LOCALES).nullable().optional(),
  email: EmailAddress.optional(),
  is_verified: z.boolean().optional(),
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
    output: PersonView,
    run: async (call, { id }) => ({
      data: personView(tools.roles, await getPerson(tools, call, id), call.now),
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
    output: PersonView,
    run: async (call, { id, ...change }) => ({
      data: personView(tools.roles, await changeAccount(tools, call, id, change), call.now),
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
