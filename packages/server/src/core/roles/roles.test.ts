/**
 * The replica of roles: current in every process, also while the LISTEN connection is down; and the start of a
 * server.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createApp } from '../../app.ts'
import { systemClock } from '../../base/clock.ts'
import type { Database } from '../../base/db/database.ts'
import { type Config, loadConfig } from '../../config.ts'
import { withoutListener } from '../../testing/connections.ts'
import { openTestDatabase, quietLog, testDatabaseKind } from '../../testing/database.ts'
import { freePort, startWorld, type World } from '../../testing/world.ts'
import { createRoles, lockRoles, type Roles, readStoredRoles } from './index.ts'

type RolesConfig = Pick<Config, 'rolePreset' | 'defaultRole'>
const LADDER: RolesConfig = { rolePreset: 'ladder', defaultRole: null }
const SERVICES: RolesConfig = { rolePreset: 'client-services', defaultRole: null }

let db: Database
const opened: Roles[] = []
beforeAll(async () => {
  db = await openTestDatabase()
})
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})
afterAll(() => db.close())

/** Another process's replica. */
async function open(config: RolesConfig = LADDER, on: Database = db): Promise<Roles> {
  const roles = createRoles({ db: on, clock: systemClock(), log: quietLog, config })
  opened.push(roles)
  await roles.open()
  return roles
}

const permit = (roles: Roles, name: string, permissions: string[], on: Database = db): Promise<void> =>
  on.tx('system', async (tx) => {
    await lockRoles(tx)
    await tx.updateTable('roles').set({ permissions }).where('name', '=', name).execute()
    await roles.changed(tx)
  })

describe('a change of roles', () => {
  it('takes effect immediately in its process, and soon in others', async () => {
    const [one, other] = [await open(), await open()]
    for (const permissions of [['chat:read'], ['chat:read', 'chat:write'], []]) {
      await permit(one, 'staff', permissions)
      await one.fresh()
      expect(one.find('staff')?.permissions).toEqual(permissions)
      await expect
        .poll(async () => {
          await other.fresh()
          return other.permissionsOf(['staff']).filter((name) => name.startsWith('chat:'))
        })
        .toEqual(permissions)
    }
  })

  it('that is rolled back has no effect', async () => {
    const one = await open()
    const before = one.permissionsOf(['viewer'])
    const failing = db.tx('system', async (tx) => {
      await tx
        .updateTable('roles')
        .set({ permissions: ['*'] })
        .where('name', '=', 'viewer')
        .execute()
      await one.changed(tx)
      throw new Error('not that')
    })
    await expect(failing).rejects.toThrow('not that')
    await one.fresh()
    expect(one.permissionsOf(['viewer'])).toEqual(before)
  })

  it('is not overwritten by an earlier read', async () => {
    const one = await open()
    for (let n = 0; n < 20; n++) {
      const wanted = [`round:${n}`]
      // a read is in progress during the change
      await Promise.all([one.fresh(), permit(one, 'viewer', wanted), one.fresh()])
      await one.fresh()
      expect(one.find('viewer')?.permissions).toEqual(wanted)
    }
  })

  it('invalidates cached effective permissions', async () => {
    const one = await open()
    await permit(one, 'viewer', ['a:b'])
    await one.fresh()
    expect(one.permissionsOf(['staff'])).toContain('a:b')
    await permit(one, 'viewer', ['c:d'])
    await one.fresh()
    expect(one.permissionsOf(['staff'])).toContain('c:d')
    expect(one.permissionsOf(['staff'])).not.toContain('a:b')
  })
})

const onItsOwnServer = testDatabaseKind() === 'postgres'
if (onItsOwnServer)
  describe('while the LISTEN connection is down', () => {
    it('roles are read for every request, and from the replica again when it is back', async () => {
      const one = await open()
      expect(one.fresh()).toBeNull()
      // without NOTIFY, like a process whose notification is lost
      const permitSilently = (permission: string) =>
        db.tx('system', (tx) =>
          tx
            .updateTable('roles')
            .set({ permissions: [permission] })
            .where('name', '=', 'viewer')
            .execute(),
        )
      await withoutListener(db, async () => {
        await expect.poll(() => one.fresh() !== null).toBe(true)
        for (let n = 0; n < 20; n++) {
          await permitSilently(`cut:${n}`)
          await one.fresh()
          expect(one.find('viewer')?.permissions).toEqual([`cut:${n}`])
        }
        await permitSilently('cut:last')
      })
      await expect.poll(() => one.fresh()).toBeNull()
      expect(one.find('viewer')?.permissions).toEqual(['cut:last'])
    })
  })

describe('a start', () => {
  it('creates a preset once, and keeps later changes', async () => {
    const one = await open()
    await permit(one, 'manager', ['users:read'])
    const before = await db.tx('system', readStoredRoles)
    const two = await open()
    expect(two.find('manager')?.permissions).toEqual(['users:read'])
    expect(await db.tx('system', readStoredRoles)).toEqual(before)
  })

  it('of two processes at once creates one preset', async () => {
    const fresh = await openTestDatabase()
    try {
      const made = await Promise.all([open(LADDER, fresh), open(LADDER, fresh), open(LADDER, fresh)])
      for (const one of made) expect(one.all()).toHaveLength(5)
      await Promise.all(opened.splice(-3).map((one) => one.close()))
    } finally {
      await fresh.close()
    }
  })

  it('with another preset adds its roles, takes over roles of the same name, and keeps the rest', async () => {
    const fresh = await openTestDatabase()
    try {
      await open(LADDER, fresh)
      const switched = await open(SERVICES, fresh)
      expect(switched.find('manager')).toMatchObject({ preset: 'client-services' })
      expect(switched.permissionsOf(['admin'])).toEqual(['*', ...switched.permissionsOf(['admin']).slice(1)])
      expect(switched.find('super_admin')).toMatchObject({ preset: 'ladder', permissions: ['*'] })
      expect(
        switched
          .all()
          .map(({ name }) => name)
          .sort(),
      ).toEqual([
        'admin',
        'administrator',
        'client',
        'employee',
        'manager',
        'staff',
        'super_admin',
        'user',
        'viewer',
      ])
      await Promise.all(opened.splice(-2).map((one) => one.close()))
    } finally {
      await fresh.close()
    }
  })

  it('is refused where the default role does not exist', async () => {
    await expect(open({ rolePreset: 'ladder', defaultRole: 'emperor' })).rejects.toThrow(
      'LATCHKEY_DEFAULT_ROLE is emperor, and there is no role of that name',
    )
    const config: Config = {
      ...loadConfig(
        {
          LATCHKEY_PROFILE: 'testing',
          LATCHKEY_PORT: String(await freePort()),
          LATCHKEY_SECRET: 'a secret of the tests, thirty-two characters',
          LATCHKEY_DEFAULT_ROLE: 'emperor',
        },
        { cwd: '/nonexistent' },
      ),
      logLevel: 'silent',
    }
    const database = await openTestDatabase()
    await expect(createApp({ config, database, log: quietLog })).rejects.toThrow('LATCHKEY_DEFAULT_ROLE')
  })
})

describe('new users', () => {
  let world: World
  afterEach(() => world.stop())

  it('get the role of LATCHKEY_DEFAULT_ROLE', async () => {
    world = await startWorld({ defaultRole: 'staff' })
    const { client } = await world.person()
    const { data } = await client.get('/api/v1/auth/me')
    expect(data.user).toMatchObject({ role: 'staff', roles: ['staff'] })
    expect(data.user.permissions).toContain('chat:*')
  })
})
