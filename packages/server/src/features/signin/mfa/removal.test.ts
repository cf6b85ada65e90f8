/** Removing second factors: by their user, an administrator and the operator. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { usersMfaReset } from '../../../commands/users.ts'
import { Authenticator, addPasskey, signInByPasskey } from '../../../testing/authenticator.ts'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

const API = '/api/v1'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const show = async (client: Client) => (await client.get(`${API}/auth/mfa`)).data
const disable = (client: Client, body = {}): Promise<Reply> => client.post(`${API}/auth/mfa/disable`, body)
const signIn = (person: Person): Promise<Reply> =>
  world.client().post(`${API}/auth/login`, { username: person.email, password: PASSWORD })

async function enrolled() {
  const person = await world.person()
  return { person, app: await enrolAuthenticator(world, person.client) }
}
const require = (userId: string) =>
  world.db.tx('system', (tx) =>
    tx.updateTable('users').set({ mfa_required: true }).where('id', '=', userId).execute(),
  )

describe('removing a second factor', () => {
  it('takes the last one with its backup codes, with an e-mail', async () => {
    const { person, app } = await enrolled()
    const { status, data } = await disable(person.client, { factor_id: app.factorId })
    expect([status, data]).toEqual([
      200,
      expect.objectContaining({ enabled: false, methods: [], backup_codes_remaining: 0 }),
    ])
    expect((await signIn(person)).status).toBe(200)
    expect(await world.events(person.id)).toContain('auth.mfa.disabled')
    const subjects = (await world.mailbox.emailsTo(person.email)).map(({ subject }) => subject)
    expect(subjects).toContain('A second factor of your account at Latchkey was removed')
  })

  it('ends the other sessions with the last one only', async () => {
    const person = await world.person()
    const other = world.client()
    await other.signIn(person.email, PASSWORD)
    const [first, second] = [
      await enrolAuthenticator(world, person.client),
      await enrolAuthenticator(world, person.client),
    ]
    const isSignedIn = async (client: Client) => (await client.get(`${API}/auth/me`)).status === 200
    await disable(person.client, { factor_id: first.factorId })
    expect(await isSignedIn(other)).toBe(true)
    await disable(person.client, { factor_id: second.factorId })
    expect([await isSignedIn(other), await isSignedIn(person.client)]).toEqual([false, true])
  })

  it('ends the other sessions that the removed one signed in to, whichever of its kind it was', async () => {
    const person = await world.person()
    const [lost, kept] = [new Authenticator(), new Authenticator()]
    const { id } = await addPasskey(person.client, lost)
    await enrolAuthenticator(world, person.client)
    const thief = world.client()
    expect((await signInByPasskey(thief, lost)).status).toBe(200)
    const { id: other } = await addPasskey(person.client, kept)
    const isSignedIn = async (client: Client) => (await client.get(`${API}/auth/me`)).status === 200
    expect((await person.client.delete(`${API}/auth/passkeys/${id}`)).status).toBe(200)
    expect([await isSignedIn(thief), await isSignedIn(person.client)]).toEqual([false, true])
    const [phone, laptop] = [world.client(), world.client()]
    await signInByPasskey(phone, kept)
    await signInByPasskey(laptop, kept)
    expect((await laptop.delete(`${API}/auth/passkeys/${other}`)).status).toBe(200)
    expect([await isSignedIn(phone), await isSignedIn(laptop)]).toEqual([false, true])
    expect((await world.mailbox.emailTo(person.email, /passkey was removed/i)).text).toContain('sessions')
  })

  it('is not refused by a demand that is not due', async () => {
    const grace = await startWorld({ mfa: 'required', mfaGrace: 14 * 86_400_000 })
    try {
      const person = await grace.person()
      await enrolAuthenticator(grace, person.client)
      expect((await disable(person.client)).status).toBe(200)
    } finally {
      await grace.stop()
    }
  })

  it('leaves others, with the backup codes', async () => {
    const { person, app } = await enrolled()
    const other = await enrolAuthenticator(world, person.client)
    expect((await disable(person.client, { factor_id: app.factorId })).status).toBe(200)
    const { methods, backup_codes_remaining: left } = await show(person.client)
    expect([methods.map(({ id }: { id: string }) => id), left]).toEqual([
      expect.arrayContaining([other.factorId]),
      10,
    ])
    expect(methods).toHaveLength(2)
    expect((await signIn(person)).code).toBe('MFA_REQUIRED')
  })

  it('without an id takes all', async () => {
    const { person } = await enrolled()
    await enrolAuthenticator(world, person.client)
    expect((await disable(person.client)).status).toBe(200)
    expect((await show(person.client)).methods).toEqual([])
    const again = await disable(person.client)
    expect([again.status, again.body.error.details]).toEqual([404, { resource: 'factor' }])
  })

  it('requires both factors, proven within ten minutes', async () => {
    const { person } = await enrolled()
    await world.clock.advance('11 minutes')
    const reply = await disable(person.client)
    expect([reply.status, reply.code]).toEqual([401, 'STEP_UP_REQUIRED'])
  })

  it('of another user is not found', async () => {
    const [one, other] = [await enrolled(), await enrolled()]
    expect((await disable(one.person.client, { factor_id: other.app.factorId })).status).toBe(404)
    expect((await show(other.person.client)).enabled).toBe(true)
  })

  it('that a policy requires is refused, unless another one meets it', async () => {
    const { person, app } = await enrolled()
    await require(person.id)
    for (const body of [{}, { factor_id: app.factorId }]) {
      const reply = await disable(person.client, body)
      expect([reply.status, reply.body.error.details]).toEqual([403, { reason: 'required_by_policy' }])
    }
    const other = await enrolAuthenticator(world, person.client)
    expect((await disable(person.client, { factor_id: app.factorId })).status).toBe(200)
    expect((await disable(person.client, { factor_id: other.factorId })).status).toBe(403)
  })

  it('leaves one that a policy requires where two are removed at once', async () => {
    const { person, app } = await enrolled()
    const other = await enrolAuthenticator(world, person.client)
    await require(person.id)
    const replies = await Promise.all(
      [app, other, app, other].map(({ factorId }) => disable(person.client, { factor_id: factorId })),
    )
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    expect((await show(person.client)).enabled).toBe(true)
  })
})

describe('an administrator', () => {
  const reset = (client: Client, id: string) => client.post(`${API}/users/${id}/mfa/reset`)
  let root: Person
  beforeEach(async () => {
    // a recent sign-in
    ;[root] = (await world.people([{ roles: ['super_admin'] }])) as [Person]
  })

  it('removes all factors of a user who has lost them, which ends the sessions', async () => {
    const { person } = await enrolled()
    const reply = await reset(root.client, person.id)
    expect([reply.status, reply.data]).toEqual([200, { removed: 2 }])
    expect((await person.client.get(`${API}/auth/me`)).status).toBe(401)
    expect((await signIn(person)).status).toBe(200)
    const [event] = (
      await root.client.get(`${API}/audit-logs?event_type=auth.mfa.disabled&user_id=${person.id}`)
    ).data
    expect(event.details).toMatchObject({ by: root.id, reset: true, kinds: ['totp', 'backup_codes'] })
    const subjects = (await world.mailbox.emailsTo(person.email)).map(({ subject }) => subject)
    expect(subjects).toContain('The second factors of your account at Latchkey were reset')
    expect((await reset(root.client, person.id)).data).toEqual({ removed: 0 })
  })

  it('needs the permission, a recent sign-in, and no fewer permissions than the user', async () => {
    const { person } = await enrolled()
    const [manager, viewer] = (await world.people([{ roles: ['manager'] }, { roles: ['viewer'] }])) as [
      Person,
      Person,
    ]
    expect((await reset(viewer.client, person.id)).status).toBe(403)
    expect((await reset(manager.client, root.id)).status).toBe(403)
    expect((await reset(world.client(), person.id)).status).toBe(401)
    expect((await reset(root.client, root.id)).body.error.details).toEqual({ reason: 'own_account' })
    expect((await reset(root.client, 'usr_00000000000000000000000000000000')).status).toBe(404)
    expect((await show(person.client)).enabled).toBe(true)
    expect((await reset(manager.client, person.id)).status).toBe(200)
    await world.clock.advance('11 minutes')
    expect((await reset(manager.client, person.id)).code).toBe('STEP_UP_REQUIRED')
  })
})

describe('the operator', () => {
  it('removes all factors of an account', async () => {
    const { person } = await enrolled()
    if (usersMfaReset.on !== 'tools') throw new Error('not a command on the tools')
    const run = async (identifier: string) =>
      usersMfaReset.on === 'tools' &&
      (await usersMfaReset.run(world.app.tools, { values: {}, positionals: [identifier] }))
    expect(await run(person.email)).toMatchObject({
      text: `${person.email} has no second factor any more (removed: 2).`,
    })
    expect(await run(person.email)).toMatchObject({ text: `${person.email} had no second factor.` })
    expect((await signIn(person)).status).toBe(200)
    await expect(run('unknown@example.com')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})
