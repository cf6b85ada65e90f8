/**
 * Commands of the operator that are killed half-way, run twice at once, and repeated, as processes: they do their work
 * once, leave nothing half done, and keep no other command out.
 */
import { execFile, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../packages/server/src/config.ts'
import { PASSWORD } from '../../packages/server/src/testing/world.ts'
import { type Cluster, startCluster } from '../setup/cluster.ts'
import { createDatabase, type Node, startNode } from './node.ts'

const ROOT = join(import.meta.dirname, '../..')
const BUNDLE = join(ROOT, 'packages/server/dist/latchkey.cjs')
const SECRET = 'a secret of the operation tests, thirty-two characters'
const NEXT = 'another secret of these tests, thirty-two characters too'
const SESSIONS = 5

let cluster: Cluster
let folder: string
beforeAll(async () => {
  await promisify(execFile)(process.execPath, [join(ROOT, 'scripts/build.mjs')])
  cluster = await startCluster()
  folder = await mkdtemp(join(tmpdir(), 'latchkey-commands-'))
}, 180_000)
afterAll(async () => {
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
})

describe.each(['postgres', 'embedded'] as const)('on %s', (kind) => {
  let env: Record<string, string>
  beforeAll(async () => {
    env = {
      LATCHKEY_PROFILE: 'testing',
      LATCHKEY_PORT: '0',
      LATCHKEY_LOG_LEVEL: 'error',
      LATCHKEY_SECRET: SECRET,
      LATCHKEY_DATA_DIR: join(folder, kind),
      ...(kind === 'postgres' ? { DATABASE_URL: await createDatabase(cluster, 'commands') } : {}),
    }
  })
  /** A server in this process; it is stopped before commands run, which then open the database themselves. */
  const serve = async <T>(work: (node: Node) => Promise<T>): Promise<T> => {
    const { databaseUrl, dataDir } = loadConfig(env, { cwd: '/nonexistent' })
    const node = await startNode('', {
      databaseUrl,
      dataDir,
      emailVerification: 'off',
      secret: env.LATCHKEY_SECRET ?? '',
    })
    try {
      return await work(node)
    } finally {
      await node.stop()
    }
  }
  const start = (words: string[]) =>
    spawn(process.execPath, [BUNDLE, ...words, '--json'], {
      cwd: folder,
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  const ended = (child: ReturnType<typeof start>): Promise<{ exit: number | null; json: never }> => {
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    return new Promise((resolve) =>
      child.once('close', (exit) =>
        resolve({ exit, json: (output === '' ? null : JSON.parse(output)) as never }),
      ),
    )
  }
  const run = (words: string[]) => ended(start(words))
  /** Starts a command and kills it after so many milliseconds. */
  const kill = async (words: string[], after: number): Promise<void> => {
    const child = start(words)
    const end = ended(child)
    await pause(after)
    child.kill('SIGKILL')
    await end
  }
  const MOMENTS = [150, 300, 450, 600, 900]

  const signIn = (): Promise<string[]> =>
    serve(async (node) => {
      const email = `${kind}@example.com`
      await node.client().post('/api/v1/auth/register', { email, password: PASSWORD })
      const cookies: string[] = []
      for (let n = 0; n < SESSIONS; n++) {
        const client = node.client()
        const { status } = await client.post('/api/v1/auth/login', { email, password: PASSWORD })
        expect(status).toBe(200)
        cookies.push([...client.cookies].map(([name, value]) => `${name}=${value}`).join('; '))
      }
      return cookies
    })
  const statuses = (cookies: readonly string[]): Promise<number[]> =>
    serve((node) =>
      Promise.all(
        cookies.map(
          async (cookie) => (await node.client().get('/api/v1/auth/me', { headers: { cookie } })).status,
        ),
      ),
    )

  it('tokens revoke ends everything once, however often it was begun', async () => {
    const cookies = await signIn()
    const words = ['tokens', 'revoke', '--all-before', 'now']
    const both = await Promise.all([run(words), run(words)])
    expect(both.map(({ exit }) => exit)).toEqual([0, 0])
    const sessions = both.map(({ json }) => (json as { sessions: number }).sessions)
    // the registration has one too
    expect(sessions.sort()).toEqual([0, SESSIONS + 1])
    expect(await statuses(cookies)).toEqual(cookies.map(() => 401))

    const more = await signIn()
    for (const moment of MOMENTS) await kill(words, moment)
    // one transaction: all of them or none
    expect(new Set(await statuses(more)).size).toBe(1)
    expect((await run(words)).exit).toBe(0)
    expect(await statuses(more)).toEqual(more.map(() => 401))
  })

  it('doctor changes nothing, and two find the same', async () => {
    for (const moment of MOMENTS) await kill(['doctor'], moment)
    const both = await Promise.all([run(['doctor']), run(['doctor'])])
    for (const { json } of both) {
      const { findings } = json as { findings: { check: string; state: string }[] }
      for (const check of ['database', 'migrations', 'isolation'])
        expect([check, findings.find((one) => one.check === check)?.state]).toEqual([check, 'ok'])
    }
  })

  it('secrets rotate seals everything under the next secret', async () => {
    const cookies = await signIn()
    env = { ...env, LATCHKEY_SECRET: NEXT, LATCHKEY_SECRET_PREVIOUS: SECRET }
    const words = ['secrets', 'rotate']
    for (const moment of MOMENTS) await kill(words, moment)
    const both = await Promise.all([run(words), run(words)])
    expect(both.map(({ exit }) => exit)).toEqual([0, 0])
    delete env.LATCHKEY_SECRET_PREVIOUS
    // a server that knows the next secret alone starts, and sessions have stayed
    expect(await statuses(cookies)).toEqual(cookies.map(() => 200))
    env.LATCHKEY_SECRET = SECRET
    await expect(serve(async () => {})).rejects.toThrow(/LATCHKEY_SECRET/)
  })
})
