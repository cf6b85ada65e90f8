/**
 * Protocol styles: every answer of such a row has the body of the protocol, before and after `run`, for every
 * `Accept`.
 */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ERRORS, type ErrorCode, problem } from '../errors.ts'
import { OAUTH_ERRORS, SCIM_ERRORS } from '../present/index.ts'
import type { Row } from './row/route.ts'
import { download, type HttpResponse, route, serve, signedInAs, stream } from './testing.ts'

const codes = Object.keys(ERRORS) as ErrorCode[]
const Input = z.object({ code: z.string().max(40), as: z.string().optional() })
const open = { open: 'a test', quiet: 'a test', tag: 'Test' } as const

const rowsOf = (style: 'oauth' | 'scim'): Row[] => [
  route({
    ...open, style, name: `${style}.fail`, method: 'POST', path: `/${style}/fail`, summary: 'Fail', input: Input, output: z.null(),
    bodyLimit: 100,
    run: async (_call, { code, as }) => {
      if (code === 'nothing foreseen') throw new Error('the password is hunter2')
      throw problem(code as ErrorCode, { protocolError: as })
    },
  }),
  route({
    ...open, style, name: `${style}.make`, method: 'POST', path: `/${style}/make`, summary: 'Make', status: 201,
    input: z.object({}), output: z.object({ id: z.string() }), run: async () => ({ data: { id: '7', password_hash: 'x' } }),
  }),
  route({
    style, quiet: 'a test', tag: 'Test', name: `${style}.mine`, method: 'POST', path: `/${style}/mine`, summary: 'See mine', needs: 'users:read',
    input: z.object({}), output: z.null(), run: async () => ({ data: null }),
  }),
  route({
    ...open, style, name: `${style}.once`, method: 'GET', path: `/${style}/once`, summary: 'Ask once', limit: { by: 'ip', max: 1, per: '1h' },
    input: z.object({}), output: z.null(), run: async () => ({ data: null }),
  }),
  stream({
    style, quiet: 'a test', name: `${style}.stream`, method: 'GET', path: `/${style}/stream`, summary: 'Follow', needs: 'session',
    input: z.object({}), run: async () => {},
  }),
  download({
    style, quiet: 'a test', tag: 'Test', name: `${style}.file`, path: `/${style}/file`, summary: 'Download', needs: 'session',
    input: z.object({}), output: z.string(), types: ['text/csv'], run: async () => ({ type: 'text/csv', name: 'a.csv', pieces: noPieces() }),
  }),
] // biome-ignore format: a table
async function* noPieces() {}

const rows = [...rowsOf('oauth'), ...rowsOf('scim')]
const server = await serve(rows)
const limited = await serve(rows, { config: { rateLimits: 'standard' } })

