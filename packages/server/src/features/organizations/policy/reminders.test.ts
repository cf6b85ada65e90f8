/** E-mails about a demand: announced, before the date, from the date on; once each, over two nodes. */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, proveByConnection } from '../../../testing/connection-rows.ts'
import { testDatabaseKind } from '../../../testing/database.ts'
import { startNodes } from '../../../testing/nodes.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { remindAll } from './reminders.ts'
import { enrolFactor, pathOf, startCompany } from './testing.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

describe('a member without a factor', () => {
  it('is informed at the change, seven days and one day before the date, and on it', async () => {
    const { id, owner, admin, member, guest } = await startCompany(world)
    await enrolFactor(world, owner, 'totp')
    await enrolFactor(world, admin, 'passkey')
    const subjects = async ({ email }: Person) =>
      (await world.mailbox.emailsTo(email)).map(({ subject }) => subject)
    await owner.client.patch(pathOf(id, `members/${guest.id}/mfa`), { mfa: 'exempt' })
    await owner.client.patch(pathOf(id), { mode: 'require_any', grace_days: 10 })
    await world.app.settle()
    const counts = []
    for (let day = 0; day <= 14; day++) {
      counts.push((await subjects(member)).filter((one) => one.includes('second factor')).length)
      await world.clock.advance('1 day')
    }
    //                        0  1  2  3  4  5  6  7  8  9 10 11 12 13 14
    expect(counts).toEqual([1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 4, 4, 4, 4, 4])
    for (const other of [owner, admin, guest])
      expect((await subjects(other)).filter((one) => one.includes('second factor'))).toEqual([])
    const [last] = await world.mailbox.emailsTo(member.email)
    expect(last?.text).toContain('Analytical Engines')
    expect(last?.text).toContain('/account/security')
    expect((await world.events(member.id)).filter((one) => one.endsWith('mfa_reminded'))).toHaveLength(4)
  })

  it('is informed again when the date moves, and not after enrolling', async () => {
    const { id, owner, member } = await startCompany(world)
    await owner.client.signIn(owner.email, owner.password)
    await owner.client.patch(pathOf(id), { mode: 'require_any', grace_days: 10 })
    await world.app.settle()
    const count = async () => (await world.mailbox.emailsTo(member.email)).length
    const before = await count()
    await owner.client.patch(pathOf(id), { grace_days: 20 })
    await world.app.settle()
    expect(await count()).toBe(before + 1)
    await enrolFactor(world, member, 'passkey')
    for (let day = 0; day < 25; day++) await world.clock.advance('1 day')
    expect(await count()).toBe(before + 1)
  })
})

describe('a member whose provider checks two factors', () => {
  const mails = async ({ email }: Person) =>
    (await world.mailbox.emailsTo(email)).filter(({ subject }) => subject.includes('second factor')).length
  const inOrganization = async (of: Person, organization_id: string) =>
    expect((await of.client.post('/api/v1/auth/organization', { organization_id })).status).toBe(200)
  const trusting = (id: string) =>
    connect(world, id, { settings: JSON.stringify({ trusts_mfa: true }), tested_at: world.clock.now() })

  it('gets no e-mail, as long as that was their last sign-in and the provider is trusted', async () => {
    const { id, owner, admin, member, guest } = await startCompany(world)
    const other = await world.organization({ name: 'Neighbour', members: [[admin, 'member']] })
    const [own, theirs] = [await trusting(id), await trusting(other)]
    for (const one of [admin, member, guest]) await inOrganization(one, id)
    await proveByConnection(world, member, { connection: own, organization: id, mfa: true })
    await proveByConnection(world, guest, { connection: own, organization: id })
    // the provider of another organization proves nothing here
    await proveByConnection(world, admin, { connection: theirs, organization: other, mfa: true })
    await owner.client.patch(pathOf(id), { mode: 'require_any', grace_days: 10 })
    await world.app.settle()
    // also after the session has ended
    for (let day = 0; day < 8; day++) await world.clock.advance('1 day')
    expect([await mails(member), await mails(guest), await mails(admin)]).toEqual([0, 2, 2])
    // a sign-in by the password is the last one
    await member.client.signIn(member.email, member.password)
    await inOrganization(member, id)
    await world.clock.advance('1 day')
    expect(await mails(member)).toBe(1)
  })

  it('gets them where a factor of this server is required, or the provider is not trusted any more', async () => {
    const { id, owner, member, guest } = await startCompany(world)
    const own = await trusting(id)
    for (const one of [member, guest]) {
      await inOrganization(one, id)
      await proveByConnection(world, one, { connection: own, organization: id, mfa: true })
    }
    await owner.client.patch(pathOf(id, `members/${guest.id}/mfa`), { mfa: 'force_totp' })
    await owner.client.patch(pathOf(id), { mode: 'require_any', grace_days: 10 })
    await world.app.settle()
    expect([await mails(member), await mails(guest)]).toEqual([0, 1])
    await world.db.tx('system', (tx) =>
      tx.updateTable('connections').set({ settings: '{}' }).where('id', '=', own).execute(),
    )
    await world.clock.advance('1 day')
    expect([await mails(member), await mails(guest)]).toEqual([1, 1])
  })
})

describe.runIf(testDatabaseKind() === 'postgres')('two nodes', () => {
  it('send each e-mail once', async () => {
    const nodes = await startNodes(2, { databasePool: 4 }, { pool: 8 })
    try {
      const users = Array.from({ length: 250 }, (_, n) => `usr_${String(n).padStart(32, '0')}`)
      const organization = 'org_00000000000000000000000000000001'
      await nodes.db.asOwner((line) =>
        line.plain(`
          insert into latchkey.organizations (id, name, slug, created_at, updated_at) values ('${organization}', 'A', 'a', now(), now());
          insert into latchkey.security_policies (organization_id, mode, since, updated_at) values ('${organization}', 'require_any', now(), now());
          ${users
            .map(
              (id, n) => `
          insert into latchkey.users (id, username, username_key, status, roles, created_at, updated_at) values ('${id}', 'u${n}', 'u${n}', 'active', '{viewer}', now(), now());
          insert into latchkey.emails (id, user_id, address, address_key, is_primary, claimed_at, verified_at, created_at) values ('eml_${n}', '${id}', 'u${n}@example.com', 'u${n}@example.com', true, now(), now(), now());
          insert into latchkey.memberships (organization_id, user_id, role, joined_at) values ('${organization}', '${id}', 'member', now());`,
            )
            .join('')}`),
      )
      const now = new Date()
      await Promise.all(
        nodes.apps.flatMap(({ tools }) => [
          remindAll(tools, now),
          remindAll(tools, now),
          remindAll(tools, now),
        ]),
      )
      const { rows } = await nodes.db.tx('system', (tx) =>
        sql<{ count: number }>`select user_id, count(*)::int as count from letters group by user_id`.execute(
          tx,
        ),
      )
      expect(rows).toHaveLength(250)
      expect(rows.filter(({ count }) => count !== 1)).toEqual([])
    } finally {
      await nodes.stop()
    }
  })
})
