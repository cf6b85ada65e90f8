/**
 * The rules of API keys: creating, listing, revoking and rotating a user's own keys. A key is shown once and stored
 * as a hash. Invariants: a key never permits more than its owner may do (checked by `assertNotBeyond` when it is
 * created, and by `within` when it is used); users create keys for themselves only, which row-level security enforces
 * as well; a key is revoked or rotated once, by one conditional statement.
 */
import type { Call } from '../../../base/call.ts'
import { duration, later } from '../../../base/clock.ts'
import { sha256 } from '../../../base/crypto.ts'
import { isUniqueViolation } from '../../../base/db/index.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Db, Tx } from '../../../base/db/types.ts'
import { invalid, notFound, Problem, problem } from '../../../base/errors.ts'
import { isId, newId } from '../../../base/ids.ts'
import { audit } from '../../../core/audit/index.ts'
import { revoke } from '../../../core/revocations/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { assertNotBeyond } from '../roles/index.ts'
import { type Environment, makeKey } from './format.ts'
import {
  countValid,
  insertApiKey,
  isSessionOpen,
  type Key,
  lockKeysOf,
  selectApiKey,
  selectApiKeys,
  selectKeysBefore,
  updateKeyRevoked,
  updateRotated,
} from './sql.ts'

/** The number of valid keys that one user may have. */
export const MOST_KEYS = 100
/** The longest time that a rotated key may remain valid. Seconds. */
export const MOST_GRACE = 86_400
const LONGEST_LIFETIME = duration('3650d')
/** How long a revocation of a key is announced; guards cache the result of a check for seconds only. */
const ANNOUNCED_FOR = duration('1d')

type KeyTools = Pick<Tools, 'config' | 'db'>

/** Refuses a caller whose session does not act in the organization. @throws Problem STEP_UP_REQUIRED and others */
export type AssertActsIn = (call: Call, organizationId: string) => Promise<void>

export interface NewKeyFields {
  /** Absent: a new one. */
  id?: string | undefined
  name: string
  description?: string | null | undefined
  environment: Environment
  /** `*` among them: all that the owner has when the key is used. */
  permissions: readonly string[]
  /** Absent: the key does not expire, or has the longest lifetime that the server permits. */
  expiresAt?: Date | null | undefined
}

export interface KeyOwner {
  userId: string
  username: string | null
  permissions: readonly string[]
}

/** A key with its secret, which cannot be retrieved later. */
export interface IssuedKey {
  key: Key
  secret: string
}

/**
 * @throws Problem VALIDATION_ERROR, INSUFFICIENT_PERMISSIONS with the permission that the owner lacks, CONFLICT when there
 * are too many
 */
export async function issueKey(tools: KeyTools, call: Call, fields: NewKeyFields): Promise<IssuedKey> {
  const { principal } = call
  if (!principal) throw problem('AUTHENTICATION_REQUIRED')
  return await tools.db.tx(callerScope(call), (tx) => writeKey(tools, tx, call, principal, fields))
}

/** As issueKey, for a caller that acts for the owner (the CLI). */
export async function writeKey(
  tools: Pick<Tools, 'config'>,
  tx: Tx,
  call: Call,
  owner: KeyOwner,
  fields: NewKeyFields,
  details: Record<string, unknown> = {},
): Promise<IssuedKey> {
  const { userId } = owner
  // permissions of the server, or of the organization that the key will act in
  const permissions = ownedPermissions(fields.permissions)
  if (permissions[0] !== ALL)
    assertNotBeyond([...owner.permissions, ...(call.organization?.permissions ?? [])], permissions)
  const expiresAt = expiryOf(tools, fields.expiresAt, call.now)
  await lockOwnKeys(tx, call, userId)
  if ((await countValid(tx, userId, call.now)) >= MOST_KEYS)
    throw problem('CONFLICT', {
      message: `A user may have ${MOST_KEYS} API keys at most. Revoke one first.`,
    })
  const issued = newKey(tools, fields.id, {
    user_id: userId,
    organization_id: call.organization?.id ?? null,
    name: fields.name,
    description: fields.description ?? null,
    environment: fields.environment,
    permissions,
    created_at: call.now,
    expires_at: expiresAt,
    rotated_from: null,
  })
  await insertOnce(tx, issued.key)
  await auditKey(tx, call, 'auth.api_key.created', issued.key, owner, details)
  return issued
}

