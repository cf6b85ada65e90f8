/** The page of a refused form leads to a page that exists, and loses nothing on the way. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { problem } from '../../errors.ts'
import type { PageAnswer, Row } from '../row/route.ts'
import { type Answered, page, serve, signedInAs } from '../testing.ts'

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
  page({ ...open, name: 'asked', method: 'GET', path: '/asked', run: () => Promise.reject(problem('UNAVAILABLE')) }),
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

const wayOf = ({ text }: Answered) => ({
  code: /<title>(\w+)/.exec(text)?.[1],
  again: / data-again="([^"]*)"/.exec(text)?.[1],
  returnTo: / data-return-to="([^"]*)"/.exec(text)?.[1],
})

describe('a form that cannot be shown again leads back to its page', () => {
  it('with where its sender was on the way to', async () => {
    const answer = await send('/form', { return_to: '/items/1?a=b&c=d', name: 'Ada' }, signedInAs('ada'))
    expect(wayOf(answer)).toEqual({
      code: 'CSRF_FAILED',
      again: '/form?return_to=%2Fitems%2F1%3Fa%3Db%26c%3Dd',
      returnTo: '/items/1?a=b&c=d',
    })
  })

  it('also when it was refused before it was read', async () => {
    const foreign = await send('/form', { return_to: '/items/1' }, { ...signedInAs('ada'), ...FOREIGN })
    expect(wayOf(foreign)).toMatchObject({ code: 'CSRF_FAILED', again: '/form?return_to=%2Fitems%2F1' })
    const on = await serve(rows, { config: { rateLimits: 'standard' } })
    await send('/limited', {}, {}, on)
    const limited = await send('/limited', { return_to: '/items/1' }, {}, on)
    expect(wayOf(limited)).toMatchObject({
      code: 'RATE_LIMIT_EXCEEDED',
      again: '/form?return_to=%2Fitems%2F1',
    })
  })

  it('with what that page asks for and would take, and nothing else', async () => {
    const { text } = await send('/form', { token: 'abc', name: 'Ada', password: 'hunter2' })
    expect(wayOf({ text } as Answered).again).toBe('/form?token=abc')
    expect(text).not.toMatch(/Ada|hunter2/)
    for (const fields of [{ token: 'too long' }, { token: '' }, { return_to: 'x'.repeat(101) }]) {
      expect(wayOf(await send('/form', fields as unknown as Record<string, string>)).again).toBe('/form')
    }
  })

  it('at the path where it stands, parameters filled in', async () => {
    const answer = await send('/items/a%2Fb%20c/end', {}, { ...signedInAs('ada'), ...FOREIGN })
    expect(wayOf(answer).again).toBe('/items/a%2Fb%20c')
  })

  it('however it is broken', async () => {
    const answer = await server.ask('/form', { method: 'POST', headers: FORM, body: 'return_to=%ff' })
    expect(wayOf(answer)).toEqual({ code: 'BAD_REQUEST', again: '/form', returnTo: '' })
    const tooLong = await server.ask('/form', {
      method: 'POST',
      headers: FORM,
      body: `return_to=/a&x=${'x'.repeat(70_000)}`,
    })
    expect(wayOf(tooLong)).toEqual({ code: 'PAYLOAD_TOO_LARGE', again: '/form', returnTo: '' })
  })

  it('and to the way in where it has none', async () => {
    expect(wayOf(await send('/lonely', {})).again).toBe('/')
  })
})

describe('a form of somebody who is not signed in any more', () => {
  it('leads to sign-in, and from there back to the page of the form', async () => {
    const expired = await send('/profile', { return_to: '/items/1' }, signedInAs('old'))
    const page = '/profile?return_to=%2Fitems%2F1'
    expect([expired.status, wayOf(expired)]).toEqual([
      401,
      { code: 'SESSION_EXPIRED', again: page, returnTo: page },
    ])
    const ended = await send('/items/7/end', {}, signedInAs('nobody'))
    expect(wayOf(ended)).toMatchObject({ code: 'INVALID_TOKEN', returnTo: '/items/7' })
    expect(wayOf(await send('/items/7/end', {}))).toMatchObject({
      code: 'AUTHENTICATION_REQUIRED',
      returnTo: '/items/7',
    })
  })

  it('is sent to prove it anew, or to a new password, and from there back to the page of the form', async () => {
    const late = await send('/items/7/renew', {}, signedInAs('late'))
    expect(late.headers.get('location')).toBe('/sign-in?return_to=%2Fitems%2F7&notice=step_up')
    const limited = await send('/items/7/end', {}, signedInAs('limited'))
    expect(limited.headers.get('location')).toBe('/account/security?return_to=%2Fitems%2F7')
  })
})

it('a page that was only asked for is asked for anew', async () => {
  expect(wayOf(await server.ask('/asked'))).toEqual({ code: 'UNAVAILABLE', again: '', returnTo: '' })
})
