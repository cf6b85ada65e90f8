import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { problem } from '../errors.ts'
import type { Row } from './row/route.ts'
import { route, serve, signedInAs } from './testing.ts'

const open = { open: 'a test', quiet: 'a test', tag: 'Test', method: 'GET', input: z.object({}) } as const
const Thing = z
  .object({ id: z.string(), view: z.string().nullable(), at: z.date().optional() })
  .meta({ id: 'Thing' })

const rows: Row[] = [
  route({
    ...open, name: 'thing', path: '/api/v1/things/:id', summary: 'Get a thing',
    input: z.object({ id: z.string(), view: z.string().optional() }),
    output: Thing.nullable(),
    run: async (_call, { id, view }) => ({ data: id === 'none' ? null : { id, view: view ?? null, at: new Date(0), password_hash: 'x' } }),
  }),
  route({
    ...open, name: 'either', path: '/api/v1/either', summary: 'Get one of two',
    output: z.union([z.object({ a: z.string() }), z.object({ b: Thing })]),
    run: async () => ({ data: { b: { id: '1', view: null, password_hash: 'x' }, password_hash: 'x' } }),
  }),
  route({
    ...open, name: 'list', path: '/api/v1/list', summary: 'List things', input: z.object({ limit: z.string().optional(), cursor: z.string().optional() }),
    output: z.array(Thing),
    run: async () => ({ data: [{ id: 'a', view: '"' }], nextCursor: 'c/1', status: 200, message: 'All “of” them.' }),
  }),
  route({
    ...open, name: 'made', path: '/api/v1/made', summary: 'Make a thing', output: z.null(), status: 201,
    run: async () => ({ data: null, cookies: [{ name: 'device', value: 'abc', maxAgeSeconds: 60 }, { name: 'attempt', value: null }], headers: { 'x-auth-user': 'ada' } }),
  }),
  route({
    ...open, name: 'broken', path: '/api/v1/broken', summary: 'Break', output: z.null(),
    run: async () => {
      throw new Error('the password is hunter2')
    },
  }),
  route({
    ...open, name: 'unreachable', path: '/api/v1/unreachable', summary: 'Lose the database', output: z.null(),
    run: async () => {
      throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
    },
  }),
  route({
    ...open, name: 'misshapen', path: '/api/v1/misshapen', summary: 'Answer wrongly', output: z.object({ n: z.number() }),
    run: async () => ({ data: { n: 'one' as unknown as number } }),
  }),
  route({
    ...open, name: 'locked', path: '/api/v1/locked', summary: 'Be locked', output: z.null(),
    run: async () => {
      throw problem('ACCOUNT_LOCKED', { details: { lockout_duration: 900 }, retryAfter: 899.2 })
    },
  }),
  route({
    ...open, name: 'short', path: '/api/v1/short', summary: 'Be too short', input: z.object({ name: z.string().min(3) }), output: z.null(),
    run: async () => ({ data: null }),
  }),
  route({
    tag: 'Test', quiet: 'a test', name: 'mine', method: 'GET', path: '/api/v1/mine', summary: 'See mine', needs: 'session',
    input: z.object({}), output: z.object({ who: z.string() }),
    run: async (call) => ({ data: { who: call.principal?.username ?? '' } }),
  }),
] // biome-ignore format: a table

const server = await serve(rows)
const accept = (style: string) => ({ headers: { accept: `application/vnd.latchkey.${style}+json` } })

