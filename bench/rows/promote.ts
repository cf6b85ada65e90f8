/** Moving an embedded database with 100,000 users to PostgreSQL, and copying it back, as processes. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { migrateUp, openDatabase } from '../../packages/server/src/base/db/index.ts'
import type { Figure, Row } from '../harness/bench.ts'
import { BUNDLE, SECRET } from '../harness/latchkey.ts'
import { populateScaled } from './scale.ts'

const PEOPLE = 100_000
const log = { debug() {}, info() {}, warn() {}, error() {} }

export const promote: Row = {
  name: 'promote',
  title: 'Moving an embedded database to PostgreSQL',
  async measure(bench) {
    const dataDir = join(await bench.folder(), 'embedded')
    bench.say(`Making ${PEOPLE.toLocaleString('en')} people …`)
    await fillEmbedded(dataDir)
    const { url } = await (await bench.postgres()).makeDatabase()
    const there = await timed(['promote', '--to', url], { LATCHKEY_DATA_DIR: dataDir })
    const copy = join(await bench.folder(), 'copy')
    const back = await timed(['demote', '--to', copy], { LATCHKEY_DATA_DIR: dataDir, DATABASE_URL: url })
    const figures: Figure[] = [
      { what: 'promote', value: there.seconds, unit: 's', atMost: 60 },
      { what: 'demote', value: back.seconds, unit: 's' },
      { what: 'rows', value: there.rows, unit: '' },
    ]
    return { measured: [], figures, notes: [] }
  },
}

async function fillEmbedded(dataDir: string): Promise<void> {
  const db = await openDatabase({
    databaseUrl: null,
    dataDir,
    pool: 1,
    guardNesting: false,
    log,
    template: null,
  })
  await migrateUp(db)
  await db.asOwner(async (connection) => {
    const run = (text: string) => connection.plain(text)
    await populateScaled(run, PEOPLE)
    await run(`insert into latchkey.passwords (user_id, hash, changed_at)
      select id, '$argon2id$v=19$m=19456,t=2,p=1$' || md5(id) || '$' || md5(id) || md5(id), created_at from latchkey.users`)
  })
  await db.close()
}

async function timed(
  words: string[],
  env: Record<string, string>,
): Promise<{ seconds: number; rows: number }> {
  const began = performance.now()
  const { stdout } = await promisify(execFile)(process.execPath, [BUNDLE, ...words, '--json'], {
    env: { PATH: process.env.PATH, LATCHKEY_PROFILE: 'testing', LATCHKEY_SECRET: SECRET, ...env },
  })
  return { seconds: (performance.now() - began) / 1000, rows: JSON.parse(stdout).rows }
}
