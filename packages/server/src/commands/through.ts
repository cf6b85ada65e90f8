/**
 * Selects the process that runs a command on the database or the tools. On PostgreSQL it is this process. The embedded
 * database serves one process: while a server has it open, the command is sent through that server's control socket,
 * otherwise this process opens it. While a server starts or stops, the command waits.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from '../app.ts'
import { type ControlHandler, ControlUnavailable, sendControlRequest } from '../base/control/index.ts'
import type { Database } from '../base/db/database.ts'
import { DataDirInUse, dataDirHolder, openDatabase } from '../base/db/index.ts'
import { Problem } from '../base/errors.ts'
import { createLog } from '../base/log/index.ts'
import { type Config, loadConfig } from '../config.ts'
import type { Tools } from '../core/tools.ts'
import {
  type Args,
  type Command,
  type CommandEntry,
  type CommandOutcome,
  errorText,
  Failure,
  UsageError,
} from './command.ts'
import { failureOf } from './failures.ts'

/** A command that may run in another process than the terminal's. */
export type Portable = Exclude<Command, { on: 'machine' }>

const PATIENCE = 15_000
const PAUSE = 250

export async function runThrough(
  command: Portable,
  args: Args,
  config: Config = loadConfig(),
): Promise<CommandOutcome> {
  const session = openSession(config)
  try {
    return await session.run(command, args)
  } finally {
    await session.close()
  }
}

/** Runs several commands one after the other in the same process: the running server, or this one. */
export interface CommandSession {
  run(command: Portable, args: Args): Promise<CommandOutcome>
  close(): Promise<void>
}

export function openSession(config: Config = loadConfig()): CommandSession {
  const here = processHere(config)
  return {
    async run(command, args) {
      try {
        if (config.databaseUrl || here.isOpen()) return await here.run(command, args)
        for (let waited = 0; ; waited += PAUSE) {
          const outcome = (await askServer(command, args, config)) ?? (await tryHere(here, command, args))
          if (outcome) return outcome
          if (waited >= PATIENCE) throw await notAccepting(config)
          await sleep(PAUSE)
        }
      } catch (error) {
        throw failureOf(error, config)
      }
    },
    close: here.close,
  }
}

async function notAccepting(config: Config): Promise<Failure> {
  const holder = await dataDirHolder(config.dataDir)
  return new Failure(
    `Process ${holder?.pid ?? 'unknown'} has ${config.dataDir} open and accepts no commands.`,
    'DATA_DIR_IN_USE',
  )
}

/** Null where another process has the database open, which may be starting or stopping. */
async function tryHere(here: ProcessHere, command: Portable, args: Args): Promise<CommandOutcome | null> {
  try {
    return await here.run(command, args)
  } catch (error) {
    if (error instanceof DataDirInUse) return null
    throw error
  }
}

interface ProcessHere extends CommandSession {
  /** Whether this process holds an app open. */
  isOpen(): boolean
}

/** This process: an app is opened by the first command that needs its tools, and kept for the next ones. */
function processHere(config: Config): ProcessHere {
  // standard output is reserved for the command's result
  const log = createLog({
    level: config.logLevel === 'silent' ? 'silent' : 'warn',
    pretty: true,
    destination: process.stderr,
  })
  let app: App | null = null
  return {
    isOpen: () => app !== null,
    async run(command, args) {
      if (command.on === 'database') {
        const { databaseUrl, dataDir, databaseTimeout: silence } = config
        const db = await openDatabase({ databaseUrl, dataDir, pool: 1, silence, guardNesting: false, log })
        return await command.run(db, args, config).finally(() => db.close())
      }
      const { createApp } = await import('../app.ts')
      app ??= await createApp({ config, log })
      return await command.run(app.tools, args)
    },
    close: async () => await app?.stop(),
  }
}

/** Null where no server listens. */
async function askServer(command: Portable, args: Args, config: Config): Promise<CommandOutcome | null> {
  let reply: unknown
  try {
    reply = await sendControlRequest(config.dataDir, { command: command.name, args })
  } catch (error) {
    if (error instanceof ControlUnavailable) return null
    throw error
  }
  const { outcome, refused, error } = reply as Reply & { error?: string }
  if (outcome) return outcome
  if (refused?.code === 'USAGE') throw new UsageError(refused.message)
  throw new Failure(refused?.message ?? error ?? 'The running server did not answer.', refused?.code)
}

interface Reply {
  outcome?: CommandOutcome
  refused?: { code: string; message: string }
}

/** The server side: runs a command of the CLI on the tools of the running server. */
export const controlHandler =
  (tools: Tools, commands: readonly CommandEntry[]): ControlHandler =>
  async (request): Promise<Reply> => {
    const { command: name, args } = request as { command?: string; args?: Args }
    const command = await commands.find((entry) => entry.name === name)?.load()
    if (!command || command.on === 'machine' || !args) {
      return refuse(
        'UNKNOWN_COMMAND',
        `The running server does not know \`${name}\`; restart it after the upgrade.`,
      )
    }
    if (command.on === 'database' && command.alone) {
      return refuse(
        'SERVER_RUNNING',
        `A server is running on this database (process ${process.pid}). Stop it first.`,
      )
    }
    try {
      const work =
        command.on === 'tools' ? command.run(tools, args) : command.run(ownerOf(tools), args, tools.config)
      return { outcome: await work }
    } catch (error) {
      if (error instanceof UsageError) return refuse('USAGE', error.message)
      if (error instanceof Problem || error instanceof Failure) return refuse(error.code, errorText(error))
      throw error
    }
  }

const refuse = (code: string, message: string): Reply => ({ refused: { code, message } })

/** app.ts opens a Database; the type of the tools shows features only a part of it. */
const ownerOf = (tools: Tools): Database => tools.db as Database
