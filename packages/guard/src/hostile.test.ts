/**
 * Forged and tampered tokens with the methods `latchkey` and `jwt`: each is answered with 401 and the right code and
 * challenge; none makes the guard open a connection, and none passes an `optional` route as an anonymous caller.
 */
import { createHmac, createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportPKCS8, exportSPKI, importJWK } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jwt, latchkey } from './index.ts'
import { type Counterpart, makeKey, type SigningKey, startCounterpart } from './testing/counterpart.ts'
import { type Probe, probe } from './testing/probe.ts'

let server: Counterpart
let key: SigningKey
let good: string
let probes: Record<string, Probe>
let lures = 0
let lure: string
let publicPem: string
const baits: { close(): void }[] = []

const b64 = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const parts = (token: string): [string, string, string] => token.split('.') as [string, string, string]

/** Signs any text as header and payload with the key of the server. */
async function signed(header: string, payload: string): Promise<string> {
  const text = `${b64(header)}.${b64(payload)}`
  const pem = createPrivateKey(await exportPKCS8(key.privateKey))
  const signature = sign('sha256', Buffer.from(text), { key: pem, dsaEncoding: 'ieee-p1363' })
  return `${text}.${signature.toString('base64url')}`
}
const headerOf = (more: Record<string, unknown> = {}) => ({
  alg: 'ES256',
  typ: 'at+jwt',
  kid: key.kid,
  ...more,
})
const payload = (): string => Buffer.from(parts(good)[1], 'base64url').toString()

beforeAll(async () => {
  server = await startCounterpart()
  key = server.keys[0] as SigningKey
  good = await server.token()
  const bait = createServer((_req, res) => {
    lures += 1
    res.end(JSON.stringify({ keys: [] }))
  })
  await new Promise<void>((resolve) => bait.listen(0, '127.0.0.1', resolve))
  baits.push(bait)
  lure = `http://127.0.0.1:${(bait.address() as AddressInfo).port}/keys`
  const spki = await importJWK(key.jwk, 'ES256', { extractable: true })
  publicPem = await exportSPKI(spki as CryptoKey)
  const trusted = { issuer: server.issuer, audience: server.issuer }
  probes = {
    latchkey: probe({ methods: [latchkey({ issuer: server.issuer, revocation: 'none' })] }),
    'latchkey asking': probe({ methods: [latchkey({ issuer: server.issuer })] }),
    'jwt by URL': probe({ methods: [jwt({ jwks: `${server.issuer}/.well-known/jwks.json`, ...trusted })] }),
    'jwt by set': probe({ methods: [jwt({ jwks: { keys: [key.jwk] }, ...trusted })] }),
    'jwt by key': probe({ methods: [jwt({ publicKey: publicPem, ...trusted })] }),
  }
})
afterAll(async () => {
  for (const bait of baits) bait.close()
  await server.close()
})

const flip = (text: string, at: number): string => {
  const letter = text[at] === 'A' ? 'B' : 'A'
  return text.slice(0, at) + letter + text.slice(at + 1)
}

