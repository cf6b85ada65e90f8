/** Shared by the tests of organizations: creating one, adding members, reading its rows and events. */
import { expect } from 'vitest'
import { newId } from '../../packages/server/src/base/ids.ts'
import type { Client, Reply } from '../../packages/server/src/testing/client.ts'
import type { Person, World } from '../../packages/server/src/testing/world.ts'

export const BASE = '/api/v1/organizations'

/** Creates one through the API. @returns its id */
export async function found(owner: Person, name = 'Analytical Engines'): Promise<string> {
  const made = await owner.client.post(BASE, { name })
  expect(made.body).toMatchObject({ code: 201 })
  return String(made.data.id)
}

/** Inserts the membership directly; joining has tests elsewhere. */
export const put = (
  world: World,
  id: string,
  { id: userId }: { id: string },
  role: string,
): Promise<unknown> =>
  world.db.tx('system', (tx) =>
    tx
      .insertInto('memberships')
      .values({ organization_id: id, user_id: userId, role, joined_at: world.clock.now() })
      .onConflict((conflict) => conflict.columns(['organization_id', 'user_id']).doUpdateSet({ role }))
      .execute(),
  )

export const setServerRoles = (world: World, { id }: Person, roles: string[]): Promise<unknown> =>
  world.db.tx('system', (tx) => tx.updateTable('users').set({ roles }).where('id', '=', id).execute())

/** Gives the person a server role with exactly these permissions. */
export async function withServerPermissions(
  world: World,
  person: Person,
  permissions: string[],
): Promise<void> {
  const name = `test_${newId('job').slice(-10)}`
  await world.db.tx('system', async (tx) => {
    const now = world.clock.now()
    const rest = {
      description: null,
      inherits: [],
      grants: [],
      rank: 900,
      preset: null,
      requires_mfa: false,
      created_at: now,
      updated_at: now,
    }
    await tx
      .insertInto('roles')
      .values({ name, permissions, ...rest })
      .execute()
    await world.app.tools.roles.changed(tx)
  })
  await setServerRoles(world, person, [name])
}

/** Roles by user id. */
export const rolesIn = async (world: World, id: string): Promise<Record<string, string>> => {
  const rows = await world.db.tx('system', (tx) =>
    tx.selectFrom('memberships').selectAll().where('organization_id', '=', id).orderBy('user_id').execute(),
  )
  return Object.fromEntries(rows.map((row) => [row.user_id, row.role]))
}

/** All rows of organizations, to compare before and after. */
export const snapshot = (world: World): Promise<unknown> =>
  world.db.tx('system', async (tx) => ({
    organizations: await tx.selectFrom('organizations').selectAll().orderBy('id').execute(),
    memberships: await tx
      .selectFrom('memberships')
      .selectAll()
      .orderBy('organization_id')
      .orderBy('user_id')
      .execute(),
    roles: await tx
      .selectFrom('organization_roles')
      .selectAll()
      .orderBy('organization_id')
      .orderBy('name')
      .execute(),
    invitations: await tx.selectFrom('invitations').selectAll().orderBy('id').execute(),
  }))

/** The types of an organization's audit events, oldest first. */
export const eventsOf = async (world: World, id: string): Promise<string[]> => {
  const rows = await world.db.tx('system', (tx) =>
    tx
      .selectFrom('audit_events')
      .select('event_type')
      .where('organization_id', '=', id)
      .where('event_type', 'like', 'organization.%')
      .orderBy('id')
      .execute(),
  )
  return rows.map((row) => row.event_type)
}

/** Invites through the API. @returns the invitation's id and the token of its e-mail */
export async function invited(
  world: World,
  inviter: Person,
  id: string,
  email: string,
  role = 'member',
): Promise<{ id: string; token: string }> {
  const sent = await inviter.client.post(`${BASE}/${id}/invitations`, { email, role })
  expect(sent.body).toMatchObject({ code: 201 })
  return { id: sent.data.id, token: await tokenOf(world, email, sent.data.id) }
}

export async function tokenOf(world: World, email: string, id: string): Promise<string> {
  return await world.mailbox.tokenFor(email, new RegExp(`/invitations/${id}\\?`))
}

export const accept = (client: Client, token: string): Promise<Reply> =>
  client.post('/api/v1/invitations/accept', { token })

/** A second client with the same session, for concurrent requests. */
export function twin(world: World, person: Person): Client {
  const client = world.client()
  for (const [name, value] of person.client.cookies) client.cookies.set(name, value)
  client.csrfToken = person.client.csrfToken
  return client
}
