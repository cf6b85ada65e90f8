/**
 * The packed guard under Node, Bun, Deno and Cloudflare Workers (workerd), each with a real process: tokens of every
 * algorithm against a JWK set on 127.0.0.1, refusals, the methods for an app's own credentials, and a server.
 */
import { createHash } from 'node:crypto'
import { cpSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, join } from 'node:path'
import { build } from 'esbuild'
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Counterpart, opaqueOf, startCounterpart } from '../packages/guard/src/testing/counterpart.ts'
import { type Program, ROOT, runProgram } from '../packages/guard/src/testing/programs.ts'
import { until } from '../packages/guard/src/testing/waiting.ts'
import { freePort } from '../packages/server/src/testing/world.ts'
import { writePage } from './setup/guides.ts'
import { type PackedFolder, packedGuardBeside } from './setup/packed.ts'

const PUBLIC = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']
const SECRET = ['HS256', 'HS384', 'HS512']
const RUNTIMES = ['node', 'bun', 'deno', 'workerd'] as const
type Runtime = (typeof RUNTIMES)[number]

const privateKeys = new Map<string, CryptoKey>()
const secrets = Object.fromEntries(SECRET.map((alg) => [alg, `${alg} `.repeat(12)]))
const publicKeys: Record<string, string> = {}
const urls = new Map<string, string>()
const programs: Program[] = []
let folder: PackedFolder
let issuer: Server
let issuerUrl: string
let server: Counterpart

async function sign(alg: string, claims: JWTPayload = {}, kid = alg): Promise<string> {
  const key = privateKeys.get(alg) ?? new TextEncoder().encode(secrets[alg])
  const now = Math.floor(Date.now() / 1000)
  return new SignJWT({ iss: issuerUrl, aud: 'api', sub: 'ada', iat: now, exp: now + 600, ...claims })
    .setProtectedHeader({ alg, kid })
    .sign(key)
}
const otherEnd = (token: string): string =>
  token.slice(0, -9) + (token.at(-9) === 'A' ? 'B' : 'A') + token.slice(-8)

const send = (runtime: string, path: string, init?: RequestInit): Promise<Response> =>
  fetch(`${urls.get(runtime)}${path}`, init)
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
async function statusOf(runtime: string, path: string, init?: RequestInit): Promise<number> {
  const response = await send(runtime, path, init)
  await response.arrayBuffer()
  return response.status
}

async function startIssuer(): Promise<void> {
  const keys: object[] = []
  for (const alg of PUBLIC) {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
    privateKeys.set(alg, privateKey)
    keys.push({ ...(await exportJWK(publicKey)), kid: alg, alg, use: 'sig' })
    if (alg.endsWith('256') && !alg.startsWith('PS')) publicKeys[`pem/${alg}`] = await exportSPKI(publicKey)
  }
  issuer = createServer(async (request, response) => {
    if (request.url === '/redirect') return void response.writeHead(302, { location: '/jwks' }).end()
    if (request.url === '/.well-known/openid-configuration')
      return void response.end(JSON.stringify({ issuer: issuerUrl, jwks_uri: `${issuerUrl}/jwks` }))
    if (request.url === '/slow') await new Promise((resolve) => setTimeout(resolve, 300))
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys }))
  })
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', () => resolve()))
  issuerUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`
}

/** The binary of a runtime, from the package for this platform. */
function binaryOf(scope: string, path: string): string {
  const [name = ''] = readdirSync(join(folder.installed, 'node_modules', scope))
  return join(folder.installed, 'node_modules', scope, name, path)
}

/** @param file a Worker, which is bundled as its deployment tool does it */
async function startWorkerd(file: string, settings: string): Promise<Program> {
  const name = basename(file).replace(/\.\w+$/, '')
  await build({
    entryPoints: [join(folder.path, file)],
    outfile: join(folder.path, `${name}.bundle.mjs`),
    bundle: true,
    format: 'esm',
    platform: 'node',
    external: ['node:*'],
    logLevel: 'error',
  })
  const config = `
    using Workerd = import "/workerd/workerd.capnp";
    const config :Workerd.Config = (
      services = [(name = "app", worker = .app), (name = "internet", network = (allow = ["private"]))],
      sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "app")],
    );
    const app :Workerd.Worker = (
      modules = [(name = "worker", esModule = embed "${name}.bundle.mjs")],
      bindings = [(name = "SETTINGS", text = ${JSON.stringify(settings)})],
      compatibilityDate = "2026-01-01",
      compatibilityFlags = ["nodejs_compat"],
    );`
  writeFileSync(join(folder.path, `${name}.capnp`), config)
  const args = ['serve', `${name}.capnp`, '--control-fd=1']
  return runProgram(binaryOf('@cloudflare', 'bin/workerd'), args, {}, folder.path)
}

async function start(name: string, program: Program): Promise<void> {
  programs.push(program)
  const port = /"?port"?:? ?(\d+)/
  await program.printed(port)
  urls.set(name, `http://127.0.0.1:${port.exec(program.output())?.[1]}`)
}