describe('the standard envelope', () => {
  it('wraps a success and has only the necessary headers', async () => {
    const { status, json, headers } = await server.ask('/api/v1/things/7?view=x', {
      headers: { 'x-request-id': 'abc-1' },
    })
    expect(status).toBe(200)
    expect(json).toEqual({
      success: true,
      code: 200,
      message: 'Get a thing.',
      data: { id: '7', view: 'x', at: '1970-01-01T00:00:00.000Z' },
      request_id: 'abc-1',
      version: '1.0',
      metadata: { timestamp: expect.stringMatching(/^\d{4}-.*Z$/), version: 'v1', request_id: 'abc-1' },
    })
    expect([...headers.keys()].sort()).toEqual([
      'cache-control',
      'connection',
      'content-length',
      'content-type',
      'date',
      'keep-alive',
      'x-content-type-options',
      'x-request-id',
    ])
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8')
  })

  it('wraps a failure, with Retry-After if waiting helps', async () => {
    const { status, json, headers } = await server.ask('/api/v1/locked')
    expect(status).toBe(423)
    expect(json).toMatchObject({
      success: false,
      code: 423,
      message: 'Too many failed attempts. Try again later.',
      error: {
        code: 'ACCOUNT_LOCKED',
        type: 'AUTHENTICATION_ERROR',
        message: 'Too many failed attempts. Try again later.',
        details: { lockout_duration: 900 },
      },
      version: '1.0',
    })
    expect(json.metadata.request_id).toBe(json.request_id)
    expect(headers.get('retry-after')).toBe('900')
  })

  it('has the cursor of the next page in the metadata', async () => {
    const { json, headers } = await server.ask('/api/v1/list?limit=1')
    expect(json.metadata.next_cursor).toBe('c/1')
    expect(json.message).toBe('All “of” them.')
    expect(headers.get('link')).toBeNull()
  })
})

describe('the other styles', () => {
  it('meta', async () => {
    const good = (await server.ask('/api/v1/list', accept('meta'))).json
    expect(Object.keys(good)).toEqual(['version', 'success', 'code', 'message', 'request_id', 'data', 'meta'])
    expect(good).toMatchObject({ version: '1.0', success: true, code: 200, meta: { next_cursor: 'c/1' } })
    const bad = (await server.ask('/api/v1/locked', accept('meta'))).json
    expect(bad).toEqual({
      version: '1.0',
      success: false,
      code: 423,
      message: 'Too many failed attempts. Try again later.',
      request_id: expect.stringMatching(/^req_[0-9a-f]{32}$/),
      error: { code: 'ACCOUNT_LOCKED', type: 'AUTHENTICATION_ERROR', details: { lockout_duration: 900 } },
    })
    expect((await server.ask('/api/v1/short?name=ab&x=1', accept('meta'))).json.error).toEqual({
      code: 'VALIDATION_ERROR',
      type: 'VALIDATION_ERROR',
      details: {
        name: ['Must have at least 3 characters.'],
        x: ['Is not a known query parameter. Known are: name.'],
      },
    })
    expect((await server.ask('/nothing', accept('meta'))).json.error).toEqual({
      code: 'NOT_FOUND',
      type: 'NOT_FOUND',
      details: {},
    })
  })

  it('errors', async () => {
    const { json, headers } = await server.ask('/api/v1/list?limit=2&cursor=old', accept('errors'))
    expect(json).toEqual({ errors: null, status_code: 200, value: [{ id: 'a', view: '"' }] })
    expect(headers.get('link')).toBe('</api/v1/list?limit=2&cursor=c%2F1>; rel="next"')
    expect((await server.ask('/api/v1/locked', accept('errors'))).json).toEqual({
      errors: {
        error: 'Too many failed attempts. Try again later.',
        code: 'ACCOUNT_LOCKED',
        details: { lockout_duration: 900 },
      },
      status_code: 423,
      value: null,
    })
    expect((await server.ask('/nothing', accept('errors'))).json).toEqual({
      errors: { error: 'There is nothing here.' },
      status_code: 404,
      value: null,
    })
  })

  it('detail', async () => {
    expect((await server.ask('/api/v1/things/none', accept('detail'))).json).toBeNull()
    expect((await server.ask('/api/v1/things/7', accept('detail'))).json).toMatchObject({ id: '7' })
    expect((await server.ask('/api/v1/short?name=ab', accept('detail'))).json).toEqual({
      detail: 'Some fields are not valid. (name: Must have at least 3 characters.)',
      code: 'VALIDATION_ERROR',
      details: [
        { field: 'name', code: 'too_short', message: 'Must have at least 3 characters.', params: { min: 3 } },
      ],
    })
    expect((await server.ask('/nothing', accept('detail'))).json).toEqual({
      detail: 'There is nothing here.',
    })
  })

  it('problem, by either of its media types', async () => {
    for (const headers of [accept('problem').headers, { accept: 'application/problem+json' }]) {
      const answered = await server.ask('/api/v1/short?name=ab', { headers })
      expect(answered.headers.get('content-type')).toBe('application/problem+json')
      expect(answered.json).toEqual({
        type: 'http://127.0.0.1:4000/api/docs#VALIDATION_ERROR',
        title: 'Some fields are not valid.',
        status: 400,
        detail: 'Some fields are not valid.',
        code: 'VALIDATION_ERROR',
        request_id: answered.headers.get('x-request-id'),
        details: [
          {
            field: 'name',
            code: 'too_short',
            message: 'Must have at least 3 characters.',
            params: { min: 3 },
          },
        ],
      })
    }
    expect((await server.ask('/api/v1/things/7', accept('problem'))).json).toMatchObject({ id: '7' })
  })

  it('are selected by weight; unknown ones get the default', async () => {
    const of = async (text: string) =>
      (await server.ask('/api/v1/things/7', { headers: { accept: text } })).json
    expect(
      await of('application/vnd.latchkey.detail+json;q=0.1, application/vnd.latchkey.errors+json;q=0.9'),
    ).toHaveProperty('status_code')
    expect(await of('application/vnd.latchkey.errors+json;q=0, text/html')).toHaveProperty('success')
    expect(await of('application/vnd.latchkey.errors+json;q=high')).toHaveProperty('success')
    expect(await of('application/vnd.latchkey.nonsense+json')).toHaveProperty('success')
    expect(await of(`${'application/x+json,'.repeat(500)}*/*`)).toHaveProperty('success')
  })

  it('have a default in the settings', async () => {
    const bare = await serve(rows, { config: { envelope: 'detail' } })
    expect((await bare.ask('/api/v1/locked')).json).toEqual({
      detail: 'Too many failed attempts. Try again later.',
      code: 'ACCOUNT_LOCKED',
      details: { lockout_duration: 900 },
    })
    expect((await bare.ask('/api/v1/locked', accept('standard'))).json).toHaveProperty('success', false)
  })
})

