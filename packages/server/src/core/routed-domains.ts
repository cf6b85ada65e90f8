/**
 * Whether a verified domain of any organization leads to an active connection: each sign-in page depends on it, so it is held in
 * memory, and invalidated by NOTIFY (base/held.ts, migration 0037).
 */
import { sql } from 'kysely'
import type { Changes } from '../base/changes.ts'
import type { Db, Statements } from '../base/db/types.ts'
import type { Eventual } from '../base/eventual.ts'
import { createHeld } from '../base/held.ts'
import { assignedConnection } from './leading-connections.ts'

export interface RoutedDomains {
  /** Whether any does; from the database while memory is not current. */
  areAny(): Eventual<boolean>
}

export function createRoutedDomains({
  db,
  changes,
}: {
  db: Pick<Db, 'hot'>
  changes: Changes
}): RoutedDomains {
  const held = createHeld({ changes, name: 'routed_domains', load: () => selectAnyRouted(db.hot) })
  return { areAny: held.get }
}

/** It begins with the connections, which are the fewest. */
async function selectAnyRouted(db: Statements): Promise<boolean> {
  const { rows } = await sql<{ some: boolean }>`
    select exists (
      select from connections c
      join organizations o on o.id = c.organization_id and o.deleted_at is null
      join organization_domains d on d.organization_id = c.organization_id and d.verified_at is not null
        and ${assignedConnection('d')} = c.id
      where c.status = 'active') as some`.execute(db)
  return rows[0]?.some ?? false
}
