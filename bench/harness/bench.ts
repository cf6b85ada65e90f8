/** What a row of the benchmark is given, and what it hands back. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Latchkey, startLatchkey } from './latchkey.ts'
import type { LoadOrder } from './load-process.ts'
import { type Cores, cpuTime, watchCore } from './machine.ts'
import { populate } from './population.ts'
import { type Postgres, startPostgres } from './postgres.ts'
import { ask, nextMessage, type Running, run } from './process.ts'
import type { Tally } from './wire.ts'

/** One number that is held against what was set out to be reached. */
export interface Figure {
  what: string
  value: number
  unit: '' | 'ms' | 's' | 'MiB' | 'per s' | 'µs' | 'ns'
  atLeast?: number
  atMost?: number
}
/** One contender's line in the table. */
export interface Measured {
  contender: string
  cpuMicroseconds: number
  perSecond: number
  p50?: number
  p99?: number
  /** How busy the server's and the load's core were, 0 to 1. */
  serverCore?: number
  loadCore?: number
}
export interface RowResult {
  row: string
  title: string
  measured: Measured[]
  figures: Figure[]
  notes: string[]
}
export interface Row {
  name: string
  title: string
  measure(bench: Bench): Promise<Omit<RowResult, 'row' | 'title'>>
}

export interface Options {
  /** Of one contender in one round. */
  seconds: number
  rounds: number
  connections: number
}

export interface Round {
  completed: number
  all: number
  seconds: number
  cpu: number
  tally: Tally
  serverCore: number
  loadCore: number
}

/** The processes that rows share, started when the first row asks for them and stopped together. */
export class Bench {
  readonly cores: Cores
  readonly options: Options
  readonly built: string
  readonly say: (line: string) => void
  readonly #closing: (() => Promise<void>)[] = []
  #postgres: Promise<Postgres> | undefined
  #latchkey: Promise<{ server: Latchkey; url: string; superuserUrl: string }> | undefined
  #smtp: Promise<string> | undefined
  #load: (Running & { said(): string }) | undefined

  constructor(cores: Cores, options: Options, built: string, say: (line: string) => void) {
    this.cores = cores
    this.options = options
    this.built = built
    this.say = say
  }

  postgres(): Promise<Postgres> {
    this.#postgres ??= startPostgres().then((postgres) => {
      this.#closing.push(postgres.stop)
      return postgres
    })
    return this.#postgres
  }

  /** The server on PostgreSQL with its people. */
  latchkey() {
    this.#latchkey ??= this.#populated()
    return this.#latchkey
  }

  async #populated() {
    const postgres = await this.postgres()
    const { url, superuserUrl } = await postgres.makeDatabase()
    const server = await startLatchkey({
      core: this.cores.server,
      databaseUrl: url,
      dataDir: await this.folder(),
      env: { LATCHKEY_SMTP_URL: await this.smtpUrl() },
    })
    this.#closing.push(() => server.stop())
    await populate(superuserUrl)
    return { server, url, superuserUrl }
  }

  async folder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-'))
    this.#closing.push(() => rm(folder, { recursive: true, force: true }))
    return folder
  }

  /** A mail server, so that letters are delivered as they are in production. */
  smtpUrl(): Promise<string> {
    this.#smtp ??= (async () => {
      const { port } = await nextMessage<{ port: number }>(this.#start(this.cores.load, 'mailbox'))
      return `smtp://127.0.0.1:${port}`
    })()
    return this.#smtp
  }

  /** A contender of ours, on the server's core, with a message channel. */
  contender(name: string, ...args: string[]): Running & { said(): string } {
    return this.#start(this.cores.server, name, ...args)
  }

  /** One that serves HTTP, once it does. */
  async listener(name: string, ...args: string[]): Promise<Running & { port: number; said(): string }> {
    const running = this.contender(name, ...args)
    return { ...running, ...(await nextMessage<{ port: number }>(running)) }
  }

  #start(core: number | null, name: string, ...args: string[]) {
    const running = run([process.execPath, join(this.built, `contenders/${name}.mjs`), ...args], {
      core,
      ipc: true,
    })
    this.#closing.push(() => running.stop())
    return running
  }

  order<T>(order: LoadOrder): Promise<T> {
    if (!this.#load) {
      const load = run([process.execPath, join(this.built, 'harness/load-process.mjs')], {
        core: this.cores.load,
        ipc: true,
      })
      this.#closing.push(() => load.stop())
      this.#load = load
    }
    return ask(this.#load, order)
  }

  /** One contender's turn: its load, and the CPU that its process used for it. */
  async round(pid: number, plan: string, seconds = this.options.seconds): Promise<Round> {
    const cores = [this.cores.server, this.cores.load].map(watchCore)
    const before = cpuTime(pid)
    const tally = await this.order<Tally>({ run: plan, connections: this.options.connections, seconds })
    const cpu = cpuTime(pid) - before
    const [serverCore = Number.NaN, loadCore = Number.NaN] = cores.map((busy) => busy())
    return { completed: tally.completed, all: tally.all, seconds, cpu, tally, serverCore, loadCore }
  }

  /** What a row has started by itself ends with the rest. */
  onClose(run: () => Promise<void>): void {
    this.#closing.push(run)
  }

  async close(): Promise<void> {
    for (const close of this.#closing.splice(0).reverse()) await close()
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}
