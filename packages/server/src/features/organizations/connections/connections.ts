/**
 * The rules of connections to identity providers, of the server and of organizations: listing, creating, changing, deleting.
 * Invariants: a connection is active only while it has what its provider needs; its provider and its slug never change;
 * nothing here returns a secret; a change of what the test sign-in depends on makes it untested. Leaves which settings a
 * provider takes to settings.ts, and who may change to owners.ts.
 */
import type { Call } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound, problem } from '../../../base/errors.ts'
import { newId } from '../../../base/ids.ts'
import { endProofs } from '../../../core/connection-ended.ts'
import {
  connectionOf,
  type ProviderConnection,
  secretOf,
  type UsableConnection,
} from '../../../core/connections/index.ts'
import { providerOf } from '../../../core/providers/index.ts'
import { rolesIn } from '../../../core/providers/settings.ts'
import { type Fetch, fetchMissing, recordFetch, withFetched } from '../../../core/saml/administration.ts'
import type { Tools } from '../../../core/tools.ts'
import { releaseKeptTokens } from '../../identity/identities/index.ts'
import { managingSetting } from './environment.ts'
import { MOST_CONNECTIONS } from './fields.ts'
import { changingUse, markReading, prepareDeletion } from './jobs.ts'
import {
  answeredBy,
  changing,
  type Owner,
  organizationIdOf,
  originOf,
  recordChange,
  type Side,
  staleConnection,
} from './owners.ts'
import {
  assertComplete,
  assertReachable,
  assertTaken,
  assertValid,
  type ConnectionChange,
  changesParty,
  differingSettings,
  enteredSettings,
  isRecord,
  mergedSettings,
  type NewConnection,
  type SentParts,
  sentSettings,
  settingsToStore,
} from './settings.ts'
import {
  type ConnectionFlags,
  countConnections,
  insertConnection,
  lockConnection,
  type ReadableRow,
  removeConnection,
  renamedFrom,
  type SamlFacts,
  selectFlags,
  selectReadable,
  selectSamlFacts,
  selectStoredSettings,
  storeConnection,
} from './sql.ts'

export type ConnectionTools = Pick<
  Tools,
  'clock' | 'config' | 'db' | 'jobs' | 'keyring' | 'outbound' | 'roles'
>

export interface ShownConnection extends ProviderConnection {
  /** Whether identities of users are linked. */
  hasIdentities: boolean
  /** The verified domains that lead to it, once it is active. */
  domains: readonly string[]
  /** `pending`: active, but no verified domain of its organization leads to it. */
  state: ProviderConnection['status'] | 'pending'
  /** Null: it is not SAML. */
  saml: SamlFacts | null
}

const NO_FLAGS: ConnectionFlags = { has_secret: false, has_identities: false, domains: [] }

function shownOf(row: ReadableRow, flags: ConnectionFlags, saml: SamlFacts | null): ShownConnection {
  const unread = { client_secret: null, same_from: null, same_to: null }
  const { sealedSecret: _, sameFrom: __, ...connection } = connectionOf({ ...row, ...unread })
  const { status, organizationId } = connection
  const isPending = status === 'active' && organizationId !== null && flags.domains.length === 0
  return {
    ...connection,
    hasSecret: flags.has_secret,
    hasIdentities: flags.has_identities,
    domains: flags.domains,
    state: isPending ? 'pending' : status,
    saml,
  }
}

interface Facts {
  flags: ReadonlyMap<string, ConnectionFlags>
  saml: ReadonlyMap<string, SamlFacts>
}

const withFacts = (rows: readonly ReadableRow[], { flags, saml }: Facts): ShownConnection[] =>
  rows.map((row) => shownOf(row, flags.get(row.id) ?? NO_FLAGS, saml.get(row.id) ?? null))

/** What callers may not read themselves. As the system. */
async function selectFacts(tx: Tx, rows: readonly ReadableRow[]): Promise<Facts> {
  const idsOf = (some: readonly ReadableRow[]): string[] => some.map(({ id }) => id)
  return {
    flags: await selectFlags(tx, idsOf(rows)),
    saml: await selectSamlFacts(tx, idsOf(rows.filter(({ provider }) => provider === 'saml'))),
  }
}

