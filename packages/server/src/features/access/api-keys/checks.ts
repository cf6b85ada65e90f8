/**
 * The check of API keys on every request: one prepared statement, no write. What a key permits is computed on each
 * check: the intersection of the permissions it was given with the present permissions of its owner. Last-use
 * timestamps are collected in memory and written in batches (base/sightings.ts); a crash loses seconds of them.
 */
import { within } from '@latchkey/guard'
import { type CallOrganization, findLocale, type Principal } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { digestBytes, digestKey } from '../../../base/crypto.ts'
import { problem } from '../../../base/errors.ts'
import type { Eventual } from '../../../base/eventual.ts'
import type { Verdict } from '../../../base/http/request/authenticate.ts'
import { createRowCache, derived, subjectOfCredential } from '../../../base/row-cache.ts'
import { createSightings } from '../../../base/sightings.ts'
import { actsUntil } from '../../../core/policies.ts'
import { organizationOf } from '../../../core/roles/acting.ts'
import type { Tools } from '../../../core/tools.ts'
import { isKey } from './format.ts'
import { type CheckedKey, deleteEndedKeysBefore, keyCheck, updateUsed } from './sql.ts'
import { keyState } from './state.ts'

/** How long the row of an ended key is kept, for the list and for the operator. */
const KEEP_ENDED = 30 * 86_400_000
/** How often last-use timestamps are written. */
const USED_EVERY = 15_000
/** The size of the cache of intersections. */
const MOST_KNOWN = 1000

export interface KeyChecks {
  /** The principal of a key, with the key's permissions. */
  check(key: string, now: Date): Eventual<Verdict>
  /** The latest last-use timestamp, stored or still in memory. */
  lastUsed(id: string, stored: Date | null): Date | null
  /** Writes the last-use timestamps collected so far. */
  flush(): Promise<void>
  /** Deletes keys that ended long ago. */
  sweep(now: Date): Promise<void>
}

export function keyChecks(
  tools: Pick<Tools, 'db' | 'log' | 'roles' | 'changes' | 'config' | 'sharedRows'>,
): KeyChecks {
  const { roles, db, log, changes, config, sharedRows } = tools
  const statement = keyCheck(db.hot, sharedRows !== null)
  const rows = createRowCache<CheckedKey>({
    changes,
    most: config.cachedCredentials,
    subjectOf: subjectOfCredential,
    shared: sharedRows?.store(statement.sql) ?? null,
    read: async (digest) => {
      const [row] = await db.run(statement, [digestBytes(digest)])
      // a key has no proofs, so that it does not matter by which connections members sign in
      return (
        row && {
          ...row,
          acts_until: actsUntil({ ...row, policy_connections: null, policy_waits_for: null }, null),
        }
      )
    },
  })
  const uses = createSightings({
    name: 'API keys',
    every: USED_EVERY,
    write: (ids, at) => db.tx('system', (tx) => updateUsed(tx, ids, at)),
    log,
  })
  // one answer for every invalid key: it reveals nothing about the key
  const refused = { refused: problem('INVALID_API_KEY') }

  const known = new Map<string, readonly string[]>()
  /** The intersection of the key's permissions and the owner's; cached, because it is needed on every request. */
  function limited(own: readonly string[], held: readonly string[]): readonly string[] {
    if (own[0] === '*') return held
    const name = `${own.join(' ')}|${held.join(' ')}`
    let left = known.get(name)
    if (!left) {
      left = within(own, held)
      if (known.size >= MOST_KNOWN) known.clear()
      known.set(name, left)
    }
    return left
  }

  const toPrincipal = (row: CheckedKey): Principal => {
    const held = roles.permissionsOf(row.roles)
    return {
      userId: row.user_id,
      username: row.username,
      roles: row.roles,
      permissions: limited(row.permissions, held),
      method: 'api_key',
      name: row.full_name ?? row.username,
      locale: findLocale(row.locale),
      keyId: row.id,
      tokenId: null,
      expiresAt: row.expires_at,
      amr: [],
    }
  }

  const toOrganization = (row: CheckedKey): CallOrganization | null => {
    const organization = organizationOf(roles, row)
    if (organization === null) return null
    return { ...organization, permissions: limited(row.permissions, organization.permissions) }
  }

  const callerOf = derived<CheckedKey, Verdict>((row) => ({
    principal: toPrincipal(row),
    session: null,
    organization: toOrganization(row),
  }))
  /** Of a key whose maker does not meet the policy of its organization. */
  const callerAlone = derived<CheckedKey, Verdict>((row) => ({
    principal: toPrincipal(row),
    session: null,
    organization: null,
  }))
  const isActing = (row: CheckedKey, now: Date): boolean => now.getTime() < row.acts_until

  const accepted = (row: CheckedKey, now: Date): Verdict => {
    uses.see(row.id, now)
    return (isActing(row, now) ? callerOf : callerAlone)(row, roles.all())
  }

  const permits = (row: CheckedKey, now: Date): boolean =>
    isActing(row, now) && keyState(row, row, now) === 'active'

  const checkStored = async (digest: string, now: Date): Promise<Verdict> => {
    const row = await rows.load(digest, (shared) => permits(shared, now))
    return row !== null && keyState(row, row, now) === 'active' ? accepted(row, now) : refused
  }

  return {
    check(key, now) {
      const digest = digestKey(key)
      const row = rows.find(digest)
      if (row !== null && permits(row, now)) return accepted(row, now)
      return isKey(key) ? checkStored(digest, now) : refused
    },
    lastUsed: uses.latest,
    flush: uses.flush,
    sweep: (now) => db.tx('system', (tx) => deleteEndedKeysBefore(tx, later(now, -KEEP_ENDED))),
  }
}
