/**
 * The rules of connected accounts. Disconnecting one ends the sessions that it alone has proven, other than the caller's, and
 * the sign-ins under way; the tokens that were kept for it are revoked at the provider.
 */
import type { Call } from '../../../base/call.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { notFound, problem } from '../../../base/errors.ts'
import {
  listActiveConnections,
  listConnectionsOf,
  type UsableConnection,
} from '../../../core/connections/index.ts'
import { countWaysIn, findWaysIn } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { type Identity, listIdentities } from '../../identity/identities/index.ts'
import { getUser, lockUserRow, type User } from '../../identity/users/index.ts'
import { listMemberConnections } from '../../organizations/members/index.ts'
import { endIdentity } from '../../signin/planted/index.ts'

type UnlinkTools = Pick<Tools, 'clock' | 'config' | 'db' | 'jobs' | 'mail'>
type WaysIn = Awaited<ReturnType<typeof findWaysIn>>

/** An account at a provider, as it is shown. */
export interface ConnectedAccount {
  identity: Identity
  /** Null where the connection was deleted. */
  connection: Pick<UsableConnection, 'slug' | 'name' | 'provider'> | null
  /** Whether it can be disconnected: another way to sign in is left. */
  isUnlinkable: boolean
}

/**
 * Whether a user keeps a way in without an identity. One that has no way in that counts for the account keeps another identity that
 * signs in, by the provider of an organization that is no authority for it: without any, they could not even add a way in.
 * @param signingIn the identities whose connection is active
 */
const keepsWayIn = (ways: WaysIn, id: string, signingIn: readonly string[]): boolean =>
  countWaysIn(ways, [id]) > 0 ||
  (countWaysIn(ways, []) === 0 && (!signingIn.includes(id) || signingIn.length > 1))

/** The accounts at providers that are connected to a user, oldest first. */
export async function listConnected(
  tools: Pick<Tools, 'config'>,
  tx: Tx,
  userId: string,
): Promise<ConnectedAccount[]> {
  const identities = await listIdentities(tx, userId)
  const connections = await connectionsOf(tx, identities)
  const ways = await findWaysIn(tools.config, tx, userId)
  const signingIn = identities
    .filter(({ connection_id }) => connections.get(connection_id ?? '')?.status === 'active')
    .map(({ id }) => id)
  return identities.map((identity) => ({
    identity,
    connection: connections.get(identity.connection_id ?? '') ?? null,
    isUnlinkable: keepsWayIn(ways, identity.id, signingIn),
  }))
}

async function connectionsOf(
  db: Statements,
  identities: readonly Identity[],
): Promise<ReadonlyMap<string, UsableConnection>> {
  const ids = [...new Set(identities.flatMap(({ connection_id: id }) => id ?? []))]
  const found = ids.length === 0 ? [] : await listConnectionsOf(db, ids)
  return new Map(found.map((connection) => [connection.id, connection]))
}

/** A connection that a user can connect. `organization`: the name of that of which it is; null for one of the server. */
export interface ConnectableConnection extends UsableConnection {
  organization: string | null
}

/** What the caller has connected, and which connections of the server and of their organizations they can connect. */
export async function ownConnected(
  tools: Pick<Tools, 'config' | 'db'>,
  { principal }: Call,
): Promise<{ accounts: ConnectedAccount[]; offered: ConnectableConnection[] }> {
  if (!principal) throw problem('AUTHENTICATION_REQUIRED')
  return await tools.db.tx('system', async (tx) => {
    const accounts = await listConnected(tools, tx, principal.userId)
    const linked = new Set(accounts.map(({ identity }) => identity.connection_id))
    const ofServer = (await listActiveConnections(tx, null)).map((one) => ({ ...one, organization: null }))
    const all = [...(await ofOrganizations(tx, principal.userId)), ...ofServer]
    const offered = all.filter(({ id }) => !linked.has(id))
    return { accounts, offered }
  })
}

async function ofOrganizations(tx: Tx, userId: string): Promise<ConnectableConnection[]> {
  const listed = await listMemberConnections(tx, userId)
  const ids = listed.map(({ connection_id: id }) => id)
  const found = new Map(
    (ids.length === 0 ? [] : await listConnectionsOf(tx, ids)).map((connection) => [
      connection.id,
      connection,
    ]),
  )
  return listed.flatMap(({ connection_id: id, organization }) => {
    const connection = found.get(id)
    return connection ? { ...connection, organization } : []
  })
}

/** One account of the caller, by the id of the identity. @throws Problem NOT_FOUND */
export async function getOwnConnected(
  tools: Pick<Tools, 'config' | 'db'>,
  call: Call,
  id: string,
): Promise<ConnectedAccount> {
  const { accounts } = await ownConnected(tools, call)
  const found = accounts.find(({ identity }) => identity.id === id)
  if (!found) throw unknown()
  return found
}

/**
 * Disconnects an account of the caller. @param name the name of its connection in paths, or its id
 * @throws Problem NOT_FOUND; CONFLICT where the name means several, or it is the last way to sign in
 */
export async function unlinkOwn(tools: UnlinkTools, call: Call, name: string): Promise<void> {
  const { principal, session } = call
  if (!principal) throw problem('AUTHENTICATION_REQUIRED')
  await tools.db.tx('system', async (tx) => {
    await lockUserRow(tx, principal.userId)
    const user = await getUser(tx, principal.userId)
    const accounts = await listConnected(tools, tx, user.id)
    const { identity, isUnlinkable } = named(accounts, name)
    if (!isUnlinkable)
      throw problem('CONFLICT', {
        message: 'This is the last way to sign in to your account. Add another one first.',
        details: { reason: 'last_way_in' },
      })
    await unlink(tools, tx, call, user, identity, session?.id ?? null)
  })
}

function named(accounts: readonly ConnectedAccount[], name: string): ConnectedAccount {
  const own = accounts.find(({ identity }) => identity.id === name)
  if (own) return own
  const [found, ...more] = accounts.filter(({ connection }) => connection?.slug === name)
  if (!found) throw unknown()
  if (more.length > 0)
    throw problem('CONFLICT', {
      message: 'Several accounts at this provider are connected. Name one by its id.',
      details: { reason: 'ambiguous', identity_ids: [found, ...more].map(({ identity }) => identity.id) },
    })
  return found
}

/**
 * Disconnects an account of a user, also if it is the last way in: the mailbox restores the account. The caller has checked
 * the target and holds its row. @throws Problem NOT_FOUND
 */
export async function unlinkOf(
  tools: UnlinkTools,
  tx: Tx,
  call: Call,
  user: User,
  id: string,
): Promise<void> {
  const identities = await listIdentities(tx, user.id)
  const identity = identities.find((one) => one.id === id)
  if (!identity) throw unknown()
  await unlink(tools, tx, call, user, identity, null)
}

const unknown = () => notFound('connected_account')

/** @param keepSession the id of a session that continues; null: none. @throws Problem NOT_FOUND */
async function unlink(
  tools: UnlinkTools,
  tx: Tx,
  call: Call,
  user: User,
  identity: Identity,
  keepSession: string | null,
): Promise<void> {
  if (!(await endIdentity(tools, tx, call, user, identity, { keepSession }))) throw unknown()
}
