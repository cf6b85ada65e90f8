import { request } from 'node:http'
import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import type { Row } from '../row/route.ts'
import { route, type Serving, serve } from '../testing.ts'

const config = { accessLog: true }
const row = (method: 'GET' | 'POST', path: string, run: () => Promise<{ data: null }>): Row =>
  route({
    name: `test.${method}${path}`,
    method,
    path,
    summary: 'Make',
    open: 'a test',
    quiet: 'a test',
    tag: 'Test',
    lenient: 'a test',
    input: z.object(
      Object.fromEntries([...path.matchAll(/:(\w+)/g)].map(([, name = '']) => [name, z.string()])),
    ),
    output: z.null(),
    run,
  })
const done = async () => ({ data: null })
const rows = [
  row('GET', '/api/v1/things', done),
  row('POST', '/api/v1/auth/attempts/:attempt/password', done),
  row('GET', '/setup/:token', done),
]

const entries = (server: Serving) =>
  server.logged.filter(({ message }) => message === 'request').map(({ fields }) => fields)
/** The entry is written when the answer has left, which the client may notice earlier. */
const written = async (server: Serving, count: number) => {
  await expect.poll(() => entries(server).length).toBe(count)
  return entries(server)
}

describe('the access log', () => {
  it('has an entry for each answer, without the query', async () => {
    const server = await serve(rows, { config })
    await server.ask('/api/v1/things?api_key=hunter2', {
      headers: { authorization: 'Bearer st_ada', 'x-request-id': 'mine' },
    })
    await server.ask('/nowhere')
    await server.ask('/api/v1/things', { method: 'DELETE' })
    await server.ask('/api/v1/things', { method: 'OPTIONS' })
    const found = await written(server, 4)
    expect(found[0]).toEqual({
      method: 'GET',
      path: '/api/v1/things',
      status: 200,
      duration_ms: expect.any(Number),
      bytes: expect.any(Number),
      request_id: 'mine',
      user_id: 'usr_ada',
      client: '127.0.0.1',
    })
    expect(found.map(({ method, status, user_id }) => [method, status, user_id])).toEqual([
      ['GET', 200, 'usr_ada'],
      ['GET', 404, null],
      ['DELETE', 405, null],
      ['OPTIONS', 204, null],
    ])
    expect(JSON.stringify(found)).not.toContain('hunter2')
  })

  it('masks secrets in paths, in any form', async () => {
    const server = await serve(rows, { config })
    const secrets = ['sgn_1.secret', 'short', `${'x'.repeat(43)}`]
    for (const secret of secrets) {
      await server.ask(`/api/v1/auth/attempts/${secret}/password`, { method: 'POST' })
      await server.ask(`/setup/${secret}`)
      await server.ask(`/invitations/${secret}`)
    }
    const paths = (await written(server, 9)).map(({ path }) => path)
    expect(new Set(paths)).toEqual(
      new Set(['/api/v1/auth/attempts/[redacted]/password', '/setup/[redacted]', '/invitations/[redacted]']),
    )
  })

  it('counts the bytes of each answer of a connection, also of pipelined requests', async () => {
    const server = await serve(rows, { config })
    const head = 'GET /api/v1/things HTTP/1.1\r\nhost: a\r\nx-request-id: r\r\n'
    const one = await server.raw(`${head}connection: close\r\n\r\n`)
    const both = await server.raw(`${head}\r\n${head}connection: close\r\n\r\n`)
    const [single, first, second] = await written(server, 3)
    expect(single?.bytes).toBe(one.length)
    expect(Number(first?.bytes) + Number(second?.bytes)).toBe(both.length)
    expect(second?.bytes).toBe(one.length)
  })

  it('has an entry for a request that cannot be read', async () => {
    const server = await serve(rows, { config })
    const answer = await server.raw('nonsense\r\n\r\n')
    expect(await written(server, 1)).toEqual([
      {
        method: null,
        path: null,
        status: 400,
        bytes: answer.length,
        request_id: expect.any(String),
        user_id: null,
        client: '127.0.0.1',
      },
    ])
  })

  it('has an entry for an answer that the client did not wait for', async () => {
    let release: (() => void) | null = null
    const slow = row('GET', '/api/v1/slow', () => new Promise((resolve) => { release = () => resolve({ data: null }) })) // biome-ignore format: it reads as one line
    const server = await serve([slow], { config })
    const client = request({ port: server.port, host: '127.0.0.1', path: '/api/v1/slow' }).on(
      'error',
      () => {},
    )
    client.end()
    const ran = await vi.waitUntil(() => release)
    client.destroy()
    const [entry] = await written(server, 1)
    expect(entry).toMatchObject({ path: '/api/v1/slow', status: null, aborted: true })
    ran()
  })

  it('bounds the length of a path', async () => {
    const server = await serve(rows, { config })
    await server.ask(`/${'a/'.repeat(3000)}`)
    const [entry] = await written(server, 1)
    expect(String(entry?.path).length).toBeLessThan(1100)
  })

  it('is off by default', async () => {
    const server = await serve(rows)
    await server.ask('/api/v1/things')
    expect(entries(server)).toEqual([])
  })
})
