/**
 * The check of API keys on every request: one prepared statement, no write. What a key permits is computed on each
 * check: the intersection of its scopes with the present permissions of its owner. Last-use timestamps are collected in
 * memory and written in batches (base/sightings.ts); a crash loses seconds of them.
 */
import { within } from '@latchkey/guard'
import { type CallOrganization, LOCALES, type Principal } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { sha256 } from '../../../base/crypto.ts'
import { problem } from '../../../base/errors.ts'
import type { Verdict } from '../../../base/http/request/authenticate.ts'
import { createSightings } from '../../../base/sightings.ts'
import { isLocked } from '../../../core/locks.ts'
import { organizationOf } from '../../../core/roles/acting.ts'
import type { Tools } from '../../../core/tools.ts'
import { isKey } from './format.ts'
import { type CheckedKey, deleteEndedKeysBefore, keyCheck, updateUsed } from './sql.ts'

/** How long the row of an ended key is kept, for the list and for the operator. */
const KEEP_ENDED = 30 * 86_400_000
/** How often last-use timestamps are written. */
const USED_EVERY = 5000
/** The size of the cache of intersections. */
const MOST_KNOWN = 1000

export interface KeyChecks {
  /** The principal of a key, with the key's permissions. */
  check(key: string, now: Date): Promise<Verdict>
  /** The latest last-use timestamp, stored or still in memory. */
  lastUsed(id: string, stored: Date | null): Date | null
  /** Writes the last-use timestamps collected so far. */
  flush(): Promise<void>
  /** Deletes keys that ended long ago. */
  sweep(now: Date): Promise<void>
}

export function keyChecks(tools: Pick<Tools, 'db' | 'log' | 'roles'>): KeyChecks {
  const { roles, db, log } = tools
  const statement = keyCheck(db.hot)
  const uses = createSightings({
    name: 'API keys',
    every: USED_EVERY,
    write: (ids, at) => db.tx('system', (tx) => updateUsed(tx, ids, at)),
    log,
  })
  // one answer for every invalid key: it reveals nothing about the key
  const refused = { refused: problem('INVALID_API_KEY') }

  const known = new Map<string, readonly string[]>()
  /** The intersection of scopes and permissions; cached, because it is needed on every request. */
  function scoped(scopes: readonly string[], held: readonly string[]): readonly string[] {
    const name = `${scopes.join(' ')}|${held.join(' ')}`
    let left = known.get(name)
    if (!left) {
      left = within(scopes, held)
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
      permissions: row.scopes === null ? held : scoped(row.scopes, held),
      method: 'api_key',
      name: row.full_name ?? row.username,
      locale: LOCALES.find((locale) => locale === row.locale) ?? null,
      keyId: row.id,
      tokenId: null,
      expiresAt: row.expires_at,
      amr: [],
    }
  }

  const toOrganization = (row: CheckedKey): CallOrganization | null => {
    const organization = organizationOf(roles, row)
    if (organization === null || row.scopes === null) return organization
    return { ...organization, permissions: scoped(row.scopes, organization.permissions) }
  }

  return {
    async check(key, now) {
      if (!isKey(key)) return refused
      const [row] = await db.run(statement, [sha256(key)])
      if (!row || !isValid(row, now)) return refused
      uses.see(row.id, now)
      return { principal: toPrincipal(row), session: null, organization: toOrganization(row) }
    },
    lastUsed: uses.latest,
    flush: uses.flush,
    sweep: (now) => db.tx('system', (tx) => deleteEndedKeysBefore(tx, later(now, -KEEP_ENDED))),
  }
}

/** Whether a stored key is valid at an instant; pure. */
const isValid = (row: CheckedKey, now: Date): boolean =>
  row.revoked_at === null &&
  (row.expires_at === null || row.expires_at > now) &&
  row.status === 'active' &&
  !isLocked(row, now)
