/** The server under test: the built bundle in the production profile, alone on its core. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { cpuTime } from './machine.ts'
import { freePort, type Running, run } from './process.ts'
import { once, requestText } from './wire.ts'

export const BUNDLE = join(import.meta.dirname, '../../packages/server/dist/latchkey.cjs')

export interface Latchkey extends Running {
  port: number
  /** Milliseconds from the start of the process to the first 200 of both /healthz and /readyz. */
  startedIn: number
  /** CPU time until then, in milliseconds. */
  startedOnCpu: number
  output(): string
  /** Runs a command of the CLI with the settings of this server. @returns its output */
  command(...args: string[]): Promise<string>
}

export interface LatchkeyOptions {
  core: number | string | null
  /** Null: embedded, in `dataDir`. */
  databaseUrl: string | null
  dataDir: string
  env?: Record<string, string>
  /** Of `latchkey start`. */
  args?: readonly string[]
  /** A module for Node to load first; the process then has a message channel. */
  preload?: string
}

export const ISSUER = 'https://id.example.test'
/** The same for all servers, so that those with one database are nodes of one installation. */
export const SECRET = randomBytes(36).toString('base64')
const START_PATIENCE = 60_000
/** Milliseconds between two readiness checks. */
export const POLL = 3

export async function startLatchkey(options: LatchkeyOptions): Promise<Latchkey> {
  const port = await freePort()
  const env = {
    LATCHKEY_PROFILE: 'production',
    LATCHKEY_PUBLIC_URL: ISSUER,
    LATCHKEY_PORT: String(port),
    LATCHKEY_SECRET: SECRET,
    LATCHKEY_DATA_DIR: options.dataDir,
    // the load sends requests of many clients, as a proxy does
    LATCHKEY_TRUSTED_PROXIES: '127.0.0.1',
    // nothing leaves this machine
    LATCHKEY_BREACH_CHECK: 'no',
    ...(options.databaseUrl === null
      ? { LATCHKEY_EMBEDDED_IN_PRODUCTION: 'yes' }
      : { DATABASE_URL: options.databaseUrl }),
    // a preloaded module starts the thread pool before the launcher can set its size
    ...(options.preload ? { UV_THREADPOOL_SIZE: '5' } : {}),
    ...options.env,
  }
  const preload = options.preload ? ['--import', options.preload] : []
  const began = performance.now()
  const running = run([process.execPath, ...preload, BUNDLE, 'start', ...(options.args ?? [])], {
    core: options.core,
    env,
    cwd: options.dataDir,
    ipc: options.preload !== undefined,
    patience: 30_000,
  })
  for (const path of ['/healthz', '/readyz']) {
    while ((await once(port, requestText('GET', path))) !== 200) {
      if (running.child.exitCode !== null) throw new Error(`the server ended:\n${running.output()}`)
      if (performance.now() - began > START_PATIENCE) {
        await running.stop()
        throw new Error(`the server does not answer ${path}:\n${running.output()}`)
      }
      await pause(POLL)
    }
  }
  const startedIn = performance.now() - began
  return {
    ...running,
    port,
    startedIn,
    startedOnCpu: cpuTime(running.pid) / 1000,
    async command(...args) {
      const how = { cwd: options.dataDir, env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', ...env } }
      return (await promisify(execFile)(process.execPath, [BUNDLE, ...args], how)).stdout
    },
  }
}
