/** The roles that connections give: when they are judged, that a role in use stays, and what a change of one costs. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../../../base/call.ts'
import type { Db, Tx } from '../../../base/db/types.ts'
import type { Reply } from '../../../testing/client.ts'
import { HTML } from '../../../testing/federation.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { startCompany } from '../policy/testing.ts'
import { asOperator } from './owners.ts'
import { OIDC, ofOrganization } from './testing.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
})
afterAll(() => world.stop())

const rolesOf = (id: string, name = ''): string => `/api/v1/organizations/${id}/roles${name && `/${name}`}`

/** A company with a role `auditor`, and a member whose role may change connections and gives nothing beyond. */
async function company() {
  const of = await startCompany(world)
  const { id, owner, member } = of
  for (const [name, permissions] of [
    ['auditor', ['audit:read']],
    ['it', ['connections:write']],
  ] as const)
    expect((await owner.client.post(rolesOf(id), { name, permissions })).status).toBe(201)
  const path = `/api/v1/organizations/${id}/members/${member.id}/role`
  expect((await owner.client.patch(path, { role: 'it' })).status).toBe(200)
  return of
}

async function connected(id: string, { client }: Person, settings: object): Promise<string> {
  const { status, text, data } = await client.post(ofOrganization(id), {
    ...OIDC,
    settings: { ...OIDC.settings, ...settings },
    status: 'active',
  })
  expect(status, text).toBe(201)
  return data.id
}

const GIVING = { group_roles: [{ group: 'A', role: 'guest' }, { group: 'B', role: 'auditor' }] } // biome-ignore format: a list
/** Sends the form of a page that has one button. */
async function press({ client }: Person, at: string, button: string): Promise<Reply> {
  const { text } = await client.get(at, HTML)
  expect(text).toContain(`action="${at}/${button}"`)
  const [, csrf_token = ''] = /name="csrf_token" value="([^"]+)"/.exec(text) ?? []
  return await client.post(`${at}/${button}`, { csrf_token }, { form: true, ...HTML })
}

const makerOf = (id: string) =>
  world.db.tx('system', (tx) =>
    tx.selectFrom('connections').select(['made_by', 'version']).where('id', '=', id).executeTakeFirst(),
  )

describe('a member who could not give the roles of a connection', () => {
  it('disables it, renames it and replaces its secret, for which its maker still answers', async () => {
    const { id, owner, member } = await company()
    const connection = await connected(id, owner, GIVING)
    const path = ofOrganization(id, `/${connection}`)
    for (const change of [{ name: 'Renamed' }, { client_secret: 'another-secret' }, { status: 'disabled' }]) {
      const { status, text } = await member.client.patch(path, change)
      expect(status, text).toBe(200)
    }
    expect(await makerOf(connection)).toEqual({ made_by: owner.id, version: 4 })
  })

  it('does not enable it, nor change who asserts its groups', async () => {
    const { id, owner, member } = await company()
    const connection = await connected(id, owner, GIVING)
    const path = ofOrganization(id, `/${connection}`)
    await owner.client.patch(path, { status: 'disabled' })
    for (const change of [
      { status: 'active' },
      { client_id: 'another-client' },
      { settings: { issuer: 'https://login.other.test' } },
      { settings: { attributes: { groups: 'roles' } } },
      { status: 'disabled', settings: { scopes: ['groups'] } },
    ]) {
      const { status, code } = await member.client.patch(path, change)
      expect([status, code]).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
    }
    expect(await makerOf(connection)).toEqual({ made_by: owner.id, version: 2 })
  })
})

