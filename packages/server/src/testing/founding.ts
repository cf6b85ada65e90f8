/**
 * Fixtures: users and organizations of a test, written by the functions of the features in one transaction instead of
 * by one request a step. The rows are those of a registration and of a new organization, without their events and
 * e-mails. Sessions are created by a real sign-in.
 */
import type { App } from '../app.ts'
import { newId } from '../base/ids.ts'
import type { OrganizationRole } from '../core/roles/index.ts'
import { createUser } from '../features/identity/users/index.ts'
import { createOrganizationByOperator } from '../features/organizations/organization/index.ts'
import { firstPassword } from '../features/signin/passwords/index.ts'

export interface TestUserOptions {
  email?: string
  username?: string
  password?: string
  /** Roles of the server; default: viewer. */
  roles?: readonly string[]
  /** Whether the user has a session; default: true. */
  signIn?: boolean
}

export interface TestUser {
  id: string
  email: string
  password: string
}

/** Active and verified users. A password that several users have is hashed once. */
export async function createUsers(
  { tools }: Pick<App, 'tools'>,
  people: readonly (TestUserOptions & { email: string; password: string })[],
): Promise<TestUser[]> {
  const hashes = new Map<string, string>()
  for (const { password } of people)
    if (!hashes.has(password)) hashes.set(password, await tools.hashing.hash(password))
  const now = tools.clock.now()
  return await tools.db.tx('system', async (tx) => {
    const users: TestUser[] = []
    for (const { email, password, username = null, roles = ['viewer'] } of people) {
      const id = newId('usr')
      const names = { username, fullName: null, locale: null }
      const user = { id, email, roles, status: 'active', emailVerified: true, ...names } as const
      await createUser(tx, user, now, [firstPassword(id, { hash: hashes.get(password) ?? '' }, now)])
      users.push({ id, email, password })
    }
    return users
  })
}

/** @param members the first has to be an owner. @returns the id of the organization */
export const createTestOrganization = (
  { tools }: Pick<App, 'tools'>,
  { name, members }: { name: string; members: readonly (readonly [{ id: string }, OrganizationRole])[] },
): Promise<string> =>
  createOrganizationByOperator(
    tools,
    name,
    members.map(([{ id: userId }, role]) => ({ userId, role })),
  )
