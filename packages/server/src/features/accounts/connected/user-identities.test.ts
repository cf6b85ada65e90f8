/** Connected accounts of other users: what administrators see and disconnect, from above and from below. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../../base/ids.ts'
import { at, outcome, type StaffedWorld, startStaffedWorld } from '../administration/testing.ts'

let staffed: StaffedWorld
beforeAll(async () => {
  staffed = await startStaffedWorld()
})
afterAll(() => staffed?.world.stop())

let subjects = 0
/** Connects an account at a provider with a user. @returns the id of the identity */
async function connect({ id: userId }: { id: string }): Promise<string> {
  const { world } = staffed
  const id = newId('idn')
  const now = world.clock.now()
  const row = {
    id, user_id: userId, connection_id: null, organization_id: null, scope: '', issuer: 'https://accounts.google.com',
    subject: `s${++subjects}`, provider: 'google', email: 'ada@gmail.com', email_verified: true, name: 'Ada',
    tokens: world.app.tools.keyring.encrypt('identities', '{"access_token":"at-secret"}'), linked_at: now, last_used_at: now,
  } // biome-ignore format: a row
  await world.db.tx('system', (tx) => tx.insertInto('identities').values(row).execute())
  return id
}
const listed = (id: string) => at(id, '/identities')
const one = (id: string, identity: string) => at(id, `/identities/${identity}`)

describe('the connected accounts of a user', () => {
  it('are listed for administrators as for the user, without tokens', async () => {
    const { admin, root, manager, target } = staffed
    const id = await connect(target)
    const own = await target.client.get('/api/v1/auth/external/linked-accounts')
    for (const { client } of [admin, root, manager]) {
      const list = await client.get(listed(target.id))
      expect([list.status, list.body.message]).toEqual([200, 'Connected accounts of the user listed.'])
      expect(list.data).toEqual(own.data)
      expect(list.data).toContainEqual(expect.objectContaining({ id, kind: 'google', connection: null }))
      expect(list.text).not.toContain('tokens')
      expect(list.text).not.toContain('at-secret')
    }
  })

  it('are refused from below, and to who administers an organization only', async () => {
    const { staff, viewer, target, world } = staffed
    const id = await connect(target)
    const neighbour = await world.person()
    await neighbour.client.post('/api/v1/organizations', { name: 'Neighbours' })
    for (const { client } of [staff, viewer, neighbour, target]) {
      expect(outcome(await client.get(listed(target.id)))).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
      expect(outcome(await client.delete(one(target.id, id)))).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
    }
    expect(outcome(await world.client().get(listed(target.id)))).toEqual([401, 'AUTHENTICATION_REQUIRED'])
  })

  it('are disconnected by an administrator: recorded with who did it, and told to the user', async () => {
    const { admin, target, lastEvent, world } = staffed
    const id = await connect(target)
    const reply = await admin.client.delete(one(target.id, id))
    expect([reply.status, reply.body.message]).toEqual([200, 'Account of the user disconnected.'])
    expect(await lastEvent(target.id, 'auth.identity.unlinked')).toMatchObject({
      details: { identity_id: id, provider: 'google', by: admin.id },
    })
    await world.app.settle()
    expect((await world.mailbox.emailTo(target.email, /disconnected/)).subject).toContain('disconnected')
    expect(outcome(await admin.client.delete(one(target.id, id)))).toEqual([404, 'NOT_FOUND'])
  })

  it('of a user with a higher role stay', async () => {
    const { admin, manager, root } = staffed
    const id = await connect(root)
    for (const { client } of [manager, admin])
      expect(outcome(await client.delete(one(root.id, id)))).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
    expect((await root.client.delete(one(root.id, id))).status).toBe(200)
  })

  it('are found with their user only', async () => {
    const { admin, target, viewer } = staffed
    const id = await connect(target)
    for (const path of [one(viewer.id, id), one(target.id, newId('idn')), one(newId('usr'), id)])
      expect(outcome(await admin.client.delete(path))).toEqual([404, 'NOT_FOUND'])
    expect(outcome(await admin.client.get(listed(newId('usr'))))).toEqual([404, 'NOT_FOUND'])
    const list = (await admin.client.get(listed(target.id))).data
    expect(list).toContainEqual(expect.objectContaining({ id }))
  })

  it('never move to another user: no operation edits an identity (authentik CVE-2026-49448)', async () => {
    const { root, target, viewer, world } = staffed
    const id = await connect(target)
    const stored = () =>
      world.db.tx('system', (tx) =>
        tx.selectFrom('identities').selectAll().where('id', '=', id).executeTakeFirstOrThrow(),
      )
    const before = await stored()
    const rows = world.app.rows.filter(({ path }) => /identit|external|linked|connected/.test(path))
    expect(rows.map(({ method }) => method)).not.toContain('PATCH')
    const body = {
      user: viewer.id,
      user_id: viewer.id,
      issuer: 'https://evil.example',
      subject: 'x',
      provider: 'google',
    }
    const paths = new Set([...rows.map(({ path }) => path), '/api/v1/users/:id/identities/:identity_id'])
    for (const path of paths)
      for (const method of ['POST', 'PUT', 'PATCH'] as const) {
        const filled = path.replace(/users\/:id/, `users/${target.id}`).replace(/:\w+/g, id)
        await root.client.send(method, filled, body)
        await viewer.client.send(method, filled, body)
      }
    expect(await stored()).toEqual(before)
  })
})