describe('a role that is gone', () => {
  it('keeps no connection from being disabled, renamed or given another secret, by pages too', async () => {
    const { id, owner } = await company()
    const connection = await connected(id, owner, GIVING)
    // as before a role in use was kept
    await world.db.tx('system', (tx) =>
      tx.deleteFrom('organization_roles').where('organization_id', '=', id).where('name', '=', 'auditor').execute(),
    ) // biome-ignore format: a statement
    const path = ofOrganization(id, `/${connection}`)
    for (const change of [{ name: 'Renamed' }, { client_secret: 'another-secret' }])
      expect((await owner.client.patch(path, change)).status).toBe(200)
    const at = `/account/organizations/${id}/connections/${connection}`
    const off = await press(owner, at, 'disable')
    expect([off.status, off.headers.get('location')]).toEqual([303, `${at}?done=con_off`])
    const on = await owner.client.patch(path, { status: 'active' })
    expect([on.status, on.body.error.details]).toEqual([
      400,
      [
        {
          field: 'settings.group_roles.1.role',
          code: 'unknown_role',
          message: 'This organization has no such role.',
        },
      ],
    ])
    const settings = { group_roles: null }
    expect((await owner.client.patch(path, { status: 'active', settings })).status).toBe(200)
  })

  it('is none that a connection gives, of any state, which the refusal names to those who see connections', async () => {
    const { id, owner, member } = await company()
    const given = await connected(id, owner, GIVING)
    const draft = await owner.client.post(ofOrganization(id), {
      provider: 'github',
      settings: { default_role: 'auditor' },
    })
    await connected(id, owner, { group_roles: [{ group: 'auditor', role: 'guest' }] })
    await owner.client.patch(ofOrganization(id, `/${given}`), { status: 'disabled' })
    const refused = await owner.client.delete(rolesOf(id, 'auditor'))
    expect([refused.status, refused.body.error.details]).toEqual([
      409,
      {
        reason: 'given_by_connections',
        connections: [
          { id: given, name: 'Acme' },
          { id: draft.data.id, name: 'GitHub' },
        ],
      },
    ])
    const at = `/account/organizations/${id}/roles/auditor`
    const page = await press(owner, at, 'delete')
    expect(page.text).toContain('The sign-in connections Acme, GitHub give this role.')
    // one who may delete roles and sees no connections
    const permissions = ['roles:write', 'audit:read']
    await owner.client.post(rolesOf(id), { name: 'roles', permissions })
    await owner.client.patch(`/api/v1/organizations/${id}/members/${member.id}/role`, { role: 'roles' })
    const hidden = await member.client.delete(rolesOf(id, 'auditor'))
    expect([hidden.status, hidden.body.error.details]).toEqual([409, { reason: 'given_by_connections' }])
    const blind = await press(member, at, 'delete')
    expect(blind.text).toContain('Sign-in connections of this organization give this role.')
    expect(blind.text).not.toContain('Acme')
    for (const connection of [given, draft.data.id])
      await owner.client.patch(ofOrganization(id, `/${connection}`), {
        settings: { default_role: null, group_roles: null },
      })
    expect((await owner.client.delete(rolesOf(id, 'auditor'))).status).toBe(200)
  })

  it('is deleted or given, of both at once', async () => {
    for (let round = 0; round < 5; round++) {
      const { id, owner } = await company()
      const connection = await connected(id, owner, {})
      const [gone, given] = await Promise.all([
        owner.client.delete(rolesOf(id, 'auditor')),
        owner.client.patch(ofOrganization(id, `/${connection}`), { settings: { default_role: 'auditor' } }),
      ])
      expect([
        [200, 400],
        [409, 200],
      ]).toContainEqual([gone.status, given.status])
    }
  })
})

it('are read in one statement, however many there are', async () => {
  const { id } = await company()
  let statements = 0
  const counting = (tx: Tx): Tx =>
    new Proxy(tx, {
      get(target, name) {
        const value = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        if (name === 'selectFrom' || name === 'executeQuery') statements += 1
        return value.bind(target)
      },
    })
  const db: Db = Object.create(world.db, {
    tx: { value: (scope: 'system', work: (tx: Tx) => unknown) => world.db.tx(scope, async (tx) => await work(counting(tx))) },
  }) // biome-ignore format: a wrapper
  const roles = Array.from({ length: 50 }, (_, at) => ({ role: at % 2 ? 'auditor' : 'it', field: `${at}` }))
  await asOperator({ ...world.app.tools, db }, id, systemCall(world.clock.now()), async (_tx, owner) => {
    statements = 0
    await owner.assertMayGive([...roles, { role: 'admin', field: 'default_role' }])
    expect(statements).toBe(1)
  })
})
