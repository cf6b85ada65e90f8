/**
 * A session checked from the database, against node:http that runs the same statement through a pool, and one that runs
 * a narrow select of session and user: the server's own select is wide, and comparing with it alone hides its cost. The
 * ratio is that of the CPU time per request: with PostgreSQL and the load on the other core, throughput measures those.
 */
import type { Row } from '../harness/bench.ts'
import { PEOPLE, tokenOf } from '../harness/population.ts'
import { contest, serves } from '../harness/rounds.ts'
import { requestText } from '../harness/wire.ts'

const SELECT = 'node:http, the same select through a pool'
const NARROW = 'node:http, a narrow select through a pool'
const BEARER = 'auth/validate, bearer'

export const sessionCheck: Row = {
  name: 'session-check',
  title: 'Session check, from the database',
  async measure(bench) {
    const { server, url } = await bench.latchkey()
    const select = await bench.listener('bare', 'session', url)
    const narrow = await bench.listener('bare', 'narrow-session', url)
    const bare = await bench.listener('bare')
    const numbers = Array.from({ length: PEOPLE }, (_, i) => i)
    const bearer = (path: string) =>
      numbers.map((i) => requestText('GET', path, { authorization: `Bearer ${tokenOf(i)}` }))
    const cookie = (path: string) =>
      numbers.map((i) => requestText('GET', path, { cookie: `__Host-lk_session=${tokenOf(i)}` }))
    const validate = '/api/v1/auth/validate'
    const contenders = [
      await serves(bench, SELECT, select, bearer(validate)),
      await serves(bench, NARROW, narrow, bearer(validate)),
      await serves(bench, BEARER, server, bearer(validate)),
      await serves(bench, 'auth/validate, cookie', server, cookie(validate)),
      await serves(bench, 'auth/me, bearer', server, bearer('/api/v1/auth/me')),
      await serves(bench, '/healthz', server, [requestText('GET', '/healthz')]),
      await serves(bench, 'node:http, a constant', bare, [requestText('GET', '/')]),
    ]
    const { measured, byCpu, byThroughput } = await contest(bench, contenders)
    return {
      measured,
      figures: [
        {
          what: 'validate, bearer ÷ bare select, by CPU',
          value: byCpu(BEARER, SELECT),
          unit: '',
          atLeast: 0.8,
        },
        {
          what: 'validate, cookie ÷ bare select, by CPU',
          value: byCpu('auth/validate, cookie', SELECT),
          unit: '',
          atLeast: 0.8,
        },
        {
          what: 'validate, bearer ÷ narrow select, by CPU',
          value: byCpu(BEARER, NARROW),
          unit: '',
        },
        {
          what: 'validate, bearer ÷ bare select, by throughput',
          value: byThroughput(BEARER, SELECT),
          unit: '',
        },
      ],
      notes: [],
    }
  },
}
