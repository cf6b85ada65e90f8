import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PASSWORD, startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

/** Counts what the server sends from now on. @returns a function that stops, and returns the count */
function countStatements(db: World['db']): () => number {
  const { run, tx } = db
  let count = 0
  Object.assign(db, {
    run: (...args: Parameters<typeof run>) => {
      count += 1
      return run.call(db, ...args)
    },
    tx: (...args: Parameters<typeof tx>) => {
      count += 100
      return tx.call(db, ...args)
    },
  })
  return () => {
    Object.assign(db, { run, tx })
    return count
  }
}

describe('the caller’s own account', () => {
  it('is returned by /auth/me and /users/me', async () => {
    const { client, id, email } = await world.person({ username: 'shown' })
    const me = await client.get('/api/v1/auth/me')
    expect(me.data).toMatchObject({ user: { id, email, username: 'shown' } })
    const { profile, ...user } = (await client.get('/api/v1/users/me')).data
    expect(user).toEqual(me.data.user)
    expect(Object.values(profile).every((value) => value === null)).toBe(true)
    expect((await client.get('/api/v1/auth/validate')).data).toMatchObject({
      user_id: id,
      method: 'session',
      roles: ['viewer'],
    })
  })

  it('is read by /auth/me in one statement, with the active organization while it exists', async () => {
    const { client, id } = await world.person()
    const me = async () => (await client.get('/api/v1/auth/me')).data
    expect((await me()).organization).toBeNull()
    const organization = await world.organization({ name: 'Engines', members: [[{ id }, 'owner']] })
    await client.post('/api/v1/auth/organization', { organization_id: organization })
    expect(await me()).toMatchObject({
      user: { id },
      organization: { id: organization, name: 'Engines', role: 'owner' },
    })
    const deleted = (at: Date | null) =>
      world.db.tx('system', (tx) =>
        tx
          .updateTable('organizations')
          .set({ deleted_at: at, purge_at: at })
          .where('id', '=', organization)
          .execute(),
      )
    await deleted(world.clock.now())
    expect((await me()).organization).toBeNull()
    await deleted(null)
    expect((await me()).organization).toMatchObject({ id: organization })
    // none for the session, as soon as the last notification of its changes has arrived
    const statements = async () => {
      const stop = countStatements(world.db)
      await me()
      return stop()
    }
    await expect.poll(statements).toBe(1)
  })

  it('changes only what is sent', async () => {
    const { client, id } = await world.person({ username: 'before' })
    const first = await client.patch('/api/v1/users/me', { full_name: ' Grace  Hopper ' })
    expect(first.data).toMatchObject({ full_name: 'Grace Hopper', username: 'before' })
    const second = await client.patch('/api/v1/users/me', { username: 'After', locale: 'de' })
    expect(second.data).toMatchObject({ full_name: 'Grace Hopper', username: 'After', locale: 'de' })
    expect((await client.patch('/api/v1/users/me', { full_name: null })).data.full_name).toBeNull()
    expect(
      (await world.client().post('/api/v1/auth/login', { username: 'after', password: PASSWORD })).status,
    ).toBe(200)
    expect(
      (await world.client().post('/api/v1/auth/login', { username: 'before', password: PASSWORD })).status,
    ).toBe(401)
    expect((await world.events(id)).filter((type) => type === 'user.updated')).toHaveLength(3)
  })

  it('cannot change its own role, status or verification: they are not fields', async () => {
    const { client } = await world.person()
    const fields = {
      role: 'super_admin',
      roles: ['super_admin'],
      status: 'active',
      is_verified: true,
      id: 'usr_x',
    }
    const { body } = await client.patch('/api/v1/users/me', fields)
    expect(body.error.details).toMatchObject(Object.keys(fields).map((field) => ({ field, code: 'unknown' })))
    const { data } = await client.get('/api/v1/users/me')
    expect(data).toMatchObject({ role: 'viewer', roles: ['viewer'] })
  })

  it('refuses a username that is taken with CONFLICT', async () => {
    await world.person({ username: 'holder', signIn: false })
    const { client } = await world.person()
    const reply = await client.patch('/api/v1/users/me', { username: 'HOLDER' })
    expect([reply.status, reply.code, reply.body.error.details]).toEqual([
      409,
      'CONFLICT',
      { field: 'username' },
    ])
  })
})

