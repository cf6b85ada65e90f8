/** From the start of the process to the first 200 of /healthz and /readyz, on both databases, empty and existing. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Bench, type Figure, median, type Row } from '../harness/bench.ts'
import { type LatchkeyOptions, POLL, startLatchkey } from '../harness/latchkey.ts'
import { cpuTime } from '../harness/machine.ts'
import { freePort } from '../harness/process.ts'
import { once, requestText } from '../harness/wire.ts'

const TIMES = 7

interface Case {
  what: string
  atMost?: number
  /** The databases of one round; `i` counts rounds from -1, which warms up. */
  options(i: number): Promise<Omit<LatchkeyOptions, 'core'>>
}

export const start: Row = {
  name: 'start',
  title: 'Start to first answer',
  async measure(bench) {
    const postgres = await bench.postgres()
    const folder = await bench.folder()
    const known = await postgres.makeDatabase()
    const embedded = (i: number) => ({ databaseUrl: null, dataDir: join(folder, `embedded-${i + 1}`) })
    const cases: Case[] = [
      // the first round migrates it
      { what: 'PostgreSQL', options: async () => ({ databaseUrl: known.url, dataDir: folder }) },
      {
        what: 'PostgreSQL, a first start, which migrates',
        options: async () => ({ databaseUrl: (await postgres.makeDatabase()).url, dataDir: folder }),
      },
      { what: 'embedded, a first start', atMost: 1.5, options: async (i) => embedded(i) },
      { what: 'embedded, opened again', atMost: 1.5, options: async (i) => embedded(i) },
    ]
    const fastify = { seconds: [] as number[], cpu: [] as number[] }
    const took = cases.map(() => ({ seconds: [] as number[], cpu: [] as number[] }))
    for (let i = -1; i < TIMES; i++) {
      const bare = await bareFastify(bench)
      if (i >= 0) fastify.seconds.push(bare.startedIn / 1000)
      if (i >= 0) fastify.cpu.push(bare.startedOnCpu / 1000)
      for (const [at, { options }] of cases.entries()) {
        const { startedIn, startedOnCpu } = await started(bench, await options(i))
        if (i < 0) continue
        took[at]?.seconds.push(startedIn / 1000)
        took[at]?.cpu.push(startedOnCpu / 1000)
      }
    }
    const figures = cases.flatMap(({ what, atMost }, at): Figure[] => [
      {
        what,
        value: median(took[at]?.seconds ?? []),
        unit: 's',
        ...(atMost === undefined ? {} : { atMost }),
      },
      { what: '  of that on the CPU', value: median(took[at]?.cpu ?? []), unit: 's' },
    ])
    const [onKnown] = took
    const over = (of: (one: typeof fastify) => number[]) =>
      median(of(onKnown ?? fastify).map((value, at) => value / (of(fastify)[at] ?? Number.NaN)))
    const ratios: Figure[] = [
      { what: 'bare Fastify', value: median(fastify.seconds), unit: 's' },
      { what: '  of that on the CPU', value: median(fastify.cpu), unit: 's' },
      { what: 'PostgreSQL ÷ bare Fastify', value: over((one) => one.seconds), unit: '', atMost: 1.8 },
      { what: 'PostgreSQL ÷ bare Fastify, by CPU', value: over((one) => one.cpu), unit: '' },
    ]
    return { measured: [], figures: [...figures, ...ratios], notes: [] }
  },
}

async function bareFastify(bench: Bench) {
  const port = await freePort()
  const began = performance.now()
  const running = bench.contender('fastify', String(port))
  for (const path of ['/healthz', '/readyz'])
    while ((await once(port, requestText('GET', path))) !== 200) await pause(POLL)
  const took = { startedIn: performance.now() - began, startedOnCpu: cpuTime(running.pid) / 1000 }
  await running.stop()
  return took
}

async function started(bench: Bench, options: Omit<LatchkeyOptions, 'core'>) {
  await mkdir(options.dataDir, { recursive: true })
  const server = await startLatchkey({ core: bench.cores.server, ...options })
  await server.stop()
  return server
}
