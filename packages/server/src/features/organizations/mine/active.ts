/**
 * The active organization of a session: which one the session acts in. Requires membership; permissions at
 * the server do not replace it.
 */
import type { Call } from '../../../base/call.ts'
import { notFound, problem } from '../../../base/errors.ts'
import { isId } from '../../../base/ids.ts'
import { organizationOf } from '../../../core/roles/acting.ts'
import type { Tools } from '../../../core/tools.ts'
import { moveSession, type StartedSession, settleSession } from '../../identity/sessions/index.ts'
import { recordOrganizationEvent } from '../membership/index.ts'
import type { activeOrganizationView } from '../organization/index.ts'
import { selectOwnOrganization } from './sql.ts'

type ActiveOrganization = Parameters<typeof activeOrganizationView>[0]

export interface SwitchResult {
  /** The session under its new token; null for a caller with an access token, who does not have the session's token. */
  session: StartedSession | null
  active: ActiveOrganization | null
}

/** @param organizationId null: none @throws Problem NOT_FOUND for an organization that the caller does not belong to */
export async function switchOrganization(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
  organizationId: string | null,
): Promise<SwitchResult> {
  const { principal, session } = call
  if (!principal || !session) throw problem('AUTHENTICATION_REQUIRED')
  return await tools.db.tx('system', async (tx) => {
    let active: ActiveOrganization | null = null
    if (organizationId !== null) {
      const organization = isId('org', organizationId)
        ? await selectOwnOrganization(tx, principal.userId, organizationId)
        : undefined
      const own = organization && organizationOf(tools.roles, organization)
      if (!own) throw notFound('organization')
      active = { organization, role: own.role, permissions: own.permissions }
    }
    const hasSessionToken = session.via !== 'token'
    const moved = hasSessionToken ? await moveSession(tx, session.id, organizationId) : null
    if (!hasSessionToken) await settleSession(tx, session.id, organizationId)
    await recordOrganizationEvent(tx, call, 'organization.switched', organizationId)
    return { session: moved, active }
  })
}
