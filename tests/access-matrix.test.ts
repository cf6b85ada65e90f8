/**
 * Access matrix: every row of the route table, called by every kind of caller, in the caller's tenant and in a foreign
 * one. The required permission is read from the row, the permissions of each caller are those of PRODUCT §5, and a new
 * row is covered without being named. A refused request changes nothing.
 */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Row } from '../packages/server/src/base/http/row/route.ts'
import { newId } from '../packages/server/src/base/ids.ts'
import { linkTo, SECRET } from '../packages/server/src/features/organizations/connections/testing.ts'
import { authorizedCode, testApp } from '../packages/server/src/testing/apps.ts'
import { Authenticator, addPasskey } from '../packages/server/src/testing/authenticator.ts'
import { enrolAuthenticator } from '../packages/server/src/testing/authenticator-app.ts'
import type { Client, Reply } from '../packages/server/src/testing/client.ts'
import { type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'

/** PRODUCT §5, the ladder: the permissions that each role adds to the role below. */
const LADDER: readonly (readonly [role: string, adds: readonly string[]])[] = [
  ['viewer', ['dashboard:read', 'analytics:read']],
  ['staff', ['chat:*', 'concerns:*']],
  ['manager', ['users:*']],
  ['administrator', ['system:*', 'api_keys:*', 'audit:read']],
  ['super_admin', ['*']],
]
const onServer = (role: string): string[] =>
  LADDER.slice(0, LADDER.findIndex(([name]) => name === role) + 1).flatMap(([, adds]) => adds)

/** The built-in roles as in docs/guides/organizations.md, and a custom role. */
const INSIDE: Readonly<Record<string, readonly string[]>> = {
  owner: ['*'],
  admin: [
    'organization:read', 'organization:update', 'members:read', 'members:update', 'members:remove',
    'invitations:read', 'invitations:write', 'roles:read', 'roles:write', 'security:read', 'security:write',
    'connections:read', 'oauth_clients:read', 'audit:read',
  ], // biome-ignore format: a table
  member: ['organization:read', 'members:read', 'roles:read'],
  guest: ['organization:read'],
  auditor: ['audit:read'],
}

/** Matches as the contract does: `*` is a wildcard, on either side of the colon. */
function holds(grants: readonly string[], wanted: string): boolean {
  const [resource, action] = wanted.split(':')
  return grants.some((grant) => {
    const [a, b] = grant === '*' ? ['*', '*'] : grant.split(':')
    return (a === '*' || a === resource) && (b === '*' || b === action)
  })
}

interface Kind {
  name: string
  client: Client
  server: readonly string[]
  /** Their permissions in the organization; null for no membership. */
  inside: readonly string[] | null
}

let world: World
let rows: readonly Row[]
let kinds: Kind[]
let keys: { name: string; client: Client; permissions: readonly string[] }[]
let ours: string
let theirs: string

const isUnsafe = (row: Row): boolean => row.method !== 'GET'
const isPermission = (needs: string | undefined): needs is string => needs?.includes(':') === true

async function organization(members: readonly (readonly [Person, string])[]): Promise<string> {
  const id = newId('org')
  const now = world.clock.now()
  await world.db.tx('system', async (tx) => {
    await tx
      .insertInto('organizations')
      .values({
        id, name: `Organization ${id.slice(-6)}`, slug: id.replace('_', '-'),
        created_at: now, updated_at: now, deleted_at: null, purge_at: null,
      }) // biome-ignore format: a row
      .execute()
    await tx
      .insertInto('organization_roles')
      .values({
        organization_id: id, name: 'auditor', description: null, permissions: ['audit:read'], inherits: null,
        created_at: now, updated_at: now,
      }) // biome-ignore format: a row
      .execute()
    for (const [{ id: user_id }, role] of members)
      await tx
        .insertInto('memberships')
        .values({ organization_id: id, user_id, role, joined_at: now })
        .execute()
  })
  return id
}

beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  rows = world.app.rows
  const names = [...LADDER.map(([role]) => role), ...Object.keys(INSIDE), 'neighbour']
  const founded = await world.people(
    names.map((name) => ({
      email: `${name.replace('_', '')}@example.com`,
      roles: [LADDER.some(([role]) => role === name) ? name : 'viewer'],
    })),
  )
  const people = new Map(names.map((name, n) => [name, founded[n]]))
  const of = (name: string): Person => people.get(name) as Person
  ours = await organization(Object.keys(INSIDE).map((role) => [of(role), role]))
  theirs = await organization([[of('neighbour'), 'owner']])
  kinds = [
    ...LADDER.map(([role]) => ({
      name: role,
      client: of(role).client,
      server: onServer(role),
      inside: null,
    })),
    ...Object.entries(INSIDE).map(([role, inside]) => ({
      name: `organization ${role}`,
      client: of(role).client,
      server: onServer('viewer'),
      inside,
    })),
    { name: 'neighbour', client: of('neighbour').client, server: onServer('viewer'), inside: null },
  ]
  const keyOf = async (who: string, permissions: string[]) =>
    (await of(who).client.apiKey({ permissions })).client
  keys = [
    { name: 'a key without permissions', client: await keyOf('super_admin', []), permissions: [] },
    { name: 'a key with all permissions', client: await keyOf('super_admin', ['*']), permissions: ['*'] },
    {
      name: 'a key to read people',
      client: await keyOf('super_admin', ['users:read']),
      permissions: ['users:read'],
    },
    { name: 'a viewer’s key', client: await keyOf('viewer', ['*']), permissions: onServer('viewer') },
  ]
})
afterAll(() => world?.stop())

