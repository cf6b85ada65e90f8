/**
 * The guard with the real server over real sockets: tokens, keys and sessions are issued and revoked through the API of
 * the server, and keys rotated. It confirms the contract that the fake server of the other tests implements.
 */
import { createServer } from 'node:net'
import fc from 'fast-check'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../../server/src/base/call.ts'
import type { Client } from '../../server/src/testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../server/src/testing/world.ts'
import { latchkey } from './index.ts'
import { type Probe, probe } from './testing/probe.ts'
import { until, withinASecond } from './testing/waiting.ts'

let world: World
let ada: Person
let guardKey: string
const probes: Probe[] = []

beforeAll(async () => {
  world = await startWorld()
  ada = await world.person({ email: 'ada@example.com', username: 'ada' })
  const root = await world.person({ email: 'root@example.com' })
  await world.db.tx('system', (tx) =>
    tx
      .updateTable('users')
      .set({ roles: ['super_admin'] })
      .where('id', '=', root.id)
      .execute(),
  )
  const admin = await world.client().signIn(root.email, PASSWORD)
  const client = world.client({ headers: { authorization: `Bearer ${admin.data.token}` } })
  guardKey = (await client.apiKey({ permissions: ['revocations:read'] })).secret
})
afterAll(async () => {
  for (const { guard } of probes) guard.close()
  await world.stop()
})

const make = (options: Partial<Parameters<typeof latchkey>[0]> = {}): Probe => {
  const made = probe({
    methods: [latchkey({ issuer: world.config.publicUrl, url: world.url, ...options })],
    now: () => world.clock.now().getTime(),
  })
  probes.push(made)
  return made
}
const live = async (): Promise<Probe> => {
  const made = make({ credential: guardKey })
  await until(() => made.guard.state() === 'connected', 'the line')
  return made
}
const signIn = async (person: Person = ada): Promise<{ access: string; session: string; client: Client }> => {
  const { data } = await world.client().signIn(person.email, PASSWORD, { tokens: true })
  const client = world.client({ headers: { authorization: `Bearer ${data.token}` } })
  return { access: data.access_token, session: data.token, client }
}
const statusOf = async (one: Probe, token: string): Promise<number> => (await one.bearer(token)).status