/** Tokens that every consumer refuses. */
const forAll: Record<string, () => string | Promise<string>> = {
  'no signature': () => `${parts(good)[0]}.${parts(good)[1]}.`,
  'two parts': () => `${parts(good)[0]}.${parts(good)[1]}`,
  'four parts': () => `${good}.${parts(good)[2]}`,
  'five parts, as an encrypted one has': () => `${good}.x.y`,
  'an empty header': () => `.${parts(good)[1]}.${parts(good)[2]}`,
  truncated: () => good.slice(0, -1),
  extended: () => `${good}A`,
  'another first letter of the signature': () =>
    `${parts(good)[0]}.${parts(good)[1]}.${flip(parts(good)[2], 0)}`,
  'case changed': () => {
    const [header, body, signature] = parts(good)
    return `${header}.${body}.${signature.replace(/[a-z]/, (letter) => letter.toUpperCase())}`
  },
  'padding added': () => `${good}==`,
  'a non-canonical tail of the signature': () => {
    // 64 bytes leave four unused bits in the last character: all characters with the same upper bits decode alike
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const last = alphabet.indexOf(good.at(-1) ?? '')
    return good.slice(0, -1) + alphabet[last ^ 1]
  },
  'the signature in the alphabet of plain base64': () => {
    const [header, body, signature] = parts(good)
    return `${header}.${body}.${Buffer.from(signature, 'base64url').toString('base64')}`
  },
  'a changed payload': () =>
    `${parts(good)[0]}.${b64({ ...JSON.parse(payload()), sub: 'usr_2' })}.${parts(good)[2]}`,
  'alg none': () => `${b64(headerOf({ alg: 'none' }))}.${parts(good)[1]}.`,
  'alg none with a signature': () => `${b64(headerOf({ alg: 'none' }))}.${parts(good)[1]}.${parts(good)[2]}`,
  'alg None': () => `${b64(headerOf({ alg: 'None' }))}.${parts(good)[1]}.AA`,
  'alg NONE': () => `${b64(headerOf({ alg: 'NONE' }))}.${parts(good)[1]}.AA`,
  'alg nOnE': () => `${b64(headerOf({ alg: 'nOnE' }))}.${parts(good)[1]}.AA`,
  'alg none with a space': () => `${b64(headerOf({ alg: 'none ' }))}.${parts(good)[1]}.AA`,
  'no alg': () => signed(JSON.stringify({ ...headerOf(), alg: undefined }), payload()),
  'alg a list': () => signed(JSON.stringify(headerOf({ alg: ['ES256'] })), payload()),
  'alg __proto__': () => signed(JSON.stringify(headerOf({ alg: '__proto__' })), payload()),
  'alg constructor': () => signed(JSON.stringify(headerOf({ alg: 'constructor' })), payload()),
  'alg es256': () => signed(JSON.stringify(headerOf({ alg: 'es256' })), payload()),
  'HMAC with the public key as PEM': () => hmac(publicPem),
  'HMAC with the public key as PEM, trimmed': () => hmac(publicPem.trim()),
  'HMAC with the public JWK': () => hmac(JSON.stringify(key.jwk)),
  'HMAC with nothing': () => hmac(''),
  'an ES256 signature of zeroes (CVE-2022-21449)': () =>
    `${parts(good)[0]}.${parts(good)[1]}.${Buffer.alloc(64).toString('base64url')}`,
  'a DER signature': async () => {
    const pem = createPrivateKey(await exportPKCS8(key.privateKey))
    const [header, body] = parts(good)
    return `${header}.${body}.${sign('sha256', Buffer.from(`${header}.${body}`), pem).toString('base64url')}`
  },
  'an embedded jwk of the attacker': async () => {
    const own = await makeKey('ES256', key.kid)
    return server.token({}, { jwk: own.jwk }, own)
  },
  'jku with a key of the attacker': async () =>
    server.token({}, { jku: lure }, await makeKey('ES256', key.kid)),
  'x5u with a key of the attacker': async () =>
    server.token({}, { x5u: lure }, await makeKey('ES256', key.kid)),
  'x5c with a key of the attacker': async () => {
    const own = await makeKey('ES256', key.kid)
    return server.token({}, { x5c: [Buffer.from(JSON.stringify(own.jwk)).toString('base64')] }, own)
  },
  'an unknown crit': () => signed(JSON.stringify(headerOf({ crit: ['lk'], lk: 1 })), payload()),
  'an empty crit': () => signed(JSON.stringify(headerOf({ crit: [] })), payload()),
  'crit b64 (RFC 7797)': () => signed(JSON.stringify(headerOf({ crit: ['b64'], b64: false })), payload()),
  'typ logout+jwt': () => server.token({}, { typ: 'logout+jwt' }),
  'typ dpop+jwt': () => server.token({}, { typ: 'dpop+jwt' }),
  'typ a number': () => signed(JSON.stringify(headerOf({ typ: 1 })), payload()),
  'a kid that is a number': () => signed(JSON.stringify(headerOf({ kid: 1 })), payload()),
  'a kid of 5 kB': () => server.token({}, { kid: 'k'.repeat(5000) }),
  'alg named twice in the header': () =>
    signed(`{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"${key.kid}"}`, payload()),
  'sub named twice in the payload': () =>
    signed(JSON.stringify(headerOf()), payload().replace('{', '{"sub":"usr_0",')),
  'sub named twice, once escaped': () =>
    signed(JSON.stringify(headerOf()), payload().replace('{', '{"s\\u0075b":"usr_0",')),
  'a name twice deep inside': () =>
    signed(JSON.stringify(headerOf()), payload().replace('{', '{"x":[{"a":1,"b":{"a":1,"a":2}}],')),
  'a payload that is a list': () => signed(JSON.stringify(headerOf()), `[${payload()}]`),
  'a payload that is null': () => signed(JSON.stringify(headerOf()), 'null'),
  'a payload that is no JSON': () => signed(JSON.stringify(headerOf()), '{sub:1}'),
  'a payload after a byte order mark': () => signed(JSON.stringify(headerOf()), `\ufeff${payload()}`),
  'a payload in Latin-1': async () => {
    const text = `${b64(headerOf())}.${Buffer.from(payload().replace('ada', 'ad\xe4'), 'latin1').toString('base64url')}`
    const pem = createPrivateKey(await exportPKCS8(key.privateKey))
    const signature = sign('sha256', Buffer.from(text), { key: pem, dsaEncoding: 'ieee-p1363' })
    return `${text}.${signature.toString('base64url')}`
  },
  'expired six seconds ago': () => server.token({ exp: now() - 6 }),
  'without exp': () => server.token({ exp: undefined }),
  'exp as text': () => server.token({ exp: `${now() + 60}` }),
  'exp null': () => server.token({ exp: null }),
  'exp beyond all times': () =>
    signed(JSON.stringify(headerOf()), payload().replace(/"exp":\d+/, '"exp":1e999')),
  'nbf ahead': () => server.token({ nbf: now() + 120 }),
  'nbf as text': () => server.token({ nbf: '0' }),
  'issued in the future': () => server.token({ iat: now() + 120 }),
  'another issuer': () => server.token({ iss: 'https://evil.example' }),
  'the issuer with a slash': () => server.token({ iss: `${server.issuer}/` }),
  'the issuer in a list': () => server.token({ iss: [server.issuer] }),
  'no issuer': () => server.token({ iss: undefined }),
  'another audience': () => server.token({ aud: 'https://other.example' }),
  'no audience': () => server.token({ aud: undefined }),
  'an audience of numbers': () => server.token({ aud: [1, server.issuer] }),
  'an audience that contains ours': () => server.token({ aud: `${server.issuer}.evil.example` }),
  'no sub': () => server.token({ sub: undefined }),
  'an empty sub': () => server.token({ sub: '' }),
  'a sub that is an object': () => server.token({ sub: { id: 1 } }),
  'roles that are no list': () => server.token({ roles: 'admin' }),
  'permissions that are no texts': () => server.token({ permissions: [{ toString: '*' }] }),
  'longer than 16 kB': () => server.token({ filler: 'x'.repeat(12_000) }),
  '8 kB of brackets': () => `${b64('['.repeat(3000))}.${b64('{"a":'.repeat(500))}.AA`,
}

