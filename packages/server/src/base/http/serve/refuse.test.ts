/** Error pages of requests that no row answers: only the session of a browser is looked up. */
import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { keyring } from '../../crypto.ts'
import { isTokenOf } from '../request/csrf.ts'
import type { Row } from '../row/route.ts'
import { type HttpResponse, people, route, type Serving, serve, signedInAs } from '../testing.ts'

const HTML = { accept: 'text/html,application/xhtml+xml' }
const rows: Row[] = [
  route({
    name: 'test.made',
    method: 'POST',
    path: '/made',
    summary: 'Make',
    open: 'a test',
    quiet: 'a test',
    tag: 'Test',
    input: z.object({}),
    output: z.null(),
    run: async () => ({ data: null }),
  }),
]

const attribute = ({ text }: HttpResponse, name: string) =>
  new RegExp(` data-${name}="([^"]*)"`).exec(text)?.[1]
const looked = async (on: Serving, check: ReturnType<typeof vi.fn>, path: string, init: RequestInit) => {
  check.mockClear()
  const answer = await on.ask(path, init)
  return { answer, looks: check.mock.calls.length }
}

const check = vi.fn(people.check)
const server = await serve(rows, { authenticator: { check } })

describe('the error page of an unknown path or method', () => {
  it.each([
    ['/nothing', 'GET', 404],
    ['/made', 'GET', 405],
    ['/nothing', 'POST', 404],
  ])('of %s with %s has the signed-in user in its header', async (path, method, status) => {
    const headers = { ...HTML, ...signedInAs('ada') }
    const { answer, looks } = await looked(server, check, path, { method, headers })
    expect([answer.status, attribute(answer, 'name'), looks]).toEqual([status, 'ada', 1])
    const call = { session: { id: 'ses_ada' }, cookies: {} } as unknown as Parameters<typeof isTokenOf>[1]
    expect(isTokenOf(keyring('a secret for tests'), call, attribute(answer, 'token') ?? '')).toBe(true)
  })

  it('has a user in its header whose authentication is too old for some pages', async () => {
    const { answer } = await looked(server, check, '/nothing', {
      headers: { ...HTML, ...signedInAs('late') },
    })
    expect([answer.status, attribute(answer, 'name')]).toEqual([404, 'late'])
  })

  it.each(['old', 'unknown'])('has no user in its header if the session is invalid (%s)', async (name) => {
    const { answer } = await looked(server, check, '/nothing', { headers: { ...HTML, ...signedInAs(name) } })
    expect([answer.status, attribute(answer, 'name'), attribute(answer, 'token')]).toEqual([404, '', 'null'])
  })

  const NOT_LOOKED_UP: readonly [string, string, Record<string, string>][] = [
    ['who brings no session', '/nothing', HTML],
    ['who brings another cookie', '/nothing', { ...HTML, cookie: 'lk_device=x' }],
    ['who brings two sessions', '/nothing', { ...HTML, cookie: 'lk_session=st_ada; lk_session=st_ben' }],
    ['who asks for no page', '/nothing', signedInAs('ada')],
    ['who asks for JSON', '/nothing', { accept: 'application/json', ...signedInAs('ada') }],
    ['who asks the API', '/api/v1/nothing', { ...HTML, ...signedInAs('ada') }],
    ['a program', '/nothing', { ...HTML, ...signedInAs('ada'), authorization: 'Bearer st_ben' }],
    ['a key', '/nothing', { ...HTML, ...signedInAs('ada'), 'x-api-key': 'lk_live_ada' }],
  ]
  it.each(NOT_LOOKED_UP)('looks up no session for %s', async (_, path, headers) => {
    const { answer, looks } = await looked(server, check, path, { headers })
    expect([answer.status, looks, attribute(answer, 'name') ?? '']).toEqual([404, 0, ''])
  })

  it('has no user in its header if the database is unreachable or does not answer in time', async () => {
    const away = await serve(rows, { authenticator: { check: () => Promise.reject(new Error('away')) } })
    const mute = await serve(rows, { authenticator: { check: () => new Promise(() => {}) } })
    for (const on of [away, mute]) {
      const answer = await on.ask('/nothing', { headers: { ...HTML, ...signedInAs('ada') } })
      expect([answer.status, attribute(answer, 'name')]).toEqual([404, ''])
      expect(on.logged).toEqual([])
    }
  })
})
