/**
 * Who changes clients, and under which lock: the server's under an advisory lock, those of an organization under the row lock of
 * the organization. Invariant: the caller's permissions are read again under the lock.
 */
import { type Call, outside, systemCall } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound } from '../../../base/errors.ts'
import { type AuditEventType, audit } from '../../../core/audit/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { lockReach } from '../../access/roles/index.ts'
import { inside } from '../../organizations/membership/index.ts'
import { inNamedOrganization, readNamedOrganization } from '../../organizations/named/index.ts'
import { lockServerClients } from './sql.ts'

/** Whose clients an operation is about: those of the server, or of the organization in the path. */
export type ClientSide = 'server' | 'organization'

/** The locked owner of clients. */
export interface ClientOwner {
  /** Null: the server. */
  organizationId: string | null
  /** Null: the operator. */
  userId: string | null
}

type ChangeTools = Pick<Tools, 'db' | 'roles' | 'clock'>

/** Work of a change, as the system. */
type Work<T> = (tx: Tx, call: Call, owner: ClientOwner) => Promise<T>

/** @throws Problem NOT_FOUND */
export function ownerIdOf({ organization }: Call, side: ClientSide): string | null {
  if (side === 'server') return null
  if (!organization) throw notFound('organization')
  return organization.id
}

/** Runs a change as the caller. @throws Problem INSUFFICIENT_PERMISSIONS, NOT_FOUND */
export function changingClients<T>(
  tools: ChangeTools,
  call: Call,
  side: ClientSide,
  work: Work<T>,
): Promise<T> {
  if (side === 'organization')
    return inside(tools, call, 'oauth_clients:write', (tx, { actor, organization }) =>
      tx.asSystem((system) => work(system, call, { organizationId: organization.id, userId: actor.userId })),
    )
  return tools.db.tx('system', async (tx) => {
    const { userId } = await lockReach(tx, call, 'oauth_clients:write')
    await lockServerClients(tx)
    return await work(tx, call, { organizationId: null, userId })
  })
}

/** Runs a change as the operator. @param organization its id or slug; null: the server. @throws Problem NOT_FOUND */
export function changingAsOperator<T>(
  tools: ChangeTools,
  organization: string | null,
  work: Work<T>,
): Promise<T> {
  if (organization !== null)
    return inNamedOrganization(tools, organization, (tx, call, { id }) =>
      work(tx, call, { organizationId: id, userId: null }),
    )
  return tools.db.tx('system', async (tx) => {
    await lockServerClients(tx)
    return await work(tx, systemCall(tools.clock.now()), { organizationId: null, userId: null })
  })
}

/** Runs a read as the operator. @param organization as for a change. @throws Problem NOT_FOUND */
export const readingAsOperator = <T>(
  tools: Pick<Tools, 'clock' | 'db'>,
  organization: string | null,
  work: (tx: Tx, organizationId: string | null) => Promise<T>,
): Promise<T> =>
  organization === null
    ? tools.db.tx('system', (tx) => work(tx, null))
    : readNamedOrganization(tools, organization, (tx, _call, { id }) => work(tx, id))

/** Records a change of a client. */
export const recordClientEvent = (
  tx: Tx,
  call: Call,
  { organizationId, userId }: ClientOwner,
  type: Extract<AuditEventType, `client.${string}`>,
  { id, name, source }: { id: string; name: string; source: string },
  details: Record<string, unknown> = {},
): Promise<void> =>
  audit(tx, organizationId === null ? outside(call) : call, {
    type,
    userId,
    username: call.principal?.username ?? null,
    organizationId,
    details: { client_id: id, name, source, ...details, ...(userId === null && { by: 'operator' }) },
  })
