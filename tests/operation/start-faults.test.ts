/**
 * What a start says when it cannot: each fault is made for real, the shipped server is started, and its exit code, its
 * code for scripts and its one sentence are compared. A stack trace is for faults of the program only.
 */
import { execFile, spawn } from 'node:child_process'
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecureContext, TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { freePort } from '../../packages/server/src/testing/world.ts'
import { type Cluster, startCluster } from '../setup/cluster.ts'
import { MAY_MOUNT, mountDisk } from '../setup/disk.ts'
import { createDatabase, startNode, statement } from './node.ts'

const ROOT = join(import.meta.dirname, '../..')
const BUNDLE = join(ROOT, 'packages/server/dist/latchkey.cjs')

let cluster: Cluster
let folder: string
let host: string
const servers: Server[] = []
beforeAll(async () => {
  await promisify(execFile)(process.execPath, [join(ROOT, 'scripts/build.mjs')])
  cluster = await startCluster()
  host = new URL(cluster.baseUrl).host
  folder = await mkdtemp(join(tmpdir(), 'latchkey-faults-'))
  await chmod(folder, 0o755)
}, 180_000)
afterAll(async () => {
  for (const server of servers) server.close()
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
})

interface Started {
  exit: number | null
  code: string | undefined
  message: string
  stderr: string
}

const environment = (env: Record<string, string>) => ({
  PATH: process.env.PATH,
  LATCHKEY_PROFILE: 'testing',
  LATCHKEY_PORT: '0',
  LATCHKEY_LOG_LEVEL: 'error',
  LATCHKEY_SECRET: 'a secret of the operation tests, thirty-two characters',
  LATCHKEY_DATA_DIR: join(folder, 'data'),
  ...env,
})

/** Starts the server with these settings until it exits. @param uid the user to run as, where this is root */
async function start(env: Record<string, string>, uid?: number): Promise<Started> {
  const child = spawn(process.execPath, [BUNDLE, 'start', '--json'], {
    cwd: folder,
    ...(uid === undefined ? {} : { uid, gid: uid }),
    env: environment(env),
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => {
    output.stdout += chunk
    // it has started: the test fails by its exit code
    if (output.stdout.includes('"url"')) child.kill('SIGTERM')
  })
  child.stderr.on('data', (chunk) => (output.stderr += chunk))
  const exit = await new Promise<number | null>((resolve) => child.once('close', resolve))
  const { error } = JSON.parse(output.stdout)
  return { exit, code: error?.code, message: error?.message ?? output.stdout, stderr: output.stderr }
}

/** What `latchkey doctor` finds with these settings, by the name of the check. */
async function doctor(env: Record<string, string>, check = 'database'): Promise<unknown> {
  const found = await promisify(execFile)(process.execPath, [BUNDLE, 'doctor', '--json'], {
    cwd: folder,
    env: environment(env),
  }).catch((error) => error)
  return JSON.parse(found.stdout).findings.find((finding: { check: string }) => finding.check === check)
}

const inDatabase = (user: string, database = 'postgres') => ({
  DATABASE_URL: `postgres://${user}@${host}/${database}`,
})

/** A server on a free port that treats each connection like this. */
async function serverOf(treat: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    treat(socket)
  })
  servers.push(server)
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return port
}

/** PostgreSQL, "Message Formats": ErrorResponse with severity, SQLSTATE and message. */
const STARTING_UP = (() => {
  const fields = Buffer.from('SFATAL\0C57P03\0Mthe database system is starting up\0\0')
  const head = Buffer.from('E\0\0\0\0')
  head.writeInt32BE(4 + fields.length, 1)
  return Buffer.concat([head, fields])
})()

/** A server that accepts TLS (SSLRequest, answered with S) with a self-made certificate. @returns its port */
async function tlsServer(): Promise<number> {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-keyout', key, '-out', cert, ...subject]) // biome-ignore format: a command
  const context = createSecureContext({ key: await readFile(key), cert: await readFile(cert) })
  return await serverOf((socket) =>
    socket.once('data', () => {
      socket.write('S')
      new TLSSocket(socket, { isServer: true, secureContext: context }).on('error', () => {})
    }),
  )
}

