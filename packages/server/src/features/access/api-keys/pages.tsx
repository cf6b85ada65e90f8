/** The hosted pages of a user's own API keys: plain forms. The secret is on one page, once. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { duration, later } from '../../../base/clock.ts'
import { invalid, problem as newProblem, type Problem, reasonOf } from '../../../base/errors.ts'
import { Description, optional, PermissionName } from '../../../base/fields.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { newId } from '../../../base/ids.ts'
import { type FormState, formState } from '../../../base/page/index.ts'
import type { Tools } from '../../../core/tools.ts'
import type { KeyChecks } from './checks.ts'
import { KeyName } from './fields.ts'
import { ENVIRONMENTS } from './format.ts'
import {
  type AssertActsIn,
  getKey,
  type IssuedKey,
  issueKey,
  listKeys,
  revokeKey,
  rotateKey,
} from './keys.ts'
import { apiKeyOperations, KEY_PROOF_AGE } from './operations.ts'
import type { Key } from './sql.ts'
import { ACTIVE_OWNER, keyState } from './state.ts'
import { apiKeysText as t } from './texts.ts'
import { ApiKey, ApiKeys, type KeyItem, NewKey } from './views.tsx'

const DAY = 86_400_000
/** In days; null: the key does not expire. */
const LIFETIMES = [7, 30, 90, 365, null]
/** The number of checkboxes in the form; further permissions are typed into a text field. */
const MOST_CHECKBOXES = 40

const boxes = Object.fromEntries(
  Array.from({ length: MOST_CHECKBOXES }, (_, i) => [`permission_${i}`, PermissionName.optional()]),
) as Record<`permission_${number}`, z.ZodOptional<typeof PermissionName>>

const NewKeyForm = z.object({
  /** The id that the key gets: of a form that is sent twice, or an answer that is loaded again, one key is made. */
  key_id: optional(z.string().max(64)),
  name: KeyName,
  description: optional(Description),
  environment: z.enum(ENVIRONMENTS),
  expires_in: z.enum(['1d', '7d', '30d', '90d', '365d', 'never']),
  access: z.enum(['some', 'all']),
  more_permissions: z
    .string()
    .max(2000)
    .optional()
    .transform((text) => (text ?? '').split(/[\s,]+/).filter(Boolean))
    .pipe(z.array(PermissionName).max(50)),
  ...boxes,
})
type NewKeyForm = z.infer<typeof NewKeyForm>

