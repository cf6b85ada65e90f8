/**
 * The cost of row-level security: one select in a transaction of a caller compared with the same select alone, and the
 * rows of a tenant among a million by policy compared with the same rows by an index, without policies.
 */
import type { Scoped, ScopedOrder } from '../contenders/scoped.ts'
import { median, type Row } from '../harness/bench.ts'
import { ask, nextMessage } from '../harness/process.ts'

const TIMES = 2000
const ABREAST = 8

export const scoped: Row = {
  name: 'scoped',
  title: 'Transactions of a caller, under row-level security',
  async measure(bench) {
    const { url } = await bench.latchkey()
    const process = bench.contender('scoped')
    await nextMessage(process)
    const { rounds } = bench.options
    const order: ScopedOrder = { databaseUrl: url, rounds, times: TIMES, abreast: ABREAST }
    const { micros, plan } = await ask<Scoped>(process, order)
    const ratio = (under: string, over: string) =>
      median((micros[under] ?? []).map((value, i) => value / (micros[over]?.[i] ?? Number.NaN)))
    const against = (name: string, atLeast?: number) => ({
      what: `${name} ÷ bare select, by throughput`,
      value: ratio('bare select', name),
      unit: '' as const,
      ...(atLeast === undefined ? {} : { atLeast }),
    })
    return {
      // wall clock: server and client wait for each other
      measured: Object.entries(micros).map(([contender, values]) => ({
        contender,
        cpuMicroseconds: Number.NaN,
        perSecond: 1e6 / median(values),
      })),
      figures: [
        against('server, db.tx as a caller', 0.35),
        against('guard, not pipelined', 0.35),
        against('guard, pipelined'),
        {
          what: 'rows of a tenant among a million, by policy ÷ unprotected, by time',
          value: ratio('rows of a tenant, by policy', 'rows of a tenant, unprotected'),
          unit: '',
          atMost: 1.2,
        },
      ],
      notes: [`one connection each, ${ABREAST} under way at once`, ...plan.split('\n')],
    }
  },
}
