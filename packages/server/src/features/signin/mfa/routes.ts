/** The JSON API of second factors, whichever kind they are. */
import { z } from 'zod'
import { idInput } from '../../../base/described.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { mfaOperations } from './operations.ts'
import { showFactors } from './overview.ts'
import { removeFactors } from './removal.ts'
import { FactorsView } from './view.ts'

const TAG = 'Second factors'

export const mfaRoutes = (tools: Tools): Row[] => [
  route({
    of: mfaOperations.show,
    method: 'GET',
    path: '/api/v1/auth/mfa',
    tag: TAG,
    input: z.object({}),
    output: FactorsView,
    message: 'Second factors listed.',
    run: async (call) => ({ data: await showFactors(tools, call) }),
  }),
  route({
    of: mfaOperations.disable,
    method: 'POST',
    path: '/api/v1/auth/mfa/disable',
    description:
      'Removes the factor, or without `factor_id` all of them. With the last authenticator app or passkey the backup codes are removed as well. Your other sessions end that were proven by a factor of its kind, or by a remembered device; without a second factor left all of them. What a policy requires (403), and the last way to sign in (409), cannot be removed.',
    tag: TAG,
    input: z.object({ factor_id: idInput('fac', 'The factor to remove. Default: all.').optional() }),
    output: FactorsView,
    message: 'Second factor removed.',
    run: async (call, { factor_id: factorId }) => {
      await removeFactors(tools, call, { id: factorId ?? null })
      return { data: await showFactors(tools, call) }
    },
  }),
]
