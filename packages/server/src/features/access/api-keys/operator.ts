/** API keys of users for others: the rules of `latchkey api-keys …`, and the list that administrators read. */
import type { z } from 'zod'
import { type Call, systemCall } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { invalid, problem } from '../../../base/errors.ts'
import { inactiveText } from '../../../core/locks.ts'
import type { Tools } from '../../../core/tools.ts'
import { getUserNamed, type User } from '../../identity/users/index.ts'
import type { KeyChecks } from './checks.ts'
import { type ApiKeyView, apiKeyView, type IssuedApiKeyView, issuedKeyView, NewKeyInput } from './fields.ts'
import { endKey, writeKey } from './keys.ts'
import { selectApiKeys } from './sql.ts'

type OperatorTools = Pick<Tools, 'config' | 'db' | 'clock' | 'roles'>

export interface OperatorKey {
  name: string
  description?: string
  environment?: string
  permissions: readonly string[]
  /** Milliseconds from now. */
  lifetime?: number
}

/** @throws Problem NOT_FOUND, CONFLICT, VALIDATION_ERROR, INSUFFICIENT_PERMISSIONS */
export async function issueKeyByOperator(
  tools: OperatorTools,
  identifier: string,
  { lifetime, ...fields }: OperatorKey,
): Promise<z.infer<typeof IssuedApiKeyView>> {
  const call = systemCall(tools.clock.now())
  const parsed = NewKeyInput.safeParse(fields)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw invalid(issue?.path.join('.') ?? '', 'invalid', issue?.message ?? '')
  }
  const expiresAt = lifetime === undefined ? undefined : new Date(call.now.getTime() + lifetime)
  const issued = await tools.db.tx('system', async (tx) => {
    const user = await getUserNamed(tx, identifier)
    if (user.status !== 'active') throw problem('CONFLICT', { message: inactiveText(user.status) })
    const owner = {
      userId: user.id,
      username: user.username,
      permissions: tools.roles.permissionsOf(user.roles),
    }
    return await writeKey(tools, tx, call, owner, { ...parsed.data, expiresAt }, { by: 'operator' })
  })
  return issuedKeyView(issued, call.now)
}

/** The newest first. @throws Problem NOT_FOUND */
export async function listKeysByOperator(tools: OperatorTools, identifier: string): Promise<ApiKeyView[]> {
  const { now }: Call = systemCall(tools.clock.now())
  return await tools.db.tx('system', async (tx) => {
    const owner = await getUserNamed(tx, identifier)
    return await listKeysOf(tx, null, owner, now)
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
    const owner = await getUserNamed(tx, identifier)
    const { id: userId, username } = owner
    const key = await endKey(tx, call, { userId, username }, keyId, { by: 'operator' })
    return apiKeyView(key, key.last_used_at, call.now, owner)
  })
}

/**
 * The keys of a user, the newest first, as another reader sees them: with the state of the account.
 * @param checks null outside the server, where only stored last-use timestamps are known
 */
export async function listKeysOf(
  tx: Tx,
  checks: Pick<KeyChecks, 'lastUsed'> | null,
  owner: User,
  now: Date,
): Promise<ApiKeyView[]> {
  const keys = await selectApiKeys(tx, owner.id)
  return keys.map((key) => {
    const used = checks ? checks.lastUsed(key.id, key.last_used_at) : key.last_used_at
    return apiKeyView(key, used, now, owner)
  })
}
