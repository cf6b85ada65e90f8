/**
 * Roles and their effective permissions, as a replica in every process. Owns the replica of the tables `roles` and
 * `permissions`, the role presets, and the effective permissions of roles in organizations. Leaves changes of roles to
 * the access feature, and the check of a single permission to the guard's `can`.
 *
 * Invariant: after the commit of a change no process uses the state before it. A process whose LISTEN connection is
 * down reads the tables for every request.
 */
import { effectivePermissions, type RoleDefinition, withInherited } from '@latchkey/guard'
import type { Clock } from '../../base/clock.ts'
import type { Db, Tx } from '../../base/db/types.ts'
import { StartRefused } from '../../base/errors.ts'
import type { Log } from '../../base/log/index.ts'
import { createReplica } from '../../base/replica.ts'
import type { Config } from '../../config.ts'
import { BUILT_IN } from './organization-roles.ts'
import { defaultRole, PRESETS } from './presets.ts'
import { lockRoles, readStoredPermissions, readStoredRoles, upsertPreset } from './sql.ts'
import type { PermissionsTable, RolesTable } from './tables.ts'

export {
  isBuiltIn,
  ORGANIZATION_ROLES,
  type OrganizationRole,
} from './organization-roles.ts'
export { ADMIN_ROLES, adminRole, defaultRole, isAdminRole, isReservedRoleName } from './presets.ts'
export { lockRoles, readStoredPermissions, readStoredRoles } from './sql.ts'

export type Role = Readonly<RolesTable>
export type AppPermission = Readonly<PermissionsTable>

/** The permissions of a custom role of an organization, and the built-in role that it inherits from. */
interface CustomRole {
  permissions: readonly string[]
  inherits: string | null
}

const CHANNEL = 'latchkey_roles'
const MAX_CACHED = 1000

export interface Roles {
  /** Null where the replica is current; otherwise await it before reading from the replica. */
  fresh(): Promise<void> | null
  /** By rank, the most powerful first. */
  all(): readonly Role[]
  find(name: string): Role | null
  /** The permissions of a set of roles, inherited ones included; unknown names have no permissions. */
  permissionsOf(names: readonly string[]): readonly string[]
  /** The role with the highest rank, for clients that show one role; null for none. */
  primaryOf(names: readonly string[]): string | null
  /** The role and every role that inherits from it, directly or indirectly. */
  heirsOf(name: string): string[]
  /** The permissions that apps added. */
  appPermissions(): readonly AppPermission[]
  /** The permissions of a role inside an organization: of a built-in role by its name, of a custom role by its row. */
  organizationPermissionsOf(role: string, own: CustomRole | null): readonly string[]
  /** Notifies every process, with the commit, that roles or permissions have changed. */
  changed(tx: Tx): Promise<void>
  /** Creates the roles of the configured preset where they are missing, loads the replica and listens. */
  open(): Promise<void>
  close(): Promise<void>
}

export function createRoles(tools: {
  db: Db
  clock: Clock
  log: Log
  config: Pick<Config, 'rolePreset' | 'defaultRole'>
}): Roles {
  const { db, clock, log, config } = tools
  let roles: readonly Role[] = []
  let byName: ReadonlyMap<string, Role> = new Map()
  let app: readonly AppPermission[] = []
  let cache = new Map<string, readonly string[]>()
  const replica = createReplica({ db, log, name: 'roles', channel: CHANNEL, load })

  async function load(): Promise<void> {
    const [rows, permissions] = await Promise.all([readStoredRoles(db.hot), readStoredPermissions(db.hot)])
    roles = rows
    byName = new Map(rows.map((role) => [role.name, role]))
    app = permissions
    cache = new Map()
  }

  async function ensurePreset(): Promise<void> {
    if (roles.some(({ preset }) => preset === config.rolePreset)) return
    await db.tx('system', async (tx) => {
      await lockRoles(tx)
      const existing = await readStoredRoles(tx)
      if (existing.some(({ preset }) => preset === config.rolePreset)) return
      await upsertPreset(tx, config.rolePreset, PRESETS[config.rolePreset], clock.now())
    })
    await replica.reload()
  }

  /** Caches effective permissions, because every request reads them. */
  function cached(key: string, compute: () => readonly string[]): readonly string[] {
    let permissions = cache.get(key)
    if (!permissions) {
      permissions = compute()
      if (cache.size >= MAX_CACHED) cache.clear()
      cache.set(key, permissions)
    }
    return permissions
  }

  return {
    fresh: replica.fresh,
    all: () => roles,
    find: (name) => byName.get(name) ?? null,
    permissionsOf: (names) => cached(names.join(' '), () => effectivePermissions(byName, names)),
    primaryOf: (names) => roles.find(({ name }) => names.includes(name))?.name ?? names[0] ?? null,
    heirsOf: (name) =>
      roles.filter((role) => withInherited(byName, [role.name]).has(name)).map((role) => role.name),
    appPermissions: () => app,
    organizationPermissionsOf(role, own) {
      const key = own ? `/${own.inherits ?? ''} ${own.permissions.join(' ')}` : `/${role}`
      return cached(key, () => {
        const definitions = new Map<string, RoleDefinition>()
        for (const [name, built] of BUILT_IN) {
          const added = app.filter((one) => one.organization_roles.includes(name)).map((one) => one.name)
          definitions.set(name, { ...built, permissions: [...built.permissions, ...added] })
        }
        if (own)
          definitions.set('', {
            name: '',
            permissions: own.permissions,
            inherits: own.inherits ? [own.inherits] : [],
          })
        return effectivePermissions(definitions, [own ? '' : role])
      })
    },
    changed: (tx) => tx.notify(CHANNEL, ''),
    async open() {
      await replica.open()
      await ensurePreset()
      const role = defaultRole(config)
      if (!byName.has(role))
        throw new StartRefused(`LATCHKEY_DEFAULT_ROLE is ${role}, and there is no role of that name.`)
    },
    close: replica.close,
  }
}