export const apiKeyPages = (tools: Tools, checks: KeyChecks, assertActsIn: AssertActsIn): Row[] => {
  const item = (key: Key, now: Date): KeyItem => ({
    id: key.id,
    name: key.name,
    description: key.description,
    environment: key.environment,
    hint: key.hint,
    permissions: key.permissions,
    createdAt: key.created_at,
    expiresAt: key.expires_at,
    lastUsedAt: checks.lastUsed(key.id, key.last_used_at),
    rotatedAt: key.rotated_at,
    expired: keyState(key, ACTIVE_OWNER, now) === 'expired',
  })
  const lifetimes = (): (number | null)[] => {
    const { apiKeyMaxLifetime: most } = tools.config
    if (most === null) return LIFETIMES
    const within = LIFETIMES.filter((days) => days !== null && days * DAY <= most)
    return within.length > 0 ? within : [1]
  }

  async function showKeys(call: Call, form: FormState, revoked: boolean): Promise<PageAnswer> {
    const keys = (await listKeys(tools, call)).map((key) => item(key, call.now))
    const permissions = isFresh(call) ? (call.principal?.permissions ?? []).slice(0, MOST_CHECKBOXES) : null
    const contents = { keys, permissions, lifetimes: lifetimes(), revoked, newKeyId: newId('key') }
    return { page: <ApiKeys {...contents} {...form} />, title: t(call.locale, 'keys.title') }
  }
  async function showKey(call: Call, id: string, form: FormState): Promise<PageAnswer> {
    const shown = item(await getKey(tools, call, id), call.now)
    return { page: <ApiKey item={shown} {...form} />, title: t(call.locale, 'key.title', shown) }
  }
  const placeOfOwn = async (call: Call, id: string): Promise<PageAnswer | null> => {
    const isOwn = (await listKeys(tools, call)).some((key) => key.id === id)
    return isOwn ? { redirect: `/account/api-keys/${encodeURIComponent(id)}` } : null
  }
  const showSecret = (call: Call, { key, secret }: IssuedKey): PageAnswer => ({
    page: <NewKey item={item(key, call.now)} secret={secret} />,
    title: t(call.locale, 'secret.title'),
  })

  return [
    page({
      of: apiKeyOperations.list,
      name: 'pages.api_keys',
      method: 'GET',
      path: '/account/api-keys',
      input: z.object({ revoked: z.string().max(10).optional() }),
      run: (call, { revoked }) => showKeys(call, {}, revoked !== undefined),
    }),
    page({
      of: apiKeyOperations.create,
      name: 'pages.api_keys.submit',
      method: 'POST',
      path: '/account/api-keys',
      input: NewKeyForm,
      run: async (call, input) => {
        const { name, description, environment } = input
        const permissions = input.access === 'all' ? ['*'] : permissionsOf(input)
        const expiresAt = input.expires_in === 'never' ? null : later(call.now, duration(input.expires_in))
        if (expiresAt === null && !lifetimes().includes(null))
          throw invalid('expires_in', 'invalid_choice', 'Keys must expire on this server.')
        return showSecret(
          call,
          await issueKey(tools, call, {
            id: input.key_id,
            name,
            description,
            environment,
            permissions,
            expiresAt,
          }),
        )
      },
      reached: (call, { key_id: id = '' }, { code }) => (code === 'CONFLICT' ? placeOfOwn(call, id) : null),
      redisplay: async (call, typed, problem) => ({
        ...(await showKeys(call, formState(call.locale, typed, atField(problem)), false)),
        status: problem.status,
      }),
    }),
    page({
      of: apiKeyOperations.get,
      method: 'GET',
      path: '/account/api-keys/:id',
      input: z.object({ id: z.string().max(64) }),
      run: (call, { id }) => showKey(call, id, {}),
    }),
    page({
      of: apiKeyOperations.returnToRotate,
      method: 'GET',
      path: '/account/api-keys/:id/rotate',
      input: z.object({ id: z.string().max(64) }),
      run: async (_call, { id }) => ({ redirect: `/account/api-keys/${encodeURIComponent(id)}` }),
    }),
    page({
      of: apiKeyOperations.rotate,
      name: 'pages.api_keys.rotate.submit',
      method: 'POST',
      path: '/account/api-keys/:id/rotate',
      input: z.object({ id: z.string().max(64), grace: z.enum(['0', '3600', '86400']) }),
      run: async (call, { id, grace }) =>
        showSecret(
          call,
          await rotateKey({ ...tools, assertActsIn }, call, id, { graceSeconds: Number(grace) }),
        ),
      reached: (_call, _sent, problem) =>
        !hasLeft(problem) && (problem.code === 'CONFLICT' || problem.code === 'NOT_FOUND')
          ? { redirect: '/account/api-keys' }
          : null,
      redisplay: async (call, { id, ...typed }, problem) => {
        if (!hasLeft(problem)) throw problem
        const form = formState(call.locale, typed, problem)
        const alert = t(call.locale, 'problem.left_organization')
        return { ...(await showKey(call, id ?? '', { ...form, alert })), status: problem.status }
      },
    }),
    page({
      of: apiKeyOperations.revoke,
      name: 'pages.api_keys.revoke',
      method: 'POST',
      path: '/account/api-keys/:id/revoke',
      formAt: '/account/api-keys/:id',
      input: z.object({ id: z.string().max(64) }),
      run: async (call, { id }) => {
        await revokeKey(tools, call, id)
        return { redirect: '/account/api-keys?revoked=1' }
      },
      reached: (_call, _sent, { code }) => (code === 'NOT_FOUND' ? { redirect: '/account/api-keys' } : null),
    }),
  ]
}

/** Of a key that acts in an organization of which its owner is no member any more. */
const hasLeft = (problem: Problem): boolean => reasonOf(problem) === 'left_organization'

/** Whether the proof of identity is recent enough for the form to be accepted. */
const isFresh = ({ session, now }: Call): boolean =>
  session !== null && now.getTime() - session.authenticatedAt.getTime() <= duration(KEY_PROOF_AGE)

function permissionsOf(input: NewKeyForm): string[] {
  const ticked: Readonly<Record<string, unknown>> = input
  return [
    ...Object.keys(boxes).flatMap((name) => (ticked[name] as string | undefined) ?? []),
    ...input.more_permissions,
  ]
}

/** Moves errors to the field of the form that they are about. */
function atField(problem: Problem): Problem {
  if (problem.code === 'INSUFFICIENT_PERMISSIONS' && !Array.isArray(problem.details)) {
    const permission = String(problem.details?.required ?? '')
    const params = { permission }
    return newProblem('VALIDATION_ERROR', {
      details: [
        {
          field: 'more_permissions',
          code: 'not_held',
          message: `You do not have this permission: ${permission}`,
          params,
        },
      ],
    })
  }
  if (problem.code !== 'VALIDATION_ERROR' || !Array.isArray(problem.details)) return problem
  const details = problem.details.map((one) => ({
    ...one,
    field:
      one.field === 'expires_at'
        ? 'expires_in'
        : one.field.replace(/^more_permissions\..*/, 'more_permissions'),
  }))
  return newProblem('VALIDATION_ERROR', { details })
}
