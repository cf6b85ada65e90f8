/**
 * The rules of the server's roles: listing, creating, changing and deleting them. The permissions of a role are
 * computed by core/roles; the roles of users are `holders.ts`. Invariants: inheritance has no cycle; no caller writes
 * a role with more than they may grant (`reach.ts`); the top role of a preset cannot be changed; a role in use cannot
 * be deleted. A change reaches every process with its commit, and tokens with the old permissions are refused.
 */
import { withInherited } from '@latchkey/guard'
import { type Call, outside } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { invalid, notFound, problem } from '../../../base/errors.ts'
import { audit } from '../../../core/audit/index.ts'
import { assertCanBeMet } from '../../../core/demands.ts'
import { revokeRoles } from '../../../core/revocations/index.ts'
import {
  defaultRole,
  isAdminRole,
  isReservedRoleName,
  type Role,
  readStoredRoles,
} from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { type NewRole, type RoleView, type ServerRoleChange, serverRoleView } from './fields.ts'
import { assertWithinReach, type Definitions, definitionsOf, lockReach, type Reach } from './reach.ts'
import { deleteRoleRow, hasHolder, insertServerRole, updateServerRole } from './sql.ts'

/** Every process holds all of them in memory. */
const MOST_ROLES = 500

type RoleTools = Pick<Tools, 'db' | 'clock' | 'config' | 'roles'>

/** The most powerful first. */
export async function listServerRoles(tools: Pick<Tools, 'db'>, call: Call): Promise<RoleView[]> {
  const rows = await tools.db.tx(callerScope(call), readStoredRoles)
  const definitions = definitionsOf(rows)
  return rows.map((row) => serverRoleView(definitions, row))
}

/** @throws Problem NOT_FOUND */
export async function getServerRole(tools: Pick<Tools, 'db'>, call: Call, name: string): Promise<RoleView> {
  const definitions = definitionsOf(await tools.db.tx(callerScope(call), readStoredRoles))
  const found = definitions.get(name)
  if (!found) throw notFound('role')
  return serverRoleView(definitions, found)
}

/** @throws Problem CONFLICT, VALIDATION_ERROR, INSUFFICIENT_PERMISSIONS */
export const createServerRole = (tools: RoleTools, call: Call, input: NewRole): Promise<RoleView> =>
  changing(tools, call, async (tx, reach) => {
    const { definitions } = reach
    if (definitions.has(input.name) || isReservedRoleName(tools.config, input.name))
      throw problem('CONFLICT', {
        message: 'A role with this name exists, or is part of a preset. Choose another name.',
        details: { field: 'name' },
      })
    if (definitions.size >= MOST_ROLES)
      throw problem('CONFLICT', {
        message: `The server can have ${MOST_ROLES} roles at most. Delete one first.`,
      })
    const made: Role = {
      ...input,
      ...listsOf(input),
      preset: null,
      created_at: call.now,
      updated_at: call.now,
    }
    const after = new Map([...definitions, [made.name, made]])
    assertSound(after, made)
    assertWithinReach(reach, after, made.name)
    if (made.requires_mfa) assertCanBeMet(tools.config, 'requires_mfa')
    await insertServerRole(tx, { ...made })
    await auditRole(tx, call, reach, 'role.created', { role: made.name, to: auditedFields(made) })
    return serverRoleView(after, made)
  })

/** Changes the fields that are present. @throws Problem NOT_FOUND, CONFLICT, VALIDATION_ERROR, INSUFFICIENT_PERMISSIONS */
export const changeServerRole = (
  tools: RoleTools,
  call: Call,
  name: string,
  change: ServerRoleChange,
): Promise<RoleView> =>
  changing(tools, call, async (tx, reach) => {
    const before = getChangeableRole(reach, name)
    const given = Object.fromEntries(Object.entries({ ...change, ...listsOf(change) }).filter(isGiven))
    const made: Role = { ...before, ...given, updated_at: call.now }
    const [from, to] = difference(auditedFields(before), auditedFields(made))
    if (Object.keys(to).length === 0) return serverRoleView(reach.definitions, before)
    const after = new Map([...reach.definitions, [name, made]])
    assertSound(after, made)
    assertWithinReach(reach, after, name)
    if (made.requires_mfa && !before.requires_mfa) assertCanBeMet(tools.config, 'requires_mfa')
    await updateServerRole(tx, name, { ...given, updated_at: call.now })
    await auditRole(tx, call, reach, 'role.updated', { role: name, from, to })
    // tokens contain permissions and the primary role; what a role grants is read from the database
    if ('permissions' in to || 'inherits' in to || 'rank' in to)
      await revokeRoles(
        tx,
        [...new Set([...heirsOf(reach.definitions, name), ...heirsOf(after, name)])],
        tools.clock.now(),
      )
    return serverRoleView(after, made)
  })

