/** What a second factor changes about the rules for passwords: the length under `nist`, the age under `pci`. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Reply } from '../../../testing/client.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

const SHORT = 'gears 42'
const change = ({ client, password }: Person, new_password: string) =>
  client.post('/api/v1/users/me/password', { current_password: password, new_password })
const signIn = (world: World, { email }: Person, password: string): Promise<Reply> =>
  world.client().post('/api/v1/auth/login', { email, password })
const require = (world: World, { id }: Person, required: boolean) =>
  world.db.tx('system', (tx) =>
    tx.updateTable('users').set({ mfa_required: required }).where('id', '=', id).execute(),
  )
const enrol = (world: World, { id }: Person) =>
  world.db.tx('system', (tx) =>
    tx
      .insertInto('factors')
      .values({
        id: `fac_${id.slice(4)}`,
        user_id: id,
        kind: 'totp',
        name: null,
        created_at: world.clock.now(),
        confirmed_at: world.clock.now(),
        last_used_at: null,
      })
      .execute(),
  )

describe('the profile nist', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
  })
  afterAll(() => world.stop())

  it('accepts 8 characters where a second factor is required, and only there', async () => {
    const [required, enrolled, neither] = [await world.person(), await world.person(), await world.person()]
    await require(world, required, true)
    await enrol(world, enrolled)
    const page = (person: Person) =>
      person.client.get('/account/security', { headers: { accept: 'text/html' } })
    expect((await page(required)).text).toContain('8')
    for (const person of [enrolled, neither])
      expect((await change(person, SHORT)).body.error.details).toEqual([
        expect.objectContaining({ code: 'too_short', params: { min: 15 } }),
      ])
    expect((await change(required, 'gears 4')).body.error.details).toEqual([
      expect.objectContaining({ code: 'too_short', params: { min: 8 } }),
    ])
    expect((await change(required, SHORT)).status).toBe(200)
  })

  it('has a short password replaced once a second factor is no longer required', async () => {
    const person = await world.person()
    await require(world, person, true)
    expect((await change(person, SHORT)).status).toBe(200)
    expect((await signIn(world, person, SHORT)).code).toBe('MFA_ENROLMENT_REQUIRED')
    await require(world, person, false)
    const stopped = await signIn(world, person, SHORT)
    expect(stopped.code).toBe('PASSWORD_EXPIRED')
    const path = `/api/v1/auth/attempts/${stopped.body.error.details.attempt}/password`
    const refused = await world.client().post(path, { password: 'gears 43' })
    expect(refused.body.error.details).toEqual([expect.objectContaining({ params: { min: 15 } })])
    expect((await world.client().post(path, { password: 'gears turn without a sound' })).status).toBe(200)
  })
})

it('accepts 8 characters from new accounts where the server requires a second factor at once', async () => {
  for (const [mfaGrace, status] of [
    [0, 201],
    [86_400_000, 400],
  ] as const) {
    const world = await startWorld({ mfa: 'required', mfaGrace })
    try {
      const account = { email: 'new@example.com', password: SHORT }
      expect((await world.client().post('/api/v1/auth/register', account)).status).toBe(status)
    } finally {
      await world.stop()
    }
  }
})

it('expires no password under the profile pci where a second factor is set up or required', async () => {
  const world = await startWorld({ passwordProfile: 'pci' })
  try {
    const password = 'brass gears 1842'
    const person = () => world.person({ password })
    const [enrolled, required, neither] = [await person(), await person(), await person()]
    await enrol(world, enrolled)
    await require(world, required, true)
    await world.clock.advance('90 days')
    const codes = [enrolled, required, neither].map(
      async (person) => (await signIn(world, person, person.password)).code,
    )
    expect(await Promise.all(codes)).toEqual(['MFA_REQUIRED', 'MFA_ENROLMENT_REQUIRED', 'PASSWORD_EXPIRED'])
  } finally {
    await world.stop()
  }
})
