/** Organizations' connections and domains as rows, and sessions by a connection, for tests of what they mean. */
import type { Insertable } from 'kysely'
import { acrOf, amrOf, kindOf } from '../base/assurance.ts'
import { newId } from '../base/ids.ts'
import { mergeProofs } from '../base/session-proofs.ts'
import type { ConnectionsTable } from '../core/connections/tables.ts'
import type { World } from './world.ts'

let count = 0

/** An active connection of an organization, as its row. @returns its id */
export async function connect(
  world: World,
  organizationId: string | null,
  over: Partial<Insertable<ConnectionsTable>> = {},
): Promise<string> {
  const id = newId('con')
  const row = {
    id,
    organization_id: organizationId,
    slug: organizationId === null ? `server-${++count}` : id,
    provider: 'oidc',
    name: 'Identity provider',
    status: 'active' as const,
    client_id: null,
    client_secret: null,
    settings: '{}',
    origin: 'api' as const,
    made_by: null,
    tested_at: world.clock.now(),
    created_at: world.clock.now(),
    updated_at: world.clock.now(),
    ...over,
  }
  await world.db.tx('system', (tx) => tx.insertInto('connections').values(row).execute())
  return row.id
}

/** A domain of an organization, as its row. @returns what removes it */
export async function ownDomain(
  world: World,
  organizationId: string,
  domain: string,
  { isVerified = true, addedBy = null }: { isVerified?: boolean; addedBy?: string | null } = {},
): Promise<() => Promise<void>> {
  const now = world.clock.now()
  const row = {
    id: newId('dom'),
    organization_id: organizationId,
    domain,
    token: 'x',
    connection_id: null,
    added_by: addedBy,
    created_at: now,
    verified_at: isVerified ? now : null,
    checked_at: null,
    outcome: null,
    fault: null,
    failing_since: null,
    warned_at: null,
    next_check_at: null,
  }
  await world.db.tx('system', (tx) => tx.insertInto('organization_domains').values(row).execute())
  return async () => {
    await world.db.tx('system', (tx) =>
      tx.deleteFrom('organization_domains').where('id', '=', row.id).execute(),
    )
  }
}

/** The person's sessions, or one of them, have no proof but that of a connection. */
export async function proveByConnection(
  world: World,
  { id }: { id: string },
  by: { connection: string; organization?: string; mfa?: true; session?: string },
): Promise<void> {
  const { session, ...of } = by
  const at = world.clock.now().toISOString()
  const proofs = mergeProofs([], [{ method: 'federation', ...kindOf('federation'), ...of, at }])
  await world.db.tx('system', (tx) => {
    const update = tx
      .updateTable('sessions')
      .set({ proofs: JSON.stringify(proofs), acr: acrOf(proofs), amr: amrOf(proofs) })
      .where('user_id', '=', id)
    return (session === undefined ? update : update.where('id', '=', session)).execute()
  })
}
