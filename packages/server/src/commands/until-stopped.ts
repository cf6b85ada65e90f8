/** The signals of a process: which stop it, and which ask for new workers. */
import cluster from 'node:cluster'
import { systemClock } from '../base/clock.ts'

/** What a primary process sends to a worker whose successor listens. */
export const REPLACED = { isReplaced: true } as const

/** Why a process ends: the name of a signal, `disconnect` where its primary process is gone, or `replaced`. */
export type Reason = NodeJS.Signals | 'disconnect' | 'replaced'

/**
 * Resolves at the first reason to stop; a later signal exits immediately.
 *
 * SIGHUP stops a server that a terminal has started and that is closed now. Anywhere else it is what a supervisor sends to reload a
 * service, and calls `reload`; a worker ignores it then, because its primary process has received it too.
 */
export function untilStopped(reload: () => void = () => {}): Promise<Reason> {
  return new Promise((resolve) => {
    const clock = systemClock()
    let first = 0
    const stop = (signal: NodeJS.Signals) => {
      // a terminal and npm may both forward the same Ctrl-C
      if (first !== 0 && clock.ticks() - first > 500) process.exit(1)
      if (first === 0) first = clock.ticks()
      resolve(signal)
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop)
    process.on('SIGHUP', process.stdin.isTTY ? stop : () => cluster.isPrimary && reload())
    if (!cluster.isWorker) return
    process.on('message', (message: object) => 'isReplaced' in message && resolve('replaced'))
    process.once('disconnect', () => resolve('disconnect'))
  })
}
