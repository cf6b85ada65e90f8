/** A server in this process, on a separate database: for the tests of outages, poolers and proxies. */
import { type App, createApp } from '../../packages/server/src/app.ts'
import { Connection } from '../../packages/server/src/base/db/connection.ts'
import type { Log } from '../../packages/server/src/base/log/index.ts'
import { type Config, loadConfig } from '../../packages/server/src/config.ts'
import { Client } from '../../packages/server/src/testing/client.ts'
import { quietLog } from '../../packages/server/src/testing/database.ts'
import { freePort } from '../../packages/server/src/testing/world.ts'
import type { Cluster } from '../setup/cluster.ts'

export interface Node {
  app: App
  url: string
  client(): Client
  /** The status of `GET /readyz`, or 0 if there is no answer. */
  ready(): Promise<number>
  stop(): Promise<void>
}

/** Every message that the server has logged, by level. */
export function recordLog(): Log & { lines: string[] } {
  const lines: string[] = []
  const record = (level: string) => (_fields: object, text: string) => void lines.push(`${level} ${text}`)
  return { lines, debug() {}, info: record('info'), warn: record('warn'), error: record('error') }
}

export async function createDatabase(cluster: Cluster, name: string): Promise<string> {
  await statement(`${cluster.baseUrl}postgres`, `create database ${name}`)
  return `${cluster.baseUrl}${name}`
}

/** Runs SQL on a connection that is closed afterwards. */
export async function statement(url: string, sql: string): Promise<void> {
  const connection = await Connection.open({ connectionString: url }, sql)
  await connection.close()
}

export async function startNode(
  databaseUrl: string,
  { log = quietLog, ...overrides }: Partial<Config> & { log?: Log } = {},
): Promise<Node> {
  const port = await freePort()
  const env = {
    LATCHKEY_PROFILE: 'testing',
    LATCHKEY_PORT: `${port}`,
    LATCHKEY_SECRET: 'a secret of the operation tests, thirty-two characters',
    DATABASE_URL: databaseUrl,
  }
  const config: Config = {
    ...loadConfig(env, { cwd: '/nonexistent' }),
    // cheap hashes: many sign-ins are under way
    argon2MemoryKib: 64,
    argon2Passes: 1,
    logLevel: 'silent',
    // as in production
    databaseTimeout: 2000,
    ...overrides,
  }
  const app = await createApp({ config, log })
  const { url } = await app.start()
  return {
    app,
    url,
    client: () => new Client(url),
    ready: () =>
      fetch(`${url}/readyz`).then(
        ({ status }) => status,
        () => 0,
      ),
    stop: () => app.stop(),
  }
}
