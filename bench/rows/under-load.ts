/** Event loop delay, and response times of other routes, while 300 sign-ins wait for a hash. */

import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { Row } from '../harness/bench.ts'
import { startLatchkey } from '../harness/latchkey.ts'
import type { LoopDelay } from '../harness/loop-delay.ts'
import { addressOf, clientOf, deviceCookieOf, PASSWORD, PEOPLE, tokenOf } from '../harness/population.ts'
import { ask } from '../harness/process.ts'
import { drive, requestText, type Tally } from '../harness/wire.ts'

const WAITING = 300

export const underLoad: Row = {
  name: 'under-load',
  title: `While ${WAITING} sign-ins wait`,
  async measure(bench) {
    const { url } = await bench.latchkey()
    const server = await startLatchkey({
      core: bench.cores.server,
      databaseUrl: url,
      dataDir: await bench.folder(),
      env: { LATCHKEY_SMTP_URL: await bench.smtpUrl(), LATCHKEY_HASH_QUEUE: String(WAITING) },
      preload: pathToFileURL(join(bench.built, 'harness/loop-delay.mjs')).href,
    })
    try {
      const { port } = server
      const logins = Array.from({ length: PEOPLE }, (_, i) =>
        requestText(
          'POST',
          '/api/v1/auth/login',
          { 'x-forwarded-for': clientOf(i), cookie: deviceCookieOf(i) },
          { email: addressOf(i), password: PASSWORD },
        ),
      )
      await bench.order({ plan: 'waiting', port, requests: logins })
      const health = { port, requests: [requestText('GET', '/healthz')], next: 0 }
      const validate = {
        port,
        requests: logins.map((_, i) =>
          requestText('GET', '/api/v1/auth/validate', { authorization: `Bearer ${tokenOf(i)}` }),
        ),
        next: 0,
      }
      const other = async (plan: typeof health, seconds: number) => {
        const results: Tally[] = []
        for (const until = performance.now() + seconds * 1000; performance.now() < until; ) {
          results.push(await drive(plan, 1, 0.001))
          await pause(20)
        }
        return results
      }
      await drive(health, 4, 0.5)
      await drive(validate, 4, 0.5)

      const seconds = bench.options.seconds * 6
      const waiting = bench.order<Tally>({ run: 'waiting', connections: WAITING, seconds: seconds + 2 })
      waiting.catch(() => {})
      // all sign-ins are waiting
      await pause(1000)
      await ask<LoopDelay>(server, {})
      const [healths, validates] = await Promise.all([other(health, seconds), other(validate, seconds)])
      const delay = await ask<LoopDelay>(server, {})
      const tally = await waiting
      const failed = Object.entries(tally.statuses).filter(([status]) => status !== '200')
      const p = (results: Tally[], share: number) => {
        const sorted = results.map((result) => result.slowest).sort((a, b) => a - b)
        return sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN
      }
      const wrong = [...healths, ...validates].filter(
        ({ statuses }) => Object.keys(statuses).join() !== '200',
      )
      return {
        measured: [],
        figures: [
          { what: 'event loop delay, p99', value: delay.p99, unit: 'ms', atMost: 50 },
          { what: 'event loop delay, longest', value: delay.max, unit: 'ms' },
          { what: '/healthz meanwhile, p50', value: p(healths, 0.5), unit: 'ms' },
          { what: '/healthz meanwhile, p99', value: p(healths, 0.99), unit: 'ms' },
          { what: 'auth/validate meanwhile, p50', value: p(validates, 0.5), unit: 'ms' },
          { what: 'auth/validate meanwhile, p99', value: p(validates, 0.99), unit: 'ms' },
        ],
        notes: [
          `${tally.all} sign-ins answered, ${failed.length === 0 ? 'all of them 200' : JSON.stringify(tally.statuses)}; ${healths.length + validates.length} other requests, ${wrong.length} not 200`,
        ],
      }
    } finally {
      await server.stop()
    }
  },
}
