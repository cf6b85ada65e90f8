/** RFC 9728, OAuth 2.0 Protected Resource Metadata: the document, its address, and the challenges that lead to it. */

import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ProtectedResource, protectedResource } from '../index.ts'
import { type Counterpart, opaqueOf, startCounterpart } from '../testing/counterpart.ts'
import { RESOURCE, resourceProbe, tokenForResource } from '../testing/resource.ts'

let server: Counterpart
beforeAll(async () => {
  server = await startCounterpart()
})
afterAll(() => server.close())

const resource = (identifier: string) =>
  protectedResource({ resource: identifier, issuer: 'https://id.example.com' })

describe('the metadata (§2)', () => {
  it('names resource, server, scopes, the way of sending tokens and the algorithms of proofs, and has no empty member', () => {
    expect(resourceProbe(server).api.metadata.document).toEqual({
      resource: RESOURCE,
      authorization_servers: [server.issuer],
      scopes_supported: ['notes:read', 'notes:write'],
      bearer_methods_supported: ['header'],
      dpop_signing_alg_values_supported: ['ES256', 'EdDSA', 'PS256', 'RS256'],
    })
  })

  it('names what users and developers read, and that proofs are required', () => {
    const pages = {
      documentation: 'https://a.example/docs',
      policy: 'https://a.example/policy',
      terms: 'https://a.example/terms',
    }
    const { document } = resourceProbe(server, {
      name: 'Notes',
      ...pages,
      dpop: { required: true, algorithms: ['ES256'] },
    }).api.metadata
    expect(document).toMatchObject({
      resource_name: 'Notes',
      resource_documentation: pages.documentation,
      resource_policy_uri: pages.policy,
      resource_tos_uri: pages.terms,
      dpop_signing_alg_values_supported: ['ES256'],
      dpop_bound_access_tokens_required: true,
    })
    expect(resourceProbe(server, { dpop: false }).api.metadata.document).not.toHaveProperty(
      'dpop_signing_alg_values_supported',
    )
  })
})

describe('its address (§3.1)', () => {
  it.each([
    ['https://api.example.com', '/.well-known/oauth-protected-resource'],
    ['https://api.example.com/', '/.well-known/oauth-protected-resource'],
    ['https://api.example.com/mcp', '/.well-known/oauth-protected-resource/mcp'],
    ['https://api.example.com:8443/a/b/', '/.well-known/oauth-protected-resource/a/b/'],
    ['http://localhost:3000/mcp', '/.well-known/oauth-protected-resource/mcp'],
  ])('of %s has the path between host and path', (identifier, path) => {
    const { metadata } = resource(identifier)
    expect([metadata.path, metadata.url]).toEqual([path, new URL(identifier).origin + path])
    // §3.3: the document names the resource as clients know it
    expect(metadata.document.resource).toBe(identifier)
  })

  it.each([
    'http://api.example.com/',
    'https://api.example.com/#a',
    'https://api.example.com/?a',
    'https://u:p@api.example.com/',
    'api',
    'ftp://localhost/',
  ])('is not made of %s (§1.2)', (identifier) => {
    expect(() => resource(identifier)).toThrow(/must be an https URL/)
  })
})

const listen = (listener: RequestListener): Promise<Server> =>
  new Promise((resolve) => {
    const opened = createServer(listener).listen(0, '127.0.0.1', () => resolve(opened))
  })

