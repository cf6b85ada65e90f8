/** Requests as metrics and traces, at a listening server. */
import { connect } from 'node:net'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { type OtlpReceiver, startOtlpReceiver } from '../../../testing/otlp-receiver.ts'
import { problem } from '../../errors.ts'
import { createMetrics } from '../../metrics/index.ts'
import { createTracer, spanCounts, type Tracer } from '../../traces/index.ts'
import { route, serve } from '../testing.ts'

let begun = 0
const row = (name: string, run: () => Promise<{ data: null }>) =>
  route({
    name: `test.${name}`,
    method: 'GET',
    path: `/api/v1/${name}`,
    summary: 'Test',
    open: 'a test',
    quiet: 'a test',
    tag: 'Test',
    input: z.object({}),
    output: z.null(),
    run,
  })
const rows = [
  row('waiting', () => {
    begun += 1
    return new Promise(() => {})
  }),
  row('failing', () => Promise.reject(problem('UNAVAILABLE'))),
]

it('end with their connection, also those whose answers wait behind another one', async () => {
  const server = await serve(rows)
  const socket = connect(server.port, '127.0.0.1')
  const request = 'GET /api/v1/waiting HTTP/1.1\r\nHost: x\r\n\r\n'
  socket.write(request.repeat(3))
  await expect.poll(() => begun).toBe(3)
  socket.resetAndDestroy()
  await expect
    .poll(() => server.metrics.write(server.clock.now()))
    .toContain('{route="/api/v1/waiting",method="GET",status="aborted"} 3')
  expect(await server.metrics.write(server.clock.now())).toContain(
    'latchkey_http_request_seconds_count{route="/api/v1/waiting"} 3',
  )
})

it('are traced under an id of this server, where a client sends one of the same form', async () => {
  const collector: OtlpReceiver = await startOtlpReceiver()
  let tracer: Tracer | null = null
  const server = await serve(rows, {
    tracer(tools) {
      tracer = createTracer(
        {
          ...tools,
          endpoint: `${collector.url}/`,
          headers: {},
          resource: { 'service.name': 'latchkey' },
          version: '1.2.3',
          share: 0,
          scheme: 'http',
          isTrusted: () => false,
          patience: { delay: 5 },
        },
        spanCounts(createMetrics()),
      )
      return tracer
    },
  })
  try {
    for (const id of ['0'.repeat(32), 'ab'.repeat(16)])
      expect((await server.ask('/api/v1/failing', { headers: { 'x-request-id': `req_${id}` } })).status).toBe(
        503,
      )
    const own = (await server.ask('/api/v1/failing')).headers.get('x-request-id')
    await (tracer as Tracer | null)?.close()
    const ids = collector.spans.map(({ traceId }) => traceId)
    expect(ids).toHaveLength(3)
    expect(ids).not.toContain('ab'.repeat(16))
    expect(ids).toContain(own?.replace('req_', ''))
    // no id of zeros, which a collector refuses with all that came with it
    expect(collector.faults).toEqual([])
  } finally {
    await collector.close()
  }
})
