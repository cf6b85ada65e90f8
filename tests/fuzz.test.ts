/**
 * Fuzz test of every row: requests are generated from the row's schema and then corrupted. Every answer is an envelope
 * (or a page) with a code that the row documents, never a 500, SQL or a stack trace, and the server keeps running.
 * Repeat a failure with FUZZ_SEED; run longer with FUZZ_RUNS.
 */
import { connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ERRORS, type ErrorCode } from '../packages/server/src/base/errors.ts'
import type { ApiRow, Row } from '../packages/server/src/base/http/row/route.ts'
import { errorsOf } from '../packages/server/src/base/http/row/shapes.ts'
import type { Client, Json } from '../packages/server/src/testing/client.ts'
import { type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 40)
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)
const options = (runs = RUNS) => ({ seed: SEED, numRuns: runs, endOnFailure: true })

let world: World
let rows: readonly Row[]
/** The callers of one share of the rows: shares run concurrently, and a sign-out in one must not end a session of another. */
interface Lane {
  person: Person
  /** A browser with a CSRF token, so that its posts pass the CSRF check. */
  stranger: Client
}
const LANES = 4
let lanes: Lane[]
beforeAll(async () => {
  world = await startWorld({ lockoutFailures: 1_000_000 })
  rows = world.app.rows
  const people = await world.people([
    { email: 'fuzz@example.com' },
    ...Array.from({ length: LANES - 1 }, () => ({})),
  ])
  lanes = await Promise.all(
    people.map(async (person) => {
      const stranger = world.client()
      stranger.csrfToken = (await stranger.get('/csrf')).data.csrf_token
      return { person, stranger }
    }),
  )
})
afterAll(() => world.stop())

/** One request; a header may occur more than once. */
interface Shot {
  method: string
  path: string
  headers: [string, string][]
  body: string | Uint8Array | null
}

const NASTY: readonly string[] = [
  '', ' ', '\0', 'a\0b', '\ud800', 'x\udfff', '__proto__', 'constructor', 'toString', 'null', 'undefined', 'NaN', '-0', '1e999', '0x10',
  "' or 1=1 --", '$1', '%', '%00', '%s%n', '..', '../../etc/passwd', '..%2f', '\\', '<script>alert(1)</script>', '{{7*7}}',
  '\r\nset-cookie: a=b', '\u202e', '\ufeff', 'ａｄｍｉｎ', 'İ', 'ß', '🧑‍🚀', 'x'.repeat(5000), 'é'.repeat(400), '@', 'a@b', 'a@b.', '"a b"@c.example',
  'usr_00000000000000000000000000000000', 'ses_ffffffffffffffffffffffffffffffff', 'lnk_00000000000000000000000000000000.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  '-1', '99999999999999999999', '0', '1.5', '9999-12-31T23:59:59Z', '0000-01-01T00:00:00Z', '2030-02-30T00:00:00Z', 'true', '[]', '{}',
] // biome-ignore format: a list

const text = fc.oneof(
  fc.constantFrom(...NASTY),
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.emailAddress(),
)
const nested = (depth: number): unknown => {
  let value: unknown = 'deep'
  for (let level = 0; level < depth; level += 1) value = level % 2 ? [value] : { a: value }
  return value
}
const wrong: fc.Arbitrary<unknown> = fc.oneof(
  text,
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -1,
    1.5,
    1e308,
    Number.MAX_SAFE_INTEGER,
    [],
    {},
    ['a', 'b'],
    { a: 1 },
    [[[]]],
  ),
  fc.constantFrom(20, 40, 100).map(nested),
  fc.array(fc.anything({ maxDepth: 2 }), { maxLength: 4 }),
  fc.constantFrom(200, 20_000, 70_000).map((length) => 'y'.repeat(length)),
)

