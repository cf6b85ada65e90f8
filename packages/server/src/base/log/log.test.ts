import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { base32 } from '../base32.ts'
import { randomSecret } from '../crypto.ts'
import { problem } from '../errors.ts'
import { newId } from '../ids.ts'
import { createLog, type LogOptions, occasionally } from './index.ts'
import { scrub } from './shapes.ts'

/** The output of a log with these options. */
function written(
  use: (log: ReturnType<typeof createLog>) => void,
  options: Partial<LogOptions> = {},
): string {
  let text = ''
  const destination = { write: (line: string) => { text += line } } // biome-ignore format: it reads as one line
  use(createLog({ level: 'debug', pretty: false, ...options, destination }))
  return text
}
const entry = (fields: Record<string, unknown>, message = 'said'): Record<string, unknown> =>
  JSON.parse(written((log) => log.info(fields, message)))

describe('an entry', () => {
  test('is a line of JSON with time, level, fields and message', () => {
    const line = written((log) => log.warn({ user_id: 'usr_1', count: 3 }, 'something happened'))
    expect(line.endsWith('\n')).toBe(true)
    expect(JSON.parse(line)).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      user_id: 'usr_1',
      count: 3,
      msg: 'something happened',
    })
  })

  test('below the level is not written, and nothing at all when silent', () => {
    expect(written((log) => log.info({}, 'no'), { level: 'warn' })).toBe('')
    expect(written((log) => log.error({}, 'no'), { level: 'silent' })).toBe('')
  })

  test('renames fields with the names of its members', () => {
    expect(entry({ msg: 'a', level: 'b', time: 'c' })).toMatchObject({
      msg: 'said',
      level: 'info',
      msg_: 'a',
      level_: 'b',
      time_: 'c',
    })
  })

  test('accepts values of every type', () => {
    const circular: Record<string, unknown> = {
      map: new Map([['a', 1n]]),
      set: new Set([1]),
      at: new Date(0),
    }
    circular.self = circular
    const hostile = { get broken(): string { throw new Error('no') }, toJSON() { throw new Error('no') } } // biome-ignore format: it reads as one line
    const got = entry({
      circular,
      hostile,
      bytes: Buffer.from('secret'),
      url: new URL('https://u:p4ssword@h/'),
      fn: () => 1,
    })
    expect(got).toMatchObject({
      circular: { map: { a: '1' }, set: [1], at: '1970-01-01T00:00:00.000Z', self: '<circular>' },
      hostile: { broken: '<unreadable>' },
      bytes: '<6 bytes>',
      url: 'https://u:[redacted]@h/',
      fn: '<function>',
    })
  })

  test('is bounded in size for large values', () => {
    const wide = (depth: number): unknown =>
      depth === 0 ? 'x'.repeat(50) : Array.from({ length: 60 }, () => wide(depth - 1))
    expect(
      written((log) => log.info({ wide: wide(3), long: 'y'.repeat(1e6) }, 'z'.repeat(1e6))).length,
    ).toBeLessThan(300_000)
  })
})

describe('errors', () => {
  test('are written with their chain of causes, their codes and stacks', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', port: 5432 })
    const { err } = entry({ err: problem('UNAVAILABLE', { cause }) })
    expect(err).toMatchObject({
      type: 'Problem',
      code: 'UNAVAILABLE',
      status: 503,
      stack: expect.stringContaining('log.test.ts'),
      cause: { message: 'connect ECONNREFUSED', code: 'ECONNREFUSED', port: 5432 },
    })
  })

  test('are written without the statements and parameters that drivers add', () => {
    const error = Object.assign(new Error('duplicate key'), {
      code: '23505',
      constraint: 'emails_claimed',
      params: ['hunter2hunter2'],
      query: 'insert',
      detail: 'Key (address)=(hunter2hunter2)',
    })
    const line = written((log) => log.error({ err: error }, 'failed'))
    expect(line).not.toContain('hunter2')
    expect(line).toContain('emails_claimed')
  })

  test('with a cycle of causes are bounded', () => {
    const error = new Error('a')
    error.cause = error
    expect(entry({ err: error }).err).toMatchObject({ cause: '<circular>' })
  })
})

