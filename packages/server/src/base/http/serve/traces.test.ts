/** Requests as traces: which are recorded, under whose id, and what the root says. A whole HTTP server, and a collector on a socket. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type OtlpReceiver, startOtlpReceiver } from '../../../testing/otlp-receiver.ts'
import { problem } from '../../errors.ts'
import { createMetrics } from '../../metrics/index.ts'
import { createTracer, spanCounts, type Tracer } from '../../traces/index.ts'
import { proxyCheck } from '../request/address.ts'
import { route, type Serving, serve, stream } from '../testing.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

let collector: OtlpReceiver
let tracer: Tracer
beforeEach(async () => {
  collector = await startOtlpReceiver()
})
afterEach(async () => {
  await tracer.close()
  expect(collector.faults).toEqual([])
  await collector.close()
})

const EMPTY = { tag: 'Test', input: z.object({}), output: z.object({}) }
const OPEN = { ...EMPTY, open: 'a test', quiet: 'a test' }
const ROWS = [
  route({
    ...OPEN,
    name: 'things.read',
    summary: 'Read',
    method: 'GET',
    path: '/things/:id',
    run: async () => ({ data: {} }),
  }),
  route({
    ...OPEN,
    name: 'things.fail',
    summary: 'Fail',
    method: 'POST',
    path: '/fails',
    run: async () => {
      throw new Error('secret text of an error')
    },
  }),
  route({
    ...OPEN,
    name: 'things.busy',
    summary: 'Be busy',
    method: 'GET',
    path: '/busy',
    errors: ['UNAVAILABLE'],
    run: async () => {
      throw problem('UNAVAILABLE')
    },
  }),
  route({
    ...OPEN,
    name: 'things.slow',
    summary: 'Be slow',
    method: 'GET',
    path: '/slow',
    run: async () => {
      await pause(1010)
      return { data: {} }
    },
  }),
  stream({
    open: 'a test',
    quiet: 'a test',
    name: 'things.watch',
    summary: 'Watch',
    path: '/watch',
    input: z.object({}),
    run: async (_call, _input, events) => {
      await pause(1010)
      events.end()
    },
  }),
]

interface TracedOptions {
  share?: number
  trusted?: string[]
  accessLog?: boolean
}

function start({ share = 1, trusted = [], accessLog = false }: TracedOptions = {}): Promise<Serving> {
  return serve(ROWS, {
    config: { accessLog, trustedProxies: trusted },
    tracer: ({ clock, log }) => {
      tracer = createTracer(
        {
          endpoint: collector.url,
          headers: {},
          resource: { 'service.name': 'latchkey' },
          version: '1.2.3',
          share,
          scheme: 'https',
          isTrusted: proxyCheck(trusted),
          clock,
          log,
          patience: { delay: 5 },
        },
        spanCounts(createMetrics()),
      )
      return tracer
    },
  })
}

/** The spans that have arrived when the server has sent everything. */
async function received(): Promise<OtlpReceiver['spans']> {
  // an answer may arrive before the server has noticed that it is sent
  await pause(20)
  await tracer.close()
  return collector.spans
}