/** A value that mostly fits the schema. */
function fitting(schema: Json, name: string): fc.Arbitrary<unknown> {
  const either: Json[] | undefined = schema.anyOf ?? schema.oneOf
  if (either) return fc.oneof(...either.map((one) => fitting(one, name)))
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  switch (schema.type) {
    case 'boolean':
      return fc.boolean()
    case 'integer':
    case 'number':
      return fc.integer({ min: schema.minimum ?? -1000, max: schema.maximum ?? 1000 })
    case 'null':
      return fc.constant(null)
    case 'array':
      return fc.array(fitting(schema.items ?? {}, name), { maxLength: 3 })
    case 'object':
      return fc.record(
        Object.fromEntries(
          Object.entries(schema.properties ?? {}).map(([key, one]) => [key, fitting(one, key)]),
        ),
      )
    default:
      return stringFor(name, schema)
  }
}

function stringFor(name: string, schema: Json): fc.Arbitrary<unknown> {
  const long = fc
    .constantFrom(schema.maxLength ?? 100, (schema.maxLength ?? 100) + 1)
    .map((length: number) => 'z'.repeat(length))
  const known: Record<string, fc.Arbitrary<string>> = {
    email: fc.oneof(fc.emailAddress(), fc.constant('fuzz@example.com')),
    username: fc.stringMatching(/^[a-z][a-z0-9._-]{2,12}$/),
    password: fc.constantFrom(
      'correct horse battery staple',
      'correct horse battery staple',
      'a much longer sentence than before',
      'short',
    ),
    password_confirm: fc.constant('correct horse battery staple'),
    current_password: fc.constant('correct horse battery staple'),
    new_password: fc.constantFrom('correct horse battery staple', 'a much longer sentence than before'),
    // large jumps of the clock have a separate test
    advance: fc.constantFrom('1s', '0ms', '5m', 'x', '1 m', '-1s'),
    now: fc.constantFrom('2030-06-01T12:00:00Z', '2030-06-01T12:00:00+02:00', '2030-06-31T12:00:00Z'),
  }
  const own = known[name] ?? fc.string({ maxLength: Math.min(schema.maxLength ?? 50, 50) })
  return name === 'advance' || name === 'now'
    ? own
    : fc.oneof({ weight: 8, arbitrary: own }, { weight: 1, arbitrary: text }, { weight: 1, arbitrary: long })
}

const schemaOf = (row: Row): Json => z.toJSONSchema(row.input, { io: 'input', unrepresentable: 'any' })

/** Input of the row with missing, mistyped and additional fields. */
function spoiled(row: Row): fc.Arbitrary<Record<string, unknown>> {
  const properties: [string, Json][] = Object.entries(schemaOf(row).properties ?? {})
  const field = ([name, schema]: [string, Json]): fc.Arbitrary<[string, unknown][]> => {
    const timely = name === 'now' || name === 'advance'
    const odd = timely ? fitting(schema, name) : wrong
    return fc.oneof(
      { weight: 12, arbitrary: fitting(schema, name).map((value): [string, unknown][] => [[name, value]]) },
      { weight: 2, arbitrary: odd.map((value): [string, unknown][] => [[name, value]]) },
      { weight: 1, arbitrary: fc.constant<[string, unknown][]>([]) },
    )
  }
  const more = fc.array(
    fc.tuple(
      fc.constantFrom('is_admin', 'roles', 'constructor', 'csrf_token', 'toString', 'a.b', 'a[b]', '', 'id'),
      wrong,
    ),
    { maxLength: 2 },
  )
  const extra = fc.oneof(
    { weight: 3, arbitrary: fc.constant<[string, unknown][]>([]) },
    { weight: 1, arbitrary: more },
  )
  return fc
    .tuple(...properties.map(field), extra)
    .map((parts) => Object.fromEntries(parts.flat() as [string, unknown][]))
}

const encodedForm = (input: Record<string, unknown>): string =>
  Object.entries(input)
    .map(
      ([name, value]) =>
        `${percent(name)}=${percent(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))}`,
    )
    .join('&')
