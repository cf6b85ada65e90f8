/**
 * The job that follows the end of a membership: accounts at the organization's provider are disconnected from the former member, so
 * that who administers it does not sign in as them any more. Run by accounts/connected, which is above the memberships.
 */
import { z } from 'zod'
import type { Tx } from '../base/db/types.ts'
import { type Jobs, job } from './jobs/index.ts'

export const memberDeparted = job(
  'members.departed',
  z.object({ organization_id: z.string(), user_id: z.string() }),
)

/** Enqueues the job, in the transaction that ends the membership. As the system. */
export const endAfterDeparture = (
  jobs: Pick<Jobs, 'enqueue'>,
  tx: Tx,
  member: { organizationId: string; userId: string },
  now: Date,
): Promise<unknown> =>
  jobs.enqueue(
    tx,
    memberDeparted,
    { organization_id: member.organizationId, user_id: member.userId },
    { now },
  )
