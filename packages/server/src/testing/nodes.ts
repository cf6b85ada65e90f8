/**
 * Several nodes of one server in a test: each on its own port, all on one database that the test can write to as
 * well.
 */
import { type App, createApp } from '../app.ts'
import type { Database } from '../base/db/database.ts'
import { openDatabase } from '../base/db/index.ts'
import { type Config, loadConfig } from '../config.ts'
import { createTestDatabase, quietLog } from './database.ts'
import { freePort } from './world.ts'

export interface Nodes {
  apps: App[]
  urls: string[]
  /** Another connection to the database of the nodes. */
  db: Database
  stop(): Promise<void>
}

/**
 * @param settings of all of them, or of each
 * @param pool connections of the test itself
 */
export async function startNodes(
  count: number,
  settings: Partial<Config> | readonly Partial<Config>[] = {},
  { pool = 2 }: { pool?: number } = {},
): Promise<Nodes> {
  const { databaseUrl, drop } = await createTestDatabase()
  const config: Config = {
    ...loadConfig(
      { LATCHKEY_PROFILE: 'testing', LATCHKEY_SECRET: 'a secret of the tests, thirty-two characters' },
      { cwd: '/nonexistent' },
    ),
    databaseUrl,
    argon2MemoryKib: 64,
    argon2Passes: 1,
    logLevel: 'silent',
  }
  const settingsOf = (node: number): Partial<Config> =>
    'length' in settings ? (settings[node] ?? {}) : settings
  const apps = await Promise.all(
    Array.from({ length: count }, async (_, node) =>
      createApp({ config: { ...config, ...settingsOf(node), port: await freePort() }, log: quietLog }),
    ),
  )
  const urls = (await Promise.all(apps.map((app) => app.start()))).map(({ url }) => url)
  const db = await openDatabase({ databaseUrl, dataDir: null, pool, guardNesting: true, log: quietLog })
  return {
    apps,
    urls,
    db,
    async stop() {
      await Promise.all(apps.map((app) => app.stop()))
      await db.close()
      await drop()
    },
  }
}
