/**
 * The route table, tested as a table: what every row must declare, and how every row must answer each kind of caller.
 * A new row is covered without being named here.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { STYLES, type Style, systemCall } from '../packages/server/src/base/call.ts'
import { ERRORS, type ErrorCode } from '../packages/server/src/base/errors.ts'
import type { ApiRow, PageRow, Row } from '../packages/server/src/base/http/row/route.ts'
import { errorsOf } from '../packages/server/src/base/http/row/shapes.ts'
import { AUDIT_EVENTS } from '../packages/server/src/core/audit/index.ts'
import {
  ORGANIZATION_PERMISSIONS,
  SERVER_PERMISSIONS,
} from '../packages/server/src/core/permissions/index.ts'
import { disableUser } from '../packages/server/src/features/identity/lifecycle/index.ts'
import { getUser } from '../packages/server/src/features/identity/users/index.ts'
import type { Client, Json, Reply } from '../packages/server/src/testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'

let world: World
let rows: readonly Row[]
let ada: Person
let ben: Person
/** Ada owns it. */
let organization: string
beforeAll(async () => {
  world = await startWorld()
  rows = world.app.rows
  ada = await world.person({ email: 'ada@example.com' })
  organization = (await ada.client.post('/api/v1/organizations', { name: 'Engines' })).data.id
  ben = await world.person({ email: 'ben@example.com' })
  // Ada has every permission but is no administrator, so the set-up link still works
  await world.db.tx('system', async (tx) => {
    const [all, at] = [['*'], world.clock.now()]
    const rest = {
      inherits: [],
      grants: [],
      rank: 0,
      preset: null,
      requires_mfa: false,
      created_at: at,
      updated_at: at,
    }
    await tx
      .insertInto('roles')
      .values({ name: 'allowed', description: null, permissions: all, ...rest })
      .execute()
    await tx
      .updateTable('users')
      .set({ roles: ['allowed'] })
      .where('id', '=', ada.id)
      .execute()
    await world.app.tools.roles.changed(tx)
  })
})
afterAll(() => world.stop())

const isApi = (row: Row): row is ApiRow => row.kind === 'api'
const isPage = (row: Row): row is PageRow => row.kind === 'page'
const isUnsafe = (row: Row): boolean => row.method !== 'GET'
const api = () => rows.filter(isApi)
const pages = () => rows.filter(isPage)
const named = (wrong: readonly Row[]) => wrong.map(({ name }) => name)

/** A path of the row with a value for each parameter; the organization is Ada's. */
const placeOf = (row: Row): string =>
  (row.organization === undefined ? row.path : row.path.replace(':id', organization)).replace(
    /:(\w+)/g,
    'ses_00000000000000000000000000000000',
  )
const inputOf = (row: Row): Json => z.toJSONSchema(row.input, { io: 'input', unrepresentable: 'any' })
const listed = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : [value].flat()

const send = (client: Client, row: Row, headers: Record<string, string> = {}): Promise<Reply> =>
  client.send(row.method, placeOf(row), isUnsafe(row) ? {} : undefined, {
    headers,
    form: row.kind === 'page',
  })

/** A client with the same session, and no CSRF token. */
function cookieOnly(person: Person): Client {
  const client = world.client()
  for (const [name, value] of person.client.cookies) client.cookies.set(name, value)
  return client
}

