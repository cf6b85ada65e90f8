/**
 * Event loop delay: a module that the benchmark preloads into the server (`node --import`). It answers, over the
 * message channel, the delay of the event loop since the previous request. A delay of 0 reads as RESOLUTION.
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
// the listener must not keep the server alive
process.channel?.unref()
