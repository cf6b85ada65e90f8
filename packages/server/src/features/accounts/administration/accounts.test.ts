/** Creating and changing users' accounts. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { PASSWORD } from '../../../testing/world.ts'
import { at, outcome, type StaffedWorld, startStaffedWorld } from './testing.ts'

let world: StaffedWorld['world']
let root: StaffedWorld['root']
let admin: StaffedWorld['admin']
let manager: StaffedWorld['manager']
let staff: StaffedWorld['staff']
let viewer: StaffedWorld['viewer']
let target: StaffedWorld['target']
let lastEvent: StaffedWorld['lastEvent']
let keyOf: StaffedWorld['keyOf']
beforeAll(async () => {
  ;({ world, root, admin, manager, staff, viewer, target, lastEvent, keyOf } = await startStaffedWorld())
})
afterAll(() => world.stop())

describe('creating an account', () => {
  it('without a password sends a link to choose one, which verifies the address', async () => {
    const made = await manager.client.post('/api/v1/users', {
      email: 'New@Made.example',
      username: 'newly',
      full_name: 'New One',
      locale: 'de',
    })
    expect([made.status, made.data.status, made.data.roles, made.data.is_verified]).toEqual([
      201,
      'active',
      ['viewer'],
      false,
    ])
    const email = await world.mailbox.emailTo('New@Made.example')
    expect(email.subject).toMatch(/Ihr Konto/)
    const token = await world.mailbox.tokenFor('New@Made.example', /reset-password/)
    await world.clock.advance('6 days')
    const password = 'another good long password'
    expect((await world.client().post('/api/v1/auth/password/reset', { token, password })).status).toBe(200)
    expect((await world.client().signIn('newly', password)).data.user).toMatchObject({
      id: made.data.id,
      is_verified: true,
    })
    expect((await lastEvent(made.data.id, 'user.created')).details).toMatchObject({
      by: manager.id,
      roles: ['viewer'],
    })
    for (const one of [manager, root, admin, target, viewer, staff])
      await one.client.signIn(one.email, PASSWORD)
  })

  it('with a password and a verified address permits sign-in immediately, and sends no e-mail', async () => {
    const made = await manager.client.post('/api/v1/users', {
      email: 'at.once@made.example',
      password: PASSWORD,
      is_verified: true,
    })
    expect([made.status, made.data.is_verified]).toEqual([201, true])
    expect((await world.client().signIn('at.once@made.example', PASSWORD)).status).toBe(200)
    expect(
      (await world.mailbox.emailsTo('at.once@made.example')).filter(({ links }) =>
        links.some((link) => link.includes('reset-password?token')),
      ),
    ).toEqual([])
  })

  it('refuses roles that the caller may not grant, and unknown roles', async () => {
    const make = (client: Client, roles: string[]) =>
      client.post('/api/v1/users', { email: `r${Math.random()}@made.example`, roles, send_invitation: false })
    expect((await make(manager.client, ['staff'])).data.roles).toEqual(['staff'])
    for (const roles of [['super_admin'], ['administrator'], ['manager'], ['viewer', 'super_admin']])
      expect(outcome(await make(manager.client, roles))).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
    expect(outcome(await make(root.client, ['unknown']))).toEqual([400, 'VALIDATION_ERROR'])
    expect((await make(root.client, ['super_admin'])).data.roles).toEqual(['super_admin'])
    const key = await keyOf(manager, ['users:*'])
    expect(outcome(await make(key, ['staff']))).toEqual([401, 'AUTHENTICATION_REQUIRED'])
    expect((await make(key, ['viewer'])).status).toBe(201)
  })

  it('refuses taken identifiers and weak passwords, and ignores undeclared fields', async () => {
    expect(outcome(await manager.client.post('/api/v1/users', { email: 'TARGET@example.com' }))).toEqual([
      409,
      'CONFLICT',
    ])
    expect(
      outcome(await manager.client.post('/api/v1/users', { email: 'x@made.example', username: 'Target' })),
    ).toEqual([409, 'CONFLICT'])
    expect(
      outcome(await manager.client.post('/api/v1/users', { email: 'x@made.example', password: 'short' })),
    ).toEqual([400, 'VALIDATION_ERROR'])
    const made = await manager.client.post(
      '/api/v1/users',
      '{"email":"mass@made.example","id":"usr_1","status":"disabled","locked_until":"2040-01-01T00:00:00Z","role":"super_admin","permissions":["*"],"__proto__":{"roles":["super_admin"]}}',
    )
    // a key such as __proto__ may be refused; the created account does not contain it
    expect([201, 400]).toContain(made.status)
    if (made.status === 201)
      expect(made.data).toMatchObject({ status: 'active', roles: ['viewer'], locked_until: null })
  })

  it('succeeds once for concurrent requests with the same address', async () => {
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => manager.client.post('/api/v1/users', { email: 'raced@made.example' })),
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409, 409, 409])
  })
})

describe('changing an account', () => {
  it('changes only the given fields, and records the administrator', async () => {
    const one = await world.person({ username: 'changed' })
    const reply = await manager.client.patch(at(one.id), {
      full_name: 'Grace Hopper',
      locale: 'de',
    })
    const others = { locked_until: null, id: target.id, created_at: '2001-01-01T00:00:00Z' }
    const undeclared = await manager.client.patch(at(one.id), others)
    expect(undeclared.body.error.details.map(({ field }: { field: string }) => field)).toEqual(
      Object.keys(others),
    )
    expect(reply.data).toMatchObject({
      id: one.id,
      full_name: 'Grace Hopper',
      locale: 'de',
      username: 'changed',
      status: 'active',
      roles: ['viewer'],
    })
    expect((await lastEvent(one.id, 'user.updated')).details).toEqual({
      by: manager.id,
      fields: ['full_name', 'locale'],
    })
    expect((await manager.client.get('/api/v1/users?search=grace')).data).toHaveLength(1)
    expect(outcome(await manager.client.patch(at(one.id), { username: 'TARGET' }))).toEqual([409, 'CONFLICT'])
    expect((await manager.client.patch(at(one.id), { username: null, full_name: null })).data).toMatchObject({
      username: null,
      full_name: null,
    })
    expect((await manager.client.get('/api/v1/users?search=grace')).data).toEqual([])
    expect((await one.client.get('/api/v1/auth/me')).status).toBe(200)
  })

  it('to a new address: it is unverified, sessions and links of the old one end, both addresses are notified', async () => {
    const one = await world.person({ email: 'before@move.example' })
    await manager.client.post(at(one.id, '/password-reset'))
    const old = await world.mailbox.tokenFor('before@move.example', /reset-password/)
    const moved = await manager.client.patch(at(one.id), { email: 'after@move.example' })
    expect(moved.data).toMatchObject({ email: 'after@move.example', is_verified: false })
    expect((await one.client.get('/api/v1/auth/me')).status).toBe(401)
    expect(
      outcome(
        await world
          .client()
          .post('/api/v1/auth/password/reset', { token: old, password: 'some other good password' }),
      ),
    ).toEqual([401, 'INVALID_TOKEN'])
    for (const address of ['before@move.example', 'after@move.example'])
      expect((await world.mailbox.emailTo(address, /address of your account/)).text).not.toContain(
        'move.example',
      )
    const token = await world.mailbox.tokenFor('after@move.example', /verify-email/)
    expect(
      outcome(
        await world
          .client()
          .post('/api/v1/auth/login', { username: 'before@move.example', password: PASSWORD }),
      ),
    ).toEqual([401, 'AUTHENTICATION_FAILED'])
    expect((await world.client().post('/api/v1/auth/verify-email', { token })).status).toBe(200)
    expect((await world.client().signIn('after@move.example', PASSWORD)).status).toBe(200)
    expect((await lastEvent(one.id, 'user.email_changed')).details).toEqual({
      by: manager.id,
      from: 'before@move.example',
      to: 'after@move.example',
    })
    expect(outcome(await manager.client.patch(at(one.id), { email: 'target@example.com' }))).toEqual([
      409,
      'CONFLICT',
    ])
    // another spelling is the same address
    const spelt = await manager.client.patch(at(one.id), { email: 'After@Move.example' })
    expect(spelt.data).toMatchObject({ email: 'After@Move.example', is_verified: true })
    const vouched = await manager.client.patch(at(one.id), { email: 'third@move.example', is_verified: true })
    expect(vouched.data).toMatchObject({ email: 'third@move.example', is_verified: true })
  })

  it('marks an address as verified, and as unverified', async () => {
    const reply = await world
      .client()
      .post('/api/v1/auth/register', { email: 'pending@move.example', password: PASSWORD })
    const { id } = reply.data.user
    expect((await manager.client.get(at(id))).data.status).toBe('pending')
    expect((await manager.client.patch(at(id), { is_verified: true })).data).toMatchObject({
      status: 'active',
      is_verified: true,
    })
    expect((await world.client().signIn('pending@move.example', PASSWORD)).status).toBe(200)
    expect((await manager.client.patch(at(id), { is_verified: false })).data).toMatchObject({
      status: 'active',
      is_verified: false,
    })
    expect(
      outcome(
        await world
          .client()
          .post('/api/v1/auth/login', { username: 'pending@move.example', password: PASSWORD }),
      ),
    ).toEqual([403, 'EMAIL_NOT_VERIFIED'])
  })

  it('to the same address concurrently leaves the address with one owner', async () => {
    const people = await Promise.all([1, 2, 3, 4].map(() => world.person({ signIn: false })))
    const replies = await Promise.all(
      people.map(({ id }) => manager.client.patch(at(id), { email: 'wanted@move.example' })),
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409])
  })
})
