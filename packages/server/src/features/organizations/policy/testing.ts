/** Shared by the tests of security policies: an organization with people, their factors, and its policy. */
import { acrOf, amrOf, kindOf } from '../../../base/assurance.ts'
import { mergeProofs } from '../../../base/session-proofs.ts'
import { type Factor, insertFactor } from '../../../core/factors/index.ts'
import type { Person, World } from '../../../testing/world.ts'

export const pathOf = (id: string, part = 'security-policy'): string => `/api/v1/organizations/${id}/${part}`

/** Enrols a factor as its method does: a confirmed row. */
export const enrolFactor = (
  world: World,
  { id: userId }: { id: string },
  kind: 'totp' | 'passkey' | 'backup_codes' | 'email',
): Promise<Factor> =>
  world.db.tx('system', (tx) =>
    insertFactor(tx, { userId, kind, name: null, confirmed: true }, world.clock.now()),
  )

/** Adds a proof to the person's sessions, as a step-up by the method does. */
export async function proveFactor(
  world: World,
  { id }: { id: string },
  method: 'totp' | 'passkey' | 'backup_code' = 'totp',
): Promise<void> {
  const at = world.clock.now().toISOString()
  await world.db.tx('system', async (tx) => {
    const sessions = await tx
      .selectFrom('sessions')
      .select(['id', 'proofs'])
      .where('user_id', '=', id)
      .execute()
    for (const { id: session, proofs } of sessions) {
      const merged = mergeProofs(proofs, [{ method, ...kindOf(method), at }])
      const proven = { proofs: JSON.stringify(merged), acr: acrOf(merged), amr: amrOf(merged) }
      await tx.updateTable('sessions').set(proven).where('id', '=', session).execute()
    }
  })
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

/** Switches the person's session to the organization. */
export async function actIn({ client }: Person, id: string): Promise<void> {
  const { status, data } = await client.post('/api/v1/auth/organization', { organization_id: id })
  if (status !== 200) throw new Error(`switching failed with ${status}`)
  client.csrfToken = data.session.csrf_token
}
