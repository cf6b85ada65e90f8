import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { keyring } from '../../crypto.ts'
import { problem } from '../../errors.ts'
import { csrfToken } from '../request/csrf.ts'
import type { PageAnswer, Row } from '../row/route.ts'
import { page, serve, signedInAs } from '../testing.ts'

const base = { quiet: 'a test', summary: 'Test', open: 'a test', input: z.object({}) } as const
const drawn = (text: string, more: Record<string, unknown> = {}): PageAnswer =>
  ({ page: { props: { children: text } }, title: 'A page', ...more }) as unknown as PageAnswer
const Form = z.object({ email: z.email(), password: z.string().min(8), old_password: z.string().optional() })

const rows: Row[] = [
  page({ ...base, name: 'plain', method: 'GET', path: '/plain', run: async () => drawn('hello') }),
  page({ ...base, name: 'more', method: 'GET', path: '/more', run: async () => drawn('more', { formTargets: ['https://app.example/cb?x;y'], status: 410, cookies: [{ name: 'device', value: 'd' }] }) }),
  page({ ...base, name: 'same', method: 'GET', path: '/same', anonymous: true, run: async () => drawn('same') }),
  page({ ...base, name: 'away', method: 'GET', path: '/away', input: z.object({ to: z.string() }), run: async (_call, { to }) => ({ redirect: to }) }),
  page({
    ...base, name: 'form', method: 'POST', path: '/form', input: Form, limit: { by: 'ip', max: 4, per: '1h' },
    run: async (_call, { email }) => {
      if (email === 'taken@x.example') throw problem('CONFLICT')
      if (email === 'locked@x.example') throw problem('ACCOUNT_LOCKED', { retryAfter: 60 })
      if (email === 'broken@x.example') throw new Error('hunter2')
      return { redirect: '/done', cookies: [{ name: 'session', value: 'st_new', maxAgeSeconds: 10 }] }
    },
    redisplay: async (_call, typed, failed) => drawn(JSON.stringify({ typed, code: failed.code, fields: failed.details })),
  }),
  page({ ...base, name: 'used', method: 'GET', path: '/used', run: () => Promise.reject(problem('NOT_FOUND')), redisplay: async (_call, _typed, failed) => drawn(`used up: ${failed.code}`) }),
  page({ ...base, name: 'bare', method: 'POST', path: '/bare', input: Form, run: async () => ({ redirect: '/' }) }),
] // biome-ignore format: a table

const server = await serve(rows)
const token = csrfToken(keyring('a secret for tests'), 'ses_ada')
const send = (path: string, fields: Record<string, string>, on = server) =>
  on.ask(path, {
    method: 'POST',
    headers: { ...signedInAs('ada'), 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ csrf_token: token, ...fields }).toString(),
  })
const again = (text: string) => JSON.parse(/">(\{.*\})/.exec(text)?.[1] ?? 'null')

describe('a page', () => {
  it('has a policy that forbids inline code, and is never cached', async () => {
    const { status, headers, text } = await server.ask('/plain')
    expect(status).toBe(200)
    expect(text).toContain('<p data-status="200">hello')
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy':
        "default-src 'none'; style-src 'self'; script-src 'self'; worker-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'permissions-policy': expect.stringContaining('camera=()'),
      'x-request-id': expect.stringMatching(/^req_/),
    })
    expect(headers.has('strict-transport-security')).toBe(false)
  })

  it('has Strict-Transport-Security if the public URL is https', async () => {
    const secure = await serve(rows, { config: { publicUrl: 'https://id.example.com' } })
    const { headers } = await secure.ask('/plain')
    expect(headers.get('strict-transport-security')).toBe('max-age=31536000')
    expect(headers.get('set-cookie')).toMatch(
      /^__Host-lk_csrf=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    )
  })

  it('may allow further origins for its forms, reduced to the origin', async () => {
    const { status, headers } = await server.ask('/more')
    expect(status).toBe(410)
    expect(headers.get('content-security-policy')).toContain(
      "form-action 'self' https://app.example; base-uri",
    )
    expect(headers.getSetCookie()[0]).toMatch(/^lk_device=d;/)
    const registered = await serve(rows, {
      config: { returnOrigins: ['https://shop.example'] },
    })
    const policy = (await registered.ask('/plain')).headers.get('content-security-policy')
    expect(policy).toContain("form-action 'self' https://shop.example;")
    expect(policy).toContain("img-src 'self' data:;")
  })

  it('that is anonymous sets no cookie', async () => {
    const { headers, text } = await server.ask('/same')
    expect(headers.has('set-cookie')).toBe(false)
    expect(text).toContain('content="null"')
  })

  it('answers HEAD', async () => {
    const { status, text, headers } = await server.ask('/plain', { method: 'HEAD' })
    expect([status, text, Number(headers.get('content-length')) > 0]).toEqual([200, '', true])
  })
})