/** Checksums of the tables that a refused request must not change; sessions and counters do change. */
async function checksums(): Promise<Record<string, string | null>> {
  // jobs of earlier requests may still write e-mails
  await world.app.settle()
  const tables = [
    'users', 'emails', 'passwords', 'organizations', 'memberships', 'organization_roles', 'invitations', 'roles',
    'permissions', 'api_keys', 'links', 'token_families', 'connections', 'organization_domains', 'setup_links',
    'identities', 'removed_members', 'clients', 'client_secrets', 'resources',
  ] // biome-ignore format: a table
  return await world.db.tx('system', async (tx) => {
    const sums = await Promise.all([
      ...tables.map((table) =>
        sql<{ sum: string }>`select coalesce(md5(string_agg(line, '|' order by line)), '') as sum
          from (select (to_jsonb(t) - 'last_used_at')::text as line from ${sql.id(table)} t) s`.execute(tx),
      ),
      // only ids: their delivery continues
      sql<{ sum: string }>`select string_agg(id, '|' order by id) as sum from letters`.execute(tx),
    ])
    return Object.fromEntries(sums.map(({ rows: [row] }, i) => [tables[i] ?? 'letters', row?.sum ?? null]))
  })
}

const NOTHING = '00000000000000000000000000000000'
/** A path of the row, with this organization; every other id in it does not exist. */
const pathOf = (row: Row, organizationId: string): string =>
  row.path
    .replace(':id', row.organization === undefined ? `usr_${NOTHING}` : organizationId)
    .replace(/:\w+/g, `usr_${NOTHING}`)

const send = (client: Client, row: Row, path: string): Promise<Reply> =>
  client.send(row.method, path, isUnsafe(row) ? {} : undefined, { form: row.kind === 'page' })

/** Whether the permission check of the row refused, not its handler. */
const isGate = (row: Row, reply: Reply, needed: string): boolean =>
  row.kind === 'page'
    ? reply.status === 403
    : reply.code === 'INSUFFICIENT_PERMISSIONS' && reply.body.error.details?.required === needed