/** The connections of an owner, or one of them. As the system. */
export async function readConnections(
  tx: Tx,
  organizationId: string | null,
  id: string | null = null,
): Promise<ShownConnection[]> {
  const rows = await selectReadable(tx, organizationId, id)
  return withFacts(rows, await selectFacts(tx, rows))
}

/** Those that row-level security permits to the caller. */
function readAsCaller(
  { db }: Pick<Tools, 'db'>,
  call: Call,
  side: Side,
  id: string | null = null,
): Promise<ShownConnection[]> {
  const organizationId = organizationIdOf(call, side)
  return db.tx(callerScope(call), async (tx) => {
    const rows = await selectReadable(tx, organizationId, id)
    return withFacts(rows, await tx.asSystem((system) => selectFacts(system, rows)))
  })
}

/** The oldest first. */
export const listConnections = (
  tools: Pick<Tools, 'db'>,
  call: Call,
  side: Side,
): Promise<ShownConnection[]> => readAsCaller(tools, call, side)

/** @throws Problem NOT_FOUND */
export async function getConnection(
  tools: Pick<Tools, 'db'>,
  call: Call,
  side: Side,
  id: string,
): Promise<ShownConnection> {
  const [found] = await readAsCaller(tools, call, side, id)
  if (!found) throw notFound('connection')
  return found
}

/** @throws Problem VALIDATION_ERROR, CONFLICT, INSUFFICIENT_PERMISSIONS */
export async function createConnection(
  tools: ConnectionTools,
  call: Call,
  side: Side,
  input: NewConnection,
): Promise<ShownConnection> {
  const of = { ...input, organizationId: organizationIdOf(call, side), settings: {} }
  const fetched = await fetchForChange(tools, call, of, input)
  return await changing(tools, call, side, (tx, owner) =>
    createFor(tools, tx, call, owner, { ...input, fetched }),
  )
}

/** @throws Problem NOT_FOUND, VALIDATION_ERROR, CONFLICT, INSUFFICIENT_PERMISSIONS */
export async function changeConnection(
  tools: ConnectionTools,
  call: Call,
  side: Side,
  id: string,
  change: ConnectionChange,
  version?: number,
): Promise<ShownConnection> {
  const fetched = sendsSaml(change)
    ? await fetchForChange(tools, call, await getConnection(tools, call, side, id), change)
    : undefined
  return await changing(tools, call, side, (tx, owner) =>
    changeFor(tools, tx, call, owner, id, { ...change, fetched }, version),
  )
}

/** @throws Problem NOT_FOUND, CONFLICT */
export const deleteConnection = (
  tools: ConnectionTools,
  call: Call,
  side: Side,
  id: string,
): Promise<ProviderConnection> =>
  changing(tools, call, side, (tx, owner) => deleteFor(tools, tx, call, owner, id))

const sendsSaml = ({ settings = {} }: SentParts): boolean => isRecord(settings.saml)

/**
 * What the metadata URL says, where the change is one of the identity provider, of which not enough is known after it. A draft
 * is kept although that fails, and shows why. @throws Problem VALIDATION_ERROR
 */
export async function fetchForChange(
  tools: Pick<Tools, 'config' | 'outbound'>,
  call: Call,
  of: Pick<ProviderConnection, 'provider' | 'organizationId' | 'settings'>,
  change: SentParts,
): Promise<Fetch | undefined> {
  if (of.provider !== 'saml' || !sendsSaml(change)) return undefined
  assertTaken(of, change)
  const settings = mergedSettings(of.settings, sentSettings(change, call.now))
  assertReachable(tools.config, { ...of, settings })
  return await fetchMissing(tools, { ...of, settings }, call.now)
}

