/**
 * The route table, tested as a table: how every row must answer each kind of caller, in every style. A new row is covered
 * without being named here.
 */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { STYLES, type Style, systemCall } from '../packages/server/src/base/call.ts'
import { ERRORS, type ErrorCode } from '../packages/server/src/base/errors.ts'
import type { Row } from '../packages/server/src/base/http/row/route.ts'
import { errorsOf } from '../packages/server/src/base/http/row/shapes.ts'
import { disableUser } from '../packages/server/src/features/identity/lifecycle/index.ts'
import { getUser } from '../packages/server/src/features/identity/users/index.ts'
import type { Json, Reply } from '../packages/server/src/testing/client.ts'
import { PASSWORD } from '../packages/server/src/testing/world.ts'

import {
  ada,
  api,
  ben,
  cookieOnly,
  isUnsafe,
  named,
  pages,
  placeOf,
  rows,
  send,
  startTable,
  world,
} from './routes/table.ts'

startTable()

describe('a caller who is not signed in', () => {
  it('is refused by every API row that needs a caller, with WWW-Authenticate', async () => {
    const needing = api().filter(({ needs }) => needs !== undefined)
    expect(needing.length).toBeGreaterThan(8)
    for (const row of needing) {
      const { status, code, headers } = await send(world.client(), row)
      expect({ row: row.name, status, code }).toEqual({
        row: row.name,
        status: 401,
        code: 'AUTHENTICATION_REQUIRED',
      })
      expect(headers.get('www-authenticate'), row.name).toMatch(/^Session realm=/)
    }
  })

  it('is refused with an unknown bearer token', async () => {
    for (const row of api().filter(({ needs }) => needs !== undefined)) {
      const { status, code, headers } = await send(world.client(), row, {
        authorization: `Bearer st_${'A'.repeat(43)}`,
      })
      expect({ row: row.name, status, code }).toEqual({ row: row.name, status: 401, code: 'INVALID_TOKEN' })
      expect(headers.get('www-authenticate'), row.name).toMatch(/^Bearer realm=.*error="invalid_token"/)
    }
  })

  it('gets the reason for a credential that is no longer valid, as an error that the row documents', async () => {
    const eve = await world.person({ email: 'eve@example.com' })
    const late = await world.person({ email: 'late@example.com' })
    const user = await world.db.tx('system', (tx) => getUser(tx, eve.id))
    await world.db.tx('system', (tx) => disableUser(world.app.tools, tx, systemCall(world.clock.now()), user))
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('sessions')
        .set({ expires_at: world.clock.now() })
        .where('user_id', '=', late.id)
        .execute(),
    )
    for (const row of api().filter(({ needs }) => needs !== undefined)) {
      for (const [client, refused] of [
        [cookieOnly(eve), 'ACCOUNT_DISABLED'],
        [cookieOnly(late), 'SESSION_EXPIRED'],
      ] as const) {
        const { code } = await send(client, row)
        expect({ row: row.name, code }).toEqual({ row: row.name, code: refused })
        expect(errorsOf(row), row.name).toContain(refused)
      }
    }
  })

  it('is redirected from a page to sign-in and back, and cannot post', async () => {
    for (const row of pages().filter(({ needs }) => needs !== undefined)) {
      const { status, headers } = await send(world.client(), row, { accept: 'text/html' })
      if (isUnsafe(row)) expect({ row: row.name, status }).toEqual({ row: row.name, status: 401 })
      else {
        expect({ row: row.name, status }).toEqual({ row: row.name, status: 303 })
        expect(headers.get('location')).toBe(`/sign-in?return_to=${encodeURIComponent(placeOf(row))}`)
      }
      expect(headers.get('cache-control')).toBe('no-store')
    }
  })
})

