/** The JSON API of the apps that users have allowed: their own, and for administrators those of others. */
import { z } from 'zod'
import { PageInput } from '../../../base/cursor.ts'
import { idInput } from '../../../base/described.ts'
import { problem } from '../../../base/errors.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { asAdministrator, assertMayActOnUser } from '../../accounts/administration/index.ts'
import { getUser } from '../../identity/users/index.ts'
import { listApplications, removeApplication, removeOwnApplication } from './applications.ts'
import { ApplicationView, applicationView } from './fields.ts'
import { applicationOperations } from './operations.ts'

const OWN = '/api/v1/auth/applications'
const OF_USER = '/api/v1/users/:id/applications'
const GrantId = idInput('gnt', 'The access to remove, from the list.')
const UserId = idInput('usr', 'The user.')
const REMOVED =
  'Its codes and refresh tokens end, its access tokens are revoked, and it gets a back-channel logout for each open session. It needs the consent of the user again, unless it is an app of the operator (`first_party`).'

export const applicationRoutes = (tools: Tools): Row[] => [
  route({
    of: applicationOperations.list,
    method: 'GET',
    path: OWN,
    description: 'The latest first.',
    tag: 'OpenID Connect',
    message: 'Applications listed.',
    input: PageInput,
    output: z.array(ApplicationView),
    run: async ({ principal, now }, input) => {
      if (!principal) throw problem('AUTHENTICATION_REQUIRED')
      const { page, nextCursor } = await listApplications(tools, principal.userId, input, now)
      return { data: page.map(applicationView), nextCursor }
    },
  }),
  route({
    of: applicationOperations.remove,
    method: 'DELETE',
    path: `${OWN}/:id`,
    description: REMOVED,
    tag: 'OpenID Connect',
    message: 'Access removed.',
    input: z.object({ id: GrantId }),
    output: z.null(),
    run: async (call, { id }) => {
      await removeOwnApplication(tools, call, id)
      return { data: null }
    },
  }),
  route({
    of: applicationOperations.listOfUser,
    method: 'GET',
    path: OF_USER,
    description: 'The latest first.',
    tag: 'People',
    message: 'Applications of the user listed.',
    input: PageInput.extend({ id: UserId }),
    output: z.array(ApplicationView),
    run: async ({ now }, { id, ...input }) => {
      const user = await tools.db.tx('system', (tx) => getUser(tx, id))
      const { page, nextCursor } = await listApplications(tools, user.id, input, now)
      return { data: page.map(applicationView), nextCursor }
    },
  }),
  route({
    of: applicationOperations.removeOfUser,
    method: 'DELETE',
    path: `${OF_USER}/:grant_id`,
    description: `${REMOVED} Not of a user who has permissions that you do not have.`,
    tag: 'People',
    message: 'Access removed.',
    input: z.object({ id: UserId, grant_id: GrantId }),
    output: z.null(),
    run: async (call, { id, grant_id }) => {
      await asAdministrator(tools, call, async (tx, acting) => {
        const user = await assertMayActOnUser(tools, tx, call, id)
        await removeApplication(tools, tx, acting, user, grant_id)
      })
      return { data: null }
    },
  }),
]