/** An app for each framework: the metadata, and one route that requires a scope. */
const APPS: Readonly<Record<string, (api: ProtectedResource) => Promise<Server>>> = {
  async express(api) {
    const app = express()
    app.all(api.metadata.path, api.metadata.express)
    app.get('/notes', api.express({ scopes: 'notes:read' }), (_req, res) => void res.json({}))
    return listen(app)
  },
  async fastify(api) {
    const app = fastify()
    app.all(api.metadata.path, api.metadata.fastify)
    app.get('/notes', { onRequest: api.fastify({ scopes: 'notes:read' }) }, async () => ({}))
    await app.listen({ port: 0, host: '127.0.0.1' })
    return app.server
  },
  async hono(api) {
    const app = new Hono()
    app.all(api.metadata.path, api.metadata.hono)
    app.get('/notes', api.hono({ scopes: 'notes:read' }), (c) => c.json({}))
    return new Promise((resolve) => {
      const opened = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () =>
        resolve(opened as Server),
      )
    })
  },
  async koa(api) {
    const app = new Koa()
    const guarded = api.koa({ scopes: 'notes:read' })
    app.use((ctx, next) =>
      ctx.path === api.metadata.path ? api.metadata.koa(ctx, next) : guarded(ctx, next),
    )
    app.use((ctx) => {
      ctx.body = '{}'
    })
    return listen(app.callback())
  },
  async 'node:http'(api) {
    const guarded = api.node((_req, res) => res.end('{}'), { scopes: 'notes:read' })
    return listen(
      (req, res) => void (req.url === api.metadata.path ? api.metadata.node(req, res) : guarded(req, res)),
    )
  },
  async 'web Request'(api) {
    const guarded = api.web(() => Response.json({}), { scopes: 'notes:read' })
    const fetch = (request: Request) =>
      new URL(request.url).pathname === api.metadata.path ? api.metadata.web(request) : guarded(request)
    return new Promise((resolve) => {
      const opened = serve({ fetch, port: 0, hostname: '127.0.0.1' }, () => resolve(opened as Server))
    })
  },
}

describe.each(Object.entries(APPS))('with %s', (_name, open) => {
  it('the metadata is there for any origin, and a challenge leads to it with the scope that is needed (§5.1)', async () => {
    const { api } = resourceProbe(server)
    const app = await open(api)
    try {
      const url = `http://127.0.0.1:${(app.address() as AddressInfo).port}`
      const read = await fetch(url + api.metadata.path)
      expect([
        read.status,
        read.headers.get('content-type'),
        read.headers.get('access-control-allow-origin'),
      ]).toEqual([200, expect.stringMatching(/^application\/json\b/), '*'])
      expect(await read.json()).toEqual(api.metadata.document)
      const preflight = await fetch(url + api.metadata.path, { method: 'OPTIONS' })
      expect([preflight.status, preflight.headers.get('access-control-allow-methods')]).toEqual([
        204,
        'GET, HEAD',
      ])
      const posted = await fetch(url + api.metadata.path, { method: 'POST' })
      expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS'])

      const refused = await fetch(`${url}/notes`)
      expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
        401,
        `Bearer realm="latchkey", scope="notes:read", resource_metadata="${api.metadata.url}", DPoP realm="latchkey", scope="notes:read", algs="ES256 EdDSA PS256 RS256", resource_metadata="${api.metadata.url}"`,
      ])
      const authorization = `Bearer ${await tokenForResource(server)}`
      expect((await fetch(`${url}/notes`, { headers: { authorization } })).status).toBe(200)
    } finally {
      await new Promise((resolve) => app.close(resolve))
    }
  })
})

describe('challenges (§5.1)', () => {
  it('have the scopes of the HTTP method, and none where the rule names none', async () => {
    const { send } = resourceProbe(server)
    const rule = { scopes: 'notes:read', methods: { GET: {}, POST: { scopes: ['notes:write'] } } }
    expect((await send({}, { rule })).challenge).toContain('scope="notes:read"')
    expect((await send({}, { rule, method: 'HEAD' })).challenge).toContain('scope="notes:read"')
    expect((await send({}, { rule, method: 'POST' })).challenge).toContain('scope="notes:read notes:write"')
    expect((await send()).challenge).not.toContain('scope=')
  })

  it('lead to the metadata where a token lacks a scope, and after an answer without an adapter', async () => {
    const { api, send } = resourceProbe(server)
    const authorization = `Bearer ${await tokenForResource(server)}`
    const { status, challenge } = await send(
      { authorization },
      { rule: { scopes: ['notes:read', 'notes:write'] } },
    )
    expect([status, challenge]).toEqual([
      403,
      `Bearer realm="latchkey", error="insufficient_scope", scope="notes:read notes:write", resource_metadata="${api.metadata.url}"`,
    ])
    const request = new Request(RESOURCE)
    const error = await api
      .authenticate(request, { scopes: 'notes:write' })
      .catch((thrown: unknown) => thrown)
    expect(api.answer(error, request).headers['www-authenticate']).toContain(
      'scope="notes:write", resource_metadata=',
    )
  })
})

