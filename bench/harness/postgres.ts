/**
 * The PostgreSQL of the benchmark, durable as in production (fsync and synchronous commits on, unlike that of the
 * tests). It inherits the core of this process, which is that of the load. The server logs in as `latchkey`.
 */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { startCluster } from '../../tests/setup/cluster.ts'

export interface Postgres {
  version: string
  /** Creates an empty database. */
  makeDatabase(): Promise<{ name: string; url: string; superuserUrl: string }>
  stop(): Promise<void>
}

export async function startPostgres(): Promise<Postgres> {
  const { baseUrl, superuserUrl, stop } = await startCluster({ durable: true })
  try {
    const [row] = await query<{ server_version: string }>(`${baseUrl}postgres`, 'show server_version')
    return {
      version: row?.server_version ?? 'unknown',
      async makeDatabase() {
        const name = `bench_${randomBytes(6).toString('hex')}`
        await query(`${baseUrl}postgres`, `create database ${name}`)
        return { name, url: baseUrl + name, superuserUrl: superuserUrl + name }
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

export async function query<R extends pg.QueryResultRow>(
  url: string,
  text: string,
  values: unknown[] = [],
): Promise<R[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query<R>(text, values)).rows
  } finally {
    await client.end().catch(() => {})
  }
}
