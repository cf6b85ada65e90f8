/**
 * `backup` and `restore` as processes: a backup that is made while a server serves is restored into either kind of
 * database, equal row by row; what is damaged, foreign or interrupted never becomes a database that starts.
 */
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keyring } from '../../packages/server/src/base/crypto.ts'
import { openDatabase } from '../../packages/server/src/base/db/index.ts'
import { migrateUp } from '../../packages/server/src/base/db/migrate.ts'
import { knownMigrations } from '../../packages/server/src/base/db/migration-files.ts'
import { BACKUP_FORMAT, writeBackup } from '../../packages/server/src/core/moves/backup-file.ts'
import { describeTables } from '../../packages/server/src/core/moves/catalog.ts'
import { type Digests, digestOf } from '../../packages/server/src/core/moves/digest.ts'
import { readPage } from '../../packages/server/src/core/moves/pages.ts'
import { quietLog } from '../../packages/server/src/testing/database.ts'
import { blocksOf, Shell } from '../setup/console.ts'
import { MAY_MOUNT, mountDisk } from '../setup/disk.ts'
import { everyRow, oddValues, SECRET, settings, startOn, statuses } from './moves-filled.ts'
import { BUNDLE, hasRow, type Moves, ROOT, rowsOf, startMoves } from './moves-run.ts'

const ALL_VALID = { password: 200, session: 200, key: 200, refresh: 200, app: 200, passkey: 200, factor: 200 }

let moves: Moves
let dataDir: string
/** A backup of it. */
let file: string
let count = 0
beforeAll(async () => {
  moves = await startMoves()
  dataDir = await moves.dataDir()
  const node = await startOn(null, settings(dataDir, moves.port))
  await oddValues(node.app.tools.db, 16)
  await node.stop()
  file = join(moves.folder, 'first.backup')
  expect(await moves.run(['backup', '--to', file], dataDir)).toMatchObject({ exit: 0, json: { file } })
}, 240_000)
afterAll(() => moves.stop())

const folder = (): string => join(moves.folder, `restored${++count}`)
const restore = (path: string, into: string, env: Record<string, string> = {}, ...more: string[]) =>
  moves.run(['restore', path, ...more], into, env)

describe('a backup', () => {
  it('has every row, in a file for its owner alone', async () => {
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    const there = folder()
    expect(await restore(file, there)).toMatchObject({ exit: 0, json: { verified: false } })
    expect(await everyRow(null, there)).toEqual(await everyRow(null, dataDir))
    expect((await readdir(there)).sort()).toEqual([
      'database',
      expect.stringMatching(/^lock/),
      expect.stringMatching(/^lock/),
    ])
    const url = await moves.database()
    expect((await restore(file, folder(), { DATABASE_URL: url })).exit).toBe(0)
    expect(await everyRow(url, null)).toEqual(await everyRow(null, dataDir))
    expect(await hasRow(url, `select from pg_class where relname = 'unfinished_move'`)).toBe(false)
    const node = await startOn(url, settings(there, moves.port))
    try {
      expect(await statuses(node, moves.filled)).toEqual(ALL_VALID)
      // of PostgreSQL, while a server serves
      const second = join(moves.folder, 'second.backup')
      expect((await moves.run(['backup', '--to', second], there, { DATABASE_URL: url })).exit).toBe(0)
      const verified = await restore(second, there, {}, '--verify')
      expect(verified).toMatchObject({ exit: 0, json: { verified: true, tables: { users: 3 } } })
    } finally {
      await node.stop()
    }
  })

  it('is made of the embedded database while a server serves it', async () => {
    const served = await moves.dataDir()
    const server = moves.start(['start'], served)
    try {
      await expect.poll(() => existsSync(join(served, 'control', 'socket'))).toBe(true)
      const path = join(moves.folder, 'served.backup')
      expect(await moves.run(['backup', '--to', path], served)).toMatchObject({
        exit: 0,
        json: { tables: { users: 3 } },
      })
      expect(existsSync(join(served, 'snapshot'))).toBe(false)
      expect((await moves.run(['users', 'list'], served)).exit).toBe(0)
      expect((await restore(path, folder(), {}, '--verify')).exit).toBe(0)
      expect(await moves.run(['backup', '--to', path], served)).toMatchObject({
        json: { error: { code: 'FILE_EXISTS' } },
      })
    } finally {
      await server.killWhen(async () => true)
    }
  })

  it('that is killed or meets a full disk leaves no file with its name', async () => {
    const path = join(moves.folder, 'killed.backup')
    const draft = `${path}.unfinished`
    await moves.start(['backup', '--to', path], dataDir).killWhen(async () => existsSync(draft))
    expect(existsSync(path)).toBe(false)
    expect((await moves.run(['backup', '--to', path], dataDir)).exit).toBe(0)
    expect([existsSync(path), existsSync(draft), existsSync(join(dataDir, 'snapshot'))]).toEqual([
      true,
      false,
      false,
    ])
    const missing = await moves.run(['backup', '--to', join(moves.folder, 'none', 'a.backup')], dataDir)
    expect(missing.json.error).toMatchObject({
      code: 'FILE_UNUSABLE',
      message: expect.stringContaining('no such file'),
    })
    if (!MAY_MOUNT) return
    const disk = await mountDisk(1)
    try {
      const full = await moves.run(['backup', '--to', join(disk.folder, 'a.backup')], dataDir)
      expect(full.json.error).toMatchObject({
        code: 'FILE_UNUSABLE',
        message: expect.stringContaining('the disk is full'),
      })
      expect(await readdir(disk.folder)).toEqual([])
    } finally {
      await disk.remove()
    }
  })
})

