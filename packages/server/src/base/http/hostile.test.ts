import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { parseJson } from './request/json.ts'
import type { Row } from './row/route.ts'
import { page, route, serve, signedInAs } from './testing.ts'

const rows: Row[] = [
  route({
    name: 'echo', method: 'POST', path: '/api/v1/echo', summary: 'Say it back', open: 'a test', quiet: 'a test', tag: 'Test',
    input: z.object({ text: z.string().optional(), deep: z.unknown().optional(), list: z.array(z.object({ name: z.string() })).optional() }),
    output: z.object({ text: z.string().nullable() }),
    run: async (_call, { text }) => ({ data: { text: text ?? null } }),
  }),
  route({
    name: 'search', method: 'GET', path: '/api/v1/users/:id', summary: 'Search', open: 'a test', quiet: 'a test', tag: 'Test',
    input: z.object({ id: z.string(), q: z.string().optional(), constructor: z.string().optional() }),
    output: z.object({ id: z.string(), q: z.string().nullable() }),
    run: async (_call, { id, q }) => ({ data: { id, q: q ?? null } }),
  }),
  route({
    name: 'admin', method: 'GET', path: '/admin', summary: 'Administer', needs: 'system:admin', quiet: 'a test', tag: 'Test',
    input: z.object({}), output: z.null(), run: async () => ({ data: null }),
  }),
  page({
    name: 'public', method: 'GET', path: '/public/page', summary: 'Read', open: 'a test', quiet: 'a test',
    input: z.object({}), run: async () => ({ redirect: '/public/done' }),
  }),
] // biome-ignore format: a table

const server = await serve(rows)

const post = (body: string | Buffer, type = 'application/json', more: Record<string, string> = {}) =>
  server.ask('/api/v1/echo', {
    method: 'POST',
    headers: { 'content-type': type, ...more },
    body: body as BodyInit,
  })
const codeOf = async (asked: ReturnType<typeof post>) => {
  const { status, json } = await asked
  return [status, json.error?.code ?? 'ok']
}
const BAD = [400, 'BAD_REQUEST']

