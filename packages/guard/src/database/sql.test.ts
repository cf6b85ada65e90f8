/** The SQL functions of the guard equal those of the server, and decide as can() does. */
import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestDatabase } from '../../../server/src/testing/database.ts'
import { can } from '../can.ts'
import { type AppDatabase, openAppDatabase } from '../testing/databases.ts'
import { unitOfWork } from './pg.ts'
import { latchkeySql } from './sql.ts'

const FUNCTIONS = `select p.oid::regprocedure::text as name, p.prosrc as body, p.provolatile as volatile,
  p.proparallel as parallel, p.prosecdef as definer, p.proleakproof as leakproof, p.proconfig as config
  from pg_catalog.pg_proc p 
  where p.pronamespace = 'latchkey'::regnamespace and p.prorettype <> 'trigger'::regtype order by 1`

let app: AppDatabase
let pool: pg.Pool
beforeAll(async () => {
  app = await openAppDatabase('')
  pool = app.pool()
})
afterAll(() => app.close())

describe('the functions for the database of an app', () => {
  it('equal those of the migrations of the server', async () => {
    const server = await openTestDatabase()
    const { rows } = await server.asOwner((line) => line.plain(`set search_path = latchkey; ${FUNCTIONS}`))
    await server.close()
    const client = await pool.connect()
    await client.query('set search_path = latchkey')
    const own = await client.query(FUNCTIONS)
    await client.query('reset search_path')
    client.release()
    expect(own.rows.map(({ name }) => name)).toEqual([
      'grants(text,text)',
      'has_organization_permission(text)',
      'has_permission(text)',
      'organization_id()',
      'user_id()',
    ])
    expect(own.rows).toEqual(rows)
    for (const row of own.rows) expect(row).toMatchObject({ definer: false, parallel: 's', config: null })
  })

  it('may be installed again', () => app.owner(latchkeySql))

  it('return no user and no permissions where nothing was set', async () => {
    const asked = `select latchkey.user_id() as u, latchkey.organization_id() as o, latchkey.has_permission('a:b') as p,
      latchkey.has_organization_permission('a:b') as m`
    const nothing = { u: null, o: null, p: false, m: false }
    expect((await pool.query(asked)).rows).toEqual([nothing])
    const anonymous = unitOfWork(pool, { role: app.role, anonymous: true })
    const all = { userId: '', organizationId: 'org_1', permissions: ['*'], organizationPermissions: ['*'] }
    expect(await anonymous(all, async (tx) => (await tx.query(asked)).rows)).toEqual([nothing])
    expect((await pool.query(asked)).rows).toEqual([nothing])
    const outside = { userId: 'u', organizationId: null, permissions: [], organizationPermissions: ['*'] }
    const asCaller = unitOfWork(pool, { role: app.role })
    expect(await asCaller(outside, async (tx) => (await tx.query(asked)).rows)).toEqual([
      { ...nothing, u: 'u' },
    ])
  })

  it('decide as can() for any grants and any permission', async () => {
    const asCaller = unitOfWork(pool, { role: app.role })
    const word = fc.constantFrom('a', 'b', 'ab', '*', '', 'a b', 'A', 'a%', '_')
    const permission = fc.oneof(
      fc.tuple(word, word).map(([resource, action]) => `${resource}:${action}`),
      fc.constantFrom('*', '', ':', 'a', '::', 'a:b:c', '*:b:c', ' ', 'a:b *'),
    )
    const matrix = fc.tuple(fc.array(permission, { maxLength: 4 }), permission)
    await fc.assert(
      fc.asyncProperty(fc.array(matrix, { minLength: 40, maxLength: 40 }), async (cases) => {
        for (const [permissions, wanted] of cases) {
          const caller = {
            userId: 'u',
            organizationId: 'o',
            permissions,
            organizationPermissions: permissions,
          }
          const [row] = await asCaller(caller, async (tx) => {
            const { rows } = await tx.query(
              'select latchkey.has_permission($1) as server, latchkey.has_organization_permission($1) as here',
              [wanted],
            )
            return rows
          })
          const expected = can({ permissions: permissions.filter((held) => !held.includes(' ')) }, wanted)
          expect({ permissions, wanted, ...row }).toEqual({
            permissions,
            wanted,
            server: expected,
            here: expected,
          })
        }
      }),
      { numRuns: 15 },
    )
  })
})
