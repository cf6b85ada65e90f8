/** Joining by a sign-in: who becomes a member, with which role, and that no one gets more than the connection's maker may grant. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../../../base/call.ts'
import { connectionOf } from '../../../core/connections/index.ts'
import type { ConnectionSettings } from '../../../core/providers/index.ts'
import { connect, ownDomain } from '../../../testing/connection-rows.ts'
import { HTML } from '../../../testing/federation.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { changeConnectionByOperator, createConnectionByOperator } from '../connections/index.ts'
import { joinByConnection } from './joining.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
})
afterAll(() => world.stop())

let count = 0

interface Company {
  id: string
  domain: string
  owner: Person
  admin: Person
  connection: string
}

/** An organization with a proven domain and a connection of its owner. */
async function company(
  settings: ConnectionSettings = {},
  over: { maker?: 'owner' | 'admin' } = {},
): Promise<Company> {
  const [owner, admin] = (await world.people(2)) as [Person, Person]
  const id = await world.organization({
    members: [
      [owner, 'owner'],
      [admin, 'admin'],
    ],
  })
  const domain = `d${++count}.example`
  await ownDomain(world, id, domain, { addedBy: owner.id })
  const made_by = over.maker === 'admin' ? admin.id : owner.id
  const connection = await connect(world, id, { made_by, settings: JSON.stringify(settings) })
  return { id, domain, owner, admin, connection }
}

interface Asserted {
  email?: string | null
  groups?: string[] | null
  emailVerified?: boolean
}

/** The user signs in by the connection. */
const signIn = (
  { connection, domain }: Pick<Company, 'connection' | 'domain'>,
  user: Person,
  said: Asserted = {},
) =>
  world.db.tx('system', async (tx) => {
    const row = tx.selectFrom('connections').selectAll().where('id', '=', connection)
    const found = connectionOf(await row.executeTakeFirstOrThrow())
    const { email = `p@${domain}`, emailVerified = true, groups = [] } = said
    return await joinByConnection(
      world.app.tools,
      tx,
      systemCall(world.clock.now()),
      { id: user.id, username: null },
      found,
      { email, emailVerified, groups },
    )
  })

const person = async (): Promise<Person> => ((await world.people(1)) as [Person])[0]
const roleOf = (id: string, user: Person) =>
  world.db.tx('system', async (tx) => {
    const row = await tx
      .selectFrom('memberships')
      .select('role')
      .where('organization_id', '=', id)
      .where('user_id', '=', user.id)
      .executeTakeFirst()
    return row?.role ?? null
  })
const eventsIn = (id: string, user: Person) =>
  world.db.tx('system', async (tx) =>
    (
      await tx
        .selectFrom('audit_events')
        .select(['event_type', 'details'])
        .where('organization_id', '=', id)
        .where('user_id', '=', user.id)
        .where('event_type', 'like', 'organization.member.%')
        .orderBy('id')
        .execute()
    ).map(({ event_type, details }) => [event_type, details]),
  )
const update = (connection: string, fields: object) =>
  world.db.tx('system', (tx) =>
    tx.updateTable('connections').set(fields).where('id', '=', connection).execute(),
  )
async function setRole({ owner, id }: Company, user: Person, role: string): Promise<void> {
  const { status, text } = await owner.client.patch(`/api/v1/organizations/${id}/members/${user.id}/role`, {
    role,
  })
  expect(status, text).toBe(200)
}

