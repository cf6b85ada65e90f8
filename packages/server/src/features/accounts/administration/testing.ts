/** For the tests of user administration: a server with one user of every preset role, and shared helpers. */
import type { Client, Json, Reply } from '../../../testing/client.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

export interface StaffedWorld {
  world: World
  root: Person
  admin: Person
  manager: Person
  staff: Person
  viewer: Person
  target: Person
  giveRoles(person: { id: string }, ...roles: string[]): Promise<unknown>
  stored(id: string): Promise<unknown>
  /** The newest event of the type about the user. */
  lastEvent(userId: string, type: string): Promise<Json>
  keyOf(person: Person, permissions: string[]): Promise<Client>
}

export const outcome = ({ status, code }: Reply) => [status, code]
export const at = (id: string, more = '') => `/api/v1/users/${id}${more}`

export async function startStaffedWorld(): Promise<StaffedWorld> {
  const world = await startWorld({ rateLimits: 'off' })
  const person = (name: string, username?: string) =>
    world.person({ email: `${name}@example.com`, ...(username === undefined ? {} : { username }) })
  const people = {
    root: await person('root', 'rosa.root'),
    admin: await person('admin', 'zoe.admin'),
    manager: await person('manager', 'mia.manager'),
    staff: await person('staff'),
    viewer: await person('viewer'),
    target: await person('target', 'target'),
  }
  const giveRoles = (one: { id: string }, ...roles: string[]) =>
    world.db.tx('system', (tx) => tx.updateTable('users').set({ roles }).where('id', '=', one.id).execute())
  await giveRoles(people.root, 'super_admin')
  await giveRoles(people.admin, 'administrator')
  await giveRoles(people.manager, 'manager')
  await giveRoles(people.staff, 'staff')
  return {
    world,
    ...people,
    giveRoles,
    stored: (id) =>
      world.db.tx('system', (tx) =>
        tx.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirstOrThrow(),
      ),
    lastEvent: (userId, type) =>
      world.db.tx('system', (tx) =>
        tx
          .selectFrom('audit_events')
          .selectAll()
          .where('user_id', '=', userId)
          .where('event_type', '=', type)
          .orderBy('id', 'desc')
          .executeTakeFirst(),
      ),
    keyOf: async (one, permissions) => (await one.client.apiKey({ permissions })).client,
  }
}
