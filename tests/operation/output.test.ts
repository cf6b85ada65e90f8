/**
 * The output of a server that a collector of logs reads: each line, from any origin, is a JSON object: start, requests,
 * warnings of Node.js, a worker that ends, a failed start, the stop. At a terminal it is text for people.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../packages/server/src/testing/world.ts'
import { type Cluster, startCluster } from '../setup/cluster.ts'
import { createDatabase } from './node.ts'

const ROOT = join(import.meta.dirname, '../..')
const BUNDLE = join(ROOT, 'packages/server/dist/latchkey.cjs')
/** Loaded before the server: it warns, and it ends by an uncaught error, at these signals. */
const PRELOADED = `
  process.on('SIGUSR2', () => process.emitWarning('this will go', 'DeprecationWarning', 'DEP_TEST'))
  process.on('SIGQUIT', () => setImmediate(() => { throw new Error('an uncaught one') }))`

let cluster: Cluster
let folder: string
let databases = 0
const children: ChildProcess[] = []
beforeAll(async () => {
  await promisify(execFile)(process.execPath, [join(ROOT, 'scripts/build.mjs')])
  cluster = await startCluster()
  folder = await mkdtemp(join(tmpdir(), 'latchkey-output-'))
  await writeFile(join(folder, 'preloaded.cjs'), PRELOADED)
}, 180_000)
afterEach(() => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL')
})
afterAll(async () => {
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
})

type Entry = Record<string, unknown> & { msg: string }

interface Started {
  child: ChildProcess
  port: number
  /** Every line of both streams, parsed. @throws if one is no JSON object */
  entries(): Entry[]
  text(): string
  /** Resolves when an entry has this message. */
  said(message: string): Promise<Entry>
  end(signal: NodeJS.Signals): Promise<number | null>
}

async function start(
  env: Record<string, string | undefined>,
  words: readonly string[] = [],
): Promise<Started> {
  const port = await freePort()
  const database = env.LATCHKEY_DATA_DIR
    ? {}
    : { DATABASE_URL: await createDatabase(cluster, `output_${++databases}`) }
  const child = spawn(process.execPath, [BUNDLE, 'start', ...words], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      NODE_OPTIONS: `--require ${join(folder, 'preloaded.cjs')}`,
      LATCHKEY_PORT: `${port}`,
      LATCHKEY_SECRET: 'q7Vt2mXc9LrB4nZk8Hs1Wy6Pd3Gf5JaQ0EuToIiR',
      LATCHKEY_ACCESS_LOG: 'yes',
      LATCHKEY_LOG_LEVEL: 'info',
      LATCHKEY_DRAIN: '0s',
      ...database,
      ...env,
    },
  })
  children.push(child)
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk))
  const ended = once(child, 'close')
  const lines = () => text.split('\n').filter((line) => line !== '')
  return {
    child,
    port,
    text: () => text,
    entries: () => lines().map((line) => JSON.parse(line)),
    async said(message) {
      const found = () => lines().find((line) => line.includes(`"msg":"${message}"`))
      await expect.poll(() => found() ?? (child.exitCode === null ? undefined : text)).toBeTruthy()
      return JSON.parse(found() ?? text)
    },
    async end(signal) {
      child.kill(signal)
      return (await ended)[0]
    },
  }
}