/** Header parameters that are not read: the key of the set decides, and nothing is fetched (RFC 8725 §3.10). */
const unread: Record<string, () => Record<string, unknown>> = {
  'an embedded jwk': () => ({ jwk: { kty: 'oct', k: 'AA' } }),
  'an embedded jwk that is the right one': () => ({ jwk: key.jwk }),
  jku: () => ({ jku: lure }),
  x5u: () => ({ x5u: lure }),
  x5c: () => ({ x5c: ['MIIB'] }),
  x5t: () => ({ x5t: 'AA', 'x5t#S256': 'AA' }),
}

/** Tokens that violate only the profile of Latchkey access tokens. */
const forLatchkey: Record<string, () => string | Promise<string>> = {
  'no typ': () => server.token({}, { typ: undefined }),
  'typ JWT, as an ID token has': () => server.token({}, { typ: 'JWT' }),
  'no kid': () => server.token({}, { kid: undefined }),
  'a kid that is a path': () => server.token({}, { kid: '../../../etc/passwd' }),
  'a kid that is a URL': () => server.token({}, { kid: lure }),
  'a kid with SQL in it': () => server.token({}, { kid: "' or 1=1 --" }),
  'a kid with a null byte': () => server.token({}, { kid: `${key.kid}\0` }),
  'no jti': () => server.token({ jti: undefined }),
  'no iat': () => server.token({ iat: undefined }),
  'no roles': () => server.token({ roles: undefined }),
  'no permissions': () => server.token({ permissions: undefined }),
  'a sid that is a list': () => server.token({ sid: ['ses_1'] }),
  'signed by a key of another kind under a known kid': async () =>
    server.token({}, { kid: key.kid }, await makeKey('EdDSA')),
  'signed by a stranger under a known kid': async () => server.token({}, {}, await makeKey('ES256', key.kid)),
}

