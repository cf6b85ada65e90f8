/** What `promote` and `demote` share: the options of a move from the settings, its progress, and its refusals. */
import { systemClock } from '../base/clock.ts'
import { keyring } from '../base/crypto.ts'
import type { Config } from '../config.ts'
import { type MoveOptions, MoveRefused, type MoveReport } from '../core/moves/index.ts'
import { Failure } from './command.ts'
import { failureOf } from './failures.ts'

/** @param from where the data comes from, for people */
export function moveOptions(config: Config, json: boolean, from: string): MoveOptions {
  const ring = keyring(config.secret, config.secretPrevious)
  return {
    from,
    isStrict: config.profile === 'production',
    movedTo: null,
    opensCanary: (sealed) => ring.opens('canary', sealed),
    ...(json ? {} : { onProgress: progressLine() }),
  }
}

/** A line for each table on standard error when it is complete; for a large one also every five seconds. */
function progressLine(): NonNullable<MoveOptions['onProgress']> {
  const clock = systemClock()
  let shown = clock.ticks()
  return (table, rows, of) => {
    if (rows < of && clock.ticks() - shown < 5000) return
    shown = clock.ticks()
    process.stderr.write(`${table}: ${rows} of ${of} rows\n`)
  }
}

/** `300012 rows in 24 tables` */
export const totals = ({ rows, tables }: MoveReport): string =>
  `${rows} rows in ${Object.keys(tables).length} tables`

/** An error of a move as a sentence, where there is one. */
export const moveFailure = (error: unknown, config: Config): unknown =>
  error instanceof MoveRefused ? new Failure(error.message, error.code) : failureOf(error, config)
