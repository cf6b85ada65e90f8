/** The metrics that every process has: its version, time, memory and event loop. */
import { measureLoopDelay } from '../clock.ts'
import type { Metrics } from './index.ts'

const NONE = Object.freeze({})

/** Of the time in between two readings, so that a peak is not averaged away by all time before. */
const LAG_QUANTILES = ['0.5', '0.99'] as const

/** @returns ends the measurement */
export function registerProcess(
  metrics: Pick<Metrics, 'gauge'>,
  { version }: { version: string },
): () => void {
  const delay = measureLoopDelay()
  metrics.gauge(
    'build_info',
    { help: 'Always 1, with the version of the server and of Node.', labels: ['version', 'node'] },
    () => [{ labels: { version, node: process.versions.node }, value: 1 }],
  )
  metrics.gauge(
    'processes',
    { help: 'Processes of this server that have answered.', labels: [], workers: 'sum' },
    () => [{ labels: NONE, value: 1 }],
  )
  metrics.gauge(
    'process_cpu_seconds',
    {
      help: 'Seconds of processor time since the start, of all workers.',
      labels: ['mode'],
      values: { mode: ['user', 'system'] },
      workers: 'sum',
    },
    () => {
      const { user, system } = process.cpuUsage()
      return [
        { labels: { mode: 'user' }, value: user / 1e6 },
        { labels: { mode: 'system' }, value: system / 1e6 },
      ]
    },
  )
  metrics.gauge(
    'process_resident_bytes',
    { help: 'Resident memory, of all workers.', labels: [], workers: 'sum' },
    () => [{ labels: NONE, value: process.memoryUsage.rss() }],
  )
  metrics.gauge(
    'event_loop_delay_seconds',
    {
      help: 'Delay of the event loop since the metrics were read before; of several workers, of the one that answers.',
      labels: ['quantile'],
      values: { quantile: LAG_QUANTILES },
    },
    () => {
      const found = LAG_QUANTILES.map((quantile) => ({
        labels: { quantile },
        value: delay.quantile(Number(quantile)) / 1000,
      }))
      delay.reset()
      return found
    },
  )
  return delay.stop
}