describe('an unsafe request with a session cookie', () => {
  const changing = () => api().filter((row) => isUnsafe(row) && !row.anonymous)

  it('is refused without a CSRF token', async () => {
    expect(changing().length).toBeGreaterThan(8)
    for (const row of changing()) {
      const { status, code } = await send(cookieOnly(ada), row)
      expect({ row: row.name, status, code }).toEqual({ row: row.name, status: 403, code: 'CSRF_FAILED' })
    }
  })

  it('is refused with the token of another session, of an anonymous visitor, or a malformed one', async () => {
    const stranger = await world.client().get('/csrf')
    const own = ada.client.csrfToken ?? ''
    const tokens = [
      ben.client.csrfToken ?? '',
      String(stranger.data.csrf_token),
      `${own}x`,
      own.slice(0, -1),
      own.replace('.', ''),
      '.',
      'null',
    ]
    for (const row of changing()) {
      for (const token of tokens) {
        const { status, code } = await send(cookieOnly(ada), row, { 'x-csrf-token': token })
        expect({ row: row.name, token, status, code }).toEqual({
          row: row.name,
          token,
          status: 403,
          code: 'CSRF_FAILED',
        })
      }
    }
    expect((await ada.client.get('/api/v1/auth/me')).status).toBe(200)
  })

  it('is refused from another site even with the correct token', async () => {
    const origins = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]
    for (const row of changing()) {
      for (const headers of origins) {
        const { status, code } = await send(ada.client, row, headers)
        expect({ row: row.name, status, code }).toEqual({ row: row.name, status: 403, code: 'CSRF_FAILED' })
      }
    }
  })

  it('is refused by every form without its token', async () => {
    for (const row of pages().filter((one) => isUnsafe(one) && !one.anonymous && !one.crossSite)) {
      // a visitor is signed out already
      const isVisitors = row.needs === undefined && row.name !== 'pages.sign_out.submit'
      const person = isVisitors ? world.client() : cookieOnly(ada)
      expect({ row: row.name, status: (await send(person, row)).status }).toEqual({
        row: row.name,
        status: 403,
      })
    }
  })

  it('is accepted from another site only where an identity provider posts its answer, or an app its request', () => {
    expect(named(rows.filter(({ crossSite }) => crossSite !== undefined)).sort()).toEqual([
      'pages.external.callback.post',
      'pages.oidc.authorize.posted',
      'pages.oidc.logout.posted',
      'pages.saml.acs.default.post',
      'pages.saml.acs.post',
      'saml.logout.post',
    ])
  })

  it('needs no CSRF token with a bearer credential, which no browser sends by itself', async () => {
    const client = world.client()
    const { data } = await client.signIn(ada.email, PASSWORD)
    const bearer = world.client({ headers: { authorization: `Bearer ${data.token}` } })
    expect((await bearer.patch('/api/v1/users/me', { full_name: 'Ada' })).status).toBe(200)
    expect((await bearer.post('/api/v1/auth/logout')).status).toBe(200)
  })
})

