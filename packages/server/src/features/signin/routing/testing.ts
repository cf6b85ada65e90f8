/** Shared by the tests of routing: organizations with domains and connections. */
import type { Federated } from '../../../testing/federation.ts'
import type { Person, World } from '../../../testing/world.ts'

export interface Company {
  id: string
  name: string
  slug: string
  /** The id of its connection. */
  connection: string
  owner: Person
}

let count = 0
/** An organization with a proven domain and an active connection, or what of them is wanted. */
export async function company(
  { world, connect, prove }: Federated,
  {
    domain,
    isProven = true,
    status = 'active',
  }: {
    domain: string
    isProven?: boolean
    status?: 'draft' | 'active' | 'disabled'
  },
): Promise<Company> {
  const owner = await world.person({ signIn: false })
  const name = `Company ${++count}`
  const id = await world.organization({ name, members: [[owner, 'owner']] })
  const { id: connection } = await connect('oidc', {
    organizationId: id,
    name: `${name} ID`,
    status,
  })
  if (isProven) await prove(id, domain)
  const { slug } = await world.db.hot
    .selectFrom('organizations')
    .select('slug')
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return { id, name, slug, connection, owner }
}

/** Its members have to sign in by its connections. */
export async function requireSso(world: World, organizationId: string): Promise<void> {
  await world.db.tx('system', (tx) =>
    tx
      .insertInto('security_policies')
      .values({
        organization_id: organizationId,
        sign_in: 'sso_required',
        session_absolute_seconds: null,
        password_profile: null,
        since: null,
        updated_at: world.clock.now(),
        updated_by: null,
      })
      .execute(),
  )
}
