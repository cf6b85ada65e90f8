import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Row } from '../row/route.ts'
import { route, serve } from '../testing.ts'

const rows: Row[] = [
  route({
    name: 'open', path: '/api/v1/open', method: 'GET', open: 'a test', quiet: 'a test', tag: 'Test', summary: 'Test',
    input: z.object({}), output: z.null(), run: async () => ({ data: null }),
  }),
  route({
    name: 'change', path: '/api/v1/open', method: 'PATCH', open: 'a test', quiet: 'a test', tag: 'Test', summary: 'Test',
    input: z.object({}), output: z.null(), run: async () => ({ data: null }),
  }),
] // biome-ignore format: a table
const server = await serve(rows, { config: { corsOrigins: ['https://app.example'] } })
const from = (origin: string, more: RequestInit = {}) =>
  server.ask('/api/v1/open', { ...more, headers: { origin, ...(more.headers as Record<string, string>) } })
const names = (headers: Headers) => [...headers.keys()].filter((name) => name.startsWith('access-control'))

describe('cross-origin callers', () => {
  it('of the list may read, with credentials', async () => {
    const { headers } = await from('https://app.example')
    expect(headers.get('access-control-allow-origin')).toBe('https://app.example')
    expect(headers.get('access-control-allow-credentials')).toBe('true')
    expect(headers.get('access-control-expose-headers')).toContain('x-request-id')
    expect(headers.get('vary')).toBe('Origin')
  })

  it('of the list may read failures too', async () => {
    const { headers } = await server.ask('/api/v1/nothing', { headers: { origin: 'https://app.example' } })
    expect(headers.get('access-control-allow-origin')).toBe('https://app.example')
  })

  it('of other origins get no headers, however similar the origin', async () => {
    for (const origin of [
      'https://evil.example',
      'https://app.example.evil',
      'http://app.example',
      'https://APP.example',
      'null',
      'https://app.example:443',
    ]) {
      const { headers } = await from(origin)
      expect([origin, names(headers), headers.get('vary')]).toEqual([origin, [], 'Origin'])
    }
  })

  it('may send a preflight request', async () => {
    const asked = { method: 'OPTIONS', headers: { 'access-control-request-method': 'PATCH' } }
    const good = await from('https://app.example', asked)
    expect(good.status).toBe(204)
    expect(good.text).toBe('')
    expect(good.headers.get('access-control-allow-methods')).toBe('GET, HEAD, PATCH, OPTIONS')
    expect(good.headers.get('access-control-allow-headers')).toContain('x-csrftoken')
    const bad = await from('https://evil.example', asked)
    expect([bad.status, names(bad.headers)]).toEqual([204, []])
  })

  it('of the same origin get no CORS header', async () => {
    const { headers } = await server.ask('/api/v1/open')
    expect([names(headers), headers.has('vary')]).toEqual([[], false])
  })
})
