/**
 * The rules of clients, of the server and of organizations: listing, creating, changing, deleting, and their secrets. Invariants:
 * a secret is shown once and stored as a hash; the settings of a client are within the rules of core/clients after each change;
 * the client of an organization is for its members, is no first-party client, and gets no scope of another owner's API. Leaves
 * who may change to owners.ts.
 */

import type { Call } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { decodeCursor, pageOf } from '../../../base/cursor.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { type FieldError, invalid, notFound, problem } from '../../../base/errors.ts'
import { newId } from '../../../base/ids.ts'
import { differing, only } from '../../../core/audit/changes.ts'
import { endClientsAccess, endRemainingAccess } from '../../../core/client-access.ts'
import { checkClientSettings, makeClientSecret } from '../../../core/clients/index.ts'
import { ClientSettings, readClientSettings, STANDARD_SCOPES } from '../../../core/clients/settings.ts'
import { revokeClients } from '../../../core/revocations/index.ts'
import { sectorOf } from '../../../core/subjects/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { selectScopesAmong } from '../resources/index.ts'
import type { SettingsInput } from './fields.ts'
import { type ClientOwner, type ClientSide, ownerIdOf, recordClientEvent } from './owners.ts'
import {
  type ClientRow,
  type ClientSecretRow,
  countClients,
  insertClient,
  insertClientSecret,
  lockClient,
  removeClient,
  removeClientSecret,
  selectClient,
  selectClientSecrets,
  selectClients,
  updateClient,
} from './sql.ts'

/** How many clients an organization, and the server, may have. */
export const MOST_CLIENTS = { organization: 50, server: 1000 } as const
/** How many secrets of a client are valid at once. */
export const MOST_SECRETS = 5
const LONGEST_SECRET_LIFETIME = 10 * 365 * 86_400_000

export interface ShownClient {
  row: ClientRow
  secrets: readonly ClientSecretRow[]
}

export interface NewClient {
  /** Absent: a generated one. */
  id?: string | undefined
  name: string
  settings: SettingsInput
  secretExpiresAt?: Date | null | undefined
}

export interface ClientChange {
  name?: string | undefined
  settings?: SettingsInput | undefined
  status?: ClientRow['status'] | undefined
}

export const withSecrets = async (tx: Tx, rows: readonly ClientRow[]): Promise<ShownClient[]> => {
  const secrets = await selectClientSecrets(tx, rows.map(({ id }) => id)) // biome-ignore format: one call
  return rows.map((row) => ({ row, secrets: secrets.filter(({ client_id }) => client_id === row.id) }))
}

