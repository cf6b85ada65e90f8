/** The stream of revocations (server-sent events), as a guard reads it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../packages/server/src/base/call.ts'
import { revoke } from '../packages/server/src/core/revocations/index.ts'
import type { Json } from '../packages/server/src/testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'
import { signIn } from './tokens/refreshing.ts'

let world: World
let ada: Person
let root: Person
beforeAll(async () => {
  world = await startWorld()
  ada = await world.person({ email: 'ada@example.com' })
  root = await world.person({ email: 'root@example.com' })
  await world.db.tx('system', (tx) =>
    tx
      .updateTable('users')
      .set({ roles: ['super_admin'] })
      .where('id', '=', root.id)
      .execute(),
  )
})
afterAll(() => world.stop())

interface StreamEvent {
  event: string
  id: string | null
  data: Json
}
interface Line {
  events: StreamEvent[]
  isOpen(): boolean
  /** Resolves with the first event that matches, received already or later. */
  event(matches: (event: StreamEvent) => boolean): Promise<StreamEvent>
  close(): void
}

const lines: Line[] = []
afterAll(() => {
  for (const line of lines) line.close()
})

async function listen(token: string, cursor?: string): Promise<Line> {
  const cut = new AbortController()
  const response = await fetch(`${world.url}/api/v1/auth/revocations`, {
    headers: {
      authorization: `Bearer ${token}`,
      ...(cursor === undefined ? {} : { 'last-event-id': cursor }),
    },
    signal: cut.signal,
  })
  if (response.status !== 200) throw new Error(`refused with ${response.status}`)
  const events: StreamEvent[] = []
  let isOpen = true
  const reading = async (): Promise<void> => {
    let rest = ''
    for await (const chunk of response.body ?? []) {
      rest += Buffer.from(chunk).toString()
      const blocks = rest.split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? null
        const event = field('event')
        if (event) events.push({ event, id: field('id'), data: JSON.parse(field('data') ?? 'null') })
      }
    }
  }
  void reading().catch(() => {}).finally(() => {
    isOpen = false
  }) // biome-ignore format: it reads as one line
  const line: Line = {
    events,
    isOpen: () => isOpen,
    async event(matches) {
      await expect.poll(() => events.some(matches)).toBe(true)
      return events.find(matches) as StreamEvent
    },
    close: () => cut.abort(),
  }
  lines.push(line)
  await line.event(({ event }) => event === 'ready')
  return line
}

const rootToken = async () => (await world.client().signIn(root.email, PASSWORD)).data.token
const about = (value: string) => (one: StreamEvent) => one.event === 'revoked' && one.data.value === value
const revokeJti = (value: string, until = 3_600_000) =>
  world.db.tx('system', (tx) => {
    const now = world.clock.now()
    return revoke(tx, { kind: 'jti', value, until: new Date(now.getTime() + until) }, now)
  })

