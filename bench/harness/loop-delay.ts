/**
 * Loaded into the server's process before it starts (`node --import`), by the benchmark alone: answers, over the
 * message channel, how late the event loop was since the question before. A delay of 0 would read as RESOLUTION.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'

export interface LoopDelay {
  p50: number
  p99: number
  max: number
  samples: number
}

const RESOLUTION = 2
const histogram = monitorEventLoopDelay({ resolution: RESOLUTION })
histogram.enable()
process.on('message', () => {
  const milliseconds = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION)
  process.send?.({
    p50: milliseconds(histogram.percentile(50)),
    p99: milliseconds(histogram.percentile(99)),
    max: milliseconds(histogram.max),
    samples: histogram.count,
  } satisfies LoopDelay)
  histogram.reset()
})
// the server decides when it ends
process.channel?.unref()