describe('rows that need a permission of the server', () => {
  const those = () => rows.filter(({ needs, kind }) => isPermission(needs) && kind !== 'stream')

  it('exist', () => {
    expect(those().length).toBeGreaterThan(10)
  })

  it('are open to exactly the callers who hold it, and a refusal changes nothing', {
    timeout: 300_000,
  }, async () => {
    const wrong: string[] = []
    for (const row of those()) {
      const needed = row.needs ?? ''
      const callers = [
        ...kinds.map(({ name, client, server }) => ({ name, client, may: holds(server, needed) })),
        ...keys.map(({ name, client, permissions }) => ({ name, client, may: holds(permissions, needed) })),
      ]
      const before = await checksums()
      for (const { name, client } of callers.filter(({ may }) => !may)) {
        const reply = await send(client, row, pathOf(row, ours))
        if (reply.status !== 403 || !isGate(row, reply, needed))
          wrong.push(`${row.name} by ${name}: ${reply.status} ${reply.code}`)
      }
      const stranger = await send(world.client(), row, pathOf(row, ours))
      if (row.kind === 'api' && stranger.code !== 'AUTHENTICATION_REQUIRED')
        wrong.push(`${row.name} without a credential: ${stranger.status} ${stranger.code}`)
      expect(await checksums(), `a refusal by ${row.name} changes nothing`).toEqual(before)
      for (const { name, client } of callers.filter(({ may }) => may)) {
        const reply = await send(client, row, pathOf(row, ours))
        if (isGate(row, reply, needed)) wrong.push(`${row.name} is closed to ${name}`)
        if (reply.status >= 500) wrong.push(`${row.name} by ${name}: ${reply.status}`)
      }
    }
    expect(wrong).toEqual([])
  })
})

describe('rows about an organization', () => {
  // rows that also need a permission of the server are tested above
  const those = () =>
    rows.filter(({ organization, needs }) => organization !== undefined && !isPermission(needs))

  it('exist', () => {
    expect(those().length).toBeGreaterThan(15)
  })

  it('name it `id` in their path', () => {
    expect(those().filter(({ path }) => !/\/organizations\/:id(?:\/|$)/.test(path))).toEqual([])
    const without = rows.filter(
      ({ path, organization }) => /organizations\/:id/.test(path) && organization === undefined,
    )
    // every member may leave, without a permission
    expect(without.map(({ name }) => name).filter((name) => !/\.leave(?:\.submit)?$/.test(name))).toEqual([])
  })

  it('answer 404 to callers who are not members, and change nothing', {
    timeout: 300_000,
  }, async () => {
    const wrong: string[] = []
    const before = await checksums()
    for (const row of those()) {
      for (const { name, client, server, inside } of kinds) {
        if (holds(server, 'organizations:write')) continue
        for (const id of inside === null ? [ours, theirs] : [theirs]) {
          if (name === 'neighbour' && id === theirs) continue
          const reply = await send(client, row, pathOf(row, id))
          if (reply.status !== 404) wrong.push(`${row.name} by ${name}: ${reply.status} ${reply.code}`)
        }
      }
      const stranger = await send(world.client(), row, pathOf(row, ours))
      if (row.kind === 'api' && stranger.status !== 401)
        wrong.push(`${row.name} without a credential: ${stranger.status}`)
      for (const { name, client } of keys) {
        const reply = await send(client, row, pathOf(row, ours))
        if (row.needs === 'session' && row.kind === 'api' && reply.status !== 401)
          wrong.push(`${row.name} by ${name}: ${reply.status}`)
      }
    }
    expect(wrong).toEqual([])
    expect(await checksums()).toEqual(before)
  })

  it('answer 403 to members without the permission, and change nothing', { timeout: 300_000 }, async () => {
    const wrong: string[] = []
    const before = await checksums()
    for (const row of those()) {
      const needed = row.organization ?? ''
      for (const { name, client, inside } of kinds) {
        if (inside === null || holds(inside, needed)) continue
        const reply = await send(client, row, pathOf(row, ours))
        if (reply.status !== 403 || !isGate(row, reply, needed))
          wrong.push(`${row.name} by ${name}: ${reply.status} ${reply.code}`)
      }
    }
    expect(wrong).toEqual([])
    expect(await checksums()).toEqual(before)
  })

  it('are open to members who hold it, and to administrators of all organizations', {
    timeout: 300_000,
  }, async () => {
    const wrong: string[] = []
    const of = (name: string) => kinds.find((kind) => kind.name === name)
    for (const row of those()) {
      const needed = row.organization ?? ''
      for (const { name, client, inside, server } of kinds) {
        if (!(inside !== null && holds(inside, needed)) && !holds(server, 'organizations:write')) continue
        // a fresh organization each: a request may delete what the next one needs
        const people = await membersOf(ours)
        const fresh = await organization(people)
        const reply = await send(client, row, pathOf(row, fresh))
        const isMissing = reply.status === 404 && !/:id\/.*:/.test(row.path)
        if (isGate(row, reply, needed) || isMissing || reply.status >= 500 || reply.status === 401)
          wrong.push(`${row.name} by ${name}: ${reply.status} ${reply.code}`)
      }
    }
    expect(of('super_admin')).toBeDefined()
    expect(wrong).toEqual([])
  })
})

