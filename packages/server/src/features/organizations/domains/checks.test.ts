/** The recurring check: unverified domains for a week, verified ones each day, warnings, one e-mail, over two nodes. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { testDatabaseKind } from '../../../testing/database.ts'
import type { DnsServer } from '../../../testing/dns-server.ts'
import { startNodes } from '../../../testing/nodes.ts'
import type { Person, World } from '../../../testing/world.ts'
import { startCompany } from '../policy/testing.ts'
import { checkDueDomains } from './checks.ts'
import { add, type DomainWorld, prove, startDomainWorld } from './testing.ts'

let started: DomainWorld
let world: World
let dns: DnsServer
let count = 0
const fresh = (): string => `c${++count}.example.com`

beforeAll(async () => {
  started = await startDomainWorld()
  ;({ world, dns } = started)
})
afterAll(() => started.stop())
beforeEach(async () => {
  // the domains of the other tests are not checked any more
  await world.db.tx('system', (tx) =>
    tx.updateTable('organization_domains').set({ next_check_at: null }).execute(),
  )
})

const read = async ({ client }: Person, path: string) => (await client.get(path)).data
const asked = (name: string): number => dns.asked.filter((one) => one === name).length
const subjects = async ({ email }: { email: string }) =>
  (await world.mailbox.emailsTo(email)).map(({ subject }) => subject)
const warnings = async (person: { email: string }) =>
  (await subjects(person)).filter((one) => /record|Eintrag/.test(one)).length
/** Sessions end, and signing in again would be noise here. */
const hours = async (wanted: number, each: () => Promise<void> = async () => {}) => {
  for (let hour = 0; hour < wanted; hour += 1) {
    await world.clock.advance('1 hour')
    await each()
  }
}
const rowOf = (id: string) =>
  world.db.tx('system', (tx) =>
    tx.selectFrom('organization_domains').selectAll().where('id', '=', id).executeTakeFirstOrThrow(),
  )

describe('an unverified domain', () => {
  it('is verified by the check of the next hour, and the log names no user', async () => {
    const { id, owner } = await startCompany(world)
    const { id: domainId, path, name, value } = await add(owner, id, fresh())
    dns.set(name, [value])
    await world.clock.advance('20 minutes')
    expect((await read(owner, path)).check).toBeNull()
    await world.clock.advance('45 minutes')
    await owner.client.signIn(owner.email, owner.password)
    expect(await read(owner, path)).toMatchObject({ status: 'verified', check: { outcome: 'verified' } })
    const { data } = await owner.client.get(
      `/api/v1/organizations/${id}/audit-logs?event_type=organization.domain.verified`,
    )
    expect(data).toMatchObject([{ user_id: null, details: { domain_id: domainId } }])
  })

  it('is checked each hour for seven days, and then only on request', async () => {
    const { id, owner } = await startCompany(world)
    const { id: domainId, name, path, value } = await add(owner, id, fresh())
    await hours(24)
    expect(asked(name)).toBeGreaterThanOrEqual(20)
    expect(asked(name)).toBeLessThanOrEqual(24)
    for (let day = 0; day < 7; day += 1) await world.clock.advance('1 day')
    const before = asked(name)
    expect((await rowOf(domainId)).next_check_at).toBeNull()
    dns.set(name, [value])
    for (let day = 0; day < 3; day += 1) await world.clock.advance('1 day')
    expect(asked(name)).toBe(before)
    await owner.client.signIn(owner.email, owner.password)
    expect((await owner.client.post(`${path}/verify`)).data.status).toBe('verified')
    expect((await rowOf(domainId)).next_check_at).not.toBeNull()
  })

  it('of a deleted organization is not verified', async () => {
    const { id, owner } = await startCompany(world)
    const { id: domainId, name, value } = await add(owner, id, fresh())
    dns.set(name, [value])
    await owner.client.delete(`/api/v1/organizations/${id}`)
    await world.clock.advance('2 hours')
    expect((await rowOf(domainId)).verified_at).toBeNull()
  })
})

