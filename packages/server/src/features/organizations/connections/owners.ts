/**
 * Who changes connections, and under which lock: the server's under an advisory lock, those of an organization under the row
 * lock of the organization. Invariant: the caller's permissions are read again under the lock, and who decides what a connection
 * gives, or to whom (a change of its settings, enabling it, approving a certificate), answers for it: its roles are within what
 * those permissions cover. Fetching metadata decides nothing, because that happens every day. Whether its maker still has them at a sign-in is judged there
 * (`mayUserGrantRole`), because a maker can lose them in many ways.
 */
import { type Call, outside } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound, type Problem, problem } from '../../../base/errors.ts'
import { type AuditEventType, audit } from '../../../core/audit/index.ts'
import type { ProviderConnection } from '../../../core/connections/index.ts'
import type { GivenRole } from '../../../core/providers/settings.ts'
import type { Tools } from '../../../core/tools.ts'
import { lockReach } from '../../access/roles/index.ts'
import { assertCovers, inside } from '../membership/index.ts'
import { inNamedOrganization, readNamedOrganization } from '../named/index.ts'
import { permissionsOfRoles } from '../roles/index.ts'
import { lockServerConnections } from './sql.ts'

/** Whose connections an operation is about: `server`, or those of the organization in the path. */
export type Side = 'server' | 'organization'

/** The locked owner of connections. */
export interface Owner {
  /** Null: the server. */
  organizationId: string | null
  /** Null: the operator, or the environment. */
  userId: string | null
  /** @throws Problem VALIDATION_ERROR, INSUFFICIENT_PERMISSIONS */
  assertMayGive(roles: readonly GivenRole[]): Promise<void>
}

export type OwnerTools = Pick<Tools, 'db' | 'roles' | 'clock'>

/** Work of a change, as the system. */
type Work<T> = (tx: Tx, owner: Owner, call: Call) => Promise<T>

/** Runs work with the locked owner: as a caller, or as the operator. */
export type Changing = <T>(work: Work<T>) => Promise<T>

const noRoles = async (): Promise<void> => {}

/** What the roles permit, in one statement. @throws Problem VALIDATION_ERROR with each that the organization does not have */
async function permissionsGiven(
  tools: OwnerTools,
  tx: Tx,
  organizationId: string,
  roles: readonly GivenRole[],
): Promise<readonly string[][]> {
  const names = [...new Set(roles.map(({ role }) => role))]
  const known = await permissionsOfRoles(tools, tx, organizationId, names)
  const unknown = roles.filter(({ role }) => !known.has(role))
  if (unknown.length > 0)
    throw problem('VALIDATION_ERROR', {
      details: unknown.map(({ field }) => ({
        field,
        code: 'unknown_role',
        message: 'This organization has no such role.',
      })),
    })
  return [...known.values()].map((permissions) => [...permissions])
}

/** Runs a change as the caller. @throws Problem INSUFFICIENT_PERMISSIONS, NOT_FOUND */
export function changing<T>(tools: OwnerTools, call: Call, side: Side, work: Work<T>): Promise<T> {
  if (side === 'organization')
    return inside(tools, call, 'connections:write', (tx, { actor, organization: { id }, membership }) =>
      tx.asSystem((system) =>
        work(
          system,
          {
            organizationId: id,
            userId: actor.userId,
            async assertMayGive(roles) {
              for (const wanted of await permissionsGiven(tools, system, id, roles))
                assertCovers(membership, wanted)
            },
          },
          call,
        ),
      ),
    )
  return tools.db.tx('system', async (tx) => {
    const { userId } = await lockReach(tx, call, 'connections:write')
    await lockServerConnections(tx)
    return await work(tx, { organizationId: null, userId, assertMayGive: noRoles }, call)
  })
}

/** The same for work of several steps, between which nothing is locked. */
export const asCaller =
  (tools: OwnerTools, call: Call, side: Side): Changing =>
  (work) =>
    changing(tools, call, side, work)

/** Runs a change as the operator. @param organization its id or slug; null: the server. @throws Problem NOT_FOUND */
export function asOperator<T>(
  tools: OwnerTools,
  organization: string | null,
  call: Call,
  work: Work<T>,
): Promise<T> {
  if (organization !== null)
    return inNamedOrganization(tools, organization, (tx, _call, { id }) =>
      work(
        tx,
        {
          organizationId: id,
          userId: null,
          async assertMayGive(roles) {
            await permissionsGiven(tools, tx, id, roles)
          },
        },
        call,
      ),
    )
  return tools.db.tx('system', async (tx) => {
    await lockServerConnections(tx)
    return await work(tx, { organizationId: null, userId: null, assertMayGive: noRoles }, call)
  })
}

/** Runs a read as the operator, without waiting for a change. @param organization as for a change. @throws Problem NOT_FOUND */
export function readAsOperator<T>(
  tools: Pick<Tools, 'clock' | 'db'>,
  organization: string | null,
  work: (tx: Tx, owner: Pick<Owner, 'organizationId'>) => Promise<T>,
): Promise<T> {
  if (organization !== null)
    return readNamedOrganization(tools, organization, (tx, _call, { id }) => work(tx, { organizationId: id }))
  return tools.db.tx('system', (tx) => work(tx, { organizationId: null }))
}

/** The columns of who answers for what a connection gives. */
export const answeredBy = ({ userId }: Owner) => ({ made_by: userId, by_operator: userId === null })

/** The call of an event about a connection of that owner. */
export const ownerCall = (call: Call, organizationId: string | null): Call =>
  organizationId === null ? outside(call) : call

type ConnectionEventType = Extract<AuditEventType, `connection.${string}`>

/** Records a change. The names of changed fields, never their values: one of them is a secret. */
export const recordChange = (
  tx: Tx,
  call: Call,
  { organizationId, userId }: Pick<Owner, 'organizationId' | 'userId'>,
  type: ConnectionEventType,
  {
    id,
    slug,
    provider,
    name,
    version,
  }: Pick<ProviderConnection, 'id' | 'slug' | 'provider' | 'name' | 'version'>,
  details: Record<string, unknown> = {},
): Promise<void> =>
  audit(tx, ownerCall(call, organizationId), {
    type,
    userId,
    username: call.principal?.username ?? null,
    organizationId,
    details: {
      connection_id: id,
      slug,
      provider,
      name,
      version,
      ...details,
      ...(userId === null && { by: 'operator' }),
    },
  })

export const staleConnection = (version: number): Problem =>
  problem('CONFLICT', {
    message: 'The connection was changed after you read it. Read it again.',
    details: { reason: 'stale', version },
  })

/** @throws Problem NOT_FOUND */
export function organizationIdOf(call: Call, side: Side): string | null {
  if (side === 'server') return null
  if (!call.organization) throw notFound('organization')
  return call.organization.id
}

/**
 * What the environment has left behind is the caller's now. So is the connection of a set-up link of which a caller, who has
 * no link, says which provider it is: they answer for the identities that this provider asserts.
 */
export const originOf = (
  { origin }: ProviderConnection,
  { setupLink }: Call,
  isOtherParty: boolean,
): ProviderConnection['origin'] =>
  origin === 'environment' || (isOtherParty && setupLink === undefined) ? 'api' : origin
