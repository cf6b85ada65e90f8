/** Shared by the tests of permissions: users with roles, their roles in the database, and snapshots. */
import type { Client, Json, Reply } from '../../packages/server/src/testing/client.ts'
import { PASSWORD, type Person, type World } from '../../packages/server/src/testing/world.ts'

/** A user with these roles, signed in. */
export const holderOf = (world: World, ...roles: string[]): Promise<Person> => world.person({ roles })

/** Sets roles in the database, without the API. */
export const setRoles = (world: World, { id }: { id: string }, roles: string[]): Promise<unknown> =>
  world.db.tx('system', (tx) => tx.updateTable('users').set({ roles }).where('id', '=', id).execute())

export const rolesOf = (world: World, { id }: { id: string }): Promise<string[] | undefined> =>
  world.db.tx('system', async (tx) => {
    const row = await tx.selectFrom('users').select('roles').where('id', '=', id).executeTakeFirst()
    return row?.roles
  })

export const giveRoles = (client: Client, { id }: { id: string }, roles: unknown): Promise<Reply> =>
  client.send('PUT', `/api/v1/users/${id}/roles`, { roles })

/** All roles, permissions and holders, to compare before and after a refusal. */
export const everything = (world: World): Promise<Json> =>
  world.db.tx('system', async (tx) => ({
    roles: await tx.selectFrom('roles').selectAll().orderBy('name').execute(),
    permissions: await tx.selectFrom('permissions').selectAll().orderBy('name').execute(),
    users: await tx.selectFrom('users').select(['id', 'roles', 'status']).orderBy('id').execute(),
  }))

/** The newest event of a type, with its details. */
export const lastEvent = (world: World, type: string): Promise<Json> =>
  world.db.tx('system', (tx) =>
    tx
      .selectFrom('audit_events')
      .selectAll()
      .where('event_type', '=', type)
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst(),
  )

export const bearerOf = async (world: World, person: Person): Promise<{ token: string; access: string }> => {
  const { data } = await world.client().signIn(person.email, PASSWORD, { tokens: true })
  return { token: data.token, access: data.access_token }
}