const json = { 'content-type': 'application/json', accept: 'application/vnd.latchkey.meta+json' }
const send = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  server.ask(path, {
    method: 'POST',
    headers: { ...json, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

/** Failures before `run`: the status, then the error of each protocol. */
const early: [what: string, ask: (style: string) => Promise<HttpResponse>, number, string, string | undefined][] = [
  ['no credential', (s) => send(`/${s}/mine`, {}), 401, 'invalid_client', undefined],
  ['a bad credential', (s) => send(`/${s}/mine`, {}, { authorization: 'Bearer nonsense' }), 401, 'invalid_token', undefined],
  ['a session that is over', (s) => send(`/${s}/mine`, {}, { authorization: 'Bearer st_old' }), 401, 'invalid_token', undefined],
  ['a permission that is missing', (s) => send(`/${s}/mine`, {}, { authorization: 'Bearer st_ben' }), 403, 'insufficient_scope', undefined],
  ['no CSRF token', (s) => send(`/${s}/mine`, {}, signedInAs('ada')), 403, 'invalid_request', undefined],
  ['an unknown version', (s) => send(`/${s}/make`, {}, { 'x-api-version': 'v9' }), 400, 'invalid_request', 'invalidSyntax'],
  ['broken JSON', (s) => send(`/${s}/fail`, '{"code":'), 400, 'invalid_request', 'invalidSyntax'],
  ['a field that is missing', (s) => send(`/${s}/fail`, {}), 400, 'invalid_request', 'invalidValue'],
  ['a long body', (s) => send(`/${s}/fail`, { code: 'x'.repeat(200) }), 413, 'invalid_request', undefined],
  ['another type', (s) => send(`/${s}/fail`, '<a/>', { 'content-type': 'text/xml' }), 415, 'invalid_request', undefined],
  ['an unforeseen fault', (s) => send(`/${s}/fail`, { code: 'nothing foreseen' }), 500, 'server_error', undefined],
  ['a limit used up', async (s) => { await limited.ask(`/${s}/once`); return limited.ask(`/${s}/once`) }, 429, 'temporarily_unavailable', undefined],
  ['a stream without a credential', (s) => server.ask(`/${s}/stream`), 401, 'invalid_client', undefined],
  ['a file without a credential', (s) => server.ask(`/${s}/file`), 401, 'invalid_client', undefined],
] // biome-ignore format: a table

describe('a row in the style of OAuth', () => {
  it.each(early)('writes failures as in RFC 6749 §5.2: %s', async (_what, ask, status, error) => {
    const answered = await ask('oauth')
    expect([answered.status, answered.json]).toEqual([
      status,
      { error, error_description: expect.any(String) },
    ])
    expect(answered.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect([answered.headers.get('cache-control'), answered.headers.get('pragma')]).toEqual([
      'no-store',
      'no-cache',
    ])
    expect(answered.headers.has('www-authenticate')).toBe(status === 401)
    expect(answered.text).not.toContain('hunter2')
  })

  it.each(codes)('has an error for %s', async (code) => {
    const { status, json: body } = await send('/oauth/fail', { code })
    expect([status, body.error]).toEqual([ERRORS[code].status, OAUTH_ERRORS[code]])
    // RFC 6749 appendices A.7 and A.8
    expect(body.error).toMatch(/^[a-z_]+$/)
    expect(body.error_description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
  })

  it('uses the error that the row names, and describes the invalid field', async () => {
    expect((await send('/oauth/fail', { code: 'BAD_REQUEST', as: 'invalid_grant' })).json.error).toBe(
      'invalid_grant',
    )
    expect((await send('/oauth/fail', {})).json.error_description).toContain('code: ')
  })

  it('writes a success as bare data', async () => {
    const { status, json: body, headers } = await send('/oauth/make', {})
    expect([status, body]).toEqual([201, { id: '7' }])
    expect([headers.get('cache-control'), headers.get('pragma')]).toEqual(['no-store', 'no-cache'])
  })
})

describe('a row in the style of SCIM', () => {
  const schemas = ['urn:ietf:params:scim:api:messages:2.0:Error']

  it.each(early)('writes failures as in RFC 7644 §3.12: %s', async (_what, ask, status, _error, scimType) => {
    const answered = await ask('scim')
    const body = { schemas, status: `${status}`, detail: expect.any(String), ...(scimType && { scimType }) }
    expect([answered.status, answered.json]).toEqual([status, body])
    expect(answered.headers.get('content-type')).toBe('application/scim+json')
    expect(answered.text).not.toContain('hunter2')
  })

  it.each(codes)('writes %s', async (code) => {
    const { status, json: body } = await send('/scim/fail', { code })
    expect([status, body.status, body.scimType]).toEqual([
      ERRORS[code].status,
      `${ERRORS[code].status}`,
      SCIM_ERRORS[code],
    ])
  })

  it('has a scimType only if table 9 has one for the status', () => {
    const known = { invalidValue: 400, invalidSyntax: 400, uniqueness: 409 }
    for (const code of codes) {
      const type = SCIM_ERRORS[code] as keyof typeof known | undefined
      if (type) expect(ERRORS[code].status).toBe(known[type])
    }
  })

  it('uses the error that the row names', async () => {
    const answered = await send('/scim/fail', { code: 'BAD_REQUEST', as: 'invalidFilter' })
    expect(answered.json.scimType).toBe('invalidFilter')
  })

  it('accepts and sends the media type of SCIM', async () => {
    const {
      status,
      json: body,
      headers,
    } = await send('/scim/make', {}, { 'content-type': 'application/scim+json' })
    expect([status, body, headers.get('content-type')]).toEqual([201, { id: '7' }, 'application/scim+json'])
  })
})

describe('the reference', async () => {
  const { json: document } = await server.ask('/api/openapi.json')
  const responses = (style: string) => document.paths[`/${style}/make`].post.responses
  /** Operations share their failures by reference. */
  const failure = (style: string, status: number) =>
    document.components.responses[responses(style)[status].$ref.split('/').pop()]

  it('describes the body of the protocol, not the envelope', () => {
    expect(responses('oauth')['201'].content['application/json'].schema).toMatchObject({
      properties: { id: {} },
      required: ['id'],
    })
    expect(failure('oauth', 429).content['application/json'].schema.allOf).toEqual([
      { $ref: '#/components/schemas/OAuthError' },
      { properties: { error: { examples: ['temporarily_unavailable'] } } },
    ])
    expect(Object.keys(responses('scim')['201'].content)).toEqual(['application/scim+json'])
    expect(failure('scim', 400).content['application/scim+json'].schema.allOf).toEqual([
      { $ref: '#/components/schemas/ScimError' },
      { properties: { scimType: { examples: ['invalidSyntax', 'invalidValue'] } } },
    ])
    expect(document.components.schemas).toMatchObject({
      OAuthError: { required: ['error'] },
      ScimError: { required: ['schemas', 'status'] },
    })
  })
})
