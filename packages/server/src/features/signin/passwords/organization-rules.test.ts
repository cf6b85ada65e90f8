/** The password profile of an organization: it holds for its members, beside the profile of the server. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const setProfile = (organizationId: string, profile: 'classic' | 'pci' | 'nist' | 'custom') =>
  world.db.tx('system', (tx) =>
    tx
      .insertInto('security_policies')
      .values({ organization_id: organizationId, password_profile: profile, updated_at: world.clock.now() })
      .execute(),
  )
const people = async (): Promise<[owner: Person, member: Person, other: Person]> =>
  (await Promise.all([world.person(), world.person(), world.person()])) as [Person, Person, Person]
const signIn = ({ email }: Person, password: string) =>
  world.client().post('/api/v1/auth/login', { email, password })
const change = ({ client }: Person, current_password: string, new_password: string) =>
  client.post('/api/v1/users/me/password', { current_password, new_password })
const codesOf = ({ body }: { body: { error?: { details: { code: string }[] } } }) =>
  body.error?.details.map(({ code }) => code)

it('holds for new passwords of its members alone', async () => {
  const [owner, member, other] = await people()
  const id = await world.organization({ members: [[owner, 'owner'], [member, 'member']] }) // biome-ignore format: a line
  await world.organization({ name: 'A neighbour', members: [[other, 'owner']] })
  await setProfile(id, 'pci')
  for (const person of [owner, member])
    expect(codesOf(await change(person, PASSWORD, 'a phrase without digits'))).toEqual(['needs_digit'])
  // the minimum of the server is the stricter one
  expect(codesOf(await change(member, PASSWORD, 'brass gears 42'))).toEqual(['too_short'])
  expect((await change(other, PASSWORD, 'a phrase without digits')).status).toBe(200)
  const page = await member.client.get('/account/security/password', { headers: { accept: 'text/html' } })
  expect(page.text).toContain('>a digit</li>')
  expect((await change(member, PASSWORD, 'brass gears turn 42')).status).toBe(200)
})

it('has a password that does not meet it replaced at the next sign-in, and no longer holds for a former member', async () => {
  const [owner, member, other] = await people()
  const id = await world.organization({ members: [[owner, 'owner'], [member, 'member'], [other, 'guest']] }) // biome-ignore format: a line
  expect((await signIn(member, PASSWORD)).status).toBe(200)
  await setProfile(id, 'pci')
  const stopped = await signIn(member, PASSWORD)
  expect(stopped.code).toBe('PASSWORD_EXPIRED')
  const path = `/api/v1/auth/attempts/${stopped.body.error.details.attempt}/password`
  expect(codesOf(await world.client().post(path, { password: 'a phrase without digits' }))).toEqual([
    'needs_digit',
  ])
  expect((await world.client().post(path, { password: 'brass gears turn 42' })).status).toBe(200)
  expect((await other.client.post(`/api/v1/organizations/${id}/leave`)).status).toBe(200)
  expect((await signIn(other, PASSWORD)).status).toBe(200)
  // the password that it accepted expires with its age, too
  await world.clock.advance('90 days')
  expect((await signIn(member, 'brass gears turn 42')).code).toBe('PASSWORD_EXPIRED')
})

it('never makes the rules of the server weaker, and ends with the organization', async () => {
  const [owner] = await people()
  const id = await world.organization({ members: [[owner, 'owner']] })
  await setProfile(id, 'custom')
  expect(codesOf(await change(owner, PASSWORD, 'Tr0ub4dor'))).toEqual(['too_short'])
  expect(codesOf(await change(owner, PASSWORD, 'a phrase without digits'))).toEqual([
    'needs_upper',
    'needs_digit',
  ])
  await world.db.tx('system', (tx) =>
    tx
      .updateTable('organizations')
      .set({ deleted_at: world.clock.now(), purge_at: world.clock.now() })
      .where('id', '=', id)
      .execute(),
  )
  expect((await signIn(owner, PASSWORD)).status).toBe(200)
  expect((await change(owner, PASSWORD, 'a phrase without digits')).status).toBe(200)
})
