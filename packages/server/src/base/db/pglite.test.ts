import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createTestDatabase, quietLog } from '../../testing/database.ts'
import { DataDirInUse, migrateUp, openDatabase } from './index.ts'

describe('the embedded database', () => {
  let dataDir: string
  let template: Buffer | null
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'latchkey-data-'))
    template = (await createTestDatabase()).template
  })
  afterEach(() => rm(dataDir, { recursive: true, force: true }))
  const open = (from: Buffer | null = template) =>
    openDatabase({
      databaseUrl: null,
      dataDir,
      pool: 1,
      guardNesting: true,
      log: quietLog,
      template: from,
      controlSocket: '/x',
    })

  test('starts from the template, keeps its data, and can be opened by one process', async () => {
    const first = await open()
    expect(await first.pendingMigrations()).toEqual([])
    await first.tx('system', (tx) =>
      tx
        .insertInto('recurring')
        .values({ name: 'kept', next_at: new Date(0) })
        .execute(),
    )
    await first.close()
    const second = await open()
    expect(await second.hot.selectFrom('recurring').select('name').execute()).toEqual([{ name: 'kept' }])
    // the error names the process that holds it
    const error = await open().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(DataDirInUse)
    expect(error).toMatchObject({ holder: { pid: process.pid, controlSocket: '/x' } })
    await second.close()
  })

  test('ignores a template that cannot be read, and refuses statements before it is migrated', async () => {
    const db = await open(Buffer.from('no archive'))
    expect((await db.pendingMigrations()).length).toBeGreaterThan(0)
    await expect(db.tx('system', async () => {})).rejects.toThrow('not been migrated')
    expect(await db.isReachable()).toBe(false)
    await migrateUp(db)
    expect(await db.isReachable()).toBe(true)
    await db.close()
  })

  test('is created again if its first start was interrupted, and only then', async () => {
    const interrupted = await open()
    await interrupted.tx('system', (tx) =>
      tx
        .insertInto('recurring')
        .values({ name: 'of no value', next_at: new Date(0) })
        .execute(),
    )
    await interrupted.close()
    await writeFile(join(dataDir, 'database.unfinished'), '')
    const db = await open()
    expect(await db.hot.selectFrom('recurring').select('name').execute()).toEqual([])
    expect(existsSync(join(dataDir, 'database.unfinished'))).toBe(false)
    await db.close()
  })

  test('yields to timers between statements', async () => {
    const db = await open()
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    // without yielding no timer would fire, however many statements there are
    for (let at = 0; at < 10_000 && ticks <= 3; at++) await db.isReachable()
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(3)
    await db.close()
  })
})
