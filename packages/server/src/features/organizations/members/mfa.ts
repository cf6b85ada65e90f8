/**
 * The override of the organization's security policy for one member. Invariant: an override that tightens the demand on
 * the member begins the days of grace again; one that loosens it shortens nothing.
 */
import type { Call } from '../../../base/call.ts'
import { notFound } from '../../../base/errors.ts'
import { assertCanBeMet } from '../../../core/demands.ts'
import { DEFAULT_METHODS, demandMode, isTightened, type MemberMfa } from '../../../core/policies.ts'
import type { Tools } from '../../../core/tools.ts'
import { inside, recordOrganizationEvent } from '../membership/index.ts'
import { assertMayActOnRole } from '../roles/index.ts'
import { revokeTokensOf } from './leaving.ts'
import { type MemberRow, selectMemberDemand, selectMemberView, updateMemberMfa } from './sql.ts'

/** @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS for a member whose permissions go beyond the caller's */
export async function changeMemberMfa(
  tools: Pick<Tools, 'clock' | 'config' | 'db' | 'roles'>,
  call: Call,
  { userId, mfa }: { userId: string; mfa: MemberMfa },
): Promise<MemberRow> {
  return await inside(tools, call, 'security:write', async (tx, locked) => {
    const { id } = locked.organization
    const before = await tx.asSystem((system) => selectMemberDemand(system, id, userId))
    if (!before) throw notFound('member')
    await assertMayActOnRole(tools, tx, locked, before.role)
    if (before.mfa !== mfa) {
      const demandUnder = (override: MemberMfa) => ({
        mode: demandMode(before.mode ?? 'disabled', override),
        accepts: before.allowed_methods ?? DEFAULT_METHODS,
      })
      if (mfa !== 'inherit') assertCanBeMet(tools.config, 'mfa', demandUnder(mfa))
      const since = isTightened(demandUnder(before.mfa), demandUnder(mfa)) ? call.now : before.mfa_since
      await tx.asSystem((system) => updateMemberMfa(system, id, userId, { mfa, mfa_since: since }))
      await revokeTokensOf(tools, tx, id, userId)
      const details = { user_id: userId, from: before.mfa, to: mfa }
      await recordOrganizationEvent(tx, call, 'organization.member.mfa_changed', id, details)
    }
    const member = await tx.asSystem((system) => selectMemberView(system, id, userId))
    if (!member) throw notFound('member')
    return member
  })
}
