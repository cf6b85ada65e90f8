/** API keys from the command line: the rules of `latchkey api-keys …`. */
import { type Call, systemCall } from '../../../base/call.ts'
import { invalid, problem } from '../../../base/errors.ts'
import type { Tools } from '../../../core/tools.ts'
import { getUserNamed } from '../../identity/users/index.ts'
import { type ApiKeyView, apiKeyView, NewKeyInput } from './fields.ts'
import { endKey, writeKey } from './keys.ts'
import { selectApiKeys } from './sql.ts'

type OperatorTools = Pick<Tools, 'config' | 'db' | 'clock' | 'roles'>

export interface OperatorKey {
  name: string
  description?: string
  environment?: string
  scopes?: readonly string[]
  /** Milliseconds from now. */
  lifetime?: number
}

/** @throws Problem NOT_FOUND, CONFLICT, VALIDATION_ERROR, INSUFFICIENT_PERMISSIONS */
export async function issueKeyByOperator(
  tools: OperatorTools,
  identifier: string,
  { lifetime, ...fields }: OperatorKey,
): Promise<ApiKeyView & { key: string }> {
  const call = systemCall(tools.clock.now())
  const parsed = NewKeyInput.safeParse(fields)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw invalid(issue?.path.join('.') ?? '', 'invalid', issue?.message ?? '')
  }
  const expiresAt = lifetime === undefined ? undefined : new Date(call.now.getTime() + lifetime)
  const { key, secret } = await tools.db.tx('system', async (tx) => {
    const user = await getUserNamed(tx, identifier)
    if (user.status !== 'active') throw problem('CONFLICT', { message: `The account is ${user.status}.` })
    const owner = {
      userId: user.id,
      username: user.username,
      permissions: tools.roles.permissionsOf(user.roles),
    }
    return await writeKey(tools, tx, call, owner, { ...parsed.data, expiresAt }, { by: 'operator' })
  })
  return { ...apiKeyView(key, null, call.now), key: secret }
}

/** The newest first. @throws Problem NOT_FOUND */
export async function listKeysByOperator(tools: OperatorTools, identifier: string): Promise<ApiKeyView[]> {
  const { now }: Call = systemCall(tools.clock.now())
  return await tools.db.tx('system', async (tx) => {
    const { id } = await getUserNamed(tx, identifier)
    return (await selectApiKeys(tx, id)).map((key) => apiKeyView(key, key.last_used_at, now))
  })
}

/** @throws Problem NOT_FOUND */
export async function revokeKeyByOperator(
  tools: OperatorTools,
  identifier: string,
  keyId: string,
): Promise<ApiKeyView> {
  const call = systemCall(tools.clock.now())
  return await tools.db.tx('system', async (tx) => {
    const { id, username } = await getUserNamed(tx, identifier)
    const key = await endKey(tx, call, { userId: id, username }, keyId, { by: 'operator' })
    return apiKeyView(key, key.last_used_at, call.now)
  })
}