describe('a JSON body', () => {
  it('must be JSON, and an object', async () => {
    for (const body of [
      '{',
      '{"a":1}}',
      'text',
      '[]',
      'null',
      '"x"',
      '1',
      '{"text":"a" "b":1}',
      "{'text':'a'}",
      '{"text":"a",}',
    ]) {
      expect([body, ...(await codeOf(post(body)))]).toEqual([body, ...BAD])
    }
  })

  it('has no duplicate names, at any level and in any spelling', async () => {
    const twice = [
      ['{"text":"a","text":"b"}', 'text'],
      ['{"text":"a","te\\u0078t":"b"}', 'text'],
      ['{"deep":{"a":1,"b":{},"a":2}}', 'deep.a'],
      ['{"deep":[{"x":1},{"y":"}","y":2}]}', 'deep.y'],
      ['{"deep":{"a\\"":1,"a\\"":2}}', 'deep.a"'],
    ] as const
    for (const [body, field] of twice) {
      const { status, json } = await post(body)
      expect([status, json.error.code, json.error.details[0]]).toMatchObject([
        ...BAD,
        { field, code: 'duplicate' },
      ])
    }
    expect(await codeOf(post('{"deep":[{"x":1},{"x":2},"x","x",{"x":{"x":"\\"x\\",\\"x\\":"}}]}'))).toEqual([
      200,
      'ok',
    ])
  })

  it('is not deeper than 32 levels', async () => {
    const nested = (levels: number) => `{"deep":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`
    expect(await codeOf(post(nested(32)))).toEqual([200, 'ok'])
    expect(await codeOf(post(nested(33)))).toEqual(BAD)
    expect(await codeOf(post(`{"deep":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}`))).toEqual(BAD)
    expect(await codeOf(post('['.repeat(60_000)))).toEqual(BAD)
  })

  it('is parsed as fast with a long name above thousands of others as with a short one', { retry: 4 }, () => {
    const names = Array.from({ length: 4500 }, (_, n) => `"${n.toString(36)}":0`)
    const fastest = (name: string): number => {
      const text = `{"${name}":{${names}}}`
      const times = Array.from({ length: 15 }, () => {
        const begun = performance.now()
        parseJson(text)
        return performance.now() - begun
      })
      return Math.min(...times)
    }
    expect(fastest('n'.repeat(30_000)) / fastest('n')).toBeLessThan(5)
  })

  it('reaches no prototype', async () => {
    expect(await codeOf(post('{"__proto__":{"text":"x"}}'))).toEqual(BAD)
    expect(await codeOf(post('{"deep":{"\\u005f_proto__":1}}'))).toEqual(BAD)
    expect(await codeOf(post('{"constructor":{"prototype":{"x":1}}}'))).toEqual([400, 'VALIDATION_ERROR'])
    expect((await post('{"deep":{"constructor":{"prototype":{"x":1}}}}')).status).toBe(200)
  })

  it('has valid characters only; the error names the field', async () => {
    for (const text of ['a\\u0000b', '\\ud800', 'x\\udc00y', '\\udc00\\ud800']) {
      const { status, json } = await post(`{"list":[{"name":"fine"},{"name":"${text}"}]}`)
      expect([status, json.error]).toMatchObject([
        400,
        { code: 'VALIDATION_ERROR', details: [{ field: 'list.1.name', code: 'invalid_characters' }] },
      ])
    }
    expect(await codeOf(post('{"a\\u0000":1}'))).toEqual(BAD)
    expect((await post('{"text":"\\ud83d\\ude00 ünïcode 漢字"}')).json.data.text).toBe('😀 ünïcode 漢字')
  })

  it('is UTF-8', async () => {
    expect(await codeOf(post(Buffer.from('{"text":"\xff\xfe"}', 'latin1')))).toEqual(BAD)
    expect(await codeOf(post(Buffer.from('{"text":"caf\xe9"}', 'latin1')))).toEqual(BAD)
    expect(await codeOf(post(Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d])))).toEqual(
      BAD,
    )
    expect(await codeOf(post('{}', 'application/json; charset=iso-8859-1'))).toEqual([
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ])
    expect(await codeOf(post('{}', 'application/json; charset="UTF-8"'))).toEqual([200, 'ok'])
  })

  it('may be absent or empty', async () => {
    expect((await server.ask('/api/v1/echo', { method: 'POST' })).status).toBe(200)
    expect((await post('')).status).toBe(200)
    expect(
      await server.raw(
        'POST /api/v1/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      ),
    ).toMatch(/^HTTP\/1.1 200 /)
  })
})

