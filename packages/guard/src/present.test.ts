/** Envelope styles: refusals in all five, equal to those of the server; their headers; and invalid options. */
import { describe, expect, it, vi } from 'vitest'
import { ERRORS, Problem as ServerProblem } from '../../server/src/base/errors.ts'
import { detail } from '../../server/src/base/present/detail.ts'
import { errors } from '../../server/src/base/present/errors.ts'
import { meta } from '../../server/src/base/present/meta.ts'
import { problem as problemStyle } from '../../server/src/base/present/problem.ts'
import { standard } from '../../server/src/base/present/standard.ts'
import { createGuard, custom, latchkey, type ProblemCode, problem, type Style } from './index.ts'
import { STYLES } from './present.ts'
import { PROBLEM_CODES } from './problem.ts'
import { probe } from './testing/probe.ts'

const SERVER = { standard, meta, errors, detail, problem: problemStyle }
const NOW = Date.parse('2026-01-02T03:04:05.678Z')
const failing = (code: ProblemCode, details?: Record<string, unknown>) =>
  custom(() => {
    throw problem(code, { details })
  })

describe('a refusal', () => {
  it.each(STYLES)('in the style %s equals that of the server', async (style) => {
    for (const code of PROBLEM_CODES) {
      for (const details of [undefined, { required: 'a:b' }]) {
        const issuer = 'https://id.example'
        const consumer = probe({
          methods: [failing(code, details), latchkey({ issuer })],
          style,
          now: () => NOW,
        })
        const response = await consumer.send({ 'x-request-id': 'req_1' })
        const expected = SERVER[style].failure(new ServerProblem(code, { details }), {
          status: ERRORS[code].status,
          message: ERRORS[code].message,
          requestId: 'req_1',
          now: new Date(NOW),
          publicUrl: issuer,
        })
        expect(JSON.parse(response.text)).toEqual(JSON.parse(expected))
        expect([response.status, response.headers.get('content-type')]).toEqual([
          ERRORS[code].status,
          SERVER[style].failureType,
        ])
      }
    }
  })

  it('has the entries of the catalogue of the server', () => {
    for (const code of PROBLEM_CODES) {
      const { status, type, message } = problem(code)
      expect({ code, status, type, message }).toEqual({
        code,
        status: ERRORS[code].status,
        type: ERRORS[code].type,
        message: ERRORS[code].message,
      })
    }
  })

  it('has the type about:blank where there is no server (RFC 9457 §4.2.1)', async () => {
    const response = await probe({ methods: [failing('INVALID_TOKEN')], style: 'problem' }).send()
    expect(response.body.type).toBe('about:blank')
  })

  it('has the style that the request names in Accept', async () => {
    const consumer = probe({ methods: [failing('INVALID_TOKEN')] })
    const keys = async (accept: string) => Object.keys((await consumer.send({ accept })).body)
    expect(await keys('application/vnd.latchkey.detail+json')).toEqual(['detail'])
    expect(await keys('application/problem+json')).toContain('title')
    expect(
      await keys('application/vnd.latchkey.detail+json;q=0.5, application/vnd.latchkey.errors+json'),
    ).toEqual(['errors', 'status_code', 'value'])
    for (const accept of [
      'application/json',
      '*/*',
      'application/vnd.latchkey.none+json',
      'application/vnd.latchkey.detail+json;q=0',
      'application/vnd.latchkey.__proto__+json',
      `${'a,'.repeat(2000)}application/problem+json`,
    ])
      expect(await keys(accept)).toContain('success')
  })

  it('keeps a well-formed request id and otherwise generates one that sorts by time', async () => {
    let now = NOW
    const consumer = probe({ methods: [failing('INVALID_TOKEN')], now: () => now })
    const idOf = async (id?: string) =>
      (await consumer.send(id === undefined ? {} : { 'x-request-id': id })).body.request_id
    expect(await idOf('abc-1.2_3')).toBe('abc-1.2_3')
    const made: string[] = []
    for (const bad of [undefined, 'a b', '<script>', 'x'.repeat(129), '"']) {
      now += 1000
      made.push((await idOf(bad)) ?? '')
    }
    for (const id of made) expect(id).toMatch(/^req_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/)
    expect([...made].sort()).toEqual(made)
  })

  it('may be 403 for a missing credential in the style detail', async () => {
    const consumer = probe({ methods: [custom(() => null)], style: 'detail', unauthenticatedStatus: 403 })
    const response = await consumer.send()
    expect([response.status, response.body]).toEqual([403, { detail: 'Not authenticated' }])
    expect((await consumer.send({ accept: 'application/problem+json' })).status).toBe(401)
  })

  it('names the error of a bearer token as in RFC 6750 §3.1 and RFC 9470 §3', async () => {
    const challenge = async (code: ProblemCode, authorization?: string) => {
      const methods = [
        failing(code, { required: 'a:b', of: 'permissions' }),
        latchkey({ issuer: 'https://id.example' }),
      ]
      return (await probe({ methods }).send(authorization ? { authorization } : {})).headers.get(
        'www-authenticate',
      )
    }
    const rest = 'Bearer realm="latchkey", Api-Key realm="latchkey"'
    expect(await challenge('AUTHENTICATION_REQUIRED')).toBe(`custom realm="latchkey", ${rest}`)
    expect(await challenge('INVALID_TOKEN')).toBe(`custom realm="latchkey", ${rest}`)
    expect(await challenge('INVALID_TOKEN', 'Basic YQ==')).toBe(`custom realm="latchkey", ${rest}`)
    expect(await challenge('TOKEN_EXPIRED', 'Bearer x')).toContain(
      'Bearer realm="latchkey", error="invalid_token", error_description="The token has expired."',
    )
    expect(await challenge('STEP_UP_REQUIRED', 'bearer x')).toContain(
      'error="insufficient_user_authentication"',
    )
    expect(await challenge('INSUFFICIENT_PERMISSIONS', 'Bearer x')).toBe(
      'Bearer realm="latchkey", error="insufficient_scope", scope="a:b"',
    )
    expect(await challenge('INSUFFICIENT_PERMISSIONS')).toBeNull()
    expect(await challenge('BAD_REQUEST')).toBe('Bearer realm="latchkey", error="invalid_request"')
    expect(await challenge('UNAVAILABLE', 'Bearer x')).toBeNull()
  })

  it.each<[string, () => unknown]>([
    ['throws', () => { throw new Error('no disk') }],
    ['rejects', async () => { throw new Error('no disk') }],
    ['rejects later', () => new Promise((_, reject) => setTimeout(() => reject(new Error('no disk')), 2))],
  ])('is answered even where onProblem %s, and the process continues', async (_name, onProblem) => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {})
    const guard = createGuard({ methods: [failing('INVALID_TOKEN')], onProblem })
    expect((await guard.web(() => new Response())(new Request('http://app.test/'))).status).toBe(401)
    await expect.poll(() => printed.mock.calls.length).toBe(1)
  }) // biome-ignore format: a table
})

describe('invalid options', () => {
  it.each<[string, Parameters<typeof createGuard>[0]]>([
    ['no method', { methods: [] }],
    ['a style that does not exist', { methods: [custom(() => null)], style: 'fancy' as Style }],
    ['403 in another style', { methods: [custom(() => null)], unauthenticatedStatus: 403 }],
    ['another status', { methods: [custom(() => null)], style: 'detail', unauthenticatedStatus: 404 as 403 }],
  ])('are refused by createGuard: %s', (_name, options) => {
    expect(() => createGuard(options)).toThrow(TypeError)
  })
})
