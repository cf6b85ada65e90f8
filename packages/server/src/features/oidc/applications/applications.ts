/**
 * The rules of the apps that a user has allowed. Removing one takes back everything that the app has got for the user: what was
 * allowed, its codes, its refresh tokens and their access tokens, and the sessions with it, of which it gets a message.
 */
import type { Call } from '../../../base/call.ts'
import { decodeCursor, pageOf } from '../../../base/cursor.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound, problem } from '../../../base/errors.ts'
import { isId } from '../../../base/ids.ts'
import { audit } from '../../../core/audit/index.ts'
import type { Resource } from '../../../core/clients/index.ts'
import { type ClientSettings, readClientSettings } from '../../../core/clients/settings.ts'
import { revokeTokenFamilies } from '../../../core/revocations/index.ts'
import type { Tools } from '../../../core/tools.ts'
import type { User } from '../../identity/users/index.ts'
import { logoutsDue, queueLogouts } from '../logout/index.ts'
import {
  type ApplicationRow,
  deleteClientSessions,
  lockGrant,
  selectApplications,
  withdrawGrant,
} from './sql.ts'

type ApplicationTools = Pick<Tools, 'clients' | 'clock' | 'db' | 'jobs' | 'keyring'>

/** An app that a user has allowed. */
export interface Application extends Omit<ApplicationRow, 'settings'> {
  settings: ClientSettings
  /** The APIs at which it is allowed something, in the order of `allowed`; those that are gone are left out. */
  resources: readonly Resource[]
}

/** The apps that a user has allowed, the latest first. */
export async function listApplications(
  tools: ApplicationTools,
  userId: string,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
  now: Date,
): Promise<{ page: readonly Application[]; nextCursor: string | null }> {
  const list = `applications of ${userId}`
  const position = decodeCursor(tools.keyring, list, cursor)
  const after = position && ([new Date(Number(position[0])), position[1] ?? ''] as const)
  const rows = await tools.db.tx('system', (tx) =>
    selectApplications(tx, userId, { after, limit: limit + 1, now }),
  )
  const { page, nextCursor } = pageOf(tools.keyring, list, rows, limit, ({ created_at, id }) => [
    String(created_at.getTime()),
    id,
  ])
  return { page: await Promise.all(page.map((row) => applicationOf(tools, row))), nextCursor }
}

async function applicationOf({ clients }: ApplicationTools, row: ApplicationRow): Promise<Application> {
  const named = Object.keys(row.allowed).filter((identifier) => identifier !== '')
  const found = await Promise.all(named.map((identifier) => clients.findResource(identifier)))
  const { settings } = readClientSettings(row.settings)
  return { ...row, settings, resources: found.flatMap((resource) => resource ?? []) }
}

/** @throws Problem NOT_FOUND */
export async function getApplication(
  tools: ApplicationTools,
  userId: string,
  id: string,
  now: Date,
): Promise<Application> {
  if (!isId('gnt', id)) throw unknown()
  const [row] = await tools.db.tx('system', (tx) =>
    selectApplications(tx, userId, { after: null, limit: 1, now, only: id }),
  )
  if (!row) throw unknown()
  return await applicationOf(tools, row)
}

const unknown = () => notFound('application')

/** Withdraws the access of an app of the caller. @throws Problem NOT_FOUND */
export async function removeOwnApplication(tools: ApplicationTools, call: Call, id: string): Promise<void> {
  const { principal } = call
  if (!principal) throw problem('AUTHENTICATION_REQUIRED')
  const user = { id: principal.userId, username: principal.username }
  await tools.db.tx('system', (tx) => removeApplication(tools, tx, call, user, id))
}

/**
 * Takes an app the access to a user. @throws Problem NOT_FOUND
 */
export async function removeApplication(
  tools: Pick<Tools, 'clock' | 'jobs'>,
  tx: Tx,
  call: Call,
  { id: userId, username }: Pick<User, 'id' | 'username'>,
  id: string,
): Promise<void> {
  const grant = isId('gnt', id) ? await lockGrant(tx, userId, id) : undefined
  if (!grant) throw unknown()
  const { client_id: client } = grant
  const families = await withdrawGrant(tx, id, call.now)
  const sessions = await deleteClientSessions(tx, userId, client)
  // covers the tokens of exchanges and rotations that this has waited for
  await revokeTokenFamilies(tx, families, tools.clock.now())
  await queueLogouts(tx, { clientId: client, userId, sessions }, call.now)
  if (sessions.length > 0) await tools.jobs.enqueue(tx, logoutsDue, {}, { now: call.now })
  await audit(tx, call, { type: 'oidc.withdrawn', userId, username, details: { client } })
}
