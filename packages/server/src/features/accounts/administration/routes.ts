/** The JSON API of other people's accounts. */
import { z } from 'zod'
import { LOCALES } from '../../../base/call.ts'
import { PageInput } from '../../../base/cursor.ts'
import { Flag, Instant, optional, roleName } from '../../../base/fields.ts'
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
import { PersonView, personView, STATUSES } from './view.ts'

const RoleName = roleName()

const People = PageInput.extend({
  // a name of a hundred letters of any script may stand in it
  cursor: z.string().max(2048).optional(),
  search: z.string().max(320).optional().describe('What a username, an address or a name begins with'),
  status: optional(z.enum(STATUSES)),
  role: optional(RoleName),
  created_after: optional(Instant).describe('From then on'),
  created_before: optional(Instant).describe('Before then'),
  sort: optional(z.enum(['created_at', '-created_at'])).describe(
    'Newest first where left out; not with `search`',
  ),
})

const NewPerson = z.object({
  email: EmailAddress,
  username: Username.optional(),
  full_name: FullName.optional(),
  password: TypedPassword.optional(),
  roles: z.array(RoleName).min(1).max(50).optional(),
  is_verified: Flag.describe('Whether you vouch for the address'),
  locale: z.enum(LOCALES).optional(),
  send_invitation: z
    .boolean()
    .optional()
    .describe('An e-mail with a link to choose a password; left out: where no password is given'),
})

const Change = z.object({
  id: UserId,
  full_name: FullName.nullable().optional(),
  username: Username.nullable().optional(),
  locale: z.enum(LOCALES).nullable().optional(),
  email: EmailAddress.optional(),
  is_verified: z.boolean().optional(),
})

export const administrationRoutes = (tools: Tools, checks: SessionChecks): Row[] => [
  route({
    of: userOperations.list,
    method: 'GET',
    path: '/api/v1/users',
    description:
      'A search finds what begins with the text, in any spelling, and comes in the order of what was found, on pages that may be short where a filter leaves few of it; a list without one in the order of creation, the newest first. `*`, `%` and `_` mean themselves.',
    tag: TAG,
    input: People,
    output: z.array(PersonView),
    run: async (call, wish) => {
      const { page, nextCursor } = await listPeople(tools, call, wish)
      return { data: page.map((user) => personView(tools.roles, user, call.now)), nextCursor }
    },
  }),
  route({
    of: userOperations.create,
    method: 'POST',
    path: '/api/v1/users',
    description:
      'Without a password the person is sent a link to choose one. Roles other than that of everybody new need `users:grant`, a session instead of an API key, and may not reach beyond your own.',
    tag: TAG,
    status: 201,
    input: NewPerson,
    output: PersonView,
    run: async (call, wish) => ({
      data: personView(tools.roles, await createAccount(tools, call, wish), call.now),
      message: 'The account is made.',
    }),
  }),
  route({
    of: userOperations.get,
    method: 'GET',
    path: '/api/v1/users/:id',
    tag: TAG,
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
      'Only what is given. Another address is unverified unless `is_verified` says otherwise, ends every session, and both addresses hear of it. Roles and status have routes of their own.',
    tag: TAG,
    input: Change,
    output: PersonView,
    run: async (call, { id, ...change }) => ({
      data: personView(tools.roles, await changeAccount(tools, call, id, change), call.now),
      message: 'The account is changed.',
    }),
  }),
  route({
    of: userOperations.delete,
    method: 'DELETE',
    path: '/api/v1/users/:id',
    description: 'The account goes with everything personal, at once and for good.',
    tag: TAG,
    input: z.object({ id: UserId }),
    output: z.null(),
    run: async (call, { id }) => {
      await deleteAccount(tools, call, id)
      return { data: null, message: 'The account is deleted.' }
    },
  }),
  ...lockRoutes(tools, checks),
]
