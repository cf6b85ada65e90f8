/** From the start of the process to the first 200 of /healthz and /readyz, on both databases, new and known. */
import { join } from 'node:path'
import { type Bench, median, type Row } from '../harness/bench.ts'
import { type LatchkeyOptions, startLatchkey } from '../harness/latchkey.ts'

const TIMES = 5

export const start: Row = {
  name: 'start',
  title: 'Start to first answer',
  async measure(bench) {
    const postgres = await bench.postgres()
    const dataDir = await bench.folder()
    const known = await postgres.makeDatabase()
    const seconds = { first: [0], known: [0], embedded: [0], reopened: [0] }
    for (let i = -1; i < TIMES; i++) {
      const folder = join(dataDir, `embedded-${i + 1}`)
      const fresh = (await postgres.makeDatabase()).url
      const took = {
        first: await timed(bench, { databaseUrl: fresh, dataDir }),
        // the warm-up round migrates it
        known: await timed(bench, { databaseUrl: known.url, dataDir }),
        embedded: await timed(bench, { databaseUrl: null, dataDir: folder }),
        reopened: await timed(bench, { databaseUrl: null, dataDir: folder }),
      }
      for (const name of ['first', 'known', 'embedded', 'reopened'] as const) {
        if (i === 0) seconds[name] = []
        seconds[name].push(took[name])
      }
    }
    return {
      measured: [],
      figures: [
        { what: 'PostgreSQL', value: median(seconds.known), unit: 's', atMost: 0.6 },
        { what: 'PostgreSQL, the first start, which migrates', value: median(seconds.first), unit: 's' },
        { what: 'embedded, the first start', value: median(seconds.embedded), unit: 's', atMost: 1.5 },
        { what: 'embedded, opened again', value: median(seconds.reopened), unit: 's', atMost: 1.5 },
      ],
      notes: [],
    }
  },
}

async function timed(bench: Bench, options: Omit<LatchkeyOptions, 'core'>): Promise<number> {
  const { mkdir } = await import('node:fs/promises')
  await mkdir(options.dataDir, { recursive: true })
  const server = await startLatchkey({ core: bench.cores.server, ...options })
  await server.stop()
  return server.startedIn / 1000
}
