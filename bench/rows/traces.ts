/**
 * What traces cost a session check: the same server without a collector, with one at the default share of 1 %, and with every
 * request traced, by the CPU time of the server process per request. Sessions are found in memory, where a request is shortest, and in
 * the database, where it has the most to await.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Bench, Row } from '../harness/bench.ts'
import { PEOPLE, tokenOf } from '../harness/population.ts'
import { contest, serves } from '../harness/rounds.ts'
import { requestText } from '../harness/wire.ts'

const WITHOUT = 'no collector'
const SHARE = '1 % traced'
const ALL = 'all traced'

export const traces: Row = {
  name: 'traces',
  title: 'Traces of a session check',
  async measure(bench) {
    const OTEL_EXPORTER_OTLP_ENDPOINT = await collector(bench)
    const validate = Array.from({ length: PEOPLE }, (_, i) =>
      requestText('GET', '/api/v1/auth/validate', { authorization: `Bearer ${tokenOf(i)}` }),
    )
    const places = [
      { place: 'memory', held: 2 * PEOPLE + 10 },
      { place: 'database', held: 1000 },
    ]
    const contenders = places.flatMap(({ place, held }) => {
      const cached = { LATCHKEY_CACHED_CREDENTIALS: String(held) }
      return [
        { name: `${WITHOUT}, ${place}`, env: cached },
        { name: `${SHARE}, ${place}`, env: { ...cached, OTEL_EXPORTER_OTLP_ENDPOINT } },
        {
          name: `${ALL}, ${place}`,
          env: { ...cached, OTEL_EXPORTER_OTLP_ENDPOINT, LATCHKEY_TRACE_SAMPLE: '100%' },
        },
      ]
    })
    const servers = []
    for (const { name, env } of contenders)
      servers.push(await serves(bench, name, await bench.node({ env }), validate))
    const { measured, byCpu } = await contest(bench, servers)
    return {
      measured,
      figures: places.flatMap(({ place }) => [
        {
          what: `${SHARE} ÷ without, ${place}, by CPU`,
          value: byCpu(`${WITHOUT}, ${place}`, `${SHARE}, ${place}`),
          unit: '',
          atMost: 1.03,
        },
        {
          what: `${ALL} ÷ without, ${place}, by CPU`,
          value: byCpu(`${WITHOUT}, ${place}`, `${ALL}, ${place}`),
          unit: '',
        },
      ]),
      notes: [],
    }
  },
}

/** Reads and accepts everything, on the core of the load. */
async function collector(bench: Bench): Promise<string> {
  const server = createServer((req, res) => {
    req.resume().on('end', () => res.end('{}'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  bench.onClose(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
