/**
 * Rotation of refresh tokens, with durable commits, compared with node:http that only locks the
 * row and rotates it, one transaction per request. Each request sends the token of the previous answer.
 */
import type { Row } from '../harness/bench.ts'
import { clientOf, PEOPLE, refreshTokenOf } from '../harness/population.ts'
import { contest, serves } from '../harness/rounds.ts'
import { requestText } from '../harness/wire.ts'

const BARE = 'node:http, a transaction of two statements'
const REFRESH = 'auth/refresh'
/** Commits wait for the disk, so that the row has fewer rounds. */
const WARM = 5000
/** One of the two targets is sufficient. */
const ENOUGH = { perSecond: 2500, ratio: 0.6 }

export const refresh: Row = {
  name: 'refresh',
  title: 'Rotation of refresh tokens, durable',
  async measure(bench) {
    const { server, url } = await bench.latchkey()
    const bare = await bench.listener('bare', 'rotation', url)
    // each contender rotates the families of different users
    const half = PEOPLE / 2
    const requestsFrom = (first: number) =>
      Array.from({ length: half }, (_, i) =>
        requestText(
          'POST',
          '/api/v1/auth/refresh',
          { 'x-forwarded-for': clientOf(first + i) },
          { refresh_token: refreshTokenOf(first + i) },
        ),
      )
    const { measured, byCpu, byThroughput } = await contest(bench, [
      { ...(await serves(bench, BARE, bare, requestsFrom(half), { follow: 'refresh_token' })), warm: WARM },
      { ...(await serves(bench, REFRESH, server, requestsFrom(0), { follow: 'refresh_token' })), warm: WARM },
    ])
    const perSecond = measured.find(({ contender }) => contender === REFRESH)?.perSecond ?? Number.NaN
    const ratio = byThroughput(REFRESH, BARE)
    return {
      measured,
      figures: [
        { what: 'auth/refresh on one core', value: perSecond, unit: 'per s' },
        { what: 'auth/refresh ÷ bare transaction, by throughput', value: ratio, unit: '' },
        { what: 'auth/refresh ÷ bare transaction, by CPU', value: byCpu(REFRESH, BARE), unit: '' },
        {
          what: `the better of: per second ÷ ${ENOUGH.perSecond}, by throughput ÷ ${ENOUGH.ratio}`,
          value: Math.max(perSecond / ENOUGH.perSecond, ratio / ENOUGH.ratio),
          unit: '',
          atLeast: 1,
        },
      ],
      notes: ['the server signs an access token with each, the bare one nothing'],
    }
  },
}