describe('a first sign-in by the connection of an organization', () => {
  it('makes a member, once, which is recorded', async () => {
    const of = await company()
    const user = await person()
    expect(await signIn(of, user)).toEqual({ organizationId: of.id, role: 'member', isNew: true })
    expect(await signIn(of, user)).toEqual({ organizationId: of.id, role: 'member', isNew: false })
    expect(await eventsIn(of.id, user)).toEqual([
      ['organization.member.joined', { user_id: user.id, role: 'member', connection_id: of.connection }],
    ])
  })

  it('makes one membership of twenty at once', async () => {
    const of = await company()
    const user = await person()
    const all = await Promise.all(Array.from({ length: 20 }, () => signIn(of, user)))
    expect(all.filter((one) => one?.isNew)).toHaveLength(1)
    expect(all.every((one) => one?.role === 'member')).toBe(true)
    expect(await eventsIn(of.id, user)).toHaveLength(1)
  })

  it('gives the default role, and before it that of the first group', async () => {
    const group_roles = [
      { group: 'Admins', role: 'admin' },
      { group: 'Visitors', role: 'guest' },
    ]
    const of = await company({ default_role: 'guest', group_roles })
    for (const [groups, role] of [
      [[], 'guest'],
      [['Visitors', 'Admins'], 'admin'],
      [['visitors'], 'guest'],
      [['Others'], 'guest'],
    ] as const)
      expect((await signIn(of, await person(), { groups: [...groups] }))?.role).toBe(role)
  })

  const table: [string, (of: Company) => Promise<unknown>, Asserted][] = [
    ['an address that the provider has not verified', async () => {}, { emailVerified: false }],
    ['an address of another domain', async () => {}, { email: 'p@other.example' }],
    ['an address of a subdomain', async () => {}, { email: 'p@sub.d1.example' }],
    ['no address', async () => {}, { email: null }],
    [
      'a connection that registers no one',
      (of) => update(of.connection, { settings: { registers: false } }),
      {},
    ],
    ['a draft', (of) => update(of.connection, { status: 'draft' }), {}],
    ['a connection that is disabled', (of) => update(of.connection, { status: 'disabled' }), {}],
    ['a connection of the server', (of) => update(of.connection, { organization_id: null }), {}],
    ['a deleted organization', ({ owner, id }) => owner.client.delete(`/api/v1/organizations/${id}`), {}],
    [
      'a domain that is not proven any more',
      ({ id }) =>
        world.db.tx('system', (tx) =>
          tx
            .updateTable('organization_domains')
            .set({ verified_at: null })
            .where('organization_id', '=', id)
            .execute(),
        ),
      {},
    ],
  ]
  it.each(table)('makes no member for %s', async (_name, change, said) => {
    const of = await company()
    const user = await person()
    await change(of)
    expect(await signIn(of, user, said)).toBeNull()
    expect(await roleOf(of.id, user)).toBeNull()
  })

  it('makes no member of the neighbour whose domain the address is of', async () => {
    const [of, neighbour] = [await company(), await company()]
    const user = await person()
    expect(await signIn(of, user, { email: `p@${neighbour.domain}` })).toBeNull()
    expect([await roleOf(of.id, user), await roleOf(neighbour.id, user)]).toEqual([null, null])
  })

  it('respects that the organization removed the user, until it adds or invites them again', async () => {
    const of = await company()
    const user = await person()
    await signIn(of, user)
    const path = `/api/v1/organizations/${of.id}/members`
    expect((await of.owner.client.delete(`${path}/${user.id}`)).status).toBe(200)
    expect(await signIn(of, user)).toBeNull()
    const [root] = (await world.people([{ roles: ['super_admin'] }])) as [Person]
    expect((await root.client.post(path, { user_id: user.id, role: 'guest' })).status).toBe(201)
    expect((await signIn(of, user))?.role).toBe('guest')
    // who leaves may come back
    expect((await user.client.post(`/api/v1/organizations/${of.id}/leave`)).status).toBe(200)
    expect((await signIn(of, user))?.isNew).toBe(true)
  })
})

