/** Endpoints of OAuth: how parameters are read, what is refused, and that nothing of a browser counts there. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { problem } from '../../errors.ts'
import { protocol, serve, signedInAs } from '../testing.ts'

const open = { open: 'a test', quiet: 'a test' } as const
const Input = z.object({
  name: z.string().max(20_000).optional(),
  resource: z.array(z.string()).optional(),
})
const Output = z.object({
  name: z.string().nullable(),
  resource: z.array(z.string()),
  authorization: z.string().nullable(),
  dpop: z.string().nullable(),
  isSignedIn: z.boolean(),
})
const echo = (method: 'GET' | 'POST') =>
  protocol({
    ...open, method, name: `echo.${method}`, path: '/oidc/echo', summary: 'Echo', input: Input, output: Output, repeats: ['resource'],
    run: async (call, { name = null, resource = [] }, { authorization, dpop }) => ({
      data: { name, resource, authorization, dpop, isSignedIn: call.principal !== null },
    }),
  }) // biome-ignore format: a table

const server = await serve([
  echo('GET'),
  echo('POST'),
  protocol({
    ...open, method: 'POST', name: 'nothing', path: '/oidc/nothing', summary: 'Answer nothing', input: z.object({}), output: z.null(),
    run: async () => ({ data: null }),
  }),
  protocol({
    ...open, method: 'POST', name: 'json', path: '/oidc/json', summary: 'Take JSON', takesJson: true, status: 201,
    input: z.looseObject({ redirect_uris: z.array(z.string()) }), output: z.looseObject({}),
    run: async (_call, input) => ({ data: input }),
  }),
  protocol({
    ...open, method: 'POST', name: 'refuse', path: '/oidc/refuse', summary: 'Refuse', input: z.object({}), output: z.null(),
    run: async () => {
      throw problem('AUTHENTICATION_FAILED', {
        message: 'No client has this "secret".',
        protocolError: 'invalid_client',
        headers: { 'www-authenticate': 'Basic realm="latchkey"', 'dpop-nonce': 'n1' },
      })
    },
  }),
]) // biome-ignore format: a table

const FORM = 'application/x-www-form-urlencoded'
const post = (path: string, body: string, headers: Record<string, string> = {}) =>
  server.ask(path, { method: 'POST', body, headers: { 'content-type': FORM, ...headers } })

describe('parameters of a protocol', () => {
  it('are those of the form, or of the query of a GET; unknown ones and empty ones count for nothing', async () => {
    const { json, headers } = await post('/oidc/echo?name=query', 'name=ada%20l&extra=1&resource=')
    expect(json).toMatchObject({ name: 'ada l', resource: [] })
    expect(headers.get('cache-control')).toBe('no-store')
    expect((await server.ask('/oidc/echo?name=ada&extra=1')).json).toMatchObject({ name: 'ada' })
    expect((await post('/oidc/echo', 'name=')).json).toMatchObject({ name: null })
  })

  it('may repeat where the protocol says so, and nowhere else', async () => {
    expect((await post('/oidc/echo', 'resource=a&resource=b')).json).toMatchObject({ resource: ['a', 'b'] })
    for (const refused of [
      await post('/oidc/echo', 'name=a&name=a'),
      await post('/oidc/echo', 'extra=a&extra=b'),
      await server.ask('/oidc/echo?name=a&name=b'),
    ]) {
      expect(refused.status).toBe(400)
      expect(refused.json.error).toBe('invalid_request')
    }
  })

  it('have at most 8,192 characters each', async () => {
    expect((await post('/oidc/echo', `name=${'x'.repeat(8192)}`)).json.name).toHaveLength(8192)
    for (const body of [
      `name=${'x'.repeat(8193)}`,
      `extra=${'x'.repeat(8193)}`,
      `resource=${'x'.repeat(8193)}`,
    ]) {
      const { status, json } = await post('/oidc/echo', body)
      expect([status, json.error]).toEqual([400, 'invalid_request'])
    }
  })

  it.each([
    ['JSON for a form', '/oidc/echo', '{"name":"a"}', 'application/json', 415],
    ['a form for JSON', '/oidc/json', 'redirect_uris=a', FORM, 415],
    ['broken encoding', '/oidc/echo', 'name=%zz', FORM, 400],
    ['NUL', '/oidc/echo', 'name=%00', FORM, 400],
    ['an inherited name', '/oidc/echo', '__proto__=a', FORM, 400],
    ['too much', '/oidc/echo', `name=${'x'.repeat(70_000)}`, FORM, 413],
  ])('are refused in the words of the protocol: %s', async (_what, path, body, type, status) => {
    const refused = await post(path, body, { 'content-type': type })
    expect(refused.status).toBe(status)
    expect(refused.json.error).toBe('invalid_request')
    expect(refused.json.error_description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
  })

  it('are JSON where the protocol says so', async () => {
    const { status, json } = await post('/oidc/json', '{"redirect_uris":["https://a.test/"],"x":1}', {
      'content-type': 'application/json',
    })
    expect([status, json]).toEqual([201, { redirect_uris: ['https://a.test/'], x: 1 }])
  })
})

describe('an endpoint of a protocol', () => {
  it('answers nothing where it has nothing to say', async () => {
    const { status, text, headers } = await post('/oidc/nothing', '')
    expect([status, text, headers.get('content-type')]).toEqual([200, '', null])
  })

  it('names the scheme and the nonce of a refusal, in the characters of RFC 6749 §5.2', async () => {
    const { status, json, headers } = await post('/oidc/refuse', '')
    expect(status).toBe(401)
    expect(json).toEqual({ error: 'invalid_client', error_description: "No client has this 'secret'." })
    expect(headers.get('www-authenticate')).toBe('Basic realm="latchkey"')
    expect(headers.get('dpop-nonce')).toBe('n1')
  })

  it('takes no session of the browser, and no credential of the API, for the caller', async () => {
    const byCookie = await post('/oidc/echo', '', { ...signedInAs('ada'), 'sec-fetch-site': 'cross-site' })
    expect(byCookie.json).toMatchObject({ isSignedIn: false, authorization: null })
    const byBearer = await post('/oidc/echo', '', { authorization: 'Bearer st_ada', dpop: 'a.b.c' })
    expect(byBearer.json).toMatchObject({ isSignedIn: false, authorization: 'Bearer st_ada', dpop: 'a.b.c' })
  })

  it('may be requested by scripts of every origin, without cookies', async () => {
    const origin = 'https://app.example'
    const answered = await post('/oidc/echo', '', { origin })
    expect(answered.headers.get('access-control-allow-origin')).toBe('*')
    expect(answered.headers.get('access-control-allow-credentials')).toBeNull()
    const preflight = await server.ask('/oidc/echo', {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
    expect(preflight.headers.get('access-control-allow-methods')).toBe('GET, HEAD, POST, OPTIONS')
    expect(preflight.headers.get('access-control-allow-headers')).toContain('dpop')
    expect(preflight.headers.get('access-control-allow-credentials')).toBeNull()
  })

  it.each(['authorization', 'dpop'])('refuses a second field %s', async (name) => {
    const text = await server.raw(
      `POST /oidc/echo HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n${name}: a\r\n${name}: b\r\nconnection: close\r\n\r\n`,
    )
    expect(text).toMatch(/^HTTP\/1.1 400 /)
    expect(text).toContain(`"error":"${name === 'dpop' ? 'invalid_dpop_proof' : 'invalid_request'}"`)
  })

  it('has the methods that it has', async () => {
    const { status, headers } = await server.ask('/oidc/nothing', { method: 'DELETE' })
    expect([status, headers.get('allow')]).toEqual([405, 'POST, OPTIONS'])
  })
})
