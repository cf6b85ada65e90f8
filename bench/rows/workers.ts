/**
 * What several workers cost: a session check of a server with one process, and with one, two and four workers, each process of which
 * finds the session in its memory; their limits are counted by the first process. By the CPU time of all processes of the server per
 * request, on the server's core alone, and by throughput on both cores, where the load and PostgreSQL take their part.
 */
import type { Row } from '../harness/bench.ts'
import { PEOPLE, tokenOf } from '../harness/population.ts'
import { contest, serves } from '../harness/rounds.ts'
import { requestText } from '../harness/wire.ts'

const COUNTS = [null, '1', '2', '4']
/** All sessions, in each half of the cache. */
const HELD = { LATCHKEY_CACHED_CREDENTIALS: String(2 * PEOPLE + 10) }
const nameOf = (count: string | null, where: string): string =>
  `${count === null ? 'one process' : `${count} worker${count === '1' ? '' : 's'}`}, ${where}`

export const workers: Row = {
  name: 'workers',
  title: 'Session checks of several workers',
  async measure(bench) {
    const validate = Array.from({ length: PEOPLE }, (_, i) =>
      requestText('GET', '/api/v1/auth/validate', { authorization: `Bearer ${tokenOf(i)}` }),
    )
    const places = [
      { where: 'one core', core: bench.cores.server },
      { where: 'both cores', core: bench.cores.both },
    ]
    const contenders = []
    for (const { where, core } of places) {
      for (const count of COUNTS)
        contenders.push({
          ...(await serves(
            bench,
            nameOf(count, where),
            await bench.node({ core, args: count === null ? [] : ['--workers', count], env: HELD }),
            validate,
          )),
          // each worker has to have seen the sessions
          warm: 100_000,
        })
    }
    const { measured, byCpu, byThroughput } = await contest(bench, contenders)
    const [alone, shared] = ['one core', 'both cores']
    return {
      measured,
      figures: [
        {
          what: '2 workers ÷ 1 worker, CPU per request, one core',
          value: byCpu(nameOf('1', alone), nameOf('2', alone)),
          unit: '',
          atMost: 1.05,
        },
        {
          what: '1 worker ÷ one process, CPU per request, one core',
          value: byCpu(nameOf(null, alone), nameOf('1', alone)),
          unit: '',
        },
        {
          what: '4 workers ÷ 2 workers, by throughput, both cores',
          value: byThroughput(nameOf('4', shared), nameOf('2', shared)),
          unit: '',
          atLeast: 0.9,
        },
        {
          what: '2 workers ÷ 1 worker, by throughput, both cores',
          value: byThroughput(nameOf('2', shared), nameOf('1', shared)),
          unit: '',
        },
      ],
      notes: [],
    }
  },
}