it('is described by a guide, whose commands are executed as printed', async () => {
  const [made = '', restored = '', ...more] = blocksOf(
    await readFile(join(ROOT, 'docs/guides/backups.md'), 'utf8'),
    'sh',
  ).map((block) => block.replaceAll('/srv/backups', moves.folder).trim())
  expect(more).toEqual([])
  const shell = new Shell(moves.folder, {
    LATCHKEY_PROFILE: 'testing',
    LATCHKEY_SECRET: SECRET,
    LATCHKEY_DATA_DIR: dataDir,
  })
  try {
    await shell.run(`latchkey() { '${process.execPath}' '${BUNDLE}' "$@"; }`)
    expect(await shell.run(made)).toMatch(/^Wrote \d+ rows in \d+ tables to .*\n.* can be restored: \d+ rows/)
    await shell.run(`export LATCHKEY_DATA_DIR='${folder()}'`)
    expect(await shell.run(restored)).toMatch(/^Restored \d+ rows in \d+ tables\.\n[\s\S]*Ended/)
  } finally {
    await shell.close()
  }
})

describe('a restoration', () => {
  it('refuses files that are cut off, changed, foreign, of another secret or of a newer version', async () => {
    const whole = await readFile(file)
    const lines = gunzipSync(whole).toString().split('\n')
    const [header = ''] = lines
    const changed = (from: string, to: string) => gzipSync(lines.join('\n').replace(from, to))
    const broken: readonly (readonly [string, Buffer, string])[] = [
      ['cut', whole.subarray(0, whole.length - 100), 'BACKUP_DAMAGED'],
      ['without an end', gzipSync(`${lines.slice(0, -2).join('\n')}\n`), 'BACKUP_DAMAGED'],
      [
        'a bit',
        Buffer.concat([whole.subarray(0, 5000), Buffer.from([(whole[5000] ?? 0) ^ 1]), whole.subarray(5001)]),
        'BACKUP_DAMAGED',
      ],
      ['another address', changed('grace@example.com', 'mallo@example.com'), 'BACKUP_DAMAGED'],
      ['text', Buffer.from('no backup'), 'NOT_A_BACKUP'],
      [
        'a table',
        gzipSync(lines.join('\n').replaceAll('"table":"users"', '"table":"users; drop"')),
        'BACKUP_DAMAGED',
      ],
      [
        'newer',
        gzipSync(
          lines
            .join('\n')
            .replace(
              header,
              header.replace(/"migrations":\[/, '"migrations":[{"name":"9999_later","checksum":""},'),
            ),
        ),
        'BACKUP_NEWER',
      ],
    ]
    for (const [name, bytes, code] of broken) {
      const path = join(moves.folder, `${name}.backup`)
      await writeFile(path, bytes)
      const there = folder()
      const { exit, json } = await restore(path, there)
      expect([name, exit, json.error.code]).toEqual([name, 1, code])
      expect([existsSync(join(there, 'database')), existsSync(join(there, 'restoring'))]).toEqual([
        false,
        false,
      ])
    }
    const other = { LATCHKEY_SECRET: 'quite another secret, also of thirty-two characters' }
    expect((await restore(file, folder(), other)).json.error.message).toMatch(/LATCHKEY_SECRET/)
    expect((await restore(join(moves.folder, 'none'), folder())).json.error.code).toBe('FILE_UNUSABLE')
  })

  it('refuses a target that is not empty', async () => {
    expect((await restore(file, dataDir)).json.error.code).toBe('TARGET_NOT_EMPTY')
    const url = await moves.database()
    expect((await moves.run(['migrate', 'up'], dataDir, { DATABASE_URL: url })).exit).toBe(0)
    expect((await restore(file, dataDir, { DATABASE_URL: url })).json.error.code).toBe('TARGET_NOT_EMPTY')
  })

  it('that is killed leaves nothing that starts, and is repeated', async () => {
    const there = folder()
    await mkdir(there)
    await moves
      .start(['restore', file], there)
      .killWhen(async () => existsSync(join(there, 'restoring', 'database', 'PG_VERSION')))
    expect(existsSync(join(there, 'database'))).toBe(false)
    expect((await restore(file, there)).exit).toBe(0)
    expect(await everyRow(null, there)).toEqual(await everyRow(null, dataDir))

    const url = await moves.database()
    const copied = `select from latchkey.unfinished_move where item = 'users'`
    await moves.start(['restore', file], there, { DATABASE_URL: url }).killWhen(() => hasRow(url, copied))
    const refused = await moves.run(['start'], there, { DATABASE_URL: url })
    expect(refused.json.error).toMatchObject({
      code: 'START_REFUSED',
      message: expect.stringContaining('latchkey restore'),
    })
    expect((await restore(file, there, { DATABASE_URL: url })).exit).toBe(0)
    expect(await everyRow(url, null)).toEqual(await everyRow(null, dataDir))
  })

  it('reads the backup of an older version, and migrates what it has restored', async () => {
    const older = knownMigrations().slice(0, -1)
    const options = {
      databaseUrl: null,
      dataDir: null,
      pool: 1,
      guardNesting: false,
      log: quietLog,
      template: null,
    }
    const db = await openDatabase(options)
    await migrateUp(db, { migrations: older })
    const path = join(moves.folder, 'older.backup')
    await db.asOwner(async (connection) => {
      await connection.plain(`insert into latchkey.users (id, username, username_key, status, roles, created_at, updated_at)
        values ('usr_1', 'ada', 'ada', 'active', '{viewer}', now(), now())`)
      const ring = keyring(SECRET)
      const writer = await writeBackup(path, (text) => ring.macs('backups', text))
      const tables = await describeTables(connection)
      const migrations = older.map(({ name, checksum }) => ({ name, checksum }))
      await writer.header({
        format: BACKUP_FORMAT,
        at: '2026-01-01T00:00:00Z',
        version: '0.0.9',
        migrations,
        tables,
      })
      const digests: Record<string, Digests[string]> = {}
      for (const table of tables) {
        digests[table.name] = await digestOf(connection, table)
        const page = await readPage(connection, table, null)
        if (page.last) await writer.page({ table: table.name, ...page })
      }
      await writer.end(digests)
    })
    await db.close()
    const url = await moves.database()
    expect(await restore(path, folder(), { DATABASE_URL: url })).toMatchObject({
      exit: 0,
      json: { tables: { users: 1 } },
    })
    const last = knownMigrations().at(-1)?.name
    expect(await rowsOf(url, `select max(name) as last from latchkey.migrations`)).toEqual([{ last }])
    expect((await everyRow(url, null)).users).toHaveLength(1)
  })
})
