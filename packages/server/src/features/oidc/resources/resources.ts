/**
 * The rules of resources: listing, adding, changing and deleting the APIs that access tokens are for. Invariant: no resource is
 * this server, so that a token of an app is never one for the API of the server itself.
 */
import type { Call } from '../../../base/call.ts'
import { outside } from '../../../base/call.ts'
import { decodeCursor, pageOf } from '../../../base/cursor.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { type FieldError, invalid, notFound, problem } from '../../../base/errors.ts'
import { newId } from '../../../base/ids.ts'
import { differing, only } from '../../../core/audit/changes.ts'
import { type AuditEventType, audit } from '../../../core/audit/index.ts'
import { STANDARD_SCOPES } from '../../../core/clients/settings.ts'
import type { Tools } from '../../../core/tools.ts'
import { lockReach } from '../../access/roles/index.ts'
import {
  countResources,
  insertResource,
  lockResources,
  removeResource,
  type StoredResource,
  selectResource,
  selectResources,
  updateResource,
} from './sql.ts'

/** How many the server may have. */
export const MOST_RESOURCES = 200

const LIST = 'resources'

export interface ResourceScope {
  name: string
  description: string
}

export interface NewResource {
  identifier: string
  name: string
  scopes: readonly ResourceScope[]
  claims: 'minimal' | 'full'
  tokenLifetime: number | null
}

/** Undefined members stay. */
export type ResourceChange = {
  [K in Exclude<keyof NewResource, 'identifier'>]: NewResource[K] | undefined
}

export async function listResources(
  { db, keyring }: Pick<Tools, 'db' | 'keyring'>,
  call: Call,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<{ page: readonly StoredResource[]; nextCursor: string | null }> {
  const [after = null] = decodeCursor(keyring, LIST, cursor) ?? []
  const rows = await db.tx(callerScope(call), (tx) => selectResources(tx, after, limit + 1))
  return pageOf(keyring, LIST, rows, limit, ({ id }) => [id])
}

/** @throws Problem NOT_FOUND */
export async function getResource(
  { db }: Pick<Tools, 'db'>,
  call: Call,
  id: string,
): Promise<StoredResource> {
  const row = await db.tx(callerScope(call), (tx) => selectResource(tx, id))
  if (!row) throw notFound('resource')
  return row
}

/** Runs a change as the system, under the lock of all. @throws Problem INSUFFICIENT_PERMISSIONS */
const changing = <T>(
  { db }: Pick<Tools, 'db'>,
  call: Call,
  work: (tx: Tx, record: Recording) => Promise<T>,
): Promise<T> =>
  db.tx('system', async (tx) => {
    const { userId, username } = await lockReach(tx, call, 'oauth_clients:write')
    await lockResources(tx)
    return await work(tx, (type, { id, identifier }, details) =>
      audit(tx, outside(call), {
        type,
        userId,
        username,
        details: { resource_id: id, identifier, ...details },
      }),
    )
  })
type Recording = (
  type: Extract<AuditEventType, `resource.${string}`>,
  resource: Pick<StoredResource, 'id' | 'identifier'>,
  details: Record<string, unknown>,
) => Promise<void>

/** @throws Problem VALIDATION_ERROR, CONFLICT, INSUFFICIENT_PERMISSIONS */
export async function createResource(
  tools: Pick<Tools, 'config' | 'db'>,
  call: Call,
  input: NewResource,
): Promise<StoredResource> {
  assertForeign(tools, input.identifier)
  assertScopes(input.scopes)
  return await changing(tools, call, async (tx, record) => {
    if ((await countResources(tx)) >= MOST_RESOURCES)
      throw problem('CONFLICT', {
        message: `There may be at most ${MOST_RESOURCES} APIs. Delete one first.`,
        details: { reason: 'too_many' },
      })
    const { identifier, ...values } = input
    const row = {
      id: newId('res'),
      identifier,
      organization_id: null,
      ...columnsOf(values),
      created_at: call.now,
      updated_at: call.now,
    }
    if (!(await insertResource(tx, row)))
      throw problem('CONFLICT', {
        message: 'There is an API with this identifier already.',
        details: { field: 'identifier' },
      })
    await record('resource.created', row, recorded(values))
    return await getLocked(tx, row.id)
  })
}

/** @throws Problem NOT_FOUND, VALIDATION_ERROR, INSUFFICIENT_PERMISSIONS */
export async function changeResource(
  tools: Pick<Tools, 'db'>,
  call: Call,
  id: string,
  change: ResourceChange,
): Promise<StoredResource> {
  if (change.scopes) assertScopes(change.scopes)
  return await changing(tools, call, async (tx, record) => {
    const row = await getLocked(tx, id)
    const before = valuesOf(row)
    const after = {
      name: change.name ?? before.name,
      scopes: change.scopes ?? before.scopes,
      claims: change.claims ?? before.claims,
      tokenLifetime: change.tokenLifetime === undefined ? before.tokenLifetime : change.tokenLifetime,
    }
    const [from, to] = [recorded(before), recorded(after)]
    const names = differing(from, to)
    if (names.length === 0) return row
    await updateResource(tx, id, { ...columnsOf(after), updated_at: call.now })
    await record('resource.updated', row, { from: only(names, from), to: only(names, to) })
    return await getLocked(tx, id)
  })
}

/** @throws Problem NOT_FOUND, INSUFFICIENT_PERMISSIONS */
export const deleteResource = (tools: Pick<Tools, 'db'>, call: Call, id: string): Promise<void> =>
  changing(tools, call, async (tx, record) => {
    const row = await getLocked(tx, id)
    await removeResource(tx, id)
    await record('resource.deleted', row, {})
  })

async function getLocked(tx: Tx, id: string): Promise<StoredResource> {
  const row = await selectResource(tx, id)
  if (!row) throw notFound('resource')
  return row
}

type Values = Omit<NewResource, 'identifier'>

const valuesOf = ({ name, scopes, claims, token_lifetime_seconds }: StoredResource): Values => ({
  name,
  scopes,
  claims,
  tokenLifetime: token_lifetime_seconds,
})

const columnsOf = ({ name, scopes, claims, tokenLifetime }: Values) => ({
  name,
  scopes: JSON.stringify(scopes),
  claims,
  token_lifetime_seconds: tokenLifetime,
})

const recorded = ({ name, scopes, claims, tokenLifetime }: Values): Record<string, unknown> => ({
  name,
  scopes: scopes.map((scope) => scope.name),
  descriptions: scopes.map(({ description }) => description),
  claims,
  token_lifetime: tokenLifetime,
})

/** @throws Problem VALIDATION_ERROR for what this server itself is named by */
function assertForeign({ config }: Pick<Tools, 'config'>, identifier: string): void {
  if (new URL(identifier).origin === new URL(config.publicUrl).origin || identifier === config.tokenAudience)
    throw invalid('identifier', 'own', 'This is the address of this server. Name the API by another one.')
}

const STANDARD: ReadonlySet<string> = new Set(STANDARD_SCOPES)

/** @throws Problem VALIDATION_ERROR */
function assertScopes(scopes: readonly ResourceScope[]): void {
  const names = scopes.map(({ name }) => name)
  const faults = names.flatMap((name, at): FieldError[] => {
    const field = `scopes.${at}.name`
    if (STANDARD.has(name))
      return [{ field, code: 'standard', message: 'This is a scope of the server. Choose another name.' }]
    if (names.indexOf(name) < at) return [{ field, code: 'duplicate', message: 'It is in the list already.' }]
    return []
  })
  if (faults.length > 0) throw problem('VALIDATION_ERROR', { details: faults })
}
