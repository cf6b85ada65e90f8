/** The commands of moves as processes, on copies of one filled data folder and on databases of one cluster. */
import { execFile, spawn } from 'node:child_process'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Connection } from '../../packages/server/src/base/db/connection.ts'
import { freePort } from '../../packages/server/src/testing/world.ts'
import { type Cluster, startCluster } from '../setup/cluster.ts'
import { type Filled, fill, SECRET, settings, startOn } from './moves-filled.ts'
import { createDatabase } from './node.ts'

export const ROOT = join(import.meta.dirname, '../..')
export const BUNDLE = join(ROOT, 'packages/server/dist/latchkey.cjs')

export interface Ended {
  exit: number | null
  // biome-ignore lint/suspicious/noExplicitAny: what was printed has no type
  json: any
  stderr: string
}

export interface Running {
  ended: Promise<Ended>
  /** Kills the process as soon as the condition holds; fails where it ends before. */
  killWhen(condition: () => Promise<boolean>): Promise<void>
}

export interface Moves {
  cluster: Cluster
  folder: string
  filled: Filled
  port: number
  /** A new copy of the filled data folder. */
  dataDir(): Promise<string>
  /** The URL of a new, empty database. */
  database(): Promise<string>
  start(words: string[], dataDir: string, env?: Record<string, string>): Running
  run(words: string[], dataDir: string, env?: Record<string, string>): Promise<Ended>
  stop(): Promise<void>
}

export async function startMoves(): Promise<Moves> {
  await promisify(execFile)(process.execPath, [join(ROOT, 'scripts/build.mjs')])
  const cluster = await startCluster()
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-moves-'))
  const original = join(folder, 'original')
  const port = await freePort()
  const node = await startOn(null, settings(original, port))
  const filled = await fill(node)
  await node.stop()
  let count = 0
  const start: Moves['start'] = (words, dataDir, env = {}) => {
    const child = spawn(process.execPath, [BUNDLE, ...words, '--json'], {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        LATCHKEY_PROFILE: 'testing',
        LATCHKEY_PORT: '0',
        LATCHKEY_LOG_LEVEL: 'error',
        LATCHKEY_SECRET: SECRET,
        LATCHKEY_DATA_DIR: dataDir,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [output, stderr] = ['', '']
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (stderr += chunk))
    let isOver = false
    const ended = new Promise<Ended>((resolve) =>
      child.once('close', (exit) => {
        isOver = true
        resolve({ exit, json: output === '' ? null : JSON.parse(output), stderr })
      }),
    )
    return {
      ended,
      async killWhen(condition) {
        while (!isOver && !(await condition())) await pause(2)
        if (isOver) throw new Error(`it has ended before: ${output}${stderr}`)
        child.kill('SIGKILL')
        await ended
      },
    }
  }
  return {
    cluster,
    folder,
    filled,
    port,
    async dataDir() {
      const to = join(folder, `data${++count}`)
      await cp(original, to, { recursive: true })
      return to
    },
    database: () => createDatabase(cluster, `moves${++count}`),
    start,
    run: (words, dataDir, env) => start(words, dataDir, env).ended,
    async stop() {
      await cluster.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The rows of a statement, on a connection that is closed afterwards. */
export async function rowsOf(url: string, sql: string): Promise<unknown[]> {
  const connection = await Connection.open({ connectionString: url }, 'set role latchkey')
  try {
    return (await connection.plain(sql)).rows
  } finally {
    await connection.close()
  }
}
/** Whether a statement has a row; false also while a table of it is not there. */
export const hasRow = (url: string, sql: string): Promise<boolean> =>
  rowsOf(url, sql).then(
    (rows) => rows.length > 0,
    () => false,
  )