const PRODUCTION = {
  LATCHKEY_PROFILE: 'production',
  LATCHKEY_PUBLIC_URL: 'https://id.example.test',
  LATCHKEY_BREACH_CHECK: 'no',
}
const register = (port: number) =>
  fetch(`http://127.0.0.1:${port}/api/v1/auth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'ada@example.com', password: 'correct horse battery staple' }),
  })

describe('each line of the output is JSON', () => {
  it.each([
    ['in production', PRODUCTION, []],
    ['in development', { LATCHKEY_PROFILE: 'development' }, []],
    ['in production with workers', PRODUCTION, ['--workers', '2']],
    ['with the embedded database', { LATCHKEY_PROFILE: 'testing', LATCHKEY_DATA_DIR: 'data' }, []],
  ] as const)('%s, from the start to the stop', async (_where, env, words) => {
    const server = await start(env, words)
    const started = await server.said('the server has started')
    expect(started).toMatchObject({
      level: 'info',
      url: `http://127.0.0.1:${server.port}`,
      pid: server.child.pid,
    })
    expect(String(started.setup_link)).toMatch(/^https?:\/\/\S+\/setup\/lnk_\w+\.\S{20,}$/)
    expect(started.workers).toBe(words.length === 0 ? 1 : 2)
    expect((await fetch(`http://127.0.0.1:${server.port}/healthz?token=hunter2`)).status).toBe(200)
    expect(await server.said('request')).toMatchObject({
      method: 'GET',
      path: '/healthz',
      status: 200,
      client: '127.0.0.1',
    })
    // outside production this prints the e-mail
    expect((await register(server.port)).status).toBe(201)
    server.child.kill('SIGUSR2')
    const warning = await server.said('a warning of Node.js')
    expect(warning).toMatchObject({
      level: 'warn',
      err: { type: 'DeprecationWarning', message: 'this will go' },
    })
    expect(await server.end('SIGTERM')).toBe(0)
    const messages = server.entries().map(({ msg }) => msg)
    expect(messages.at(-1)).toBe('the server has stopped')
    for (const once of ['the server has started', 'the server is stopping', 'the server has stopped'])
      expect(messages.filter((message) => message === once)).toHaveLength(1)
    for (const entry of server.entries())
      expect(entry).toMatchObject({
        level: expect.any(String),
        time: expect.any(String),
        msg: expect.any(String),
      })
  })

  it('when a worker ends and is replaced', async () => {
    const server = await start(PRODUCTION, ['--workers', '2'])
    await server.said('the server has started')
    const { stdout } = await promisify(execFile)('ps', ['-o', 'pid=', '--ppid', `${server.child.pid}`])
    const victim = Number(stdout.trim().split('\n')[0])
    process.kill(victim, 'SIGKILL')
    expect(await server.said('a worker has ended')).toMatchObject({
      level: 'warn',
      worker: victim,
      exit: 'SIGKILL',
    })
    expect(await server.end('SIGTERM')).toBe(0)
    expect(server.entries().length).toBeGreaterThan(3)
  })

  it.each([
    ['a setting is refused', { LATCHKEY_PORT: 'http' }, 'CONFIG', /LATCHKEY_PORT/],
    ['the database is not there', { DATABASE_URL: 'postgres://latchkey@127.0.0.1:1/latchkey' }, 'DATABASE_UNREACHABLE', /^No program accepts/],
  ])('when the start fails because %s', async (_why, env, code, sentence) => {
    const server = await start({ ...PRODUCTION, ...env })
    expect((await once(server.child, 'close'))[0]).toBe(1)
    const entries = server.entries()
    expect(entries.at(-1)).toMatchObject({ level: 'error', error_code: code, msg: expect.stringMatching(sentence) })
  }) // biome-ignore format: a table

  it('when the process ends by an uncaught error', async () => {
    const server = await start(PRODUCTION)
    await server.said('the server has started')
    expect(await server.end('SIGQUIT')).toBe(1)
    expect(server.entries().at(-1)).toMatchObject({ level: 'error', err: { message: 'an uncaught one' } })
  })

  it('and the link of the first administrator is there at any level of the log', async () => {
    const server = await start({ ...PRODUCTION, LATCHKEY_ACCESS_LOG: 'no', LATCHKEY_LOG_LEVEL: 'error' })
    expect((await server.said('the server has started')).setup_link).toContain('/setup/')
    await server.end('SIGTERM')
    expect(server.entries()).toHaveLength(1)
  })
})

describe('at a terminal', () => {
  it('the output is text for people', async () => {
    const port = await freePort()
    const env = {
      PATH: process.env.PATH,
      TERM: 'dumb',
      LATCHKEY_PORT: `${port}`,
      DATABASE_URL: await createDatabase(cluster, `output_${++databases}`),
      LATCHKEY_SECRET: 'q7Vt2mXc9LrB4nZk8Hs1Wy6Pd3Gf5JaQ0EuToIiR',
    }
    // script(1) gives the program a terminal
    const child = spawn('script', ['-qec', `${process.execPath} ${BUNDLE} start`, '/dev/null'], {
      cwd: folder,
      env,
    })
    children.push(child)
    let text = ''
    child.stdout.on('data', (chunk) => (text += chunk))
    await expect.poll(() => text).toContain('Create the first administrator')
    expect(text).toMatch(/Latchkey \S+ is running \(development\); Ctrl-C stops it\./)
    // Ctrl-C
    child.stdin.write('\u0003')
    await once(child, 'close')
    expect(text).toContain('Stopping; finishing requests in progress …')
    expect(text).not.toMatch(/^\{/m)
  })
})