describe('deleting the caller’s own account', () => {
  it('requires the password, and deletes all personal data', async () => {
    const { client, id, email } = await world.person({ username: 'leaving' })
    const other = world.client()
    await other.signIn(email, PASSWORD)
    expect((await client.delete('/api/v1/users/me', { password: 'wrong' })).code).toBe(
      'AUTHENTICATION_FAILED',
    )
    expect((await client.delete('/api/v1/users/me', { password: PASSWORD })).status).toBe(200)
    expect(client.cookies.size).toBe(0)
    expect((await other.get('/api/v1/auth/me')).status).toBe(401)
    expect((await world.client().post('/api/v1/auth/login', { email, password: PASSWORD })).code).toBe(
      'AUTHENTICATION_FAILED',
    )

    const left = await world.db.tx('system', async (tx) => {
      const counts: Record<string, number> = {}
      for (const table of [
        'emails',
        'passwords',
        'password_history',
        'links',
        'sessions',
        'attempts',
        'devices',
      ] as const) {
        counts[table] = (
          await tx.selectFrom(table).select('user_id').where('user_id', '=', id).execute()
        ).length
      }
      const audit = await tx.selectFrom('audit_events').selectAll().where('user_id', '=', id).execute()
      return { counts, audit }
    })
    expect(new Set(Object.values(left.counts))).toEqual(new Set([0]))
    expect(left.audit.map((event) => event.event_type)).toContain('user.deleted')
    expect(left.audit.flatMap((event) => [event.username, event.ip_address, event.user_agent])).toEqual(
      left.audit.flatMap(() => [null, null, null]),
    )
    expect(JSON.stringify(left.audit)).not.toContain(email)
    expect((await world.mailbox.emailsTo(email)).map((letter) => letter.subject)).toEqual([
      'Your account at Latchkey has been deleted',
    ])
  })

  it('frees the address and the username', async () => {
    const { client, email } = await world.person({ username: 'phoenix' })
    await client.delete('/api/v1/users/me', { password: PASSWORD })
    const again = await world.person({ email, username: 'phoenix' })
    expect((await again.client.get('/api/v1/users/me')).data).toMatchObject({ email, username: 'phoenix' })
  })
})

describe('deleting an account as the only owner', () => {
  it('names the organizations and links to where each gets another owner', async () => {
    const { client, id } = await world.person()
    const member = await world.person()
    const organization = await world.organization({
      name: 'Engines <b>',
      members: [
        [{ id }, 'owner'],
        [member, 'member'],
      ],
    })
    const page = await client.get('/account/delete')
    const csrf_token = client.csrfToken ?? ''
    client.csrfToken = null
    const refused = await client.post('/account/delete', { csrf_token, password: PASSWORD }, { form: true })
    expect([page.status, refused.status]).toEqual([200, 409])
    for (const { text } of [page, refused]) {
      expect(text).toContain('You are the only owner of an organization')
      expect(text).toContain('Engines &lt;b>')
      expect(text).toContain(`href="/account/organizations/${organization}/members"`)
      expect(text).not.toMatch(/already (exists|taken)/i)
      expect(text).not.toContain('type="password"')
    }
    expect((await client.get(`/account/organizations/${organization}/members`)).status).toBe(200)
  })

  it('names the organizations that are deleted with the account, and no others', async () => {
    const [one, other] = await world.people(2)
    if (!one || !other) throw new Error('no users')
    const own = await world.organization({ name: 'Mine <alone>', members: [[one, 'owner']] })
    await world.organization({
      name: 'Shared',
      members: [
        [one, 'owner'],
        [other, 'owner'],
      ],
    })
    await world.organization({
      name: 'Foreign',
      members: [
        [other, 'owner'],
        [one, 'member'],
      ],
    })
    const gone = await world.organization({ name: 'Gone', members: [[one, 'owner']] })
    await one.client.delete(`/api/v1/organizations/${gone}`)
    const { text } = await one.client.get('/account/delete')
    expect(text).toContain('<strong>Mine &lt;alone></strong>, whose only member you are, is deleted too.')
    expect(text).not.toMatch(/Shared|Foreign|Gone/)
    expect((await one.client.delete('/api/v1/users/me', { password: PASSWORD })).status).toBe(200)
    const deleted = await world.db.tx('system', (tx) =>
      tx.selectFrom('organizations').select('deleted_at').where('id', '=', own).executeTakeFirstOrThrow(),
    )
    expect(deleted.deleted_at).not.toBeNull()
  })

  it('offers no form to the last administrator', async () => {
    const root = await world.person({ roles: ['super_admin'] })
    const { text } = await root.client.get('/account/delete')
    expect(text).toContain('You are the last administrator.')
    expect(text).not.toContain('type="password"')
  })
})
