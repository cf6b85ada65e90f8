/** The JSON API of the caller's connected accounts. */
import { z } from 'zod'
import { described } from '../../../base/described.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { ownConnected, unlinkOwn } from './connected.ts'
import { ConnectedView, connectedView } from './fields.ts'
import { connectedOperations } from './operations.ts'

const tag = 'Identity providers'

/** The name of a connection, or the id of an identity. */
const AccountName = described(
  z
    .string()
    .max(64)
    .regex(/^[a-z0-9_-]+$/),
  'The `provider` or the `id` of `GET auth/external/linked-accounts`.',
  'google',
)

export const connectedRoutes = (tools: Tools): Row[] => [
  route({
    of: connectedOperations.list,
    method: 'GET',
    path: '/api/v1/auth/external/linked-accounts',
    description: 'The accounts at identity providers that sign you in, oldest first.',
    tag,
    message: 'Connected accounts listed.',
    input: z.object({}),
    output: z.array(ConnectedView),
    run: async (call) => ({ data: (await ownConnected(tools, call)).accounts.map(connectedView) }),
  }),
  route({
    of: connectedOperations.unlink,
    method: 'DELETE',
    path: '/api/v1/auth/external/:provider/unlink',
    description:
      'It no longer signs you in. Other sessions that it alone has proven end. 409 with `reason`: `last_way_in` where nothing else signs you in, `ambiguous` where several accounts are connected by that connection; `identity_ids` has their ids.',
    tag,
    message: 'Account disconnected.',
    input: z.object({ provider: AccountName }),
    output: z.null(),
    run: async (call, { provider }) => {
      await unlinkOwn(tools, call, provider)
      return { data: null }
    },
  }),
]
