/**
 * The command line: finds the command, parses its options, runs it in this process or in the running server, prints
 * the outcome. Exit codes: 0 done, 1 failed, 2 wrong usage. With `--json` standard output is exactly one JSON
 * document, also for failures, without text and notes for people.
 */
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { Problem } from '../base/errors.ts'
import { version } from '../base/version.ts'
import { nearest } from '../config/nearest.ts'
import { ConfigError } from '../config.ts'
import {
  type Args,
  type Command,
  type CommandEntry,
  type CommandOutcome,
  errorText,
  Failure,
  type Terminal,
  UsageError,
  withCauses,
} from './command.ts'
import { helpOf, overview } from './help.ts'
import { COMMANDS, groupOf, INNER } from './index.ts'
import { paint } from './terminal.ts'

/** Runs one command line. @returns the exit code */
export async function runCommandLine(words: readonly string[]): Promise<number> {
  const json = words.includes('--json')
  try {
    return await dispatch(words, json)
  } catch (error) {
    return await report(error, json, words)
  }
}

async function dispatch(words: readonly string[], json: boolean): Promise<number> {
  const named = words.filter((word) => !word.startsWith('-'))
  const wantsHelp = words.includes('--help') || words.includes('-h')
  if (named.length === 0 && (words.includes('--version') || words.includes('-V'))) {
    return print({ exit: 0, json: { version: version() }, text: version() }, json)
  }
  if (named[0] === 'help') return dispatch([...named.slice(1), '--help', ...(json ? ['--json'] : [])], json)
  if (named.length === 0) {
    const stray = words.find((word) => !['--help', '-h', '--json'].includes(word))
    if (stray) throw new UsageError(`There is no option ${stray} without a command.`)
    if (!wantsHelp) throw new UsageError(`Name a command.\n\n${overview(COMMANDS)}`)
    return print(
      {
        exit: 0,
        json: { commands: COMMANDS.map(({ name, summary }) => ({ name, summary })) },
        text: overview(COMMANDS),
      },
      json,
    )
  }
  const entry = findEntry(words, named)
  if (!entry) {
    const group = groupOf(named[0] ?? '')
    if (group.length > 0 && wantsHelp)
      return print(
        {
          exit: 0,
          json: { commands: group.map(({ name, summary }) => ({ name, summary })) },
          text: overview(group),
        },
        json,
      )
    throw unknownCommand(named, group)
  }
  const command = await entry.load()
  if (wantsHelp) return print({ exit: 0, json: describe(command), text: helpOf(command) }, json)
  const args = readArgs(command, words.slice(entry.name.split(' ').length))
  return print(await perform(command, args, terminal(json)), json)
}

/** The command is the first one to three words of the line. */
const findEntry = (words: readonly string[], named: readonly string[]): CommandEntry | undefined =>
  COMMANDS.find((entry) => {
    const parts = entry.name.split(' ')
    return parts.every((part, i) => words[i] === part && named[i] === part)
  })