describe('every row', () => {
  it('has a unique name, written noun.verb', () => {
    const names = rows.map(({ name }) => name)
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([])
    expect(names.filter((name) => !/^[a-z_]+(?:\.[a-z_]+)+$/.test(name))).toEqual([])
  })

  it('has a unique method and path', () => {
    const places = rows.map(({ method, path }) => `${method} ${path.replace(/:\w+/g, ':')}`)
    expect(places.filter((place, at) => places.indexOf(place) !== at)).toEqual([])
  })

  it('declares what it needs, or why it is open', () => {
    const undeclared = rows.filter(
      ({ needs, open }) =>
        (needs === undefined) === (open === undefined) || (open !== undefined && open.length < 10),
    )
    expect(named(undeclared)).toEqual([])
  })

  it('needs a session, a caller, or a permission written resource:action', () => {
    const malformed = rows.filter(
      ({ needs }) => needs !== undefined && !/^(?:session|caller|[a-z_]+:(?:[a-z_]+|\*))$/.test(needs),
    )
    expect(named(malformed)).toEqual([])
  })

  it('needs permissions of the catalogue: the server’s, and in organizations the organizations’', () => {
    const unknown = rows.filter(
      ({ needs = 'session', organization }) =>
        (needs.includes(':') && !Object.hasOwn(SERVER_PERMISSIONS, needs)) ||
        (organization !== undefined && !Object.hasOwn(ORGANIZATION_PERMISSIONS, organization)),
    )
    expect(named(unknown)).toEqual([])
  })

  it('that changes something declares the events it writes, or why it writes none', () => {
    const undeclared = rows
      .filter(isUnsafe)
      .filter(
        ({ audit, quiet }) =>
          (audit === undefined) === (quiet === undefined) ||
          listed(audit ?? quiet).some((text) => text.length < 3),
      )
    expect(named(undeclared)).toEqual([])
  })

  it('that only reads writes no event', () => {
    // except an export, which is recorded
    expect(
      named(rows.filter((row) => !isUnsafe(row) && row.kind !== 'download' && row.audit !== undefined)),
    ).toEqual([])
  })

  it('writes events of the catalogue', () => {
    const unknown = rows.flatMap(({ name, audit }) =>
      listed(audit)
        .filter((type) => !(type in AUDIT_EVENTS))
        .map((type) => `${name}: ${type}`),
    )
    expect(unknown).toEqual([])
  })

  it('declares errors of the catalogue, and each once', () => {
    const wrong = rows.flatMap(({ name, errors = [] }) =>
      errors
        .filter((code, at) => !(code in ERRORS) || errors.indexOf(code) !== at)
        .map((code) => `${name}: ${code}`),
    )
    expect(wrong).toEqual([])
  })

  it('has one imperative sentence without a full stop', () => {
    expect(
      named(rows.filter(({ summary }) => !/^[A-Z].*[^.!?\s]$/.test(summary) || summary.length > 90)),
    ).toEqual([])
  })

  it('calls an e-mail an e-mail, as the pages do', () => {
    const prose = ({ summary, description }: Row) => `${summary} ${description ?? ''}`
    expect(named(rows.filter((row) => /\bletters?\b/i.test(prose(row))))).toEqual([])
  })

  it('limits by user only if it needs a user', () => {
    const wrong = rows.filter(
      (row) => [row.limit ?? []].flat().some(({ by }) => by === 'user') && row.needs === undefined,
    )
    expect(named(wrong)).toEqual([])
  })

  it('shares a counter only with an operation of the same limit', () => {
    const shared = rows.flatMap((row) => [row.limit ?? []].flat().filter(({ sharedWith }) => sharedWith))
    expect(shared.length).toBeGreaterThan(0)
    for (const { sharedWith, ...limit } of shared) expect([sharedWith?.limit].flat()).toContainEqual(limit)
  })

  it('that takes a password, a token or a code has a rate limit, because it can be guessed', () => {
    const guessable = rows.filter((row) =>
      Object.keys(inputOf(row).properties ?? {}).some((field) => /passw|token|^code$/.test(field)),
    )
    expect(guessable.length).toBeGreaterThan(8)
    expect(named(guessable.filter(({ limit, anonymous }) => limit === undefined || anonymous))).toEqual([])
  })

  it('that takes a form declares the page of the form, to which an error returns', () => {
    const at = (row: PageRow) => row.formAt ?? row.path
    const isPageOf = (row: PageRow) => (one: PageRow) => one.method === 'GET' && one.path === at(row)
    const forms = pages().filter(isUnsafe)
    expect(forms.length).toBeGreaterThan(12)
    expect(named(forms.filter((row) => !pages().some(isPageOf(row))))).toEqual([])
    const unfilled = forms.filter((row) =>
      (at(row).match(/:\w+/g) ?? []).some((one) => !row.path.includes(one)),
    )
    expect(named(unfilled)).toEqual([])
    expect(named(pages().filter((row) => !isUnsafe(row) && row.formAt !== undefined))).toEqual([])
  })

  it('has a path in lower case, under /api/v1 or as a page of the contract', () => {
    expect(
      named(
        rows.filter(
          ({ path }) => !/^\/$|^(?:\/\.well-known)?(?:\/(?:[a-z0-9-]+(?:\.json)?|:\w+))+$/.test(path),
        ),
      ),
    ).toEqual([])
    const elsewhere = api().filter(
      ({ path }) => !path.startsWith('/api/v1/') && !/^\/(?:csrf$|dev\/|\.well-known\/)/.test(path),
    )
    expect(named(elsewhere)).toEqual([])
  })
})

