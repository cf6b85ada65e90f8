/** The JSON API of other users' API keys. */
import { z } from 'zod'
import { idInput } from '../../../base/described.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { ApiKeyView, endKey, type KeyChecks, listKeysOf } from '../../access/api-keys/index.ts'
import { getUser } from '../../identity/users/index.ts'
import { asAdministrator, assertMayActOnUser } from '../administration/index.ts'
import { userKeyOperations } from './operations.ts'

const tag = 'API keys'
const PATH = '/api/v1/users/:id/api-keys'
const UserId = idInput('usr', 'The owner of the keys.')

export const userKeyRoutes = (tools: Tools, checks: KeyChecks): Row[] => [
  route({
    of: userKeyOperations.list,
    method: 'GET',
    path: PATH,
    description: 'The newest first. Expired keys are listed for 30 days; revoked ones are not listed.',
    tag,
    message: 'API keys of the user listed.',
    input: z.object({ id: UserId }),
    output: z.array(ApiKeyView),
    run: async (call, { id }) => ({
      data: await tools.db.tx('system', async (tx) =>
        listKeysOf(tx, checks, await getUser(tx, id), call.now),
      ),
    }),
  }),
  route({
    of: userKeyOperations.revoke,
    method: 'DELETE',
    path: `${PATH}/:key_id`,
    description:
      'The key is refused on every node and guard within a second. Not a key of a user who has permissions that you do not have.',
    tag,
    message: 'API key of the user revoked.',
    input: z.object({ id: UserId, key_id: idInput('key', 'The key to revoke.') }),
    output: z.null(),
    run: async (call, { id, key_id }) => {
      await asAdministrator(tools, call, async (tx, acting) => {
        const { username } = await assertMayActOnUser(tools, tx, call, id)
        await endKey(tx, acting, { userId: id, username }, key_id)
      })
      return { data: null }
    },
  }),
]
