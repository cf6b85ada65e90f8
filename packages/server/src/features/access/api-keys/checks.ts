/**
 * The check every request with an API key goes through: one prepared statement, no write. What a key may do is
 * decided anew each time: its scopes within what its maker may do now. Last uses are gathered in memory and
 * written in batches; a crash loses seconds of them.
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
import { type CheckedKey, deleteEndedBefore, keyCheck, updateUsed } from './sql.ts'

/** How long a key that has ended stays, for the list and for whoever looks into the table. */
const KEEP_ENDED = 30 * 86_400_000
/** How long a use waits to be written. */
const USED_EVERY = 5000
/** Further lists of scopes and permissions are worked out again. */
const MOST_KNOWN = 1000

export interface KeyChecks {
  /** Whom a key speaks for, and what it may do. */
  check(key: string, now: Date): Promise<Verdict>
  /** The latest use known here, which the database may not have yet. */
  lastUsed(id: string, stored: Date | null): Date | null
  /** Writes the uses gathered so far. */
  flush(): Promise<void>
  /** Forgets keys that ended long ago. */
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
  // one answer for all: whoever holds a bad key learns nothing about it
  const refused = { refused: problem('INVALID_API_KEY') }

  const known = new Map<string, readonly string[]>()
  /** What scopes leave of permissions; remembered, because keys come with every request. */
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
      if (!row || !isGood(row, now)) return refused
      uses.see(row.id, now)
      return { principal: toPrincipal(row), session: null, organization: toOrganization(row) }
    },
    lastUsed: uses.latest,
    flush: uses.flush,
    sweep: (now) => db.tx('system', (tx) => deleteEndedBefore(tx, later(now, -KEEP_ENDED))),
  }
}

/** Pure: what the stored row says at this instant. */
const isGood = (row: CheckedKey, now: Date): boolean =>
  row.revoked_at === null &&
  (row.expires_at === null || row.expires_at > now) &&
  row.status === 'active' &&
  !isLocked(row, now)
