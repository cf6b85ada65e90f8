/**
 * An API key checked by a server that has seen it before, and by one that has not, compared with node:http that runs
 * a narrow select of key and user. A session token, the other opaque credential, is the row session-check. By CPU
 * time, as there.
 */
import type { Figure, Row } from '../harness/bench.ts'
import { keyOf, PEOPLE } from '../harness/population.ts'
import { contest, serves } from '../harness/rounds.ts'
import { requestText } from '../harness/wire.ts'

const NARROW = 'node:http, a narrow select through a pool'
const SEEN = 'auth/validate, API key, seen before'
const UNSEEN = 'auth/validate, API key, from the database'

export const apiKey: Row = {
  name: 'api-key',
  title: 'API key check',
  async measure(bench) {
    const { server, url } = await bench.latchkey()
    const forgetful = await bench.forgetful()
    const narrow = await bench.listener('bare', 'narrow-api-key', url)
    const select = await bench.listener('bare', 'api-key', url)
    const requests = Array.from({ length: PEOPLE }, (_, i) =>
      requestText('GET', '/api/v1/auth/validate', { 'x-api-key': keyOf(i) }),
    )
    const { measured, byCpu } = await contest(bench, [
      await serves(bench, NARROW, narrow, requests),
      await serves(bench, SEEN, server, requests),
      await serves(bench, UNSEEN, forgetful, requests),
      await serves(bench, 'node:http, the server’s own select through a pool', select, requests),
    ])
    const against = (what: string, contender: string, atLeast: number): Figure => ({
      what: `validate, API key, ${what} ÷ narrow select, by CPU`,
      value: byCpu(contender, NARROW),
      unit: '',
      atLeast,
    })
    return {
      measured,
      figures: [against('seen before', SEEN, 1.5), against('from the database', UNSEEN, 0.6)],
      notes: ["a session's bearer token, the other opaque one: the row session-check"],
    }
  },
}
