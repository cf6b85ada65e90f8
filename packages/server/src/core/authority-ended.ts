/**
 * The job that judges again which proofs of sessions are by an authority for the account, after an organization has lost a domain or
 * a domain leads to another of its connections. Run by signin/federation. A sign-in by a connection holds its organization,
 * as each such change does, so that it is committed before the change, or judged by what is true after it.
 */
import { type RawBuilder, type SqlBool, sql } from 'kysely'
import { z } from 'zod'
import type { Tx } from '../base/db/types.ts'
import { authoritiesOf } from './authorities.ts'
import { type Jobs, job } from './jobs/index.ts'

export const authorityEnded = job('connections.authority_ended', z.object({ organization_id: z.string() }))

/** Enqueues the job, in the transaction that changes for which domains connections of the organization speak. */
export const endAuthority = (
  jobs: Pick<Jobs, 'enqueue'>,
  tx: Tx,
  organizationId: string,
  now: Date,
): Promise<unknown> => jobs.enqueue(tx, authorityEnded, { organization_id: organizationId }, { now })

/** Of whom: the users of all sign-ins by an organization, or one user. */
export type JudgedAuthority = { organizationId: string } | { userId: string }

/** Whether a row of sessions or attempts has a proof by an authority. */
export const hasAuthority = (of: JudgedAuthority): RawBuilder<SqlBool> => {
  const proof = { authority: true, ...('organizationId' in of && { organization: of.organizationId }) }
  const has = sql<SqlBool>`proofs @> ${JSON.stringify([proof])}::jsonb`
  return 'userId' in of ? sql<SqlBool>`(user_id = ${of.userId} and ${has})` : has
}

/**
 * Whether a row has one that is none for the account any more. What speaks for another domain of the organization, or for the
 * address that the user has now, stays. A clause of a statement over the table.
 */
export const hasLostAuthority = (
  table: 'attempts' | 'token_families',
  of: JudgedAuthority,
): RawBuilder<SqlBool> => sql<SqlBool>`(${hasAuthority(of)} and exists (
  select from jsonb_array_elements(${sql.ref(`${table}.proofs`)}) p
  where p -> 'authority' = 'true'
    and coalesce(p ->> 'connection', '') <> all (array(${authoritiesOf(`${table}.user_id`)}))))`
