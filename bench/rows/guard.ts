/**
 * The guard before a Fastify route, as an application uses it: the published package, with the revocation stream
 * connected. Cached tokens are sent by HTTP, compared with the same route without a guard; new tokens are verified in
 * one process, compared with the verification of their signature alone.
 */
import type { Unseen, UnseenOrder } from '../contenders/unseen.ts'
import { type Bench, type Measured, median, type Row } from '../harness/bench.ts'
import { ISSUER } from '../harness/latchkey.ts'
import { guardKey } from '../harness/population.ts'
import { ask, nextMessage } from '../harness/process.ts'
import { contest, serves } from '../harness/rounds.ts'
import { accessTokens } from '../harness/tokens.ts'
import { requestText } from '../harness/wire.ts'

/**
 * Each of a different user. A client sends its token repeatedly on its connection; behind a proxy, a connection has
 * the tokens of many clients, here so many that none is repeated soon.
 */
const TOKENS = 2500
const UNSEEN = 500
const WARM = 5
/** Rounds of new tokens are short: the number of them in one of the other rounds. */
const SHORTER = 3

const ROUTE = 'Fastify, a route without a guard'
const SEEN = 'with the guard, each client sends its token again'
const MIXED = 'with the guard, many clients’ tokens through each connection'
const BARE = 'node:crypto, ES256 of the token alone'
const FRESH = 'the guard, tokens never seen'

export const guard: Row = {
  name: 'guard',
  title: 'The guard in front of a Fastify route, ES256',
  async measure(bench) {
    const { server } = await bench.latchkey()
    const url = `http://127.0.0.1:${server.port}`
    const tokens = await accessTokens(server.port, TOKENS)
    const route = await bench.listener('guarded')
    const guarded = await bench.listener('guarded', ISSUER, url, guardKey())
    const requests = tokens.map((token) =>
      requestText('GET', '/invoices', { authorization: `Bearer ${token}` }),
    )
    const { measured, byCpu, byThroughput } = await contest(bench, [
      await serves(bench, ROUTE, route, requests),
      await serves(bench, SEEN, guarded, requests, { sticky: true }),
      await serves(bench, MIXED, guarded, requests),
    ])
    const { state } = await ask<{ state: string }>(guarded, {})
    if (state !== 'connected') throw new Error(`the guard is ${state}`)
    const unseen = await measureUnseen(bench, url, tokens.slice(0, UNSEEN))
    const ratios = unseen.bare.map((bare, i) => bare / (unseen.guard[i] ?? Number.NaN))
    return {
      measured: [...measured, line(BARE, unseen.bare), line(FRESH, unseen.guard)],
      figures: [
        { what: 'seen ÷ without a guard, by CPU', value: byCpu(SEEN, ROUTE), unit: '', atLeast: 0.8 },
        { what: 'seen ÷ without a guard, by throughput', value: byThroughput(SEEN, ROUTE), unit: '' },
        { what: 'seen, mixed ÷ without a guard, by CPU', value: byCpu(MIXED, ROUTE), unit: '', atLeast: 0.8 },
        { what: 'never seen ÷ bare verification, by CPU', value: median(ratios), unit: '', atLeast: 0.9 },
      ],
      notes: [`${TOKENS} tokens in turn; ${UNSEEN} tokens a round, each once, in one process`],
    }
  },
}

async function measureUnseen(bench: Bench, url: string, tokens: string[]): Promise<Unseen> {
  const process = bench.contender('unseen')
  await nextMessage(process)
  const rounds = bench.options.rounds * SHORTER
  return ask<Unseen>(process, { issuer: ISSUER, url, tokens, rounds, warm: WARM } satisfies UnseenOrder)
}

const line = (contender: string, micros: readonly number[]): Measured => ({
  contender,
  cpuMicroseconds: median(micros),
  perSecond: 1e6 / median(micros),
})
