/** What `promote`, `demote`, `backup` and `restore` share: how they open databases, their options, progress and refusals. */
import { systemClock } from '../base/clock.ts'
import { keyring } from '../base/crypto.ts'
import { createLog } from '../base/log/index.ts'
import type { Config } from '../config.ts'
import type { BackupOptions } from '../core/moves/backup.ts'
import { type MoveOptions, MoveRefused, type MoveReport } from '../core/moves/index.ts'
import { Failure } from './command.ts'
import { failureOf } from './failures.ts'

/** How a command opens a database beside a server: faults are logged to standard error. */
export const besideServer = ({ databaseTimeout }: Config) => ({
  silence: databaseTimeout,
  guardNesting: false,
  log: createLog({ level: 'error', pretty: true, destination: process.stderr }),
})

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
export const totals = ({ rows, tables }: Pick<MoveReport, 'rows' | 'tables'>): string =>
  `${rows} rows in ${Object.keys(tables).length} tables`

/** An error of a move as a sentence, where there is one. */
export const moveFailure = (error: unknown, config: Config): unknown =>
  error instanceof MoveRefused ? new Failure(error.message, error.code) : failureOf(error, config)

export const sumOf = (tables: Readonly<Record<string, number>>): number =>
  Object.values(tables).reduce((sum, rows) => sum + rows, 0)

export function backupOptions(config: Config, path: string, json: boolean): BackupOptions {
  const ring = keyring(config.secret, config.secretPrevious)
  return { ...moveOptions(config, json, ''), path, macs: (text) => ring.macs('backups', text) }
}

/** An error of the file of a backup; null for every other one. */
export function fileFailure(error: unknown, path: string): Failure | null {
  const { code, path: at = '', syscall } = (error instanceof Error ? error : {}) as NodeJS.ErrnoException
  if (code === undefined || syscall === undefined || !(at.startsWith(path) || syscall === 'write'))
    return null
  const why =
    code === 'ENOSPC' ? 'the disk is full' : code === 'ENOENT' ? 'there is no such file or folder' : code
  return new Failure(`${path}: ${why}.`, 'FILE_UNUSABLE')
}
