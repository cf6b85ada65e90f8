/** A second factor is not demanded where no user can set one up on this server, and the operator learns of demands that exist. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createApp } from '../app.ts'
import type { Log } from '../base/log/index.ts'
import { unmeetable } from '../commands/doctor.ts'
import { cautions } from '../config/rules.ts'
import { openTestDatabase, quietLog } from '../testing/database.ts'
import { type Person, startWorld, type World } from '../testing/world.ts'
import { findStoredDemands } from './demands.ts'

const API = '/api/v1'
const UNAVAILABLE = (field: string) => [
  expect.objectContaining({
    field,
    code: 'unavailable',
    message: expect.stringContaining('LATCHKEY_MFA_METHODS'),
  }),
]

let world: World
let root: Person
beforeAll(async () => {
  world = await startWorld()
  root = (await world.people([{ roles: ['super_admin'] }]))[0] as Person
})
afterAll(() => world.stop())

const offer = (...mfaMethods: World['config']['mfaMethods']) =>
  Object.assign(world.app.tools.config, { mfaMethods })
const refusalOf = ({ status, body }: { status: number; body: { error?: { details: unknown } } }) => [
  status,
  body.error?.details,
]
const role = (name: string, requires_mfa: boolean) =>
  root.client.post(`${API}/roles`, { name, permissions: [], requires_mfa })

describe('a server that offers neither authenticator apps nor passkeys', () => {
  it('takes no demand of a user, a role or a member, and lifts those that there are', async () => {
    const [ada, ben] = (await world.people(2)) as [Person, Person]
    const { data: organization } = await root.client.post(`${API}/organizations`, { name: 'Engines' })
    const members = `${API}/organizations/${organization.id}/members`
    await root.client.post(members, { user_id: ben.id })
    expect((await root.client.patch(`${API}/users/${ada.id}`, { mfa_required: true })).status).toBe(200)
    expect((await role('guarded', true)).status).toBe(201)
    expect((await role('open', false)).status).toBe(201)
    offer('backup_code', 'email_code')
    const user = await root.client.patch(`${API}/users/${ben.id}`, { mfa_required: true, full_name: 'Ben' })
    expect(refusalOf(user)).toEqual([400, UNAVAILABLE('mfa_required')])
    // nothing of a refused change is kept
    expect((await root.client.get(`${API}/users/${ben.id}`)).data).toMatchObject({ mfa_required: false })
    expect((await root.client.get(`${API}/users/${ben.id}`)).data.full_name).not.toBe('Ben')
    expect(refusalOf(await role('another', true))).toEqual([400, UNAVAILABLE('requires_mfa')])
    const changed = await root.client.patch(`${API}/roles/open`, { requires_mfa: true })
    expect(refusalOf(changed)).toEqual([400, UNAVAILABLE('requires_mfa')])
    const member = await root.client.patch(`${members}/${ben.id}/mfa`, { mfa: 'required' })
    expect(refusalOf(member)).toEqual([400, UNAVAILABLE('mfa')])
    const policy = `${API}/organizations/${organization.id}/security-policy`
    expect(refusalOf(await root.client.patch(policy, { mode: 'require_any' }))).toEqual([
      400,
      UNAVAILABLE('mode'),
    ])
    // what exists is kept, changed otherwise, and lifted
    expect((await root.client.patch(`${API}/users/${ada.id}`, { mfa_required: true })).status).toBe(200)
    expect((await root.client.patch(`${API}/roles/guarded`, { description: 'x' })).status).toBe(200)
    expect((await root.client.patch(`${API}/roles/guarded`, { requires_mfa: false })).status).toBe(200)
    expect((await root.client.patch(`${API}/users/${ada.id}`, { mfa_required: false })).status).toBe(200)
    expect((await root.client.patch(`${members}/${ben.id}/mfa`, { mfa: 'exempt' })).status).toBe(200)
  })

  it('is one with passkeys alone and without a domain too', async () => {
    offer('passkey')
    const former = world.app.tools.config.publicUrl
    Object.assign(world.app.tools.config, { publicUrl: 'http://127.0.0.1:4000' })
    expect(refusalOf(await role('passkeys', true))).toEqual([400, UNAVAILABLE('requires_mfa')])
    Object.assign(world.app.tools.config, { publicUrl: former })
    expect((await role('passkeys', true)).status).toBe(201)
  })

  it('tells the operator whose demands cannot be met', async () => {
    offer('totp')
    const [ada] = (await world.people(1)) as [Person]
    await root.client.patch(`${API}/users/${ada.id}`, { mfa_required: true })
    const demands = await world.db.tx('system', findStoredDemands)
    expect(demands).toEqual({ users: 1, roles: ['passkeys'], organizations: 0 })
    expect(unmeetable({ demands }, world.config)).toEqual([])
    const config = { ...world.config, mfaMethods: ['backup_code'] as const }
    expect(unmeetable({ demands }, config)).toEqual([
      {
        check: 'second factors',
        state: 'warn',
        message: expect.stringMatching(/^a second factor is required for 1 user, the role passkeys, and /),
      },
    ])
    expect(unmeetable({ demands: { users: 0, roles: [], organizations: 0 } }, config)).toEqual([])
    expect(unmeetable({ demands: null }, config)).toEqual([])
    expect(cautions(config)).toContainEqual(expect.stringContaining('LATCHKEY_MFA_METHODS names neither'))
    expect(cautions(world.config).join()).not.toContain('LATCHKEY_MFA_METHODS')
  })

  it('warns at the start, once a demand exists', async () => {
    for (const [requires_mfa, warnings] of [
      [false, []],
      [true, [expect.stringMatching(/^a second factor is required for .*the role guarded/)]],
    ] as const) {
      const database = await openTestDatabase({ own: true })
      const now = world.clock.now()
      const lists = { permissions: [], inherits: [], grants: [] }
      const times = { created_at: now, updated_at: now }
      const row = {
        name: 'guarded',
        description: null,
        rank: 100,
        preset: null,
        requires_mfa,
        ...lists,
        ...times,
      }
      await database.tx('system', (tx) => tx.insertInto('roles').values(row).execute())
      const lines: string[] = []
      const log: Log = { ...quietLog, warn: (_, text) => lines.push(text) }
      const config = { ...world.config, mfaMethods: ['email_code'] as const }
      const app = await createApp({ config, database, log })
      await app.stop()
      expect(lines.filter((line) => line.includes('second factor'))).toEqual(warnings)
    }
  })
})
