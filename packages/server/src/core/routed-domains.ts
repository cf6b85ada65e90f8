/**
 * Whether a verified domain of any organization leads to an active connection: each sign-in page depends on it, so it is held in
 * memory, and invalidated by NOTIFY (base/changes.ts, migration 0037). Leaves where a domain leads to organizations/domains.
 */
import { sql } from 'kysely'
import type { Changes } from '../base/changes.ts'
import type { Db, Statements } from '../base/db/types.ts'
import type { Eventual } from '../base/eventual.ts'

/** What triggers notify instead of an id. */
const CHANGED = 'routed_domains'

export interface RoutedDomains {
  /** Whether any does; from the database while memory is not current. */
  areAny(): Eventual<boolean>
}

interface Answer {
  areAny: boolean
  since: number
}

export function createRoutedDomains({
  db,
  changes,
}: {
  db: Pick<Db, 'hot'>
  changes: Changes
}): RoutedDomains {
  let known: Answer | null = null
  let loading: { answer: Promise<Answer>; since: number } | null = null

  const isUnchanged = (since: number): boolean =>
    changes.isCurrent() && changes.isUnchanged(since, CHANGED, null)

  async function read(since: number): Promise<Answer> {
    const answer = { areAny: await selectAnyRouted(db.hot), since }
    if (known === null || known.since <= since) known = answer
    return answer
  }

  async function load(): Promise<boolean> {
    // a statement that was sent before this call counts where nothing has changed since
    if (loading !== null) {
      const answer = await loading.answer.catch(() => null)
      if (answer !== null && isUnchanged(answer.since)) return answer.areAny
    }
    const since = changes.last()
    const started = { answer: read(since), since }
    loading = started
    try {
      return (await started.answer).areAny
    } finally {
      if (loading === started) loading = null
    }
  }

  return {
    areAny: () => (known !== null && isUnchanged(known.since) ? known.areAny : load()),
  }
}

/** It begins with the connections, which are the fewest. */
async function selectAnyRouted(db: Statements): Promise<boolean> {
  const { rows } = await sql<{ some: boolean }>`
    select exists (
      select from connections c
      join organizations o on o.id = c.organization_id and o.deleted_at is null
      join organization_domains d on d.organization_id = c.organization_id and d.verified_at is not null
        and (d.connection_id is null or d.connection_id = c.id)
      where c.status = 'active') as some`.execute(db)
  return rows[0]?.some ?? false
}
