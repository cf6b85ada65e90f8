import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PASSWORD, startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const me = (client: ReturnType<World['client']>) => client.get('/api/v1/auth/me')

describe('a session', () => {
  it('ends 30 minutes after it was last used', async () => {
    const { client } = await world.person()
    await world.clock.advance('29 minutes')
    expect((await me(client)).status).toBe(200)
    await world.clock.advance('29 minutes')
    expect((await me(client)).status).toBe(200)
    await world.clock.advance('30 minutes')
    expect((await me(client)).code).toBe('SESSION_EXPIRED')
  })

  it('ends 8 hours after it began, however much it is used', async () => {
    const { client } = await world.person()
    for (let i = 0; i < 19; i += 1) {
      await world.clock.advance('25 minutes')
      expect((await me(client)).status).toBe(200)
    }
    await world.clock.advance('5 minutes')
    expect((await me(client)).code).toBe('SESSION_EXPIRED')
  })

  it('lasts 30 days when remembered, and 7 days unused', async () => {
    const { email } = await world.person({ signIn: false })
    const [used, unused] = [world.client(), world.client()]
    await used.signIn(email, PASSWORD, { remember_me: true })
    await unused.signIn(email, PASSWORD, { remember_me: true })
    for (let day = 6; day < 30; day += 6) {
      await world.clock.advance('6 days')
      expect((await me(used)).status, `day ${day}`).toBe(200)
    }
    expect((await me(unused)).code).toBe('SESSION_EXPIRED')
    await world.clock.advance('6 days')
    expect((await me(used)).code).toBe('SESSION_EXPIRED')
  })

  it('is recorded as expired once, by the request or job that finds it', async () => {
    const { client, id } = await world.person()
    await world.clock.advance('31 minutes')
    for (let i = 0; i < 3; i += 1) expect((await me(client)).code).toBe('SESSION_EXPIRED')
    await world.clock.advance('2 hours')
    expect((await world.events(id)).filter((type) => type === 'auth.session.expired')).toHaveLength(1)
  })

  it('that has ended is not brought back by any statement that runs as its owner', async () => {
    const { client, email, id } = await world.person()
    const other = world.client()
    await other.signIn(email, PASSWORD)
    await client.delete('/api/v1/auth/sessions')
    const scope = { userId: id, organizationId: null, permissions: [] }
    const open = { ended_at: null, end_reason: null }
    const revived = await world.db.tx(scope, (tx) =>
      tx.updateTable('sessions').set(open).where('ended_at', 'is not', null).returning('id').execute(),
    )
    expect(revived).toEqual([])
    await expect(
      world.db.tx(scope, (tx) => tx.updateTable('sessions').set(open).where('user_id', '=', id).execute()),
    ).rejects.toThrow('row-level security')
    await expect(
      world.db.tx(scope, (tx) => tx.deleteFrom('users').where('id', '=', id).execute()),
    ).rejects.toThrow('permission denied')
    expect([(await me(client)).status, (await me(other)).status]).toEqual([200, 401])
  })

  it('is recorded as expired also without a further request', async () => {
    const { id } = await world.person()
    await world.clock.advance('9 hours')
    expect(await world.events(id)).toContain('auth.session.expired')
  })

  it('keeps its last-seen timestamp when the process ends', async () => {
    const { client } = await world.person()
    await world.clock.advance('20 minutes')
    await me(client)
    await world.app.settle()
    const rows = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('sessions')
        .select('last_seen_at')
        .where('ended_at', 'is', null)
        .orderBy('last_seen_at', 'desc')
        .execute(),
    )
    const lag = world.clock.now().getTime() - (rows[0]?.last_seen_at.getTime() ?? 0)
    expect(lag).toBeLessThan(60_000)
  })

  it.each([
    ['garbled', 'nonsense'],
    ['of the right form and unknown', `st_${'A'.repeat(43)}`],
    ['cut short', null],
  ])('is refused with a token that is %s, by cookie and by header', async (what, given) => {
    const { client } = await world.person()
    const token = given ?? String(client.cookies.get('lk_session')).slice(0, -1)
    const cookie = await world.client({ headers: { cookie: `lk_session=${token}` } }).get('/api/v1/auth/me')
    expect(cookie.status, what).toBe(401)
    const bearer = await world
      .client({ headers: { authorization: `Bearer ${token}` } })
      .get('/api/v1/auth/me')
    expect([bearer.status, bearer.code]).toEqual([401, 'INVALID_TOKEN'])
  })
})

describe('the list of sessions', () => {
  it('shows the caller’s sessions with device and address, and marks the current one', async () => {
    const { client, email } = await world.person()
    const phone = world.client({
      headers: {
        'user-agent':
          'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1',
      },
    })
    await phone.signIn(email, PASSWORD)
    await world.person()
    const { data } = await client.get('/api/v1/auth/sessions')
    expect(data).toHaveLength(2)
    expect(data.filter((session: { current: boolean }) => session.current)).toHaveLength(1)
    const other = data.find((session: { current: boolean }) => !session.current)
    expect(other).toMatchObject({
      ip_address: '127.0.0.1',
      device: { browser: expect.stringContaining('Safari'), system: expect.stringMatching(/iOS|iPhone/) },
    })
    expect(JSON.stringify(data)).not.toMatch(/"st_|hash/)
  })

  it('ends one of them, at once', async () => {
    const { client, email, id } = await world.person()
    const other = world.client()
    const { data } = await other.signIn(email, PASSWORD)
    expect((await client.delete(`/api/v1/auth/sessions/${data.session.id}`)).status).toBe(200)
    expect((await me(other)).status).toBe(401)
    expect((await me(client)).status).toBe(200)
    expect(await world.events(id)).toContain('auth.session.revoked')
    expect((await client.delete(`/api/v1/auth/sessions/${data.session.id}`)).code).toBe('NOT_FOUND')
  })

  it('ends all but this one', async () => {
    const { client, email } = await world.person()
    const others = [world.client(), world.client()]
    for (const other of others) await other.signIn(email, PASSWORD)
    const { data } = await client.delete('/api/v1/auth/sessions')
    expect(data).toEqual({ ended: 2 })
    for (const other of others) expect((await me(other)).status).toBe(401)
    expect((await me(client)).status).toBe(200)
  })

  it('clears the cookie when a request ends its own session', async () => {
    const { client } = await world.person()
    const { data } = await client.get('/api/v1/auth/me')
    await client.delete(`/api/v1/auth/sessions/${data.session.id}`)
    expect(client.cookies.has('lk_session')).toBe(false)
  })

  it('has no access to the sessions of other users', async () => {
    const mine = await world.person()
    const theirs = await world.person()
    const { data } = await theirs.client.get('/api/v1/auth/me')
    expect((await mine.client.delete(`/api/v1/auth/sessions/${data.session.id}`)).code).toBe('NOT_FOUND')
    expect((await me(theirs.client)).status).toBe(200)
  })
})
