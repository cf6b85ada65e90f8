/** An export that is imported into another server makes an equal state, field by field. */
import { describe, expect, it } from 'vitest'
import { systemCall } from '../../../base/call.ts'
import { newId } from '../../../base/ids.ts'
import { connect } from '../../../testing/connection-rows.ts'
import { startWorld, type World } from '../../../testing/world.ts'
import { ensureOrganizations } from '../../organizations/organization/index.ts'
import { beginExport, exportUsers, FIELDS, importUsers } from './index.ts'

/** Columns of `users` that an export states otherwise or leaves out, and why. */
const NOT_FIELDS: Readonly<Record<string, string>> = {
  username_key: 'made from the username',
  name_key: 'made from the name',
  organization_wish: 'the field organization_request',
  mfa_required: 'second factors are not exported, so an imported account could not meet it',
}

const exportAll = async (world: World, hashes = true) => {
  const records: Record<string, unknown>[] = []
  for (let after = ''; ; ) {
    const page = await exportUsers(world.app.tools, { after, limit: 2, hashes })
    records.push(...page)
    after = String(page.at(-1)?.id ?? '')
    if (page.length < 2) return records
  }
}

const tablesOf = (world: World) =>
  world.db.tx('system', async (tx) => ({
    users: await tx.selectFrom('users').selectAll().orderBy('id').execute(),
    profiles: await tx.selectFrom('user_profiles').selectAll().orderBy('user_id').execute(),
    emails: await tx
      .selectFrom('emails')
      .select(['user_id', 'address', 'address_key', 'is_primary', 'verified_at'])
      .orderBy('user_id')
      .execute(),
    passwords: await tx.selectFrom('passwords').selectAll().orderBy('user_id').execute(),
    history: await tx
      .selectFrom('password_history')
      .selectAll()
      .orderBy('user_id')
      .orderBy('replaced_at')
      .execute(),
    memberships: await tx
      .selectFrom('memberships')
      .innerJoin('organizations', 'organizations.id', 'organization_id')
      .select(['slug', 'name', 'user_id', 'role', 'joined_at'])
      .orderBy('user_id')
      .orderBy('slug')
      .execute(),
    identities: await tx
      .selectFrom('identities')
      .innerJoin('connections', 'connections.id', 'connection_id')
      .leftJoin('organizations', 'organizations.id', 'identities.organization_id')
      .select(['connections.slug', 'organizations.slug as organization', 'user_id', 'issuer', 'subject'])
      .select([
        'identities.provider',
        'email',
        'email_verified',
        'identities.name',
        'linked_at',
        'last_used_at',
      ])
      .orderBy('user_id')
      .orderBy('subject')
      .execute(),
    holders: await tx.selectFrom('role_holders').selectAll().orderBy('user_id').orderBy('role').execute(),
  }))

const OPTIONS = {
  source: 'latchkey',
  dry_run: false,
  on_conflict: 'skip',
  roles: {},
  unknown_roles: 'refuse',
  refused_hashes: 'refuse',
  unknown_connections: 'refuse',
}

/**
 * Connects accounts of a user, by connections of the server and of an organization, which the other server has, too; and by
 * one that is deleted then.
 */
async function connectAccounts(one: World, other: World, userId: string, organizationId: string) {
  const now = one.clock.now()
  const { slug, name } = await one.db.tx('system', (tx) =>
    tx.selectFrom('organizations').selectAll().where('id', '=', organizationId).executeTakeFirstOrThrow(),
  )
  const made = await other.db.tx('system', (tx) => ensureOrganizations(tx, systemCall(now), [{ slug, name }]))
  const organizations = [organizationId, made.get(slug)?.id ?? '']
  const saml = {
    id: newId('con'),
    provider: 'saml',
    settings: '{"saml":{"entity_id":"https://idp.example.com"}}',
  }
  const connections = [
    { provider: 'google', slug: 'google', settings: '{}' },
    { ...saml, slug: saml.id },
  ]
  const ids: string[] = []
  for (const [at, world] of [one, other].entries())
    for (const of of connections) {
      const id = await connect(world, of.provider === 'saml' ? (organizations[at] ?? '') : null, of)
      if (at === 0) ids.push(id)
    }
  const deleted = await connect(one, null, { provider: 'github', settings: '{}' })
  const scopes = [
    ['', 'https://accounts.google.com'],
    [organizationId, 'https://idp.example.com'],
  ] as const
  const rows = [0, 0, 1].map((at, n) => ({
    id: newId('idn'),
    user_id: userId,
    connection_id: ids[at] ?? null,
    organization_id: at === 1 ? organizationId : null,
    scope: scopes[at]?.[0] ?? '',
    issuer: scopes[at]?.[1] ?? '',
    subject: `subject ${n}`,
    provider: connections[at]?.provider ?? '',
    email: n === 0 ? null : `at${n}@example.com`,
    email_verified: n === 1,
    name: n === 0 ? null : 'Ada Lovelace',
    tokens: 'sealed',
    linked_at: new Date(now.getTime() - 3_600_000),
    last_used_at: n === 2 ? now : null,
  }))
  const gone = {
    ...rows[0],
    id: newId('idn'),
    connection_id: deleted,
    issuer: 'https://github.com',
    provider: 'github',
  }
  await one.db.tx('system', async (tx) => {
    await tx
      .insertInto('identities')
      .values([...rows, gone as (typeof rows)[0]])
      .execute()
    await tx.deleteFrom('connections').where('id', '=', deleted).execute()
  })
}