/** Creates a connection of the locked owner. As the system. */
export async function createFor(
  tools: Pick<Tools, 'clock' | 'config' | 'jobs' | 'keyring'>,
  tx: Tx,
  call: Call,
  owner: Owner,
  input: NewConnection,
): Promise<ShownConnection> {
  const { organizationId } = owner
  const { provider, status = 'draft', clientId = null, clientSecret = null } = input
  const of = { provider, organizationId }
  const { after } = input
  if (after !== undefined) {
    const made = (await readConnections(tx, organizationId)).find(
      (one) =>
        one.id > after && one.provider === provider && one.madeBy === owner.userId && one.version === 1,
    )
    if (made) return made
  }
  assertTaken(of, input)
  const settings = withFetched(mergedSettings({}, sentSettings(input, call.now)), input.fetched)
  assertReachable(tools.config, { organizationId, settings })
  await owner.assertMayGive(rolesIn(settings))
  if (status === 'active') {
    assertComplete({ ...of, clientId, hasSecret: clientSecret !== null, settings })
    assertValid(settings, call.now)
  }
  const most = MOST_CONNECTIONS[organizationId === null ? 'server' : 'organization']
  if ((await countConnections(tx, organizationId)) >= most)
    throw problem('CONFLICT', {
      message: `There may be at most ${most} connections. Delete one first.`,
      details: { reason: 'too_many' },
    })
  const id = newId('con')
  const slug = organizationId === null ? (input.slug ?? provider) : id
  const name = input.name ?? providerOf(provider).name
  const row = {
    id,
    organization_id: organizationId,
    slug,
    provider,
    name,
    status,
    client_id: clientId,
    client_secret: sealed(tools, clientSecret),
    settings: JSON.stringify(settings),
    origin: input.origin ?? ('api' as const),
    ...answeredBy(owner),
    tested_at: null,
    created_at: call.now,
    updated_at: call.now,
  }
  if (!(await changingUse(tools, tx, call, owner, status === 'active', () => insertConnection(tx, row))))
    throw problem('CONFLICT', {
      message: `There is a connection with the short name \`${slug}\` already. Choose another \`slug\`.`,
      details: { field: 'slug' },
    })
  if (input.fetched) await recordFetch(tx, id, input.fetched, call.now)
  const made = await getConnectionOf(tx, owner, id)
  await recordChange(tx, call, owner, 'connection.created', made)
  if (status === 'active') await recordChange(tx, call, owner, 'connection.activated', made)
  return made
}

const sealed = ({ keyring }: Pick<Tools, 'keyring'>, secret: string | null): string | null =>
  secret === null ? null : keyring.encrypt('connections', secret)

/** One of an owner's, as the system. @throws Problem NOT_FOUND */
export async function getConnectionOf(
  tx: Tx,
  { organizationId }: Pick<Owner, 'organizationId'>,
  id: string,
): Promise<ShownConnection> {
  const [shown] = await readConnections(tx, organizationId, id)
  if (!shown) throw notFound('connection')
  return shown
}

/** @throws Problem NOT_FOUND, and CONFLICT for one that the environment sets */
export async function lockForChange(
  tools: Pick<Tools, 'clock' | 'config' | 'jobs'>,
  tx: Tx,
  call: Call,
  { organizationId }: Owner,
  id: string,
): Promise<UsableConnection> {
  const connection = await lockConnection(tx, organizationId, id)
  if (!connection) throw notFound('connection')
  assertChangeable(tools, connection)
  // the row says so before anything of it is changed
  if (connection.unreadable.length > 0) await markReading(tools, tx, call, { organizationId }, connection)
  return connection
}

/** @throws Problem CONFLICT `environment` where the environment sets the connection */
export function assertChangeable(
  { config }: Pick<ConnectionTools, 'config'>,
  connection: Pick<ProviderConnection, 'origin' | 'slug'>,
): void {
  const setting = managingSetting(config, connection)
  if (setting === null) return
  throw problem('CONFLICT', {
    message: `The environment of the server sets this connection. Change ${setting} and what belongs to it, and restart the server.`,
    details: { reason: 'environment', setting },
  })
}