const superuser = (sql: string, database = 'postgres') => statement(`${cluster.superuserUrl}${database}`, sql)

/** What is wrong; the settings, after it was made so; the code; the sentence. */
const FAULTS: readonly [string, () => Promise<Record<string, string>>, code: string, RegExp][] = [
  [
    'a wrong password',
    async () => {
      await superuser(`create role with_password login password 'right'`)
      const url = new URL(`postgres://with_password@${host}/postgres`)
      url.password = 'wrong'
      return { DATABASE_URL: url.href }
    },
    'DATABASE_REFUSED',
    /^PostgreSQL at 127\.0\.0\.1:\d+ refuses the login \(password authentication failed for user "with_password"\): check/,
  ],
  [
    'a login that pg_hba.conf rejects',
    async () => inDatabase('not_admitted'),
    'DATABASE_REFUSED',
    /refuses the login \(pg_hba\.conf rejects connection/,
  ],
  [
    'a user that does not exist',
    async () => inDatabase('nobody_here'),
    'DATABASE_REFUSED',
    /refuses the login \(role "nobody_here" does not exist\)/,
  ],
  [
    'a database that does not exist',
    async () => inDatabase('latchkey', 'not-there'),
    'DATABASE_MISSING',
    /^The database "not-there" does not exist; a superuser creates it: create database "not-there" owner latchkey;$/,
  ],
  [
    'a host that has no address',
    async () => ({ DATABASE_URL: 'postgres://latchkey@db.invalid:5433/latchkey' }),
    'DATABASE_UNREACHABLE',
    /^The host of DATABASE_URL has no address \(db\.invalid:5433\)/,
  ],
  [
    'a port that is closed',
    async () => ({ DATABASE_URL: `postgres://latchkey@127.0.0.1:${await freePort()}/latchkey` }),
    'DATABASE_UNREACHABLE',
    /^No program accepts connections at 127\.0\.0\.1:\d+: check that PostgreSQL runs/,
  ],
  [
    'a socket that is not there',
    async () => ({ DATABASE_URL: 'postgres:///latchkey?host=/nonexistent' }),
    'DATABASE_UNREACHABLE',
    /^No program accepts connections at \/nonexistent: /,
  ],
  [
    'a host that does not answer',
    async () => ({ DATABASE_URL: `postgres://latchkey@127.0.0.1:${await serverOf(() => {})}/latchkey` }),
    'DATABASE_UNREACHABLE',
    /^PostgreSQL at 127\.0\.0\.1:\d+ does not answer \(/,
  ],
  [
    'TLS that the server does not offer',
    async () => ({ DATABASE_URL: `postgres://latchkey@${host}/postgres?sslmode=verify-full` }),
    'DATABASE_TLS',
    /offers no TLS, which DATABASE_URL requires/,
  ],
  [
    'a certificate that no known authority signed',
    async () => ({ DATABASE_URL: `postgres://latchkey@127.0.0.1:${await tlsServer()}/latchkey?sslmode=verify-full` }),
    'DATABASE_TLS',
    /^The TLS certificate of PostgreSQL at 127\.0\.0\.1:\d+ is not accepted \(self-signed certificate\): give its authority with sslrootcert/,
  ],
  [
    'a database without a free connection',
    async () => {
      const url = await createDatabase(cluster, 'no_connections')
      await superuser('alter database no_connections connection limit 0')
      return { DATABASE_URL: url }
    },
    'DATABASE_CONNECTIONS',
    /^PostgreSQL at 127\.0\.0\.1:\d+ has no free connection \(too many connections for database "no_connections"\): end some, raise max_connections .* LATCHKEY_DATABASE_POOL\.$/,
  ],
  [
    'a role without a free connection',
    async () => {
      await superuser('create role no_more login connection limit 0')
      return inDatabase('no_more')
    },
    'DATABASE_CONNECTIONS',
    /has no free connection \(too many connections for role "no_more"\): /,
  ],
  [
    'a database that is starting up',
    // the message that PostgreSQL sends then, in its protocol
    async () => ({ DATABASE_URL: `postgres://latchkey@127.0.0.1:${await serverOf((socket) => socket.once('data', () => socket.end(STARTING_UP)))}/latchkey` }),
    'DATABASE_UNREACHABLE',
    /^PostgreSQL at 127\.0\.0\.1:\d+ is not ready \(the database system is starting up\): try again in a moment\.$/,
  ],
  [
    'a migration that fails',
    async () => {
      const url = await createDatabase(cluster, 'in_the_way')
      await statement(url, 'create schema latchkey; create table latchkey.jobs (mine int)')
      return { DATABASE_URL: url }
    },
    'MIGRATION_FAILED',
    /^migration 0001_base failed: relation "jobs" already exists$/,
  ],
  [
    'a default role that does not exist',
    async () => ({ DATABASE_URL: await createDatabase(cluster, 'no_such_role'), LATCHKEY_DEFAULT_ROLE: 'astronaut' }),
    'START_REFUSED',
    /^LATCHKEY_DEFAULT_ROLE is astronaut, and there is no role of that name/,
  ],
  [
    'an old PostgreSQL',
    async () => {
      const url = await createDatabase(cluster, 'old_server')
      // the answers of a real one, with an older version
      const port = await serverOf((client) => {
        const upstream = connect(Number(new URL(url).port), '127.0.0.1')
        client.on('data', (chunk) => void upstream.write(chunk)).on('close', () => upstream.destroy())
        upstream.on('data', (chunk) => {
          const text = chunk.toString('latin1').replace(/1[5-9](00\d\d)/g, '14$1')
          client.write(Buffer.from(text, 'latin1'))
        })
        upstream.on('error', () => {}).on('close', () => client.destroy())
      })
      return { DATABASE_URL: `postgres://latchkey@127.0.0.1:${port}/old_server` }
    },
    'DATABASE_TOO_OLD',
    /^PostgreSQL \S.* is too old: 15 or newer is required/,
  ],
  [
    'a role that may not create the schema',
    async () => {
      await superuser('create role may_nothing login; ')
      await superuser('create database no_create')
      return inDatabase('may_nothing', 'no_create')
    },
    'DATABASE_RIGHT_MISSING',
    /may not create the schema latchkey; a superuser runs: grant create on database no_create to may_nothing;$/,
  ],
  [
    'a role that may not act as latchkey_system',
    async () => {
      const url = await createDatabase(cluster, 'foreign_roles')
      await (await startNode(url)).stop()
      await superuser('create role "Other app" login')
      await superuser('grant all on schema latchkey to "Other app"; grant all on all tables in schema latchkey to "Other app"', 'foreign_roles')
      return inDatabase('Other%20app', 'foreign_roles')
    },
    'DATABASE_RIGHT_MISSING',
    /^The database role "Other app" may not act as the roles of the server; a superuser runs: grant latchkey_system, latchkey_request to "Other app";$/,
  ],
  [
    'a data folder below a file',
    async () => {
      await writeFile(join(folder, 'file'), '')
      return { LATCHKEY_DATA_DIR: join(folder, 'file', 'data') }
    },
    'DATA_DIR',
    /^The data folder \S+ is not a folder: set another in LATCHKEY_DATA_DIR/,
  ],
  [
    'a port that is in use',
    async () => ({ LATCHKEY_PORT: `${await serverOf(() => {})}`, ...inDatabase('latchkey', 'foreign_roles') }),
    'EADDRINUSE',
    /^Port \d+ is in use\. Stop the program/,
  ],
  [
    'an address for metrics that is in use',
    async () => ({
      LATCHKEY_METRICS_ADDRESS: `127.0.0.1:${await serverOf(() => {})}`,
      ...inDatabase('latchkey', 'foreign_roles'),
    }),
    'EADDRINUSE',
    /^The address 127\.0\.0\.1:\d+ for metrics is in use\. Stop the program/,
  ],
  [
    'an address of another machine',
    async () => ({ LATCHKEY_HOST: '192.0.2.7', ...inDatabase('latchkey', 'foreign_roles') }),
    'EADDRNOTAVAIL',
    /^192\.0\.2\.7 is not an address of this machine/,
  ],
  [
    'a host name to listen on that has no address',
    async () => ({ LATCHKEY_HOST: 'here.invalid', ...inDatabase('latchkey', 'foreign_roles') }),
    'ENOTFOUND',
    /^here\.invalid is not an address of this machine/,
  ],
] // biome-ignore format: a table

describe('a start that cannot succeed says why, in one sentence', () => {
  it.each(FAULTS)('%s', async (_what, make, code, sentence) => {
    const started = await start(await make())
    // a resolver without a network answers EAI_AGAIN instead of ENOTFOUND
    expect([started.exit, started.code?.replace('EAI_AGAIN', 'ENOTFOUND')]).toEqual([1, code])
    expect(started.message).toMatch(sentence)
    expect(started.message).not.toMatch(/\n/)
    expect(started.stderr).not.toMatch(/^\s+at /m)
  })

  it('a superuser can run the statement that it names', async () => {
    const { message } = await start(inDatabase('Other%20app', 'foreign_roles'))
    await superuser(message.replace(/^.* runs: /, ''))
    const again = await start(inDatabase('Other%20app', 'foreign_roles'))
    expect([again.exit, again.message]).toEqual([0, expect.stringContaining('"url"')])
  })

  // root may write everywhere
  it.runIf(process.getuid?.() === 0)('a data folder that belongs to another user', async () => {
    const data = join(folder, 'foreign')
    await mkdir(data, { mode: 0o700 })
    await chown(data, 0, 0)
    const started = await start({ LATCHKEY_DATA_DIR: data, HOME: folder }, cluster.account?.uid)
    expect([started.exit, started.code]).toEqual([1, 'DATA_DIR'])
    expect(started.message).toMatch(/^The data folder \S+ is not writable by this user: change its owner/)
  })
})

describe('a database that takes no writes', () => {
  it.each(['that is new', 'that a server has used'])('a standby %s', async (which) => {
    const url = await createDatabase(cluster, which === 'that is new' ? 'standby_new' : 'standby_used')
    if (which !== 'that is new') await (await startNode(url)).stop()
    await cluster.shutDown()
    await cluster.startAgain({ standby: true })
    try {
      const { exit, code, message } = await start({ DATABASE_URL: url })
      expect([exit, code]).toEqual([1, 'DATABASE_READ_ONLY'])
      expect(message).toMatch(
        /^The database at 127\.0\.0\.1:\d+ is read-only, as a standby is: set the address of the primary/,
      )
      expect(await doctor({ DATABASE_URL: url })).toMatchObject({
        state: 'fail',
        message: message.replace(/\.$/, ''),
      })
    } finally {
      await superuser('select pg_promote()')
    }
  })

  // a setting of the database is a default: sessions of the server choose for themselves
  it('default_transaction_read_only does not keep it from starting', async () => {
    const url = await createDatabase(cluster, 'read_only_default')
    await superuser('alter database read_only_default set default_transaction_read_only = on')
    expect((await start({ DATABASE_URL: url })).exit).toBe(0)
    expect(await doctor({ DATABASE_URL: url })).toMatchObject({ state: 'ok' })
  })

  it('without a free connection the doctor says the same', async () => {
    const env = inDatabase('no_more')
    const { message } = await start(env)
    expect(await doctor(env)).toMatchObject({ state: 'fail', message: message.replace(/\.$/, '') })
  })
})

describe.runIf(MAY_MOUNT)('a disk', () => {
  let disk: Awaited<ReturnType<typeof mountDisk>>
  let data: string
  beforeEach(async () => {
    disk = await mountDisk(200)
    data = join(disk.folder, 'data')
  })
  afterEach(() => disk.remove())

  /** The sentence of the start, which the doctor repeats. */
  async function refused(env: Record<string, string>, check: string): Promise<string[]> {
    const { exit, code, message, stderr } = await start(env)
    expect([exit, message]).toEqual([1, expect.not.stringContaining('\n')])
    expect(stderr).not.toMatch(/^\s+at /m)
    expect(await doctor(env, check)).toMatchObject({ state: 'fail', message: message.replace(/\.$/, '') })
    return [code ?? '', message]
  }
  const used = async (): Promise<void> => {
    expect((await start({ LATCHKEY_DATA_DIR: data })).exit).toBe(0)
  }

  it('of PostgreSQL that is full', async () => {
    const place = join(disk.folder, 'tablespace')
    await mkdir(place)
    if (cluster.account) await chown(place, cluster.account.uid, cluster.account.gid)
    await superuser(`create tablespace full_at_start owner latchkey location '${place}'`)
    try {
      await superuser('create database full_new owner latchkey tablespace full_at_start')
      const there = inDatabase('latchkey', 'full_new')
      await disk.fill()
      const first = await start(there)
      expect([first.exit, first.code]).toEqual([1, 'DATABASE_FULL'])
      expect(first.message).toMatch(
        /^The disk of PostgreSQL at 127\.0\.0\.1:\d+ is full or read-only \(could not write init file\): free space there/,
      )
      await disk.free()
      // a connection that writes that file
      await statement(`${cluster.baseUrl}full_new`, 'select 1')
      await disk.fill()
      const second = await start(there)
      expect([second.exit, second.code]).toEqual([1, 'DATABASE_FULL'])
      expect(second.message).toMatch(
        /^The disk of PostgreSQL at 127\.0\.0\.1:\d+ is full \(.*No space left on device\): free space there\.$/,
      )
      await disk.free()
      expect((await start(there)).exit).toBe(0)
    } finally {
      await superuser('drop database if exists full_new')
      await superuser('drop tablespace full_at_start')
    }
  })

  it.each([0, 100_000, 8_000_000])('of a new data folder that is full, except for %i bytes', async (left) => {
    await disk.fill(left)
    const [code, sentence] = await refused({ LATCHKEY_DATA_DIR: data }, 'data folder')
    expect(code).toBe('DATA_DIR')
    expect(sentence).toMatch(
      /^The data folder \S+ is on a disk that is full: free space there, or set another folder in LATCHKEY_DATA_DIR\.$/,
    )
    // and then it is as if it had not been tried
    await disk.free()
    await used()
  })

  it.each([0, 4096, 16_384])('of a used data folder that is full, except for %i bytes', async (left) => {
    await used()
    await disk.fill(left)
    const { exit, code, message } = await start({ LATCHKEY_DATA_DIR: data })
    // with some luck there is room enough to start
    if (left === 0 || exit !== 0) {
      expect([exit, code]).toEqual([1, 'DATA_DIR'])
      expect(message).toMatch(/ is on a disk that is full: free space there/)
    }
    await disk.free()
    await used()
  })

  it.each(['new', 'used'])('of a %s data folder that is read-only', async (which) => {
    if (which === 'used') await used()
    else await mkdir(data)
    await disk.setReadOnly()
    const [code, sentence] = await refused({ LATCHKEY_DATA_DIR: data }, 'data folder')
    expect([code, sentence]).toEqual([
      'DATA_DIR',
      `The data folder ${data} is on a read-only file system: set another folder in LATCHKEY_DATA_DIR.`,
    ])
  })

  it('whose database belongs to another user', async () => {
    await used()
    const uid = cluster.account?.uid ?? 0
    // all but the database, which a start as root has made
    for (const name of ['', ...(await readdir(data))])
      if (name !== 'database') await chown(join(data, name), uid, uid)
    const { exit, code, message } = await start({ LATCHKEY_DATA_DIR: data, HOME: folder }, uid)
    expect([exit, code]).toEqual([1, 'DATA_DIR'])
    expect(message).toMatch(/^The data folder \S+ is not writable by this user: change its owner/)
  })
})
