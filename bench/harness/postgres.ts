/**
 * The benchmark's own PostgreSQL: a cluster in a temporary folder, on the core of the load, durable as people run
 * it (fsync and synchronous commits on, unlike the one of the tests). The server logs in as `latchkey`, no superuser.
 */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { freePort, type Running, run } from './process.ts'

const execute = promisify(execFile)

export interface Postgres {
  version: string
  /** Makes an empty database. */
  makeDatabase(): Promise<{ name: string; url: string; superuserUrl: string }>
  stop(): Promise<void>
}

export async function startPostgres(core: number | null): Promise<Postgres> {
  const bin = findBinaries()
  const account = await serverAccount()
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-'))
  if (account) await chown(folder, account.uid, account.gid)
  const data = join(folder, 'data')
  let server: (Running & { said(): string }) | null = null
  const stop = async () => {
    await server?.stop()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await execute(
      join(bin, 'initdb'),
      ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'],
      { cwd: folder, env: { PATH: process.env.PATH ?? '', LC_ALL: 'C.UTF-8' }, ...(account ?? {}) },
    )
    const port = await freePort()
    const settings = [
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
      'max_connections=100',
      'shared_buffers=128MB',
    ].flatMap((setting) => ['-c', setting])
    server = run([join(bin, 'postgres'), '-D', data, '-p', String(port), ...settings], {
      core,
      cwd: folder,
      // the fast shutdown, which ends sessions
      stopBy: 'SIGINT',
      ...(account ?? {}),
    })
    const base = (user: string) => `postgres://${user}@127.0.0.1:${port}/`
    const version = await prepare(`${base('postgres')}postgres`, server)
    return {
      version,
      async makeDatabase() {
        const name = `bench_${randomBytes(6).toString('hex')}`
        await query(`${base('latchkey')}postgres`, `create database ${name}`)
        return { name, url: base('latchkey') + name, superuserUrl: base('postgres') + name }
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function prepare(url: string, server: Running & { said(): string }): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    if (server.child.exitCode !== null) throw new Error(`postgres ended:\n${server.said()}`)
    try {
      await query(url, 'create role latchkey login createdb createrole')
      const [row] = await query<{ server_version: string }>(url, 'show server_version')
      return row?.server_version ?? 'unknown'
    } catch (error) {
      if (attempt === 200) throw error
      await pause(50)
    }
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

/** Debian keeps a folder a version, and out of the PATH. */
function findBinaries(): string {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
  ]
  const found = folders.find((folder) => existsSync(join(folder, 'initdb')))
  if (!found) throw new Error('the benchmark needs the server binaries of PostgreSQL (initdb, postgres)')
  return found
}

/** postgres refuses to run as root: another account takes it then. */
async function serverAccount(): Promise<{ uid: number; gid: number } | null> {
  if (process.getuid?.() !== 0) return null
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  for (const name of ['postgres', 'nobody']) {
    const account = accounts.find(([login]) => login === name)
    if (account) return { uid: Number(account[2]), gid: Number(account[3]) }
  }
  throw new Error('no account to run postgres as')
}
