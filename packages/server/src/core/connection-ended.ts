/**
 * The job that ends what connections have proven, after one was disabled or deleted, or the organization of several was deleted. Run
 * by signin/federation. Invariant: what was proven before does not count again when the connection is used again, and what is proven
 * afterwards stays. They differ in the version of the connection, which its end raises and each proof names: a
 * sign-in holds the connection until its commit, so that it is committed before the end, or refused. No clock decides.
 */
import { type RawBuilder, type SqlBool, sql } from 'kysely'
import { z } from 'zod'
import { FURTHER_ONLY, type StoredProof } from '../base/assurance.ts'
import type { Tx } from '../base/db/types.ts'
import { type Jobs, job } from './jobs/index.ts'

/** `version`: of an earlier version's job absent. `until`: absent in one that is older still, which ends all. */
export const connectionEnded = job(
  'connections.ended',
  z.object({
    connection_id: z.string(),
    version: z.int().optional(),
    until: z.iso.datetime().optional(),
  }),
)

/** What ended: the proofs by a connection until then. */
export interface EndedUse {
  connectionId: string
  /** The version of the connection since its end: proofs of that version are of a later use. Null: see `until`. */
  version: number | null
  /** For proofs and jobs of earlier versions, which name no version of the connection. Null: all. */
  until: Date | null
}

/** What ended with an account at a provider that was disconnected: what it has proven, by whichever connection. */
export interface EndedIdentity {
  identityId: string
  /** By which it was used last: proofs of earlier versions name no identity. Null: it was deleted. */
  connectionId: string | null
}

export type EndedProofs = EndedUse | EndedIdentity

/** Enqueues the jobs, in the transaction that ends the use of connections. @param connections with their versions after it */
export async function endProofs(
  jobs: Pick<Jobs, 'enqueue'>,
  tx: Tx,
  connections: readonly { id: string; version: number }[],
  now: Date,
): Promise<void> {
  const until = now.toISOString()
  for (const { id: connection_id, version } of connections)
    await jobs.enqueue(tx, connectionEnded, { connection_id, version, until }, { now })
}

/**
 * The same for the active connections of an organization that is being deleted, which is locked: they sign no user in, until it
 * is restored. And for those whose settings cannot be read, whose sessions have continued.
 */
export async function endProofsOfOrganization(
  jobs: Pick<Jobs, 'enqueue'>,
  tx: Tx,
  organizationId: string,
  now: Date,
): Promise<void> {
  const { rows } = await sql<{ id: string; version: number }>`
    with held as materialized (
      select id from connections where organization_id = ${organizationId} and (status = 'active' or unreadable_since is not null)
      order by id for update
    )
    update connections c set version = c.version + 1 from held where c.id = held.id
    returning c.id, c.version`.execute(tx)
  await endProofs(jobs, tx, rows, now)
}

type FederatedProof = Pick<StoredProof, 'identity' | 'connection' | 'connection_version' | 'at'>

/** Whether a proof is among what ended. @param isUsed whether the connection is used again */
export function isEnded(
  { identity, connection, connection_version, at }: FederatedProof,
  ended: EndedProofs,
  isUsed: boolean,
): boolean {
  if (connection === undefined) return false
  if ('identityId' in ended)
    return identity === undefined ? connection === ended.connectionId : identity === ended.identityId
  const { connectionId, version, until } = ended
  if (connection !== connectionId) return false
  if (!isUsed) return true
  if (version !== null && connection_version !== undefined) return connection_version < version
  return until === null || Date.parse(at) <= until.getTime()
}

/** The same in SQL, of the element `p` of an array of proofs; it reads whether the connection is used again. */
const isEndedIn = (p: RawBuilder<unknown>, { connectionId, version, until }: EndedUse): RawBuilder<SqlBool> =>
  sql<SqlBool>`(${p} ->> 'connection' = ${connectionId} and not (
    ${isUsed(sql`${connectionId}::text`)} and case
      when ${version}::int is not null and ${p} ? 'connection_version'
        then (${p} ->> 'connection_version')::int >= ${version}::int
      else ${until}::timestamptz is not null and (${p} ->> 'at')::timestamptz > ${until}::timestamptz end))`

/** Whether a row with `proofs` has one that ended. */
export const hasEnded = (ended: EndedUse): RawBuilder<SqlBool> =>
  sql<SqlBool>`exists (select from jsonb_array_elements(proofs) p where ${isEndedIn(sql`p`, ended)})`

/**
 * Whether what a connection proves counts: it is active, or its settings cannot be read now, and its organization is not deleted.
 */
export const isUsed = (id: RawBuilder<unknown>): RawBuilder<SqlBool> => sql<SqlBool>`exists (
  select from connections c left join organizations o on o.id = c.organization_id
  where c.id = ${id} and (c.status = 'active' or c.unreadable_since is not null) and o.deleted_at is null)`

/** Whether an attempt has an ended proof, or raises a session that had one, which its demand was judged by. */
export const hasEndedProof = (ended: EndedUse): RawBuilder<SqlBool> => sql<SqlBool>`exists (
  select from jsonb_array_elements(proofs || coalesce(demand -> 'former', '[]')) p where ${isEndedIn(sql`p`, ended)})`

/** By what a user can sign in now, of what proofs name. */
export interface ProofsUse {
  /** The connections that are used. */
  connections: ReadonlySet<string>
  /** The identities that the user is connected with. */
  identities: ReadonlySet<string>
  /** The connections by which these were used last, for proofs that name no identity. */
  known: ReadonlySet<string>
}

/** Whether a proof is one that a sign-in began with, and could begin with now. */
function begins(
  { method, connection, identity }: Pick<StoredProof, 'method' | 'connection' | 'identity'>,
  { connections, identities, known }: ProofsUse,
): boolean {
  if (FURTHER_ONLY.includes(method)) return false
  if (connection === undefined) return true
  if (!connections.has(connection)) return false
  return identity === undefined ? known.has(connection) : identities.has(identity)
}

/**
 * The proofs that a session keeps when a connection or an identity ends; null where it ends, because none is left that began a
 * sign-in: by a method, or by a connection that is used, with an identity that is still the user's.
 */
export function keptProofs(
  proofs: readonly StoredProof[],
  ended: EndedProofs,
  use: ProofsUse,
): StoredProof[] | null {
  const isUsed =
    'connectionId' in ended && ended.connectionId !== null && use.connections.has(ended.connectionId)
  const kept = proofs.filter((proof) => !isEnded(proof, ended, isUsed))
  return kept.some((proof) => begins(proof, use)) ? kept : null
}
