/** An organization's domains by the JSON API: adding, verifying, who may, which domains, whose connection. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import type { DnsServer } from '../../../testing/dns-server.ts'
import type { Person, World } from '../../../testing/world.ts'
import { type Company, startCompany } from '../policy/testing.ts'
import { add, connect, type DomainWorld, pathOf, prove, startDomainWorld } from './testing.ts'

let started: DomainWorld
let world: World
let dns: DnsServer
let company: Company
let count = 0
const fresh = (): string => `d${++count}.example.com`

beforeAll(async () => {
  started = await startDomainWorld()
  ;({ world, dns } = started)
  company = await startCompany(world)
})
afterAll(() => started.stop())

describe('a domain', () => {
  it('is added with the record to publish, and verified by it', async () => {
    const { client } = company.owner
    const added = await client.post(pathOf(company.id), { domain: ' Example.COM. ' })
    expect([added.status, added.body.message]).toEqual([201, 'Domain added.'])
    expect(added.data).toMatchObject({
      id: expect.stringMatching(/^dom_[0-9a-f]{32}$/),
      domain: 'example.com',
      status: 'pending',
      dns: {
        type: 'TXT',
        host: '_latchkey-challenge',
        name: '_latchkey-challenge.example.com',
        value: expect.stringMatching(/^latchkey-verify=[0-9a-f]{40}$/),
      },
      check: null,
      warning: null,
      connection_id: null,
      added_by: company.owner.id,
      verified_at: null,
    })
    const path = pathOf(company.id, `/${added.data.id}`)
    const nothing = await client.post(`${path}/verify`)
    expect(nothing.status).toBe(200)
    expect(nothing.data).toMatchObject({ status: 'pending', check: { outcome: 'not_found', found: [] } })
    dns.set(added.data.dns.name, ['v=spf1 -all', 'latchkey-verify=0000'])
    const other = await client.post(`${path}/verify`)
    expect(other.data).toMatchObject({
      status: 'pending',
      check: { outcome: 'other_values', found: ['v=spf1 -all', 'latchkey-verify=0000'], fault: null },
    })
    dns.set(added.data.dns.name, ['other', added.data.dns.value])
    const right = await client.post(`${path}/verify`)
    expect(right.body.message).toBe('Domain checked.')
    expect(right.data).toMatchObject({
      status: 'verified',
      check: { checked_at: expect.stringMatching(/^2030-06-01T12:/), outcome: 'verified' },
      verified_at: expect.stringMatching(/^2030-06-01T12:/),
      warning: null,
    })
    expect((await client.get(path)).data).toEqual(right.data)
    expect((await client.get(pathOf(company.id))).data).toEqual([right.data])
    expect((await world.events(company.owner.id)).filter((type) => type.includes('.domain.'))).toEqual([
      'organization.domain.added',
      'organization.domain.verified',
    ])
  })

  it('that was added already is answered as it is', async () => {
    const { client } = company.owner
    const domain = fresh()
    const first = await client.post(pathOf(company.id), { domain })
    const second = await client.post(pathOf(company.id), { domain: domain.toUpperCase() })
    expect([second.status, second.body.message]).toEqual([200, 'The organization has the domain already.'])
    expect(second.data).toEqual(first.data)
  })

  it('added twenty times at once is one', async () => {
    const domain = fresh()
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => company.owner.client.post(pathOf(company.id), { domain })),
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([...Array(19).fill(200), 201])
    expect(new Set(replies.map(({ data }) => data.id)).size).toBe(1)
  })

  it('is proven by a value in several strings, in quotation marks, behind an alias, among very many', async () => {
    const { client } = company.owner
    const published = async (publish: (value: string) => Parameters<DnsServer['set']>[1]) => {
      const { path, name, value } = await add(company.owner, company.id, fresh())
      dns.set(name, publish(value))
      return (await client.post(`${path}/verify`)).data
    }
    const many = Array.from({ length: 150 }, (_, n) => `${n} ${'x'.repeat(250)}`)
    expect((await published((value) => [[value.slice(0, 20), value.slice(20)]])).status).toBe('verified')
    expect((await published((value) => [` "${value}" `])).status).toBe('verified')
    expect((await published((value) => ({ cname: 'challenge.example.net', txt: [value] }))).status).toBe(
      'verified',
    )
    const long = await published((value) => [...many, value])
    expect(long.status).toBe('verified')
    expect(long.check.found).toHaveLength(10)
    for (const near of [(value: string) => `${value}0`, (value: string) => value.slice(0, -1), (value: string) => value.replace('=', ' = ')])
      expect((await published((value) => [near(value)])).check.outcome).toBe('other_values') // biome-ignore format: a table
  })

  it('shows what was found as visible text of limited length', async () => {
    const { path, name } = await add(company.owner, company.id, fresh())
    dns.set(name, [['\u0000\u001b[31m\u202e<b>'], ['y'.repeat(255), 'y'.repeat(255)]])
    const { data } = await company.owner.client.post(`${path}/verify`)
    expect(data.check.found[0]).toMatch(/^[\x20-\x7e\ufffd]+<b>$/)
    expect(data.check.found[1]).toHaveLength(255)
  })

  test.each([
    ['servfail', { code: 'servfail' }],
    ['refused', { code: 'refused' }],
    ['timeout', { silent: true }],
  ] as const)('of which the name servers answer %s stays as it is', async (fault, answer) => {
    const { path, name } = await add(company.owner, company.id, fresh())
    dns.set(name, answer)
    const { status, data } = await company.owner.client.post(`${path}/verify`)
    expect([status, data.status, data.check.outcome, data.check.fault]).toEqual([
      200,
      'pending',
      'no_answer',
      fault,
    ])
  })

  it('is removed with its proof, and is another one when it is added again', async () => {
    const { client } = company.owner
    const domain = fresh()
    const before = await prove(dns, company.owner, company.id, domain)
    expect((await client.delete(before.path)).status).toBe(200)
    for (const reply of [
      await client.get(before.path),
      await client.delete(before.path),
      await client.post(`${before.path}/verify`),
      await client.patch(before.path, { connection_id: null }),
    ])
      expect([reply.status, reply.code]).toEqual([404, 'NOT_FOUND'])
    const after = await add(company.owner, company.id, domain)
    expect(after.value).not.toBe(before.value)
    expect((await client.post(`${after.path}/verify`)).data.status).toBe('pending')
  })

  it('that is removed while it is checked is gone', async () => {
    const { path, name, value } = await add(company.owner, company.id, fresh())
    let release = (): void => {}
    dns.set(name, { txt: [value], wait: new Promise<void>((resolve) => { release = resolve }) }) // biome-ignore format: it reads as one line
    const asked = dns.asked.length
    const checking = company.owner.client.post(`${path}/verify`)
    await expect.poll(() => dns.asked.length).toBeGreaterThan(asked)
    expect((await company.owner.client.delete(path)).status).toBe(200)
    release()
    expect((await checking).status).toBe(404)
  })

  it('added and removed by many at once leaves no trace but what was last', async () => {
    const { client } = company.owner
    const domain = fresh()
    const { path } = await add(company.owner, company.id, domain)
    const removals = await Promise.all(Array.from({ length: 20 }, () => client.delete(path)))
    expect(removals.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(removals.filter(({ status }) => status === 404)).toHaveLength(19)
  })

  it('is one of at most a hundred', async () => {
    const [owner] = (await world.people(1)) as [Person]
    const id = await world.organization({ members: [[owner, 'owner']] })
    await world.db.tx('system', (tx) =>
      tx
        .insertInto('organization_domains')
        .values(
          Array.from({ length: 99 }, (_, n) => ({
            id: `dom_full${n}`,
            organization_id: id,
            domain: `full${n}.example.com`,
            token: `${n}`,
            created_at: world.clock.now(),
          })),
        )
        .execute(),
    )
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, n) => owner.client.post(pathOf(id), { domain: `more${n}.example.com` })),
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(409)])
    expect((await owner.client.get(pathOf(id))).data).toHaveLength(100)
    // one that is there is still answered
    const known = await owner.client.post(pathOf(id), { domain: 'full1.example.com' })
    expect(known.status).toBe(200)
  })
})

describe('a domain that no organization can own', () => {
  test.each([
    ['gmail.com', 'mail_provider'],
    ['GoogleMail.com', 'mail_provider'],
    ['web.de', 'mail_provider'],
    ['163.com', 'mail_provider'],
    ['co.uk', 'public_suffix'],
    ['github.io', 'public_suffix'],
    ['anything.ck', 'public_suffix'],
    ['公司.cn', 'public_suffix'],
    ['com', 'domain'],
    ['localhost', 'domain'],
    ['127.0.0.1', 'domain'],
    ['[::1]', 'domain'],
    ['*.example.com', 'domain'],
    ['_dmarc.example.com', 'domain'],
    ['ada@example.com', 'domain'],
    ['https://example.com/', 'domain'],
    ['example..com', 'domain'],
    ['xn--a.example', 'domain'],
    [`${'a.'.repeat(116)}example`, 'domain'],
    ['a'.repeat(300), 'domain'],
    ['', 'domain'],
  ])('%s is refused', async (domain, code) => {
    const reply = await company.owner.client.post(pathOf(company.id), { domain })
    expect([reply.status, reply.code, reply.body.error.details]).toEqual([
      400,
      'VALIDATION_ERROR',
      [{ field: 'domain', code, message: expect.stringMatching(/\.$/) }],
    ])
  })

  test.each(['www.ck', 'example.co.uk', 'ada.github.io', 'mail.gmail.com', `${'a.'.repeat(112)}example`, 'xn--mnchen-3ya.de'])(
    '%s is another one',
    async (domain) => {
      const reply = await company.owner.client.post(pathOf(company.id), { domain })
      expect([reply.status, reply.data?.domain]).toEqual([201, domain])
      await company.owner.client.delete(pathOf(company.id, `/${reply.data.id}`))
    },
  ) // biome-ignore format: a list
})

describe('the domains of an organization', () => {
  it('are read by its admins and owners, and changed by its owners', async () => {
    const { id, owner, admin, member, guest } = company
    const { path } = await add(owner, id, fresh())
    const requests: [string, (person: Person) => Promise<{ status: number }>][] = [
      ['list', ({ client }) => client.get(pathOf(id))],
      ['show', ({ client }) => client.get(path)],
      ['add', ({ client }) => client.post(pathOf(id), { domain: fresh() })],
      ['verify', ({ client }) => client.post(`${path}/verify`)],
      ['change', ({ client }) => client.patch(path, { connection_id: null })],
      ['remove', ({ client }) => client.delete(path)],
    ]
    const statuses = async (person: Person) => {
      const found: Record<string, number> = {}
      for (const [name, send] of requests) found[name] = (await send(person)).status
      return found
    }
    const none = { list: 403, show: 403, add: 403, verify: 403, change: 403, remove: 403 }
    expect(await statuses(guest)).toEqual(none)
    expect(await statuses(member)).toEqual(none)
    expect(await statuses(admin)).toEqual({ ...none, list: 200, show: 200 })
    const all = { list: 200, show: 200, add: 201, verify: 200, change: 200, remove: 200 }
    expect(await statuses(owner)).toEqual(all)
    const outsider = await world.person()
    expect(Object.values(await statuses(outsider))).toEqual(Array(6).fill(404))
    const [root] = (await world.people([{ roles: ['super_admin'] }])) as [Person]
    const again = await add(owner, id, fresh())
    expect((await root.client.get(again.path)).status).toBe(200)
    expect((await root.client.delete(again.path)).status).toBe(200)
  })

  it('are not those of a neighbour, whose ids lead nowhere', async () => {
    const neighbour = await startCompany(world)
    const theirs = await add(neighbour.owner, neighbour.id, fresh())
    const { client } = company.owner
    const foreign = pathOf(company.id, `/${theirs.id}`)
    for (const reply of [
      await client.get(foreign),
      await client.post(`${foreign}/verify`),
      await client.patch(foreign, { connection_id: null }),
      await client.delete(foreign),
      await client.get(theirs.path),
      await client.delete(theirs.path),
    ])
      expect(reply.status).toBe(404)
    const listed = await client.get(pathOf(company.id))
    expect(listed.text).not.toContain(theirs.id)
    expect((await neighbour.owner.client.get(theirs.path)).status).toBe(200)
  })
})

describe('the connection of a domain', () => {
  it('is one of the organization’s, or the first active one', async () => {
    const { id, owner } = company
    const neighbour = await startCompany(world)
    const ours = await connect(world, id, 'con_0000000000000000000000000000000a')
    const theirs = await connect(world, neighbour.id, 'con_0000000000000000000000000000000b')
    const { path } = await add(owner, id, fresh())
    const chosen = await owner.client.patch(path, { connection_id: ours })
    expect([chosen.status, chosen.data.connection_id]).toEqual([200, ours])
    for (const connection_id of [theirs, 'con_none', '']) {
      const refused = await owner.client.patch(path, { connection_id })
      expect([refused.status, refused.body.error.details[0].field]).toEqual([400, 'connection_id'])
    }
    expect((await owner.client.patch(path, {})).data.connection_id).toBe(ours)
    expect((await owner.client.patch(path, { connection_id: null })).data.connection_id).toBeNull()
    const changes = (await world.events(owner.id)).filter((type) => type.endsWith('connection_changed'))
    expect(changes).toHaveLength(2)
    await owner.client.patch(path, { connection_id: ours })
    await world.db.tx('system', (tx) => tx.deleteFrom('connections').where('id', '=', ours).execute())
    expect((await owner.client.get(path)).data.connection_id).toBeNull()
  })
})

// last, because it moves the clock
describe('a domain of a session that is not recent', () => {
  it('is neither removed nor given another connection', async () => {
    const other = await startCompany(world)
    const { path } = await prove(dns, other.owner, other.id, fresh())
    const { client } = other.owner
    await world.clock.advance('11 minutes')
    for (const reply of [await client.patch(path, { connection_id: null }), await client.delete(path)])
      expect([reply.status, reply.code]).toEqual([401, 'STEP_UP_REQUIRED'])
    expect((await client.post(pathOf(other.id), { domain: fresh() })).status).toBe(201)
    expect((await client.post(`${path}/verify`)).data.status).toBe('verified')
    await client.signIn(other.owner.email, other.owner.password)
    expect((await client.delete(path)).status).toBe(200)
  })
})
