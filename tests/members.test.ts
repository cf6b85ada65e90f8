/** Members: listing, roles, removal, transfer of ownership; by every role, by strangers, and concurrently. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { PASSWORD, type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'
import {
  accept,
  BASE,
  eventsOf,
  found,
  put,
  rolesIn,
  setServerRoles,
  snapshot,
  tokenOf,
  twin,
} from './organizations/founding.ts'

let world: World
let owner: Person
let second: Person
let admin: Person
let member: Person
let guest: Person
let stranger: Person
let id: string
beforeAll(async () => {
  world = await startWorld()
  owner = await world.person({ email: 'owner@example.com', username: 'Olga' })
  second = await world.person({ email: 'second@example.com' })
  admin = await world.person({ email: 'admin@example.com' })
  member = await world.person({ email: 'member@example.com' })
  guest = await world.person({ email: 'guest@example.com' })
  stranger = await world.person({ email: 'stranger@example.com' })
})
afterAll(() => world.stop())
beforeEach(async () => {
  id = await found(owner)
  await put(world, id, admin, 'admin')
  await put(world, id, member, 'member')
  await put(world, id, guest, 'guest')
})

const give = (by: Person, whom: { id: string }, role: string) =>
  by.client.patch(`${BASE}/${id}/members/${whom.id}/role`, { role })
const remove = (by: Person, whom: { id: string }) => by.client.delete(`${BASE}/${id}/members/${whom.id}`)

describe('the list of members', () => {
  it('is paginated, searched by a prefix of name or address, and for members alone', async () => {
    const all = await member.client.get(`${BASE}/${id}/members`)
    expect(all.data.map((one: { user: { id: string } }) => one.user.id)).toEqual(
      [owner.id, admin.id, member.id, guest.id].sort(),
    )
    expect(all.data.find((one: { role: string }) => one.role === 'owner')).toEqual({
      user: { id: owner.id, username: 'Olga', full_name: null, email: 'owner@example.com' },
      role: 'owner',
      joined_at: expect.any(String),
      mfa: 'inherit',
    })
    for (const search of ['OLG', 'owner@', 'Owner@Example.com'])
      expect([
        search,
        (await member.client.get(`${BASE}/${id}/members?search=${search}`)).data.length,
      ]).toEqual([search, 1])
    for (const search of ['%25', '_', 'wner', 'second'])
      expect([search, (await member.client.get(`${BASE}/${id}/members?search=${search}`)).data]).toEqual([
        search,
        [],
      ])
    const first = await member.client.get(`${BASE}/${id}/members?limit=3`)
    const cursor = encodeURIComponent(first.body.metadata.next_cursor)
    const rest = await member.client.get(`${BASE}/${id}/members?limit=3&cursor=${cursor}`)
    expect([...first.data, ...rest.data]).toEqual(all.data)
    expect(rest.body.metadata.next_cursor).toBeNull()
    const other = await found(owner, 'Other')
    for (const path of [
      `${BASE}/${other}/members?cursor=${cursor}`,
      `/api/v1/users/me/organizations?cursor=${cursor}`,
    ]) {
      const refused = await owner.client.get(path)
      expect([refused.status, refused.body.error.details[0].field]).toEqual([400, 'cursor'])
    }
    expect((await guest.client.get(`${BASE}/${id}/members`)).body.error.details).toEqual({
      required: 'members:read',
      organization_id: id,
    })
    expect((await stranger.client.get(`${BASE}/${id}/members`)).status).toBe(404)
  })
})

describe('a search of members', () => {
  const LARGE = 2100
  /** Members whose usernames and addresses begin alike, and a user beside each who is no member. */
  const fill = (members: number) =>
    world.db.asOwner((line) =>
      line.plain(`
        insert into latchkey.users (id, username, username_key, full_name, name_key, status, roles, created_at, updated_at)
        select 'usr_' || lpad(to_hex(n), 32, '0'), 'crowd' || n, 'crowd' || n, 'Name ' || n, 'name ' || n, 'active',
          array['viewer'], now(), now() from generate_series(1, ${2 * members}) n on conflict do nothing;
        insert into latchkey.emails (id, user_id, address, address_key, is_primary, claimed_at, created_at)
        select 'eml_' || lpad(to_hex(n), 32, '0'), 'usr_' || lpad(to_hex(n), 32, '0'), 'crowd' || n || '@example.com',
          'crowd' || n || '@example.com', true, now(), now() from generate_series(1, ${2 * members}) n on conflict do nothing;
        insert into latchkey.memberships (organization_id, user_id, role, joined_at)
        select '${id}', 'usr_' || lpad(to_hex(2 * n), 32, '0'), 'member', now() from generate_series(1, ${members}) n`),
    )
  const search = async (text: string, limit: number) => {
    const [names, cursors]: [string[], string[]] = [[], []]
    let cursor: string | null = ''
    while (cursor !== null) {
      const query: string = `search=${encodeURIComponent(text)}&limit=${limit}&cursor=${encodeURIComponent(cursor)}`
      const { data, body } = await member.client.get(`${BASE}/${id}/members?${query}`)
      names.push(...data.map((one: { user: { username: string } }) => one.user.username))
      cursor = body.metadata.next_cursor
      if (cursor !== null) cursors.push(cursor)
    }
    return { names, cursors }
  }

  it.each([
    ['small', 40],
    ['large', LARGE],
  ])('in a %s organization finds each once, in the order of the matched text', async (_size, members) => {
    await fill(members)
    const all = Array.from({ length: members }, (_, n) => `crowd${2 * (n + 1)}`)
    const matching = (prefix: string) => all.filter((name) => name.startsWith(prefix)).sort()
    for (const [text, limit, prefix] of [
      ['crowd', 100, 'crowd'],
      ['CROWD1', 7, 'crowd1'],
      ['crowd10@', 5, 'crowd10'],
      ['name 3', 100, 'crowd3'],
    ] as const) {
      const { names } = await search(text, limit)
      const wanted = text.endsWith('@') ? ['crowd10'] : matching(prefix)
      expect([text, names]).toEqual([text, wanted])
    }
    expect((await search('crowd11', 5)).names).toEqual(matching('crowd11'))
    expect((await search('nothing', 5)).names).toEqual([])
  })

  it('has cursors that name no other user, and belong to one search', async () => {
    await fill(LARGE)
    const { cursors } = await search('crowd', 100)
    expect(cursors.length).toBeGreaterThan(10)
    for (const cursor of cursors) {
      const text = Buffer.from(String(cursor.split('.')[0]), 'base64url').toString()
      expect(text).not.toMatch(/crowd|usr_/)
    }
    const refused = await member.client.get(
      `${BASE}/${id}/members?search=name&cursor=${encodeURIComponent(String(cursors[0]))}`,
    )
    expect([refused.status, refused.body.error.details[0].field]).toEqual([400, 'cursor'])
  })

  it('continues after a name of a hundred characters outside of the basic plane', async () => {
    for (const person of [member, admin])
      expect((await person.client.patch('/api/v1/users/me', { full_name: '𝄞'.repeat(100) })).status).toBe(200)
    const path = `${BASE}/${id}/members?limit=1&search=${encodeURIComponent('𝄞')}`
    const first = await owner.client.get(path)
    const cursor = encodeURIComponent(String(first.body.metadata.next_cursor))
    const second = await owner.client.get(`${path}&cursor=${cursor}`)
    expect(second.status).toBe(200)
    expect([...first.data, ...second.data].map(({ user }) => user.id)).toEqual([member.id, admin.id].sort())
  })
})

