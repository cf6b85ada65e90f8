/**
 * People and organizations of a test written by the rooms' own functions in one transaction, instead of by a request for
 * each step: what they leave behind is what signing up and making an organization leave, without the events and e-mails
 * on the way. Sessions begin at the real door.
 */
import type { App } from '../app.ts'
import { newId } from '../base/ids.ts'
import type { OrganizationRole } from '../core/roles/index.ts'
import { createUser } from '../features/identity/users/index.ts'
import { createOrganizationByOperator } from '../features/organizations/organization/index.ts'
import { setFirstPassword } from '../features/signin/passwords/index.ts'

export interface FoundingOptions {
  email?: string
  username?: string
  password?: string
  /** Of the server; a viewer without it. */
  roles?: readonly string[]
  /** Whether they have a session; true without it. */
  signIn?: boolean
}

export interface Founded {
  id: string
  email: string
  password: string
}

/** Active and verified users. A password is hashed once, however many have it. */
export async function foundPeople(
  { tools }: Pick<App, 'tools'>,
  people: readonly (FoundingOptions & { email: string; password: string })[],
): Promise<Founded[]> {
  const hashes = new Map<string, string>()
  for (const { password } of people)
    if (!hashes.has(password)) hashes.set(password, await tools.hashing.hash(password))
  const now = tools.clock.now()
  return await tools.db.tx('system', async (tx) => {
    const founded: Founded[] = []
    for (const { email, password, username = null, roles = ['viewer'] } of people) {
      const id = newId('usr')
      const names = { username, fullName: null, locale: null }
      await createUser(tx, { id, email, roles, status: 'active', emailVerified: true, ...names }, now)
      await setFirstPassword(tx, id, hashes.get(password) ?? '', now)
      founded.push({ id, email, password })
    }
    return founded
  })
}

/** @param members the first has to be an owner. @returns its id */
export const foundOrganization = (
  { tools }: Pick<App, 'tools'>,
  { name, members }: { name: string; members: readonly (readonly [{ id: string }, OrganizationRole])[] },
): Promise<string> =>
  createOrganizationByOperator(
    tools,
    name,
    members.map(([{ id: userId }, role]) => ({ userId, role })),
  )