/** A file of the guide, with a free port in place of the printed one; a Worker reports its own. */
async function startGuide(name: string, run: (file: string) => Program | Promise<Program>): Promise<void> {
  const port = await freePort()
  writePage('runtimes', join(folder.path, `guide-${name}`), server.issuer, port)
  const program = await run(`guide-${name}/${name}.ts`)
  if (name === 'worker') return start(`guide ${name}`, program)
  programs.push(program)
  urls.set(`guide ${name}`, `http://127.0.0.1:${port}`)
  const isUp = () =>
    statusOf(`guide ${name}`, '/').then(
      () => true,
      () => false,
    )
  await until(isUp, name).catch((error) => Promise.reject(new Error(program.output(), { cause: error })))
}

beforeAll(async () => {
  const packed = packedGuardBeside('runtimes')
  await startIssuer()
  server = await startCounterpart()
  folder = await packed
  cpSync(join(ROOT, 'tests/runtimes'), folder.path, { recursive: true })
  const settings = JSON.stringify({
    issuer: issuerUrl,
    secrets,
    publicKeys,
    server: server.issuer,
    credential: server.guardCredential,
  })
  const env = { SETTINGS: settings }
  const bun = (file: string) => runProgram(binaryOf('@oven', 'bin/bun'), [file], env, folder.path)
  const deno = (file: string) =>
    runProgram(binaryOf('@deno', 'deno'), ['run', '-A', '--no-lock', file], env, folder.path)
  const node = (file: string) => runProgram(process.execPath, [file], env, folder.path)
  await Promise.all([
    start('node', node('node.mjs')),
    start('bun', bun('bun.mjs')),
    start('deno', deno('deno.mjs')),
    startWorkerd('app-worker.mjs', settings).then((program) => start('workerd', program)),
    start('express on bun', bun('express.mjs')),
    start('express on deno', deno('express.mjs')),
    startGuide('bun', bun),
    startGuide('deno', deno),
    startGuide('worker', () => startWorkerd('guide-worker/worker.ts', '')),
  ])
})
afterAll(async () => {
  await Promise.all(programs.map((program) => program.stop()))
  await server.close()
  issuer.close()
  folder.remove()
})