describe('every answer of the API', () => {
  it('has a request id and is not cached', async () => {
    for (const client of [world.client(), cookieOnly(ada)]) {
      for (const row of api()) {
        if (row.name === 'dev.outbox.clear' || row.name === 'dev.clock') continue
        const { headers } = await send(client, row)
        expect(headers.get('x-request-id'), row.name).toMatch(/^req_[0-9a-f]{32}$/)
        // public resources may be cached
        expect(headers.get('cache-control'), row.name).toBe(
          row.anyOrigin ? 'public, max-age=300' : 'no-store',
        )
        expect(headers.get('x-content-type-options'), row.name).toBe('nosniff')
        expect(headers.get('content-type'), row.name).toMatch(/^application\/json; charset=utf-8$/)
        expect(headers.get('x-powered-by') ?? headers.get('server'), row.name).toBeNull()
      }
    }
  })

  it('repeats a valid request id of the caller, and no other', async () => {
    const client = world.client()
    const traced = await client.get('/api/v1/auth/csrf', { headers: { 'x-request-id': 'trace-1.2_3' } })
    expect([traced.headers.get('x-request-id'), traced.body.request_id]).toEqual([
      'trace-1.2_3',
      'trace-1.2_3',
    ])
    for (const bad of ['<script>', 'a b', '"', 'x'.repeat(129), '{"a":1}', '']) {
      const { headers, body } = await client.get('/api/v1/auth/me', { headers: { 'x-request-id': bad } })
      expect(headers.get('x-request-id')).toMatch(/^req_/)
      expect(body.request_id).toBe(headers.get('x-request-id'))
    }
  })

  it('repeats the requested version, and refuses any but v1', async () => {
    for (const row of api().filter(({ anonymous }) => !anonymous)) {
      const { status, code } = await send(world.client(), row, { 'x-api-version': 'v2' })
      expect({ row: row.name, status, code }).toEqual({ row: row.name, status: 400, code: 'BAD_REQUEST' })
    }
    const known = await world.client().get('/api/v1/auth/csrf', { headers: { 'x-api-version': 'v1' } })
    expect([known.status, known.headers.get('x-api-version')]).toEqual([200, 'v1'])
  })

  it('to an unknown method lists the known ones in Allow', async () => {
    for (const path of new Set(rows.map(placeOf))) {
      const there = rows.filter((row) => placeOf(row) === path).map(({ method }) => method)
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter(
        (one) => !there.some((known) => known === one),
      )) {
        const { status, code, headers } = await world.client().send(method, path, undefined)
        expect({ path, method, status, code }).toEqual({
          path,
          method,
          status: 405,
          code: 'METHOD_NOT_ALLOWED',
        })
        for (const known of there) expect(headers.get('allow')).toContain(known)
      }
    }
  })

  it('of a form is the page of the form to a browser that loads the path of its submission', async () => {
    const pages = rows.filter(({ kind }) => kind === 'page')
    const shown = new Set(pages.filter(({ method }) => method === 'GET').map(({ path }) => path))
    const missing: string[] = []
    for (const { path } of pages.filter((row) => !shown.has(row.path))) {
      const headers = { accept: 'text/html' }
      const { status } = await world.client().get(path.replaceAll(/:\w+/g, 'x'), { headers })
      if (status !== 303) missing.push(`${path} ${status}`)
    }
    expect(missing).toEqual([])
  })
})

