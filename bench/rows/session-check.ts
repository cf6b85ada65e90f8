/**
 * A session checked from the database, against node:http that runs the same statement through a pool. The ratio is
 * that of the CPU time a request: with PostgreSQL and the load on the other core, throughput would measure those.
 */
import type { Bench, Row } from '../harness/bench.ts'
import { PEOPLE, tokenOf } from '../harness/population.ts'
import { nextMessage } from '../harness/process.ts'
import { contest } from '../harness/rounds.ts'
import { requestText } from '../harness/wire.ts'

const SELECT = 'node:http, the same select through a pool'
const BEARER = 'auth/validate, bearer'

export const sessionCheck: Row = {
  name: 'session-check',
  title: 'Session check, from the database',
  async measure(bench) {
    const { server, url } = await bench.latchkey()
    const select = bench.contender('bare', 'select', url)
    const bare = bench.contender('bare', 'http')
    const [selectPort, barePort] = [await portOf(select), await portOf(bare)]
    const numbers = Array.from({ length: PEOPLE }, (_, i) => i)
    const bearer = (path: string) =>
      numbers.map((i) => requestText('GET', path, { authorization: `Bearer ${tokenOf(i)}` }))
    const cookie = (path: string) =>
      numbers.map((i) => requestText('GET', path, { cookie: `__Host-lk_session=${tokenOf(i)}` }))
    const validate = '/api/v1/auth/validate'
    const contenders = [
      await entry(bench, SELECT, select.pid, selectPort, bearer(validate)),
      await entry(bench, BEARER, server.pid, server.port, bearer(validate)),
      await entry(bench, 'auth/validate, cookie', server.pid, server.port, cookie(validate)),
      await entry(bench, 'auth/me, bearer', server.pid, server.port, bearer('/api/v1/auth/me')),
      await entry(bench, '/healthz', server.pid, server.port, [requestText('GET', '/healthz')]),
      await entry(bench, 'node:http, a constant', bare.pid, barePort, [requestText('GET', '/')]),
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
          what: 'validate, bearer ÷ bare select, by throughput',
          value: byThroughput(BEARER, SELECT),
          unit: '',
        },
      ],
      notes: [],
    }
  },
}

const portOf = async (running: ReturnType<Bench['contender']>): Promise<number> =>
  (await nextMessage<{ port: number }>(running)).port

async function entry(bench: Bench, name: string, pid: number, port: number, requests: string[]) {
  await bench.order({ plan: name, port, requests })
  return { name, turn: (seconds: number) => bench.round(pid, name, seconds) }
}
