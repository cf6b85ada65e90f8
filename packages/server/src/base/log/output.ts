/**
 * Who reads standard output: a person at a terminal, or a collector of logs, which receives JSON lines and nothing
 * else. In production it is always the collector.
 */
import type { Config } from '../../config.ts'

export const isForPeople = ({ profile }: Pick<Config, 'profile'>): boolean =>
  profile !== 'production' && process.stdout.isTTY === true

/**
 * Writes a JSON line in the form of the log without redaction. Only for links that the reader of the output is to open: the
 * link of the first administrator, and outside production the links in e-mails.
 */
export function writeUnredacted(fields: Readonly<Record<string, unknown>>, message: string, now: Date): void {
  const entry = { level: 'info', time: now.toISOString(), ...fields, msg: message }
  process.stdout.write(`${JSON.stringify(entry)}\n`)
}

/** Writes entries, which the caller has freed of secrets. */
export interface Entries {
  write(fields: Readonly<Record<string, unknown>>, message: string): void
  /** Writes what is held back. */
  flush(): void
}

const BATCH_MS = 100
const BATCH_LENGTH = 16_384

/** Entries as JSON lines, many at a time: a write to a pipe costs more than the line. */
export function batchedEntries(now: () => Date): Entries {
  let lines = ''
  let timer: NodeJS.Timeout | null = null
  const flush = (): void => {
    if (timer) clearTimeout(timer)
    timer = null
    if (lines !== '') process.stdout.write(lines)
    lines = ''
  }
  process.once('exit', flush)
  return {
    flush,
    write(fields, message) {
      lines += `${JSON.stringify({ level: 'info', time: now().toISOString(), ...fields, msg: message })}\n`
      if (lines.length > BATCH_LENGTH) return flush()
      timer ??= setTimeout(flush, BATCH_MS).unref()
    },
  }
}
