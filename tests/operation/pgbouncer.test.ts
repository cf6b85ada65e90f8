/**
 * A real PgBouncer between the server and PostgreSQL: session mode works, transaction mode is refused in one
 * sentence.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../../packages/server/src/base/call.ts'
import { freePort, PASSWORD } from '../../packages/server/src/testing/world.ts'
import { type Cluster, startCluster } from '../setup/cluster.ts'
import { createDatabase, startNode, statement } from './node.ts'

let cluster: Cluster
let databaseUrl: string
const stops: (() => Promise<void>)[] = []
beforeAll(async () => {
  cluster = await startCluster()
  databaseUrl = await createDatabase(cluster, 'pooled')
})
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})
afterAll(() => cluster.stop())

/** Starts a pooler. @returns the URL of the database through it */
async function startPooler(
  mode: 'session' | 'transaction',
  settings: readonly string[] = [],
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-pgbouncer-'))
  const target = new URL(databaseUrl)
  const port = await freePort()
  const config = [
    '[databases]',
    `* = host=127.0.0.1 port=${target.port}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = trust',
    `auth_file = ${join(folder, 'users')}`,
    `pool_mode = ${mode}`,
    'default_pool_size = 40',
    ...settings,
  ]
  await writeFile(join(folder, 'pgbouncer.ini'), `${config.join('\n')}\n`)
  await writeFile(join(folder, 'users'), '"latchkey" ""\n')
  await chmod(folder, 0o755)
  if (cluster.account) await chown(folder, cluster.account.uid, cluster.account.gid)
  const child: ChildProcess = spawn('pgbouncer', [join(folder, 'pgbouncer.ini')], {
    stdio: ['ignore', 'ignore', 'ignore'],
    env: { PATH: `${process.env.PATH}:/usr/sbin` },
    ...(cluster.account ?? {}),
  })
  stops.push(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    if (child.exitCode === null && child.kill('SIGTERM')) await ended
    await rm(folder, { recursive: true, force: true })
  })
  target.port = `${port}`
  await expect.poll(() => statement(target.href, 'select 1').then(() => 'answers', String)).toBe('answers')
  return target.href
}

describe('behind a PgBouncer', () => {
  it.each([
    ['that reuses the last connection', []],
    ['that takes its connections in turn', ['server_round_robin = 1', 'min_pool_size = 3']],
    ['of a single connection', ['default_pool_size = 1']],
  ])('in transaction mode %s the start is refused in one sentence', async (_how, settings) => {
    const url = await startPooler('transaction', settings)
    // connections that others have used
    await Promise.all(Array.from({ length: 4 }, () => statement(url, 'select pg_sleep(0.05)')))
    await expect(startNode(url)).rejects.toMatchObject({
      name: 'StartRefused',
      message: expect.stringMatching(
        /^DATABASE_URL leads to a pooler in transaction mode, .*pool_mode = session\.$/,
      ),
    })
  })

  it('in session mode the server works: statements, transactions, and changes that other nodes are notified of', async () => {
    const url = await startPooler('session')
    const [a, b] = [await startNode(url), await startNode(url)]
    stops.push(a.stop, b.stop)
    const email = 'ada@example.com'
    expect((await a.client().post('/api/v1/auth/register', { email, password: PASSWORD })).status).toBe(201)
    await sql`update latchkey.users set status = 'active'`.execute(a.app.tools.db.hot)
    await sql`update latchkey.emails set verified_at = now()`.execute(a.app.tools.db.hot)
    const client = a.client()
    await client.signIn(email, PASSWORD)
    expect((await client.get('/api/v1/auth/me')).status).toBe(200)
    // NOTIFY of one node reaches the other
    const changed = new Promise<void>((resolve) => b.app.tools.keys.onChange(() => resolve()))
    await a.app.tools.keys.rotate(systemCall(a.app.tools.clock.now()), { immediately: false })
    await changed
    expect([await a.ready(), await b.ready()]).toEqual([200, 200])
  })
})
