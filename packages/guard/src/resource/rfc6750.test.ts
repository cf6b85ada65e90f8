/** RFC 6750, bearer tokens: how they are sent (§2), and the answers to requests that are refused (§3). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createGuard, latchkey, type Rule } from '../index.ts'
import { type Counterpart, startCounterpart } from '../testing/counterpart.ts'
import { type Probe, probe } from '../testing/probe.ts'
import { resourceProbe, tokenForResource } from '../testing/resource.ts'

let server: Counterpart
let consumer: Probe
let token: string
beforeAll(async () => {
  server = await startCounterpart()
  consumer = probe({ methods: [latchkey({ issuer: server.issuer, revocation: 'none' })], realm: 'Notes' })
  token = await server.token({ client_id: 'app', scope: 'notes:read', permissions: [] })
})
afterAll(() => server.close())

const challenge = async (headers: Record<string, string>, rule?: Rule) => {
  const { status, headers: answered } = await consumer.send(headers, rule ? { rule } : {})
  return [status, answered.get('www-authenticate')?.split(', Api-Key')[0]]
}

describe('a token', () => {
  it('is sent in the header field (§2.1), whose scheme is in any case', async () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER'])
      expect((await consumer.send({ authorization: `${scheme} ${token}` })).status).toBe(200)
  })

  it('is not read in the body (§2.2) or the address (§2.3)', async () => {
    const form = { method: 'POST', body: `access_token=${token}` }
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    expect((await consumer.send(type, form)).status).toBe(401)
    expect((await consumer.send({}, { url: `/?access_token=${token}` })).status).toBe(401)
  })

  it('that is sent twice is an invalid request (§3.1)', async () => {
    const { api } = resourceProbe(server)
    const handler = api.web(() => new Response())
    const [one, two] = [await tokenForResource(server), await tokenForResource(server)]
    const headers = new Headers([
      ['authorization', `Bearer ${one}`],
      ['authorization', `Bearer ${two}`],
    ])
    const response = await handler(new Request(api.metadata.document.resource as string, { headers }))
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([
      400,
      expect.stringContaining('error="invalid_request"'),
    ])
  })
})

describe('a challenge (§3)', () => {
  it('has a realm, and no error where no token was sent (§3.1)', async () => {
    expect(await challenge({})).toEqual([401, 'Bearer realm="Notes"'])
    expect(await challenge({ authorization: 'Basic YTpi' })).toEqual([401, 'Bearer realm="Notes"'])
  })

  it('is invalid_token with 401 for a token that is expired, altered or for another API', async () => {
    const expired = await server.token({ exp: Math.floor(Date.now() / 1000) - 60 })
    const foreign = await server.token({ aud: 'https://other.example' })
    for (const sent of [expired, foreign, `${token}a`, 'opaque']) {
      const [status, text] = await challenge({ authorization: `Bearer ${sent}` })
      expect([status, text]).toEqual([
        401,
        expect.stringMatching(/^Bearer realm="Notes", error="invalid_token", error_description="[^"\\]+"$/),
      ])
    }
  })

  it('is insufficient_scope with 403 and the scope that is needed', async () => {
    expect(
      await challenge({ authorization: `Bearer ${token}` }, { scopes: ['notes:read', 'notes:write'] }),
    ).toEqual([403, 'Bearer realm="Notes", error="insufficient_scope", scope="notes:read notes:write"'])
  })

  it('has only characters that the standard permits, for any realm', async () => {
    const odd = createGuard({ methods: [latchkey({ issuer: server.issuer })], realm: 'a "b" \\ ü\n' })
    const { headers } = odd.answer(
      await odd.authenticate(new Request('https://a.example')).catch((error: unknown) => error),
    )
    expect(headers['www-authenticate']).toMatch(/^Bearer realm="[\x20-\x21\x23-\x5b\x5d-\x7e]*", /)
  })
})

describe('an answer', () => {
  it('to a request with a token is kept by no cache (§5.3)', async () => {
    const { headers } = await consumer.send({ authorization: 'Bearer opaque' })
    expect(headers.get('cache-control')).toBe('no-store')
  })
})