describe.each(RUNTIMES)('under %s', (runtime: Runtime) => {
  it.each(PUBLIC)('verifies %s against a JWK set, and refuses another signature', async (alg) => {
    const token = await sign(alg)
    const response = await send(runtime, '/jwks', bearer(token))
    expect([response.status, await response.json()]).toEqual([
      200,
      { userId: 'ada', method: 'jwt', body: null },
    ])
    expect(await statusOf(runtime, '/jwks', bearer(otherEnd(token)))).toBe(401)
  })

  it.each(SECRET)('verifies %s with a secret, and refuses another signature', async (alg) => {
    const token = await sign(alg)
    expect(await statusOf(runtime, `/${alg}`, bearer(token))).toBe(200)
    expect(await statusOf(runtime, `/${alg}`, bearer(otherEnd(token)))).toBe(401)
  })

  it.each(['pem/RS256', 'pem/ES256'])('verifies with a public key in PEM: %s', async (name) => {
    const alg = name.slice(4)
    expect(await statusOf(runtime, `/${name}`, bearer(await sign(alg)))).toBe(200)
    expect(await statusOf(runtime, `/${name}`, bearer(otherEnd(await sign(alg))))).toBe(401)
  })

  it('discovers the keys of an issuer', async () => {
    const token = await sign('ES256')
    expect(await statusOf(runtime, '/discovered', bearer(token))).toBe(200)
    expect(await statusOf(runtime, '/discovered', bearer(otherEnd(token)))).toBe(401)
  })

  it('refuses tokens that are expired, for others, of another key or without a signature', async () => {
    const [header, claims] = (await sign('ES256')).split('.')
    const none = Buffer.from('{"alg":"none"}').toString('base64url')
    const tokens = [
      await sign('ES256', { exp: Math.floor(Date.now() / 1000) - 120 }),
      await sign('ES256', { aud: 'another' }),
      await sign('ES256', { iss: 'https://another.test' }),
      await sign('ES256', {}, 'RS256'),
      await sign('HS256', {}, 'ES256'),
      `${header}.${claims}.`,
      `${none}.${claims}.`,
      `${none}.${claims}.AAAA`,
      'a.b.c',
    ]
    const statuses = await Promise.all(tokens.map((token) => statusOf(runtime, '/jwks', bearer(token))))
    expect(statuses).toEqual(tokens.map(() => 401))
  })

  it('answers 401 with a challenge, 403 for a missing role, 503 where the keys are redirected', async () => {
    const response = await send(runtime, '/jwks')
    expect([response.status, response.headers.get('www-authenticate'), await response.json()]).toEqual([
      401,
      'Bearer realm="latchkey"',
      expect.objectContaining({ success: false, code: 401 }),
    ])
    expect(await statusOf(runtime, '/admin', bearer(await sign('ES256')))).toBe(403)
    expect(await statusOf(runtime, '/admin', bearer(await sign('ES256', { roles: ['admin'] })))).toBe(200)
    expect(await statusOf(runtime, '/redirect', bearer(await sign('ES256')))).toBe(503)
  })

  it('keeps the principals of concurrent requests apart', async () => {
    const names = Array.from({ length: 40 }, (_, n) => `user-${n}`)
    const seen = names.map(async (sub) => {
      const response = await send(runtime, '/jwks', bearer(await sign('ES256', { sub })))
      return ((await response.json()) as { userId: string }).userId
    })
    expect(await Promise.all(seen)).toEqual(names)
  })

  it('checks keys, names, sessions and signed bodies of an app', async () => {
    const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
    const read = async (init: RequestInit) => {
      const response = await send(runtime, '/own', init)
      return [response.status, ((await response.json()) as { userId?: string }).userId]
    }
    expect(await read({ headers: { 'x-api-key': 'key' } })).toEqual([200, 'machine'])
    expect(await read({ headers: { 'x-api-key': 'another' } })).toEqual([401, undefined])
    expect(await read({ headers: basic('ada:pass') })).toEqual([200, 'ada'])
    expect(await read({ headers: basic('ada:wrong') })).toEqual([401, undefined])
    const cookie = { cookie: 'sid=known' }
    expect(await read({ headers: cookie })).toEqual([200, 'visitor'])
    expect(await read({ headers: { cookie: 'sid=unknown' } })).toEqual([401, undefined])
    const foreign = { ...cookie, origin: 'https://evil.test' }
    expect(await read({ method: 'POST', headers: foreign })).toEqual([403, undefined])
    const signature = createHash('sha256').update('{"paid":true}').digest('hex')
    const signed = { method: 'POST', headers: { 'x-signature': signature } }
    const response = await send(runtime, '/own', { ...signed, body: '{"paid":true}' })
    expect(await response.json()).toEqual({ userId: 'hook', method: 'custom', body: '{"paid":true}' })
    expect(await read({ ...signed, body: '{"paid":false}' })).toEqual([401, undefined])
    const login = await send(runtime, '/login', { method: 'POST', headers: basic('ada:pass') })
    expect([login.status, await login.json()]).toEqual([200, expect.objectContaining({ success: true })])
  })

  it('validates tokens and keys at a Latchkey server, until they are revoked', async () => {
    const [token, key] = [await server.token(), opaqueOf(server, 'api_key')]
    const statuses = async () => [
      await statusOf(runtime, '/latchkey', bearer(token)),
      await statusOf(runtime, '/latchkey', { headers: { 'x-api-key': key } }),
    ]
    expect(await statuses()).toEqual([200, 200])
    server.forget(token)
    server.forget(key)
    expect(await statuses()).toEqual([401, 401])
  })

  it('can use keys whose first request ended before they had arrived', async () => {
    const token = await sign('ES256')
    const left = Array.from({ length: 20 }, () => statusOf(runtime, '/left', bearer(token)))
    expect(await Promise.all(left)).toEqual(left.map(() => 200))
    const later = Array.from({ length: 5 }, () => statusOf(runtime, '/slow', bearer(token)))
    expect(await Promise.all(later)).toEqual(later.map(() => 200))
    expect(await statusOf(runtime, '/slow', bearer(otherEnd(token)))).toBe(401)
  })
})