describe('a redirect', () => {
  it('is a 303 without a body, to a path or an absolute URL', async () => {
    for (const to of ['/done', 'https://app.example/x?y=1']) {
      const { status, headers, text } = await server.ask(`/away?to=${encodeURIComponent(to)}`)
      expect([status, headers.get('location'), text]).toEqual([303, to, ''])
    }
  })

  it('never leads to a protocol-relative address', async () => {
    for (const to of ['//evil.example', '/\\evil.example', '\\\\evil.example']) {
      const { status, headers } = await server.ask(`/away?to=${encodeURIComponent(to)}`)
      expect([to, status, headers.has('location')]).toEqual([to, 500, false])
    }
  })

  it('cannot inject a header', async () => {
    const answer = await server.ask(`/away?to=${encodeURIComponent('/x\r\nset-cookie: a=b\r\n\r\n<p>ü')}`)
    expect(answer.headers.get('location')).toBe(
      '/x%0D%0Aset-cookie:%20a=b%0D%0A%0D%0A%3Cp%3E%C3%BC'.replace('%3Cp%3E', '<p>'),
    )
    expect(answer.headers.has('set-cookie')).toBe(false)
  })
})

describe('a form that fails', () => {
  it('is displayed again with its values, except passwords', async () => {
    const { status, text } = await send('/form', {
      email: 'ada@',
      password: 'short',
      old_password: 'x',
      unknown: 'y',
    })
    expect(status).toBe(400)
    expect(again(text)).toEqual({
      typed: { email: 'ada@', unknown: 'y' },
      code: 'VALIDATION_ERROR',
      fields: [
        { field: 'email', code: 'email', message: 'Is not an e-mail address.' },
        {
          field: 'password',
          code: 'too_short',
          message: 'Must have at least 8 characters.',
          params: { min: 8 },
        },
      ],
    })
    expect(text).toMatch(/csrf-token" content="[\w-]{22}\.[\w-]{43}"/)
  })

  it('has the status of the problem', async () => {
    const on = await serve(rows)
    const taken = await send('/form', { email: 'taken@x.example', password: 'long enough' }, on)
    expect([taken.status, again(taken.text).code]).toEqual([409, 'CONFLICT'])
    const locked = await send('/form', { email: 'locked@x.example', password: 'long enough' }, on)
    expect([locked.status, locked.headers.get('retry-after')]).toEqual([423, '60'])
  })

  it('is displayed again if its token is invalid, but not if it came from another site', async () => {
    const stale = await send('/form', { email: 'ada@x.example', password: 'long enough', csrf_token: 'old' })
    expect([stale.status, again(stale.text)]).toMatchObject([
      403,
      { code: 'CSRF_FAILED', typed: { email: 'ada@x.example' } },
    ])
    const foreign = await server.ask('/form', {
      method: 'POST',
      headers: {
        ...signedInAs('ada'),
        origin: 'https://evil.example',
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'email=ada@x.example',
    })
    expect([foreign.status, again(foreign.text), foreign.text.includes('CSRF_FAILED')]).toEqual([
      403,
      null,
      true,
    ])
  })

  it('is replaced by what explains a refused page, also where another site has redirected the browser there', async () => {
    // a browser that goes back repeats the request as the one after the redirect, from another site
    for (const headers of [{}, { 'sec-fetch-site': 'cross-site' }, { origin: 'https://evil.example' }]) {
      const { status, text } = await server.ask('/used', { headers })
      expect([status, text.includes('used up: NOT_FOUND')]).toEqual([404, true])
    }
  })

  it('keeps its values after a rate limit', async () => {
    const on = await serve(rows, { config: { rateLimits: 'standard' } })
    for (let i = 0; i < 4; i++) await send('/form', { email: 'ada@', password: '' }, on)
    const limited = await send('/form', { email: 'ada@', password: '' }, on)
    expect([limited.status, again(limited.text)]).toMatchObject([429, { typed: { email: 'ada@' } }])
    expect(limited.headers.has('retry-after')).toBe(true)
  })

  it('with an unexpected error is the error page, which shows no details', async () => {
    const { status, text } = await send('/form', { email: 'broken@x.example', password: 'long enough' })
    expect([status, text.includes('hunter2'), text.includes('INTERNAL_ERROR')]).toEqual([500, false, true])
  })

  it('and cannot be displayed again is the error page', async () => {
    const { status, text, headers } = await send('/bare', { email: 'x', password: '' })
    expect([status, text.includes('VALIDATION_ERROR')]).toEqual([400, true])
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
  })

  it('and succeeds the next time sets its cookie', async () => {
    const { status, headers } = await send('/form', { email: 'ada@x.example', password: 'long enough' })
    expect([status, headers.get('location')]).toEqual([303, '/done'])
    expect(headers.getSetCookie()).toEqual(['lk_session=st_new; Max-Age=10; Path=/; HttpOnly; SameSite=Lax'])
    expect(headers.get('cache-control')).toBe('no-store')
  })

  it('that cannot be read is the error page', async () => {
    const type = { ...signedInAs('ada'), 'content-type': 'text/plain' }
    expect((await server.ask('/form', { method: 'POST', headers: type, body: 'x' })).status).toBe(415)
  })
})

describe('if rendering the error page fails', () => {
  it('the answer is the envelope', async () => {
    const on = await serve(rows, {
      renderProblem: () => {
        throw new Error('no pen')
      },
    })
    const { status, json } = await send('/bare', {}, on)
    expect([status, json.error.code]).toEqual([400, 'VALIDATION_ERROR'])
  })
})
