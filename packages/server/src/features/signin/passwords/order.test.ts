/** Every replacement of a password locks the same rows in the same order, so that two at once never deadlock. */
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

const OLD = 'Tr0ub4d!or-1'

let world: World
beforeAll(async () => {
  world = await startWorld({ passwordProfile: 'classic' })
})
afterAll(() => world.stop())

const change = ({ client }: Person) =>
  client.post('/api/v1/users/me/password', { current_password: OLD, new_password: 'By-th3-change!' })
const reset = (token: string) =>
  world.client().post('/api/v1/auth/password/reset', { token, password: 'By-th3-link!' })
const replaceExpired = (attempt: string) =>
  world.client().post(`/api/v1/auth/attempts/${attempt}/password`, { password: 'By-th3-attempt!' })

/** A user with a session, a reset link, an expired password, and a sign-in that waits for a new one. */
async function prepared(): Promise<{ person: Person; link: string; attempt: string }> {
  const person = await world.person({ password: OLD })
  await world.client().post('/api/v1/auth/password/forgot', { email: person.email })
  const link = await world.mailbox.tokenFor(person.email, /reset-password/)
  await world.db.tx('system', (tx) =>
    sql`update passwords set changed_at = changed_at - interval '91 days' where user_id = ${person.id}`.execute(
      tx,
    ),
  )
  const reply = await world.client().post('/api/v1/auth/login', { email: person.email, password: OLD })
  return { person, link, attempt: String(reply.body.error.details.attempt) }
}

it('of three replacements at once one succeeds, and none fails with a fault of the server', async () => {
  for (let round = 0; round < 8; round++) {
    const { person, link, attempt } = await prepared()
    const replies = await Promise.all([change(person), replaceExpired(attempt), reset(link)])
    const statuses = replies.map(({ status }) => status)
    expect(
      statuses.filter((status) => status === 200),
      String(statuses),
    ).toHaveLength(1)
    expect(Math.max(...statuses), String(statuses)).toBeLessThan(500)
  }
})