/** Changes a connection of the locked owner. As the system. */
export async function changeFor(
  tools: Pick<Tools, 'clock' | 'config' | 'jobs' | 'keyring'>,
  tx: Tx,
  call: Call,
  owner: Owner,
  id: string,
  change: ConnectionChange,
  version?: number,
): Promise<ShownConnection> {
  const before = await lockForChange(tools, tx, call, owner, id)
  if (version !== undefined && version !== before.version) throw staleConnection(before.version)
  assertTaken(before, change)
  const settings = withFetched(
    mergedSettings(before.settings, sentSettings(change, call.now)),
    change.fetched,
  )
  if (change.settings !== undefined || change.metadata !== undefined)
    assertReachable(tools.config, { ...before, settings })
  const secret = change.clientSecret === undefined ? secretOf(tools.keyring, before) : change.clientSecret
  const after = {
    name: change.name ?? before.name,
    clientId: change.clientId === undefined ? before.clientId : change.clientId,
    hasSecret: secret !== null,
    settings,
    status: change.status ?? before.status,
  }
  if (after.status === 'active') assertComplete({ ...before, ...after })
  const sent = change.settings ?? (change.metadata === undefined ? undefined : {})
  const { stored: storedSettings, dropped } = settingsToStore(
    before.unreadable,
    settings,
    await selectStoredSettings(tx, id),
    {
      sent: sent && sentSettings(change, call.now),
      enables: change.status === 'active',
      replaces: change.replaces ?? false,
    },
  )
  const changed = [
    ...(after.name === before.name ? [] : ['name']),
    ...(after.clientId === before.clientId ? [] : ['client_id']),
    ...(secret === secretOf(tools.keyring, before) ? [] : ['client_secret']),
    ...new Set([...differingSettings(before.settings, settings), ...dropped]),
  ]
  // one that is disabled is not active again by itself
  const isSameStatus = after.status === before.status && !(before.resumes && change.status !== undefined)
  const isActivated = !isSameStatus && after.status === 'active'
  // the user who changes what a connection gives, or to whom, or enables it, answers for all that it gives
  const isAnswered = isActivated || changed.some((field) => field !== 'name' && field !== 'client_secret')
  if (isAnswered) await owner.assertMayGive(rolesIn(settings))
  if (isActivated) assertValid(settings, call.now)
  if (change.fetched) await recordFetch(tx, id, change.fetched, call.now)
  if (changed.length === 0 && isSameStatus) return await getConnectionOf(tx, owner, id)
  const isUntested = changed.some((field) => field !== 'name')
  const isOtherParty = changesParty(before.settings, settings)
  const stored = {
    name: after.name,
    client_id: after.clientId,
    ...(changed.includes('client_secret') && { client_secret: sealed(tools, secret) }),
    ...(storedSettings !== undefined && { settings: JSON.stringify(storedSettings) }),
    status: after.status,
    ...(change.status !== undefined && { unreadable_since: null }),
    origin: originOf(before, call, isOtherParty),
    version: before.version + 1,
    ...(isSameStatus && !isUntested && renamedFrom(before)),
    ...(isAnswered && answeredBy(owner)),
    ...(isUntested && { tested_at: null }),
    updated_at: call.now,
  }
  await changingUse(tools, tx, call, owner, !isSameStatus, () => storeConnection(tx, id, stored))
  // what another party says of a user proves nothing of what the former one has said
  const isOtherClient = isOtherParty || after.clientId !== before.clientId
  if (before.settings.keeps_tokens && (isOtherClient || !settings.keeps_tokens))
    await releaseKeptTokens.ofConnection(tools, tx, before)
  if ((isOtherParty && before.status !== 'draft') || (!isSameStatus && !isActivated))
    await endProofs(tools.jobs, tx, [{ id, version: stored.version }], call.now)
  const shown = await getConnectionOf(tx, owner, id)
  const party = isOtherParty ? { other_party: true } : {}
  if (changed.length > 0)
    await recordChange(tx, call, owner, 'connection.updated', shown, { changed, ...party })
  if (!isSameStatus)
    await recordChange(
      tx,
      call,
      owner,
      after.status === 'active' ? 'connection.activated' : 'connection.disabled',
      shown,
    )
  return shown
}

/**
 * Deletes a connection of the locked owner. Identities stay, so that they are still shown to their users, and no connection
 * asserts them any more; what it alone has proven ends. As the system. @returns what was deleted
 */
export async function deleteFor(
  tools: Pick<Tools, 'clock' | 'config' | 'jobs' | 'keyring'>,
  tx: Tx,
  call: Call,
  owner: Owner,
  id: string,
): Promise<ProviderConnection> {
  const connection = await lockForChange(tools, tx, call, owner, id)
  await prepareDeletion(tools, tx, call, connection)
  await changingUse(tools, tx, call, owner, true, () => removeConnection(tx, id))
  await recordChange(tx, call, owner, 'connection.deleted', connection)
  return connection
}

/** For modules that change a connection together with their rows: `changing` locks the owner, as for all changes. */
export const connectionChanges = {
  changing,
  create: createFor,
  change: changeFor,
  delete: deleteFor,
  read: readConnections,
  entered: enteredSettings,
} as const
