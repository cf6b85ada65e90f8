/**
 * A temporary PostgreSQL cluster for tests and the benchmark: in a temporary folder, on a free port of the loopback
 * interface, stopped by its pid. Clients log in as `latchkey`, which is not a superuser, as in production. For tests
 * durability is off.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Connection } from '../../packages/server/src/base/db/connection.ts'

const run = promisify(execFile)

/**
 * Runs the server until its standard input is closed, which also happens when this process dies: a killed run leaves
 * nothing behind. SIGINT is PostgreSQL's fast shutdown.
 */
const KEEPER = `folder=$1; shift; "$0" "$@" & server=$!; cat > /dev/null; kill -INT $server; wait $server; rm -rf "$folder"`

/** Settings of every cluster. A durable one otherwise has PostgreSQL's defaults: it syncs, waits for it, and vacuums. */
const SETTINGS = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=200']
const QUICK = [
  'fsync=off',
  'full_page_writes=off',
  'synchronous_commit=off',
  'shared_buffers=64MB',
  'autovacuum=off',
]
const SMALL = ['min_wal_size=32MB', 'max_wal_size=64MB', 'shared_buffers=64MB']

/** Before the rule that trusts every login: two roles, for tests of logins that fail. */
const ADMISSION = `host all with_password 127.0.0.1/32 scram-sha-256
host all not_admitted 127.0.0.1/32 reject
`

export interface ClusterOptions {
  /** Whether a commit is on the disk when it is acknowledged, as in production. */
  durable?: boolean
  /** Where its folder is made: on a small disk, for instance. The WAL is then kept small. */
  parent?: string
}

export interface Cluster {
  /** URL of the login role `latchkey`, which may create databases and roles; ends before the name of the database. */
  baseUrl: string
  /** URL of the superuser, for tests of the refusal of superusers. */
  superuserUrl: string
  /** The folder of the server's programs: pg_dump and the like. */
  bin: string
  /** The account of the server; null where it is that of this process. */
  account: { uid: number; gid: number } | null
  /** Whether there is a postmaster; one that cannot recover ends by itself. */
  isRunning(): boolean
  /** Sends a signal to every process of the server: SIGSTOP freezes it, SIGCONT continues it. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): Promise<void>
  /** PostgreSQL's fast shutdown, or as a crash: immediately, without a checkpoint. */
  shutDown(mode?: 'fast' | 'immediate'): Promise<void>
  /** Starts it again on the same port and waits until it accepts connections. */
  startAgain(options?: { standby?: boolean }): Promise<void>
  stop(): Promise<void>
}

export async function startCluster({ durable = false, parent }: ClusterOptions = {}): Promise<Cluster> {
  const bin = findBinaries()
  const account = await serverAccount()
  const folder = await mkdtemp(join(parent ?? tmpdir(), 'latchkey-postgres-'))
  if (account) await chown(folder, account.uid, account.gid)
  const data = join(folder, 'data')
  // every keeper that was started; the last one has the running server
  const keepers: ChildProcess[] = []
  const signal = async (name: NodeJS.Signals): Promise<void> => {
    for (const pid of await processesOf(data)) {
      try {
        process.kill(pid, name)
      } catch {
        // a backend that has ended meanwhile
      }
    }
  }
  const stop = async (): Promise<void> => {
    await signal('SIGCONT')
    for (const keeper of keepers) {
      if (keeper.exitCode !== null) continue
      const ended = new Promise((resolve) => keeper.once('exit', resolve))
      keeper.stdin?.end()
      await ended
    }
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const how = { cwd: folder, env: { PATH: process.env.PATH ?? '', LC_ALL: 'C.UTF-8' }, ...(account ?? {}) }
    await run(
      join(bin, 'initdb'),
      ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'],
      how,
    )
    const hba = join(data, 'pg_hba.conf')
    await writeFile(hba, `${ADMISSION}${await readFile(hba, 'utf8')}`)
    const port = await freePort()
    const chosen = [...SETTINGS, ...(durable ? [] : QUICK), ...(parent === undefined ? [] : SMALL)]
    const settings = chosen.flatMap((setting) => ['-c', setting])
    const launch = (): void => {
      const program = ['-c', KEEPER, join(bin, 'postgres'), folder, '-D', data, '-p', String(port)]
      keepers.push(
        spawn('sh', [...program, ...settings], {
          ...how,
          stdio: ['pipe', 'ignore', 'ignore'],
          detached: true,
        }),
      )
    }
    launch()
    const superuserUrl = `postgres://postgres@127.0.0.1:${port}/`
    await answered(`${superuserUrl}postgres`, 'create role latchkey login createdb createrole')
    return {
      baseUrl: `postgres://latchkey@127.0.0.1:${port}/`,
      superuserUrl,
      bin,
      account,
      isRunning: () => existsSync(join(data, 'postmaster.pid')),
      signal,
      async shutDown(mode = 'fast') {
        const [postmaster] = await processesOf(data)
        if (postmaster !== undefined) process.kill(postmaster, mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
        while (existsSync(join(data, 'postmaster.pid'))) await pause(20)
      },
      async startAgain({ standby = false } = {}) {
        const marker = join(data, 'standby.signal')
        if (standby) await writeFile(marker, '')
        else await rm(marker, { force: true })
        launch()
        await answered(`${superuserUrl}postgres`, 'select 1')
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The postmaster and its children; empty if it does not run. */
async function processesOf(data: string): Promise<number[]> {
  const file = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')
  const postmaster = Number(file.split('\n')[0])
  if (!postmaster) return []
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid='])
  const pairs = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number))
  return [postmaster, ...pairs.flatMap(([pid = 0, parent]) => (parent === postmaster ? [pid] : []))]
}

/** Runs a statement as soon as the server accepts connections. */
async function answered(url: string, statement: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      const connection = await Connection.open({ connectionString: url }, statement)
      await connection.close()
      return
    } catch (error) {
      if (attempt === 600) throw error
      await pause(50)
    }
  }
}

/** Debian has one folder per version, outside of the PATH. */
function findBinaries(): string {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
  ]
  const found = folders.find((folder) => existsSync(join(folder, 'initdb')))
  if (!found) throw new Error('the server binaries of PostgreSQL (initdb, postgres) were not found')
  return found
}

/** The account that runs postgres, which refuses to run as root; null if this process is not root. */
async function serverAccount(): Promise<{ uid: number; gid: number } | null> {
  if (process.getuid?.() !== 0) return null
  const accounts = (await readFile('/etc/passwd', 'utf8'))
    .split('\n')
    .map((connection) => connection.split(':'))
  for (const name of ['postgres', 'nobody']) {
    const account = accounts.find(([login]) => login === name)
    if (account) return { uid: Number(account[2]), gid: Number(account[3]) }
  }
  throw new Error('no account to run postgres as')
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}
