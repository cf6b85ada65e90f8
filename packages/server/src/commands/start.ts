/**
 * `start`: runs the server until a signal stops it. With `--workers` a primary process supervises that many workers,
 * which share the port; PostgreSQL only, because one process owns the embedded database.
 */
import cluster from 'node:cluster'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { App, AppOptions } from '../app.ts'
import { systemClock } from '../base/clock.ts'
import { type ControlServer, isListening, serveControl } from '../base/control/index.ts'
import { DataDirInUse } from '../base/db/index.ts'
import { limitsOfPrimary } from '../base/limits/primary.ts'
import { createLog, isForPeople, type Log, writeUnredacted } from '../base/log/index.ts'
import type { Metrics } from '../base/metrics/index.ts'
import type { MetricsListener } from '../base/metrics/listener.ts'
import { siblingsOverPrimary } from '../base/metrics/workers.ts'
import { version } from '../base/version.ts'
import { listenTarget } from '../config/kinds.ts'
import { cautions } from '../config/rules.ts'
import { type Config, loadConfig, serviceVariables } from '../config.ts'
import { warnOfClock } from './clock-difference.ts'
import {
  type Args,
  type Command,
  type CommandEntry,
  type CommandOutcome,
  done,
  Failure,
  stringOf,
  type Terminal,
  UsageError,
} from './command.ts'
import { failureOf, metricsFailure } from './failures.ts'
import { collectWhenIdle } from './idle-memory.ts'
import { captureProcessOutput } from './process-output.ts'
import { notifySystemd } from './systemd.ts'
import { paint, pairs } from './terminal.ts'
import { untilStopped } from './until-stopped.ts'
import type { Lifecycle, Listening } from './workers.ts'

const MOST_WORKERS = 64
const LEAST_CONNECTIONS = 2
const PATIENCE = 10_000
const PAUSE = 250

export const start: Command = {
  name: 'start',
  summary: 'Start the server',
  about:
    'Runs until Ctrl-C or SIGTERM, then finishes requests in progress. Without DATABASE_URL it uses the embedded database in the data folder.',
  options: {
    workers: {
      type: 'string',
      value: '<n>|auto',
      about:
        'The number of processes that share the port, `auto` one for each core (PostgreSQL only); SIGHUP replaces them one by one',
    },
  },
  examples: ['latchkey start', 'DATABASE_URL=postgres://… latchkey start --workers auto'],
  on: 'machine',
  async run(args, at) {
    try {
      return await startServer(args, at)
    } finally {
      // the IPC channel to the primary process keeps a worker alive, also one that could not start
      if (cluster.isWorker && process.connected) process.disconnect()
    }
  },
}

async function startServer(args: Args, { json, commands }: Terminal): Promise<CommandOutcome> {
  const workers = workersOf(stringOf(args, 'workers'))
  const config = loadConfig()
  if (typeof workers === 'number' && workers > 1 && !config.databaseUrl) {
    throw new Failure(
      'The embedded database serves one process: set DATABASE_URL to run several workers.',
      'EMBEDDED_DATABASE',
    )
  }
  const log = createLog({ level: config.logLevel, pretty: isForPeople(config) })
  if (!isForPeople(config)) captureProcessOutput(log)
  const count = workers === 'auto' ? Math.min(availableParallelism(), MOST_WORKERS) : workers
  const isSupervised = count !== null && config.databaseUrl !== null
  const lifecycle = lifecycleOf(config, log, json, isSupervised ? count : 1)
  if (!isSupervised) return serve({ config, log }, lifecycle, commands)
  if (cluster.isPrimary) {
    const { keepWorkers } = await import('./workers.ts')
    return keepWorkers(count, { lifecycle, log, openMetrics: (write) => openMetrics(config, write) })
  }
  // the primary process counts for all workers
  const limitStore = limitsOfPrimary(process)
  return serve(
    { config: { ...config, databasePool: shareOf(config, count) }, log, limitStore },
    lifecycle,
    commands,
  )
}

/** @returns null where there is no supervision */
function workersOf(text: string | null): number | 'auto' | null {
  if (text === null || text === 'auto') return text
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (count < 1 || count > MOST_WORKERS)
    throw new UsageError(`--workers takes a whole number from 1 to ${MOST_WORKERS}, or \`auto\`.`)
  return count
}

/** A worker's part of the connections; with one alone, a transaction that waits for a lock would hold up the whole worker. */
const shareOf = ({ databasePool }: Config, workers: number): number =>
  Math.min(databasePool, Math.max(LEAST_CONNECTIONS, Math.floor(databasePool / workers)))

/** What the first process reports; the workers of a cluster have it report for them. */
function lifecycleOf(config: Config, log: Log, json: boolean, workers: number): Lifecycle {
  const began = systemClock().ticks()
  return {
    started(listening) {
      void notifySystemd('READY=1', log)
      welcome(config, log, { ...listening, json, workers })
    },
    stopping(signal) {
      void notifySystemd('STOPPING=1', log)
      if (!isForPeople(config)) log.info({ signal }, 'the server is stopping')
      else process.stdout.write('\nStopping; finishing requests in progress …\n')
    },
    stopped() {
      const uptime = Math.round((systemClock().ticks() - began) / 1000)
      if (!isForPeople(config)) log.info({ uptime_s: uptime }, 'the server has stopped')
    },
  }
}

