/** Process signals: waiting for the signal to stop the server. */
import cluster from 'node:cluster'
import { systemClock } from '../base/clock.ts'

/** Resolves at the first signal to stop, with its name; a later signal exits immediately. */
export function untilStopped(): Promise<string> {
  return new Promise((resolve) => {
    const clock = systemClock()
    let first = 0
    const stop = (signal: string) => {
      // a terminal and npm may both forward the same Ctrl-C
      if (first !== 0 && clock.ticks() - first > 500) process.exit(1)
      if (first === 0) first = clock.ticks()
      resolve(signal)
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
    // the primary process has ended
    if (cluster.isWorker) process.once('disconnect', () => resolve('disconnect'))
  })
}
