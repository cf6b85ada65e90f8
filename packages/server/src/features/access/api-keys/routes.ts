/** The JSON API of a user's own API keys. An API key cannot manage keys: every row needs a session. */
import { z } from 'zod'
import { idInput } from '../../../base/described.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import type { KeyChecks } from './checks.ts'
import {
  ApiKeyView,
  apiKeyView,
  IssuedApiKeyView,
  issuedKeyView,
  NewKeyInput,
  RotateInput,
} from './fields.ts'
import { type AssertActsIn, issueKey, listKeys, revokeKey, rotateKey } from './keys.ts'
import { apiKeyOperations } from './operations.ts'

const tag = 'API keys'

export const apiKeyRoutes = (tools: Tools, checks: KeyChecks, assertActsIn: AssertActsIn): Row[] => [
  route({
    of: apiKeyOperations.create,
    method: 'POST',
    path: '/api/v1/auth/api-keys',
    description:
      'For yourself, within 10 minutes after signing in. `api_key` is in this answer only. A key never permits more than its owner may do, now or when it is used.',
    tag,
    status: 201,
    message: 'API key created. Store the key now: it is not shown again.',
    input: NewKeyInput,
    output: IssuedApiKeyView,
    run: async (call, { expires_at, ...input }) => {
      const issued = await issueKey(tools, call, { ...input, expiresAt: expires_at })
      return { data: issuedKeyView(issued, call.now) }
    },
  }),
  route({
    of: apiKeyOperations.list,
    method: 'GET',
    path: '/api/v1/auth/api-keys',
    description: 'The newest first. Expired keys are listed for 30 days; revoked ones are not listed.',
    tag,
    message: 'API keys listed.',
    input: z.object({}),
    output: z.array(ApiKeyView),
    run: async (call) => ({
      data: (await listKeys(tools, call)).map((key) =>
        apiKeyView(key, checks.lastUsed(key.id, key.last_used_at), call.now),
      ),
    }),
  }),
  route({
    of: apiKeyOperations.revoke,
    method: 'DELETE',
    path: '/api/v1/auth/api-keys/:id',
    tag,
    message: 'API key revoked.',
    input: z.object({ id: idInput('key', 'The key to revoke, one of your own.') }),
    output: z.null(),
    run: async (call, { id }) => {
      await revokeKey(tools, call, id)
      return { data: null }
    },
  }),
  route({
    of: apiKeyOperations.rotate,
    method: 'POST',
    path: '/api/v1/auth/api-keys/:id/rotate',
    description:
      'The new key has the same name, permissions and lifetime, and a new id. The old key stops working at once, or after `grace_seconds`. A key is replaced once. One that acts in an organization is replaced by a session that meets its security policy.',
    tag,
    status: 201,
    message: 'API key replaced. Store the new key now: it is not shown again.',
    input: RotateInput,
    output: IssuedApiKeyView,
    run: async (call, { id, grace_seconds, expires_at }) => {
      const change = { graceSeconds: grace_seconds, expiresAt: expires_at }
      return { data: issuedKeyView(await rotateKey({ ...tools, assertActsIn }, call, id, change), call.now) }
    },
  }),
]