describe('tokens', () => {
  it('are accepted for this resource alone (§7.4, RFC 8707 §2)', async () => {
    const { send, reasons } = resourceProbe(server)
    for (const aud of [
      server.issuer,
      `${RESOURCE}/`,
      'https://api.example.com',
      'https://api.example.com/notes2',
      undefined,
    ]) {
      const authorization = `Bearer ${await tokenForResource(server, { aud })}`
      expect([aud, (await send({ authorization })).code]).toEqual([aud, 'INVALID_TOKEN'])
    }
    expect(new Set(reasons)).toEqual(new Set(['the audience is not accepted']))
    const several = `Bearer ${await tokenForResource(server, { aud: ['https://other.example', RESOURCE] })}`
    expect((await send({ authorization: several })).status).toBe(200)
  })

  it('are the only credential: no API key, no session and no cookie of the server', async () => {
    const { send } = resourceProbe(server)
    const [key, session] = [opaqueOf(server, 'api_key'), opaqueOf(server, 'session')]
    const sent = [
      { authorization: `Bearer ${key}` },
      { authorization: `Bearer ${session}` },
      { 'x-api-key': key },
      { cookie: `lk_session=${session}` },
    ]
    for (const headers of sent) expect((await send(headers as Record<string, string>)).status).toBe(401)
  })

  it('are refused when they are revoked, and with 503 while revocations are not known', async () => {
    const { api, send } = resourceProbe(server, { credential: server.guardCredential })
    const token = await tokenForResource(server, { jti: 'tok_1' })
    const headers = { authorization: `Bearer ${token}` }
    await expect.poll(() => api.state()).toBe('connected')
    expect((await send(headers)).status).toBe(200)
    server.revoke({ kind: 'jti', value: 'tok_1' })
    await expect.poll(async () => (await send(headers)).code).toBe('INVALID_TOKEN')
    server.cut()
    await expect.poll(() => api.state()).toBe('asking')
    const other = { authorization: `Bearer ${await tokenForResource(server)}` }
    expect((await send(other)).status).toBe(503)
    server.back()
    api.close()
  })
})

describe('options', () => {
  it('are refused where they are misspelt, and rules that name a scope which the resource does not have', () => {
    const given = { resource: RESOURCE, issuer: 'https://id.example.com' }
    expect(() => protectedResource({ ...given, scope: ['a'] } as never)).toThrow(
      /no option scope; did you mean scopes/,
    )
    expect(() => protectedResource({ ...given, scopes: ['a b'] })).toThrow(/without spaces/)
    expect(() => protectedResource({ ...given, revocation: 'ask' })).toThrow(/stream or none/)
    expect(() => protectedResource({ ...given, dpop: { maxAge: 0 } })).toThrow(/maxAge/)
    expect(() => protectedResource({ ...given, dpop: { algorithms: ['HS256'] } })).toThrow(/asymmetric/)
    const { api } = resourceProbe(server)
    expect(() => api.express({ scopes: 'notes:raed' })).toThrow(
      /no scope notes:raed; did you mean notes:read/,
    )
    expect(() => api.express({ methods: { POST: { scopes: { anyOf: ['notes:delete'] } } } })).toThrow(
      /notes:delete/,
    )
  })
})
