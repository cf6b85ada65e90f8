/**
 * What a command of the CLI is: a plain record. `run` is an ordinary function from arguments to an Outcome; it
 * prints nothing itself. A command `on: 'tools'` works on an opened server and so runs the same way in this
 * process (PostgreSQL, or an embedded database nobody holds) and inside the running server (control socket);
 * what only the terminal knows is collected before, by `prepare`, and travels with the arguments.
 */
import type { Database } from '../base/db/index.ts'
import { Problem } from '../base/errors.ts'
import type { Config } from '../config.ts'
import type { Tools } from '../core/tools.ts'

export interface Outcome {
  /** 0 done, 1 failed; wrong usage (2) is a UsageError. */
  exit: 0 | 1
  /** What `--json` prints; undefined: nothing. */
  json: unknown
  /** What a person reads; without a final newline. */
  text: string
  /** For the person alone, on standard error: what to keep in mind. */
  notes?: readonly string[]
}

export interface Option {
  type: 'string' | 'boolean'
  about: string
  /** What stands for the value in the help: `--email <address>`. */
  value?: string
}

/** Plain data: it travels through the control socket. */
export interface Args {
  values: Readonly<Record<string, string | boolean | undefined>>
  positionals: readonly string[]
}

interface CommandBase {
  /** One or two words: `users create`. */
  name: string
  summary: string
  /** More for its help, a paragraph. */
  about?: string
  options?: Readonly<Record<string, Option>>
  /** `<name>` is needed, `[name]` is not. */
  positionals?: readonly string[]
  examples?: readonly string[]
}

export type Command = CommandBase &
  (
    | { on: 'machine'; run(args: Args, terminal: Terminal): Promise<Outcome> }
    | {
        /** Works on the database as it is, without the server's features; also before it is migrated. */
        on: 'database'
        /** Not through a running server: it would pull the database from under it. */
        alone?: true
        prepare?(args: Args, terminal: Terminal): Promise<Args>
        run(db: Database, args: Args, config: Config): Promise<Outcome>
      }
    | {
        on: 'tools'
        /** Checks the arguments and completes them by what only this terminal knows: standard input, answers. */
        prepare?(args: Args, terminal: Terminal): Promise<Args>
        run(tools: Tools, args: Args): Promise<Outcome>
      }
  )

/** What a command may know of where it runs. */
export interface Terminal {
  /** A person is there to answer. */
  interactive: boolean
  json: boolean
  /** The whole of standard input. */
  readStdin(): Promise<string>
}

/** Wrong usage: exit 2, with where to read on. */
export class UsageError extends Error {}

/** A failure that is no fault: said in one sentence, exit 1. */
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

export const done = (json: unknown, text: string, notes: readonly string[] = []): Outcome => ({
  exit: 0,
  json,
  text,
  notes,
})

/** What a person reads of an error: of a Problem about fields, each field's sentence. */
export function sentenceOf(error: Error): string {
  if (!(error instanceof Problem) || !Array.isArray(error.details)) return error.message
  return error.details.map((field) => `${field.field}: ${field.message}`).join('\n        ')
}

/** The message with those of its causes. */
export function withCauses(error: unknown): string {
  const messages: string[] = []
  for (let at = error; at instanceof Error && messages.length < 4; at = at.cause) {
    const inner = at instanceof AggregateError ? at.errors.map((each: Error) => each.message).join(', ') : ''
    const message = (at.message || inner || at.name).split('\n')[0] ?? ''
    if (!messages.includes(message)) messages.push(message)
  }
  return messages.join(': ')
}