describe('an export', () => {
  it('is taken back to an equal state', async () => {
    const profile = { passwordProfile: 'classic', rateLimits: 'off' } as const
    const [one, other] = [await startWorld(profile), await startWorld(profile)]
    try {
      const ada = await one.person({
        email: 'ada@example.com',
        username: 'ada',
        password: 'A1-engine of difference',
      })
      await ada.client.patch('/api/v1/users/me', { full_name: "Ada 'Countess' Lovelace", locale: 'de' })
      await ada.client.patch('/api/v1/users/me', {
        profile: { given_name: 'Ada', birthdate: '1815-12-10', address: { locality: 'London' } },
      })
      await one.clock.advance('5 minutes')
      await ada.client.post('/api/v1/users/me/password', {
        current_password: ada.password,
        new_password: 'A2-another engine',
      })
      const [boss, off] = await one.people([{ roles: ['super_admin', 'viewer'] }, {}])
      const engines = await one.organization({
        members: [
          [{ id: boss?.id ?? '' }, 'owner'],
          [{ id: ada.id }, 'guest'],
        ],
      })
      await one.db.tx('system', (tx) =>
        tx
          .updateTable('users')
          .set({ status: 'disabled', locked_at: one.clock.now() })
          .where('id', '=', off?.id ?? '')
          .execute(),
      )
      await one.client().post('/api/v1/auth/register', {
        email: 'pending@example.com',
        password: 'A3-yet another one',
        organization_name: 'Wished',
      })
      await connectAccounts(one, other, ada.id, engines)
      const records = await exportAll(one)
      expect(JSON.stringify(records)).not.toContain('sealed')
      expect((await tablesOf(one)).history).toHaveLength(1)
      expect((await tablesOf(one)).identities).toHaveLength(3)
      expect(records).toHaveLength(4)
      expect((await tablesOf(one)).profiles).toHaveLength(1)
      const rows = JSON.parse(JSON.stringify(records)).map((record: unknown, at: number) => ({
        line: at + 1,
        record,
      }))
      const result = await importUsers(other.app.tools, { options: OPTIONS, rows })
      expect(result).toMatchObject({ counts: { created: 4, refused: 0 } })
      // hashes of tests are cheap
      expect(result.notes.filter(({ code }) => code !== 'weak_hash')).toEqual([])
      expect(await tablesOf(other)).toEqual(await tablesOf(one))
      expect(await exportAll(other)).toEqual(records)
      const again = await importUsers(other.app.tools, { options: OPTIONS, rows })
      expect(again.counts).toMatchObject({ created: 0, unchanged: 4 })
    } finally {
      await Promise.all([one.stop(), other.stop()])
    }
  })

  it('has no hash unless it is wanted, and is recorded in the audit log', async () => {
    const world = await startWorld()
    try {
      await world.person({ email: 'ada@example.com' })
      await beginExport(world.app.tools, { format: 'jsonl', password_hashes: false })
      const text = JSON.stringify(await exportAll(world, false))
      expect(text).not.toContain('argon2')
      expect(text).not.toContain('password')
      expect(await world.events()).toContain('users.exported')
    } finally {
      await world.stop()
    }
  })

  it('states every column of users', async () => {
    const world = await startWorld()
    try {
      await world.person()
      const [row] = (await tablesOf(world)).users
      const missing = Object.keys(row ?? {}).filter((name) => !FIELDS.some((field) => field === name))
      expect(missing.sort()).toEqual(Object.keys(NOT_FIELDS).sort())
    } finally {
      await world.stop()
    }
  })
})
