import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { problem } from '../errors.ts'
import { type Row, route } from './route.ts'
import { serve, signedInAs } from './testing.ts'

const open = { open: 'a test', quiet: 'a test', tag: 'Test' } as const
const secretive = { password_hash: 'x' }
const rows: Row[] = [
  route({
    ...open, name: 'echo', method: 'POST', path: '/api/v1/echo', summary: 'Say it back',
    input: z.object({ text: z.string(), n: z.number().optional() }),
    output: z.object({ text: z.string() }),
    run: async (_call, { text }) => ({ data: { text, ...secretive } }),
  }),
  route({
    ...open, name: 'thing', method: 'GET', path: '/api/v1/things/:id', summary: 'Get a thing',
    input: z.object({ id: z.string(), view: z.string().optional() }),
    output: z.object({ id: z.string(), view: z.string().nullable() }),
    run: async (_call, { id, view }) => ({ data: { id, view: view ?? null } }),
  }),
  route({
    ...open, name: 'call', method: 'GET', path: '/api/v1/call', summary: 'Show the call', input: z.object({}),
    output: z.object({ call: z.unknown(), frozen: z.boolean() }),
    run: async (call) => ({ data: { call, frozen: Object.isFrozen(call) } }),
  }),
  route({
    ...open, name: 'list', method: 'GET', path: '/api/v1/list', summary: 'List things', input: z.object({ limit: z.string().optional() }),
    output: z.array(z.object({ id: z.string() })),
    run: async () => ({ data: [{ id: 'a' }], nextCursor: 'c/1' }),
  }),
  route({
    ...open, name: 'broken', method: 'GET', path: '/api/v1/broken', summary: 'Break', input: z.object({}), output: z.null(),
    run: async () => {
      throw new Error('the password is hunter2')
    },
  }),
  route({
    ...open, name: 'unreachable', method: 'GET', path: '/api/v1/unreachable', summary: 'Lose the database', input: z.object({}), output: z.null(),
    run: async () => {
      throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
    },
  }),
  route({
    ...open, name: 'misshapen', method: 'GET', path: '/api/v1/misshapen', summary: 'Answer wrongly', input: z.object({}),
    output: z.object({ n: z.number() }),
    run: async () => ({ data: { n: 'one' as unknown as number } }),
  }),
  route({
    ...open, name: 'locked', method: 'GET', path: '/api/v1/locked', summary: 'Be locked', input: z.object({}), output: z.null(),
    run: async () => {
      throw problem('ACCOUNT_LOCKED', { details: { lockout_duration: 900 }, retryAfter: 900 })
    },
  }),
  route({
    tag: 'Test', quiet: 'a test', name: 'mine', method: 'GET', path: '/api/v1/mine', summary: 'See mine', needs: 'session',
    input: z.object({}), output: z.object({ who: z.string() }),
    run: async (call) => ({ data: { who: call.principal?.username ?? '' } }),
  }),
] // biome-ignore format: a table

const server = await serve(rows)

describe('the standard envelope', () => {
  it('wraps a success', async () => {
    const { status, json, headers } = await server.ask('/api/v1/things/7?view=x', {
      headers: { 'x-request-id': 'abc-1' },
    })
    expect(status).toBe(200)
    expect(json).toEqual({
      success: true,
      code: 200,
      message: 'Get a thing.',
      data: { id: '7', view: 'x' },
      request_id: 'abc-1',
      version: '1.0',
      metadata: { timestamp: expect.stringMatching(/^\d{4}-.*Z$/), version: 'v1', request_id: 'abc-1' },
    })
    expect([...headers.keys()].sort()).toEqual([
      'cache-control', 'connection', 'content-length', 'content-type', 'date', 'keep-alive', 'x-content-type-options', 'x-request-id',
    ]) // biome-ignore format: a list
  })

  it('wraps a failure', async () => {
    const { status, json, headers } = await server.ask('/api/v1/locked')
    expect(status).toBe(423)
    expect(json).toMatchObject({
      success: false,
      code: 423,
      message: 'Too many failed attempts. Try again later.',
      error: { code: 'ACCOUNT_LOCKED', type: 'AUTHENTICATION_ERROR', details: { lockout_duration: 900 } },
      version: '1.0',
    })
    expect(headers.get('retry-after')).toBe('900')
  })

  it('keeps undeclared fields in', async () => {
    const { json } = await server.ask('/api/v1/echo', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"text":"hi","role":"admin"}',
    })
    expect(json.data).toEqual({ text: 'hi' })
  })

  it('lets a signed-in caller through', async () => {
    expect((await server.ask('/api/v1/mine', { headers: signedInAs('ada') })).json.data).toEqual({
      who: 'ada',
    })
  })
})