function unknownCommand(named: readonly string[], group: readonly CommandEntry[]): UsageError {
  const [first = '', second] = named
  if (group.length > 0) {
    const rest = group.map((entry) => entry.name.slice(first.length + 1))
    const meant = second ? nearest(second, rest) : null
    const what = second ? `There is no command \`${first} ${second}\`.` : `\`${first}\` needs a second word.`
    if (meant) return new UsageError(`${what} Did you mean \`${first} ${meant}\`?`)
    return new UsageError(`${what}\n\n${overview(group)}`)
  }
  const firsts = [...new Set(COMMANDS.map((entry) => entry.name.split(' ')[0] ?? ''))]
  const both = second
    ? nearest(
        `${first} ${second}`,
        COMMANDS.map((entry) => entry.name),
      )
    : null
  const meant = both ?? nearest(first, firsts)
  return new UsageError(`There is no command \`${first}\`.${meant ? ` Did you mean \`${meant}\`?` : ''}`)
}

function readArgs(command: Command, words: readonly string[]): Args {
  const options: NonNullable<ParseArgsConfig['options']> = { json: { type: 'boolean' } }
  for (const [name, option] of Object.entries(command.options ?? {})) options[name] = { type: option.type }
  const { values, positionals } = parseLine(words, options)
  const allowed = command.positionals ?? []
  const required = allowed.filter((name) => name.startsWith('<'))
  if (positionals.length < required.length)
    throw new UsageError(`${required[positionals.length]} is missing.`)
  if (positionals.length > allowed.length) {
    throw new UsageError(
      `${positionals[allowed.length]} is an unexpected argument; put values with spaces in quotes.`,
    )
  }
  return { values: values as Args['values'], positionals }
}

function parseLine(words: readonly string[], options: NonNullable<ParseArgsConfig['options']>) {
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true, strict: true })
  } catch (error) {
    const typed = /'(-[^'\s]*)/.exec((error as Error).message)?.[1]
    if ((error as NodeJS.ErrnoException).code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' && typed) {
      const meant = nearest(
        typed,
        Object.keys(options).map((name) => `--${name}`),
      )
      const why = /^--?password/.test(typed)
        ? ' Other users could read a password on the command line; use `--password-stdin`.'
        : ''
      throw new UsageError(`There is no option ${typed}.${why || (meant ? ` Did you mean ${meant}?` : '')}`)
    }
    throw new UsageError((error as Error).message.split('. ')[0] ?? '')
  }
}

async function perform(command: Command, args: Args, at: Terminal): Promise<CommandOutcome> {
  if (command.on === 'machine') return command.run(args, at)
  const complete = 'prepare' in command && command.prepare ? await command.prepare(args, at) : args
  const { runThrough } = await import('./through.ts')
  return runThrough(command, complete)
}

const terminal = (json: boolean): Terminal => ({
  commands: [...COMMANDS, ...INNER],
  interactive: process.stdin.isTTY === true && process.stderr.isTTY === true && !json,
  json,
  async readStdin() {
    const chunks: Buffer[] = []
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks).toString('utf8')
  },
})

function print(outcome: CommandOutcome, json: boolean): number {
  const text = json ? JSON.stringify(outcome.json, null, 2) : outcome.text
  if (text) process.stdout.write(`${text}\n`)
  for (const note of json ? [] : (outcome.notes ?? [])) process.stderr.write(`${note}\n`)
  return outcome.exit
}

/** The command as data, for shell completion and documentation. */
const describe = ({ name, summary, positionals = [], options = {} }: Command) => ({
  name,
  summary,
  positionals,
  options,
})

/**
 * Reports an error; with a stack trace only for a fault of the program. A server whose output is read by a collector of logs
 * reports it as an entry of its log.
 */
async function report(error: unknown, json: boolean, words: readonly string[]): Promise<number> {
  const [exit, code] = classify(error)
  const isServer = words[0] === 'start'
  const command = findEntry(
    words,
    words.filter((word) => !word.startsWith('-')),
  )
  const message =
    code.startsWith('DATABASE_') && !(error instanceof Failure)
      ? `${withCauses(error)}.`
      : error instanceof Error
        ? errorText(error)
        : String(error)
  const details =
    error instanceof ConfigError
      ? { faults: error.faults }
      : error instanceof Problem
        ? { details: error.details }
        : {}
  if (isServer && !json && process.stderr.isTTY !== true && code !== 'USAGE') {
    const { createLog } = await import('../base/log/index.ts')
    const log = createLog({ level: 'error', pretty: false, destination: process.stderr })
    log.error({ error_code: code, ...details, ...(code === 'FAULT' ? { err: error } : {}) }, message)
    return exit
  }
  if (json) process.stdout.write(`${JSON.stringify({ error: { code, message, ...details } }, null, 2)}\n`)
  else process.stderr.write(`${paint('red', 'latchkey:')} ${message}\n`)
  if (code === 'FAULT' && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  // a list of commands is its own hint
  else if (code === 'USAGE' && !json && !message.includes('\n'))
    process.stderr.write(
      command
        ? `Run \`latchkey ${command.name} --help\` for its arguments and options.\n`
        : 'Run `latchkey --help` for the commands, or `latchkey <command> --help`.\n',
    )
  return exit
}

/**
 * Expected failures of the database or the machine, by class name, because their modules are loaded only by commands that
 * use them.
 */
const EXPECTED: Readonly<Record<string, string>> = {
  Unreachable: 'DATABASE_UNREACHABLE',
  MigrationRefused: 'MIGRATION_REFUSED',
  MigrationFailed: 'MIGRATION_FAILED',
  StartRefused: 'START_REFUSED',
  DatabaseTooOld: 'DATABASE_TOO_OLD',
  IsolationBroken: 'ISOLATION_BROKEN',
  DataDirInUse: 'DATA_DIR_IN_USE',
  NativeMissing: 'NATIVE_MISSING',
}

function classify(error: unknown): [exit: number, code: string] {
  if (error instanceof UsageError) return [2, 'USAGE']
  if (error instanceof ConfigError) return [1, 'CONFIG']
  if (error instanceof Problem || error instanceof Failure) return [1, error.code]
  const { name, code } = error instanceof Error ? (error as NodeJS.ErrnoException) : { name: '', code: '' }
  const expected = EXPECTED[name] ?? (/^(28|3D)\w{3}$/.test(code ?? '') ? 'DATABASE_REFUSED' : undefined)
  return expected ? [1, expected] : [1, 'FAULT']
}
