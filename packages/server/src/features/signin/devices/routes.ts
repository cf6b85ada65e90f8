/** The JSON API of a user's remembered devices. */
import { z } from 'zod'
import { described, idInput } from '../../../base/described.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { deviceOperations } from './operations.ts'
import { forgetRemembered, listRemembered } from './own.ts'
import { RememberedDevice } from './view.ts'

const tag = 'Second factors'

export const deviceRoutes = (tools: Tools): Row[] => [
  route({
    of: deviceOperations.list,
    method: 'GET',
    path: '/api/v1/auth/devices',
    description:
      'The browsers for which `remember_device` was sent with a second factor. Until `trusted_until` the password is enough there, unless a policy requires more.',
    tag,
    message: 'Remembered browsers listed.',
    input: z.object({}),
    output: z.array(RememberedDevice),
    run: async (call) => ({ data: await listRemembered(tools, call) }),
  }),
  route({
    of: deviceOperations.forget,
    method: 'DELETE',
    path: '/api/v1/auth/devices/:id',
    tag,
    message: 'Browser forgotten.',
    input: z.object({ id: idInput('dev', 'The browser to forget, one of your own.') }),
    output: z.null(),
    run: async (call, { id }) => {
      await forgetRemembered(tools, call, id)
      return { data: null }
    },
  }),
  route({
    of: deviceOperations.forgetAll,
    method: 'DELETE',
    path: '/api/v1/auth/devices',
    tag,
    message: 'Your remembered browsers were forgotten.',
    input: z.object({}),
    output: z.object({
      forgotten: described(z.number().int(), 'The number of browsers that were forgotten.', 2),
    }),
    run: async (call) => ({ data: { forgotten: await forgetRemembered(tools, call, null) } }),
  }),
]
