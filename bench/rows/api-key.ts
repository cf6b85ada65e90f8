/**
 * An API key checked from the database, compared with node:http that runs the same statement. A session token, the other
 * opaque credential, is the row session-check. By CPU time, as there.
 */
import type { Row } from '../harness/bench.ts'
import { keyOf, PEOPLE } from '../harness/population.ts'
import { contest, serves } from '../harness/rounds.ts'
import { requestText } from '../harness/wire.ts'

const SELECT = 'node:http, the same select through a pool'
const VALIDATE = 'auth/validate, API key'

export const apiKey: Row = {
  name: 'api-key',
  title: 'API key check, from the database',
  async measure(bench) {
    const { server, url } = await bench.latchkey()
    const select = await bench.listener('bare', 'api-key', url)
    const requests = Array.from({ length: PEOPLE }, (_, i) =>
      requestText('GET', '/api/v1/auth/validate', { 'x-api-key': keyOf(i) }),
    )
    const { measured, byCpu, byThroughput } = await contest(bench, [
      await serves(bench, SELECT, select, requests),
      await serves(bench, VALIDATE, server, requests),
    ])
    return {
      measured,
      figures: [
        {
          what: 'validate, API key ÷ bare select, by CPU',
          value: byCpu(VALIDATE, SELECT),
          unit: '',
          atLeast: 0.8,
        },
        {
          what: 'validate, API key ÷ bare select, by throughput',
          value: byThroughput(VALIDATE, SELECT),
          unit: '',
        },
      ],
      notes: ["a session's bearer token, the other opaque one: the row session-check"],
    }
  },
}
