/** Audit events of organizations. */
import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { audit } from '../../../core/audit/index.ts'

/** The event's user is the actor; the user that the action concerns is in the details. */
export const recordOrganizationEvent = (
  tx: Tx,
  call: Call,
  type: Extract<Parameters<typeof audit>[2]['type'], `organization.${string}`>,
  organizationId: string | null,
  details: Record<string, unknown> = {},
): Promise<void> =>
  audit(tx, call, {
    type,
    userId: call.principal?.userId ?? null,
    username: call.principal?.username ?? null,
    organizationId,
    details,
  })