describe('a role', () => {
  it('is changed within the caller’s own permissions', async () => {
    expect((await give(owner, member, 'admin')).data).toMatchObject({
      user: { id: member.id },
      role: 'admin',
    })
    expect((await give(admin, member, 'guest')).status).toBe(200)
    expect((await give(owner, second, 'admin')).status).toBe(404)
    expect((await give(owner, { id: 'usr_x' }, 'admin')).status).toBe(404)
    const unknown = await give(owner, member, 'emperor')
    expect([unknown.status, unknown.body.error.details[0]]).toMatchObject([
      400,
      { field: 'role', code: 'unknown' },
    ])
    expect(await eventsOf(world, id)).toEqual([
      'organization.created',
      'organization.member.role_changed',
      'organization.member.role_changed',
    ])
  })

  it('is neither granted nor taken away beyond the caller’s own permissions', async () => {
    const before = await snapshot(world)
    for (const [by, whom, role] of [
      [admin, admin, 'owner'],
      [admin, member, 'owner'],
      [admin, owner, 'guest'],
      [admin, owner, 'admin'],
      [member, member, 'admin'],
      [member, guest, 'member'],
      [guest, guest, 'owner'],
    ] as const) {
      const refused = await give(by, whom, role)
      expect([by.email, role, refused.status, refused.code]).toEqual([
        by.email,
        role,
        403,
        'INSUFFICIENT_PERMISSIONS',
      ])
    }
    for (const [by, whom] of [
      [admin, owner],
      [member, guest],
      [member, owner],
      [guest, member],
    ] as const)
      expect([by.email, (await remove(by, whom)).status]).toEqual([by.email, 403])
    for (const by of [admin, member, guest])
      expect((await by.client.post(`${BASE}/${id}/transfer`, { user_id: by.id })).status).toBe(403)
    expect(await snapshot(world)).toEqual(before)
  })

  it('takes effect on the next request, with every kind of credential', async () => {
    const signedIn = await world.client().signIn('admin@example.com', PASSWORD, { tokens: true })
    const bearer = world.client({ headers: { authorization: `Bearer ${signedIn.data.access_token}` } })
    expect((await bearer.get(`${BASE}/${id}/invitations`)).status).toBe(200)
    await give(owner, admin, 'guest')
    expect((await bearer.get(`${BASE}/${id}/invitations`)).code).toBe('INSUFFICIENT_PERMISSIONS')
    expect((await admin.client.get(`${BASE}/${id}/invitations`)).status).toBe(403)
    const refreshed = await world
      .client()
      .post('/api/v1/auth/refresh', { refresh_token: signedIn.data.refresh_token })
    expect(refreshed.status).toBe(200)
  })
})