/**
 * Locks the keys of the caller before one is created. A session that has ended since the request was authorized, for
 * instance because its account was recovered, must not leave a key.
 * @throws Problem AUTHENTICATION_REQUIRED
 */
async function lockOwnKeys(tx: Tx, { session }: Call, userId: string): Promise<void> {
  await lockKeysOf(tx, userId)
  if (session && !(await isSessionOpen(tx, session.id))) throw problem('AUTHENTICATION_REQUIRED')
}

/** @throws Problem CONFLICT for an id that is taken: the form was sent twice */
async function insertOnce(tx: Tx, key: Key): Promise<void> {
  try {
    await insertApiKey(tx, key)
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    throw problem('CONFLICT', {
      message: 'This key was created already. List your keys to see it.',
      cause: error,
    })
  }
}

const ALL = '*'

/** Sorted, each once; only `*` where it is among them. */
const ownedPermissions = (permissions: readonly string[]): string[] =>
  permissions.includes(ALL) ? [ALL] : [...new Set(permissions)].sort()

function newKey(
  { config }: Pick<Tools, 'config'>,
  id: string | undefined,
  given: Omit<Key, 'id' | 'hint' | 'token_hash' | 'last_used_at' | 'rotated_at' | 'revoked_at'>,
): IssuedKey {
  const { key: secret, hint } = makeKey(config.apiKeyProduct, given.environment)
  const unused = { last_used_at: null, rotated_at: null, revoked_at: null }
  return {
    secret,
    key: {
      ...given,
      ...unused,
      id: id !== undefined && isId('key', id) ? id : newId('key'),
      hint,
      token_hash: sha256(secret),
    },
  }
}

/** When a new key expires. @throws Problem VALIDATION_ERROR */
function expiryOf(
  { config }: Pick<Tools, 'config'>,
  requested: Date | null | undefined,
  now: Date,
): Date | null {
  const longest = later(now, config.apiKeyMaxLifetime ?? LONGEST_LIFETIME)
  if (requested === undefined || requested === null) return config.apiKeyMaxLifetime === null ? null : longest
  if (requested <= now) throw invalid('expires_at', 'past', 'Choose a time in the future.')
  if (requested > longest)
    throw invalid('expires_at', 'too_late', `Choose a time no later than ${longest.toISOString()}.`)
  return requested
}

/** The caller's keys, the newest first. */
export async function listKeys(tools: Pick<Tools, 'db'>, call: Call): Promise<Key[]> {
  const scope = callerScope(call)
  return await tools.db.tx(scope, (tx) => selectApiKeys(tx, scope.userId))
}

/** @throws Problem NOT_FOUND for a key that is revoked or not the caller's */
export async function getKey(tools: Pick<Tools, 'db'>, call: Call, id: string): Promise<Key> {
  const scope = callerScope(call)
  const key = await tools.db.tx(scope, (tx) => selectApiKey(tx, scope.userId, id))
  if (!key) throw notFound('api_key')
  return key
}

/** @throws Problem NOT_FOUND for a key that is revoked already or not the caller's */
export async function revokeKey(tools: Pick<Tools, 'db'>, call: Call, id: string): Promise<void> {
  const scope = callerScope(call)
  const owner = { userId: scope.userId, username: call.principal?.username ?? null }
  await tools.db.tx(scope, (tx) => endKey(tx, call, owner, id))
}

/** As revokeKey, for a caller that acts for the owner (the CLI). */
export async function endKey(
  tx: Tx,
  call: Call,
  owner: Pick<KeyOwner, 'userId' | 'username'>,
  id: string,
  details: Record<string, unknown> = {},
): Promise<Key> {
  const key = await updateKeyRevoked(tx, owner.userId, id, call.now)
  if (!key) throw notFound('api_key')
  await revoke(tx, { kind: 'key', value: id, until: later(call.now, ANNOUNCED_FOR) }, call.now)
  await auditKey(tx, call, 'auth.api_key.revoked', key, owner, details)
  return key
}

/** Revokes every key of a user that is not revoked. @returns their names */
export async function endKeysOf(
  tx: Tx,
  call: Call,
  owner: Pick<KeyOwner, 'userId' | 'username'>,
  details: Record<string, unknown>,
): Promise<string[]> {
  // a key that is being created is among them, or finds that its session has ended (lockOwnKeys)
  await lockKeysOf(tx, owner.userId)
  const keys = await selectApiKeys(tx, owner.userId)
  for (const { id } of keys) await endKey(tx, call, owner, id, details)
  return keys.map(({ name }) => name)
}

