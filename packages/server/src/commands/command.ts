/**
 * A CLI command: a plain record. `run` is a function from arguments to an CommandOutcome and prints nothing. A command
 * `on: 'tools'` uses the tools of an open server, so that it runs the same way in this process (PostgreSQL, or an
 * embedded database that is not in use) and in the running server (control socket). Input from the terminal is
 * collected before by `prepare` and is part of the arguments.
 */
import type { Database } from '../base/db/database.ts'
import { Problem } from '../base/errors.ts'
import type { Config } from '../config.ts'
import type { Tools } from '../core/tools.ts'

export interface CommandOutcome {
  /** 0 done, 1 failed; wrong usage (2) is a UsageError. */
  exit: 0 | 1
  /** The document that `--json` prints; undefined: none. */
  json: unknown
  /** The text for people, without a final newline. */
  text: string
  /** Notes for people, on standard error. */
  notes?: readonly string[]
}

export interface Option {
  type: 'string' | 'boolean'
  about: string
  /** The placeholder of the value in the help: `--email <address>`. */
  value?: string
}

/** Plain data, because it is sent through the control socket. */
export interface Args {
  values: Readonly<Record<string, string | boolean | undefined>>
  positionals: readonly string[]
}

interface CommandBase {
  /** One to three words: `users create`. */
  name: string
  summary: string
  /** A further paragraph of its help. */
  about?: string
  options?: Readonly<Record<string, Option>>
  /** `<name>` is required, `[name]` is optional. */
  positionals?: readonly string[]
  examples?: readonly string[]
}

export type Command = CommandBase &
  (
    | { on: 'machine'; run(args: Args, terminal: Terminal): Promise<CommandOutcome> }
    | {
        /** Uses the database without the server's features, also before it is migrated. */
        on: 'database'
        /** Does not run through a running server, because it would break that server's database. */
        alone?: true
        prepare?(args: Args, terminal: Terminal): Promise<Args>
        run(db: Database, args: Args, config: Config): Promise<CommandOutcome>
      }
    | {
        on: 'tools'
        /** Validates the arguments and adds input from the terminal: standard input, prompts. */
        prepare?(args: Args, terminal: Terminal): Promise<Args>
        run(tools: Tools, args: Args): Promise<CommandOutcome>
      }
  )

/** A command by name, imported when it is called. */
export interface CommandEntry {
  name: string
  summary: string
  load(): Promise<Command>
}

/** The terminal that a command runs in. */
export interface Terminal {
  /** Every command, internal ones included, for a server that runs commands of other processes. */
  commands: readonly CommandEntry[]
  /** Whether prompts are possible. */
  interactive: boolean
  json: boolean
  /** The whole of standard input. */
  readStdin(): Promise<string>
}

/** Wrong usage: exit 2, with a reference to the help. */
export class UsageError extends Error {}

/** An expected failure, reported as one sentence: exit 1. */
export class Failure extends Error {
  constructor(
    message: string,
    readonly code: string = 'FAILED',
  ) {
    super(message)
  }
}

export function stringOf(args: Args, name: string): string | null {
  const value = args.values[name]
  return typeof value === 'string' ? value : null
}

export const done = (json: unknown, text: string, notes: readonly string[] = []): CommandOutcome => ({
  exit: 0,
  json,
  text,
  notes,
})

/** The message of an error for people: the message of each field for a Problem about fields. */
export function errorText(error: Error): string {
  if (!(error instanceof Problem) || !Array.isArray(error.details)) return error.message
  return error.details.map((field) => `${field.field}: ${field.message}`).join('\n        ')
}

/** The message of an error with the messages of its causes. */
export function withCauses(error: unknown): string {
  const messages: string[] = []
  for (let at = error; at instanceof Error && messages.length < 4; at = at.cause) {
    const inner = at instanceof AggregateError ? at.errors.map((each: Error) => each.message).join(', ') : ''
    const message = (at.message || inner || at.name).split('\n')[0] ?? ''
    if (!messages.includes(message)) messages.push(message)
  }
  return messages.join(': ')
}
