/**
 * Roles, as every request needs them: what each permits, at hand in this process. Owns the memory of the tables
 * `roles` and `permissions`, the presets they begin with, and what the built-in roles of organizations come to; leaves
 * changing them to the access feature, and judging a single permission to the guard's `can`.
 *
 * Invariant: from the commit of a change on, no process that hears the database uses what was before it; one that
 * does not hear it reads them anew for every request.
 */
import { effectivePermissions, type RoleDefinition, withInherited } from '@latchkey/guard'
import type { Clock } from '../../base/clock.ts'
import type { Db, Tx } from '../../base/db/types.ts'
import type { Log } from '../../base/log/index.ts'
import { createReplica } from '../../base/replica.ts'
import type { Config } from '../../config.ts'
import { BUILT_IN } from './organization-roles.ts'
import { defaultRole, PRESETS } from './presets.ts'
import { lockRoles, selectPermissions, selectRoles, upsertPreset } from './sql.ts'
import type { PermissionsTable, RolesTable } from './tables.ts'

export {
  isBuiltIn,
  ORGANIZATION_PERMISSIONS,
  ORGANIZATION_ROLES,
  type OrganizationRole,
} from './organization-roles.ts'
export { ADMIN_ROLES, adminRole, defaultRole, isAdminRole, PRESETS, type Preset } from './presets.ts'
export { SERVER_PERMISSIONS, type ServerPermission } from './server-permissions.ts'
export { lockRoles, selectPermissions, selectRoles } from './sql.ts'

export type Role = Readonly<RolesTable>
export type AppPermission = Readonly<PermissionsTable>

/** One of an organization's own roles, as far as what it permits depends on it. */
export interface OwnRole {
  permissions: readonly string[]
  inherits: string | null
}

const CHANNEL = 'latchkey_roles'
const MOST_SUMS = 1000

export interface Roles {
  /** Null where what is at hand is fresh; otherwise wait for it before using anything of it. */
  fresh(): Promise<void> | null
  /** The most powerful first. */
  all(): readonly Role[]
  find(name: string): Role | null
  /** Every permission of a set of roles, inherited ones included; names that nobody defined permit nothing. */
  permissionsOf(names: readonly string[]): readonly string[]
  /** The most powerful of several, for clients that show one; null for none. */
  primaryOf(names: readonly string[]): string | null
  /** The role and whatever inherits from it, directly or not. */
  heirsOf(name: string): string[]
  /** Permissions that apps brought. */
  appPermissions(): readonly AppPermission[]
  /** What a role permits inside an organization: a built-in one by itself, one of its own by its row. */
  organizationPermissionsOf(role: string, own: OwnRole | null): readonly string[]
  /** Tells every process that roles or permissions have changed; with the commit. */
  changed(tx: Tx): Promise<void>
  /** Puts the configured preset in place where it is not, and listens. */
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
  let sums = new Map<string, readonly string[]>()
  const replica = createReplica({ db, log, name: 'roles', channel: CHANNEL, load })

  async function load(): Promise<void> {
    const [found, brought] = await Promise.all([selectRoles(db.hot), selectPermissions(db.hot)])
    roles = found
    byName = new Map(found.map((role) => [role.name, role]))
    app = brought
    sums = new Map()
  }

  async function ensurePreset(): Promise<void> {
    if (roles.some(({ preset }) => preset === config.rolePreset)) return
    await db.tx('system', async (tx) => {
      await lockRoles(tx)
      const there = await selectRoles(tx)
      if (there.some(({ preset }) => preset === config.rolePreset)) return
      await upsertPreset(tx, config.rolePreset, PRESETS[config.rolePreset], clock.now())
    })
    await replica.reload()
  }

  /** Remembered, because it stands on the path of every request. */
  function summed(name: string, sum: () => readonly string[]): readonly string[] {
    let found = sums.get(name)
    if (!found) {
      found = sum()
      if (sums.size >= MOST_SUMS) sums.clear()
      sums.set(name, found)
    }
    return found
  }

  return {
    fresh: replica.fresh,
    all: () => roles,
    find: (name) => byName.get(name) ?? null,
    permissionsOf: (names) => summed(names.join(' '), () => effectivePermissions(byName, names)),
    primaryOf: (names) => roles.find(({ name }) => names.includes(name))?.name ?? names[0] ?? null,
    heirsOf: (name) =>
      roles.filter((role) => withInherited(byName, [role.name]).has(name)).map((role) => role.name),
    appPermissions: () => app,
    organizationPermissionsOf(role, own) {
      const key = own ? `/${own.inherits ?? ''} ${own.permissions.join(' ')}` : `/${role}`
      return summed(key, () => {
        const definitions = new Map<string, RoleDefinition>()
        for (const [name, built] of BUILT_IN) {
          const brought = app.filter((one) => one.organization_roles.includes(name)).map((one) => one.name)
          definitions.set(name, { ...built, permissions: [...built.permissions, ...brought] })
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
        throw new Error(`LATCHKEY_DEFAULT_ROLE is ${role}, and there is no role of that name`)
    },
    close: replica.close,
  }
}