describe('ids of another tenant', () => {
  /** The foreign id for a parameter, by the words before it in the path. */
  const KINDS: readonly (readonly [path: RegExp, foreign: () => string])[] = []
  const foreignFor = (path: string): string | null => KINDS.find(([form]) => form.test(path))?.[1]() ?? null
  let neighbour: Person
  let things: {
    session: string
    access: string
    key: string
    invitation: string
    factor: string
    passkey: string
    device: string
    domain: string
    connection: string
    identity: string
    setupLink: string
    app: string
    appSecret: string
  }
  beforeAll(async () => {
    neighbour = await world.person({ email: 'foreign@example.com' })
    const now = world.clock.now()
    theirs = await organization([[neighbour, 'owner']])
    const invitation = newId('inv')
    await world.db.tx('system', async (tx) => {
      await tx
        .insertInto('invitations')
        .values({
          id: invitation, organization_id: theirs, address: 'x@example.com', address_key: 'x@example.com',
          role: 'member', secret_hash: Buffer.alloc(32), invited_by: neighbour.id, created_at: now, sent_at: now,
          sent_count: 1, expires_at: new Date(now.getTime() + 86_400_000), accepted_at: null, accepted_by: null,
          revoked_at: null,
        }) // biome-ignore format: a row
        .execute()
      await tx
        .updateTable('organization_roles')
        .set({ name: 'foreigners' })
        .where('organization_id', '=', theirs)
        .execute()
    })
    const key = await neighbour.client.apiKey()
    const { data: me } = await neighbour.client.get('/api/v1/auth/me')
    const { factorId: factor } = await enrolAuthenticator(world, neighbour.client)
    const { id: passkey } = await addPasskey(neighbour.client, new Authenticator())
    const device = (
      await world.db.tx('system', (tx) =>
        tx.selectFrom('devices').select('id').where('user_id', '=', neighbour.id).executeTakeFirstOrThrow(),
      )
    ).id
    const { data: domain } = await neighbour.client.post(`/api/v1/organizations/${theirs}/domains`, {
      domain: 'foreign.example.com',
    })
    const { data: connection } = await neighbour.client.post(`/api/v1/organizations/${theirs}/connections`, {
      // its address is known without a request
      provider: 'github',
      client_id: 'neighbour',
      client_secret: SECRET,
      status: 'active',
    })
    await linkTo(world, neighbour, { id: connection.id, organization_id: theirs })
    const identity = await world.db.tx('system', (tx) =>
      tx.selectFrom('identities').select('id').where('user_id', '=', neighbour.id).executeTakeFirstOrThrow(),
    )
    const { data: app } = await neighbour.client.post(`/api/v1/organizations/${theirs}/clients`, {
      name: 'Theirs',
      settings: { redirect_uris: ['https://theirs.example.com/'] },
    })
    await authorizedCode(neighbour.client, await testApp(world))
    const [access] = (await neighbour.client.get('/api/v1/auth/applications')).data
    const { data: setupLink } = await neighbour.client.post(
      `/api/v1/organizations/${theirs}/connections/setup-links`,
      {},
    )
    things = {
      session: me.session.id,
      key: key.id,
      invitation,
      factor,
      passkey,
      device,
      domain: domain.id,
      connection: connection.id,
      identity: identity.id,
      setupLink: setupLink.id,
      app: app.client_id,
      appSecret: app.secrets[0].id,
      access: access.id,
    }
    Object.assign(KINDS, [
      [/sessions\/:\w+/, () => things.session],
      [/api-keys\/:\w+/, () => things.key],
      [/(?:totp|mfa)\/:\w+/, () => things.factor],
      [/passkeys\/:\w+/, () => things.passkey],
      [/devices\/:\w+/, () => things.device],
      [/invitations\/:\w+/, () => things.invitation],
      [/connected\/:\w+/, () => things.identity],
      [/domains\/:\w+/, () => things.domain],
      [/connections\/:\w+/, () => things.connection],
      [/setup-links\/:\w+/, () => things.setupLink],
      [/secrets\/:\w+/, () => things.appSecret],
      [/applications\/:\w+/, () => things.access],
      [/clients\/:\w+/, () => things.app],
      [/(?:members|users)\/:\w+/, () => neighbour.id],
      [/organizations\/:id\/roles\/:\w+/, () => 'foreigners'],
      [/setup\/:\w+/, () => `lnk_${NOTHING}.x`],
      [/external\/:\w+/, () => things.connection],
    ])
  })

  it('are known for every path with a parameter', () => {
    const unknown = rows
      .filter(
        ({ needs, path }) =>
          needs !== undefined && !isPermission(needs) && /:\w/.test(path.replace('organizations/:id', '')),
      )
      .filter(({ path }) => foreignFor(path) === null)
    expect(unknown.map(({ path }) => path)).toEqual([])
  })

  it('are not found by the owner of another organization', {
    timeout: 300_000,
  }, async () => {
    const wrong: string[] = []
    const owner = kinds.find(({ name }) => name === 'organization owner')?.client as Client
    const before = await checksums()
    for (const row of rows) {
      const { needs, path } = row
      const others = path.replace('organizations/:id', `organizations/${ours}`)
      if (needs === undefined || isPermission(needs) || !others.includes(':')) continue
      const id = foreignFor(path) ?? ''
      const bodies: (Record<string, unknown> | undefined)[] = isUnsafe(row)
        ? [{}, { role: 'member', name: 'x', permissions: [], organization_id: theirs, user_id: neighbour.id }]
        : [undefined]
      for (const body of bodies) {
        const reply = await owner.send(row.method, others.replace(/:\w+/g, id), body, {
          form: row.kind === 'page',
        })
        // any user may begin: whether an identity is connected is judged by the answer (signin/federation/linking.test.ts)
        const begins = row.name === 'auth.external.link' && reply.status === 200
        const isRefused =
          begins || [400, 403, 404].includes(reply.status) || (row.kind === 'page' && reply.status === 303)
        if (!isRefused) wrong.push(`${row.name}: ${reply.status} ${reply.code}`)
        if (reply.text.includes(neighbour.email)) wrong.push(`${row.name} shows a foreign address`)
      }
    }
    expect(wrong).toEqual([])
    expect(await checksums()).toEqual(before)
  })
})

async function membersOf(id: string): Promise<(readonly [Person, string])[]> {
  const found = await world.db.tx('system', (tx) =>
    tx.selectFrom('memberships').select(['user_id', 'role']).where('organization_id', '=', id).execute(),
  )
  return found.map(({ user_id, role }) => [{ id: user_id } as Person, role] as const)
}
