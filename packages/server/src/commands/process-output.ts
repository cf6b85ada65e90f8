/**
 * What Node.js itself writes for a process whose output is read by a collector of logs: warnings, deprecations and the
 * report of an uncaught error become entries of the log.
 */
import type { Log } from '../base/log/index.ts'

export function captureProcessOutput(log: Log): void {
  // the listener that prints
  process.removeAllListeners('warning')
  process.on('warning', (warning) => log.warn({ err: warning }, 'a warning of Node.js'))
  process.on('uncaughtException', (err, origin) => {
    log.error({ err, origin }, 'the process ends by an uncaught error')
    process.exit(1)
  })
}
