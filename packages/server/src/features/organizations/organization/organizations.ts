/**
 * The rules of organizations: creating, listing and changing them. The creator of an organization is its owner.
 */
import { can } from '@latchkey/guard'
import { type Call, type Principal, systemCall } from '../../../base/call.ts'
import { randomSecret } from '../../../base/crypto.ts'
import { decodeCursor, pageOf } from '../../../base/cursor.ts'
import { isUniqueViolation } from '../../../base/db/faults.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound, problem } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import { newId } from '../../../base/ids.ts'
import { audit } from '../../../core/audit/index.ts'
import type { OrganizationRole } from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { settling } from '../../identity/sessions/index.ts'
import {
  addMembership,
  findOrganization,
  inside,
  lockActiveUser,
  type OrganizationRow,
  recordOrganizationEvent,
} from '../membership/index.ts'
import {
  clearOrganizationRequest,
  countOwnedOrganizations,
  insertOrganization,
  lockOrganizationsBySlug,
  selectOrganizations,
  updateOrganizationFields,
} from './sql.ts'

/** How many organizations one user may own. */
const MAX_OWNED = 100

/** An organization, with the caller's role and permissions in it. */
export interface OrganizationMembership {
  organization: OrganizationRow
  role: string | null
  permissions: readonly string[]
}

export interface OwnOrganization extends OrganizationMembership {
  /** Whether the credential acts in it. */
  isActive: boolean
}

/** Undefined fields keep their value; null clears. */
export interface OrganizationChange {
  name?: string | undefined
  slug?: string | undefined
  description?: string | null | undefined
  logo_url?: string | null | undefined
}

const slugTaken = () =>
  problem('CONFLICT', {
    message: 'This short name is taken. Choose another one.',
    details: { field: 'slug' },
  })

/** Whether the principal may create organizations; null: a user who registers. */
export const mayCreateOrganization = (
  { config }: Pick<Tools, 'config'>,
  principal: Principal | null,
): boolean =>
  config.organizationCreation === 'everyone' || (principal !== null && can(principal, 'organizations:write'))

/** The caller becomes the owner, and their session acts in the organization. @throws Problem INSUFFICIENT_PERMISSIONS, CONFLICT */
export async function createOrganization(
  tools: Pick<Tools, 'config' | 'db' | 'roles'>,
  call: Call,
  input: { name: string } & OrganizationChange,
): Promise<OwnOrganization> {
  const { principal, session, now } = call
  if (!principal || !session) throw problem('AUTHENTICATION_REQUIRED')
  if (!mayCreateOrganization(tools, principal))
    throw problem('INSUFFICIENT_PERMISSIONS', { details: { required: 'organizations:write' } })
  return await tools.db.tx('system', async (tx) => {
    if ((await countOwnedOrganizations(tx, principal.userId)) >= MAX_OWNED)
      throw problem('CONFLICT', {
        message: `A user may own at most ${MAX_OWNED} organizations. Delete one, or make another member its owner.`,
      })
    const organization = await writeOrganization(tx, input, now)
    const { id, name, slug } = organization
    if (!(await lockActiveUser(tx, principal.userId))) throw problem('AUTHENTICATION_REQUIRED')
    await addMembership(tx, { organization_id: id, user_id: principal.userId, role: 'owner', joined_at: now })
    await settling.session(tx, session.id, id)
    await recordOrganizationEvent(tx, call, 'organization.created', id, { name, slug })
    const permissions = tools.roles.organizationPermissionsOf('owner', null)
    return { organization, role: 'owner', permissions, isActive: true }
  })
}

/** Creates an organization with its members, as the operator. One of them must be an owner. @returns its id */
export async function createOrganizationByOperator(
  tools: Pick<Tools, 'db' | 'clock'>,
  name: string,
  members: readonly { userId: string; role: OrganizationRole }[],
): Promise<string> {
  const call = systemCall(tools.clock.now())
  return await tools.db.tx('system', async (tx) => {
    const { id, slug } = await writeOrganization(tx, { name }, call.now)
    for (const { userId, role } of members)
      await addMembership(tx, { organization_id: id, user_id: userId, role, joined_at: call.now })
    await recordOrganizationEvent(tx, call, 'organization.created', id, { name, slug, by: 'operator' })
    return id
  })
}

/**
 * Finds organizations by their slugs and creates those that do not exist, as the operator, and locks them all. One that
 * is created has no members yet. System scope.
 * @returns by slug. @throws Problem CONFLICT where one is deleted
 */