describe('an answer', () => {
  it('has only declared fields, also in schemas with alternatives', async () => {
    expect((await server.ask('/api/v1/things/7')).json.data).not.toHaveProperty('password_hash')
    const { json } = await server.ask('/api/v1/either')
    expect(json.data).toEqual({ b: { id: '1', view: null } })
  })

  it('has the status, cookies and headers of the row', async () => {
    const { status, headers, json } = await server.ask('/api/v1/made')
    expect(status).toBe(201)
    expect(json.code).toBe(201)
    expect(headers.getSetCookie()).toEqual([
      'lk_device=abc; Max-Age=60; Path=/; HttpOnly; SameSite=Lax',
      'lk_attempt=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax',
    ])
    expect(headers.get('x-auth-user')).toBe('ada')
    expect(headers.get('cache-control')).toBe('no-store')
  })

  it('has Secure cookies with the __Host- prefix under https', async () => {
    const secure = await serve(rows, { config: { publicUrl: 'https://id.example.com' } })
    const [device] = (await secure.ask('/api/v1/made')).headers.getSetCookie()
    expect(device).toBe('__Host-lk_device=abc; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Lax')
  })

  it('never shows an unexpected error, which is logged with the request id', async () => {
    const { status, text, json } = await server.ask('/api/v1/broken')
    expect(status).toBe(500)
    expect(text).not.toContain('hunter2')
    expect(json.error.code).toBe('INTERNAL_ERROR')
    expect(server.logged.at(-1)).toMatchObject({
      level: 'error',
      fields: { request_id: json.request_id, route: 'broken' },
    })
  })

  it('is 503 with Retry-After while the database is unreachable', async () => {
    const { status, headers, json } = await server.ask('/api/v1/unreachable')
    expect(status).toBe(503)
    expect(json.error.code).toBe('UNAVAILABLE')
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
  })

  it('that does not match its schema is an error outside production', async () => {
    expect((await server.ask('/api/v1/misshapen')).status).toBe(500)
    expect(server.logged.at(-1)?.fields.err).toMatchObject({ message: expect.stringContaining('misshapen') })
  })
})

