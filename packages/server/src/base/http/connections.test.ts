/** Requests without an unambiguous Host, and clients that are slow to send theirs. */
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { BOUNDS, makeServer } from './serve/server.ts'
import { page, route, serve } from './testing.ts'

const open = { summary: 'Test', open: 'a test', quiet: 'a test', input: z.object({}) } as const
const server = await serve(
  [
    route({ ...open, name: 'echo', method: 'POST', path: '/api/v1/echo', tag: 'Test', output: z.null(), run: async () => ({ data: null }) }),
    page({ ...open, name: 'public', method: 'GET', path: '/public/page', run: async () => ({ redirect: '/public/done' }) }),
  ],
  { bounds: { headersTimeout: 400, requestTimeout: 800 } },
) // biome-ignore format: a table

describe('a connection', () => {
  it.each([
    ['none', ''],
    ['two', 'Host: a.example\r\nHost: b.example\r\n'],
    ['two of one value', 'Host: a.example\r\nhOST: a.example\r\n'],
    ['a list', 'Host: a.example, b.example\r\n'],
    ['one with a path', 'Host: a.example/x\r\n'],
    ['one with a user', 'Host: a@b.example\r\n'],
  ])('a request with %s for its Host is 400 in the envelope, at every path', async (_what, lines) => {
    for (const start of [
      'GET /healthz',
      'GET /public/page',
      'GET /api/openapi.json',
      'GET /nothing',
      'OPTIONS /healthz',
      'PUT /healthz',
    ]) {
      const answer = await server.raw(`${start} HTTP/1.1\r\n${lines}Connection: close\r\n\r\n`)
      expect(answer, start).toMatch(/^HTTP\/1.1 400 /)
      expect(answer, start).toContain('"code":"BAD_REQUEST"')
    }
  })

  it('a Host may be a name, an address, or empty, and HTTP/1.0 needs none', async () => {
    for (const host of ['a.example', 'A_b.example:4000', '[::1]:4000', '127.0.0.1', ''])
      expect(await server.raw(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).toMatch(
        /^HTTP\/1.1 200 /,
      )
    expect(await server.raw('GET /healthz HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 200 /)
  })

  it('half a header ends after 10 seconds, half a request after 30', () => {
    expect([BOUNDS.headersTimeout, BOUNDS.requestTimeout]).toEqual([10_000, 30_000])
    const listening = makeServer(BOUNDS, { route: () => {}, refuse: () => {}, raw: () => '' })
    expect([listening.headersTimeout, listening.requestTimeout]).toEqual([10_000, 30_000])
    // the longest time by which node may notice it late
    expect(Reflect.get(listening, 'connectionsCheckingInterval') ?? 500).toBeLessThanOrEqual(1_000)
  })

  it('a client that keeps sending its header, and its side of the connection open, is disconnected', async () => {
    const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true })
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk
    })
    socket.on('error', () => {})
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n')
    const trickle = setInterval(() => socket.writable && socket.write('X-A: b\r\n'), 50)
    await new Promise((closed) => socket.once('close', closed))
    clearInterval(trickle)
    expect(received).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/)
  })

  it('slow headers and slow bodies are 408 in the envelope', async () => {
    const slow = await server.raw('GET /healthz HTTP/1.1\r\nHost: x\r\n', { silence: 3000 })
    expect(slow).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/)
    expect(slow).toContain('"code":"REQUEST_TIMEOUT"')
    const body = await server.raw(
      'POST /api/v1/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{',
      { silence: 4000 },
    )
    expect(body).toMatch(/^HTTP\/1.1 408 /)
  })
})
