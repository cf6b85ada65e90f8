/** What the audit log says about sign-ins (PRODUCT.md §7): an attempt with each credential, then its outcome. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { PASSWORD, startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ passwordProfile: 'classic' })
})
afterAll(() => world.stop())

const OLD = 'Tr0ub4d!or-One'
const login = (body: Record<string, unknown>) => world.client().post('/api/v1/auth/login', body)

/** The type, user and details of the events since the last call. */
let seen = ''
async function recorded() {
  const rows = await world.db.tx('system', (tx) =>
    tx
      .selectFrom('audit_events')
      .select(['id', 'event_type', 'user_id', 'request_id', 'details'])
      .where('event_type', 'like', 'auth.login.%')
      .where('id', '>', seen)
      .orderBy('id')
      .execute(),
  )
  seen = rows.at(-1)?.id ?? seen
  return rows.map(({ event_type, user_id, details }) => [event_type.slice(11), user_id, details])
}
const BASE = { login_method: 'password', mfa_used: false, remember_me: false }

it('is the attempt with the identifier as it was typed, then the success or the failure', async () => {
  const { id, email } = await world.person({ email: 'ada@example.com', password: OLD, signIn: false })
  await recorded()
  expect((await login({ username: ' ADA@example.com', password: OLD, remember_me: true })).status).toBe(200)
  const remembered = { ...BASE, remember_me: true }
  expect(await recorded()).toEqual([
    ['attempt', id, { ...remembered, identifier: ' ADA@example.com' }],
    ['success', id, { ...remembered, methods: ['password'], new_device: false }],
  ])
  expect((await login({ email, password: 'wrong' })).status).toBe(401)
  expect(await recorded()).toEqual([
    ['attempt', id, { ...BASE, identifier: email }],
    ['failure', id, { ...BASE, reason: 'wrong_password' }],
  ])
  expect((await login({ username: 'unknown.here', password: 'wrong' })).status).toBe(401)
  expect(await recorded()).toEqual([
    ['attempt', null, { ...BASE, identifier: 'unknown.here' }],
    ['failure', null, { ...BASE, reason: 'unknown_account' }],
  ])
})

it('keeps at most 320 characters of the identifier, and no password', async () => {
  await recorded()
  expect((await login({ username: 'x'.repeat(320), password: 'the typed secret' })).status).toBe(401)
  expect((await login({ username: 'x'.repeat(321), password: 'the typed secret' })).status).toBe(400)
  const events = await recorded()
  expect(events.map(([type]) => type)).toEqual(['attempt', 'failure'])
  expect(events[0]?.[2]).toMatchObject({ identifier: 'x'.repeat(320) })
  expect(JSON.stringify(events)).not.toContain('the typed secret')
})

it('says at the attempt what is still required, and at the success that it was fulfilled', async () => {
  const { id, email } = await world.person({ email: 'old@example.com', password: OLD, signIn: false })
  await world.clock.advance('91 days')
  await recorded()
  const { attempt } = (await login({ email, password: OLD })).body.error.details
  expect(await recorded()).toEqual([['attempt', id, { ...BASE, identifier: email, next: 'change_password' }]])
  const body = { password: 'An0ther!Long-One' }
  expect((await world.client().post(`/api/v1/auth/attempts/${attempt}/password`, body)).status).toBe(200)
  expect(await recorded()).toEqual([['success', id, { ...BASE, methods: ['password'], new_device: false }]])
})

it('is an attempt and a failure during a lock-out, and where an account may not sign in', async () => {
  const { id, email } = await world.person({ email: 'out@example.com', password: OLD, signIn: false })
  for (let n = 0; n < 5; n++) await login({ email, password: 'wrong' })
  await recorded()
  expect((await login({ email, password: OLD })).status).toBe(423)
  expect(await recorded()).toEqual([
    ['attempt', id, { ...BASE, identifier: email }],
    ['failure', id, { ...BASE, reason: 'locked' }],
  ])
  const off = await world.person({ email: 'off@example.com', password: OLD, signIn: false })
  await world.db.tx('system', (tx) =>
    tx.updateTable('users').set({ status: 'disabled' }).where('id', '=', off.id).execute(),
  )
  await recorded()
  expect((await login({ email: off.email, password: OLD })).status).toBe(403)
  expect(await recorded()).toEqual([
    ['attempt', off.id, { ...BASE, identifier: off.email }],
    ['failure', off.id, { ...BASE, methods: ['password'], reason: 'refuse_disabled' }],
  ])
})

it('is no attempt, but a failure, where a signed-in user confirms a password wrongly', async () => {
  const { id, client } = await world.person({ email: 'in@example.com', password: OLD })
  await recorded()
  expect((await client.delete('/api/v1/users/me', { password: PASSWORD })).status).toBe(401)
  expect(await recorded()).toEqual([
    ['failure', id, { login_method: 'password', mfa_used: false, reason: 'wrong_password' }],
  ])
})
