/**
 * The route table, tested as a table: what every row must declare, and what its input takes. A new row is covered without
 * being named here. How rows answer is in answers.test.ts.
 */
import { describe, expect, it } from 'vitest'
import { ERRORS } from '../packages/server/src/base/errors.ts'
import type { PageRow, Row } from '../packages/server/src/base/http/row/route.ts'
import { AUDIT_EVENTS } from '../packages/server/src/core/audit/index.ts'
import {
  ORGANIZATION_PERMISSIONS,
  SERVER_PERMISSIONS,
} from '../packages/server/src/core/permissions/index.ts'
import type { Client, Json } from '../packages/server/src/testing/client.ts'

import { ada, api, inputOf, isUnsafe, listed, named, pages, rows, startTable, world } from './routes/table.ts'

startTable()

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
    // except an export, which is recorded, signed messages that a browser brings by a redirect (SAML bindings §3.4), and the
    // answer of an identity provider and the requests of an app, which are redirects too
    const isBrought = (row: Row) =>
      row.rawQuery || ['auth.external.callback', 'oidc.authorize', 'oidc.logout'].includes(row.of.name)
    const reads = rows.filter((row) => !isUnsafe(row) && row.kind !== 'download' && !isBrought(row))
    expect(named(reads.filter((row) => row.audit !== undefined))).toEqual([])
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
          ({ path }) =>
            !/^\/$|^(?:\/\.well-known)?(?:\/(?:[a-z0-9-]+(?:\.json)?|device_authorization|:\w+))+$/.test(
              path,
            ),
        ),
      ),
    ).toEqual([])
    const elsewhere = api().filter(
      ({ path }) => !path.startsWith('/api/v1/') && !/^\/(?:csrf$|dev\/|oidc\/|\.well-known\/)/.test(path),
    )
    expect(named(elsewhere)).toEqual([])
  })
})

/** Parameters as SAML bindings §3.4 and §3.5 name them. */
const OF_SAML: readonly string[] = ['SAMLRequest', 'SAMLResponse', 'RelayState']

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
      const isNamed = (field: string) => /^[a-z][a-z0-9_]*$/.test(field) || OF_SAML.includes(field)
      return [...fields.filter((field) => !isNamed(field)), ...missing].map(
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
