/** Resident memory of an idle server: after its start, some requests of several kinds, and a pause. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Bench, Row } from '../harness/bench.ts'
import { startLatchkey } from '../harness/latchkey.ts'
import { memory } from '../harness/machine.ts'
import { clientOf, PASSWORD } from '../harness/population.ts'
import { drive, requestText } from '../harness/wire.ts'

const REST = 10_000

export const idleMemory: Row = {
  name: 'memory',
  title: 'Memory of an idle server',
  async measure(bench) {
    const postgres = await bench.postgres()
    const { url } = await postgres.makeDatabase()
    const [onPostgres, embedded] = [await idle(bench, url), await idle(bench, null)]
    return {
      measured: [],
      figures: [
        { what: 'PostgreSQL, resident', value: onPostgres.rss, unit: 'MiB', atMost: 95 },
        { what: 'PostgreSQL, without mapped files', value: onPostgres.anonymous, unit: 'MiB' },
        { what: 'embedded, resident', value: embedded.rss, unit: 'MiB' },
      ],
      notes: [`${REST / 1000} s after 200 requests`],
    }
  },
}

async function idle(bench: Bench, databaseUrl: string | null) {
  const dataDir = await bench.folder()
  const server = await startLatchkey({ core: bench.cores.server, databaseUrl, dataDir })
  try {
    const numbers = Array.from({ length: 200 }, (_, i) => i)
    const requests = numbers.map((i) => {
      const headers = { 'x-forwarded-for': clientOf(i) }
      const login = { email: `unknown${i}@example.com`, password: PASSWORD }
      if (i % 20 === 0) return requestText('POST', '/api/v1/auth/login', headers, login)
      return requestText(
        'GET',
        ['/sign-in', '/healthz', '/api/v1/auth/csrf', '/sign-up'][i % 4] ?? '',
        headers,
      )
    })
    const plan = { port: server.port, requests, next: 0 }
    while (plan.next < requests.length) await drive(plan, 4, 0.1)
    await pause(REST)
    return memory(server.pid)
  } finally {
    await server.stop()
  }
}
