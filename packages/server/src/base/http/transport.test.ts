/** Strict-Transport-Security on every kind of answer: browsers remember it from the first one they receive. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { PageAnswer, Row } from './row/route.ts'
import { page, route, serve, signedInAs, stream } from './testing.ts'

const open = { quiet: 'a test', summary: 'Test', open: 'a test', input: z.object({}) } as const
const drawn = { page: { props: { children: 'hello' } }, title: 'A page' } as unknown as PageAnswer
const rows: Row[] = [
  page({ ...open, name: 'plain', method: 'GET', path: '/plain', run: async () => drawn }),
  page({ ...open, name: 'away', method: 'GET', path: '/away', run: async () => ({ redirect: '/plain' }) }),
  page({ ...open, name: 'own', method: 'GET', path: '/own', run: async () => ({ document: '<p>', contentSecurityPolicy: "default-src 'none'" }) }),
  route({ ...open, name: 'data', method: 'GET', path: '/api/v1/data', tag: 'Test', output: z.null(), run: async () => ({ data: null }) }),
  route({ ...open, name: 'broken', method: 'GET', path: '/api/v1/broken', tag: 'Test', output: z.null(), run: () => Promise.reject(new Error('broken')) }),
  stream({ ...open, name: 'line', method: 'GET', path: '/api/v1/line', run: async (_call, _input, line) => line.end() }),
] // biome-ignore format: a table
const assets = [{ path: '/assets/a.css', type: 'text/css', body: 'a {}', immutable: true }]

const html = { accept: 'text/html' }
const ASKED: readonly [string, number, string, RequestInit?][] = [
  ['a page', 200, '/plain'],
  ['a document with another policy', 200, '/own'],
  ['an error page', 404, '/nothing', { headers: html }],
  ['an error page for a signed-in user', 404, '/nothing', { headers: { ...html, ...signedInAs('ada') } }],
  ['a redirect', 303, '/away'],
  ['a file', 200, '/assets/a.css'],
  ['the API', 200, '/api/v1/data'],
  ['a failure of the API', 500, '/api/v1/broken'],
  ['what is not there', 404, '/api/v1/nothing'],
  ['a method that is not allowed', 405, '/api/v1/data', { method: 'PUT' }],
  ['a preflight', 204, '/api/v1/data', { method: 'OPTIONS' }],
  ['a stream', 200, '/api/v1/line'],
  ['health', 200, '/healthz'],
]

const secure = await serve(rows, { assets, config: { publicUrl: 'https://id.example.com' } })
const plain = await serve(rows, { assets })

describe('if the public URL is https, Strict-Transport-Security is in the answer with', () => {
  it.each(ASKED)('%s', async (_, status, path, init) => {
    const answer = await secure.ask(path, init)
    expect([answer.status, answer.headers.get('strict-transport-security')]).toEqual([
      status,
      'max-age=31536000',
    ])
  })

  it('an unchanged file', async () => {
    const { headers } = await secure.ask('/assets/a.css')
    const again = await secure.ask('/assets/a.css', {
      headers: { 'if-none-match': headers.get('etag') ?? '' },
    })
    expect([again.status, again.headers.get('strict-transport-security')]).toEqual([304, 'max-age=31536000'])
  })

  it('a connection without a readable request', async () => {
    const text = await secure.raw('nonsense\r\n\r\n')
    expect(text).toMatch(/^HTTP\/1\.1 400 .*\r\n/)
    expect(text.split('\r\n')).toContain('strict-transport-security: max-age=31536000')
  })
})

describe('if it is not https, the header is absent from', () => {
  it.each(ASKED)('%s', async (_, status, path, init) => {
    const answer = await plain.ask(path, init)
    expect([answer.status, answer.headers.has('strict-transport-security')]).toEqual([status, false])
  })

  it('a connection without a readable request', async () => {
    expect(await plain.raw('nonsense\r\n\r\n')).not.toContain('strict-transport')
  })
})
