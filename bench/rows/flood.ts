/**
 * Other routes during a flood of 500 wrong sign-ins a second, compared with the same server idle: from one address, which is
 * refused by its limit, and from 20,000 addresses at 20,000 accounts, which only the bounded queue of hashes refuses.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Figure, Row } from '../harness/bench.ts'
import { startLatchkey } from '../harness/latchkey.ts'
import { memory } from '../harness/machine.ts'
import { addressOf, clientOf, PEOPLE, tokenOf } from '../harness/population.ts'
import { pace, requestText, type Tally } from '../harness/wire.ts'

const FLOOD = 500
/** Requests a second of each other route. */
const OTHERS = 40

export const flood: Row = {
  name: 'flood',
  title: `While ${FLOOD} wrong sign-ins arrive each second`,
  async measure(bench) {
    const { url } = await bench.latchkey()
    const server = await startLatchkey({
      core: bench.cores.server,
      databaseUrl: url,
      dataDir: await bench.folder(),
      env: { LATCHKEY_SMTP_URL: await bench.smtpUrl() },
    })
    let watch: NodeJS.Timeout | undefined
    try {
      const { port, pid } = server
      const numbers = Array.from({ length: PEOPLE }, (_, i) => i)
      const bearer = (path: string) => ({
        port,
        requests: numbers.map((i) => requestText('GET', path, { authorization: `Bearer ${tokenOf(i)}` })),
        next: 0,
      })
      const others = {
        '/healthz': { port, requests: [requestText('GET', '/healthz')], next: 0 },
        'auth/validate': bearer('/api/v1/auth/validate'),
        'auth/me': bearer('/api/v1/auth/me'),
        '/sign-in': {
          port,
          requests: numbers.map((i) => requestText('GET', '/sign-in', { 'x-forwarded-for': clientOf(i) })),
          next: 0,
        },
      }
      const wrong = (client: (i: number) => string) =>
        numbers.map((i) =>
          requestText(
            'POST',
            '/api/v1/auth/login',
            { 'x-forwarded-for': client(i) },
            { email: addressOf(i), password: `wrong ${i}` },
          ),
        )
      await bench.order({ plan: 'one address', port, requests: wrong(() => '203.0.113.7') })
      await bench.order({ plan: 'many addresses', port, requests: wrong(clientOf) })
      const seconds = bench.options.seconds * 8
      const measure = () => Promise.all(Object.values(others).map((plan) => pace(plan, OTHERS, seconds)))
      await measure()
      const idle = await measure()
      const figures: Figure[] = []
      const notes: string[] = []
      const before = memory(pid).rss
      let most = before
      watch = setInterval(() => {
        most = Math.max(most, memory(pid).rss)
      }, 100)
      for (const source of ['one address', 'many addresses']) {
        const arriving = bench.order<Tally>({ run: source, perSecond: FLOOD, seconds: seconds + 2 })
        arriving.catch(() => {})
        await pause(1000)
        const during = await measure()
        const tally = await arriving
        Object.keys(others).forEach((route, n) => {
          figures.push({
            what: `${route}, p95 during ÷ p95 idle, ${source}`,
            value: p95(during[n]) / p95(idle[n]),
            unit: '',
            atMost: 3,
          })
        })
        notes.push(
          `${source}: sign-ins answered ${JSON.stringify(tally.statuses)}; other routes ${JSON.stringify(during.map(({ statuses }) => statuses))}`,
        )
      }
      figures.push(
        ...idle.map((tally, n) => ({
          what: `${Object.keys(others)[n]}, p95 idle`,
          value: p95(tally),
          unit: 'ms' as const,
        })),
        { what: 'resident memory, most during ÷ before', value: most / before, unit: '', atMost: 1.5 },
      )
      return { measured: [], figures, notes }
    } finally {
      clearInterval(watch)
      await server.stop()
    }
  },
}

const p95 = (tally: Tally | undefined): number => tally?.latency.p95 ?? Number.NaN
