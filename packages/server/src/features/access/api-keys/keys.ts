/**
 * The rules of API keys: making, listing, revoking and rotating one's own. A key is shown once and stored as a
 * hash. Invariants: a key never allows more than its maker may do (when it is made by `assertNotBeyond`, when it is
 * used by `within`); users make keys for themselves only, which row-level security holds as well; a key is revoked or
 * rotated once, by one conditional statement.
 */
import type { Call } from '../../../base/call.ts'
import { duration, later } from '../../../base/clock.ts'
import { sha256 } from '../../../base/crypto.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { invalid, problem } from '../../../base/errors.ts'
import { newId } from '../../../base/ids.ts'
import { audit } from '../../../core/audit/index.ts'
import { revoke } from '../../../core/revocations/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { assertNotBeyond } from '../roles/index.ts'
import { type Environment, makeKey } from './format.ts'
import {
  countGood,
  insertKey,
  lockKeysOf,
  selectKey,
  selectKeys,
  updateRevoked,
  updateRotated,
} from './sql.ts'
import type { ApiKeysTable } from './tables.ts'

export type Key = ApiKeysTable

/** How many good keys one person may have. */
export const MOST_KEYS = 100
/** The longest a key that was rotated may go on. */
export const MOST_GRACE = 86_400
const LONGEST_LIFE = duration('3650d')
/** Guards remember the server's word on a key for seconds; after that they ask again. */
const TOLD_FOR = duration('1d')

type KeyTools = Pick<Tools, 'config' | 'db'>

export interface KeyWish {
  name: string
  description?: string | null | undefined
  environment: Environment
  /** Permissions; absent: whatever the maker may do at the time. */
  scopes?: readonly string[] | undefined
  /** Absent: as long as the server allows. Null: without end. */
  expiresAt?: Date | null | undefined
}

export interface Maker {
  userId: string
  username: string | null
  permissions: readonly string[]
}

/** A key with its secret, which is not to be had again. */
export interface IssuedKey {
  key: Key
  secret: string
}

/** @throws Problem VALIDATION_ERROR, INSUFFICIENT_PERMISSIONS with the scope the maker lacks, CONFLICT when there are too many */
export async function issueKey(tools: KeyTools, call: Call, wish: KeyWish): Promise<IssuedKey> {
  const { principal } = call
  if (!principal) throw problem('AUTHENTICATION_REQUIRED')
  return await tools.db.tx(callerScope(call), (tx) => writeKey(tools, tx, call, principal, wish))
}

/** As issueKey, for whoever answers for the maker (the CLI). */
export async function writeKey(
  tools: Pick<Tools, 'config'>,
  tx: Tx,
  call: Call,
  maker: Maker,
  wish: KeyWish,
  details: Record<string, unknown> = {},
): Promise<IssuedKey> {
  const { userId } = maker
  // of the server, or of the organization that the key will act in
  assertNotBeyond([...maker.permissions, ...(call.organization?.permissions ?? [])], wish.scopes ?? [])
  const expiresAt = endOf(tools, wish.expiresAt, call.now)
  await lockKeysOf(tx, userId)
  if ((await countGood(tx, userId, call.now)) >= MOST_KEYS)
    throw problem('CONFLICT', {
      message: `Nobody may have more than ${MOST_KEYS} API keys. Revoke one first.`,
    })
  const issued = newKey(tools, {
    user_id: userId,
    organization_id: call.organization?.id ?? null,
    name: wish.name,
    description: wish.description ?? null,
    environment: wish.environment,
    scopes: wish.scopes ? [...new Set(wish.scopes)].sort() : null,
    created_at: call.now,
    expires_at: expiresAt,
    rotated_from: null,
  })
  await insertKey(tx, issued.key)
  await auditKey(tx, call, 'auth.api_key.created', issued.key, maker, details)
  return issued
}

function newKey(
  { config }: Pick<Tools, 'config'>,
  given: Omit<Key, 'id' | 'hint' | 'token_hash' | 'last_used_at' | 'rotated_at' | 'revoked_at'>,
): IssuedKey {
  const { key: secret, hint } = makeKey(config.apiKeyProduct, given.environment)
  const unused = { last_used_at: null, rotated_at: null, revoked_at: null }
  return { secret, key: { ...given, ...unused, id: newId('key'), hint, token_hash: sha256(secret) } }
}

/** When a new key ends. @throws Problem VALIDATION_ERROR */
function endOf({ config }: Pick<Tools, 'config'>, wanted: Date | null | undefined, now: Date): Date | null {
  const longest = later(now, config.apiKeyMaxLifetime ?? LONGEST_LIFE)
  const isBounded = config.apiKeyMaxLifetime !== null
  if (wanted === undefined) return isBounded ? longest : null
  if (wanted === null && isBounded)
    throw invalid('expires_at', 'required', 'Here every key has an end. Say when, or leave it out.')
  if (wanted !== null && wanted <= now) throw invalid('expires_at', 'past', 'Must lie in the future.')
  if (wanted !== null && wanted > longest)
    throw invalid('expires_at', 'too_late', `Must not be later than ${longest.toISOString()}.`)
  return wanted
}