describe('leaving and being removed', () => {
  it('deactivates the organization immediately, in sessions and in tokens', async () => {
    for (const end of [() => remove(owner, member), () => member.client.post(`${BASE}/${id}/leave`)]) {
      await put(world, id, member, 'member')
      await member.client.post('/api/v1/auth/organization', { organization_id: id })
      const tokens = await member.client.post('/api/v1/auth/tokens')
      const bearer = world.client({ headers: { authorization: `Bearer ${tokens.data.access_token}` } })
      expect((await bearer.get('/api/v1/auth/me')).data.organization).toMatchObject({ id, role: 'member' })
      expect((await end()).status).toBe(200)
      expect((await member.client.get('/api/v1/auth/me')).data.organization).toBeNull()
      expect((await bearer.get('/api/v1/auth/me')).status).toBe(401)
      expect((await member.client.get(`${BASE}/${id}`)).status).toBe(404)
    }
    expect(await eventsOf(world, id)).toEqual([
      'organization.created',
      'organization.switched',
      'organization.member.removed',
      'organization.switched',
      'organization.member.left',
    ])
  })

  it('is allowed to every member except the last owner, without a permission', async () => {
    expect((await guest.client.post(`${BASE}/${id}/leave`)).status).toBe(200)
    expect((await guest.client.post(`${BASE}/${id}/leave`)).status).toBe(404)
    for (const refused of [
      await owner.client.post(`${BASE}/${id}/leave`),
      await remove(owner, owner),
      await give(owner, owner, 'admin'),
    ])
      expect([refused.status, refused.body.error.details]).toEqual([409, { reason: 'last_owner' }])
    expect((await rolesIn(world, id))[owner.id]).toBe('owner')
  })
})

describe('transferring ownership', () => {
  it('makes a member the owner and the former owner an admin', async () => {
    expect((await owner.client.post(`${BASE}/${id}/transfer`, { user_id: stranger.id })).status).toBe(404)
    expect((await owner.client.post(`${BASE}/${id}/transfer`, { user_id: owner.id })).status).toBe(409)
    expect((await owner.client.post(`${BASE}/${id}/transfer`, { user_id: member.id })).status).toBe(200)
    expect(await rolesIn(world, id)).toMatchObject({ [owner.id]: 'admin', [member.id]: 'owner' })
    expect((await owner.client.post(`${BASE}/${id}/transfer`, { user_id: owner.id })).status).toBe(403)
    expect(await eventsOf(world, id)).toEqual(['organization.created', 'organization.transferred'])
  })
})