async function serve(
  options: AppOptions & { log: Log },
  lifecycle: Lifecycle,
  commands: readonly CommandEntry[],
): Promise<CommandOutcome> {
  const { config, log } = options
  let metrics: Metrics | null = null
  const clock = systemClock()
  const own = async () => (await metrics?.ofProcess(clock.now())) ?? []
  const write = async () => {
    if (metrics === null) throw new Error('the server has not started')
    return metrics.write(clock.now())
  }
  const siblings = cluster.isWorker ? { siblings: siblingsOverPrimary(process, own, write) } : {}
  const app = await open({ ...options, ...siblings }).catch((error: unknown) => {
    throw failureOf(error, config)
  })
  metrics = app.tools.metrics
  let control: ControlServer | null = null
  let listener: MetricsListener | null = null
  let isReplaced = false
  const ended = untilStopped(() =>
    log.warn({}, 'SIGHUP replaces the workers of `start --workers`, and this server has none'),
  )
  const stopCollecting = collectWhenIdle()
  try {
    const foreign = serviceVariables()
    if (foreign.length > 0 && cluster.isPrimary)
      log.info({ variables: foreign }, 'environment variables of a Kubernetes Service are not settings')
    if (app.tools.db.kind === 'postgres' && (cluster.worker?.id ?? 1) === 1)
      await warnOfClock(app.tools.db, log)
    if (cluster.isPrimary) listener = await openMetrics(config, write)
    const { url } = await app.start()
    if (app.tools.db.kind === 'pglite') {
      const { controlHandler } = await import('./through.ts')
      control = await serveControl(config.dataDir, controlHandler(app.tools, commands))
    }
    // only the first worker issues a link, because each new link revokes the one before
    const setupLink = (cluster.worker?.id ?? 1) === 1 ? await app.setupLink() : null
    if (cluster.isPrimary) lifecycle.started({ url, setupLink })
    else process.send?.({ url, setupLink } satisfies Listening)
    const reason = await ended
    isReplaced = reason === 'replaced'
    if (cluster.isPrimary) lifecycle.stopping(reason)
  } catch (error) {
    throw failureOf(error, config)
  } finally {
    stopCollecting()
    // commands in progress use the tools
    await control?.close()
    await app.stop({ isReplaced })
    await listener?.close()
  }
  if (cluster.isPrimary) lifecycle.stopped()
  return done(undefined, '')
}

/** The listener of LATCHKEY_METRICS_ADDRESS; null where it is not set. @throws Failure where it cannot listen */
async function openMetrics(
  { metricsAddress }: Config,
  write: () => Promise<string>,
): Promise<MetricsListener | null> {
  if (metricsAddress === null) return null
  const { listenForMetrics } = await import('../base/metrics/listener.ts')
  return listenForMetrics(listenTarget(metricsAddress), write).catch((error: unknown) => {
    throw metricsFailure(error, metricsAddress)
  })
}

/** Opens the server; waits while a command or a stopping server holds the embedded database. */
async function open(options: AppOptions): Promise<App> {
  const { createApp } = await import('../app.ts')
  for (let waited = 0; ; waited += PAUSE) {
    try {
      return await createApp(options)
    } catch (error) {
      const isBrief =
        error instanceof DataDirInUse && waited < PATIENCE && !(await isListening(options.config.dataDir))
      if (!isBrief) throw error
      await sleep(PAUSE)
    }
  }
}

/** Reports that the server runs: with its URLs to a person, as the line `the server has started` to a collector of logs. */
function welcome(
  config: Config,
  log: Log,
  { url, setupLink, json, workers }: Listening & { json: boolean; workers: number },
): void {
  const { profile, publicUrl } = config
  const facts = {
    url,
    public_url: publicUrl,
    setup_link: setupLink,
    profile,
    version: version(),
    pid: process.pid,
  }
  if (json) return void process.stdout.write(`${JSON.stringify(facts)}\n`)
  if (!isForPeople(config)) {
    for (const note of cautions(config)) log.warn({}, note)
    // the operator needs the link at any level of the log
    if (setupLink !== null || ['debug', 'info'].includes(config.logLevel))
      writeUnredacted({ ...facts, workers }, 'the server has started', systemClock().now())
    return
  }
  const link = setupLink
    ? `Create the first administrator (works once, for 24 hours):\n  ${paint('bold', setupLink)}\n\n`
    : ''
  const rows: [string, string][] = [
    ['Open', paint('bold', publicUrl.endsWith(':0') ? url : publicUrl)],
    ['E-mails', `${url}/dev/outbox`],
    ['API', `${url}/api/docs`],
    ['Database', config.databaseUrl ? 'PostgreSQL' : `embedded, in ${config.dataDir}`],
  ]
  const notes = cautions(config).map((note) => `${paint('yellow', 'Warning:')} ${note}\n`)
  const head = `\nLatchkey ${version()} is running (${profile}); Ctrl-C stops it.\n`
  process.stdout.write(`${head}\n${pairs(rows)}\n\n${notes.join('')}${link}`)
}
