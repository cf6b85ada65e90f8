/**
 * The log: pino, as JSON lines, or as readable lines for a person at a terminal (output.ts). Invariant: no secret is
 * written, because every field and message passes redact.ts first. Callers decide what to log; an error is passed as
 * the field `err`.
 */
import pino from 'pino'
import { prettyStream } from './pretty.ts'
import { toLogged } from './redact.ts'
import { scrub } from './shapes.ts'

export { type OccasionalLog, occasionally } from './occasional.ts'
export { batchedEntries, type Entries, isForPeople, writeUnredacted } from './output.ts'
export { scrub }

export interface Log {
  debug(fields: Record<string, unknown>, message: string): void
  info(fields: Record<string, unknown>, message: string): void
  warn(fields: Record<string, unknown>, message: string): void
  error(fields: Record<string, unknown>, message: string): void
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const

export interface LogOptions {
  level: (typeof LEVELS)[number] | 'silent'
  /** A readable line for each entry, instead of JSON. */
  pretty: boolean
  /** Receives complete lines; standard output by default. */
  destination?: { write(line: string): void }
}

/** Renames fields that have the name of a member of the entry, which would otherwise be duplicated. */
function apart(fields: Record<string, unknown>): Record<string, unknown> {
  const own = ['level', 'time', 'msg'].filter((name) => name in fields)
  if (own.length === 0) return fields
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [own.includes(name) ? `${name}_` : name, value]),
  )
}

/** Logging never throws. */
export function createLog({ level, pretty, destination }: LogOptions): Log {
  const out = destination ?? process.stdout
  const stream = pretty ? prettyStream(out, destination === undefined && process.stdout.isTTY === true) : out
  const written = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // fields are plain values already; pino would treat `err` as an Error
      serializers: { err: (plain: unknown) => plain },
    },
    stream,
  )
  const at =
    (name: (typeof LEVELS)[number]) =>
    (fields: Record<string, unknown>, message: string): void => {
      if (!written.isLevelEnabled(name)) return
      try {
        written[name](apart(toLogged(fields)), scrub(message))
      } catch {
        written.error('a log entry could not be written')
      }
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