describe('a verified domain', () => {
  it('is checked each day', async () => {
    const { id, owner } = await startCompany(world)
    const { name } = await prove(dns, owner, id, fresh())
    const before = asked(name)
    await hours(73)
    expect(asked(name) - before).toBe(3)
  })

  it('stays verified without its record: owners are warned once, until it is found again', async () => {
    const { id, owner, admin } = await startCompany(world)
    await owner.client.patch('/api/v1/users/me', { locale: 'de' })
    const domain = fresh()
    const { id: domainId, name, path, value } = await prove(dns, owner, id, domain)
    dns.set(name, ['v=spf1 -all'])
    await hours(24)
    await world.clock.advance('10 minutes')
    await owner.client.signIn(owner.email, owner.password)
    // in doubt for an hour
    const doubted = await read(owner, path)
    expect(doubted).toMatchObject({
      status: 'verified',
      check: { outcome: 'other_values', found: ['v=spf1 -all'] },
      warning: { outcome: 'other_values' },
    })
    expect(await warnings(owner)).toBe(0)
    await world.clock.advance('70 minutes')
    expect(await warnings(owner)).toBe(1)
    expect(await warnings(admin)).toBe(0)
    const [email] = await world.mailbox.emailsTo(owner.email)
    expect(email?.subject).toMatch(/^Der DNS-Eintrag einer Ihrer Domains fehlt/)
    expect(email?.text).toContain(`_latchkey-challenge.${domain}`)
    expect(email?.text).toContain(`/account/organizations/${id}/domains/${domainId}`)
    for (let day = 0; day < 5; day += 1) await world.clock.advance('1 day')
    expect(await warnings(owner)).toBe(1)
    await owner.client.signIn(owner.email, owner.password)
    const log = async () =>
      (await owner.client.get(`/api/v1/organizations/${id}/audit-logs?event_type=organization.domain.check_failed`)).data // biome-ignore format: a path
    expect(await log()).toMatchObject([{ details: { domain, outcome: 'other_values' } }])
    expect(await read(owner, path)).toMatchObject({
      status: 'verified',
      warning: { since: doubted.warning.since },
    })
    dns.set(name, [value])
    await owner.client.post(`${path}/verify`)
    expect(await read(owner, path)).toMatchObject({ status: 'verified', warning: null })
    // another time is another warning
    dns.set(name, { code: 'servfail' })
    for (let day = 0; day < 2; day += 1) await world.clock.advance('1 day')
    await world.clock.advance('2 hours')
    expect(await warnings(owner)).toBe(2)
    await owner.client.signIn(owner.email, owner.password)
    expect((await log()).length).toBe(2)
    expect(await read(owner, path)).toMatchObject({
      status: 'verified',
      check: { outcome: 'no_answer', fault: 'servfail' },
    })
  })

  it('is not warned about where the record is back within the hour', async () => {
    const { id, owner } = await startCompany(world)
    const { name, path, value } = await prove(dns, owner, id, fresh())
    dns.remove(name)
    await owner.client.post(`${path}/verify`)
    expect((await read(owner, path)).warning).toMatchObject({ outcome: 'not_found' })
    dns.set(name, [value])
    await hours(30)
    expect(await warnings(owner)).toBe(0)
    await owner.client.signIn(owner.email, owner.password)
    expect((await read(owner, path)).warning).toBeNull()
  })
})

describe('many domains', () => {
  it('are all checked in one run, in small batches', async () => {
    const [owner] = (await world.people(1)) as [Person]
    const id = await world.organization({ members: [[owner, 'owner']] })
    await world.db.tx('system', (tx) =>
      tx
        .insertInto('organization_domains')
        .values(
          Array.from({ length: 75 }, (_, n) => ({
            id: `dom_many${String(n).padStart(3, '0')}`,
            organization_id: id,
            domain: `many${n}.example.com`,
            token: `${n}`,
            created_at: world.clock.now(),
            next_check_at: world.clock.now(),
          })),
        )
        .execute(),
    )
    for (let n = 0; n < 75; n += 1)
      dns.set(`_latchkey-challenge.many${n}.example.com`, [`latchkey-verify=${n}`])
    await checkDueDomains(world.app.tools, world.clock.now())
    const { length } = await world.db.tx('system', (tx) =>
      tx.selectFrom('organization_domains').select('id').where('organization_id', '=', id).where('verified_at', 'is not', null).execute(),
    ) // biome-ignore format: a statement
    expect(length).toBe(75)
  })
})

describe.runIf(testDatabaseKind() === 'postgres')('two nodes', () => {
  it('check each domain once, and send each e-mail once', async () => {
    const nodes = await startNodes(2, { databasePool: 4, dnsServers: [dns.address] }, { pool: 8 })
    try {
      const now = new Date('2030-06-01T12:00:00Z')
      await nodes.db.asOwner((line) =>
        line.plain(`
          insert into latchkey.organizations (id, name, slug, created_at, updated_at) values ('org_n', 'A', 'a', now(), now());
          insert into latchkey.users (id, username, username_key, status, roles, created_at, updated_at) values ('usr_n', 'n', 'n', 'active', '{viewer}', now(), now());
          insert into latchkey.emails (id, user_id, address, address_key, is_primary, claimed_at, verified_at, created_at) values ('eml_n', 'usr_n', 'n@example.com', 'n@example.com', true, now(), now(), now());
          insert into latchkey.memberships (organization_id, user_id, role, joined_at) values ('org_n', 'usr_n', 'owner', now());
          insert into latchkey.organization_domains (id, organization_id, domain, token, created_at, verified_at, checked_at, outcome, failing_since, next_check_at)
            select 'dom_' || n, 'org_n', 'n' || n || '.example.com', n::text, now(), now(), now(), 'not_found', '${new Date(now.getTime() - 7_200_000).toISOString()}', '${now.toISOString()}'
            from generate_series(1, 60) n;`),
      )
      await Promise.all(
        nodes.apps.flatMap(({ tools }) => [checkDueDomains(tools, now), checkDueDomains(tools, now)]),
      )
      for (let n = 1; n <= 60; n += 1) expect(asked(`_latchkey-challenge.n${n}.example.com`)).toBe(1)
      const letters = await nodes.db.tx('system', (tx) => tx.selectFrom('letters').select('id').execute())
      expect(letters).toHaveLength(60)
    } finally {
      await nodes.stop()
    }
  })
})
