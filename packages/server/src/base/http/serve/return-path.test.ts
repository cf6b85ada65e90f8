/** The error page of a refused form links to an existing page and keeps the values that this page reads. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { problem } from '../../errors.ts'
import type { PageAnswer, Row } from '../row/route.ts'
import { type HttpResponse, page, serve, signedInAs } from '../testing.ts'

const base = { quiet: 'a test', summary: 'Test', input: z.object({}) } as const
const open = { ...base, open: 'a test' } as const
const drawn = { page: { props: { children: 'a form' } }, title: 'A form' } as unknown as PageAnswer
const ReturnTo = z.string().max(100).optional()
const AtForm = z.object({ token: z.string().max(5).optional(), return_to: ReturnTo })
const Sent = z.object({ name: z.string().optional(), return_to: ReturnTo })
const broken = () => Promise.reject(new Error('broken'))

const rows: Row[] = [
  page({ ...open, name: 'form', method: 'GET', path: '/form', input: AtForm, run: async () => drawn }),
  page({ ...open, name: 'form.submit', method: 'POST', path: '/form', input: Sent, run: broken }),
  page({ ...base, needs: 'session', name: 'item', method: 'GET', path: '/items/:id', input: z.object({ id: z.string() }), run: async () => drawn }),
  page({ ...base, needs: 'session', name: 'item.end', method: 'POST', path: '/items/:id/end', formAt: '/items/:id', input: z.object({ id: z.string() }), run: broken }),
  page({ ...base, needs: 'session', fresh: '10m', name: 'item.renew', method: 'POST', path: '/items/:id/renew', formAt: '/items/:id', input: z.object({ id: z.string() }), run: broken }),
  page({ ...base, needs: 'session', name: 'profile', method: 'GET', path: '/profile', input: AtForm, run: async () => drawn }),
  page({ ...base, needs: 'session', name: 'profile.submit', method: 'POST', path: '/profile', input: Sent, run: broken }),
  page({ ...open, name: 'lonely', method: 'POST', path: '/lonely', run: broken }),
  page({ ...open, name: 'limited', method: 'POST', path: '/limited', formAt: '/form', limit: { by: 'ip', max: 1, per: '1h' }, run: broken }),
  page({ ...open, name: 'unavailable', method: 'GET', path: '/unavailable', run: () => Promise.reject(problem('UNAVAILABLE')) }),
] // biome-ignore format: a table

const server = await serve(rows)
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const FOREIGN = { origin: 'https://evil.example' }
const send = (
  path: string,
  body: Record<string, string>,
  headers: Record<string, string> = {},
  on = server,
) => on.ask(path, { method: 'POST', headers: { ...FORM, ...headers }, body: new URLSearchParams(body) })

const pathOf = ({ text }: HttpResponse) => ({
  code: /<title>(\w+)/.exec(text)?.[1],
  retry: / data-retry="([^"]*)"/.exec(text)?.[1],
  returnTo: / data-return-to="([^"]*)"/.exec(text)?.[1],
})

describe('the error page of a form links back to the page of the form', () => {
  it('with return_to', async () => {
    const answer = await send('/form', { return_to: '/items/1?a=b&c=d', name: 'Ada' }, signedInAs('ada'))
    expect(pathOf(answer)).toEqual({
      code: 'CSRF_FAILED',
      retry: '/form?return_to=%2Fitems%2F1%3Fa%3Db%26c%3Dd',
      returnTo: '/items/1?a=b&c=d',
    })
  })

  it('also if the form was refused before it was read', async () => {
    const foreign = await send('/form', { return_to: '/items/1' }, { ...signedInAs('ada'), ...FOREIGN })
    expect(pathOf(foreign)).toMatchObject({ code: 'CSRF_FAILED', retry: '/form?return_to=%2Fitems%2F1' })
    const on = await serve(rows, { config: { rateLimits: 'standard' } })
    await send('/limited', {}, {}, on)
    const limited = await send('/limited', { return_to: '/items/1' }, {}, on)
    expect(pathOf(limited)).toMatchObject({
      code: 'RATE_LIMIT_EXCEEDED',
      retry: '/form?return_to=%2Fitems%2F1',
    })
  })

  it('with the fields that the page reads and accepts, and no others', async () => {
    const { text } = await send('/form', { token: 'abc', name: 'Ada', password: 'hunter2' })
    expect(pathOf({ text } as HttpResponse).retry).toBe('/form?token=abc')
    expect(text).not.toMatch(/Ada|hunter2/)
    for (const fields of [{ token: 'too long' }, { token: '' }, { return_to: 'x'.repeat(101) }]) {
      expect(pathOf(await send('/form', fields as unknown as Record<string, string>)).retry).toBe('/form')
    }
  })

  it('at the path of the page, with the path parameters', async () => {
    const answer = await send('/items/a%2Fb%20c/end', {}, { ...signedInAs('ada'), ...FOREIGN })
    expect(pathOf(answer).retry).toBe('/items/a%2Fb%20c')
  })

  it('if the form cannot be read', async () => {
    const answer = await server.ask('/form', { method: 'POST', headers: FORM, body: 'return_to=%ff' })
    expect(pathOf(answer)).toEqual({ code: 'BAD_REQUEST', retry: '/form', returnTo: '' })
    const tooLong = await server.ask('/form', {
      method: 'POST',
      headers: FORM,
      body: `return_to=/a&x=${'x'.repeat(70_000)}`,
    })
    expect(pathOf(tooLong)).toEqual({ code: 'PAYLOAD_TOO_LARGE', retry: '/form', returnTo: '' })
  })

  it('and to the start page if there is no such page', async () => {
    expect(pathOf(await send('/lonely', {})).retry).toBe('/')
  })
})

describe('a form of a user whose session has ended', () => {
  it('links to sign-in, which returns to the page of the form', async () => {
    const expired = await send('/profile', { return_to: '/items/1' }, signedInAs('old'))
    const page = '/profile?return_to=%2Fitems%2F1'
    expect([expired.status, pathOf(expired)]).toEqual([
      401,
      { code: 'SESSION_EXPIRED', retry: page, returnTo: page },
    ])
    const ended = await send('/items/7/end', {}, signedInAs('unknown'))
    expect(pathOf(ended)).toMatchObject({ code: 'INVALID_TOKEN', returnTo: '/items/7' })
    expect(pathOf(await send('/items/7/end', {}))).toMatchObject({
      code: 'AUTHENTICATION_REQUIRED',
      returnTo: '/items/7',
    })
  })
})

it('the error page of a GET request links to the same address', async () => {
  expect(pathOf(await server.ask('/unavailable'))).toEqual({ code: 'UNAVAILABLE', retry: '', returnTo: '' })
})

describe('the path of a form that answers POST only', () => {
  const asked = (path: string, accept = 'text/html', method = 'GET') =>
    server.ask(path, { method, headers: { accept }, redirect: 'manual' })

  it.each(['GET', 'HEAD'])('leads a browser that loads it (%s) to the page of the form', async (method) => {
    const answer = await asked('/items/a%20b/end?name=x', 'text/html', method)
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/items/a%20b'])
    expect((await asked('/limited')).headers.get('location')).toBe('/form')
  })

  it('is 405 to other clients and methods, and where there is no such page', async () => {
    for (const answer of [
      await asked('/items/1/end', 'application/json'),
      await asked('/items/1/end', 'text/html', 'DELETE'),
      await asked('/lonely'),
    ])
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST, OPTIONS'])
  })
})