export async function ensureOrganizations(
  tx: Tx,
  call: Call,
  wanted: readonly { slug: string; name: string }[],
): Promise<Map<string, { id: string; isNew: boolean }>> {
  const slugs = wanted.map(({ slug }) => slug)
  const found = new Map(
    (await lockOrganizationsBySlug(tx, slugs)).map(({ id, slug }) => [slug, { id, isNew: false }]),
  )
  for (const { slug, name } of wanted) {
    if (found.has(slug)) continue
    const times = {
      created_at: call.now,
      updated_at: call.now,
      deleted_at: null,
      description: null,
      logo_url: null,
      purge_at: null,
    }
    const row = { ...times, id: newId('org'), slug, name }
    if (!(await insertOrganization(tx, row))) {
      // it was created meanwhile
      const [other] = await lockOrganizationsBySlug(tx, [slug])
      if (!other)
        throw problem('CONFLICT', {
          message: `The organization ${slug} is deleted. Restore it, or use another short name.`,
        })
      found.set(slug, { id: other.id, isNew: false })
      continue
    }
    found.set(slug, { id: row.id, isNew: true })
    await recordOrganizationEvent(tx, call, 'organization.created', row.id, { name, slug, by: 'operator' })
  }
  return found
}

/** Creates the organization that a user named at sign-up. Idempotent. */
export async function createRequestedOrganization(
  tools: Pick<Tools, 'db'>,
  userId: string,
  now: Date,
): Promise<void> {
  await tools.db.tx('system', async (tx) => {
    const request = await clearOrganizationRequest(tx, userId)
    if (!request) return
    const { id, name, slug } = await writeOrganization(tx, { name: request.name }, now)
    await addMembership(tx, { organization_id: id, user_id: userId, role: 'owner', joined_at: now })
    await settling.sessionsOf(tx, userId, id)
    await audit(tx, systemCall(now), {
      type: 'organization.created',
      userId,
      username: request.username,
      organizationId: id,
      details: { name, slug },
    })
  })
}

async function writeOrganization(
  tx: Tx,
  { name, slug, description, logo_url }: { name: string } & OrganizationChange,
  now: Date,
): Promise<OrganizationRow> {
  const base = slug ?? slugOf(name)
  const rest = {
    name,
    description: description || null,
    logo_url: logo_url ?? null,
    created_at: now,
    updated_at: now,
    deleted_at: null,
    purge_at: null,
  }
  // a derived slug that is taken gets a random suffix
  for (let tries = 0; tries < (slug === undefined ? 5 : 1); tries += 1) {
    const row = { ...rest, id: newId('org'), slug: tries === 0 ? base : `${base}-${suffix()}` }
    if (await insertOrganization(tx, row)) return row
  }
  throw slugTaken()
}

const suffix = (): string =>
  randomSecret()
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
    .slice(0, 6)

/** The slug that a name gives: small ASCII letters, digits and hyphens. */
function slugOf(name: string): string {
  const plain = name.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase().replaceAll('ß', 'ss')
  const slug = plain
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replaceAll(/^-+|-+$/g, '')
  return slug.length < 2 ? 'organization' : slug
}

/** Every organization of the server. */
export async function listOrganizations(
  tools: Pick<Tools, 'db' | 'keyring'>,
  call: Call,
  { limit, cursor, search }: { limit: number; cursor?: string | undefined; search?: string | undefined },
): Promise<{ page: readonly OrganizationRow[]; nextCursor: string | null }> {
  const prefix = search === undefined ? null : canonical(search)
  const list = `organizations ${prefix ?? ''}`
  const [after = null] = decodeCursor(tools.keyring, list, cursor) ?? []
  const rows = await tools.db.tx(callerScope(call), (tx) =>
    selectOrganizations(tx, { prefix, after, limit: limit + 1 }),
  )
  return pageOf(tools.keyring, list, rows, limit, (row) => [row.id])
}

/** The organization that the path names. @throws Problem NOT_FOUND */
export async function getOrganization(tools: Pick<Tools, 'db'>, call: Call): Promise<OrganizationMembership> {
  const found = await findOrganization(tools, call)
  if (!found) throw notFound('organization')
  return found
}

/** @throws Problem CONFLICT for a taken slug */
export async function changeOrganization(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
  change: OrganizationChange,
): Promise<OrganizationMembership> {
  const fields = Object.entries(change).flatMap(([field, value]) => (value === undefined ? [] : [field]))
  if (fields.length === 0) return await getOrganization(tools, call)
  return await inside(
    tools,
    call,
    'organization:update',
    async (tx, { membership, organization: before }) => {
      const organization = await withFreeSlug(() =>
        updateOrganizationFields(
          tx,
          before.id,
          Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)),
          call.now,
        ),
      )
      if (!organization) throw notFound('organization')
      await recordOrganizationEvent(tx, call, 'organization.updated', before.id, { fields })
      return { organization, role: membership.role, permissions: membership.permissions }
    },
  )
}

async function withFreeSlug<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isUniqueViolation(error, 'organizations_slug')) throw slugTaken()
    throw error
  }
}
