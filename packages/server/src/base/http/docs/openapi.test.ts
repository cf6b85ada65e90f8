import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { keyring } from '../../crypto.ts'
import { csrfRows } from '../request/csrf.ts'
import type { Row } from '../row/route.ts'
import { page, route, serve, stream } from '../testing.ts'
import type { OpenApi } from './openapi.ts'

const Thing = z
  .object({ id: z.string(), made_at: z.date(), note: z.string().nullable() })
  .meta({ id: 'Thing' })
const rows: Row[] = [
  ...csrfRows(keyring('x')),
  route({
    name: 'things.make', method: 'POST', path: '/api/v1/shops/:shop/things', summary: 'Make a thing', description: 'Only `blue` <b>ones</b>.', tag: 'Things',
    needs: 'things:write', audit: 'user.created', fresh: '10m', limit: { by: 'user', max: 20, per: '1h' }, errors: ['CONFLICT'], status: 201,
    input: z.object({ shop: z.string(), name: z.string().min(3).describe('What it is `called`'), size: z.enum(['s', 'l']).default('s'), mail: z.email().optional() }),
    output: Thing, run: async () => ({ data: { id: '1', made_at: new Date(), note: null } }),
  }),
  route({
    name: 'things.list', method: 'GET', path: '/api/v1/shops/:shop/things', summary: 'List things', tag: 'Things', open: 'a test', quiet: 'a test',
    input: z.object({ shop: z.string(), limit: z.coerce.number().int().max(100).optional() }),
    output: z.array(Thing), run: async () => ({ data: [], nextCursor: null }),
  }),
  route({
    name: 'login', method: 'POST', path: '/api/v1/login', summary: 'Sign in', tag: 'Authentication', open: 'a test', quiet: 'a test', takesBasic: true,
    input: z.object({ username: z.string(), password: z.string() }), output: z.null(), run: async () => ({ data: null }),
  }),
  stream({ name: 'things.follow', path: '/api/v1/shops/:shop/events', summary: 'Follow things', tag: 'Things', needs: 'session', quiet: 'a test', input: z.object({ shop: z.string() }), run: async () => {} }),
  page({ name: 'hosted', method: 'GET', path: '/hosted', summary: 'A page', open: 'a test', quiet: 'a test', input: z.object({}), run: async () => ({ redirect: '/' }) }),
] // biome-ignore format: a table

const server = await serve(rows)
const answered = await server.ask('/api/openapi.json')
// biome-ignore lint/suspicious/noExplicitAny: the document is read without types
const document: OpenApi & Record<string, any> = answered.json

// biome-ignore lint/suspicious/noExplicitAny: the document is read without types
type Paths = Record<string, Record<string, any>>

/** The response with this status, which operations share by reference. */
const responseOf = (responses: Paths, status: string) =>
  document.components.responses[responses[status]?.$ref.split('/').pop()] as Paths[string]