describe('with the real server', () => {
  it('accepts its session cookie, for unsafe methods with the CSRF token of that session only', async () => {
    const [one, two] = [
      await world.client().signIn(ada.email, PASSWORD),
      await world.client().signIn(ada.email, PASSWORD),
    ]
    const cookie = `lk_session=${one.data.token}`
    const csrf = (token: string) => ({ cookie, 'x-csrf-token': token })
    for (const guarded of [await live(), make()]) {
      const { principal } = await guarded.send({ cookie })
      expect(principal).toMatchObject({ userId: ada.id, method: 'session', sessionId: one.data.session.id })
      const post = async (headers: Record<string, string>) =>
        (await guarded.send(headers, { method: 'POST' })).code ?? 200
      expect(await post(csrf(one.data.session.csrf_token))).toBe(200)
      expect(await post({ cookie })).toBe('CSRF_FAILED')
      expect(await post(csrf(two.data.session.csrf_token))).toBe('CSRF_FAILED')
      expect(await post({ ...csrf(one.data.session.csrf_token), origin: 'https://evil.example' })).toBe(
        'CSRF_FAILED',
      )
      expect(
        (await guarded.send({ cookie: `lk_session=st_${'a'.repeat(43)}` }, { rule: { optional: true } }))
          .status,
      ).toBe(401)
    }
    const guarded = await live()
    expect((await guarded.send({ cookie })).status).toBe(200)
    await world.client({ headers: { authorization: `Bearer ${one.data.token}` } }).post('/api/v1/auth/logout')
    await until(async () => (await guarded.send({ cookie })).status === 401)
    expect((await guarded.send(csrf(one.data.session.csrf_token), { method: 'POST' })).status).toBe(401)
  })

  it('has the same principal for an access token, a session and an API key as the server', async () => {
    const { access, session, client } = await signIn()
    const key = await client.apiKey({ permissions: ['dashboard:read'] })
    for (const guarded of [await live(), make()]) {
      for (const credential of [access, session, key.secret]) {
        const { principal } = await guarded.bearer(credential)
        const headers = { authorization: `Bearer ${credential}` }
        const { data } = await world.client({ headers }).get('/api/v1/auth/validate')
        expect(principal).toMatchObject({
          userId: data.user_id,
          username: data.username,
          role: data.role,
          roles: data.roles,
          permissions: data.permissions,
          method: data.method,
          sessionId: data.session_id,
          keyId: data.key_id,
          tokenId: data.token_id,
        })
      }
    }
  })

  it('refuses an ended session within a second, in four guards', async () => {
    const guards = await Promise.all([live(), live(), live(), live()])
    const statuses = (credential: string) => Promise.all(guards.map((guard) => statusOf(guard, credential)))
    await withinASecond(async () => {
      const { access, session, client } = await signIn()
      for (const one of [access, session]) expect(await statuses(one)).toEqual([200, 200, 200, 200])
      expect((await client.post('/api/v1/auth/logout')).status).toBe(200)
      return async () =>
        [...(await statuses(access)), ...(await statuses(session))].every((status) => status === 401)
    })
  })

  it('refuses what was revoked while it was disconnected', async () => {
    // a proxy to the server whose connections can be cut
    const { createConnection } = await import('node:net')
    const target = new URL(world.url)
    const sockets = new Set<import('node:net').Socket>()
    let isCut = false
    const way = createServer((socket) => {
      if (isCut) return void socket.destroy()
      const onward = createConnection(Number(target.port), target.hostname)
      for (const [one, other] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        sockets.add(one)
        one.pipe(other)
        one.on('error', () => other.destroy()).on('close', () => other.destroy())
      }
    })
    await new Promise<void>((resolve) => way.listen(0, '127.0.0.1', resolve))
    const { port } = way.address() as import('node:net').AddressInfo
    const guarded = make({ credential: guardKey, url: `http://127.0.0.1:${port}`, timeout: 500 })
    await until(() => guarded.guard.state() === 'connected')
    const { access, client } = await signIn()
    const other = await signIn()
    for (const token of [access, other.access]) expect(await statusOf(guarded, token)).toBe(200)
    isCut = true
    for (const socket of sockets) socket.destroy()
    await until(() => guarded.guard.state() === 'asking')
    await client.post('/api/v1/auth/logout')
    for (const token of [access, other.access]) expect(await statusOf(guarded, token)).toBe(503)
    isCut = false
    await until(() => guarded.guard.state() === 'connected')
    expect([await statusOf(guarded, access), await statusOf(guarded, other.access)]).toEqual([401, 200])
    way.close()
  })

  it('gives the same verdict as the server on hundreds of tampered tokens', async () => {
    const guarded = make({ revocation: 'none' })
    const { access } = await signIn()
    const [header = '', payload = ''] = access.split('.')
    const read = (part: string) =>
      JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>
    const [head, claims] = [read(header), read(payload)]
    const b64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const mutation = fc.oneof(
      fc
        .tuple(fc.constantFrom('alg', 'typ', 'kid', 'crit', 'jku', 'jwk'), fc.jsonValue())
        .map(([name, value]) => `${b64({ ...head, [name]: value })}.${payload}.${access.split('.')[2]}`),
      fc
        .tuple(fc.constantFrom(...Object.keys(claims)), fc.jsonValue())
        .map(([name, value]) => `${header}.${b64({ ...claims, [name]: value })}.${access.split('.')[2]}`),
      fc
        .tuple(fc.nat(access.length - 1), fc.constantFrom(...'Aa0-_.=+/~'))
        .map(([at, letter]) => access.slice(0, at) + letter + access.slice(at + 1)),
      fc.nat(access.length).map((end) => access.slice(0, end)),
      fc.constant(access),
    )
    const server = world.client()
    await fc.assert(
      fc.asyncProperty(mutation, async (token) => {
        const headers = { authorization: `Bearer ${token}` }
        const theirs = (await server.get('/api/v1/auth/validate', { headers })).status
        const ours = await statusOf(guarded, token)
        expect([ours, ours === 200]).toEqual([theirs, token === access])
      }),
      { numRuns: 300 },
    )
  }, 120_000)

  it('refuses a token for this server that was signed with another key', async () => {
    const { generateKeyPair } = await import('jose')
    const { privateKey } = await generateKeyPair('ES256')
    const forged = await new SignJWT({ roles: ['super_admin'], permissions: ['*'], jti: 'x', sid: null })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'mine' })
      .setSubject(ada.id)
      .setIssuer(world.config.publicUrl)
      .setAudience(world.config.publicUrl)
      .setIssuedAt(world.clock.now())
      .setExpirationTime(new Date(world.clock.now().getTime() + 60_000))
      .sign(privateKey)
    for (const guarded of [await live(), make(), make({ revocation: 'none' })])
      expect(await statusOf(guarded, forged)).toBe(401)
  })

  it('accepts every token while the keys rotate, with and without the stream', async () => {
    const guards = [await live(), make()]
    const statuses = new Set<number>()
    for (let turn = 0; turn < 6; turn++) {
      await world.app.tools.keys.rotate(systemCall(world.clock.now()), { immediately: turn % 2 === 1 })
      const { access } = await signIn()
      for (const guarded of guards) for (let i = 0; i < 3; i++) statuses.add(await statusOf(guarded, access))
    }
    expect(statuses).toEqual(new Set([200]))
  })

  it('refuses tokens when they expire by the clock of the server', async () => {
    const guarded = await live()
    const { access } = await signIn()
    expect(await statusOf(guarded, access)).toBe(200)
    await world.clock.advance('2 hours')
    expect((await guarded.bearer(access)).code).toBe('TOKEN_EXPIRED')
  })
})
