/**
 * The shipped CLI: the bundle, in separate processes, against real servers. Tests without a server are in run.test.ts.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createTestDatabase, type TestDatabase, testDatabaseKind } from '../testing/database.ts'

const root = join(import.meta.dirname, '../../../..')
const bundle = join(root, 'packages/server/dist/latchkey.cjs')
const isEmbedded = testDatabaseKind() === 'pglite'

// every command is a process, and opens a database
vi.setConfig({ testTimeout: 60_000 })

let cwd = ''
let made: TestDatabase
let settings: Record<string, string> = {}
const servers: ChildProcess[] = []

beforeAll(async () => {
  await promisify(execFile)(process.execPath, [join(root, 'scripts/build.mjs')])
}, 120_000)
beforeEach(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'lk-cli-'))
  made = await createTestDatabase()
  settings = {
    PATH: process.env.PATH ?? '',
    LATCHKEY_PROFILE: 'testing',
    LATCHKEY_PORT: '0',
    // fast hashes: these tests are about the commands
    LATCHKEY_ARGON2_MEMORY_KIB: '1024',
    ...(made.databaseUrl ? { DATABASE_URL: made.databaseUrl } : {}),
  }
})
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => stop(server, 'SIGKILL')))
  await made.drop()
  rmSync(cwd, { recursive: true, force: true })
})

interface Ran {
  exit: number
  stdout: string
  stderr: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look freely into what was printed
  json: any
}
async function latchkey(words: string[], { env = settings, input = '' } = {}): Promise<Ran> {
  const child = spawn(process.execPath, [bundle, ...words], { cwd, env })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  child.stdin.end(input)
  const [exit] = await once(child, 'close')
  const json = words.includes('--json') && stdout ? JSON.parse(stdout) : null
  return { exit: exit as number, stdout, stderr, json }
}

interface Running {
  server: ChildProcess
  url: string
  setupLink: string | null
  output(): string
}
async function startServer(words: string[] = [], env = settings): Promise<Running> {
  const server = spawn(process.execPath, [bundle, 'start', '--json', ...words], { cwd, env })
  servers.push(server)
  let output = ''
  server.stderr?.on('data', (chunk) => {
    output += chunk
  })
  const facts = await new Promise<{ url: string; setup_link: string | null }>((resolve, reject) => {
    server.stdout?.on('data', (chunk) => {
      output += chunk
      const line = output.split('\n').find((text) => text.startsWith('{"url"'))
      if (line) resolve(JSON.parse(line))
    })
    server.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${output}`)))
  })
  return { server, url: facts.url, setupLink: facts.setup_link, output: () => output }
}
async function stop(server: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (server.exitCode !== null || server.signalCode !== null) return server.exitCode
  const ended = once(server, 'exit')
  server.kill(signal)
  return (await ended)[0]
}
const signIn = (url: string, username: string, password: string) =>
  fetch(`${url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password }),
  })

describe('an import', () => {
  const record = (at: number) =>
    JSON.stringify({
      email: `u${at}@acme.test`,
      email_verified: true,
      // `Password.1`
      password_hash: '{BCRYPT}$2y$10$ku2Gy22F240O5jDrF8bdQusB0/3KHIXIsoHcJo0DMAsnRoNQXXB0C',
      organizations: [{ slug: 'acme', role: at === 0 ? 'owner' : 'member' }],
    })
  const records = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, at) => `${record(from + at)}\n`).join('')

  it('runs while the server serves, is killed, and continues when it is repeated', async () => {
    const { url } = await startServer()
    const killed = spawn(process.execPath, [bundle, 'users', 'import', '-'], { cwd, env: settings })
    killed.stdin.write(records(0, 600))
    // the first batch is written while the second waits for more records
    const listed = async () => (await latchkey(['users', 'list', '--limit', '1', '--json'])).json.users
    await vi.waitFor(async () => expect(await listed()).toHaveLength(1), { timeout: 40_000, interval: 100 })
    await stop(killed, 'SIGKILL')
    expect((await signIn(url, 'u499@acme.test', 'Password.1')).status).toBe(200)
    expect((await signIn(url, 'u599@acme.test', 'Password.1')).status).toBe(401)
    const whole = await latchkey(['users', 'import', '-', '--json'], { input: records(0, 700) })
    expect(whole).toMatchObject({ exit: 0, json: { counts: { read: 700, created: 200, unchanged: 500 } } })
    expect((await signIn(url, 'u699@acme.test', 'Password.1')).status).toBe(200)
    const again = await latchkey(['users', 'import', '-', '--json'], { input: records(0, 700) })
    expect(again.json.counts).toMatchObject({ created: 0, updated: 0, unchanged: 700 })
    const exported = await latchkey(['users', 'export', 'all.jsonl', '--json'])
    expect(exported.json).toMatchObject({ exported: 700, password_hashes: false })
  })
})

describe('accounts', () => {
  it('are created, listed, disabled and given new passwords without a server', async () => {
    const created = await latchkey([
      'users',
      'create',
      '--email',
      'ada@acme.test',
      '--name',
      'Ada Lovelace',
      '--json',
    ])
    expect(created).toMatchObject({
      exit: 0,
      json: { user: { email: 'ada@acme.test', full_name: 'Ada Lovelace' } },
    })
    const reset = await latchkey(['users', 'reset-password', 'ada@acme.test', '--json'])
    expect(reset.json.password).toMatch(/^[\w-]{24}$/)
    expect(await latchkey(['users', 'disable', created.json.user.id])).toMatchObject({ exit: 0 })
    expect((await latchkey(['users', 'list'])).stdout).toMatch(
      /^EMAIL .*\nada@acme\.test +Ada Lovelace +viewer +disabled/,
    )
    const { url } = await startServer()
    expect((await signIn(url, 'ada@acme.test', reset.json.password)).status).not.toBe(200)
    expect(await latchkey(['users', 'enable', 'ada@acme.test'])).toMatchObject({ exit: 0 })
    expect((await signIn(url, 'ada@acme.test', created.json.password)).status).toBe(401)
    expect((await signIn(url, 'ada@acme.test', reset.json.password)).status).toBe(200)
  })

  it('are created, listed, disabled and given new passwords while a server runs', async () => {
    const { url } = await startServer()
    const bob = [
      'users',
      'create',
      '--email',
      'bob@acme.test',
      '--username',
      'bob',
      '--role',
      'super_admin',
      '--json',
    ]
    const created = await latchkey([...bob, '--password-stdin'], { input: 'four plain words and one\n' })
    expect(created).toMatchObject({ exit: 0, json: { user: { role: 'super_admin', is_verified: true } } })
    expect(created.stdout).not.toContain('four plain words')
    expect((await signIn(url, 'bob', 'four plain words and one')).status).toBe(200)

    const codes = [
      ['CONFLICT', ['users', 'create', '--email', 'BOB@acme.test']],
      ['VALIDATION_ERROR', ['users', 'create', '--email', 'unknown']],
      ['VALIDATION_ERROR', ['users', 'create', '--email', 'eve@acme.test', '--role', 'king']],
      ['NOT_FOUND', ['users', 'disable', 'unknown']],
      ['CONFLICT', ['users', 'enable', 'bob']],
    ] as const
    for (const [code, words] of codes) {
      expect(await latchkey([...words, '--json'])).toMatchObject({ exit: 1, json: { error: { code } } })
    }
    // the last administrator cannot be disabled
    await latchkey(['users', 'create', '--email', 'ada@acme.test', '--role', 'super_admin'])
    const first = await latchkey(['users', 'list', '--limit', '1', '--json'])
    const second = await latchkey([
      'users',
      'list',
      '--limit',
      '1',
      '--cursor',
      first.json.next_cursor,
      '--json',
    ])
    expect([first, second].map(({ json }) => json.users[0].email)).toEqual(['ada@acme.test', 'bob@acme.test'])
    expect(second.json.next_cursor).toBeNull()

    const reset = await latchkey(['users', 'reset-password', 'bob', '--json'])
    expect((await signIn(url, 'bob', 'four plain words and one')).status).toBe(401)
    expect((await signIn(url, 'bob', reset.json.password)).status).toBe(200)
    await latchkey(['users', 'disable', 'bob@acme.test'])
    expect((await signIn(url, 'bob', reset.json.password)).status).not.toBe(200)
  })

  it('get roles and are deleted, except for the last administrator, and with everything personal', async () => {
    await startServer()
    const create = (name: string, role: string) =>
      latchkey(['users', 'create', '--email', `${name}@acme.test`, '--role', role])
    await create('root', 'super_admin')
    await create('ada', 'viewer')
    const promoted = await latchkey(['users', 'set-role', 'ada@acme.test', 'staff, manager', '--json'])
    expect(promoted.json.user).toMatchObject({ role: 'manager', roles: ['manager', 'staff'] })
    const refused = [
      ['VALIDATION_ERROR', ['users', 'set-role', 'ada@acme.test', 'king']],
      ['NOT_FOUND', ['users', 'set-role', 'unknown', 'staff']],
      ['CONFLICT', ['users', 'set-role', 'root@acme.test', 'staff']],
      ['CONFLICT', ['users', 'delete', 'root@acme.test', '--yes']],
      ['NOT_FOUND', ['users', 'delete', 'unknown', '--yes']],
    ] as const
    for (const [code, words] of refused)
      expect(await latchkey([...words, '--json'])).toMatchObject({ exit: 1, json: { error: { code } } })
    expect(await latchkey(['users', 'delete', 'ada@acme.test'])).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining('--yes'),
    })
    expect(await latchkey(['users', 'delete', 'ada@acme.test', '--yes'])).toMatchObject({ exit: 0 })
    const left = await latchkey(['users', 'list', '--json'])
    expect(left.json.users.map(({ email }: { email: string }) => email)).toEqual(['root@acme.test'])
  })

  it('are seeded with random passwords, once, and never in production', async () => {
    const seeded = await latchkey(['seed', '--json'])
    expect(seeded.json.organizations).toEqual(['Northwind Traders', 'Contoso Café'])
    expect(seeded.json.app).toEqual({
      client_id: 'acme-portal-001',
      client_secret: expect.stringMatching(/^cs_[A-Za-z0-9_-]{43}$/),
    })
    const people = seeded.json.users as { email: string; password: string }[]
    expect(people.length).toBeGreaterThan(5)
    expect(new Set(people.map(({ password }) => password)).size).toBe(people.length)
    expect((await latchkey(['seed', '--json'])).json).toMatchObject({ users: [], app: null })
    const production = {
      ...settings,
      LATCHKEY_PROFILE: 'production',
      LATCHKEY_PORT: '4000',
      LATCHKEY_ARGON2_MEMORY_KIB: '19456',
      LATCHKEY_PUBLIC_URL: 'https://id.acme.test',
      // the database belongs to the secret that was generated
      LATCHKEY_SECRET: readFileSync(join(cwd, '.latchkey', 'secret'), 'utf8').trim(),
      LATCHKEY_EMBEDDED_IN_PRODUCTION: 'yes',
    }
    expect((await latchkey(['seed', '--json'], { env: production })).json.error.code).toBe(
      'REFUSED_IN_PRODUCTION',
    )
    const { url } = await startServer()
    const [ines] = people
    expect((await signIn(url, ines?.email ?? '', ines?.password ?? '')).status).toBe(200)
  })
})

describe('the server', () => {
  it('prints a set-up link until an administrator exists, and exits with 0 on SIGTERM', async () => {
    const first = await startServer()
    expect(first.setupLink).toMatch(/^http:\/\/.*\/setup\/\w+/)
    expect((await fetch(`${first.url}/readyz`)).status).toBe(200)
    await latchkey(['users', 'create', '--email', 'ada@acme.test', '--role', 'super_admin'])
    expect(await stop(first.server, 'SIGTERM')).toBe(0)
    const second = await startServer()
    expect(second.setupLink).toBeNull()
    expect(await stop(second.server, 'SIGINT')).toBe(0)
  })

  it('reports that its port is in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const address = taken.address()
    const port = String(typeof address === 'object' ? address?.port : '')
    const env = { ...settings, LATCHKEY_PORT: port }
    const ran = await latchkey(['start'], { env })
    expect(ran).toMatchObject({ exit: 1 })
    expect(ran.stderr).toContain(`Port ${port} is in use`)
    const doctor = await latchkey(['doctor', '--json'], { env })
    expect(doctor.json.findings).toContainEqual(expect.objectContaining({ check: 'port', state: 'fail' }))
    taken.close()
  })

  it('passes every check of doctor, running or not', async () => {
    const idle = await latchkey(['doctor', '--json'])
    expect(idle.json.findings.filter(({ state }: { state: string }) => state === 'fail')).toEqual([])
    await startServer()
    const { exit, json } = await latchkey(['doctor', '--json'])
    expect(json.findings.filter(({ state }: { state: string }) => state === 'fail')).toEqual([])
    expect(exit).toBe(0)
    expect(json.findings.map(({ check }: { check: string }) => check)).toEqual(
      expect.arrayContaining([
        'node',
        'settings',
        'secret',
        'data folder',
        'database',
        'migrations',
        'clock',
        'isolation',
        'port',
        'mail',
      ]),
    )
  })

  it('lists its migrations; reverting requires --yes, and on the embedded database a stopped server', async () => {
    const { server } = await startServer()
    const status = await latchkey(['migrate', 'status', '--json'])
    expect(new Set(status.json.migrations.map(({ state }: { state: string }) => state))).toEqual(
      new Set(['applied']),
    )
    expect((await latchkey(['migrate', 'up', '--json'])).json).toEqual({ migrations: [] })
    if (isEmbedded) {
      expect((await latchkey(['migrate', 'down', '--yes', '--json'])).json.error.code).toBe('SERVER_RUNNING')
    }
    await stop(server, 'SIGTERM')
    expect((await latchkey(['migrate', 'down'])).exit).toBe(2)
    const last = status.json.migrations.at(-1).name
    expect((await latchkey(['migrate', 'down', '--yes', '--json'])).json).toEqual({ migrations: [last] })
    const plan = (await latchkey(['migrate', 'plan', '--json'])).json
    expect(plan.migrations).toMatchObject([{ name: last, locks: expect.any(Array), in_transaction: true }])
    expect(plan).toMatchObject({
      previous_version_may_serve: true,
      advice: expect.stringMatching(/one by one/),
    })
    expect((await latchkey(['migrate', 'plan'])).stdout).toMatch(new RegExp(`^MIGRATION .*\n${last} `))
    expect((await latchkey(['migrate', 'up', '--json'])).json).toEqual({ migrations: [last] })
    expect((await latchkey(['migrate', 'plan'])).stdout).toBe('Nothing to do: all migrations are applied.\n')
  })
})

if (isEmbedded) describe('the embedded database', ofTheEmbeddedDatabase)
else describe('on PostgreSQL', onPostgres)

function ofTheEmbeddedDatabase(): void {
  it('is opened by one server', async () => {
    const { server } = await startServer()
    const second = await latchkey(['start', '--json'])
    expect(second).toMatchObject({ exit: 1, json: { error: { code: 'DATA_DIR_IN_USE' } } })
    expect(second.json.error.message).toContain(String(server.pid))
  })

  it('accepts commands and starts again after a server was killed', async () => {
    const { server } = await startServer()
    await stop(server, 'SIGKILL')
    expect(existsSync(join(cwd, '.latchkey/control/socket'))).toBe(true)
    expect(await latchkey(['users', 'create', '--email', 'ada@acme.test'])).toMatchObject({ exit: 0 })
    const next = await startServer()
    expect((await latchkey(['users', 'list', '--json'])).json.users).toHaveLength(1)
    expect(await stop(next.server, 'SIGTERM')).toBe(0)
    expect(existsSync(join(cwd, '.latchkey/control/socket'))).toBe(false)
  })

  it('accepts commands through a socket that only its user may open, at any depth of its folder', async () => {
    const deep = join(cwd, 'd'.repeat(90), 'e'.repeat(90))
    settings = { ...settings, LATCHKEY_DATA_DIR: deep }
    await startServer()
    expect(await latchkey(['users', 'create', '--email', 'ada@acme.test'])).toMatchObject({ exit: 0 })
    expect((await latchkey(['users', 'list', '--json'])).json.users).toHaveLength(1)
    expect(statSync(deep).mode & 0o777).toBe(0o700)
  })

  it('is opened by a command or a starting server, and the other waits', async () => {
    const [, listed] = await Promise.all([startServer(), latchkey(['users', 'list', '--json'])])
    expect(listed).toMatchObject({ exit: 0, json: { users: [] } })
  })

  it('refuses workers', async () => {
    const ran = await latchkey(['start', '--workers', '2', '--json'])
    expect(ran).toMatchObject({ exit: 1, json: { error: { code: 'EMBEDDED_DATABASE' } } })
  })
}

function onPostgres(): void {
  it('runs several workers on one port, replaces one that exits, and stops them all', async () => {
    const port = await freePort()
    const { server, url, output } = await startServer(['--workers', '2'], {
      ...settings,
      LATCHKEY_PORT: String(port),
    })
    const children = () => childrenOf(server.pid ?? 0)
    expect(await children()).toHaveLength(2)
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    const [victim = 0] = await children()
    process.kill(victim, 'SIGKILL')
    await expect
      .poll(async () => (await children()).filter((pid) => pid !== victim).length, { timeout: 10_000 })
      .toBe(2)
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    expect(await stop(server, 'SIGTERM')).toBe(0)
    expect(await childrenOf(server.pid ?? 0)).toEqual([])
    expect(output()).toContain(`"worker":${victim},"exit":"SIGKILL","msg":"a worker has ended"`)
  })

  it('reports that the database is unreachable', async () => {
    const env = { ...settings, DATABASE_URL: `postgres://latchkey@127.0.0.1:${await freePort()}/none` }
    const doctor = await latchkey(['doctor', '--json'], { env })
    expect(doctor.exit).toBe(1)
    expect(doctor.json.findings).toContainEqual(expect.objectContaining({ check: 'database', state: 'fail' }))
    expect((await latchkey(['users', 'list', '--json'], { env })).exit).toBe(1)
  })
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'pid=', '--ppid', String(pid)]).catch(() => ({
    stdout: '',
  }))
  return stdout
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(Number)
}
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}
