/** Locking, disabling, deleting, and ending sessions. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PASSWORD, type Person } from '../../../testing/world.ts'
import { at, outcome, type StaffedWorld, startStaffedWorld } from './testing.ts'

let world: StaffedWorld['world']
let manager: StaffedWorld['manager']
let target: StaffedWorld['target']
let lastEvent: StaffedWorld['lastEvent']
beforeAll(async () => {
  ;({ world, manager, target, lastEvent } = await startStaffedWorld())
})
afterAll(() => world.stop())

describe('a lock', () => {
  const everything = async (person: Person) => {
    const { data } = await person.client.signIn(person.email, PASSWORD, { tokens: true })
    const key = await person.client.apiKey()
    const me = (headers: Record<string, string>) => world.client({ headers }).get('/api/v1/auth/me')
    return {
      session: () => me({ authorization: `Bearer ${data.token}` }),
      cookie: () => person.client.get('/api/v1/auth/me'),
      token: () => me({ authorization: `Bearer ${data.access_token}` }),
      key: () => key.client.get('/api/v1/auth/validate'),
      refresh: () => world.client().post('/api/v1/auth/refresh', { refresh_token: data.refresh_token }),
      login: () => world.client().post('/api/v1/auth/login', { username: person.email, password: PASSWORD }),
    }
  }
  const statuses = async (all: Awaited<ReturnType<typeof everything>>) =>
    Object.fromEntries(
      await Promise.all(Object.entries(all).map(async ([name, ask]) => [name, (await ask()).status])),
    )

  it('refuses every credential until it ends; then keys work again, ended sessions do not', async () => {
    const one = await world.person()
    const all = await everything(one)
    expect(await statuses({ ...all, refresh: all.session })).toEqual({
      session: 200,
      cookie: 200,
      token: 200,
      key: 200,
      refresh: 200,
      login: 200,
    })
    const locked = await manager.client.post(at(one.id, '/lock'), { minutes: 10, reason: 'Odd sign-ins' })
    expect(locked.data.status).toBe('locked')
    expect(
      Math.abs(Date.parse(locked.data.locked_until) - world.clock.now().getTime() - 600_000),
    ).toBeLessThan(5000)
    expect(await statuses(all)).toEqual({
      session: 423,
      cookie: 423,
      token: 401,
      key: 401,
      refresh: 401,
      login: 423,
    })
    const refused = await all.login()
    expect(refused.code).toBe('ACCOUNT_LOCKED')
    expect(refused.body.error.details.lockout_duration).toBeGreaterThan(590)
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(600)
    // without the password the answer does not reveal the lock
    expect(
      outcome(await world.client().post('/api/v1/auth/login', { username: one.email, password: 'wrong' })),
    ).toEqual([401, 'AUTHENTICATION_FAILED'])
    expect((await lastEvent(one.id, 'user.locked')).details).toMatchObject({
      by: manager.id,
      reason: 'Odd sign-ins',
      until: expect.any(String),
    })
    await world.clock.advance('11 minutes')
    expect(await statuses(all)).toEqual({
      session: 401,
      cookie: 401,
      token: 401,
      key: 200,
      refresh: 401,
      login: 200,
    })
  })

  it('with end_sessions false refuses sessions during the lock, and they work again afterwards', async () => {
    const one = await world.person()
    const all = await everything(one)
    await manager.client.post(at(one.id, '/lock'), { end_sessions: false })
    expect(await statuses(all)).toEqual({
      session: 423,
      cookie: 423,
      token: 401,
      key: 401,
      refresh: 401,
      login: 423,
    })
    const { body } = await all.login()
    expect(body.error.details ?? null).toBe(null)
    expect((await manager.client.post(at(one.id, '/unlock'))).data).toMatchObject({
      status: 'active',
      locked_until: null,
    })
    expect(await statuses(all)).toEqual({
      session: 200,
      cookie: 200,
      token: 401,
      key: 200,
      refresh: 200,
      login: 200,
    })
  })

  it('is replaced by a second lock, validates its end, and is lifted together with the failed sign-ins', async () => {
    const one = await world.person({ signIn: false })
    for (const body of [
      { minutes: 0 },
      { minutes: 1.5 },
      { until: '2020-01-01T00:00:00Z' },
      { until: 'x' },
      { minutes: 5, until: '2040-01-01T00:00:00Z' },
      { reason: 'x'.repeat(501) },
    ])
      expect(outcome(await manager.client.post(at(one.id, '/lock'), body))).toEqual([400, 'VALIDATION_ERROR'])
    await manager.client.post(at(one.id, '/lock'), {})
    expect(
      (await manager.client.post(at(one.id, '/lock'), { until: '2040-01-01T00:00:00Z' })).data.locked_until,
    ).toBe('2040-01-01T00:00:00.000Z')
    await manager.client.post(at(one.id, '/unlock'))
    const guess = () => world.client().post('/api/v1/auth/login', { username: one.email, password: 'wrong' })
    for (let n = 0; n < 6; n++) await guess()
    expect((await guess()).status).toBe(423)
    expect((await manager.client.get(at(one.id))).data.status).toBe('active')
    await manager.client.post(at(one.id, '/unlock'))
    expect((await world.client().signIn(one.email, PASSWORD)).status).toBe(200)
    expect(await world.events(one.id)).toContain('user.unlocked')
  })

  it('disabling and deleting refuse every credential as well', async () => {
    const [one, two] = [await world.person(), await world.person()]
    const [first, second] = [await everything(one), await everything(two)]
    expect((await manager.client.post(at(one.id, '/disable'), { reason: 'Left' })).data.status).toBe(
      'disabled',
    )
    expect(await statuses(first)).toEqual({
      session: 403,
      cookie: 403,
      token: 401,
      key: 401,
      refresh: 401,
      login: 403,
    })
    expect((await lastEvent(one.id, 'user.disabled')).details).toEqual({ by: manager.id, reason: 'Left' })
    expect(outcome(await manager.client.post(at(one.id, '/disable')))).toEqual([409, 'CONFLICT'])
    expect(outcome(await manager.client.post(at(one.id, '/password-reset')))).toEqual([409, 'CONFLICT'])
    expect((await manager.client.post(at(one.id, '/enable'))).data.status).toBe('active')
    expect((await first.login()).status).toBe(200)
    await manager.client.signIn(manager.email, PASSWORD)
    expect((await manager.client.delete(at(two.id))).status).toBe(200)
    expect(await statuses(second)).toEqual({
      session: 401,
      cookie: 401,
      token: 401,
      key: 401,
      refresh: 401,
      login: 401,
    })
    expect((await manager.client.get(at(two.id))).status).toBe(404)
    expect((await lastEvent(two.id, 'user.deleted')).details).toEqual({ by: manager.id })
  })

  it('deleting requires a fresh proof of identity', async () => {
    const one = await world.person({ signIn: false })
    await world.clock.advance('11 minutes')
    expect(outcome(await manager.client.delete(at(one.id)))).toEqual([401, 'STEP_UP_REQUIRED'])
    await manager.client.signIn(manager.email, PASSWORD)
    expect((await manager.client.delete(at(one.id))).status).toBe(200)
  })
})

describe('a user’s sessions', () => {
  it('are listed and ended, one or all, and no other user’s', async () => {
    const one = await world.person()
    await target.client.signIn(target.email, PASSWORD)
    const other = (await target.client.get('/api/v1/auth/me')).data.session.id
    const second = world.client()
    await second.signIn(one.email, PASSWORD)
    const { data } = await manager.client.get(at(one.id, '/sessions'))
    expect(data).toHaveLength(2)
    expect(JSON.stringify(data)).not.toMatch(/token|hash/)
    expect(outcome(await manager.client.delete(at(one.id, `/sessions/${other}`)))).toEqual([404, 'NOT_FOUND'])
    const id = (await second.get('/api/v1/auth/me')).data.session.id
    expect((await manager.client.delete(at(one.id, `/sessions/${id}`))).status).toBe(200)
    expect([
      (await second.get('/api/v1/auth/me')).status,
      (await one.client.get('/api/v1/auth/me')).status,
    ]).toEqual([401, 200])
    expect((await manager.client.delete(at(one.id, '/sessions'))).data).toEqual({ ended: 1 })
    expect((await one.client.get('/api/v1/auth/me')).status).toBe(401)
    expect((await lastEvent(one.id, 'auth.session.revoked')).details).toEqual({
      by: manager.id,
      reason: 'revoked',
    })
    expect((await target.client.get('/api/v1/auth/me')).status).toBe(200)
  })

  it('a reset is sent at most once a minute and ends nothing', async () => {
    const one = await world.person()
    expect((await manager.client.post(at(one.id, '/password-reset'))).status).toBe(200)
    const again = await manager.client.post(at(one.id, '/password-reset'))
    expect([...outcome(again), again.headers.get('retry-after')]).toEqual([429, 'RATE_LIMIT_EXCEEDED', '60'])
    expect(
      (await world.mailbox.emailsTo(one.email)).filter(({ subject }) => /Reset/.test(subject)),
    ).toHaveLength(1)
    expect((await one.client.get('/api/v1/auth/me')).status).toBe(200)
    expect((await lastEvent(one.id, 'auth.password.reset_requested')).details).toEqual({ by: manager.id })
  })
})