/** As encodeURIComponent, but encodes an unpaired surrogate as well. */
const percent = (value: string): string =>
  [...Buffer.from(value, 'utf8')]
    .map((byte) =>
      /[\w.~-]/.test(String.fromCharCode(byte))
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).padStart(2, '0')}`,
    )
    .join('')

/** JSON text that JSON.stringify cannot produce. */
const brokenJson = fc.constantFrom<((json: string) => string)[]>(
  (json) => json.slice(0, -1),
  (json) => `${json}${json}`,
  (json) => json.replace('{', '{"__proto__":{"admin":true},'),
  (json) => json.replace('{', '{"email":"a@example.com","email":"b@example.com",'),
  (json) => json.replace('{', '{"p\\u0061ssword":"one","password":"two",'),
  (json) => json.replace('{', '{"x":"\\ud800",'),
  (json) => json.replace('{', '{"x\\u0000":1,'),
  (json) => `[${json}]`,
  (json) => `\ufeff${json}`,
  () => '"text"',
  () => 'null',
  () => '1e999',
  () => '[['.repeat(5000),
  () => `${'{"a":'.repeat(100)}1${'}'.repeat(100)}`,
  () => '',
  () => '{"a":1,}',
  () => `{"a":"${'x'.repeat(66_000)}"}`,
)

const spoiledForm = fc.constantFrom<((form: string) => string)[]>(
  (form) => `${form}&${form}`,
  (form) => `${form}&email=a%40example.com&email=b%40example.com`,
  (form) => `${form}&%ff=%c0%af`,
  (form) => `${form}&x=%`,
  (form) => `${form}&__proto__=x&__proto__[admin]=1`,
  (form) => `${form}&x=%00`,
  (form) => `${form}&x=%ed%a0%80`,
  (form) => `&&=&${form}&=`,
  (form) => `${form}${'&f=1'.repeat(300)}`,
)

const TYPES = [
  'application/json', 'application/json; charset=utf-8', 'application/json;charset=utf-16', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x',
  'text/plain', 'application/xml', 'application/json, text/plain', 'APPLICATION/JSON', 'application/', '', ';', 'application/vnd.api+json', 'application/octet-stream',
] // biome-ignore format: a list

const oddHeaders: fc.Arbitrary<[string, string][]> = fc.array(
  fc.constantFrom<[string, string]>(
    ['host', 'evil.example'], ['host', 'a b'], ['host', ''], ['x-forwarded-host', 'evil.example'], ['x-forwarded-for', '1.2.3.4, ::1, "x", 999.1.1.1'],
    ['x-forwarded-for', `${'1.1.1.1,'.repeat(300)}2`], ['forwarded', 'for="[::1]";host=evil.example;proto=https'], ['x-forwarded-proto', 'gopher'],
    ['x-http-method-override', 'DELETE'], ['x-method-override', 'PUT'], ['x-original-url', '/admin'], ['x-rewrite-url', '/admin'],
    ['cookie', 'lk_session=st_x; lk_session=st_y'], ['cookie', `lk_session=st_${'A'.repeat(43)}`], ['cookie', 'lk_session=%00; lk_device=dev_x.y; lk_csrf=\u00ff'],
    ['cookie', 'lk_session="'], ['cookie', '=;;=; lk_'], ['cookie', `lk_device=dev_00000000000000000000000000000000.${'A'.repeat(43)}`],
    ['authorization', 'Bearer'], ['authorization', 'Bearer  '], ['authorization', 'Bearer st_x'], ['authorization', `Bearer st_${'A'.repeat(43)}`], ['authorization', 'Basic'],
    ['authorization', 'Basic !!!'], ['authorization', 'Basic OmE='], ['authorization', `Basic ${Buffer.from('a\0:b\ud800').toString('base64')}`], ['authorization', `Basic ${Buffer.from([0xff, 0x3a, 0xfe]).toString('base64')}`],
    ['authorization', `Basic ${'QUFB'.repeat(2000)}`], ['authorization', 'Api-Key lk_live_x'], ['authorization', 'Digest username="x"'], ['authorization', '\u00e9'],
    ['accept', 'application/vnd.latchkey.errors+json'], ['accept', 'application/vnd.latchkey.nothing+json'], ['accept', 'application/problem+json;q=x'], ['accept', '*/*;q=0'], ['accept', `${'a/b,'.repeat(500)}`],
    ['accept', 'text/html'], ['accept-language', 'de;q=0.5, ../../x, en;q=9'], ['x-api-version', 'v9'], ['x-request-id', 'a b'], ['x-request-id', 'x'.repeat(200)],
    ['x-csrf-token', 'x'], ['x-csrf-token', `${'A'.repeat(22)}.${'A'.repeat(43)}`], ['origin', 'null'], ['origin', 'https://evil.example'], ['sec-fetch-site', 'cross-site'],
    ['content-encoding', 'gzip'], ['expect', '200-ok'], ['if-none-match', '*'], ['range', 'bytes=0-1'], ['upgrade', 'h2c'], ['te', 'trailers'], ['user-agent', `x\u00e9${'u'.repeat(3000)}`],
  ),
  { maxLength: 3 },
) // biome-ignore format: a list

const parameter = fc.oneof(
  text.filter((value) => value !== '' && !/^\.{1,2}$/.test(value)),
  fc.constantFrom('%00', '%ff', '%2f', '%', 'a%20b', '%ed%a0%80', '%2e%2e', ';x=1'),
)

/** The caller: anonymous, or the user by cookie with the CSRF token, or by bearer token. */
type Shooter = 'anonymous' | 'cookie' | 'bearer'

function shotAt(row: Row): fc.Arbitrary<Shot & { as: Shooter }> {
  const inQuery = row.method === 'GET' || (row.method === 'DELETE' && !row.body)
  const path = fc.array(parameter, { minLength: 4, maxLength: 4 }).map((values) => {
    let at = 0
    return row.path.replace(/:\w+/g, () => {
      const value = values[at++ % values.length] ?? 'x'
      return value.startsWith('%') || value.startsWith(';') ? value : percent(value)
    })
  })
  const as = fc.constantFrom<Shooter>('anonymous', 'cookie', 'bearer')
  return fc
    .record({
      as,
      path,
      input: spoiled(row),
      headers: fc.oneof(
        { weight: 4, arbitrary: fc.constant<[string, string][]>([]) },
        { weight: 1, arbitrary: oddHeaders },
      ),
      json: fc.oneof(
        { weight: 4, arbitrary: fc.constant((json: string) => json) },
        { weight: 1, arbitrary: brokenJson },
      ),
      form: fc.oneof(
        { weight: 4, arbitrary: fc.constant((form: string) => form) },
        { weight: 1, arbitrary: spoiledForm },
      ),
      asForm: fc.oneof(
        { weight: row.kind === 'page' ? 9 : 2, arbitrary: fc.constant(true) },
        { weight: 4, arbitrary: fc.constant(false) },
      ),
      type: fc.oneof(
        { weight: 5, arbitrary: fc.constant(null) },
        { weight: 1, arbitrary: fc.constantFrom(...TYPES) },
      ),
    })
    .map(({ as, path, input, headers, json, form, asForm, type }) => {
      const shot: Shot & { as: Shooter } = { as, method: row.method, path, headers: [...headers], body: null }
      if (inQuery) shot.path += `?${form(encodedForm(input))}`
      else {
        shot.body = asForm ? form(encodedForm(input)) : json(JSON.stringify(input))
        shot.headers.push([
          'content-type',
          type ?? (asForm ? 'application/x-www-form-urlencoded' : 'application/json'),
        ])
      }
      return shot
    })
}

/** Replaces the user if a request has signed it out or deleted it. */
async function assertAlive(lane: Lane): Promise<void> {
  if ((await lane.person.client.get('/api/v1/auth/me')).status === 200) return
  lane.person = await world.person()
}

interface RawAnswer {
  status: number
  headers: Map<string, string>
  text: string
}

/** Sends over a raw socket, because fetch normalizes or refuses much of what a hostile client sends. */
function fire({ person, stranger }: Lane, shot: Shot & { as: Shooter }): Promise<RawAnswer> {
  const { hostname, port, host } = new URL(world.url)
  const headers = [...shot.headers]
  if (!headers.some(([name]) => name === 'host')) headers.unshift(['host', host])
  const jar = shot.as === 'anonymous' ? stranger : person.client
  const cookies = [...jar.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  if (shot.as !== 'bearer' && !headers.some(([name]) => name === 'cookie')) headers.push(['cookie', cookies])
  if (shot.as !== 'bearer' && !headers.some(([name]) => name === 'x-csrf-token'))
    headers.push(['x-csrf-token', jar.csrfToken ?? ''])
  if (shot.as === 'bearer' && !headers.some(([name]) => name === 'authorization'))
    headers.push(['authorization', `Bearer ${person.client.cookies.get('lk_session')}`])
  const body = shot.body === null ? Buffer.alloc(0) : Buffer.from(shot.body)
  if (shot.body !== null) headers.push(['content-length', `${body.length}`])
  headers.push(['connection', 'close'])
  const head = `${shot.method} ${shot.path.slice(0, 8000)} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    const chunks: Buffer[] = []
    const done = (): void => {
      clearTimeout(late)
      socket.destroy()
      const whole = Buffer.concat(chunks)
      const end = whole.indexOf('\r\n\r\n')
      if (end === -1) {
        reject(
          new Error(`no answer to ${shot.method} ${shot.path}: ${whole.toString('latin1').slice(0, 200)}`),
        )
        return
      }
      const [line = '', ...lines] = whole.subarray(0, end).toString('latin1').split('\r\n')
      const pairs = lines.map((one): [string, string] => [
        one.slice(0, one.indexOf(':')).toLowerCase(),
        one.slice(one.indexOf(':') + 1).trim(),
      ])
      resolve({
        status: Number(line.split(' ')[1]),
        headers: new Map(pairs),
        text: whole.subarray(end + 4).toString('utf8'),
      })
    }
    const late = setTimeout(() => {
      socket.destroy()
      reject(new Error(`${shot.method} ${shot.path} was not answered in time`))
    }, 10_000)
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('close', done)
    socket.on('error', () => {})
    // the rest of a body that is refused early cannot be sent, which is not an error
    socket.write(Buffer.concat([Buffer.from(head, 'latin1'), body]))
  })
}