describe('the OpenAPI document', () => {
  it('is served with an ETag, and is 304 while unchanged', async () => {
    expect(document.openapi).toBe('3.1.0')
    expect(answered.headers.get('cache-control')).toBe('no-cache')
    const etag = answered.headers.get('etag') ?? ''
    const same = await server.ask('/api/openapi.json', { headers: { 'if-none-match': `"other", W/${etag}` } })
    expect([same.status, same.text, same.headers.get('etag')]).toEqual([304, '', etag])
  })

  it('has every API row and no page', () => {
    expect(Object.keys(document.paths).sort()).toEqual([
      '/api/health',
      '/api/v1/auth/csrf',
      '/api/v1/login',
      '/api/v1/shops/{shop}/events',
      '/api/v1/shops/{shop}/things',
      '/csrf',
      '/healthz',
      '/readyz',
    ])
  })

  it('has streams, whose answer is events', () => {
    const { get } = document.paths['/api/v1/shops/{shop}/events'] as unknown as Paths
    expect(Object.keys(get?.responses['200'].content)).toEqual(['text/event-stream'])
    expect(Object.keys(responseOf(get?.responses, '401')?.content)).toEqual([
      'application/json',
      'application/problem+json',
    ])
  })

  it('closes bodies, and takes the CSRF token as a field of a form', () => {
    const content = (document.paths['/api/v1/login'] as unknown as Paths).post?.requestBody.content
    expect(content['application/json'].schema.additionalProperties).toBe(false)
    const form = content['application/x-www-form-urlencoded'].schema
    expect([form.additionalProperties, Object.keys(form.properties)]).toEqual([
      false,
      ['username', 'password', 'csrf_token'],
    ])
  })

  it('distinguishes path, query and body', () => {
    const { get, post } = document.paths['/api/v1/shops/{shop}/things'] as unknown as Record<
      string,
      Record<string, never>
    >
    expect(get?.parameters).toEqual([
      { name: 'shop', in: 'path', required: true, schema: { type: 'string' }, example: 'text' },
      {
        name: 'limit',
        in: 'query',
        required: false,
        schema: expect.objectContaining({ type: 'integer', maximum: 100 }),
      },
    ])
    expect(get).not.toHaveProperty('requestBody')
    expect(post).toMatchObject({
      operationId: 'things.make',
      summary: 'Make a thing',
      tags: ['Things'],
      'x-permission': 'things:write',
      security: [{ session: [], csrf: [] }, { bearer: [] }, { api_key: [] }],
      parameters: [{ name: 'shop', in: 'path', required: true }],
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: {
              required: ['name'],
              properties: {
                name: { type: 'string', minLength: 3, description: 'What it is `called`' },
                size: { enum: ['s', 'l'], default: 's' },
                mail: { format: 'email' },
              },
            },
          },
        },
      },
    })
  })

  it('wraps data in the envelope and names shared shapes once', () => {
    const post = document.paths['/api/v1/shops/{shop}/things']?.post as Record<string, Record<string, never>>
    expect(post.responses?.['201']).toMatchObject({
      content: {
        'application/json': {
          schema: { properties: { success: { const: true }, data: { $ref: '#/components/schemas/Thing' } } },
        },
      },
    })
    expect(document.components.schemas.Thing).toMatchObject({
      properties: { made_at: { type: 'string', format: 'date-time' }, note: { type: ['string', 'null'] } },
    })
  })

  it('lists every error a row can answer with, by status', () => {
    const post = document.paths['/api/v1/shops/{shop}/things']?.post as unknown as { responses: Paths }
    expect(Object.keys(post.responses)).toEqual([
      '201',
      '400',
      '401',
      '403',
      '409',
      '413',
      '415',
      '423',
      '429',
      '500',
      '503',
    ])
    for (const code of ['STEP_UP_REQUIRED', 'SESSION_EXPIRED'])
      expect(responseOf(post.responses, '401')?.description).toContain(code)
    expect(responseOf(post.responses, '403')?.description).toContain('CSRF_FAILED')
  })

  it('states access, limits and an example', () => {
    expect(document.paths['/api/v1/shops/{shop}/things']?.post).toMatchObject({
      description:
        'Only `blue` <b>ones</b>.\n\nNeeds the permission `things:write`. The user must have authenticated within the last 10m. At most 20 in 1h by user.',
      'x-codeSamples': [
        {
          lang: 'Shell',
          label: 'curl',
          source: expect.stringMatching(
            /^curl -X POST 'http:\/\/127\.0\.0\.1:4000\/api\/v1\/shops\/:shop\/things' \\\n {2}-H 'Authorization: Bearer st_…' \\\n {2}-H 'Content-Type: application\/json' \\\n {2}-d '\{"name":"text"/,
          ),
        },
      ],
    })
  })

  it('shows which operations accept Basic', () => {
    expect(document.paths['/api/v1/login']?.post).toMatchObject({ security: [{}, { basic: [] }] })
  })

  it('has no broken references', () => {
    for (const [, name] of answered.text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      expect(document.components.schemas).toHaveProperty(name ?? '')
    }
    expect(answered.text).not.toContain('$defs')
  })
})

describe('the page of the reference', async () => {
  const { text, headers, status } = await server.ask('/api/docs')

  it('has no inline code, and a separate policy that permits no other host', () => {
    expect(status).toBe(200)
    expect(text).toMatch(/^<!doctype html><html lang="en">/)
    expect(text).not.toMatch(/<script(?! src="\/assets\/[\w.-]+\.js" defer><\/script>)|<style|style=|onclick/)
    expect(headers.has('set-cookie')).toBe(false)
    const policy = headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'; script-src 'self';")
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval/)
  })

  it('lists every API row for readers without a script, and no page', () => {
    expect(text).toContain('<code>POST /api/v1/shops/:shop/things</code> Make a thing')
    expect(text).not.toContain('/hosted')
  })

  it('has an anchor for every error', () => {
    expect(text).toContain('id="ACCOUNT_LOCKED"')
  })

  it('has files that may be cached for ever', async () => {
    const paths = [...text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? '')
    expect(paths).toHaveLength(3)
    for (const path of paths) {
      const { status: answer, headers: of } = await server.ask(path)
      expect([path, answer, of.get('cache-control')]).toEqual([
        path,
        200,
        'public, max-age=31536000, immutable',
      ])
      expect(of.get('x-content-type-options')).toBe('nosniff')
    }
  })
})

describe('the viewer', () => {
  const folder = new URL('../../../../vendor/redoc/', import.meta.url)
  const file = readFileSync(new URL('redoc.js', folder), 'utf8')

  it('is the pinned version with its licences', () => {
    expect(file).toContain(`${JSON.parse(readFileSync(new URL('redoc.json', folder), 'utf8')).version}`)
    expect(readFileSync(new URL('LICENSES.txt', folder), 'utf8')).toMatch(/^The MIT License.*Rebilly/is)
  })

  it('loads nothing from another host: no logo, no font, no telemetry', () => {
    expect(file).not.toMatch(/cdn\.redoc|fonts\.g|sendBeacon/)
  })
})