describe('secrets', () => {
  const plain = fc.stringMatching(/^Zq[A-Za-z0-9!*()+=,.~^|{}-]{12,30}$/)
  const keys = fc.constantFrom(
    'password', 'new_password', 'passwordConfirm', 'token', 'refresh_token', 'accessToken', 'Authorization', 'cookie', 'set-cookie', 'Set-Cookie',
    'csrf_token', 'X-CSRFToken', 'x-api-key', 'client_secret', 'LATCHKEY_SECRET', 'code', 'code_verifier', 'otp', 'client_assertion', 'links', 'otpauth_url', 'backup_codes',
  ) // biome-ignore format: a list
  const shaped = fc.constantFrom(
    () => [`st_${randomSecret()}`], () => [`rt_${randomSecret()}`],
    () => [`lk_live_${randomSecret().slice(0, 32)}`], () => [`acme_test_${randomSecret().slice(0, 32)}`],
    () => { const secret = randomSecret(); return [`${newId('lnk')}.${secret}`, secret] }, // biome-ignore format: it reads as one line
    () => [randomSecret()],
    () => { const secret = base32(randomBytes(20)); return [`otpauth://totp/Latchkey:ada%40example.com?secret=${secret}&issuer=Latchkey`, secret] }, // biome-ignore format: it reads as one line
    () => [base32(randomBytes(20))], () => [String(base32(randomBytes(10)).match(/.{4}/g)?.join('-'))],
    () => [`data:image/png;base64,${randomBytes(60).toString('base64')}`],
    () => [`eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c3JfMSJ9.${randomSecret()}${randomSecret()}`],
    () => [`$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$${randomSecret()}`], () => [`$2b$12$${randomSecret()}1234567890`],
  ).map((make) => { const [whole = '', part = whole] = make(); return { whole, part } }) // biome-ignore format: a list

  /** Puts a value somewhere deep. */
  const nest = fc.array(fc.constantFrom('object', 'list', 'map', 'error', 'cause', 'json'), { maxLength: 4 })
  const wrap = (value: unknown, how: readonly string[]): unknown =>
    how.reduce((inner, kind) => {
      if (kind === 'list') return ['before', inner]
      if (kind === 'map') return new Map([['inner', inner]])
      if (kind === 'error') return new AggregateError([inner], 'many')
      if (kind === 'cause') return new Error('outer', { cause: inner })
      return { inner }
    }, value)

  test('are redacted under a secret key, with any value, at any position', () => {
    fc.assert(
      fc.property(keys, plain, nest, fc.boolean(), (key, secret, how, pretty) => {
        const positions: unknown[] = [
          { [key]: secret }, { [key]: [secret] }, { [key]: { value: secret } }, new Map([[key, secret]]), [key, secret],
          { rawHeaders: ['host', 'x', key, secret] },
        ] // biome-ignore format: a list
        for (const position of positions) {
          const line = written((log) => log.info({ position: wrap(position, how), [key]: secret }, 'said'), {
            pretty,
          })
          expect(line).not.toContain(secret)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('are redacted by their shape, at any position in a text', () => {
    const around = fc.constantFrom<(secret: string) => string>(
      (s) => s, (s) => `before ${s} after`, (s) => `/x/${s}`, (s) => `/x?y=${s}&z=1`, (s) => `"${s}"`, (s) => `(${s})`,
      (s) => JSON.stringify({ a: s }), (s) => JSON.stringify(JSON.stringify({ a: s })), (s) => `a,${s},b`, (s) => `x=${encodeURIComponent(s)}`,
    ) // biome-ignore format: a list
    fc.assert(
      fc.property(shaped, around, nest, fc.boolean(), ({ whole, part }, place, how, pretty) => {
        const text = place(whole)
        const line = written((log) => {
          log.info({ position: wrap(text, how), [text]: 1 }, text)
          log.error({ err: new Error(text, { cause: text }) }, text)
        }, { pretty }) // biome-ignore format: it reads as one line
        expect(line).not.toContain(whole)
        expect(line).not.toContain(part)
        if (part.length >= 43) expect(line).not.toContain(part.slice(-20))
      }),
      { numRuns: 200 },
    )
  })

  test('are redacted in a QR code that is encoded once or twice as part of a URL', () => {
    const code = `data:image/png;base64,${'Ab1'.repeat(30)}`
    for (const text of [code, encodeURIComponent(code), encodeURIComponent(encodeURIComponent(code))])
      expect(scrub(`x=${text}&y=1`)).not.toContain('Ab1Ab1')
  })

  test('are redacted in parameters, headers and JSON inside texts', () => {
    const names = fc.constantFrom(
      'token',
      'code',
      'password',
      'csrf_token',
      'client_secret',
      'code_verifier',
      'id_token_hint',
      'api_key',
      'SAMLResponse',
    )
    fc.assert(
      fc.property(names, plain, (name, secret) => {
        const query = new URLSearchParams({ a: '1', [name]: secret, b: '2' }).toString()
        const once = encodeURIComponent(secret)
        const texts = [
          `/path?${query}`, `https://h.example/p?x=1&${name}=${once}&after=1`, query, `POST ${query}`,
          `/sign-in?return_to=${encodeURIComponent(`/next?${name}=${once}&more=1`)}&z=1`,
          `/a?b=${encodeURIComponent(`/c?d=${encodeURIComponent(`/e?${name}=${once}`)}`)}`,
          JSON.stringify({ [name]: secret }), JSON.stringify({ body: JSON.stringify({ a: 1, [name]: secret }) }),
          `authorization: Bearer ${secret}\nhost: x`, `Cookie: lk_session=${secret}; other=${secret}`, `set-cookie: a=${secret}; HttpOnly`,
          `curl -H "Authorization: Basic ${Buffer.from(secret).toString('base64')}"`, `postgres://user:${once}@db.example/x`,
          `https://id.example/setup/${once}`, `/verify-email/${once}?x=1`,
          `/sign-in?return_to=${encodeURIComponent(`/invitations/${once}`)}`,
        ] // biome-ignore format: a list
        for (const text of texts) {
          for (const form of [
            secret,
            once,
            encodeURIComponent(once),
            Buffer.from(secret).toString('base64'),
          ]) {
            expect(
              written((log) => log.info({ text }, text)),
              text,
            ).not.toContain(form)
          }
        }
      }),
      { numRuns: 60 },
    )
  })

  test('are redacted without the useful text around them', () => {
    const fields = {
      request_id: newId('req'), session_id: newId('ses'), token_type: 'Bearer', password_profile: 'nist', has_password: true, cookie_name: 'lk_session', status_code: 401,
      url: '/sign-in?return_to=/account', path: '/api/v1/auth/sessions/:id', code: 'ACCOUNT_LOCKED', created_at: '2026-01-01', duration_ms: 12.5,
    } // biome-ignore format: a list
    expect(entry(fields, 'listening on http://127.0.0.1:4000 (development)')).toMatchObject({
      ...fields,
      msg: 'listening on http://127.0.0.1:4000 (development)',
    })
  })

  test('are searched in linear time', { retry: 4 }, () => {
    const hostile = [
      'token', 'a://', 'eyJ-', '\\', '"token\\":\\"', '%26token', 'st_', '-', 'x_live', 'cookie ', 'Bearer ', '$2a$', '/setup', 'w', 'w:', '=', '"code":"\\', 'pbkdf2', 'otpauth:', 'data:image/png;base64,', 'A', 'ABCD-', 'ABCD ',
    ] // biome-ignore format: a list
    for (const piece of hostile) {
      const tries = [1, 2, 3].map(() => {
        const begun = process.hrtime.bigint()
        scrub(piece.repeat(20_000))
        return Number(process.hrtime.bigint() - begun) / 1e6
      })
      expect(Math.min(...tries), piece).toBeLessThan(400)
    }
  })
})

describe('pretty printing', () => {
  test('is one line for each entry, with the stack of an error below it', () => {
    const error = new Error('could not', { cause: new Error('line is down') })
    const lines = written((log) => log.error({ job: 'letters', err: error }, 'job failed'), {
      pretty: true,
    }).split('\n')
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} error job failed job=letters err="Error: could not ← Error: line is down"$/,
    )
    expect(lines[1]).toMatch(/^\s+at .*log\.test\.ts/)
  })

  test('cannot be forged by logged values', () => {
    const line = written(
      (log) => log.info({ agent: 'a\n12:00:00 info forged\u001b[2J' }, 'x\r\nforged\u009b'),
      { pretty: true },
    )
    expect(line.split('\n')).toHaveLength(2)
    expect(line.trimEnd()).not.toMatch(/\p{Cc}/u)
  })
})

test('occasional entries count the events that have none', () => {
  const entries: unknown[] = []
  const log = occasionally((fields) => entries.push(fields), 'a flood', 10_000)
  const at = (seconds: number, route = 'r') => log(route, { route }, new Date(seconds * 1000))
  for (const seconds of [0, 1, 9, 10, 19, 35]) at(seconds)
  expect(entries).toEqual([{ route: 'r' }, { route: 'r', unlogged: 2 }, { route: 'r', unlogged: 1 }])
  at(36, 'another')
  expect(entries.at(-1)).toEqual({ route: 'another' })
})