const LEAKS =
  /\bat [\w.<> ]+ \(|node_modules|\.tsx?:\d|node:internal|\b(?:select|insert into|update|delete from) (?:"?latchkey|[\w"]+ (?:set|where|values))|pg_catalog|kysely|PGlite|ECONNREFUSED|violates .* constraint|syntax error at/i
/** Codes that the connection or the router answers, before a row is matched. */
const ANYWHERE: readonly ErrorCode[] = [
  'BAD_REQUEST',
  'NOT_FOUND',
  'METHOD_NOT_ALLOWED',
  'HEADERS_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'PAYLOAD_TOO_LARGE',
]

function assertClean(row: Row, { status, headers, text: body }: RawAnswer): void {
  expect(status, body).toBeLessThan(500)
  expect(headers.get('x-request-id')).toMatch(/^[\w.-]{1,128}$/)
  if (!row.anyOrigin) expect(headers.get('cache-control') ?? 'none for a file').not.toMatch(/public/)
  expect(body.replace(/<code>[\s\S]*?<\/code>/g, '')).not.toMatch(LEAKS)
  if (row.kind === 'page') {
    if (status === 303) expect(headers.get('location')).toMatch(/^\/(?![/\\])/)
    else expect(headers.get('content-type')).toMatch(/^text\/html|^application\/(?:problem\+)?json/)
    return
  }
  // a row that browsers open leads to a page of this server about a failure, or answers with the error page
  if (row.kind === 'api' && row.browsers && status === 302) {
    expect(headers.get('location')).toMatch(/^\/(?![/\\])/)
    return
  }
  if (row.kind === 'api' && row.browsers && headers.get('content-type')?.startsWith('text/html')) {
    expect(status).toBeGreaterThanOrEqual(400)
    return
  }
  // an endpoint of OAuth that has nothing to say
  if (row.kind === 'protocol' && body === '' && status === 200) return
  expect(headers.get('content-type')).toMatch(/^application\/(?:problem\+)?json/)
  const json: Json = JSON.parse(body)
  // a request that could not be read reached no endpoint
  if (row.kind === 'protocol' && (status < 400 || typeof json.error === 'string')) {
    assertProtocolAnswer(status, headers, json)
    return
  }
  if (status < 400) return
  const code: ErrorCode | undefined =
    json.error?.code ?? (headers.get('content-type')?.includes('problem') ? json.code : undefined)
  // the styles errors, detail and meta have no code
  if (code === undefined) {
    expect(json.errors ?? json.detail ?? json.error?.type).toBeTruthy()
    return
  }
  expect(ERRORS[code]?.status, body).toBe(status)
  expect([...ANYWHERE, ...errorsOf(row as ApiRow)], `${row.name} documents it`).toContain(code)
  if (status === 401) expect(headers.get('www-authenticate')).toBeTruthy()
}