describe('the five styles', () => {
  const id = z.string().min(1)
  const stamp = z.iso.datetime()
  const family = z.enum([...new Set(Object.values(ERRORS).map(({ type }) => type))])
  const code = z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]])
  const details = z.union([
    z.null(),
    z.record(z.string(), z.unknown()),
    z.array(
      z.strictObject({
        field: z.string(),
        code: z.string(),
        message: z.string(),
        params: z.record(z.string(), z.unknown()).optional(),
      }),
    ),
  ])
  const extension = { code: code.optional(), details: details.optional() }
  const metadata = z.strictObject({ timestamp: stamp, version: z.literal('v1'), request_id: id })
  const SUCCESS: Readonly<Record<Style, z.ZodType>> = {
    standard: z.strictObject({
      success: z.literal(true),
      code: z.number(),
      message: z.string(),
      data: z.unknown(),
      request_id: id,
      version: z.literal('1.0'),
      metadata,
    }),
    meta: z.strictObject({
      version: z.literal('1.0'),
      success: z.literal(true),
      code: z.number(),
      message: z.string(),
      request_id: id,
      data: z.unknown(),
      meta: z.strictObject({ timestamp: stamp, version: z.literal('v1') }),
    }),
    errors: z.strictObject({ errors: z.null(), status_code: z.number(), value: z.unknown() }),
    detail: z.strictObject({ csrf_token: z.string() }),
    problem: z.strictObject({ csrf_token: z.string() }),
  }
  const FAILURE: Readonly<Record<Style, z.ZodType>> = {
    standard: z.strictObject({
      success: z.literal(false),
      code: z.number(),
      message: z.string(),
      error: z.strictObject({ code, type: family, message: z.string(), details }),
      request_id: id,
      version: z.literal('1.0'),
      metadata,
    }),
    meta: z.strictObject({
      version: z.literal('1.0'),
      success: z.literal(false),
      code: z.number(),
      message: z.string(),
      request_id: id,
      error: z.strictObject({ code, type: family, details: z.record(z.string(), z.unknown()) }),
    }),
    errors: z.strictObject({
      errors: z.strictObject({ error: z.string().min(1), ...extension }),
      status_code: z.number(),
      value: z.null(),
    }),
    detail: z.strictObject({ detail: z.string().min(1), ...extension }),
    problem: z.strictObject({
      type: z.url(),
      title: z.string(),
      status: z.number(),
      detail: z.string(),
      code,
      request_id: id,
      details: details.optional(),
    }),
  }
  const asking = (style: Style) => ({ headers: { accept: `application/vnd.latchkey.${style}+json` } })
  const statusIn = (body: Json): unknown => body.status ?? body.status_code ?? body.code
  const assertShape = (schema: z.ZodType, reply: Reply, about: string) => {
    const verdict = schema.safeParse(reply.body)
    expect(verdict.error?.issues ?? [], `${about}: ${reply.text}`).toEqual([])
  }

  it.each(STYLES)('%s: a success has exactly the members of the contract', async (style) => {
    const reply = await world.client().get('/api/v1/auth/csrf', asking(style))
    expect(reply.status).toBe(200)
    assertShape(SUCCESS[style], reply, style)
    const resource = reply.body.data ?? reply.body.value ?? reply.body
    expect(Object.keys(resource)).toEqual(['csrf_token'])
    expect(reply.headers.get('content-type')).toBe('application/json; charset=utf-8')
  })

  it.each(STYLES)('%s: every failure has exactly the members of the contract', async (style) => {
    const failures: [string, Promise<Reply>, number][] = [
      ['validation', world.client().post('/api/v1/auth/login', {}, asking(style)), 400],
      ['broken JSON', world.client().post('/api/v1/auth/login', '{', asking(style)), 400],
      ['a refused sign-in', world.client().post('/api/v1/auth/login', { username: 'unknown', password: 'x' }, asking(style)), 401],
      ['not found', world.client().get('/api/v1/nothing', asking(style)), 404],
      ['wrong method', world.client().post('/api/v1/auth/me', {}, asking(style)), 405],
      ['wrong type', world.client().post('/api/v1/auth/login', 'x', { headers: { ...asking(style).headers, 'content-type': 'text/plain' } }), 415],
      ['too large', world.client().post('/api/v1/auth/login', { password: 'x'.repeat(70_000) }, asking(style)), 413],
      ['forged', send(cookieOnly(ada), rowNamed('auth.logout'), asking(style).headers), 403],
      ...api().filter(({ needs }) => needs !== undefined).map((row): [string, Promise<Reply>, number] => [row.name, send(world.client(), row, asking(style).headers), 401]),
    ] // biome-ignore format: a table
    for (const [about, request, status] of failures) {
      const reply = await request
      expect(reply.status, about).toBe(status)
      assertShape(FAILURE[style], reply, about)
      if (style !== 'detail') expect(statusIn(reply.body), about).toBe(status)
      expect(reply.headers.get('content-type'), about).toBe(
        style === 'problem' ? 'application/problem+json' : 'application/json; charset=utf-8',
      )
    }
  })

  it('is problem for application/problem+json', async () => {
    const reply = await world
      .client()
      .get('/api/v1/auth/me', { headers: { accept: 'application/problem+json' } })
    assertShape(FAILURE.problem, reply, 'problem')
  })

  it('has the same message and details in each style', async () => {
    const ask = (style: Style) => world.client().post('/api/v1/auth/login', { password: 'x' }, asking(style))
    const standard = (await ask('standard')).body
    const problemBody = (await ask('problem')).body
    const byField = standard.error.details.map(({ field, message }: Json) => [field, [message]])
    expect((await ask('meta')).body.error.details).toEqual(Object.fromEntries(byField))
    for (const body of [(await ask('errors')).body.errors, (await ask('detail')).body])
      expect([body.code, body.details]).toEqual([standard.error.code, standard.error.details])
    expect(problemBody.details).toEqual(standard.error.details)
    expect([problemBody.code, problemBody.title, problemBody.detail]).toEqual([
      standard.error.code,
      ERRORS.VALIDATION_ERROR.message,
      standard.message,
    ])
  })

  const rowNamed = (name: string): Row => {
    const row = rows.find((one) => one.name === name)
    if (!row) throw new Error(`no row ${name}`)
    return row
  }
})
