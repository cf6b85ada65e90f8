import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestDatabase } from '../../testing/database.ts'
import type { Database } from './database.ts'
import { isUniqueViolation, TransactionRolledBack } from './index.ts'
import type { Scope, Tx } from './types.ts'

let db: Database
const now = new Date('2026-03-01T12:00:00Z')
const as = (userId: string): Scope => ({ userId, organizationId: null, permissions: ['chat:read'] })
const addUser = (id: string) =>
  db.tx('system', (tx) =>
    tx
      .insertInto('users')
      .values({ id, username: id, username_key: id, full_name: null, locale: null, status: 'active', roles: ['user'], created_at: now, updated_at: now, last_login_at: null }) // biome-ignore format: a row
      .execute(),
  )
const whoAmI = sql<{
  role: string
  caller: string | null
}>`select current_user::text as role, latchkey.user_id() as caller`

beforeAll(async () => {
  db = await openTestDatabase()
  await addUser('usr_ann')
  await addUser('usr_bob')
})
afterAll(() => db.close())

describe('a transaction', () => {
  test('runs statements of every kind in the order of their calls, as a pipeline', async () => {
    await addUser('usr_order')
    const name = (to: string) => ({ full_name: to })
    const [, first, , second] = await db.tx('system', (tx) =>
      Promise.all([
        tx.updateTable('users').set(name('one')).where('id', '=', 'usr_order').execute(),
        sql<{ full_name: string }>`select full_name from users where id = 'usr_order'`.execute(tx),
        sql`update users set full_name = 'two' where id = 'usr_order'`.execute(tx),
        tx.selectFrom('users').select('full_name').where('id', '=', 'usr_order').executeTakeFirst(),
        tx.updateTable('users').set(name('three')).where('id', '=', 'usr_order').executeTakeFirst(),
      ]),
    )
    expect([first.rows[0]?.full_name, second?.full_name]).toEqual(['one', 'two'])
    expect(
      await db.hot.selectFrom('users').select('full_name').where('id', '=', 'usr_order').execute(),
    ).toEqual([{ full_name: 'three' }])
  })

  test('throws the error of the statement that failed, whichever of those sent together reports first', async () => {
    const failing = db.tx('system', async (tx) => {
      const late = sql`select 1 / 0`.execute(tx).catch(async (error: unknown) => {
        await new Promise(setImmediate)
        throw error
      })
      await Promise.all([late, sql`select 1`.execute(tx)])
    })
    await expect(failing).rejects.toThrow('division by zero')
  })

  test('of statements sent together is rolled back as a whole if one fails', async () => {
    await addUser('usr_together')
    const failing = db.tx('system', (tx) =>
      Promise.all([
        tx.updateTable('users').set({ full_name: 'Changed' }).where('id', '=', 'usr_together').execute(),
        sql`select 1 / 0`.execute(tx),
        tx.deleteFrom('users').where('id', '=', 'usr_together').execute(),
      ]),
    )
    await expect(failing).rejects.toThrow('division by zero')
    expect(
      await db.hot.selectFrom('users').select('full_name').where('id', '=', 'usr_together').execute(),
    ).toEqual([{ full_name: null }])
  })

  test('commits when the work resolves and rolls back when it throws', async () => {
    await addUser('usr_kept')
    const failing = db.tx('system', async (tx) => {
      await tx.updateTable('users').set({ full_name: 'Changed' }).where('id', '=', 'usr_kept').execute()
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    const kept = await db.hot
      .selectFrom('users')
      .select('full_name')
      .where('id', '=', 'usr_kept')
      .executeTakeFirstOrThrow()
    expect(kept.full_name).toBeNull()
  })

  test('throws when COMMIT was answered with ROLLBACK because an error was not rethrown', async () => {
    const swallowing = db.tx('system', async (tx) => {
      await tx.deleteFrom('users').where('id', '=', 'usr_ann').execute()
      await sql`select 1/0`.execute(tx).catch(() => {})
    })
    await expect(swallowing).rejects.toThrow(TransactionRolledBack)
    await expect(swallowing).rejects.toMatchObject({ cause: { code: '22012' } })
    expect(await db.hot.selectFrom('users').select('id').where('id', '=', 'usr_ann').execute()).toHaveLength(
      1,
    )
  })

  test('returns the number of rows that a statement changed', async () => {
    await db.tx('system', async (tx) => {
      const updated = await tx
        .updateTable('users')
        .set({ locale: 'de' })
        .where('id', 'in', ['usr_ann', 'usr_bob'])
        .executeTakeFirst()
      expect(updated.numUpdatedRows).toBe(2n)
      const deleted = await tx.deleteFrom('users').where('id', '=', 'usr_nobody').executeTakeFirst()
      expect(deleted.numDeletedRows).toBe(0n)
    })
  })

  test('refuses its tx after its end', async () => {
    const kept = await db.tx('system', async (tx) => tx)
    await expect(whoAmI.execute(kept)).rejects.toThrow('this transaction has ended')
  })

  test('refuses a second use of db from inside', async () => {
    await db.tx('system', async (tx) => {
      await expect(db.tx('system', async () => {})).rejects.toThrow('use its tx')
      await expect(db.run(whoAmI.compile(tx), [])).rejects.toThrow('use its tx')
      await expect(whoAmI.execute(db.hot)).rejects.toThrow('use its tx')
    })
    await db.tx('system', async () => {})
  })

  test('allows db to callbacks that run after its end', async () => {
    let later: Promise<unknown> = Promise.resolve()
    await db.tx('system', async () => {
      later = new Promise((done) => setTimeout(done, 50)).then(() => db.tx('system', async () => 'after'))
    })
    expect(await later).toBe('after')
  })

  test('does not open transactions through Kysely', async () => {
    expect(() => db.hot.transaction()).toThrow('db.tx')
    await db.tx('system', async (tx) => expect(() => tx.startTransaction()).toThrow('db.tx'))
  })
})

describe('an afterCommit callback', () => {
  test('runs after the commit, in order, and may throw without consequences', async () => {
    const seen: unknown[] = []
    await db.tx('system', async (tx) => {
      tx.afterCommit(() => seen.push('first'))
      tx.afterCommit(() => {
        throw new Error('logged')
      })
      tx.afterCommit(() => seen.push('second'))
      await whoAmI.execute(tx)
      expect(seen).toEqual([])
    })
    expect(seen).toEqual(['first', 'second'])
  })

  test('does not run after a rollback', async () => {
    const seen: unknown[] = []
    const failing = db.tx('system', async (tx) => {
      tx.afterCommit(() => seen.push('never'))
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(seen).toEqual([])
  })
})

describe('a scope', () => {
  test('restricts a caller to the rows of that caller, and does not restrict the system', async () => {
    const mine = await db.tx(as('usr_ann'), (tx) => tx.selectFrom('users').select('id').execute())
    expect(mine).toEqual([{ id: 'usr_ann' }])
    const all = await db.tx('system', (tx) => tx.selectFrom('users').select('id').execute())
    expect(all.length).toBeGreaterThan(1)
  })

  test('gives the policies the caller, the organization and the permissions', async () => {
    const { rows } = await db.tx(
      { userId: 'usr_ann', organizationId: 'org_1', permissions: ['a:read', 'b:*'] },
      (tx) =>
        sql`select latchkey.user_id() as u, latchkey.organization_id() as o, latchkey.has_permission('a:read') as a,
        latchkey.has_permission('a:write') as w, latchkey.has_permission('b:write') as b`.execute(tx),
    )
    expect(rows).toEqual([{ u: 'usr_ann', o: 'org_1', a: true, w: false, b: true }])
  })

  test('does not outlive its transaction, whether that ended well or not', async () => {
    for (let round = 0; round < 8; round++) {
      await db.tx(as('usr_ann'), async (tx) => void (await whoAmI.execute(tx)))
      await db.tx(as('usr_ann'), async (tx) => void (await sql`select 1/0`.execute(tx))).catch(() => {})
      expect((await db.tx('system', (tx) => whoAmI.execute(tx))).rows).toEqual([
        { role: 'latchkey_system', caller: null },
      ])
      expect((await whoAmI.execute(db.hot)).rows).toEqual([{ role: 'latchkey_system', caller: null }])
    }
  })

  test('belongs to its transaction when many run concurrently', async () => {
    const users = Array.from({ length: 40 }, (_, at) => `usr_${at}`)
    const seen = await Promise.all(
      users.map((userId) =>
        db.tx(as(userId), async (tx) => {
          const before = await whoAmI.execute(tx)
          await sql`select pg_sleep(0.002)`.execute(tx)
          const after = await whoAmI.execute(tx)
          return [...before.rows, ...after.rows].map(({ role, caller }) => `${role} ${caller}`)
        }),
      ),
    )
    expect(seen).toEqual(users.map((userId) => [`latchkey_request ${userId}`, `latchkey_request ${userId}`]))
  })

  test('cannot be replaced by one that sees more', async () => {
    const tryAs = (statement: string) => db.tx(as('usr_ann'), (tx) => sql.raw(statement).execute(tx))
    await expect(tryAs('select * from latchkey.passwords')).rejects.toMatchObject({ code: '42501' })
    await expect(tryAs(`update latchkey.users set roles = '{admin}'`)).rejects.toMatchObject({
      code: '42501',
    })
  })
})

describe('statements with the commit', () => {
  const rename = (id: string, name: string) =>
    db.hot.updateTable('users').set({ full_name: name }).where('id', '=', id).compile()
  const nameOf = async (id: string) =>
    (await db.hot.selectFrom('users').select('full_name').where('id', '=', id).executeTakeFirst())?.full_name

  test('run after all others, and are committed with them', async () => {
    await addUser('usr_last')
    await addUser('usr_last2')
    await db.tx('system', async (tx) => {
      tx.withCommit([rename('usr_last', 'at the end')])
      tx.withCommit([rename('usr_last2', 'as well')])
      await tx.executeQuery(rename('usr_last', 'before'))
    })
    expect([await nameOf('usr_last'), await nameOf('usr_last2')]).toEqual(['at the end', 'as well'])
  })

  test('roll the transaction back where one fails, and throw its error; the connection is used again', async () => {
    await addUser('usr_undone')
    const before = await db.hot.selectFrom('users').select('id').execute()
    for (let i = 0; i < 12; i++) {
      const failing = db.tx('system', async (tx) => {
        await tx.executeQuery(rename('usr_undone', 'undone'))
        const again = sql`insert into users select * from users where id = 'usr_undone'`
        tx.withCommit([rename('usr_undone', 'undone'), again.compile(tx)])
      })
      await expect(failing).rejects.toSatisfy((error) => isUniqueViolation(error))
    }
    expect(await nameOf('usr_undone')).toBeNull()
    expect(await db.hot.selectFrom('users').select('id').execute()).toEqual(before)
  })

  test('are not sent where the work fails', async () => {
    await addUser('usr_spared')
    const failing = db.tx('system', async (tx) => {
      tx.withCommit([rename('usr_spared', 'never')])
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await nameOf('usr_spared')).toBeNull()
  })

  test('run in the scope of the transaction: asSystem cannot add to them', async () => {
    const adding = db.tx(as('usr_ann'), (tx) =>
      tx.asSystem(async (system) => system.withCommit([rename('usr_bob', 'by the system')])),
    )
    await expect(adding).rejects.toThrow('in the scope of the transaction')
    await db.tx(as('usr_ann'), async (tx) => tx.withCommit([rename('usr_bob', 'by another user')]))
    expect(await nameOf('usr_bob')).toBeNull()
    let ended: Tx | undefined
    await db.tx('system', async (tx) => {
      ended = tx
    })
    expect(() => ended?.withCommit([])).toThrow('has ended')
  })
})

describe('asSystem', () => {
  const roles = async (tx: Tx) => (await whoAmI.execute(tx)).rows[0]?.role
  const seen = (tx: Tx) => tx.selectFrom('users').select('id').execute()

  test('has the privileges of the system inside, and those of the caller before and after', async () => {
    await db.tx(as('usr_ann'), async (tx) => {
      expect(await roles(tx)).toBe('latchkey_request')
      const inside = await tx.asSystem(async (system) => [await roles(system), (await seen(system)).length])
      expect(inside).toEqual(['latchkey_system', expect.any(Number)])
      expect(inside[1]).toBeGreaterThan(1)
      expect(await roles(tx)).toBe('latchkey_request')
      expect(await seen(tx)).toEqual([{ id: 'usr_ann' }])
      expect((await whoAmI.execute(tx)).rows[0]?.caller).toBe('usr_ann')
    })
  })

  test('ends with its work when that throws, and the transaction continues as the caller', async () => {
    await db.tx(as('usr_ann'), async (tx) => {
      const failing = tx.asSystem(async (system) => {
        await seen(system)
        throw new Error('no')
      })
      await expect(failing).rejects.toThrow('no')
      expect(await roles(tx)).toBe('latchkey_request')
      expect(await seen(tx)).toEqual([{ id: 'usr_ann' }])
    })
  })

  test('aborts the transaction when a statement inside fails, also with a savepoint before it', async () => {
    const aborted = db.tx(as('usr_ann'), async (tx) => {
      await sql`savepoint before`.execute(tx)
      await tx.asSystem((system) => sql`select 1 / 0`.execute(system)).catch(() => {})
      // no statement runs until the rollback to the savepoint, which restores the earlier settings
      await expect(seen(tx)).rejects.toMatchObject({ code: '25P02' })
      await sql`rollback to before`.execute(tx)
      expect(await roles(tx)).toBe('latchkey_request')
      expect(await seen(tx)).toEqual([{ id: 'usr_ann' }])
    })
    await aborted
    const swallowed = db.tx(as('usr_ann'), async (tx) => {
      await tx.asSystem((system) => sql`select 1 / 0`.execute(system)).catch(() => {})
    })
    await expect(swallowed).rejects.toThrow(TransactionRolledBack)
    expect((await db.tx(as('usr_bob'), (tx) => whoAmI.execute(tx))).rows).toEqual([
      { role: 'latchkey_request', caller: 'usr_bob' },
    ])
  })

  test('limits each tx to its role: that of the caller is refused inside, that of the system afterwards', async () => {
    await db.tx(as('usr_ann'), async (tx) => {
      let kept: Tx | null = null
      await tx.asSystem(async (system) => {
        kept = system
        await expect(seen(tx)).rejects.toThrow('inside asSystem')
      })
      await expect(seen(kept as unknown as Tx)).rejects.toThrow()
      expect(await seen(tx)).toEqual([{ id: 'usr_ann' }])
    })
  })

  test('does not begin while a statement of the caller is pending', async () => {
    await db.tx(as('usr_ann'), async (tx) => {
      const own = seen(tx)
      await expect(tx.asSystem(seen)).rejects.toThrow('is pending')
      expect(await own).toEqual([{ id: 'usr_ann' }])
    })
  })

  test('leaves no statement behind that would run with the privileges of the system', async () => {
    const found = await db.tx(as('usr_ann'), async (tx) => {
      let late: Promise<unknown> = Promise.resolve()
      await tx.asSystem(async (system) => {
        // called and not awaited: it was sent as the system, before asSystem ended
        late = sql`select pg_sleep(0.05), current_user::text as role`.execute(system)
      })
      return [await roles(tx), ((await late) as { rows: { role: string }[] }).rows[0]?.role]
    })
    expect(found).toEqual(['latchkey_request', 'latchkey_system'])
  })

  test('cannot be nested', async () => {
    await db.tx(as('usr_ann'), async (tx) => {
      await tx.asSystem(async (system) => {
        await expect(tx.asSystem(seen)).rejects.toThrow('asSystem does not nest')
        expect(await roles(system)).toBe('latchkey_system')
      })
      const [first, second] = await Promise.allSettled([tx.asSystem(roles), tx.asSystem(roles)])
      expect([first.status, second.status]).toEqual(['fulfilled', 'rejected'])
      expect(await roles(tx)).toBe('latchkey_request')
    })
  })

  test('has no effect in a transaction of the system', async () => {
    await db.tx('system', async (tx) => expect(await tx.asSystem(roles)).toBe('latchkey_system'))
  })
})

describe('single statements', () => {
  test('run compiled once with different parameters, many concurrently', async () => {
    const find = db.hot.selectFrom('users').select('id').where('id', '=', '').compile()
    const ids = Array.from({ length: 200 }, (_, at) => (at % 2 ? 'usr_ann' : 'usr_bob'))
    const found = await Promise.all(ids.map((id) => db.run(find, [id])))
    expect(found.map(([row]) => row?.id)).toEqual(ids)
  })

  test('fail separately: the one after an error is answered', async () => {
    const good = db.hot.selectFrom('users').select('id').where('id', '=', 'usr_ann').execute()
    const [bad, next] = await Promise.allSettled([sql`select 1/0`.execute(db.hot), good])
    expect(bad.status).toBe('rejected')
    expect(next.status).toBe('fulfilled')
  })

  test('keep a bounded number of prepared statements', async () => {
    for (let at = 0; at < 600; at++) await sql.raw(`select ${at} as n`).execute(db.hot)
    const { rows } = await sql<{ n: number }>`select count(*) as n from pg_prepared_statements`.execute(
      db.hot,
    )
    expect(rows[0]?.n).toBeLessThan(520)
  })

  test('are prepared again when a migration changed their result type', async () => {
    await db.asOwner((connection) =>
      connection.plain('create table latchkey.changing (a int); insert into latchkey.changing values (1)'),
    )
    const all = sql`select * from changing`
    const four = () => Promise.all(Array.from({ length: 4 }, () => all.execute(db.hot)))
    expect((await four())[3]?.rows).toEqual([{ a: 1 }])
    await db.asOwner((connection) =>
      connection.plain('alter table latchkey.changing add column b int default 2'),
    )
    expect((await four())[3]?.rows).toEqual([{ a: 1, b: 2 }])
    await db.asOwner((connection) => connection.plain('drop table latchkey.changing'))
  })
})

test('both databases accept and return the same types', async () => {
  const at = new Date('2026-01-02T03:04:05.678Z')
  const { rows } = await sql`select ${at}::timestamptz as at, ${Buffer.from([0, 255, 92])}::bytea as bytes,
    ${['a', 'b,"c\\', '']}::text[] as list, ${JSON.stringify({ a: [1, null] })}::jsonb as json, ${7}::int as int,
    9007199254740991::int8 as big, (select count(*) from users where id = ${'usr_ann'}) as count, ${true}::boolean as yes,
    ${null}::text as nothing, '2026-02-03'::date as day, ${1.5}::float8 as float`.execute(db.hot)
  expect(rows).toEqual([
    { at, bytes: Buffer.from([0, 255, 92]), list: ['a', 'b,"c\\', ''], json: { a: [1, null] }, int: 7, big: 9007199254740991, count: 1, yes: true, nothing: null, day: '2026-02-03', float: 1.5 }, // biome-ignore format: a row
  ])
})

test('a unique violation names its constraint', async () => {
  const error = await addUser('usr_ann').catch((thrown: unknown) => thrown)
  expect(isUniqueViolation(error)).toBe(true)
  expect(isUniqueViolation(error, 'users_pkey')).toBe(true)
  expect(isUniqueViolation(error, 'users_username')).toBe(false)
  expect(isUniqueViolation(new Error('users_pkey'))).toBe(false)
})

test('a notification of a transaction has reached this process when the transaction is done', async () => {
  const heard: string[] = []
  const stop = await db.listen('changes', (payload) => heard.push(payload))
  await db.tx('system', (tx) => tx.notify('changes', 'one'))
  expect(heard[0]).toBe('one')
  await db.tx('system', async (tx) => {
    await tx.notify('changes', 'never')
    throw new Error('no')
  }).catch(() => {}) // biome-ignore format: it reads as one line
  await stop()
  expect(new Set(heard)).toEqual(new Set(['one']))
})

test('notifications reach listeners until they unsubscribe', async () => {
  const heard: string[] = []
  const stop = await db.listen('changes', (payload) => heard.push(payload))
  await db.tx('system', (tx) => sql`select pg_notify('changes', 'one')`.execute(tx))
  await db.tx('system', async (tx) => {
    await sql`select pg_notify('changes', 'never')`.execute(tx)
    throw new Error('no')
  }).catch(() => {}) // biome-ignore format: it reads as one line
  await expect.poll(() => heard).toEqual(['one'])
  await stop()
  await sql`select pg_notify('changes', 'two')`.execute(db.hot)
  await expect(db.listen('a b', () => {})).rejects.toThrow('not a channel name')
  await new Promise((done) => setTimeout(done, 100))
  expect(heard).toEqual(['one'])
})