/** RFC 6749 §5.2 */
function assertProtocolAnswer(status: number, headers: RawAnswer['headers'], json: Json): void {
  if (status < 400) return
  expect(json.error).toMatch(/^[a-z_]+$/)
  expect(json.error_description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
  if (status === 401) expect(headers.get('www-authenticate')).toBeTruthy()
}

describe(`corrupted requests (seed ${SEED})`, () => {
  it('to every row get a documented answer', { timeout: 300_000 }, async () => {
    expect(rows.length).toBeGreaterThan(30)
    const left = [...rows.entries()]
    const fireAtRows = async (lane: Lane): Promise<void> => {
      for (let next = left.shift(); next; next = left.shift()) {
        const [n, row] = next
        await assertAlive(lane)
        await fc.assert(
          fc.asyncProperty(shotAt(row), async (shot) => {
            assertClean(row, await fire(lane, shot))
          }),
          { ...options(), seed: SEED + n },
        )
        const { status } = await world.client().get('/readyz')
        expect(status, row.name).toBe(200)
      }
    }
    await Promise.all(lanes.map(fireAtRows))
  })

  it('with an arbitrary path get an answer below 500', { timeout: 60_000 }, async () => {
    const path = fc.oneof(
      fc.webPath(),
      fc
        .array(
          fc.oneof(
            fc.constantFrom(
              'api',
              'v1',
              'auth',
              'users',
              'me',
              'setup',
              'account',
              '..',
              '.',
              '%2e%2e',
              '%2f',
              '',
              '//',
              '\\',
              'admin',
              ';',
              'dev',
            ),
            parameter,
          ),
          { maxLength: 7 },
        )
        .map((parts) => `/${parts.map((part) => (/^[%\\;/]/.test(part) ? part : percent(part))).join('/')}`),
      fc.constantFrom(
        '*',
        '/%',
        '/?%ff',
        `/${'a/'.repeat(2000)}`,
        `/api/v1/auth/sessions/${'x'.repeat(3000)}`,
        'http://evil.example/api/v1/auth/me',
        '//evil.example/sign-in',
        '/api/v1/../v1/auth/me',
        '/sign-in#x',
        '/?a=b?c=d&&',
      ),
    )
    const method = fc.constantFrom(
      'GET',
      'HEAD',
      'POST',
      'PUT',
      'PATCH',
      'DELETE',
      'OPTIONS',
      'TRACE',
      'PROPFIND',
      'get',
    )
    await fc.assert(
      fc.asyncProperty(path, method, oddHeaders, async (where, how, headers) => {
        const [lane] = lanes
        if (!lane) throw new Error('no lane')
        const { status, text: body } = await fire(lane, {
          as: 'anonymous',
          method: how,
          path: where,
          headers,
          body: null,
        })
        expect(status, body).toBeLessThan(500)
        expect(body).not.toMatch(LEAKS)
      }),
      options(RUNS * 8),
    )
    expect((await world.client().get('/readyz')).status).toBe(200)
  })

  it('leave the server ready after extreme moves of the clock', async () => {
    const far = await startWorld()
    try {
      for (const move of [
        { now: '9999-12-31T23:59:59Z' },
        { advance: '3650d' },
        { advance: '3650d' },
        { now: '0001-01-01T00:00:00Z' },
        { now: '0000-01-01T00:00:00Z' },
        { now: '2030-01-01T00:00:00.123456789012345678901234567890Z' },
      ]) {
        const { status, code } = await far.client().post('/dev/clock', move)
        expect({ move, served: status === 200 || status === 400, code }).toMatchObject({ served: true })
        expect((await far.client().get('/readyz')).status).toBe(200)
      }
    } finally {
      await far.stop()
    }
  })

  it('grant no roles and pollute no prototype', async () => {
    const odd = await world.db.tx('system', (tx) =>
      tx.selectFrom('users').select(['id', 'roles', 'status']).execute(),
    )
    expect(odd.filter(({ roles }) => roles.join() !== 'viewer')).toEqual([])
    expect(({} as Json).admin).toBeUndefined()
  })
})