describe('a role by a sign-in', () => {
  const mapped = { group_roles: [{ group: 'Admins', role: 'admin' }] }
  const admins = { groups: ['Admins'] }

  it('follows the groups at each sign-in, which is recorded', async () => {
    const of = await company(mapped)
    const user = await person()
    await signIn(of, user, admins)
    expect(await roleOf(of.id, user)).toBe('admin')
    expect((await signIn(of, user))?.role).toBe('member')
    const details = { user_id: user.id, connection_id: of.connection }
    expect(await eventsIn(of.id, user)).toEqual([
      ['organization.member.joined', { ...details, role: 'admin' }],
      ['organization.member.role_changed', { ...details, role: 'member', before: 'admin' }],
    ])
  })

  it('stays where the provider does not say which groups there are', async () => {
    const of = await company(mapped)
    const user = await person()
    expect((await signIn(of, user, { groups: null }))?.role).toBe('member')
    await signIn(of, user, admins)
    expect((await signIn(of, user, { groups: null }))?.role).toBe('admin')
    expect((await signIn(of, user, { groups: [] }))?.role).toBe('member')
  })

  it('that was lost ends the tokens that name it', async () => {
    const of = await company(mapped)
    const user = await person()
    await signIn(of, user, admins)
    await user.client.post('/api/v1/auth/organization', { organization_id: of.id })
    const { data } = await user.client.post('/api/v1/auth/token', {})
    const headers = { authorization: `Bearer ${data.access_token}` }
    expect((await world.client().get('/api/v1/auth/validate', { headers })).status).toBe(200)
    await signIn(of, user)
    expect((await world.client().get('/api/v1/auth/validate', { headers })).status).toBe(401)
  })

  it('of a member who was invited changes with a group alone, and that of an owner never', async () => {
    const of = await company({ ...mapped, default_role: 'guest' })
    expect((await signIn(of, of.admin))?.role).toBe('admin')
    await setRole(of, of.admin, 'member')
    expect((await signIn(of, of.admin))?.role).toBe('member')
    expect((await signIn(of, of.admin, admins))?.role).toBe('admin')
    expect((await signIn(of, of.owner, admins))?.role).toBe('owner')
    expect((await signIn(of, of.owner))?.role).toBe('owner')
  })

  it('that was given by hand stays where no groups are mapped, also one below the default', async () => {
    const of = await company({ default_role: 'member' })
    const user = await person()
    await signIn(of, user)
    for (const role of ['admin', 'guest']) {
      await setRole(of, user, role)
      expect((await signIn(of, user))?.role).toBe(role)
    }
    await update(of.connection, { settings: { group_roles: [] } })
    expect((await signIn(of, user))?.role).toBe('guest')
  })

  it('that was given by hand is that of the groups again where they are mapped, which the page says', async () => {
    const of = await company(mapped)
    const user = await person()
    await signIn(of, user)
    const page = `/account/organizations/${of.id}/members`
    const said = async (id: string) =>
      (await of.owner.client.get(`${page}/${id}`, HTML)).text.includes(
        'Each sign-in by Identity provider sets the role again',
      )
    expect([await said(user.id), await said(of.admin.id), await said(of.owner.id)]).toEqual([
      true,
      true,
      false,
    ])
    await setRole(of, user, 'guest')
    expect((await signIn(of, user))?.role).toBe('member')
    await update(of.connection, { status: 'disabled' })
    expect(await said(user.id)).toBe(false)
  })

  it('is taken with the group, also where the connection was replaced', async () => {
    const of = await company(mapped)
    const user = await person()
    await signIn(of, user, admins)
    const path = `/api/v1/organizations/${of.id}/connections/${of.connection}`
    expect((await of.owner.client.delete(path)).status).toBe(200)
    const connection = await connect(world, of.id, {
      made_by: of.owner.id,
      settings: JSON.stringify(mapped),
    })
    expect((await signIn({ ...of, connection }, user))?.role).toBe('member')
  })

  it('is each of the organization where the operator answers for the connection, until a user does', async () => {
    const of = await company()
    const { tools } = world.app
    const fields = { provider: 'oidc', client_id: 'x', settings: { issuer: 'https://x.example', ...mapped } }
    const made = await createConnectionByOperator(tools, of.id, { ...fields, status: 'active' })
    const byOperator = { ...of, connection: made.id }
    expect((await signIn(byOperator, await person(), admins))?.role).toBe('admin')
    // those of its maker change what it gives, and answer for it
    const path = `/api/v1/organizations/${of.id}/connections/${made.id}`
    expect((await of.owner.client.patch(path, { settings: { registers: true } })).status).toBe(200)
    await update(made.id, { made_by: of.admin.id })
    await setRole(of, of.admin, 'member')
    expect((await signIn(byOperator, await person(), admins))?.role).toBe('member')
    await changeConnectionByOperator(tools, of.id, made.id, { settings: { registers: null } })
    expect((await signIn(byOperator, await person(), admins))?.role).toBe('admin')
    // no more than roles that exist
    await update(made.id, { settings: { default_role: 'no_such_role' } })
    expect((await signIn(byOperator, await person()))?.role).toBe('member')
  })

  it('is the least one after the account of the maker was deleted, also after a change by the operator before', async () => {
    const of = await company()
    const [maker, root] = (await world.people([{}, { roles: ['super_admin'] }])) as [Person, Person]
    const path = `/api/v1/organizations/${of.id}`
    await root.client.post(`${path}/members`, { user_id: maker.id, role: 'owner' })
    const { tools } = world.app
    const made = await createConnectionByOperator(tools, of.id, { provider: 'oidc' })
    const change = {
      client_id: 'x',
      settings: { issuer: 'https://x.example', ...mapped },
      status: 'active',
    }
    expect((await maker.client.patch(`${path}/connections/${made.id}`, change)).status).toBe(200)
    const by = { ...of, connection: made.id }
    expect((await signIn(by, await person(), admins))?.role).toBe('admin')
    expect((await root.client.delete(`/api/v1/users/${maker.id}`)).status).toBe(200)
    expect((await signIn(by, await person(), admins))?.role).toBe('member')
  })

  it('is within what the maker of the connection may grant now', async () => {
    const of = await company(
      { group_roles: [{ group: 'Owners', role: 'owner' }, ...mapped.group_roles] },
      { maker: 'admin' },
    )
    const [first, second] = [await person(), await person()]
    expect((await signIn(of, first, { groups: ['Owners'] }))?.role).toBe('member')
    expect((await signIn(of, second, admins))?.role).toBe('admin')
    await setRole(of, of.admin, 'member')
    // also of whom it was given to before
    expect((await signIn(of, second, admins))?.role).toBe('member')
    const details = { user_id: second.id, connection_id: of.connection }
    expect(await eventsIn(of.id, second)).toEqual([
      ['organization.member.joined', { ...details, role: 'admin' }],
      [
        'organization.member.role_changed',
        { ...details, role: 'member', before: 'admin', withheld: 'admin' },
      ],
    ])
    // once
    await signIn(of, second, admins)
    expect(await eventsIn(of.id, second)).toHaveLength(2)
    expect(await eventsIn(of.id, first)).toEqual([
      [
        'organization.member.joined',
        { user_id: first.id, role: 'member', connection_id: of.connection, withheld: 'owner' },
      ],
    ])
  })

  it('by default is for addresses of proven domains: without one, no more than the least is given', async () => {
    const of = await company({ ...mapped, default_role: 'admin' })
    const user = await world.person({ email: `p@${of.domain}` })
    const elsewhere = { email: 'p@elsewhere.example' }
    expect((await signIn(of, user))?.role).toBe('admin')
    for (const said of [elsewhere, { emailVerified: false }, { email: null }]) {
      expect((await signIn(of, user, said))?.role).toBe('member')
      expect((await signIn(of, user, { ...said, ...admins }))?.role).toBe('admin')
    }
    await update(of.connection, { settings: { ...mapped, default_role: 'guest' } })
    expect((await signIn(of, user, elsewhere))?.role).toBe('guest')
  })

  it('is within what the one may grant who has added the domain, also at each later sign-in', async () => {
    const of = await company({ ...mapped, default_role: 'guest' })
    const [adder, user] = [await person(), await person()]
    const domain = `d${++count}.example`
    await ownDomain(world, of.id, domain, { addedBy: adder.id })
    const email = `p@${domain}`
    // no member
    expect((await signIn(of, user, { email, ...admins }))?.role).toBe('member')
    expect((await signIn(of, user, { email }))?.role).toBe('guest')
    const [root] = (await world.people([{ roles: ['super_admin'] }])) as [Person]
    const path = `/api/v1/organizations/${of.id}/members`
    await root.client.post(path, { user_id: adder.id, role: 'admin' })
    expect((await signIn(of, user, { email, ...admins }))?.role).toBe('admin')
    await setRole(of, adder, 'guest')
    expect((await signIn(of, user, { email, ...admins }))?.role).toBe('member')
    // a role that others have given is not theirs to change
    expect((await signIn(of, of.admin, { email, groups: [] }))?.role).toBe('admin')
    await setRole(of, adder, 'admin')
    expect((await signIn(of, user, { email, ...admins }))?.role).toBe('admin')
    // the account is deleted
    expect((await root.client.delete(`/api/v1/users/${adder.id}`)).status).toBe(200)
    expect((await signIn(of, user, { email, ...admins }))?.role).toBe('member')
  })

  it('is within that also where the provider states the address no more, and the least one where no domain is known', async () => {
    const of = await company({ ...mapped, default_role: 'guest' })
    const adder = await person()
    const domain = `d${++count}.example`
    await ownDomain(world, of.id, domain, { addedBy: adder.id })
    const user = await world.person({ email: `p@${domain}` })
    const other = await person()
    for (const one of [user, other]) {
      expect((await signIn(of, one, { email: `p@${domain}`, ...admins }))?.role).toBe('member')
      for (const said of [{ email: `p@${domain}`, emailVerified: false }, { email: null }, { email: 'p@elsewhere.example' }])
        expect((await signIn(of, one, { ...said, ...admins }))?.role).toBe('member')
    } // biome-ignore format: a table
    const own = await world.person({ email: `own@${of.domain}` })
    expect((await signIn(of, own, admins))?.role).toBe('admin')
    expect((await signIn(of, own, { email: null, ...admins }))?.role).toBe('admin')
    // whom others have made a member, no domain has let in
    const invited = await person()
    const [root] = (await world.people([{ roles: ['super_admin'] }])) as [Person]
    const path = `/api/v1/organizations/${of.id}/members`
    expect((await root.client.post(path, { user_id: invited.id, role: 'guest' })).status).toBe(201)
    expect((await signIn(of, invited, { email: null, ...admins }))?.role).toBe('admin')
  })

  it('beyond the maker’s, which others have given, stays', async () => {
    const of = await company({ group_roles: [{ group: 'Visitors', role: 'guest' }] }, { maker: 'admin' })
    const member = await person()
    await world.db.tx('system', (tx) =>
      tx
        .insertInto('memberships')
        .values({ organization_id: of.id, user_id: member.id, role: 'admin', joined_at: world.clock.now() })
        .execute(),
    )
    await setRole(of, of.admin, 'member')
    expect((await signIn(of, member, { groups: ['Visitors'] }))?.role).toBe('admin')
  })

  it('is the least one where its maker is gone, locked, or no member, and where it was deleted', async () => {
    const gone = await company(mapped)
    await update(gone.connection, { made_by: null })
    expect((await signIn(gone, await person(), admins))?.role).toBe('member')
    const [stranger] = (await world.people(1)) as [Person]
    await update(gone.connection, { made_by: stranger.id })
    expect((await signIn(gone, await person(), admins))?.role).toBe('member')
    const deleted = await company({ group_roles: [{ group: 'Admins', role: 'no_such_role' }] })
    expect((await signIn(deleted, await person(), admins))?.role).toBe('member')
    const locked = await company(mapped)
    const [root] = (await world.people([{ roles: ['super_admin'] }])) as [Person]
    expect((await root.client.post(`/api/v1/users/${locked.owner.id}/lock`, {})).status).toBe(200)
    expect((await signIn(locked, await person(), admins))?.role).toBe('member')
  })

  it('of a member is not changed by a connection that is not active', async () => {
    const of = await company(mapped)
    const user = await person()
    await signIn(of, user)
    await update(of.connection, { status: 'disabled' })
    expect((await signIn(of, user, admins))?.role).toBe('member')
  })
})

describe('row-level security', () => {
  it('shows neither whom an organization removed, nor lets a request write how members joined', async () => {
    const of = await company()
    const user = await person()
    await signIn(of, user)
    await of.owner.client.delete(`/api/v1/organizations/${of.id}/members/${user.id}`)
    const scope = {
      userId: of.owner.id,
      organizationId: of.id,
      permissions: [],
      organizationPermissions: ['*'],
    }
    await expect(
      world.db.tx(scope, (tx) => tx.selectFrom('removed_members').selectAll().execute()),
    ).rejects.toThrow(/permission denied/)
    await expect(
      world.db.tx(scope, (tx) => tx.updateTable('memberships').set({ joined_by: null }).execute()),
    ).rejects.toThrow(/permission denied/)
  })
})
