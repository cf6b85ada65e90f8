/** Strict input over real requests: undeclared members, null, and empty parameters. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { page, route, serve, stream } from '../testing.ts'

const open = { open: 'a test', quiet: 'a test', tag: 'Test', output: z.unknown() } as const
const echo = async (_call: unknown, input: unknown) => ({ data: input })

const Body = z.object({
  name: z.string().min(2),
  full_name: z.string().optional(),
  permissions: z.array(z.string()).default([]),
  user: z
    .object({ username: z.string(), address: z.object({ city: z.string().optional() }).optional() })
    .optional(),
  rows: z.array(z.object({ key: z.string() })).optional(),
  labels: z.record(z.string(), z.object({ color: z.string() })).optional(),
  any: z.looseObject({ id: z.string() }).optional(),
  kind: z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]).optional(),
  note: z.preprocess((value) => (value === '' ? undefined : value), z.string().nullable().optional()),
  count: z.coerce.number().optional(),
})

const server = await serve(
  [
    route({ ...open, name: 'a.make', summary: 'Make', method: 'POST', path: '/make', input: Body, run: echo }),
    route({ ...open, name: 'a.patch', summary: 'Change', method: 'PATCH', path: '/items/:id', input: Body.partial().extend({ id: z.string(), locale: z.string().nullable().optional() }), run: echo }),
    route({ ...open, name: 'a.list', summary: 'List', method: 'GET', path: '/items', input: z.object({ limit: z.coerce.number().optional(), search: z.string().optional(), must: z.string().min(1).optional() }), run: echo }),
    route({ ...open, name: 'a.end', summary: 'End', method: 'DELETE', path: '/items/:id', input: z.object({ id: z.string(), force: z.string().optional() }), run: echo }),
    route({ ...open, name: 'a.judged', summary: 'Judge', method: 'POST', path: '/judged', input: z.object({ name: z.string(), password: z.string() }), run: echo, judge: async (valid) => ('password' in valid ? [{ field: 'password', code: 'breached', message: 'Is known.' }] : []) }),
    route({ ...open, name: 'a.protocol', summary: 'Speak', method: 'POST', path: '/protocol', style: 'oauth', input: z.object({ a: z.string() }), run: echo }),
    route({ ...open, name: 'a.probe', summary: 'Probe', method: 'GET', path: '/probe', lenient: 'a test', input: z.object({}), run: echo }),
    route({ ...open, name: 'a.login', summary: 'Sign in', method: 'POST', path: '/login', input: z.object({ password: z.string() }), run: echo, withKey: async () => ({ data: 'by key' }) }),
    stream({ name: 'a.stream', summary: 'Stream', method: 'GET', path: '/stream', open: 'a test', quiet: 'a test', input: z.object({}), run: async (_call, _input, stream) => stream.end() }),
    page({ name: 'a.posted', summary: 'Take', method: 'POST', path: '/posted', open: 'a test', quiet: 'a test', crossSite: 'a test', repeats: ['many'], input: z.object({ one: z.string().optional(), many: z.array(z.string()).optional() }), run: async (_call, { one, many }) => ({ redirect: `/${one ?? 'absent'}/${many?.join('+') ?? 'absent'}` }) }),
    page({ name: 'a.page', summary: 'Show', method: 'GET', path: '/page', open: 'a test', quiet: 'a test', input: z.object({ done: z.string().min(1).optional() }), run: async (_call, { done }) => ({ redirect: `/${done ?? 'absent'}` }) }),
  ],
  { config: { apiKeyInQuery: true } },
) // biome-ignore format: a table

const send = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  server.ask(path, {
    method,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
  })
type Entry = { field: string; code: string; message: string; params?: Record<string, string> }
const details = async (answer: ReturnType<typeof send>): Promise<Entry[]> => {
  const { status, json } = await answer
  expect([status, json.error?.code]).toEqual([400, 'VALIDATION_ERROR'])
  return json.error.details
}
const unknown = async (answer: ReturnType<typeof send>): Promise<string[]> =>
  (await details(answer)).filter(({ code }) => code === 'unknown').map(({ field }) => field)

describe('an undeclared member', () => {
  it('of a body is an error that names the nearest known name', async () => {
    expect(await details(send('POST', '/make', { name: 'ada', permisions: ['a'] }))).toEqual([
      {
        field: 'permisions',
        code: 'unknown',
        message: "Is not a known field. Did you mean 'permissions'?",
        params: { nearest: 'permissions' },
      },
    ])
  })

  it.each([
    ['permision', 'permissions'], ['fullName', 'full_name'], ['FULL-NAME', 'full_name'], ['nmae', 'name'], ['usr', 'user'], ['label', 'labels'], ['fullnam', 'full_name'],
  ])('named %s is probably %s', async (typed, nearest) => {
    const [entry] = await details(send('POST', '/make', { name: 'ada', [typed]: 'x' }))
    expect(entry?.params).toEqual({ nearest })
  }) // biome-ignore format: a table

  it('that resembles no known name lists the known ones', async () => {
    const [entry] = await details(send('GET', '/items?zzz=1'))
    expect(entry).toMatchObject({
      field: 'zzz',
      message: 'Is not a known query parameter. Known are: limit, search, must.',
      params: { known: 'limit, search, must' },
    })
    expect(await details(send('GET', '/stream?x=1'))).toEqual([
      { field: 'x', code: 'unknown', message: 'Is not a known query parameter. There are none here.' },
    ])
  })

  it('is named at every depth: in objects, lists and records', async () => {
    const body = {
      name: 'ada',
      user: { username: 'a', usernam: 'b', address: { citty: 'c' } },
      rows: [{ key: 'a' }, { key: 'b', kee: 'c' }],
      labels: { one: { color: 'red', colour: 'red' } },
      kind: { a: 'x', c: 'y' },
    }
    expect(await unknown(send('POST', '/make', body))).toEqual([
      'user.usernam',
      'user.address.citty',
      'rows.1.kee',
      'labels.one.colour',
      'kind.c',
    ])
  })

  it('is kept where the schema keeps every member', async () => {
    const { json } = await send('POST', '/make', { name: 'ada', any: { id: 'x', more: 1 } })
    expect(json.data.any).toEqual({ id: 'x', more: 1 })
  })

  it('is in one answer with all other errors', async () => {
    const entries = await details(send('POST', '/make', { name: 'a', permissions: 'x', x: 1 }))
    expect(entries.map(({ field, code }) => [field, code])).toEqual([
      ['name', 'too_short'],
      ['permissions', 'invalid_type'],
      ['x', 'unknown'],
    ])
    const judged = await details(send('POST', '/judged', { name: 'ada', password: 'known', nam: 1 }))
    expect(judged.map(({ field, code }) => [field, code])).toEqual([
      ['nam', 'unknown'],
      ['password', 'breached'],
    ])
  })

  it('of a form is an error too, but for the CSRF token', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    expect(await unknown(send('POST', '/make', 'name=ada&csrf_token=x&nam=1', form))).toEqual(['nam'])
    const fine = await send('POST', '/make', 'name=ada&csrf_token=x', form)
    expect([fine.status, fine.json.data]).toEqual([200, { name: 'ada', permissions: [] }])
    expect(
      await unknown(send('POST', '/make', { name: 'ada', user: { username: 'a', csrf_token: 'x' } })),
    ).toEqual(['user.csrf_token'])
  })

  it('is also a query parameter of a request that reads its body', async () => {
    expect(await unknown(send('POST', '/make?name=ada', { name: 'ada' }))).toEqual(['name'])
    expect((await send('POST', '/make?api_key=lk_live_ada', { name: 'ada' })).status).toBe(200)
  })

  it('is also a member of a body where the query is read, and a parameter of the path', async () => {
    expect(await unknown(send('DELETE', '/items/7', { force: 'yes' }))).toEqual(['force'])
    expect((await send('DELETE', '/items/7?force=yes', {})).json.data).toEqual({ id: '7', force: 'yes' })
    expect((await send('DELETE', '/items/7')).status).toBe(200)
    expect((await send('DELETE', '/items/7', { csrf_token: 'x' })).status).toBe(200)
    expect(await unknown(send('PATCH', '/items/7', { id: '8' }))).toEqual(['id'])
  })

  it('beside an API key that signs in is an error', async () => {
    const key = { 'x-api-key': 'lk_live_ada' }
    expect((await send('POST', '/login', undefined, key)).json.data).toBe('by key')
    expect(await unknown(send('POST', '/login?remember=1', undefined, key))).toEqual(['remember'])
  })

  it('is ignored by pages, protocols, and rows that give a reason', async () => {
    expect((await send('POST', '/protocol?x=1', { a: 'x', b: 'y' })).json).toEqual({ a: 'x' })
    expect((await send('GET', '/probe?x=1')).status).toBe(200)
    expect((await send('GET', '/page?x=1')).status).toBe(303)
  })

  it('may have any name and number: the answer is bounded', async () => {
    const many = Object.fromEntries(Array.from({ length: 3000 }, (_, n) => [`${'x'.repeat(10)}${n}`, 1]))
    const entries = await details(send('POST', '/make', { name: 'ada', ...many }))
    expect(entries).toHaveLength(20)
    const [long] = await details(send('POST', '/make', { name: 'ada', ['y'.repeat(50_000)]: 1 }))
    expect(long?.field).toHaveLength(64)
    for (const name of ['constructor', 'toString', 'hasOwnProperty'])
      expect(await unknown(send('POST', '/make', { name: 'ada', [name]: {} }))).toEqual([name])
  })
})

describe('null', () => {
  it('is absent for every optional field, at every depth', async () => {
    const body = {
      name: 'ada',
      full_name: null,
      permissions: null,
      user: { username: 'a', address: null },
      count: null,
      note: null,
    }
    const { json } = await send('POST', '/make', body)
    expect(json.data).toEqual({ name: 'ada', permissions: [], user: { username: 'a' } })
  })

  it('for a required field says that it is required', async () => {
    expect(await details(send('POST', '/make', { name: null }))).toMatchObject([
      { field: 'name', code: 'required' },
    ])
    expect(await details(send('POST', '/make', { name: 'ada', rows: [null] }))).toMatchObject([
      { field: 'rows.0' },
    ])
  })

  it('of an undeclared member is no value of it', async () => {
    expect(await unknown(send('POST', '/make', { name: 'ada', nam: null }))).toEqual(['nam'])
  })

  it('clears in a PATCH what may be null, and is absent otherwise', async () => {
    const { json } = await send('PATCH', '/items/7', { locale: null, full_name: null, note: null })
    expect(json.data).toEqual({ id: '7', locale: null, note: null, permissions: [] })
  })
})

it('an empty field of a form that another site posts is absent, and so is an empty one of several', async () => {
  const post = async (body: string) => {
    const { headers } = await send('POST', '/posted', body, {
      'content-type': 'application/x-www-form-urlencoded',
    })
    return headers.get('location')
  }
  expect(await post('one=a&many=b&many=c')).toBe('/a/b+c')
  expect(await post('one=&many=')).toBe('/absent/absent')
  expect(await post('many=&many=b')).toBe('/absent/b')
})

describe('an empty query parameter', () => {
  it('is absent, in the API and on pages', async () => {
    expect((await send('GET', '/items?limit=&search=&must=')).json.data).toEqual({})
    expect((await send('GET', '/page?done=')).headers.get('location')).toBe('/absent')
  })

  it('in a body is a text', async () => {
    expect((await send('POST', '/make', { name: 'ada', full_name: '' })).json.data.full_name).toBe('')
  })
})

describe('a schema that cannot be inspected', () => {
  it('is an error when the server is made', async () => {
    const input: z.ZodType = z.object({ at: z.tuple([z.string()]) })
    const row = route({
      ...open,
      name: 'a.odd',
      summary: 'Odd',
      method: 'POST',
      path: '/odd',
      input,
      run: echo,
    })
    await expect(serve([row])).rejects.toThrow(/tuple/)
  })
})