describe('the stream of revocations', () => {
  it('requires the permission', async () => {
    await expect(listen((await signIn(world.url, ada)).token)).rejects.toThrow('403')
    await expect(listen(`st_${'A'.repeat(43)}`)).rejects.toThrow('401')
    expect((await listen((await signIn(world.url, root)).access_token)).isOpen()).toBe(true)
  })

  it('sends the revocations in force, then `ready`, then each new one, as in the contract', async () => {
    await revokeJti('tok_before')
    const line = await listen(await rootToken())
    expect(line.events.findIndex(about('tok_before'))).toBeLessThan(
      line.events.findIndex(({ event }) => event === 'ready'),
    )
    const tokens = await signIn(world.url, ada)
    await world.client({ headers: { authorization: `Bearer ${tokens.token}` } }).post('/api/v1/auth/logout')
    const revoked = await line.event(about(tokens.session.id))
    const now = world.clock.now().getTime() / 1000
    expect(revoked).toEqual({
      event: 'revoked',
      id: expect.stringMatching(/^rvk_[0-9a-f]{32}$/),
      data: { kind: 'sid', value: tokens.session.id, before: null, until: expect.any(Number) },
    })
    expect(revoked.data.until).toBeGreaterThan(now + 3600)
    await world
      .client({ headers: { authorization: `Bearer ${(await signIn(world.url, ada)).token}` } })
      .delete('/api/v1/auth/tokens')
    expect((await line.event(about(ada.id))).data).toMatchObject({ kind: 'sub', before: expect.any(Number) })
  })

  it('sends an event when the signing keys change', async () => {
    const line = await listen(await rootToken())
    await world.app.tools.keys.rotate(systemCall(world.clock.now()), { immediately: false })
    await line.event(({ event }) => event === 'keys')
  })

  it('continues from a cursor, a minute earlier, without expired revocations', async () => {
    await revokeJti('tok_short', 60_000)
    await revokeJti('tok_one')
    const first = await listen(await rootToken())
    const { id } = await first.event(about('tok_one'))
    first.close()
    await revokeJti('tok_two')
    const second = await listen(await rootToken(), id ?? '')
    await second.event(about('tok_two'))
    const garbled = await listen(await rootToken(), "rvk_' or 1=1")
    expect(garbled.events.some(about('tok_one'))).toBe(true)
    await world.clock.advance('20 minutes')
    const later = await listen(await rootToken())
    expect([later.events.some(about('tok_short')), later.events.some(about('tok_one'))]).toEqual([
      false,
      true,
    ])
  })

  it('ends when its credential is revoked', async () => {
    const { access_token, token, session } = await signIn(world.url, root)
    const [byToken, bySession] = [await listen(access_token), await listen(token)]
    await world.client().post('/api/v1/auth/revoke', { token: access_token })
    await expect.poll(() => byToken.isOpen()).toBe(false)
    expect(bySession.isOpen()).toBe(true)
    await root.client.signIn(root.email, PASSWORD)
    await root.client.delete(`/api/v1/auth/sessions/${session.id}`)
    await expect.poll(() => bySession.isOpen()).toBe(false)
  })

  it('loses no revocation that commits while a guard connects', async () => {
    const token = await rootToken()
    const names = Array.from({ length: 60 }, (_, n) => `tok_race_${n}`)
    const connecting: Promise<Line>[] = []
    for (const [n, name] of names.entries()) {
      if (n % 10 === 0) connecting.push(listen(token))
      await revokeJti(name)
    }
    for (const line of await Promise.all(connecting)) for (const name of names) await line.event(about(name))
  })

  it('does not revoke a token that is issued after a revocation in the same second', async () => {
    const now = world.clock.now()
    const { revocations } = world.app.tools
    const stamp = (at: Date | null) => (at?.getTime() ?? 0) / 1000
    const entry = {
      kind: 'sub',
      value: 'usr_x',
      before: now,
      until: new Date(now.getTime() + 60_000),
    } as const
    await world.db.tx('system', (tx) => revoke(tx, entry, now))
    expect(revocations.covers({ sub: 'usr_x', issuedAt: stamp(now) }, now)).toBe(true)
    // a check before the revocation arrived may have used what it revokes
    const early = stamp(revocations.issueAt({ sub: 'usr_x' }, now))
    expect(revocations.covers({ sub: 'usr_x', issuedAt: early }, now)).toBe(true)
    const issued = stamp(revocations.issueAt({ sub: 'usr_x' }, world.clock.now()))
    expect(revocations.covers({ sub: 'usr_x', issuedAt: issued }, now)).toBe(false)
    const again = world.clock.now()
    await world.db.tx('system', (tx) => revoke(tx, { ...entry, before: again }, again))
    expect(revocations.covers({ sub: 'usr_x', issuedAt: issued }, now)).toBe(true)
  })

  it('dates a token at most a moment ahead after any number of revocations in one second', async () => {
    const { revocations } = world.app.tools
    const bob = await world.person({ email: 'bob@example.com' })
    const admin = world.client()
    await admin.signIn(root.email, PASSWORD)
    const issued: number[] = []
    for (let n = 0; n < 25; n++) {
      expect((await admin.post(`/api/v1/users/${bob.id}/disable`)).status).toBe(200)
      expect((await admin.post(`/api/v1/users/${bob.id}/enable`)).status).toBe(200)
      const now = world.clock.now()
      const at = revocations.issueAt({ sub: bob.id }, now)?.getTime() ?? Number.NaN
      expect(at).toBeLessThanOrEqual(now.getTime() + 1000 + 25)
      for (const issuedAt of issued) expect(revocations.covers({ sub: bob.id, issuedAt }, now)).toBe(true)
      expect(revocations.covers({ sub: bob.id, issuedAt: at / 1000 }, now)).toBe(false)
      issued.push(at / 1000)
    }
    const { access_token } = await signIn(world.url, bob)
    const claims = JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString())
    expect(claims.iat).toBeLessThanOrEqual(Math.floor(world.clock.now().getTime() / 1000))
    const headers = { authorization: `Bearer ${access_token}` }
    expect((await world.client({ headers }).get('/api/v1/auth/validate')).status).toBe(200)
    expect((await admin.post(`/api/v1/users/${bob.id}/disable`)).status).toBe(200)
    expect((await world.client({ headers }).get('/api/v1/auth/validate')).status).toBe(401)
  })
})
