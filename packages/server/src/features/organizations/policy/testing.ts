/** Shared by the tests of security policies: an organization with people, their factors, and its policy. */
import { newId } from '../../../base/ids.ts'
import type { Person, World } from '../../../testing/world.ts'

export const pathOf = (id: string, part = 'security-policy'): string => `/api/v1/organizations/${id}/${part}`

/** Enrols a factor as the enrolment of its method leaves it: a confirmed row. */
export async function enrolFactor(
  world: World,
  { id }: { id: string },
  kind: 'totp' | 'passkey' | 'backup_codes' | 'email',
): Promise<void> {
  const now = world.clock.now()
  await world.db.tx('system', (tx) =>
    tx
      .insertInto('factors')
      .values({
        id: newId('fac'),
        user_id: id,
        kind,
        name: null,
        created_at: now,
        confirmed_at: now,
        last_used_at: null,
      })
      .execute(),
  )
}

export interface Company {
  id: string
  owner: Person
  admin: Person
  member: Person
  guest: Person
}

/** An organization with one person of each built-in role. */
export async function startCompany(world: World): Promise<Company> {
  const [owner, admin, member, guest] = (await world.people(4)) as [Person, Person, Person, Person]
  const id = await world.organization({
    members: [
      [owner, 'owner'],
      [admin, 'admin'],
      [member, 'member'],
      [guest, 'guest'],
    ],
  })
  return { id, owner, admin, member, guest }
}