/** @throws Problem NOT_FOUND, CONFLICT for one in use, INSUFFICIENT_PERMISSIONS */
export const deleteServerRole = (tools: RoleTools, call: Call, name: string): Promise<void> =>
  changing(tools, call, async (tx, reach) => {
    const found = getChangeableRole(reach, name)
    if (name === defaultRole(tools.config)) throw inUse('New users get this role.', 'default')
    const heirs = heirsOf(reach.definitions, name).filter((heir) => heir !== name)
    if (heirs.length > 0) throw inUse(`Other roles inherit this role: ${heirs.join(', ')}.`, 'inherited')
    if (await hasHolder(tx, name)) throw inUse('At least one user has this role.', 'held')
    await deleteRoleRow(tx, name)
    await auditRole(tx, call, reach, 'role.deleted', { role: name, from: auditedFields(found) })
  })

function changing<T>(tools: RoleTools, call: Call, work: (tx: Tx, reach: Reach) => Promise<T>): Promise<T> {
  return tools.db.tx('system', async (tx) => {
    const done = await work(tx, await lockReach(tx, call, 'roles:write'))
    await tools.roles.changed(tx)
    return done
  })
}

/** A role that this caller may change. @throws Problem NOT_FOUND, CONFLICT, INSUFFICIENT_PERMISSIONS */
function getChangeableRole(reach: Reach, name: string): Role {
  const found = reach.definitions.get(name)
  if (!found) throw notFound('role')
  assertWithinReach(reach, reach.definitions, name)
  if (isAdminRole(found))
    throw problem('CONFLICT', {
      message: 'The most powerful role of a preset cannot be changed.',
      details: { reason: 'admin_role' },
    })
  return found
}

const inUse = (message: string, reason: string) => problem('CONFLICT', { message, details: { reason } })

/** @throws Problem VALIDATION_ERROR for unknown roles and for cycles of inheritance */
function assertSound(definitions: Definitions, { name, inherits, grants }: Role): void {
  const isUnknown = (one: string) => one !== '*' && !definitions.has(one)
  for (const [field, names] of Object.entries({ inherits, grants })) {
    const unknown = names.find(isUnknown)
    if (unknown !== undefined) throw invalid(field, 'unknown_role', `There is no role ${unknown}.`)
  }
  if (withInherited(definitions, inherits).has(name))
    throw invalid('inherits', 'circular', 'A role cannot inherit itself, directly or through another role.')
}

const heirsOf = (definitions: Definitions, name: string): string[] =>
  [...definitions.keys()].filter((one) => withInherited(definitions, [one]).has(name))

type Lists = Pick<ServerRoleChange, 'permissions' | 'inherits' | 'grants'>
const sorted = (list: readonly string[]): string[] => [...new Set(list)].sort()
function listsOf<T extends Lists>({ permissions, inherits, grants }: T): Pick<T, keyof Lists> {
  const made = {
    permissions: permissions && sorted(permissions),
    inherits: inherits && sorted(inherits),
    grants: grants && sorted(grants),
  }
  return made as Pick<T, keyof Lists>
}

const isGiven = ([, value]: [string, unknown]): boolean => value !== undefined
type AuditedFields = Record<string, unknown>
const auditedFields = ({
  description,
  permissions,
  inherits,
  grants,
  rank,
  requires_mfa,
}: Role): AuditedFields => {
  return {
    description,
    permissions: sorted(permissions),
    inherits: sorted(inherits),
    grants: sorted(grants),
    rank,
    requires_mfa,
  }
}

/** The fields that differ, before and after. */
function difference(before: AuditedFields, after: AuditedFields): [from: AuditedFields, to: AuditedFields] {
  const fields = Object.keys(after).filter(
    (field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]),
  )
  const those = (all: AuditedFields) => Object.fromEntries(fields.map((field) => [field, all[field]]))
  return [those(before), those(after)]
}

const auditRole = (
  tx: Tx,
  call: Call,
  { userId, username }: Reach,
  type: 'role.created' | 'role.updated' | 'role.deleted',
  details: AuditedFields,
): Promise<void> => audit(tx, outside(call), { type, userId, username, details })
