/**
 * `start`: runs the server until a signal stops it. With `--workers` a primary process supervises that many workers,
 * which share the port; PostgreSQL only, because one process owns the embedded database.
 */
import cluster from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from '../app.ts'
import { type ControlServer, isListening, serveControl } from '../base/control/index.ts'
import { DataDirInUse } from '../base/db/index.ts'
import { cautions } from '../config/rules.ts'
import { type Config, loadConfig, serviceVariables } from '../config.ts'
import {
  type Command,
  type CommandEntry,
  type CommandOutcome,
  done,
  Failure,
  stringOf,
  UsageError,
} from './command.ts'
import { failureOf } from './failures.ts'
import { paint, pairs } from './terminal.ts'
import { untilStopped } from './until-stopped.ts'
import { version } from './version.ts'
import type { Listening } from './workers.ts'

const MOST_WORKERS = 64
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
      value: '<n>',
      about: 'The number of processes that share the port (PostgreSQL only)',
    },
  },
  examples: ['latchkey start', 'DATABASE_URL=postgres://… latchkey start --workers 4'],
  on: 'machine',
  async run(args, { json, commands }) {
    const workers = workersOf(stringOf(args, 'workers'))
    const config = loadConfig()
    if (workers > 1 && !config.databaseUrl) {
      throw new Failure(
        'The embedded database serves one process: set DATABASE_URL to run several workers.',
        'EMBEDDED_DATABASE',
      )
    }
    if (cluster.isPrimary && workers > 1) {
      const { keepWorkers } = await import('./workers.ts')
      return keepWorkers(workers, (listening) => welcome(config, listening, json))
    }
    return serve(config, json, commands)
  },
}

function workersOf(text: string | null): number {
  if (text === null) return 1
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (count < 1 || count > MOST_WORKERS)
    throw new UsageError(`--workers takes a whole number from 1 to ${MOST_WORKERS}.`)
  return count
}

async function serve(
  config: Config,
  json: boolean,
  commands: readonly CommandEntry[],
): Promise<CommandOutcome> {
  const app = await open(config).catch((error: unknown) => {
    throw failureOf(error, config)
  })
  let control: ControlServer | null = null
  const ended = untilStopped()
  try {
    const foreign = serviceVariables()
    if (foreign.length > 0 && cluster.isPrimary)
      app.tools.log.info(
        { variables: foreign },
        'environment variables of a Kubernetes Service are not settings',
      )
    const { url } = await app.start()
    if (app.tools.db.kind === 'pglite') {
      const { controlHandler } = await import('./through.ts')
      control = await serveControl(config.dataDir, controlHandler(app.tools, commands))
    }
    // only the first worker issues a link, because each new link revokes the one before
    const setupLink = (cluster.worker?.id ?? 1) === 1 ? await app.setupLink() : null
    if (cluster.isPrimary) welcome(config, { url, setupLink }, json)
    else process.send?.({ url, setupLink } satisfies Listening)
    await ended
    if (process.stdout.isTTY) process.stdout.write('\nStopping; finishing requests in progress …\n')
  } catch (error) {
    throw failureOf(error, config)
  } finally {
    // commands in progress use the tools
    await control?.close()
    await app.stop()
    // the IPC channel to the primary process keeps the worker alive
    if (cluster.isWorker && process.connected) process.disconnect()
  }
  return done(undefined, '')
}

/** Opens the server; waits while a command or a stopping server holds the embedded database. */
async function open(config: Config): Promise<App> {
  const { createApp } = await import('../app.ts')
  for (let waited = 0; ; waited += PAUSE) {
    try {
      return await createApp({ config })
    } catch (error) {
      const isBrief =
        error instanceof DataDirInUse && waited < PATIENCE && !(await isListening(config.dataDir))
      if (!isBrief) throw error
      await sleep(PAUSE)
    }
  }
}

/** Prints the URLs of the server; in production, where the log reports the start, only the set-up link. */
function welcome(config: Config, { url, setupLink }: Listening, json: boolean): void {
  const { profile, publicUrl } = config
  if (json) {
    const facts = {
      url,
      public_url: publicUrl,
      setup_link: setupLink,
      profile,
      version: version(),
      pid: process.pid,
    }
    return void process.stdout.write(`${JSON.stringify(facts)}\n`)
  }
  const link = setupLink
    ? `Create the first administrator (works once, for 24 hours):\n  ${paint('bold', setupLink)}\n\n`
    : ''
  if (profile === 'production') return void process.stdout.write(link)
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