describe('a request', () => {
  it('is a root named after its route, and says nothing of its path, its query and its client', async () => {
    const { ask } = await start()
    await ask('/things/usr_secret?token=secret', {
      headers: { 'user-agent': 'secret', referer: 'https://secret.example', 'x-request-id': 'secret' },
    })
    const [root] = await collector.trace('GET /things/:id')
    expect(root).toMatchObject({
      kind: 2,
      flags: 0x101,
      parentSpanId: undefined,
      traceState: undefined,
      error: null,
      attributes: {
        'http.request.method': 'GET',
        'http.route': '/things/:id',
        'http.response.status_code': 400,
        'network.protocol.version': '1.1',
        'url.scheme': 'https',
      },
    })
    expect(JSON.stringify(collector.requests.map(({ body }) => body))).not.toContain('secret')
  })

  it('has the id of its trace as its id, if its client has sent none', async () => {
    const { ask } = await start()
    const { headers } = await ask('/things/1')
    const [root] = await collector.trace('GET /things/:id')
    expect(headers.get('x-request-id')).toBe(`req_${root?.traceId}`)
  })

  it('keeps the id that its client has sent', async () => {
    const { ask } = await start()
    const { headers } = await ask('/things/1', { headers: { 'x-request-id': 'mine' } })
    expect(headers.get('x-request-id')).toBe('mine')
  })

  it('that no row answers is named by its method', async () => {
    const { ask } = await start()
    await ask('/nowhere/secret')
    const [root] = await collector.trace('GET')
    expect(root?.attributes).not.toHaveProperty('http.route')
    expect(root?.attributes).toMatchObject({ 'http.response.status_code': 404 })
  })

  it('with an unknown method is named without it', async () => {
    const { raw } = await start()
    await raw('PROPFIND /things/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    const [root] = await collector.trace('HTTP')
    expect(root?.attributes).toMatchObject({ 'http.request.method': '_OTHER' })
  })

  it('for HEAD is one of the route of GET', async () => {
    const { ask } = await start()
    await ask('/things/1', { method: 'HEAD' })
    await collector.trace('HEAD /things/:id')
  })

  it('is not recorded at a share of 0', async () => {
    const { ask } = await start({ share: 0 })
    await ask('/things/1')
    await ask('/nowhere')
    expect(await received()).toEqual([])
  })

  it('is recorded by the share', async () => {
    const { ask } = await start({ share: 0.5 })
    for (let n = 0; n < 200; n += 1) await ask('/things/1')
    const { length } = await received()
    expect(length).toBeGreaterThan(50)
    expect(length).toBeLessThan(150)
  })
})

describe('a request that was not sampled', () => {
  it.each([
    ['POST', '/fails', 500],
    ['GET', '/busy', 503],
  ])('is recorded if it fails: %s %s', async (method, path, status) => {
    const { ask, logged } = await start({ share: 0 })
    const { headers } = await ask(path, { method })
    const [root, ...others] = await collector.trace(`${method} ${path}`)
    expect(others).toEqual([])
    expect(root).toMatchObject({
      error: String(status),
      flags: 0x100,
      attributes: { 'error.type': String(status), 'latchkey.kept': 'failed' },
    })
    expect(headers.get('x-request-id')).toBe(`req_${root?.traceId}`)
    if (status === 500) expect(logged[0]?.fields).toMatchObject({ trace_id: root?.traceId })
    expect(JSON.stringify(collector.requests)).not.toContain('secret')
  })

  it('is recorded if it takes longer than a second', async () => {
    const { ask } = await start({ share: 0 })
    await ask('/slow')
    const [root] = await collector.trace('GET /slow')
    expect(root?.attributes).toMatchObject({ 'latchkey.kept': 'slow', 'http.response.status_code': 200 })
    expect(Number((root?.ended ?? 0n) - (root?.began ?? 0n))).toBeGreaterThan(1_000_000_000)
  })

  it('is not recorded because its client stays with a stream', async () => {
    const { ask } = await start({ share: 0 })
    await ask('/watch')
    expect(await received()).toEqual([])
  })

  it('is recorded if its client does not wait for a slow answer', async () => {
    const { raw } = await start({ share: 0 })
    await raw('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n', { silence: 1005 })
    const [root] = await collector.trace('GET /slow')
    expect(root?.attributes).toMatchObject({ 'latchkey.kept': 'slow' })
  })
})

describe('traceparent', () => {
  const sent = (flags: string) => ({
    headers: { traceparent: `00-${TRACE}-${SPAN}-${flags}`, tracestate: 'vendor=1' },
  })

  it('of a trusted proxy is the parent', async () => {
    const { ask } = await start({ share: 0, trusted: ['127.0.0.1'] })
    const { headers } = await ask('/things/1', sent('01'))
    const [root] = await received()
    expect(root).toMatchObject({
      traceId: TRACE,
      parentSpanId: SPAN,
      traceState: 'vendor=1',
      flags: 0x301,
      name: 'GET /things/:id',
    })
    // several requests may be of one trace
    expect(headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{32}$/)
    expect(headers.get('x-request-id')).not.toContain(TRACE)
  })

  it('that is not sampled is not recorded, unless the request fails', async () => {
    const { ask } = await start({ share: 1, trusted: ['127.0.0.1'] })
    await ask('/things/1', sent('00'))
    await ask('/busy', sent('00'))
    expect(await received()).toMatchObject([
      { traceId: TRACE, parentSpanId: SPAN, flags: 0x300, name: 'GET /busy' },
    ])
  })

  it('of any other client is ignored, with its flag', async () => {
    const { ask } = await start({ share: 0, trusted: ['10.0.0.0/8'] })
    await ask('/things/1', sent('01'))
    await ask('/things/1', { headers: { ...sent('01').headers, 'x-forwarded-for': '10.1.1.1' } })
    await ask('/busy', sent('01'))
    const spans = await received()
    expect(spans).toMatchObject([{ name: 'GET /busy', parentSpanId: undefined, traceState: undefined }])
    expect(spans[0]?.traceId).not.toBe(TRACE)
  })

  it('sent twice is none', async () => {
    const { raw } = await start({ share: 1, trusted: ['127.0.0.1'] })
    const field = `traceparent: 00-${TRACE}-${SPAN}-01\r\n`
    await raw(`GET /things/1 HTTP/1.1\r\nHost: a\r\n${field}${field}Connection: close\r\n\r\n`)
    const [root] = await collector.trace('GET /things/:id')
    expect(root?.traceId).not.toBe(TRACE)
  })

  it('of a proxy that passes on what its clients send has at most 100 requests a second recorded', async () => {
    const { ask, clock } = await start({ share: 0, trusted: ['127.0.0.1'] })
    const began = Math.floor(clock.ticks() / 1000)
    for (let n = 0; n < 300; n += 1) await ask('/things/1', sent('01'))
    const seconds = Math.floor(clock.ticks() / 1000) - began + 1
    const { length } = await received()
    expect(length).toBeGreaterThanOrEqual(100)
    expect(length).toBeLessThanOrEqual(100 * seconds)
  })
})

describe('the access log', () => {
  it('names the trace of a request that is recorded, and no other', async () => {
    const { ask, logged } = await start({ share: 0, accessLog: true })
    await ask('/things/1')
    await ask('/busy')
    const [root] = await received()
    const entries = logged.filter(({ message }) => message === 'request').map(({ fields }) => fields)
    expect(entries.map(({ trace_id }) => trace_id)).toEqual([undefined, root?.traceId])
  })
})
