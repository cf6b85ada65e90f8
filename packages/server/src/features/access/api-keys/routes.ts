/** The JSON API of one's own API keys. A key cannot make keys: every row is for a person who is signed in. */
import { z } from 'zod'
import { operation } from '../../../base/http/row/operation.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import type { KeyChecks } from './checks.ts'
import { IssuedKeyView, KeyView, keyView, NewKeyInput, RotateInput } from './fields.ts'
import { FRESH, issueKey, listKeys, revokeKey, rotateKey } from './keys.ts'

const ONCE = 'Keep the key now: it is not shown again.'

export const apiKeyRoutes = (tools: Tools, checks: KeyChecks): Row[] => [
  route({
    of: operation({
      name: 'api_keys.issue',
      summary: 'Make an API key',
      needs: 'session',
      fresh: FRESH,
      audit: 'auth.api_key.created',
      limit: { by: 'user', max: 60, per: '1h' },
      errors: ['INSUFFICIENT_PERMISSIONS', 'CONFLICT'],
    }),
    method: 'POST',
    path: '/api/v1/auth/api-keys',
    description:
      'For yourself, with a sign-in of the last 10 minutes. `key` is shown this once. What it may do never exceeds what you may do: not now, and not when it is used.',
    tag: 'API keys',
    status: 201,
    input: NewKeyInput,
    output: IssuedKeyView,
    run: async (call, { expires_at, ...wish }) => {
      const { key, secret } = await issueKey(tools, call, { ...wish, expiresAt: expires_at })
      return { data: { ...keyView(key, null, call.now), key: secret }, message: ONCE }
    },
  }),
  route({
    of: operation({
      name: 'api_keys.list',
      summary: 'List your API keys',
      needs: 'session',
      quiet: 'reads only',
    }),
    method: 'GET',
    path: '/api/v1/auth/api-keys',
    description: 'The newest first. What has expired is still shown for 30 days; what was revoked is not.',
    tag: 'API keys',
    input: z.object({}),
    output: z.array(KeyView),
    run: async (call) => ({
      data: (await listKeys(tools, call)).map((key) =>
        keyView(key, checks.lastUsed(key.id, key.last_used_at), call.now),
      ),
    }),
  }),
  route({
    of: operation({
      name: 'api_keys.revoke',
      summary: 'Revoke one of your API keys',
      needs: 'session',
      audit: 'auth.api_key.revoked',
      errors: ['NOT_FOUND'],
    }),
    method: 'DELETE',
    path: '/api/v1/auth/api-keys/:id',
    tag: 'API keys',
    input: z.object({ id: z.string().max(64) }),
    output: z.null(),
    run: async (call, { id }) => {
      await revokeKey(tools, call, id)
      return { data: null, message: 'The API key is revoked.' }
    },
  }),
  route({
    of: operation({
      name: 'api_keys.rotate',
      summary: 'Replace one of your API keys by a new one',
      needs: 'session',
      fresh: FRESH,
      audit: 'auth.api_key.rotated',
      limit: { by: 'user', max: 60, per: '1h' },
      errors: ['NOT_FOUND', 'CONFLICT'],
    }),
    method: 'POST',
    path: '/api/v1/auth/api-keys/:id/rotate',
    description:
      'The new key has the same name, scopes and length of life, and an id of its own. The old one is dead at once, or after `grace_seconds`. A key is replaced once.',
    tag: 'API keys',
    status: 201,
    input: RotateInput,
    output: IssuedKeyView,
    run: async (call, { id, grace_seconds, expires_at }) => {
      const wish = { graceSeconds: grace_seconds, expiresAt: expires_at }
      const { key, secret } = await rotateKey(tools, call, id, wish)
      return { data: { ...keyView(key, null, call.now), key: secret }, message: ONCE }
    },
  }),
]
