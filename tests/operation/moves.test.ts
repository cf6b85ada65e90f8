/**
 * `promote` and `demote` as processes, on a database that was filled through the public surface: every row is the same
 * afterwards and credentials continue to work; a move that is killed or loses its target at any point is continued.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Connection } from '../../packages/server/src/base/db/connection.ts'
import { blocksOf, Shell } from '../setup/console.ts'
import { everyRow, oddValues, rowsSeenBy, SECRET, settings, startOn, statuses } from './moves-filled.ts'
import { BUNDLE, hasRow, type Moves, ROOT, rowsOf, startMoves } from './moves-run.ts'

const ALL_VALID = { password: 200, session: 200, key: 200, refresh: 200, app: 200, passkey: 200, factor: 200 }

let moves: Moves
beforeAll(async () => {
  moves = await startMoves()
}, 240_000)
afterAll(() => moves.stop())

const promote = (dataDir: string, to: string, ...more: string[]) =>
  moves.run(['promote', '--to', to, ...more], dataDir)
const isUnfinished = (url: string): Promise<boolean> =>
  hasRow(url, `select from pg_class where relname = 'unfinished_move'`)

it('copies every row there and back, and all credentials stay valid', async () => {
  const { filled, port } = moves
  const dataDir = await moves.dataDir()
  const url = await moves.database()
  const before = await everyRow(null, dataDir)
  const ownBefore = await rowsSeenBy(null, dataDir, filled.userId)
  expect(Object.values(before).flat().length).toBeGreaterThan(50)

  const planned = await promote(dataDir, url, '--dry-run')
  expect(planned).toMatchObject({ exit: 0, json: { dry_run: true, begun: 'new' } })
  expect(await rowsOf(url, `select 1 from pg_namespace where nspname = 'latchkey'`)).toEqual([])

  const moved = await promote(dataDir, url)
  expect(moved).toMatchObject({ exit: 0, json: { begun: 'new', database_url: url } })
  expect(moved.json.rows).toBe(planned.json.rows)
  expect(moved.json.tables).toMatchObject({ users: 3, factors: 3, clients: 1, jobs: expect.any(Number) })
  expect(await everyRow(url, null)).toEqual(before)
  // a caller sees the same under row-level security, and of users only the one
  expect(await rowsSeenBy(url, null, filled.userId)).toEqual(ownBefore)
  expect(ownBefore).toMatchObject({ users: 1, sessions: 2, organizations: 1 })
  expect(await isUnfinished(url)).toBe(false)
  // a move copies no sequences: the schema has none
  expect(
    await rowsOf(
      url,
      `select relname from pg_class where relkind = 'S' and relnamespace = 'latchkey'::regnamespace`,
    ),
  ).toEqual([])

  // the old folder does not start, and no command changes it
  for (const words of [['start'], ['users', 'list'], ['migrate', 'status']]) {
    const { exit, json } = await moves.run(words, dataDir)
    expect([exit, json.error.code]).toEqual([1, 'START_REFUSED'])
    expect(json.error.message).toMatch(
      /was moved to PostgreSQL at .*: set its DATABASE_URL.* delete .*promoted/,
    )
  }
  const checks = (await moves.run(['doctor'], dataDir)).json.findings
  expect(checks.find(({ check }: { check: string }) => check === 'database')).toMatchObject({
    state: 'fail',
    message: expect.stringContaining('was moved to PostgreSQL'),
  })
  expect(await promote(dataDir, await moves.database())).toMatchObject({
    exit: 1,
    json: { error: { code: 'ALREADY_PROMOTED' } },
  })

  const node = await startOn(url, settings(dataDir, port))
  const back = join(moves.folder, 'back')
  try {
    expect(await statuses(node, filled)).toEqual(ALL_VALID)
    // copied while a server serves
    const copied = await moves.run(['demote', '--to', back], dataDir, { DATABASE_URL: url })
    expect(copied).toMatchObject({ exit: 0, json: { to: back, begun: 'new' } })
  } finally {
    await node.stop()
  }
  const again = await startOn(null, settings(back, port))
  try {
    expect(await statuses(again, filled)).toEqual(ALL_VALID)
  } finally {
    await again.stop()
  }
  expect(await moves.run(['demote', '--to', back], dataDir, { DATABASE_URL: url })).toMatchObject({
    exit: 1,
    json: { error: { code: 'TARGET_NOT_EMPTY' } },
  })
  // the server has stopped, and written when credentials were used last
  const same = join(moves.folder, 'same')
  const copied = await moves.run(['demote', '--to', same], dataDir, { DATABASE_URL: url })
  expect(copied).toMatchObject({ exit: 0, json: { rows: expect.any(Number) } })
  expect(await everyRow(null, same)).toEqual(await everyRow(url, null))
})

it('is described by a guide, whose commands are executed as printed', async () => {
  const dataDir = await moves.dataDir()
  const url = await moves.database()
  const blocks = blocksOf(await readFile(join(ROOT, 'docs/guides/moving.md'), 'utf8'), 'sh')
  expect(blocks).toHaveLength(2)
  const copy = join(moves.folder, 'as-in-the-guide')
  const shell = new Shell(moves.folder, {
    LATCHKEY_PROFILE: 'testing',
    LATCHKEY_SECRET: SECRET,
    LATCHKEY_DATA_DIR: dataDir,
  })
  try {
    await shell.run(`latchkey() { '${process.execPath}' '${BUNDLE}' "$@"; }`)
    const outputs: string[] = []
    for (const line of blocks.flatMap((block) => block.trim().split('\n')))
      outputs.push(
        await shell.run(
          line.replace('postgres://latchkey@db/latchkey', url).replace('/srv/latchkey-copy', copy),
        ),
      )
    expect(outputs).toEqual([
      expect.stringMatching(
        /rows in \d+ tables would be copied to .*The target is empty. Nothing was changed/,
      ),
      expect.stringContaining(`DATABASE_URL=${url}`),
      expect.stringMatching(/^Copied \d+ rows in \d+ tables to .*as-in-the-guide; each table is equal/),
    ])
  } finally {
    await shell.close()
  }
  expect(await everyRow(null, copy)).toEqual(await everyRow(url, null))
})

describe('a move that is interrupted', () => {
  /** A data folder with a table of many pages. */
  async function large(): Promise<string> {
    const dataDir = await moves.dataDir()
    const node = await startOn(null, settings(dataDir, moves.port))
    await oddValues(node.app.tools.db, 24)
    await node.stop()
    return dataDir
  }
  const hasPages = (url: string) => (): Promise<boolean> =>
    hasRow(url, `select from latchkey.unfinished_move where item = 'jobs' and (value->>'rows')::int > 0`)
  const killed = (dataDir: string, url: string, when: () => Promise<boolean>): Promise<void> =>
    moves.start(['promote', '--to', url], dataDir).killWhen(when)
  async function expectFinished(dataDir: string, url: string, begun: string): Promise<void> {
    expect(await promote(dataDir, url)).toMatchObject({ exit: 0, json: { begun } })
    expect(await everyRow(url, null)).toEqual(await everyRow(null, dataDir))
    expect(await isUnfinished(url)).toBe(false)
    const node = await startOn(url, settings(dataDir, moves.port))
    await node.stop()
  }

  it('is continued, wherever it was killed; meanwhile no server starts on the target', async () => {
    const dataDir = await large()
    const url = await moves.database()
    await killed(dataDir, url, () => isUnfinished(url))
    await killed(dataDir, url, () => hasRow(url, `select from pg_class where relname = 'users_pkey'`))
    await killed(dataDir, url, hasPages(url))
    for (const words of [['start'], ['migrate', 'up']]) {
      const { exit, json } = await moves.run(words, dataDir, { DATABASE_URL: url })
      expect([exit, json.error.code]).toEqual([1, 'START_REFUSED'])
      expect(json.error.message).toMatch(/A move into this database was interrupted.*latchkey promote/)
    }
    const { findings } = (await moves.run(['doctor'], dataDir, { DATABASE_URL: url })).json
    expect(findings.find(({ check }: { check: string }) => check === 'database').state).toBe('fail')
    // the old one serves as before
    const node = await startOn(null, { ...settings(dataDir, moves.port) })
    await node.stop()

    // the last step waits for this transaction: the marker is there, and the target is not released
    const finishing = moves.start(['promote', '--to', url], dataDir)
    const locking = await Connection.open({ connectionString: url }, '')
    await locking.plain('begin; lock table latchkey.unfinished_move in access share mode')
    await finishing.killWhen(async () => existsSync(join(dataDir, 'promoted')))
    await locking.close()
    for (const env of [{}, { DATABASE_URL: url }])
      expect((await moves.run(['start'], dataDir, env)).json.error.code).toBe('START_REFUSED')
    await expectFinished(dataDir, url, 'resumed')
  })

  it('begins again where the data has changed since', async () => {
    const dataDir = await large()
    const url = await moves.database()
    await killed(dataDir, url, hasPages(url))
    const node = await startOn(null, settings(dataDir, moves.port))
    const { status } = await node
      .client()
      .post('/api/v1/auth/register', { email: 'late@example.com', password: 'correct horse battery staple' })
    expect(status).toBe(201)
    await node.stop()
    await expectFinished(dataDir, url, 'again')
  })

  it('finds that what was copied before is not the same any more, and begins again', async () => {
    const dataDir = await large()
    const url = await moves.database()
    await killed(dataDir, url, hasPages(url))
    await rowsOf(url, `set role latchkey_system; update latchkey.jobs set payload = payload - 'text'`)
    const refused = await promote(dataDir, url)
    expect(refused).toMatchObject({ exit: 1, json: { error: { code: 'TABLES_DIFFER' } } })
    expect(refused.json.error.message).toMatch(/jobs: another checksum/)
    expect(existsSync(join(dataDir, 'promoted'))).toBe(false)
    await expectFinished(dataDir, url, 'again')
  })

  it('by the end of its target says that it can be continued', async () => {
    const dataDir = await large()
    const url = await moves.database()
    const running = moves.start(['promote', '--to', url], dataDir)
    await expect.poll(hasPages(url)).toBe(true)
    await moves.cluster.shutDown('immediate')
    const { exit, json } = await running.ended
    await moves.cluster.startAgain()
    expect([exit, json.error.code]).toEqual([1, expect.stringMatching(/^DATABASE_/)])
    expect(json.error.message).toMatch(/Nothing has changed in .*run the same command again/)
    await expectFinished(dataDir, url, 'resumed')
  })

  it('of a copy into a new folder is continued, and the folder is there when it is complete', async () => {
    const dataDir = await large()
    const url = await moves.database()
    await promote(dataDir, url)
    const back = join(moves.folder, 'back-again')
    const words = ['demote', '--to', back]
    const draft = join(`${back}.unfinished`, 'database', 'PG_VERSION')
    await moves.start(words, dataDir, { DATABASE_URL: url }).killWhen(async () => existsSync(draft))
    expect(existsSync(back)).toBe(false)
    expect(await moves.run(words, dataDir, { DATABASE_URL: url })).toMatchObject({ exit: 0 })
    expect(await everyRow(null, back)).toEqual(await everyRow(url, null))
    expect(existsSync(`${back}.unfinished`)).toBe(false)
  })
})
