/**
 * The active organization of a session: which one the session acts in. Requires membership, and that the session meets the
 * organization's security policy; permissions at the server do not replace either.
 */
import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound, problem } from '../../../base/errors.ts'
import { isId } from '../../../base/ids.ts'
import type { ProviderConnection } from '../../../core/connections/index.ts'
import { findUnmet, provenBy, type RefuseUnmet, type Unmet } from '../../../core/policies.ts'
import type { ExternalIdentity } from '../../../core/providers/index.ts'
import { organizationOf } from '../../../core/roles/acting.ts'
import type { Tools } from '../../../core/tools.ts'
import { moveSession, type StartedSession, settling } from '../../identity/sessions/index.ts'
import type { User } from '../../identity/users/index.ts'
import { joinByConnection } from '../members/index.ts'
import { recordOrganizationEvent } from '../membership/index.ts'
import type { activeOrganizationView } from '../organization/index.ts'
import { type OwnOrganizationWithPolicy, selectOwnOrganization } from './sql.ts'

type ActiveOrganization = Parameters<typeof activeOrganizationView>[0]

export interface SwitchResult {
  /** The session under its new token; null for a caller with an access token, who does not have the session's token. */
  session: StartedSession | null
  active: ActiveOrganization | null
}

/** An identity that a provider has asserted; `flow`: `link` where a user who was signed in has begun it. */
interface Asserted {
  connection: ProviderConnection
  identity: Pick<ExternalIdentity, 'email' | 'emailVerified' | 'groups'>
  trip: { flow: string }
}

interface UnmetPolicy {
  unmet: Unmet
  row: OwnOrganizationWithPolicy
}

/**
 * @param organizationId null: none
 * @throws Problem NOT_FOUND for an organization that the caller does not belong to; STEP_UP_REQUIRED and
 * MFA_ENROLMENT_REQUIRED where the session does not meet its security policy
 */
export async function switchOrganization(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
  organizationId: string | null,
  refuse: RefuseUnmet,
): Promise<SwitchResult> {
  const { principal, session } = call
  if (!principal || !session) throw problem('AUTHENTICATION_REQUIRED')
  const switched = await tools.db.tx('system', async (tx): Promise<SwitchResult | UnmetPolicy> => {
    let active: ActiveOrganization | null = null
    if (organizationId !== null) {
      if (!isId('org', organizationId)) throw notFound('organization')
      const row = await selectOwnOrganization(tx, principal.userId, organizationId, session.id)
      if (!row) throw notFound('organization')
      const own = organizationOf(tools.roles, row)
      if (!own) throw notFound('organization')
      const unmet = findUnmet(row, provenBy(session, row.proofs), call.now)
      if (unmet) return { unmet, row }
      active = { organization: row, role: own.role, permissions: own.permissions }
    }
    const hasSessionToken = session.via !== 'token'
    const moved = hasSessionToken ? await moveSession(tx, session.id, organizationId) : null
    if (!hasSessionToken) await settling.session(tx, session.id, organizationId)
    await recordOrganizationEvent(tx, call, 'organization.switched', organizationId)
    return { session: moved, active }
  })
  if ('unmet' in switched) throw await refuse({ ...call, principal }, switched.row, switched.unmet)
  return switched
}

/**
 * Makes the caller, who has connected an identity, a member of the connection's organization by the rules of a sign-in. The
 * session acts there if it was signing in there, or acts in none, and meets the security policy; otherwise it acts where it did.
 * Its token stays. `lockJoining` precedes it.
 */
export async function joinAsCaller(
  tools: Pick<Tools, 'clock' | 'roles'>,
  tx: Tx,
  call: Call,
  user: Pick<User, 'id' | 'username' | 'status'>,
  { connection, identity, trip }: Asserted,
): Promise<void> {
  const { session } = call
  if (user.status !== 'active') return
  const joined = await joinByConnection(tools, tx, call, user, connection, identity)
  if (!joined || !session || (trip.flow === 'link' && session.actsIn !== null)) return
  const row = await selectOwnOrganization(tx, user.id, joined.organizationId, session.id)
  if (row && !findUnmet(row, provenBy(session, row.proofs), call.now))
    await settling.session(tx, session.id, joined.organizationId)
}
