/**
 * When clients and their secrets were used last: collected in memory and written in batches (base/sightings.ts), so that no request
 * of an app writes it. A crash loses seconds of it.
 */
import { sql } from 'kysely'
import type { Db, Tx } from '../../base/db/types.ts'
import type { Log } from '../../base/log/index.ts'
import { createSightings } from '../../base/sightings.ts'

/** How often it is written, in milliseconds. */
const EVERY = 15_000

export interface ClientUses {
  /** @param use `secretId`: null for an app that has proven itself otherwise, or not at all */
  see(use: { clientId: string; secretId: string | null }, at: Date): void
  /** Writes what was collected so far. */
  flush(): Promise<void>
}

export function createClientUses({ db, log }: { db: Pick<Db, 'tx'>; log: Pick<Log, 'warn'> }): ClientUses {
  const of = (table: 'clients' | 'client_secrets', name: string) =>
    createSightings({
      name,
      every: EVERY,
      write: (ids, at) => db.tx('system', (tx) => updateUsed(tx, table, ids, at)),
      log,
    })
  const clients = of('clients', 'clients')
  const secrets = of('client_secrets', 'secrets of clients')
  return {
    see({ clientId, secretId }, at) {
      clients.see(clientId, at)
      if (secretId !== null) secrets.see(secretId, at)
    },
    async flush() {
      await clients.flush()
      await secrets.flush()
    },
  }
}

/** As arrays: the id of an app may be a URL, which may contain a comma. Locks the rows in the order of their ids. */
async function updateUsed(
  tx: Tx,
  table: 'clients' | 'client_secrets',
  ids: readonly string[],
  at: readonly Date[],
): Promise<void> {
  const rows = sql.table(table)
  await sql`
    with held as materialized (
      select id from ${rows} where id = any(${[...ids]}::text[]) order by id for no key update
    )
    update ${rows} c set last_used_at = greatest(c.last_used_at, v.at)
    from held join unnest(${[...ids]}::text[], ${at.map((one) => one.toISOString())}::timestamptz[]) as v(id, at) using (id)
    where c.id = held.id`.execute(tx)
}
