/**
 * A session checked by a server that has seen it before, and by one that has not, compared with node:http that runs a
 * narrow select of session and user: what a check needs to know, and no more. The server's own select is wide, so
 * that comparing with it alone would hide its cost. The ratio is that of the CPU time per request: with PostgreSQL
 * and the load on the other core, throughput measures those.
 */
import type { Figure, Row } from '../harness/bench.ts'
import { PEOPLE, tokenOf } from '../harness/population.ts'
import { contest, serves } from '../harness/rounds.ts'
import { accessTokens } from '../harness/tokens.ts'
import { requestText } from '../harness/wire.ts'

const NARROW = 'node:http, a narrow select through a pool'
const SEEN = 'auth/validate, bearer, seen before'
const COOKIE = 'auth/validate, cookie, seen before'
const UNSEEN = 'auth/validate, bearer, from the database'
const ME = 'auth/me, bearer'
const TOKEN = 'auth/validate, access token, seen before'
const CONSTANT = 'node:http, a constant'
/** Access tokens in turn, each of another user. */
const TOKENS = 2500

export const sessionCheck: Row = {
  name: 'session-check',
  title: 'Session check',
  async measure(bench) {
    const { server, url } = await bench.latchkey()
    const forgetful = await bench.forgetful()
    const select = await bench.listener('bare', 'session', url)
    const narrow = await bench.listener('bare', 'narrow-session', url)
    const bare = await bench.listener('bare')
    const numbers = Array.from({ length: PEOPLE }, (_, i) => i)
    const bearer = (path: string) =>
      numbers.map((i) => requestText('GET', path, { authorization: `Bearer ${tokenOf(i)}` }))
    const cookie = (path: string) =>
      numbers.map((i) => requestText('GET', path, { cookie: `__Host-lk_session=${tokenOf(i)}` }))
    const validate = '/api/v1/auth/validate'
    const tokens = await accessTokens(server.port, TOKENS)
    const byToken = tokens.map((token) => requestText('GET', validate, { authorization: `Bearer ${token}` }))
    const { measured, byCpu, byThroughput } = await contest(bench, [
      await serves(bench, NARROW, narrow, bearer(validate)),
      await serves(bench, SEEN, server, bearer(validate)),
      await serves(bench, COOKIE, server, cookie(validate)),
      await serves(bench, TOKEN, server, byToken),
      await serves(bench, UNSEEN, forgetful, bearer(validate)),
      await serves(bench, ME, server, bearer('/api/v1/auth/me')),
      await serves(bench, 'node:http, the server’s own select through a pool', select, bearer(validate)),
      await serves(bench, '/healthz', server, [requestText('GET', '/healthz')]),
      await serves(bench, CONSTANT, bare, [requestText('GET', '/')]),
    ])
    const against = (what: string, contender: string, atLeast: number): Figure => ({
      what: `${what} ÷ narrow select, by CPU`,
      value: byCpu(contender, NARROW),
      unit: '',
      atLeast,
    })
    return {
      measured,
      figures: [
        against('validate, bearer, seen before', SEEN, 1.5),
        against('validate, cookie, seen before', COOKIE, 1.5),
        against('validate, from the database', UNSEEN, 0.6),
        against('auth/me', ME, 0.5),
        {
          what: 'validate, access token, seen before ÷ a constant, by CPU',
          value: byCpu(TOKEN, CONSTANT),
          unit: '',
          atLeast: 0.5,
        },
        {
          what: 'validate, bearer, seen before ÷ narrow select, by throughput',
          value: byThroughput(SEEN, NARROW),
          unit: '',
        },
      ],
      notes: [],
    }
  },
}