const now = (): number => Math.floor(Date.now() / 1000)
function hmac(secret: string): string {
  const text = `${b64(headerOf({ alg: 'HS256' }))}.${parts(good)[1]}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

async function expectRefused(consumer: Probe, token: string, name: string): Promise<void> {
  for (const rule of [{}, { optional: true }]) {
    const response = await consumer.bearer(token, { rule })
    expect([response.status, response.principal], name).toEqual([401, null])
    expect(['INVALID_TOKEN', 'TOKEN_EXPIRED'], name).toContain(response.code)
    expect(response.headers.get('www-authenticate'), name).toMatch(
      /^Bearer realm="latchkey", error="invalid_token"/,
    )
  }
}

describe('a hostile token', () => {
  it('differs from a valid one', async () => {
    for (const [name, consumer] of Object.entries(probes)) {
      const response = await consumer.bearer(good)
      expect([name, response.status, response.principal?.userId]).toEqual([name, 200, 'usr_1'])
    }
  })

  it.each(Object.keys(forAll))('is refused by every consumer: %s', async (name) => {
    const token = (await forAll[name]?.()) ?? ''
    // the server must not validate the token either
    server.forget(token)
    for (const [who, consumer] of Object.entries(probes))
      await expectRefused(consumer, token, `${who}: ${name}`)
  })

  it.each(Object.keys(forLatchkey))('is refused by the latchkey method: %s', async (name) => {
    const token = (await forLatchkey[name]?.()) ?? ''
    server.forget(token)
    for (const who of ['latchkey', 'latchkey asking']) await expectRefused(probes[who] as Probe, token, name)
  })

  it.each(Object.keys(unread))(
    'and a valid one may have header parameters that are not read: %s',
    async (name) => {
      const token = await server.token({}, unread[name]?.() ?? {})
      for (const [who, consumer] of Object.entries(probes))
        expect([who, (await consumer.bearer(token)).status]).toEqual([who, 200])
    },
  )

  it('never makes the guard fetch a URL of its header', () => {
    expect(lures).toBe(0)
    expect(Object.keys(server.count).sort()).toEqual(['/.well-known/jwks.json', '/api/v1/auth/validate'])
  })

  it('is not sent to the server where it is refused locally', async () => {
    const before = server.count['/api/v1/auth/validate']
    for (const name of ['a changed payload', 'alg none', 'another audience', 'a kid of 5 kB']) {
      await probes['latchkey asking']?.bearer((await forAll[name]?.()) ?? '')
    }
    expect(server.count['/api/v1/auth/validate']).toBe(before)
  })

  it('reports the reason to the log and not to the caller', async () => {
    const consumer = probes.latchkey as Probe
    const response = await consumer.bearer(await server.token({ aud: 'https://other.example' }))
    expect(response.text).not.toContain('audience')
    expect(consumer.reasons.at(-1)).toBe('the audience is not accepted')
  })

  it('expires after the clock tolerance', async () => {
    let time = Date.now()
    const consumer = probe({
      methods: [latchkey({ issuer: server.issuer, revocation: 'none' })],
      now: () => time,
    })
    const token = await server.token({ exp: now() + 60 })
    const statuses: (string | undefined | number)[] = []
    for (const seconds of [0, 59, 4, 3]) {
      time += seconds * 1000
      const response = await consumer.bearer(token)
      statuses.push(response.code ?? response.status)
    }
    expect(statuses).toEqual([200, 200, 200, 'TOKEN_EXPIRED'])
  })
})

describe('an unusable key', () => {
  const trusted = { issuer: 'i', audience: 'a' }
  const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength })
  const weak: Record<string, () => unknown> = {
    'an HS256 secret of 31 bytes': () => jwt({ secret: 'x'.repeat(31), ...trusted }),
    'an HS512 secret of 32 bytes': () => jwt({ secret: randomBytes(32), algorithms: ['HS512'], ...trusted }),
    'an empty secret': () => jwt({ secret: '', ...trusted }),
    'a public key as a secret': () => jwt({ secret: publicPem, ...trusted }),
    'a secret for ES256': () => jwt({ secret: randomBytes(32), algorithms: ['ES256'], ...trusted }),
    'a secret for two algorithms': () =>
      jwt({ secret: randomBytes(64), algorithms: ['HS256', 'HS512'], ...trusted }),
    'no algorithm': () => jwt({ secret: randomBytes(32), algorithms: [], ...trusted }),
    'an RSA key of 1024 bits': () =>
      jwt({ publicKey: rsa(1024).publicKey.export({ type: 'spki', format: 'pem' }).toString(), ...trusted }),
    'a private key': () => jwt({ publicKey: rsa(2048).privateKey, ...trusted }),
    'a private key as PEM': () =>
      jwt({
        publicKey: rsa(2048).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
        ...trusted,
      }),
    'an ES256 key for RS256': () => jwt({ publicKey: publicPem, algorithms: ['RS256'], ...trusted }),
    'an RSA key for RS256 and PS256 at once': () =>
      jwt({ publicKey: rsa(2048).publicKey, algorithms: ['RS256', 'PS256'], ...trusted }),
    'two kinds of keys': () => jwt({ secret: randomBytes(32), publicKey: publicPem, ...trusted }),
    'no key': () => jwt({ ...trusted }),
    'no issuer said': () => jwt({ secret: randomBytes(32), audience: 'a' } as never),
    'no audience said': () => jwt({ secret: randomBytes(32), issuer: 'i' } as never),
    'a key set over plain http elsewhere': () => jwt({ jwks: 'http://keys.example/jwks', ...trusted }),
    'a short secret of the server': () => latchkey({ issuer: 'https://id.example', secret: 'short' }),
    'an issuer over plain http': () => latchkey({ issuer: 'http://id.example' }),
    'a stream without a credential': () => latchkey({ issuer: 'https://id.example', revocation: 'stream' }),
  }
  it.each(Object.keys(weak))('is refused by createGuard: %s', (name) => {
    expect(() => probe({ methods: [weak[name]?.() as ReturnType<typeof jwt>] })).toThrow(TypeError)
  })
})