/** Those that row-level security permits to the caller, in the order of their ids. */
export async function listClients(
  { db, keyring }: Pick<Tools, 'db' | 'keyring'>,
  call: Call,
  side: ClientSide,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<{ page: readonly ShownClient[]; nextCursor: string | null }> {
  const organizationId = ownerIdOf(call, side)
  const list = `clients of ${organizationId ?? 'the server'}`
  const [after = null] = decodeCursor(keyring, list, cursor) ?? []
  const shown = await db.tx(callerScope(call), async (tx) =>
    withSecrets(tx, await selectClients(tx, organizationId, after, limit + 1)),
  )
  return pageOf(keyring, list, shown, limit, ({ row }) => [row.id])
}

/** @throws Problem NOT_FOUND */
export const getClient = (
  { db }: Pick<Tools, 'db'>,
  call: Call,
  side: ClientSide,
  id: string,
): Promise<ShownClient> => db.tx(callerScope(call), (tx) => readClient(tx, ownerIdOf(call, side), id))

/** @throws Problem NOT_FOUND */
export async function readClient(tx: Tx, organizationId: string | null, id: string): Promise<ShownClient> {
  const row = isStorable(id) ? await selectClient(tx, organizationId, id) : undefined
  const [shown] = row ? await withSecrets(tx, [row]) : []
  if (!shown) throw notFound('client')
  return shown
}

/** PostgreSQL's text has no U+0000. */
const isStorable = (id: string): boolean => !id.includes('\0') && id.isWellFormed()

/**
 * Creates a client of the locked owner, with a secret where it needs one. As the system.
 * @throws Problem VALIDATION_ERROR, CONFLICT
 */
export async function createClientOf(
  tx: Tx,
  call: Call,
  owner: ClientOwner,
  input: NewClient,
): Promise<{ client: ShownClient; secret: string | null }> {
  const { organizationId, userId } = owner
  const settings = ClientSettings.parse(input.settings)
  await assertSettings(tx, owner, settings)
  const most = MOST_CLIENTS[organizationId === null ? 'server' : 'organization']
  if ((await countClients(tx, organizationId)) >= most)
    throw problem('CONFLICT', {
      message: `There may be at most ${most} apps. Delete one first.`,
      details: { reason: 'too_many' },
    })
  const row = {
    id: input.id ?? newId('cli'),
    organization_id: organizationId,
    source: organizationId === null ? ('operator' as const) : ('organization' as const),
    name: input.name,
    status: 'active' as const,
    settings: JSON.stringify(settings),
    created_by: userId,
    created_at: call.now,
    updated_at: call.now,
    last_used_at: null,
    expires_at: null,
  }
  if (!(await insertClient(tx, row)))
    throw problem('CONFLICT', {
      message: 'There is an app with this id already. Choose another `client_id`.',
      details: { field: 'client_id' },
    })
  await recordClientEvent(tx, call, owner, 'client.created', row, { settings: recordedSettings(settings) })
  const issued = hasSecrets(settings) ? await issueFor(tx, call, owner, row, input.secretExpiresAt) : null
  return { client: await readClient(tx, organizationId, row.id), secret: issued?.secret ?? null }
}

/**
 * Creates the key of the client's ID tokens where it is the first of its algorithm: apps fetch the keys before they have an ID token,
 * and many keep them. Not within a transaction; a fault does not undo what was committed, because the first ID token creates the key too.
 */
export async function prepareIdTokens(
  { keys, log }: Pick<Tools, 'keys' | 'log'>,
  { row }: ShownClient,
): Promise<void> {
  const { grant_types: grants, id_token_signed_response_alg: algorithm } = readClientSettings(
    row.settings,
  ).settings
  if (grants.every((grant) => grant === 'client_credentials')) return
  await keys
    .demand(algorithm)
    .catch((err: unknown) => log.warn({ err, algorithm }, 'creating a key of ID tokens failed'))
}

/** Changes a client of the locked owner; disabling revokes all of its tokens. As the system. @throws Problem NOT_FOUND, VALIDATION_ERROR, CONFLICT */
export async function changeClientOf(
  tools: Pick<Tools, 'clock' | 'jobs'>,
  tx: Tx,
  call: Call,
  owner: ClientOwner,
  id: string,
  change: ClientChange,
): Promise<ShownClient> {
  const row = await lockFor(tx, owner, id)
  if (row.source === 'document' && (change.name !== undefined || change.settings !== undefined))
    throw problem('CONFLICT', {
      message: 'The document at its `client_id` says what this app is. It can be disabled here.',
      details: { reason: 'document' },
    })
  const { settings: before, unreadable } = readClientSettings(row.settings)
  const settings = ClientSettings.parse({ ...before, ...change.settings })
  if (change.settings) await assertSettings(tx, owner, settings, before)
  const name = change.name ?? row.name
  const changed = differing({ name: row.name, ...before }, { name, ...settings })
  // what cannot be read is replaced by a change of the settings, as their reader saw them
  const isMended = unreadable.length > 0 && change.settings !== undefined
  const status = change.status ?? row.status
  if (changed.length === 0 && !isMended && status === row.status)
    return await readClient(tx, owner.organizationId, id)
  await updateClient(tx, id, {
    name,
    ...((changed.length > 0 || isMended) && change.settings && { settings: JSON.stringify(settings) }),
    status,
    updated_at: call.now,
  })
  const after = { ...row, name }
  if (changed.length > 0 || isMended)
    await recordClientEvent(tx, call, owner, 'client.updated', after, {
      from: only(changed, { name: row.name, ...recordedSettings(before) }),
      to: only(changed, { name, ...recordedSettings(settings) }),
    })
  const isOwnNoMore = before.first_party && !settings.first_party
  if ((status === 'disabled' && row.status === 'active') || isOwnNoMore) {
    // what was stolen is of no use either after the app was enabled again; users allow from now on what needed no consent
    await endClientsAccess(tools, tx, [id])
  }
  if (status !== row.status)
    await recordClientEvent(
      tx,
      call,
      owner,
      status === 'active' ? 'client.enabled' : 'client.disabled',
      after,
    )
  // a secret that is of no use is one that can only be stolen
  if (!hasSecrets(settings))
    for (const secret of await selectClientSecrets(tx, [id]))
      await dropSecret(tx, call, owner, after, secret.id)
  return await readClient(tx, owner.organizationId, id)
}

/**
 * Deletes a client with its secrets, and revokes its tokens. What it has got ends in transactions before: rotations lock tokens before
 * families, which the deletion cannot, and lock none that has ended. @param changing runs a change under the lock of the owner
 * @throws Problem NOT_FOUND
 */
export async function deleteClientOf(
  tools: Pick<Tools, 'clock' | 'db' | 'jobs'>,
  changing: <T>(work: (tx: Tx, call: Call, owner: ClientOwner) => Promise<T>) => Promise<T>,
  id: string,
): Promise<ClientRow> {
  await changing((tx, call, owner) => changeClientOf(tools, tx, call, owner, id, { status: 'disabled' }))
  await endRemainingAccess(tools, { client_id: id, until: tools.clock.now().toISOString() })
  return await changing(async (tx, call, owner) => {
    const row = await lockFor(tx, owner, id)
    await removeClient(tx, id)
    await revokeClients(tx, [id], tools.clock.now())
    await recordClientEvent(tx, call, owner, 'client.deleted', row)
    return row
  })
}

/** @throws Problem NOT_FOUND, VALIDATION_ERROR, CONFLICT */
export async function createClientSecretOf(
  tx: Tx,
  call: Call,
  owner: ClientOwner,
  id: string,
  expiresAt: Date | null | undefined,
): Promise<{ row: ClientSecretRow; secret: string }> {
  const client = await lockFor(tx, owner, id)
  if (!hasSecrets(readClientSettings(client.settings).settings))
    throw problem('CONFLICT', {
      message: 'This app proves itself without a secret. Change `token_endpoint_auth_method` first.',
      details: { reason: 'no_secrets' },
    })
  const stored = await selectClientSecrets(tx, [id])
  const isValid = ({ expires_at: until }: ClientSecretRow): boolean => until === null || until > call.now
  if (stored.filter(isValid).length >= MOST_SECRETS)
    throw problem('CONFLICT', {
      message: `An app may have at most ${MOST_SECRETS} secrets. Delete one first.`,
      details: { reason: 'too_many' },
    })
  for (const one of stored) if (!isValid(one)) await removeClientSecret(tx, id, one.id)
  return await issueFor(tx, call, owner, client, expiresAt)
}

/** @throws Problem NOT_FOUND */
export async function deleteClientSecretOf(
  tx: Tx,
  call: Call,
  owner: ClientOwner,
  id: string,
  secretId: string,
): Promise<void> {
  const client = await lockFor(tx, owner, id)
  if (!(isStorable(secretId) && (await dropSecret(tx, call, owner, client, secretId))))
    throw notFound('client_secret')
}

type NamedClient = Pick<ClientRow, 'id' | 'name' | 'source'>

async function issueFor(
  tx: Tx,
  call: Call,
  owner: ClientOwner,
  client: NamedClient,
  expiresAt: Date | null | undefined,
): Promise<{ row: ClientSecretRow; secret: string }> {
  assertExpiry(expiresAt ?? null, call.now)
  const { secret, hash, hint } = makeClientSecret()
  const row = {
    id: newId('csec'),
    client_id: client.id,
    hint,
    created_at: call.now,
    expires_at: expiresAt ?? null,
    last_used_at: null,
  }
  await insertClientSecret(tx, { ...row, hash })
  await recordClientEvent(tx, call, owner, 'client.secret.created', client, {
    secret_id: row.id,
    hint,
    expires_at: row.expires_at?.toISOString() ?? null,
  })
  return { row, secret }
}

async function dropSecret(
  tx: Tx,
  call: Call,
  owner: ClientOwner,
  client: NamedClient,
  secretId: string,
): Promise<boolean> {
  const removed = await removeClientSecret(tx, client.id, secretId)
  if (!removed) return false
  const { id, hint } = removed
  await recordClientEvent(tx, call, owner, 'client.secret.deleted', client, { secret_id: id, hint })
  return true
}

/** @throws Problem NOT_FOUND */
async function lockFor(tx: Tx, { organizationId }: ClientOwner, id: string): Promise<ClientRow> {
  const row = isStorable(id) ? await lockClient(tx, organizationId, id) : undefined
  if (!row) throw notFound('client')
  return row
}

export const hasSecrets = ({ token_endpoint_auth_method: method }: ClientSettings): boolean =>
  method === 'client_secret_basic' || method === 'client_secret_post'

/** @throws Problem VALIDATION_ERROR */
function assertExpiry(expiresAt: Date | null, now: Date): void {
  if (expiresAt === null) return
  if (expiresAt <= now) throw invalid('expires_at', 'past', 'Choose a time in the future.')
  if (expiresAt > later(now, LONGEST_SECRET_LIFETIME))
    throw invalid('expires_at', 'too_late', 'Choose a time within ten years.')
}

const STANDARD: ReadonlySet<string> = new Set(STANDARD_SCOPES)

/** @throws Problem VALIDATION_ERROR with each fault */
async function assertSettings(
  tx: Tx,
  { organizationId }: ClientOwner,
  settings: ClientSettings,
  before: ClientSettings | null = null,
): Promise<void> {
  // a scope that it has had may be one of an API that was deleted since
  const added = (settings.scopes ?? []).filter(
    (scope) => !STANDARD.has(scope) && !before?.scopes?.includes(scope),
  )
  const known = await selectScopesAmong(tx, organizationId, added)
  const faults: FieldError[] = [
    ...checkClientSettings(settings),
    ...(before === null ? [] : changedSubjects(organizationId, before, settings)),
    ...(settings.scopes ?? []).flatMap((scope, at) =>
      added.includes(scope) && !known.has(scope)
        ? [{ field: `scopes.${at}`, code: 'unknown_scope', message: 'There is no such scope here.' }]
        : [],
    ),
    ...(organizationId === null ? [] : withheld(organizationId, settings)),
  ]
  if (faults.length > 0)
    throw problem('VALIDATION_ERROR', {
      details: faults.map(({ field, ...fault }) => ({ field: `settings.${field}`, ...fault })),
    })
}

/** The app would know each user as another one. */
function changedSubjects(
  organizationId: string | null,
  from: ClientSettings,
  to: ClientSettings,
): FieldError[] {
  if (from.subject_type !== to.subject_type)
    return [fixed('subject_type', 'The app knows its users by their subjects. Add another app instead.')]
  const [before, after] = [from, to].map((settings) =>
    sectorOf({ organizationId, source: 'operator', settings }),
  )
  return to.subject_type === 'public' || before === null || before === after
    ? []
    : [
        fixed(
          'redirect_uris',
          'Another host would change the subjects of all users. Add another app instead.',
        ),
      ]
}
const fixed = (field: string, message: string): FieldError => ({ field, code: 'unchangeable', message })

/** What the clients of an organization may not have. */
function withheld(organizationId: string, settings: ClientSettings): FieldError[] {
  const { first_party: isFirstParty, allowed_organizations: organizations } = settings
  return [
    ...(isFirstParty
      ? [{ field: 'first_party', code: 'server_only', message: 'Only apps of the server are first-party.' }]
      : []),
    ...organizations.flatMap(
      (id, at) =>
      id === organizationId
        ? []
        : [{
            field: `allowed_organizations.${at}`,
            code: 'other_organization',
            message: 'The app of an organization is for its members.',
          }], // biome-ignore format: one value
    ),
  ]
}

/** What is longer is recorded by its length: a list of redirect URIs may have 100,000 characters. */
const LONGEST_RECORDED = 4000

/** The settings as events have them: of keys only which ones. */
export function recordedSettings(settings: ClientSettings): Record<string, unknown> {
  const jwks = settings.jwks?.keys.map(({ kid, kty }) => kid ?? kty) ?? null
  return Object.fromEntries(
    Object.entries({ ...settings, jwks }).map(([name, value]) => {
      const { length } = JSON.stringify(value)
      return [name, length > LONGEST_RECORDED ? { characters: length } : value]
    }),
  )
}