/** Revokes every key that was created until then, a few at a time. @returns how many */
export async function endKeysBefore(db: Db, call: Call, before: Date): Promise<number> {
  for (let count = 0; ; ) {
    const ended = await db.tx('system', async (tx) => {
      const keys = await selectKeysBefore(tx, before, KEYS_AT_ONCE)
      for (const { id, user_id: userId, username } of keys) await endKey(tx, call, { userId, username }, id)
      return keys.length
    })
    count += ended
    if (ended === 0) return count
  }
}
const KEYS_AT_ONCE = 100

/**
 * Rotates a key: creates a key with the same name, permissions and lifetime. The old key is revoked at once, or remains valid
 * for `graceSeconds`. The new key acts in the organization of the old one, so the session has to act there, as for creating it.
 * @throws Problem NOT_FOUND, CONFLICT where it was rotated or revoked already, or its owner has left the organization; what refuses the session in the organization
 */
export async function rotateKey(
  tools: KeyTools & { assertActsIn: AssertActsIn },
  call: Call,
  id: string,
  change: { graceSeconds: number; expiresAt?: Date | null | undefined },
): Promise<IssuedKey> {
  const scope = callerScope(call)
  const { now } = call
  const { userId } = scope
  const owner = { userId, username: call.principal?.username ?? null }
  const { graceSeconds } = change
  // which organization that is never changes
  const { organization_id: actsIn } = await getKey(tools, call, id)
  if (actsIn !== null) await assertMayReplace(tools, call, actsIn)
  return await tools.db.tx(scope, async (tx) => {
    await lockOwnKeys(tx, call, userId)
    const old = await selectApiKey(tx, userId, id)
    if (!old || (old.expires_at !== null && old.expires_at <= now && old.rotated_at === null))
      throw notFound('api_key')
    const until = graceSeconds > 0 ? later(now, graceSeconds * 1000) : null
    if (!(await updateRotated(tx, userId, id, until, now)))
      throw problem('CONFLICT', {
        message: 'This key was replaced or revoked already. List your keys to see those that are valid.',
      })
    const { name, description, environment, permissions, organization_id } = old
    const same = { name, description, environment, permissions, organization_id }
    const expires_at = expiryOf(tools, change.expiresAt ?? sameLifetime(old, tools, now), now)
    const issued = newKey(tools, undefined, {
      ...same,
      user_id: userId,
      created_at: now,
      expires_at,
      rotated_from: id,
    })
    // it acts in the organization of the old key, not of this session; every use checks what that permits
    await tx.asSystem((system) => insertApiKey(system, issued.key))
    if (!until) await revoke(tx, { kind: 'key', value: id, until: later(now, ANNOUNCED_FOR) }, now)
    await auditKey(tx, call, 'auth.api_key.rotated', issued.key, owner, {
      rotated_from: id,
      grace_seconds: graceSeconds,
    })
    return issued
  })
}

/** @throws Problem CONFLICT `left_organization`; what refuses the session in the organization */
async function assertMayReplace(
  { assertActsIn }: { assertActsIn: AssertActsIn },
  call: Call,
  organizationId: string,
): Promise<void> {
  try {
    await assertActsIn(call, organizationId)
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'NOT_FOUND') throw error
    throw problem('CONFLICT', {
      message:
        'You are not a member of the organization in which this key acts. Create a key for what you need, and revoke this one.',
      details: { reason: 'left_organization' },
      cause: error,
    })
  }
}

/** The same lifetime from now on, limited to what the server permits. */
function sameLifetime(old: Key, { config }: Pick<Tools, 'config'>, now: Date): Date | null {
  if (old.expires_at === null) return null
  const life = old.expires_at.getTime() - old.created_at.getTime()
  return later(now, Math.min(life, config.apiKeyMaxLifetime ?? LONGEST_LIFETIME))
}

async function auditKey(
  tx: Tx,
  call: Call,
  type: 'auth.api_key.created' | 'auth.api_key.rotated' | 'auth.api_key.revoked',
  key: Key,
  { userId, username }: Pick<KeyOwner, 'userId' | 'username'>,
  more: Record<string, unknown>,
): Promise<void> {
  const { id, name, environment, permissions, expires_at } = key
  const what = { key_id: id, name, environment, permissions, expires_at: expires_at?.toISOString() ?? null }
  await audit(tx, call, { type, userId, username, details: { ...what, ...more } })
}