describe('an organization keeps an owner', () => {
  const atOnce = async (work: readonly (() => Promise<unknown>)[]): Promise<void> => {
    await Promise.all(work.map((one) => one()))
  }
  const owners = async (): Promise<string[]> =>
    Object.entries(await rolesIn(world, id)).flatMap(([user, role]) => (role === 'owner' ? [user] : []))

  it.each(['demote each other', 'remove each other', 'leave', 'demote themselves', 'transfer and leave'])(
    'when two owners %s concurrently, in twenty rounds',
    async (what) => {
      for (let round = 0; round < 20; round += 1) {
        await put(world, id, owner, 'owner')
        await put(world, id, second, 'owner')
        const [a, b] = [twin(world, owner), twin(world, second)]
        const path = (whom: Person) => `${BASE}/${id}/members/${whom.id}`
        const ways: Record<string, (() => Promise<unknown>)[]> = {
          'demote each other': [
            () => a.patch(`${path(second)}/role`, { role: 'member' }),
            () => b.patch(`${path(owner)}/role`, { role: 'member' }),
          ],
          'remove each other': [() => a.delete(path(second)), () => b.delete(path(owner))],
          leave: [() => a.post(`${BASE}/${id}/leave`), () => b.post(`${BASE}/${id}/leave`)],
          'demote themselves': [
            () => a.patch(`${path(owner)}/role`, { role: 'guest' }),
            () => b.patch(`${path(second)}/role`, { role: 'guest' }),
          ],
          'transfer and leave': [
            () => a.post(`${BASE}/${id}/transfer`, { user_id: member.id }),
            () => b.post(`${BASE}/${id}/leave`),
          ],
        }
        await atOnce(ways[what] ?? [])
        expect((await owners()).length, `round ${round}`).toBeGreaterThanOrEqual(1)
        await put(world, id, member, 'member')
      }
    },
  )

  it('when a demoted owner’s request to demote waits for the lock: it is checked again under the lock', async () => {
    for (let round = 0; round < 5; round += 1) {
      for (const one of [owner, second, admin]) await put(world, id, one, 'owner')
      const [a, b] = [twin(world, owner), twin(world, second)]
      const [first, other] = await Promise.all([
        a.patch(`${BASE}/${id}/members/${second.id}/role`, { role: 'guest' }),
        b.patch(`${BASE}/${id}/members/${owner.id}/role`, { role: 'guest' }),
      ])
      expect([first?.status, other?.status].sort()).toEqual([200, 403])
      expect(await owners()).toHaveLength(2)
    }
  })

  it('when both owners delete their accounts concurrently', async () => {
    for (let round = 0; round < 4; round += 1) {
      const [a, b] = [await world.person(), await world.person()]
      const made = (await a.client.post(BASE, { name: 'Two' })).data.id
      await put(world, made, b, 'owner')
      await put(world, made, guest, 'guest')
      const replies = await Promise.all(
        [a, b].map(({ client }) => client.delete('/api/v1/users/me', { password: PASSWORD })),
      )
      expect(replies.map(({ status }) => status).sort()).toEqual([200, 409])
      const left = Object.values(await rolesIn(world, made)).sort()
      expect(left).toEqual(['guest', 'owner'])
    }
  })

  it('because its only owner cannot delete their account, and gets the names of such organizations', async () => {
    const person = await world.person()
    const made = (await person.client.post(BASE, { name: 'Needed' })).data.id
    await put(world, made, guest, 'guest')
    const refused = await person.client.delete('/api/v1/users/me', { password: PASSWORD })
    expect([refused.status, refused.body.error.details]).toEqual([
      409,
      { reason: 'last_owner', organizations: [{ id: made, name: 'Needed' }] },
    ])
    expect((await person.client.get('/api/v1/users/me')).status).toBe(200)
    await person.client.post(`${BASE}/${made}/transfer`, { user_id: guest.id })
    expect((await person.client.delete('/api/v1/users/me', { password: PASSWORD })).status).toBe(200)
    expect(await rolesIn(world, made)).toEqual({ [guest.id]: 'owner' })
  })

  it('also when an administrator deletes the account', async () => {
    const [person, root] = [await world.person(), await world.person()]
    await setServerRoles(world, root, ['super_admin'])
    const made = (await person.client.post(BASE, { name: 'Kept' })).data.id
    await put(world, made, guest, 'guest')
    const before = await snapshot(world)
    const refused = await root.client.delete(`/api/v1/users/${person.id}`)
    expect([refused.status, refused.body.error.details.organizations]).toEqual([
      409,
      [{ id: made, name: 'Kept' }],
    ])
    expect(await snapshot(world)).toEqual(before)
    await put(world, made, guest, 'owner')
    expect((await root.client.delete(`/api/v1/users/${person.id}`)).status).toBe(200)
    expect(await rolesIn(world, made)).toEqual({ [guest.id]: 'owner' })
  })

  it('unless it has no other members: then it is deleted with its owner’s account, with the grace period', async () => {
    const person = await world.person()
    const made = (await person.client.post(BASE, { name: 'Lonely' })).data.id
    expect((await person.client.delete('/api/v1/users/me', { password: PASSWORD })).status).toBe(200)
    const row = await world.db.tx('system', (tx) =>
      tx.selectFrom('organizations').selectAll().where('id', '=', made).executeTakeFirst(),
    )
    expect(row?.deleted_at).toBeInstanceOf(Date)
    expect(row?.purge_at).toBeInstanceOf(Date)
    const root = await world.person()
    await setServerRoles(world, root, ['super_admin'])
    expect((await root.client.post(`${BASE}/${made}/restore`)).status).toBe(409)
    const restored = await root.client.post(`${BASE}/${made}/restore`, { owner_id: guest.id })
    expect([restored.status, await rolesIn(world, made)]).toEqual([200, { [guest.id]: 'owner' }])
  })
})

