/**
 * The job that disconnects accounts at an organization's provider from a user who is no member, so that who administers it does not
 * sign in as them any more. It follows the end of a membership, the end of the authority by which the accounts stayed connected, and,
 * daily, what was not judged by then. Run by accounts/connected, which is above the memberships.
 */
import { type RawBuilder, type SqlBool, sql } from 'kysely'
import { z } from 'zod'
import { limitOf } from '../base/db/limit.ts'
import type { Db, Tx } from '../base/db/types.ts'
import { lastingAuthoritiesOf } from './authorities.ts'
import { type Jobs, job } from './jobs/index.ts'

/** `again`: the membership has not ended now, so that a user who knows that an account stays connected gets no second e-mail. */
export const memberDeparted = job(
  'members.departed',
  z.object({ organization_id: z.string(), user_id: z.string(), again: z.boolean().optional() }),
)

type Member = { organizationId: string; userId: string }

/** Enqueues the job, in the transaction that ends the membership. As the system. */
export const endAfterDeparture = (
  jobs: Pick<Jobs, 'enqueue'>,
  tx: Tx,
  { organizationId, userId }: Member,
  now: Date,
): Promise<unknown> =>
  jobs.enqueue(tx, memberDeparted, { organization_id: organizationId, user_id: userId }, { now })

/**
 * Whether the identity `i` is one at the provider of an organization of which its user is no member, and no authority for the account:
 * neither the connection nor, where that was deleted, another one of the organization. A registration under way is none. Nor is one
 * whose organization is deleted, because it can be restored: it is judged then. An inactive connection counts as if it were active.
 */
export const IS_FOREIGN: RawBuilder<SqlBool> = sql<SqlBool>`(i.organization_id is not null
  and not exists (select from memberships m where m.organization_id = i.organization_id and m.user_id = i.user_id)
  and not exists (select from users p where p.id = i.user_id and p.status = 'pending')
  and not exists (select from organizations x where x.id = i.organization_id and x.deleted_at is not null)
  and not exists (
    select from connections k
    where k.organization_id = i.organization_id and k.id in (${lastingAuthoritiesOf('i.user_id')})
      and (k.id = i.connection_id or not exists (select from connections x where x.id = i.connection_id))))`

interface Examined {
  last: { organization_id: string; id: string } | null
  foreign: { organization_id: string; user_id: string }[]
}

/** Of whom: all users, those with identities of an organization, or one user. */
type Examination = { organizationId?: string; userId?: string }

const EXAMINED = 1000

/** The users with foreign identities, among the next identities of organizations. */
async function selectForeign(
  tx: Tx,
  { organizationId, userId }: Examination,
  after: NonNullable<Examined['last']>,
): Promise<Examined> {
  const { rows } = await sql<Examined>`
    with part as materialized (
      select id, user_id, organization_id, connection_id from identities
      where organization_id is not null and (organization_id, id) > (${after.organization_id}, ${after.id})
        ${organizationId === undefined ? sql`` : sql`and organization_id = ${organizationId}`}
        ${userId === undefined ? sql`` : sql`and user_id = ${userId}`}
      order by organization_id, id limit ${limitOf(EXAMINED)}
    )
    select (
        select jsonb_build_object('organization_id', l.organization_id, 'id', l.id) from part l
        order by l.organization_id desc, l.id desc limit 1) as last,
      coalesce((
        select jsonb_agg(distinct jsonb_build_object('organization_id', i.organization_id, 'user_id', i.user_id))
        from part i where ${IS_FOREIGN}), '[]') as foreign`.execute(tx)
  return rows[0] ?? { last: null, foreign: [] }
}

/** Enqueues the job for those among the next identities. @returns the last one; null: there are no more */
async function enqueueForeign(
  jobs: Pick<Jobs, 'enqueue'>,
  tx: Tx,
  of: Examination,
  after: NonNullable<Examined['last']>,
  now: Date,
): Promise<Examined['last']> {
  const { last, foreign } = await selectForeign(tx, of, after)
  for (const one of foreign) await jobs.enqueue(tx, memberDeparted, { ...one, again: true }, { now })
  return last
}

const FIRST = { organization_id: '', id: '' }

/** The same for one user, in the transaction that has changed the address. As the system. */
export const endForeignOf = (
  jobs: Pick<Jobs, 'enqueue'>,
  tx: Tx,
  userId: string,
  now: Date,
): Promise<unknown> => enqueueForeign(jobs, tx, { userId }, FIRST, now)

/** The same for all users, or those of an organization: a transaction for each bounded part of the identities. */
export async function endForeign(
  { db, jobs }: { db: Db; jobs: Pick<Jobs, 'enqueue'> },
  of: { organizationId?: string },
  now: Date,
): Promise<void> {
  const endAfter = (after: NonNullable<Examined['last']>): Promise<Examined['last']> =>
    db.tx('system', (tx) => enqueueForeign(jobs, tx, of, after, now))
  let last = await endAfter(FIRST)
  while (last !== null) last = await endAfter(last)
}
