/**
 * The end of what apps have got for their users: codes that were not exchanged, and families of tokens. Called where a user leaves the
 * organization of apps, or withdraws the access of an app, an app is disabled, its organization is deleted, and all tokens of a user are
 * revoked. Leaves access tokens to the caller, who revokes those of the user, of the app or of the families that ended here; and offline
 * families of an account to offline-families.
 */
import { type RawBuilder, type SqlBool, sql } from 'kysely'
import { z } from 'zod'
import type { Clock } from '../base/clock.ts'
import type { Db, Tx } from '../base/db/types.ts'
import { type Jobs, job } from './jobs/index.ts'
import { revokeClients, revokeTokenFamilies } from './revocations/index.ts'

/** Of what a user has allowed an app; or of a user, at all apps or at those of an organization. */
type UserAccess = { grantId: string } | { userId: string; organizationId?: string }
type ClientAccess = { clientIds: readonly string[] } | UserAccess

/** A condition on rows with `client_id`, `grant_id` and `user_id`. */
function isOf(of: ClientAccess): RawBuilder<SqlBool> {
  if ('clientIds' in of) return sql<SqlBool>`client_id = any(${[...of.clientIds]}::text[])`
  if ('grantId' in of) return sql<SqlBool>`grant_id = ${of.grantId}`
  const { userId, organizationId } = of
  return organizationId === undefined
    ? sql<SqlBool>`user_id = ${userId}`
    : sql<SqlBool>`(user_id = ${userId}
        and client_id in (select c.id from clients c where c.organization_id = ${organizationId}))`
}

/**
 * Deletes codes: an exchange that has begun is committed before, so that a later statement finds its family, and a later one
 * finds no code. Before families are locked, as an exchange does. As the system.
 */
export async function deleteClientCodes(tx: Tx, of: ClientAccess): Promise<void> {
  await sql`
    with held as materialized (
      select hash from authorization_codes where ${isOf(of)} order by hash for update
    )
    delete from authorization_codes a using held where a.hash = held.hash`.execute(tx)
}

/** Deletes the codes and ends the families, locked in the order of rotations. As the system. @returns the families that ended */
export async function endClientAccess(tx: Tx, of: UserAccess, now: Date): Promise<string[]> {
  await deleteClientCodes(tx, of)
  const { rows } = await sql<{ id: string }>`
    with held as materialized (
      select id from token_families
      where client_id is not null and revoked_at is null and ${isOf(of)}
      order by id for no key update
    )
    update token_families f set revoked_at = ${now}, revoke_reason = 'revoked'
    from held where f.id = held.id and f.revoked_at is null
    returning f.id`.execute(tx)
  return rows.map(({ id }) => id)
}

/** The job that ends the families of an app that one transaction has left. Run by oidc/clients. */
export const clientAccessEnded = job(
  'clients.access_ended',
  z.object({ client_id: z.string(), until: z.iso.datetime() }),
)

/** Families of one transaction: an app may have many. */
const MOST = 500

/** Longer than a rotation takes. */
const UNDER_WAY = 60_000

interface FamilyPart {
  /** Which families, in the order of rotations. */
  next: RawBuilder<unknown>
  /** Those that were begun until then. */
  until: Date
}

/** Ends the next 500 families. @returns them, with those that a rotation may have renewed since */
async function endPart(
  tx: Tx,
  { next, until }: FamilyPart,
  now: Date,
): Promise<{ ended: string[]; renewed: string[] }> {
  const { rows } = await sql<{ id: string; is_renewed: boolean }>`
    with held as materialized (
      select id from token_families
      where revoked_at is null and created_at <= ${until} and ${next} limit ${sql.lit(MOST)} for no key update
    )
    update token_families f set revoked_at = ${now}, revoke_reason = 'revoked'
    from held where f.id = held.id and f.revoked_at is null
    returning f.id, coalesce((
      select max(t.created_at) from refresh_tokens t
      where t.family_id = f.id) > ${new Date(until.getTime() - UNDER_WAY)}, false) as is_renewed`.execute(tx)
  const ended = rows.map(({ id }) => id).sort()
  return { ended, renewed: rows.filter(({ is_renewed }) => is_renewed).map(({ id }) => id) }
}

/**
 * Ends what apps have got, with their access tokens, also where they are enabled again: the codes and 500 families at once, and the others
 * by jobs after the commit. As the system; the rows of the apps, or that of their organization, are locked.
 */
export async function endClientsAccess(
  { clock, jobs }: { clock: Pick<Clock, 'now'>; jobs: Pick<Jobs, 'enqueue'> },
  tx: Tx,
  clientIds: readonly string[],
): Promise<void> {
  await deleteClientCodes(tx, { clientIds })
  const now = clock.now()
  const next = sql`${isOf({ clientIds })} order by id`
  const { ended } = await endPart(tx, { next, until: now }, now)
  const until = now.toISOString()
  if (ended.length === MOST)
    for (const client_id of clientIds)
      await jobs.enqueue(tx, clientAccessEnded, { client_id, until }, { now })
  // after the locks, so that it covers what was issued while this waited for them
  await revokeClients(tx, clientIds, clock.now())
}

/**
 * Ends those that are left, some in each transaction. What a rotation has renewed about the time of the end, or since, where the app is
 * enabled again, has access tokens that the revocation of the app may not cover.
 */
export async function endRemainingAccess(
  { db, clock }: { db: Db; clock: Pick<Clock, 'now'> },
  { client_id: clientId, until }: z.output<typeof clientAccessEnded.payload>,
): Promise<void> {
  const endAfter = (after: string): Promise<string | null> =>
    db.tx('system', async (tx) => {
      const next = sql`client_id = ${clientId} and id > ${after} order by client_id, id`
      const { ended, renewed } = await endPart(tx, { next, until: new Date(until) }, clock.now())
      if (renewed.length > 0) await revokeTokenFamilies(tx, renewed, clock.now())
      return ended.at(-1) ?? null
    })
  let last = await endAfter('')
  while (last !== null) last = await endAfter(last)
}