describe('other bodies', () => {
  it('are refused by type', async () => {
    for (const type of [
      'text/plain',
      'multipart/form-data; boundary=x',
      'application/xml',
      'application/jsonx',
      'json',
      'application/json,text/html',
    ]) {
      expect([type, ...(await codeOf(post('{}', type)))]).toEqual([type, 415, 'UNSUPPORTED_MEDIA_TYPE'])
    }
    expect(await codeOf(post('{}', 'application/scim+json'))).toEqual([200, 'ok'])
    expect(await codeOf(post('{}', 'application/json', { 'content-encoding': 'gzip' }))).toEqual([
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ])
    expect(await server.raw('POST /api/v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}')).toMatch(
      /^HTTP\/1.1 415 /,
    )
  })

  it('are refused by size, declared or not, and the connection stays usable', async () => {
    const limit = 64 * 1024
    const fits = `{"text":"${'x'.repeat(limit - 11)}"}`
    expect(Buffer.byteLength(fits)).toBe(limit)
    expect(await codeOf(post(fits))).toEqual([200, 'ok'])
    expect(await codeOf(post(`${fits} `))).toEqual([413, 'PAYLOAD_TOO_LARGE'])
    expect(await codeOf(post('x'.repeat(900_000)))).toEqual([413, 'PAYLOAD_TOO_LARGE'])
    expect(await codeOf(post('{}'))).toEqual([200, 'ok'])
    const chunk = `${(70_000).toString(16)}\r\n${'x'.repeat(70_000)}\r\n`
    const head = 'POST /api/v1/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
    expect(await server.raw(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk}`)).toMatch(
      /^HTTP\/1.1 413 .*connection: close/is,
    )
    expect(await server.raw(`${head}Content-Length: 99999999\r\n\r\n{`)).toMatch(
      /^HTTP\/1.1 413 .*connection: close/is,
    )
  })

  it('of a GET are ignored', async () => {
    const answer = await server.raw(
      'GET /api/v1/users/1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"id":"evil"}GET /api/v1/users/2 HTTP/1.1\r\nHost: x\r\n\r\n'.replace(
        '12',
        '13',
      ),
    )
    expect(answer).toContain('"id":"1"')
    expect(answer).toContain('"id":"2"')
    expect(answer).not.toContain('evil')
  })
})

describe('a form', () => {
  const form = (body: string) => post(body, 'application/x-www-form-urlencoded')

  it('is parsed', async () => {
    expect((await form('&text=a+b%26%C3%BC&')).json.data.text).toBe('a b&ü')
    expect((await form('text')).json.data.text).toBe('')
  })

  it('has no duplicate fields', async () => {
    const { status, json } = await form('text=a&te%78t=b')
    expect([status, json.error]).toMatchObject([
      400,
      { code: 'BAD_REQUEST', details: [{ field: 'text', code: 'duplicate' }] },
    ])
  })

  it('has valid characters, a valid encoding, a bounded number of fields', async () => {
    expect((await form('text=%00')).json.error).toMatchObject({
      code: 'VALIDATION_ERROR',
      details: [{ field: 'text' }],
    })
    expect((await form('text=%ZZ')).json.error).toMatchObject({
      code: 'BAD_REQUEST',
      details: [{ field: 'text' }],
    })
    expect(await codeOf(form('text=%ED%A0%80'))).toEqual(BAD)
    expect(await codeOf(form('text=%FF'))).toEqual(BAD)
    expect(await codeOf(form('__proto__=x'))).toEqual(BAD)
    expect(await codeOf(form(Array.from({ length: 201 }, (_, i) => `f${i}=`).join('&')))).toEqual(BAD)
  })
})

describe('a query', () => {
  const get = (query: string) => server.ask(`/api/v1/users/7?${query}`)

  it('has no duplicate parameters', async () => {
    expect((await get('q=a&q=b')).json.error).toMatchObject({
      code: 'BAD_REQUEST',
      details: [{ field: 'q', code: 'duplicate' }],
    })
    expect((await get('q=a&%71=b')).status).toBe(400)
    expect((await get('q%5B%5D=a&q=b')).json.error.details).toMatchObject([{ field: 'q[]', code: 'unknown' }])
  })

  it('has valid characters and a valid encoding', async () => {
    expect((await get('q=%00')).json.error.details[0].field).toBe('q')
    for (const query of ['q=%', 'q=%E0%A4%A', 'q=%ff', '%00=1', '__proto__=1'])
      expect([query, (await get(query)).status]).toEqual([query, 400])
  })

  it('cannot replace a path parameter', async () => {
    expect((await get('id=8')).json.error.details).toMatchObject([{ field: 'id', code: 'unknown' }])
    expect((await server.ask('/public/page?id=8')).status).toBe(303)
  })

  it('may have any form without causing a failure', async () => {
    const { status, json } = await get('&&==&toString=1&hasOwnProperty=2&?')
    expect([status, json.error.details.map(({ field }: { field: string }) => field)]).toEqual([
      400,
      ['', 'toString', 'hasOwnProperty', '?'],
    ])
    expect((await get('&&constructor=x&')).status).toBe(200)
  })
})

describe('paths in disguise', () => {
  const ask = async (target: string, headers = '') => {
    const answer = await server.raw(
      `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n`,
    )
    return { status: Number(answer.slice(9, 12)), answer }
  }

  it('are not found', async () => {
    for (const target of [
      '/public/../admin',
      '/public/%2e%2e/admin',
      '//admin',
      '/./admin',
      '/admin/',
      '/admin%2f',
      '/admin;x',
      '/admin/..;/admin',
      '/ADMIN',
      '/public\\..\\admin',
      '/%2fadmin',
      'http://evil.example/nothing',
      '/api/v1/users/',
      '//evil.example/x',
      '/%252e%252e/admin',
    ]) {
      const { status, answer } = await ask(target)
      expect([target, status]).toEqual([target, 404])
      expect(answer).toContain('"code":"NOT_FOUND"')
    }
  })

  it('are refused if they cannot be decoded', async () => {
    for (const target of ['/%', '/api/v1/users/%ff', '/api/v1/users/%E0%A4%A', '/%zz']) {
      const { status, answer } = await ask(target)
      expect([target, status]).toEqual([target, 400])
      expect(answer).toContain('"code":"BAD_REQUEST"')
    }
    const { status, answer } = await ask('/api/v1/users/%00')
    expect(status).toBe(400)
    expect(answer).toContain('"field":"id"')
  })

  it('do not bypass the requirement of a row, in any spelling or by any header', async () => {
    const tricks = [
      '',
      'X-Original-URL: /public/page\r\n',
      'X-Rewrite-URL: /public/page\r\n',
      'X-HTTP-Method-Override: OPTIONS\r\n',
      'X-Forwarded-Path: /public/page\r\n',
    ]
    for (const trick of tricks) expect((await ask('/admin', trick)).status).toBe(401)
    expect((await ask('/%61dmin')).status).toBe(401)
    expect((await ask('/admin?x=/public/page')).status).toBe(401)
    expect((await ask('/public/page', 'X-Original-URL: /admin\r\n')).status).toBe(303)
  })

  it('never cause a 5xx', async () => {
    const odd = [
      '*',
      '/\u007f',
      `/${'a'.repeat(8000)}`,
      `/api/v1/users/${'x'.repeat(2000)}`,
      '/:id',
      '/*',
      '/api/v1/users/..',
      '/?',
      '/#',
      '/api/v1/users/%2e%2e%2fadmin',
    ]
    for (const target of odd)
      expect([target.slice(0, 20), (await ask(target)).status]).toEqual([
        target.slice(0, 20),
        expect.toSatisfy((s: number) => s < 500),
      ])
    expect(server.logged.filter(({ level }) => level === 'error')).toEqual([])
  })
})

describe('unreadable requests', () => {
  it('headers beyond 16 KiB are 431 in the envelope', async () => {
    const answer = await server.raw(`GET /healthz HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(17_000)}\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1.1 431 Request Header Fields Too Large\r\n/)
    expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({
      success: false,
      code: 431,
      error: { code: 'HEADERS_TOO_LARGE' },
    })
  })

  it('broken syntax is 400 in the envelope', async () => {
    for (const text of [
      'nonsense\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n',
      'POST /api/v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
      'POST /api/v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
    ]) {
      const answer = await server.raw(text)
      expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/)
      expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({
        code: 400,
        error: { code: 'BAD_REQUEST' },
      })
    }
  })

  it('an unknown expectation and an unknown method are answered in the envelope', async () => {
    expect(await server.raw('GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n')).toMatch(
      /^HTTP\/1.1 200 /,
    )
    expect(await server.raw('PROPFIND /healthz HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(
      /^HTTP\/1.1 404 [\s\S]*NOT_FOUND/,
    )
    expect(await server.raw('TRACE /healthz HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(
      /^HTTP\/1.1 405 [\s\S]*METHOD_NOT_ALLOWED/,
    )
  })

  it('a caller who disconnects within a body causes no failure', async () => {
    await server.raw(
      'POST /api/v1/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{',
      { silence: 50 },
    )
    expect((await post('{}')).status).toBe(200)
    expect(server.logged.filter(({ level }) => level === 'error')).toEqual([])
  })
})

describe('malformed credentials', () => {
  it('a malformed or duplicate credential never falls back to the cookie', async () => {
    const { cookie } = signedInAs('ada') as { cookie: string }
    for (const authorization of [
      'Bearer',
      'Bearer ',
      'Bearer x',
      'Bearer st_ada, Bearer st_ada',
      'Token st_ada',
      'st_ada',
      'Basic YTpi',
      'Bearer st_ada\u00a0',
    ]) {
      const { status } = await server.ask('/admin', { headers: { cookie, authorization } })
      expect([authorization, status]).toEqual([authorization, 401])
    }
    const twice = `GET /admin HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer st_ada\r\nAuthorization: Bearer st_ben\r\n\r\n`
    expect(await server.raw(twice)).toMatch(/^HTTP\/1.1 400 /)
  })
})