describe.each(['node', 'bun', 'deno'])('a revocation stream under %s', (runtime) => {
  it('brings a revocation to a token that was accepted', async () => {
    const token = await server.token({ jti: `token-of-${runtime}` })
    const state = async () => (await send(runtime, '/pushed', bearer(token))).headers.get('x-state')
    await until(async () => (await state()) === 'connected', 'the stream')
    expect(await statusOf(runtime, '/pushed', bearer(token))).toBe(200)
    server.revoke({ kind: 'jti', value: `token-of-${runtime}` })
    await until(async () => (await statusOf(runtime, '/pushed', bearer(token))) === 401, 'the revocation')
  })
})

it('a revocation stream under workerd is refused when the guard is made: a request cannot leave it to the next', async () => {
  const response = await send('workerd', '/pushed')
  expect([response.status, await response.text()]).toEqual([
    501,
    "Cloudflare Workers cannot hold a revocation stream: use revocation: 'ask' or 'none'",
  ])
})

describe.each(['bun', 'deno', 'worker'])('the guide, run by its %s.ts', (name) => {
  it('protects a handler as printed', async () => {
    const [allowed, lacking] = [
      await server.token({ permissions: ['notes:read'] }),
      await server.token({ permissions: [] }),
    ]
    const response = await send(`guide ${name}`, '/', bearer(allowed))
    expect([response.status, await response.json()]).toEqual([
      200,
      expect.objectContaining({ userId: 'usr_1' }),
    ])
    expect(await statusOf(`guide ${name}`, '/', bearer(lacking))).toBe(403)
    expect(await statusOf(`guide ${name}`, '/')).toBe(401)
  })
})

describe.each(['bun', 'deno'])('Express under %s', (runtime) => {
  const name = `express on ${runtime}`
  it('is protected, and reads bodies after the guard', async () => {
    const token = await sign('ES256')
    const response = await send(name, '/jwks', bearer(token))
    expect([response.status, await response.json()]).toEqual([200, { userId: 'ada' }])
    expect(await statusOf(name, '/jwks', bearer(otherEnd(token)))).toBe(401)
    expect(await statusOf(name, '/jwks')).toBe(401)
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const posted = await send(name, '/json', { method: 'POST', headers, body: '{"a":1}' })
    expect(await posted.json()).toEqual({ a: 1 })
  })
})
