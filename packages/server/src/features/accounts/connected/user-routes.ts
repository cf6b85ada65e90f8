/** The JSON API of other users' connected accounts, for administrators. */
import { z } from 'zod'
import { idInput } from '../../../base/described.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { getUser } from '../../identity/users/index.ts'
import { asAdministrator, assertMayActOnUser } from '../administration/index.ts'
import { listConnected, unlinkOf } from './connected.ts'
import { ConnectedView, connectedView } from './fields.ts'
import { connectedOperations } from './operations.ts'

const tag = 'People'
const PATH = '/api/v1/users/:id/identities'
const UserId = idInput('usr', 'The user.')

export const userIdentityRoutes = (tools: Tools): Row[] => [
  route({
    of: connectedOperations.listOfUser,
    method: 'GET',
    path: PATH,
    description: 'The accounts at identity providers that sign the user in, oldest first.',
    tag,
    message: 'Connected accounts of the user listed.',
    input: z.object({ id: UserId }),
    output: z.array(ConnectedView),
    run: async (_call, { id }) => ({
      data: await tools.db.tx('system', async (tx) => {
        const user = await getUser(tx, id)
        return (await listConnected(tools, tx, user.id)).map(connectedView)
      }),
    }),
  }),
  route({
    of: connectedOperations.unlinkOfUser,
    method: 'DELETE',
    path: `${PATH}/:identity_id`,
    description:
      'It no longer signs the user in, who gets an e-mail. Sessions that it alone has proven end. Also where it is the last way to sign in: the user can choose a password by e-mail. Not of a user who has permissions that you do not have.',
    tag,
    message: 'Account of the user disconnected.',
    input: z.object({ id: UserId, identity_id: idInput('idn', 'The connected account.') }),
    output: z.null(),
    run: async (call, { id, identity_id }) => {
      await asAdministrator(tools, call, async (tx, acting) => {
        const user = await assertMayActOnUser(tools, tx, call, id)
        await unlinkOf(tools, tx, acting, user, identity_id)
      })
      return { data: null }
    },
  }),
]