describe('the input of every row', () => {
  /** The paths of the values in a schema that have no bound. */
  function unbounded(schema: Json, at: string): string[] {
    const either: Json[] = schema.anyOf ?? schema.oneOf
    if (either) return either.flatMap((one) => unbounded(one, at))
    if (schema.allOf) return schema.allOf.every((one: Json) => unbounded(one, at).length > 0) ? [at] : []
    if (schema.const !== undefined || schema.enum || schema.type === 'null' || schema.type === 'boolean')
      return []
    switch (schema.type) {
      case 'string':
        // a format with a fixed length is a bound; a pattern with repetition is not
        return schema.maxLength !== undefined || ['date-time', 'date', 'uuid'].includes(schema.format)
          ? []
          : [at]
      case 'integer':
      case 'number':
        return schema.minimum !== undefined && schema.maximum !== undefined ? [] : [at]
      case 'array':
        return schema.maxItems === undefined ? [at] : unbounded(schema.items, `${at}[]`)
      case 'object': {
        const members = Object.entries(schema.properties ?? {}).flatMap(([name, member]) =>
          unbounded(member, `${at}.${name}`),
        )
        const open = schema.additionalProperties
        return typeof open === 'object' && schema.maxProperties === undefined
          ? [...members, `${at}.*`]
          : members
      }
      default:
        return [at]
    }
  }

  it('is one flat object', () => {
    expect(named(rows.filter((row) => inputOf(row).type !== 'object'))).toEqual([])
  })

  it('is bounded in every text, list and number', () => {
    expect(rows.flatMap((row) => unbounded(inputOf(row), row.name))).toEqual([])
  })

  it('names its fields in snake_case, and every parameter of its path', () => {
    const wrong = rows.flatMap((row) => {
      const fields = Object.keys(inputOf(row).properties ?? {})
      const parameters = [...row.path.matchAll(/:(\w+)/g)].map((match) => match[1] ?? '')
      const missing = parameters.filter((name) => !fields.includes(name))
      return [...fields.filter((field) => !/^[a-z][a-z0-9_]*$/.test(field)), ...missing].map(
        (field) => `${row.name}: ${field}`,
      )
    })
    expect(wrong).toEqual([])
  })

  it('strips fields that it does not declare', async () => {
    const wrong: string[] = []
    for (const row of rows) {
      const parsed = row.input.safeParse({ is_admin: true, roles: ['super_admin'], status: 'active' })
      const undeclared = ['is_admin', 'roles', 'status'].filter((name) => !inputOf(row).properties?.[name])
      if (parsed.success && undeclared.some((name) => name in (parsed.data as object))) wrong.push(row.name)
    }
    expect(wrong).toEqual([])
  })
})