/** The caller's own keys, the newest first. */
export async function listKeys(tools: Pick<Tools, 'db'>, call: Call): Promise<Key[]> {
  const scope = callerScope(call)
  return await tools.db.tx(scope, (tx) => selectKeys(tx, scope.userId))
}

/** @throws Problem NOT_FOUND for a key that is revoked or not the caller's */
export async function getKey(tools: Pick<Tools, 'db'>, call: Call, id: string): Promise<Key> {
  const scope = callerScope(call)
  const key = await tools.db.tx(scope, (tx) => selectKey(tx, scope.userId, id))
  if (!key) throw problem('NOT_FOUND')
  return key
}

/** @throws Problem NOT_FOUND for a key that is revoked already or not the caller's */
export async function revokeKey(tools: Pick<Tools, 'db'>, call: Call, id: string): Promise<void> {
  const scope = callerScope(call)
  const who = { userId: scope.userId, username: call.principal?.username ?? null }
  await tools.db.tx(scope, (tx) => endKey(tx, call, who, id))
}

/** As revokeKey, for whoever answers for the maker (the CLI). */
export async function endKey(
  tx: Tx,
  call: Call,
  whose: Pick<Maker, 'userId' | 'username'>,
  id: string,
  details: Record<string, unknown> = {},
): Promise<Key> {
  const key = await updateRevoked(tx, whose.userId, id, call.now)
  if (!key) throw problem('NOT_FOUND')
  await revoke(tx, { kind: 'key', value: id, until: later(call.now, TOLD_FOR) }, call.now)
  await auditKey(tx, call, 'auth.api_key.revoked', key, whose, details)
  return key
}

/**
 * Makes a key in place of one, with its name, scopes and length of life. The old one is dead at once, or goes on
 * for `graceSeconds`.
 * @throws Problem NOT_FOUND, CONFLICT where it has a successor already
 */
export async function rotateKey(
  tools: KeyTools,
  call: Call,
  id: string,
  wish: { graceSeconds: number; expiresAt?: Date | null | undefined },
): Promise<IssuedKey> {
  const scope = callerScope(call)
  const { now } = call
  const { userId } = scope
  const who = { userId, username: call.principal?.username ?? null }
  const { graceSeconds } = wish
  return await tools.db.tx(scope, async (tx) => {
    const old = await selectKey(tx, userId, id)
    if (!old || (old.expires_at !== null && old.expires_at <= now && old.rotated_at === null))
      throw problem('NOT_FOUND')
    const until = graceSeconds > 0 ? later(now, graceSeconds * 1000) : null
    if (!(await updateRotated(tx, userId, id, until, now)))
      throw problem('CONFLICT', { message: 'This key was replaced or revoked already.' })
    const { name, description, environment, scopes, organization_id } = old
    const same = { name, description, environment, scopes, organization_id }
    const expires_at = endOf(
      tools,
      wish.expiresAt === undefined ? againAsLong(old, tools, now) : wish.expiresAt,
      now,
    )
    const issued = newKey(tools, { ...same, user_id: userId, created_at: now, expires_at, rotated_from: id })
    // it acts where the old one did, wherever its maker acts at the moment; what that permits is asked at every use
    await tx.asSystem((system) => insertKey(system, issued.key))
    if (!until) await revoke(tx, { kind: 'key', value: id, until: later(now, TOLD_FOR) }, now)
    await auditKey(tx, call, 'auth.api_key.rotated', issued.key, who, {
      rotated_from: id,
      grace_seconds: graceSeconds,
    })
    return issued
  })
}

/** The same length of life from now on, as far as the server still allows it. */
function againAsLong(old: Key, { config }: Pick<Tools, 'config'>, now: Date): Date | null | undefined {
  if (old.expires_at === null) return config.apiKeyMaxLifetime === null ? null : undefined
  const life = old.expires_at.getTime() - old.created_at.getTime()
  return later(now, Math.min(life, config.apiKeyMaxLifetime ?? LONGEST_LIFE))
}

async function auditKey(
  tx: Tx,
  call: Call,
  type: 'auth.api_key.created' | 'auth.api_key.rotated' | 'auth.api_key.revoked',
  key: Key,
  { userId, username }: Pick<Maker, 'userId' | 'username'>,
  more: Record<string, unknown>,
): Promise<void> {
  const { id, name, environment, scopes, expires_at } = key
  const what = { key_id: id, name, environment, scopes, expires_at: expires_at?.toISOString() ?? null }
  await audit(tx, call, { type, userId, username, details: { ...what, ...more } })
}
