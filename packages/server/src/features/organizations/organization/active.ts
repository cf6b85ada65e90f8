/**
 * The organization that a session acts in: switching it, and saying which it is. Whoever does not belong to one cannot
 * act in it, whatever the server permits them.
 */
import type { Call } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import { problem } from '../../../base/errors.ts'
import { isId } from '../../../base/ids.ts'
import { organizationOf } from '../../../core/roles/acting.ts'
import type { Tools } from '../../../core/tools.ts'
import { moveSession, type StartedSession, settleSession } from '../../identity/sessions/index.ts'
import { record } from './organizations.ts'
import { type OrganizationRow, selectOrganization, selectStanding } from './sql.ts'

export interface ActiveOrganization {
  organization: OrganizationRow
  role: string | null
  permissions: readonly string[]
}

export interface Switched {
  /** Null for whoever asks by an access token: they do not hold the session's token, and get none. */
  session: StartedSession | null
  active: ActiveOrganization | null
}

/** @throws Problem NOT_FOUND for an organization that the caller does not belong to */
export async function switchOrganization(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
  organizationId: string | null,
): Promise<Switched> {
  const { principal, session } = call
  if (!principal || !session) throw problem('AUTHENTICATION_REQUIRED')
  return await tools.db.tx('system', async (tx) => {
    let active: ActiveOrganization | null = null
    if (organizationId !== null) {
      const organization = isId('org', organizationId)
        ? await selectOrganization(tx, organizationId)
        : undefined
      const row = organization && (await selectStanding(tx, organizationId, principal.userId))
      const own = row && organizationOf(tools.roles, row)
      if (!organization || organization.deleted_at !== null || !own) throw problem('NOT_FOUND')
      active = { organization, role: own.role, permissions: own.permissions }
    }
    const isHolder = session.via !== 'token'
    const moved = isHolder ? await moveSession(tx, session.id, organizationId) : null
    if (!isHolder) await settleSession(tx, session.id, organizationId)
    await record(tx, call, 'organization.switched', organizationId)
    return { session: moved, active }
  })
}

/** The one that the caller's credential acts in, with its name. */
export async function activeOrganization(
  tools: Pick<Tools, 'db'>,
  call: Call,
): Promise<ActiveOrganization | null> {
  if (!call.organization) return null
  const { id, role, permissions } = call.organization
  const organization = await tools.db.tx(callerScope(call), (tx) => selectOrganization(tx, id))
  return organization && organization.deleted_at === null ? { organization, role, permissions } : null
}
