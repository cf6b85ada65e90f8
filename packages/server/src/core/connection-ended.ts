/**
 * The job that ends what connections alone have proven, after one was disabled or deleted, or the organization of several was
 * deleted. Run by signin/federation. Invariant: what was proven afterwards, once the connection is used again, does not end.
 */
import { type RawBuilder, type SqlBool, sql } from 'kysely'
import { z } from 'zod'
import { FURTHER_ONLY } from '../base/assurance.ts'
import type { Tx } from '../base/db/types.ts'
import { type Jobs, job } from './jobs/index.ts'

/**
 * `until`: of an earlier version's job absent, which ends all that the connection has proven. `also`: the connections that ended
 * at once with it.
 */
export const connectionEnded = job(
  'connections.ended',
  z.object({
    connection_id: z.string(),
    also: z.array(z.string()).optional(),
    until: z.iso.datetime().optional(),
  }),
)

/** What ended: the proofs by a connection until an instant. */
export interface EndedProofs {
  connectionId: string
  /** Those that ended at once with it: their proofs until then count no longer either. */
  also?: readonly string[]
  /** Null: all. */
  until: Date | null
}

/** Enqueues the jobs, in the transaction that ends the use of connections. */
export async function endProofs(
  jobs: Pick<Jobs, 'enqueue'>,
  tx: Tx,
  connectionIds: readonly string[],
  now: Date,
): Promise<void> {
  const until = now.toISOString()
  for (const connection_id of connectionIds) {
    const also = connectionIds.filter((id) => id !== connection_id)
    await jobs.enqueue(tx, connectionEnded, { connection_id, also, until }, { now })
  }
}

/** The same for the active connections of an organization that is being deleted: they sign no user in, until it is restored. */
export async function endProofsOfOrganization(
  jobs: Pick<Jobs, 'enqueue'>,
  tx: Tx,
  organizationId: string,
  now: Date,
): Promise<void> {
  const active = await tx
    .selectFrom('connections')
    .select('id')
    .where('organization_id', '=', organizationId)
    .where('status', '=', 'active')
    .orderBy('id')
    .execute()
  await endProofs(
    jobs,
    tx,
    active.map(({ id }) => id),
    now,
  )
}

/**
 * Whether the rows of a table have proofs by the connection, and lose with it all that began a sign-in. A row keeps a proof by a
 * method that begins one, not by a connection, or by one that is used and that the user is still connected with. Of a connection
 * that ends and is used again, that is a proof from after its end: until then none is made, although the clock of another node
 * may be ahead, because a sign-in is committed before the end, or refused.
 */
export function isProvenOnlyBy(
  table: 'attempts' | 'sessions',
  { connectionId, also = [], until }: EndedProofs,
): RawBuilder<SqlBool> {
  const [proofs, user] = [sql.ref(`${table}.proofs`), sql.ref(`${table}.user_id`)]
  const isOfOther = sql`c.id <> all(${[connectionId, ...also]}::text[])`
  const isKept = until === null ? isOfOther : sql`(${isOfOther} or (p ->> 'at')::timestamptz > ${until})`
  return sql<SqlBool>`(
    ${proofs} @> jsonb_build_array(jsonb_build_object('connection', ${connectionId}::text)) and not exists (
      select from jsonb_array_elements(${proofs}) p
      left join connections c on c.id = p ->> 'connection'
      left join organizations o on o.id = c.organization_id
      where p ->> 'method' <> all(${[...FURTHER_ONLY]}::text[])
        and (p ->> 'connection' is null or (
          c.status = 'active' and o.deleted_at is null and ${isKept}
          and exists (select from identities i where i.connection_id = c.id and i.user_id = ${user})))))`
}