describe('POST members', () => {
  const post = (by: Person, body: Record<string, unknown>) => by.client.post(`${BASE}/${id}/members`, body)

  it('invites by address, as owner or admin: 202 with the invitation, which is accepted', async () => {
    for (const by of [owner, admin]) {
      const email = `new-${by.id.slice(-6)}@example.com`
      const reply = await post(by, { email, role: 'guest' })
      expect([reply.status, reply.body.message]).toEqual([202, 'Invitation sent.'])
      expect(reply.data).toMatchObject({ email, role: 'guest', status: 'open', invited_by: { id: by.id } })
      const listed = (await owner.client.get(`${BASE}/${id}/invitations`)).data
      expect(listed.find((one: { id: string }) => one.id === reply.data.id)).toEqual(reply.data)
      const person = await world.person({ email })
      const token = await tokenOf(world, email, reply.data.id)
      expect((await accept(person.client, token)).status).toBe(200)
      const members = (await owner.client.get(`${BASE}/${id}/members`)).data
      expect(members.map((one: { user: { email: string } }) => one.user.email)).toContain(email)
    }
  })

  it('is refused from below, from a neighbouring tenant, and beyond the caller’s permissions', async () => {
    const body = { email: 'x@example.com', role: 'member' }
    for (const by of [member, guest]) expect((await post(by, body)).code).toBe('INSUFFICIENT_PERMISSIONS')
    expect((await post(stranger, body)).status).toBe(404)
    expect((await post(admin, { email: 'x@example.com', role: 'owner' })).code).toBe(
      'INSUFFICIENT_PERMISSIONS',
    )
    const key = await owner.client.apiKey()
    expect((await key.client.post(`${BASE}/${id}/members`, body)).code).toBe('AUTHENTICATION_REQUIRED')
    expect((await owner.client.get(`${BASE}/${id}/invitations`)).data).toEqual([])
  })

  it('adds a user by id for the server’s administrator only', async () => {
    const body = { user_id: stranger.id, role: 'member' }
    for (const by of [owner, admin]) {
      const refused = await post(by, body)
      expect([refused.status, refused.body.error.details]).toEqual([403, { required: 'organizations:write' }])
    }
    const root = await world.person({ roles: ['super_admin'] })
    const added = await post(root, body)
    expect([added.status, added.data.user.id, added.data.role]).toEqual([201, stranger.id, 'member'])
    expect((await post(root, body)).status).toBe(409)
    const invitedToo = await post(root, { email: 'by-root@example.com' })
    expect([invitedToo.status, invitedToo.data.role]).toEqual([202, 'member'])
  })

  it('takes one of the two', async () => {
    for (const [body, field] of [
      [{ role: 'member' }, 'email'],
      [{ email: 'a@example.com', user_id: stranger.id }, 'user_id'],
      [{ email: 'no address' }, 'email'],
      [{ user_id: 'usr_1' }, 'user_id'],
      [{ email: 'a@example.com', role: 'emperor' }, 'role'],
    ] as const) {
      const reply = await post(owner, body)
      expect([body, reply.status, reply.body.error.details[0].field]).toEqual([body, 400, field])
    }
  })

  it('shares the limit of invitations', async () => {
    const statuses: number[] = []
    for (let n = 0; n < 6; n++) statuses.push((await post(owner, { email: 'flooded@example.com' })).status)
    expect(statuses).toEqual([202, 202, 202, 202, 202, 429])
  })
})
