/**
 * The state of an open invitation: acceptance and the lists use the same rule, so that the state shown is the state
 * enforced. An invitation whose sender left, was demoted or cannot sign in is void until it is sent again.
 */
import type { Tx } from '../../../base/db/types.ts'
import type { Tools } from '../../../core/tools.ts'
import { mayUserGrantRole } from '../roles/index.ts'
import type { InvitationRow, ListedInvitation } from './sql.ts'

export const INVITATION_STATES = ['open', 'expired', 'void'] as const
export type InvitationState = (typeof INVITATION_STATES)[number]
export type ShownInvitation = ListedInvitation & { state: InvitationState }

type InvitationGrant = Pick<InvitationRow, 'organization_id' | 'invited_by' | 'role'>

/** Whether the sender could still grant the role. As the system. */
export const isStillGranted = async (
  tools: Pick<Tools, 'roles'>,
  tx: Tx,
  { organization_id: organizationId, invited_by: userId, role }: InvitationGrant,
  now: Date,
): Promise<boolean> =>
  userId !== null && (await mayUserGrantRole(tools, tx, { organizationId, userId, role }, now))

/** Adds their states to invitations that are neither accepted nor revoked. As the system. */
export async function withState<T extends InvitationRow>(
  tools: Pick<Tools, 'roles'>,
  tx: Tx,
  invitations: readonly T[],
  now: Date,
): Promise<(T & { state: InvitationState })[]> {
  // one look for each sender and role
  const granted = new Map<string, boolean>()
  const shown: (T & { state: InvitationState })[] = []
  for (const one of invitations) {
    const grant = JSON.stringify([one.organization_id, one.invited_by, one.role])
    const isGranted = granted.get(grant) ?? (await isStillGranted(tools, tx, one, now))
    granted.set(grant, isGranted)
    shown.push({ ...one, state: stateOf(one, isGranted, now) })
  }
  return shown
}

const stateOf = ({ expires_at }: InvitationRow, isGranted: boolean, now: Date): InvitationState => {
  if (!isGranted) return 'void'
  return expires_at > now ? 'open' : 'expired'
}