describe('the contract', () => {
  const API: readonly string[] = [
    'POST auth/register', 'POST auth/login', 'POST auth/logout', 'GET auth/me', 'GET auth/sessions', 'DELETE auth/sessions/:id',
    'DELETE auth/sessions', 'GET auth/validate', 'GET auth/csrf', 'POST auth/verify-email', 'POST auth/verify-email/resend',
    'GET auth/api-keys', 'POST auth/api-keys', 'DELETE auth/api-keys/:id', 'POST auth/api-keys/:id/rotate',
    'GET users/:id/api-keys', 'DELETE users/:id/api-keys/:key_id',
    'GET users/me/organizations', 'POST auth/organization', 'POST organizations', 'GET organizations', 'GET organizations/:id', 'PATCH organizations/:id',
    'DELETE organizations/:id', 'GET organizations/:id/members', 'POST organizations/:id/members', 'DELETE organizations/:id/members/:user_id',
    'PATCH organizations/:id/members/:user_id/role', 'GET organizations/:id/invitations', 'POST organizations/:id/invitations', 'GET organizations/:id/roles', 'POST organizations/:id/roles',
    'POST auth/password/forgot', 'POST auth/password/reset', 'POST auth/refresh', 'POST auth/revoke', 'POST auth/token', 'POST auth/tokens', 'DELETE auth/tokens', 'GET users/me', 'PATCH users/me', 'DELETE users/me', 'POST users/me/password',
  ] // biome-ignore format: a table

  it('names these routes of the API', () => {
    const there = api().map(({ method, path }) => `${method} ${path.replace('/api/v1/', '')}`)
    expect(API.filter((place) => !there.includes(place))).toEqual([])
    expect(there).toEqual(expect.arrayContaining(['GET /csrf', 'GET /.well-known/jwks.json']))
  })

  const FORMS: Readonly<Record<string, readonly string[]>> = {
    '/sign-in': ['identifier', 'password', 'remember_me', 'return_to'],
    '/sign-up': ['email', 'password', 'full_name', 'return_to'],
    '/forgot-password': ['email'],
    '/reset-password': ['token', 'password'],
    '/verify-email': ['token'],
    '/setup/:token': ['email', 'password', 'full_name'],
    '/account': ['full_name'],
    '/account/api-keys': [
      'name',
      'description',
      'environment',
      'expires_in',
      'access',
      'permission_0',
      'more_permissions',
    ],
    '/account/organizations': ['name', 'slug'],
    '/invitations/:id/accept': ['token'],
    '/invitations/:id/decline': ['token'],
  }

  it('names these pages, and the fields of their forms', () => {
    for (const [path, fields] of Object.entries(FORMS)) {
      const row = pages().find((one) => one.path === path && one.method === 'POST')
      expect(
        pages().some((one) => one.path === (row?.formAt ?? path) && one.method === 'GET'),
        path,
      ).toBe(true)
      expect(Object.keys(row ? inputOf(row).properties : {}), path).toEqual(
        expect.arrayContaining([...fields]),
      )
    }
    for (const path of [
      '/sign-out',
      '/account/security',
      '/account/security/password',
      '/account/sessions',
    ]) {
      expect(
        pages().some((one) => one.path === path && one.method === 'GET'),
        path,
      ).toBe(true)
    }
  })

  it('every form on a page posts to a row that takes exactly its fields', async () => {
    const setup = new URL((await world.app.setupLink()) ?? '').pathname
    const visits: [Client, string][] = [
      ...['/sign-in', '/sign-up', '/forgot-password', setup].map((path): [Client, string] => [
        world.client(),
        path,
      ]),
      ...[
        '/account',
        '/account/security',
        '/account/security/password',
        '/account/sessions',
        '/account/api-keys',
        '/account/organizations',
        '/account/access',
        '/account/delete',
        '/sign-out',
      ].map((path): [Client, string] => [ada.client, path]),
    ]
    let forms = 0
    for (const [client, path] of visits) {
      const { status, text } = await client.get(path, { headers: { accept: 'text/html' } })
      expect(status, path).toBe(200)
      expect(text, path).toMatch(/<meta name="csrf-token" content="[\w-]+\.[\w-]+"/)
      for (const form of text.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/g)) {
        forms += 1
        const action = /\baction="([^"]*)"/.exec(form[1] ?? '')?.[1] ?? path
        expect(form[1], `a form of ${path}`).toMatch(/\bmethod="post"/i)
        const row = pages().find(
          (one) =>
            one.method === 'POST' && new RegExp(`^${one.path.replace(/:\w+/g, '[^/]+')}$`).test(action),
        )
        expect(row, `the form of ${path} to ${action}`).toBeDefined()
        if (!row) continue
        const { properties, required = [] } = inputOf(row)
        const inPath = [...row.path.matchAll(/:(\w+)/g)].map((match) => match[1])
        const fields = [
          ...(form[2] ?? '').matchAll(/<(?:input|select|textarea|button)\b[^>]*?\bname="([^"]+)"/g),
        ].map((match) => match[1] ?? '')
        expect(fields, `the form of ${path} to ${action}`).toContain('csrf_token')
        expect(
          fields.filter((field) => field !== 'csrf_token' && !(field in properties)),
          `${path} → ${action}`,
        ).toEqual([])
        expect(
          required.filter((field: string) => !fields.includes(field) && !inPath.includes(field)),
          `${path} → ${action}`,
        ).toEqual([])
      }
    }
    expect(forms).toBeGreaterThan(10)
  })
})

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
    for (const row of pages().filter((one) => isUnsafe(one) && !one.anonymous)) {
      // a visitor is signed out already
      const isVisitors = row.needs === undefined && row.name !== 'pages.sign_out.submit'
      const person = isVisitors ? world.client() : cookieOnly(ada)
      expect({ row: row.name, status: (await send(person, row)).status }).toEqual({
        row: row.name,
        status: 403,
      })
    }
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
