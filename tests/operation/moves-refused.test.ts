/** What `promote` and `demote` refuse, with a sentence and before anything is written. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../packages/server/src/testing/world.ts'
import { SECRET, settings, startOn } from './moves-filled.ts'
import { type Moves, rowsOf, startMoves } from './moves-run.ts'
import { statement } from './node.ts'

let moves: Moves
/** Every refusal is tried on it: none of them changes it. */
let dataDir: string
beforeAll(async () => {
  moves = await startMoves()
  dataDir = await moves.dataDir()
}, 240_000)
afterAll(() => moves.stop())

async function refusal(words: string[], env: Record<string, string> = {}, folder = dataDir) {
  const { exit, json } = await moves.run(words, folder, env)
  return { exit, code: json.error?.code, message: json.error?.message }
}
const promoted = (to: string, env: Record<string, string> = {}, folder = dataDir) =>
  refusal(['promote', '--to', to], env, folder)
const tablesOf = (url: string): Promise<unknown[]> =>
  rowsOf(url, `select relname from pg_class where relnamespace = to_regnamespace('latchkey')`)

describe('promote', () => {
  it.each([
    [['promote'], /Name the database to move to/],
    [['promote', '--to', 'mysql://db/latchkey'], /--to takes a PostgreSQL URL/],
    [['promote', '--to', 'postgres://db'], /--to takes a PostgreSQL URL/],
    [['demote'], /Name a new data folder/],
  ])('refuses %j as wrong usage', async (words, message) => {
    const { exit, json } = await moves.run(words, dataDir)
    expect([exit, json.error.code]).toEqual([2, 'USAGE'])
    expect(json.error.message).toMatch(message)
  })

  it('refuses a target that has tables, of a server or of a move of another folder', async () => {
    const used = await moves.database()
    const node = await startOn(used, settings(dataDir, moves.port))
    await node.stop()
    const before = await tablesOf(used)
    for (const more of [[], ['--dry-run']]) {
      const { exit, code, message } = await refusal(['promote', '--to', used, ...more])
      expect([exit, code]).toEqual([1, 'TARGET_NOT_EMPTY'])
      expect(message).toMatch(/schema latchkey has \d+ tables .* Use a new database/)
    }
    expect(await tablesOf(used)).toEqual(before)

    const foreign = await moves.database()
    await statement(
      foreign,
      `create schema latchkey; create table latchkey.unfinished_move (item text primary key, value jsonb not null);
       insert into latchkey.unfinished_move values ('', '{"from": "/srv/other", "digest": "", "migrations": ""}')`,
    )
    expect(await promoted(foreign)).toMatchObject({
      code: 'TARGET_NOT_EMPTY',
      message: expect.stringContaining('an unfinished move of /srv/other'),
    })
  })

  it('shares a database with an app', async () => {
    const url = await moves.database()
    await statement(url, 'create table public.of_an_app (id int); insert into public.of_an_app values (1)')
    expect((await promoted(url, {}, await moves.dataDir())).exit).toBe(0)
    expect(await rowsOf(url, 'select id from public.of_an_app')).toEqual([{ id: 1 }])
  })

  it('refuses while a server runs on the folder', async () => {
    const node = await startOn(null, settings(dataDir, moves.port))
    try {
      const { code, message } = await promoted(await moves.database())
      expect(code).toBe('DATA_DIR_IN_USE')
      expect(message).toContain(`Process ${process.pid} already runs on ${dataDir}. Stop it`)
    } finally {
      await node.stop()
    }
  })

  it('refuses another secret, under which no server would start on the copy', async () => {
    const url = await moves.database()
    const env = { LATCHKEY_SECRET: 'quite another secret, also of thirty-two characters' }
    const { code, message } = await promoted(url, env)
    expect(code).toBe('OTHER_SECRET')
    expect(message).not.toContain(SECRET)
    expect(await tablesOf(url)).toEqual([])
  })

  it('refuses a role that bypasses row-level security in production', async () => {
    const name = new URL(await moves.database()).pathname.slice(1)
    const url = `${moves.cluster.superuserUrl}${name}`
    const production = {
      LATCHKEY_PROFILE: 'production',
      LATCHKEY_PORT: '4000',
      LATCHKEY_PUBLIC_URL: 'https://id.example.com',
      LATCHKEY_EMBEDDED_IN_PRODUCTION: 'yes',
    }
    expect(await promoted(url, production)).toMatchObject({
      code: 'ROLE_BYPASSES',
      message: expect.stringContaining('The role postgres is a superuser'),
    })
    expect(await tablesOf(`${moves.cluster.baseUrl}${name}`)).toEqual([])
  })

  it('refuses a database whose text is compared differently', async () => {
    await statement(
      `${moves.cluster.superuserUrl}postgres`,
      `create database in_ascii template template0 encoding 'SQL_ASCII' locale 'C' owner latchkey`,
    )
    await statement(
      `${moves.cluster.superuserUrl}postgres`,
      `create database in_c template template0 encoding 'UTF8' locale 'C' owner latchkey`,
    )
    for (const name of ['in_ascii', 'in_c'])
      expect(await promoted(`${moves.cluster.baseUrl}${name}`)).toMatchObject({
        code: 'TARGET_LOCALE',
        message: expect.stringContaining("locale 'C.UTF-8'"),
      })
  })

  it('names --to where the target cannot be reached, and never its password', async () => {
    const closed = await freePort()
    const closedUrl = new URL(`postgres://latchkey@127.0.0.1:${closed}/latchkey`)
    closedUrl.password = 'hush-hush'
    const nowhere = await promoted(closedUrl.href)
    expect(nowhere.code).toBe('DATABASE_UNREACHABLE')
    expect(nowhere.message).toMatch(/the host and port in --to/)
    expect(nowhere.message).not.toContain('hush-hush')
    const missing = await promoted(`${moves.cluster.baseUrl}never_made`)
    expect([missing.code, missing.message]).toEqual([
      'DATABASE_MISSING',
      expect.stringContaining('The database never_made does not exist'),
    ])
    const url = new URL(await moves.database())
    url.password = 'hush-hush'
    const { exit, json, stderr } = await moves.run(['promote', '--to', url.href], await moves.dataDir())
    expect(exit).toBe(0)
    expect(JSON.stringify(json) + stderr).not.toContain('hush-hush')
    expect(json.database_url).toContain('latchkey:***@')
  })

  it('refuses where DATABASE_URL is set, where there is no embedded database, and before its migrations', async () => {
    const url = await moves.database()
    const elsewhere = { DATABASE_URL: `${moves.cluster.baseUrl}elsewhere` }
    expect((await promoted(url, elsewhere)).code).toBe('NOT_EMBEDDED')
    expect((await promoted(url, {}, join(moves.folder, 'nothing'))).code).toBe('NOTHING_TO_MOVE')
    const older = await moves.dataDir()
    expect((await moves.run(['migrate', 'down', '--yes'], older)).exit).toBe(0)
    expect(await promoted(url, {}, older)).toMatchObject({
      code: 'MIGRATIONS_PENDING',
      message: expect.stringMatching(/1 pending migration.*latchkey migrate up/),
    })
    expect(await tablesOf(url)).toEqual([])
  })

  it('lets one of two fill a target', async () => {
    const url = await moves.database()
    const folders = [await moves.dataDir(), await moves.dataDir()]
    const both = await Promise.all(folders.map((folder) => promoted(url, {}, folder)))
    expect(both.map(({ exit }) => exit).sort()).toEqual([0, 1])
    expect(both.find(({ exit }) => exit === 1)?.code).toMatch(/^(MOVE_RUNNING|TARGET_NOT_EMPTY)$/)
  })

  it('is undone by deleting the marker; one that cannot be read is one', async () => {
    const folder = await moves.dataDir()
    await promoted(await moves.database(), {}, folder)
    const marker = join(folder, 'promoted')
    expect(Object.keys(JSON.parse(await readFile(marker, 'utf8'))).sort()).toEqual(['at', 'to'])
    await writeFile(marker, '')
    await expect(startOn(null, settings(folder, moves.port))).rejects.toThrow(/was moved to PostgreSQL: set/)
    expect((await promoted(await moves.database(), {}, folder)).code).toBe('ALREADY_PROMOTED')
    await rm(marker)
    const node = await startOn(null, settings(folder, moves.port))
    await node.stop()
  })
})

describe('demote', () => {
  it('refuses without DATABASE_URL, into a folder that is in use, and with another secret', async () => {
    const words = ['demote', '--to', join(moves.folder, 'new')]
    expect((await refusal(words)).code).toBe('NOTHING_TO_MOVE')
    const DATABASE_URL = await moves.database()
    await promoted(DATABASE_URL, {}, await moves.dataDir())
    expect((await refusal(['demote', '--to', dataDir], { DATABASE_URL })).code).toBe('TARGET_NOT_EMPTY')
    const LATCHKEY_SECRET = 'quite another secret, also of thirty-two characters'
    expect((await refusal(words, { DATABASE_URL, LATCHKEY_SECRET })).code).toBe('OTHER_SECRET')
    const file = join(moves.folder, 'a-file')
    await writeFile(file, '')
    expect((await refusal(['demote', '--to', join(file, 'new')], { DATABASE_URL })).code).toBe('DATA_DIR')
  })
})
