/**
 * Audit of denials: a request without the permission writes one `access.denied` event to the right log, rate-limited.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'
import { BASE, found, put } from './organizations/founding.ts'
import { giveRoles, holderOf } from './permissions/people.ts'

let world: World
let viewer: Person
let staff: Person
beforeAll(async () => {
  world = await startWorld()
  viewer = await holderOf(world, 'viewer')
  staff = await holderOf(world, 'staff')
})
afterAll(() => world.stop())

const denialsOf = (person: Person) =>
  world.db.tx('system', (tx) =>
    tx
      .selectFrom('audit_events')
      .select(['organization_id', 'session_id', 'details'])
      .where('event_type', '=', 'access.denied')
      .where('user_id', '=', person.id)
      .orderBy('id')
      .execute(),
  )

const strangers = () =>
  world.db.tx('system', (tx) =>
    tx.selectFrom('audit_events').select('id').where('user_id', 'is', null).execute(),
  )

describe('in the log of the server', () => {
  it.each([
    ['GET', '/api/v1/users', undefined, 'users.list', {}, 'users:read'],
    ['POST', '/api/v1/roles', { name: 'mine', permissions: ['*'] }, 'roles.create', {}, 'roles:write'],
    ['DELETE', '/api/v1/roles/staff', undefined, 'roles.delete', { name: 'staff' }, 'roles:write'],
    ['GET', '/api/v1/audit-logs/export', undefined, 'audit_logs.export', {}, 'audit:read'],
  ])('%s %s without the permission', async (method, path, body, action, target, required) => {
    const { length } = await denialsOf(viewer)
    const reply = await viewer.client.send(method, path, body)
    expect([reply.status, reply.code]).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
    const written = await denialsOf(viewer)
    expect(written).toHaveLength(length + 1)
    expect(written.at(-1)).toEqual({
      organization_id: null,
      session_id: expect.stringMatching(/^ses_/),
      details: { action, target, required, reason: 'not_permitted' },
    })
  })

  it.each(['%00', '%ED%A0%80', 'x'.repeat(3000), '%F0%9F%97%9D'])(
    'without an invalid name in the event: %s',
    async (name) => {
      const reply = await viewer.client.delete(`/api/v1/roles/${name}`)
      expect([403, 400, 404]).toContain(reply.status)
      for (const { details } of await denialsOf(viewer))
        expect(JSON.stringify(details).length).toBeLessThan(300)
    },
  )

  it.each([
    ['an attempt', `sgn_${'0'.repeat(32)}.${'A'.repeat(43)}`],
    ['a link', `lnk_${'0'.repeat(32)}.${'A'.repeat(43)}`],
    ['a session', `st_${'A'.repeat(43)}`],
  ])('without the token of %s that is in the path', async (_, token) => {
    const { length } = await denialsOf(viewer)
    expect((await viewer.client.delete(`/api/v1/roles/${token}`)).status).toBe(403)
    const written = await denialsOf(viewer)
    expect(written).toHaveLength(length + 1)
    expect(written.at(-1)?.details).toMatchObject({ action: 'roles.delete', target: {} })
  })

  it('a caller without a credential is not', async () => {
    const before = await strangers()
    expect((await world.client().get('/api/v1/users')).status).toBe(401)
    expect(await strangers()).toEqual(before)
  })
})

describe('in the log of an organization', () => {
  it('are refused attempts of administrators, not those of other members or of strangers', async () => {
    const [owner, admin, member, stranger] = await Promise.all([0, 1, 2, 3].map(() => world.person()))
    if (!owner || !admin || !member || !stranger) throw new Error('too few')
    const id = await found(owner)
    await put(world, id, admin, 'admin')
    await put(world, id, member, 'member')
    const giveRole = (person: Person, role: string) =>
      person.client.patch(`${BASE}/${id}/members/${admin.id}/role`, { role })
    expect((await giveRole(admin, 'owner')).status).toBe(403)
    const [denial] = await denialsOf(admin)
    expect(denial?.organization_id).toBe(id)
    expect(
      (await admin.client.post(`${BASE}/${id}/invitations`, { email: 'x@example.com', role: 'owner' }))
        .status,
    ).toBe(403)
    expect((await denialsOf(admin)).map((one) => [one.organization_id, one.details.action])).toEqual([
      [id, 'organizations.members.change_role'],
      [id, 'organizations.invitations.send'],
    ])
    expect((await giveRole(member, 'guest')).status).toBe(403)
    expect(
      (await denialsOf(member)).map((one) => [one.organization_id, one.details.organization_id]),
    ).toEqual([[null, id]])
    // a stranger gets a 404, which is not a denial
    expect((await giveRole(stranger, 'guest')).status).toBe(404)
    expect(await denialsOf(stranger)).toEqual([])
  })
})

describe('a form', () => {
  const submit = async ({ client }: Person, path: string, fields: Record<string, string>) => {
    const { status } = await client.post(path, fields, { form: true, headers: { accept: 'text/html' } })
    return status
  }

  it('that displays the refusal itself writes the same event as the JSON route', async () => {
    const [owner, admin, other] = await Promise.all([0, 1, 2].map(() => world.person()))
    if (!owner || !admin || !other) throw new Error('too few')
    const id = await found(owner)
    await put(world, id, admin, 'admin')
    const key = { name: 'k', description: '', environment: 'test', expires_in: '1d', access: 'some' }
    const role = { name: 'beyond', description: '', inherits: '', permission_0: 'organization:delete' }
    const place = `/account/organizations/${id}`
    expect(await submit(admin, '/account/api-keys', { ...key, more_permissions: 'users:write' })).toBe(403)
    expect(await submit(admin, `${place}/roles`, role)).toBe(403)
    expect(await submit(admin, `${place}/members/${owner.id}/role`, { role: 'admin' })).toBe(403)
    const written = (await denialsOf(admin)).map((one) => [one.organization_id, one.details.action])
    expect(written).toEqual([
      [null, 'api_keys.issue'],
      [id, 'organizations.roles.create'],
      [id, 'organizations.members.change_role'],
    ])
  })
})

it('is written at most sixty times a minute per user', async () => {
  await world.clock.advance('2 minutes')
  const { length } = await denialsOf(staff)
  for (let n = 0; n < 80; n++) expect((await staff.client.delete(`/api/v1/roles/r${n}`)).status).toBe(403)
  expect(await denialsOf(staff)).toHaveLength(length + 60)
  await world.clock.advance('2 minutes')
  expect((await giveRoles(staff.client, staff, ['super_admin'])).status).toBe(403)
  expect(await denialsOf(staff)).toHaveLength(length + 61)
})
