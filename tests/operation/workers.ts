/** A server of several workers as its own processes, from the built bundle: for the tests that stop, replace and kill them. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../../packages/server/src/testing/world.ts'

const BUNDLE = join(import.meta.dirname, '../../packages/server/dist/latchkey.cjs')

export const buildBundle = (): Promise<unknown> =>
  promisify(execFile)(process.execPath, [join(import.meta.dirname, '../../scripts/build.mjs')])

export interface Workers {
  url: string
  /** The primary process. */
  child: ChildProcess
  /** The process ids of the workers, in ascending order. */
  pids(): Promise<number[]>
  /** The messages of the log so far. */
  messages(): string[]
  /** The status of `GET /readyz` on a new connection, or 0 if there is no answer. */
  ready(): Promise<number>
  /** Sends SIGTERM, and waits until the primary process has exited. */
  stop(): Promise<void>
}

export interface WorkersOptions {
  /** As the command line has it; null: no `--workers`. Default: 2. */
  count?: string | null
  /** The working folder, where `.env` is read. */
  cwd?: string
  env?: Readonly<Record<string, string>>
}

/** Starts them, and waits until all listen. */
export async function startWorkers(
  databaseUrl: string,
  { count = '2', cwd = tmpdir(), env = {} }: WorkersOptions = {},
): Promise<Workers> {
  const port = await freePort()
  const words = count === null ? [] : ['--workers', count]
  const child = spawn(process.execPath, [BUNDLE, 'start', ...words], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: databaseUrl,
      LATCHKEY_PROFILE: 'testing',
      LATCHKEY_PORT: `${port}`,
      LATCHKEY_LOG_LEVEL: 'info',
      LATCHKEY_SECRET: 'a secret of the operation tests, thirty-two characters',
      LATCHKEY_EMAIL_VERIFICATION: 'off',
      ...env,
    },
  })
  const ended = once(child, 'exit')
  const messages: string[] = []
  await new Promise<void>((resolve, reject) => {
    let rest = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const { msg } = JSON.parse(line) as { msg: string }
        messages.push(msg)
        if (msg === 'the server has started') resolve()
      }
    })
    void ended.then(() => reject(new Error(`the server has ended: ${messages.join('; ')}`)))
  })
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    child,
    async pids() {
      const { pid } = child
      const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
      return children
        .trim()
        .split(' ')
        .filter(Boolean)
        .map(Number)
        .toSorted((a, b) => a - b)
    },
    messages: () => messages,
    ready: () =>
      fetch(`${url}/readyz`, { headers: { connection: 'close' } }).then(
        ({ status }) => status,
        () => 0,
      ),
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}
