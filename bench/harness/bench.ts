/** The interface of a row of the benchmark: the harness that it receives, and the result that it returns. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Latchkey, type LatchkeyOptions, startLatchkey } from './latchkey.ts'
import type { LoadOrder } from './load-process.ts'
import { type Cores, cpuTime, watchCore } from './machine.ts'
import { PEOPLE, populate } from './population.ts'
import { type Postgres, startPostgres } from './postgres.ts'
import { ask, nextMessage, type Running, run } from './process.ts'
import type { Tally } from './wire.ts'

/** A number with its target. */
export interface Figure {
  what: string
  value: number
  unit: '' | 'ms' | 's' | 'MiB' | 'per s' | 'µs' | 'ns'
  atLeast?: number
  atMost?: number
}
/** The line of a contender in the table. */
export interface Measured {
  contender: string
  cpuMicroseconds: number
  perSecond: number
  p50?: number
  p99?: number
  /** The load of the server's core and of the load's core, 0 to 1. */
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
  /** Results of one contender in one round. */
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

/** The processes that rows share, started on first use and stopped together. */
export class Bench {
  readonly cores: Cores
  readonly options: Options
  readonly built: string
  readonly say: (line: string) => void
  readonly #closing: (() => Promise<void>)[] = []
  #postgres: Promise<Postgres> | undefined
  #latchkey: Promise<{ server: Latchkey; url: string; superuserUrl: string }> | undefined
  #forgetful: Promise<Latchkey> | undefined
  #smtp: Promise<string> | undefined
  #issuer: Promise<string> | undefined
  #load: (Running & { output(): string }) | undefined

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

  /** The server on PostgreSQL with its users. */
  latchkey() {
    this.#latchkey ??= this.#populated()
    return this.#latchkey
  }

  /** A second node on the same database, with room for so few credentials that it never finds one in memory. */
  forgetful(): Promise<Latchkey> {
    this.#forgetful ??= this.node({ env: { LATCHKEY_CACHED_CREDENTIALS: '1000' } })
    return this.#forgetful
  }

  /** Another node on the database of `latchkey`; by default on the server's core. */
  async node(how: Partial<Pick<LatchkeyOptions, 'core' | 'args' | 'env'>>): Promise<Latchkey> {
    const { url } = await this.latchkey()
    const dataDir = await this.folder()
    const server = await startLatchkey({ core: this.cores.server, databaseUrl: url, dataDir, ...how })
    this.#closing.push(() => server.stop())
    return server
  }

  async #populated() {
    const postgres = await this.postgres()
    const { url, superuserUrl } = await postgres.makeDatabase()
    const server = await startLatchkey({
      core: this.cores.server,
      databaseUrl: url,
      dataDir: await this.folder(),
      env: {
        LATCHKEY_SMTP_URL: await this.smtpUrl(),
        // all of the users' credentials, in each half of the cache
        LATCHKEY_CACHED_CREDENTIALS: String(2 * PEOPLE + 10),
      },
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

  /** A mail server, so that e-mails are delivered as in production. */
  smtpUrl(): Promise<string> {
    this.#smtp ??= (async () => {
      const { port } = await nextMessage<{ port: number }>(this.#start(this.cores.load, 'mailbox'))
      return `smtp://127.0.0.1:${port}`
    })()
    return this.#smtp
  }

  /** An OpenID Connect issuer whose one client is `bench`. */
  issuerUrl(): Promise<string> {
    this.#issuer ??= (async () => {
      const { port } = await nextMessage<{ port: number }>(this.#start(this.cores.load, 'issuer'))
      return `http://127.0.0.1:${port}`
    })()
    return this.#issuer
  }

  /** A contender on the server's core, with a message channel. */
  contender(name: string, ...args: string[]): Running & { output(): string } {
    return this.#start(this.cores.server, name, ...args)
  }

  /** A contender that serves HTTP; resolves when it listens. */
  async listener(name: string, ...args: string[]): Promise<Running & { port: number; output(): string }> {
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

  /** A turn of a contender: its load, and the CPU time of its process. */
  async round(pid: number, plan: string, seconds = this.options.seconds): Promise<Round> {
    const cores = [this.cores.server, this.cores.load].map(watchCore)
    const before = cpuTime(pid)
    const tally = await this.order<Tally>({ run: plan, connections: this.options.connections, seconds })
    const cpu = cpuTime(pid) - before
    const [serverCore = Number.NaN, loadCore = Number.NaN] = cores.map((busy) => busy())
    return { completed: tally.completed, all: tally.all, seconds, cpu, tally, serverCore, loadCore }
  }

  /** Stops processes that a row has started with the others. */
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