describe('the request id', () => {
  it('of the caller is kept if it is valid', async () => {
    for (const id of ['a', 'A1._-', 'x'.repeat(128)]) {
      expect(
        (await server.ask('/api/v1/things/7', { headers: { 'x-request-id': id } })).headers.get(
          'x-request-id',
        ),
      ).toBe(id)
    }
  })

  it('is generated otherwise', async () => {
    for (const id of ['', 'a b', '"}', 'x'.repeat(129), '<script>']) {
      const { headers } = await server.ask('/api/v1/things/7', { headers: { 'x-request-id': id } })
      expect(headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{32}$/)
    }
  })
})

describe('the version', () => {
  it('v1 is returned', async () => {
    const { status, headers } = await server.ask('/api/v1/things/7', { headers: { 'x-api-version': 'v1' } })
    expect([status, headers.get('x-api-version')]).toEqual([200, 'v1'])
  })

  it('any other is a 400', async () => {
    for (const version of ['v2', '1', 'V1', '']) {
      const { status, json } = await server.ask('/api/v1/things/7', { headers: { 'x-api-version': version } })
      expect([status, json.error.code]).toEqual([400, 'BAD_REQUEST'])
    }
  })
})

describe('methods and paths', () => {
  it('an unknown path is 404 in the envelope', async () => {
    for (const path of ['/api/v1/nothing', '/api/v1/things', '/api/v1/things/', '/API/v1/list', '/nothing']) {
      const { status, json } = await server.ask(path)
      expect([path, status, json.error.code]).toEqual([path, 404, 'NOT_FOUND'])
    }
  })

  it('an unknown path is an HTML page for a browser, outside the API', async () => {
    const html = { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } }
    const page = await server.ask('/nothing', html)
    expect(page.status).toBe(404)
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(page.text).toContain('NOT_FOUND')
    expect((await server.ask('/api/v1/nothing', html)).json.error.code).toBe('NOT_FOUND')
  })

  it('a known path with another method is 405 and lists the allowed methods', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const { status, json, headers } = await server.ask('/api/v1/list', { method })
      expect([status, json.error.code, headers.get('allow')]).toEqual([
        405,
        'METHOD_NOT_ALLOWED',
        'GET, HEAD, OPTIONS',
      ])
    }
  })

  it('HEAD has the answer of GET without the body', async () => {
    const get = await server.ask('/api/v1/list')
    const head = await server.ask('/api/v1/list', { method: 'HEAD' })
    expect(head.status).toBe(200)
    expect(head.text).toBe('')
    expect(Number(head.headers.get('content-length'))).toBe(Buffer.byteLength(get.text))
  })

  it('a signed-in caller is answered', async () => {
    expect((await server.ask('/api/v1/mine', { headers: signedInAs('ada') })).json.data).toEqual({
      who: 'ada',
    })
  })
})

describe('health', () => {
  it('is alive without any check', async () => {
    for (const path of ['/healthz', '/api/health']) {
      expect((await server.ask(path)).json).toMatchObject({ success: true, data: { status: 'ok' } })
    }
  })

  it('is ready if all checks pass', async () => {
    expect((await server.ask('/readyz')).json.data).toEqual({ status: 'ready', checks: { database: true } })
  })

  it('is 503 with the failed check otherwise', async () => {
    const ready = async () => ({ ready: false, checks: { database: true, migrations: false } })
    const { status, json, headers } = await (await serve([], { ready })).ask('/readyz')
    expect(status).toBe(503)
    expect(json.error).toMatchObject({ code: 'UNAVAILABLE', details: { checks: { migrations: false } } })
    expect(headers.has('retry-after')).toBe(true)
  })
})
