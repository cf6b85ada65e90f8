/** Listing and searching users: every filter and order, hostile text, cursors. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json, Reply } from '../../../testing/client.ts'
import { PASSWORD } from '../../../testing/world.ts'
import { at, outcome, type StaffedWorld, startStaffedWorld } from './testing.ts'

let world: StaffedWorld['world']
let root: StaffedWorld['root']
let manager: StaffedWorld['manager']
beforeAll(async () => {
  ;({ world, root, manager } = await startStaffedWorld())
})
afterAll(() => world.stop())

describe('a search', () => {
  const find = async (query: Record<string, string>): Promise<string[]> => {
    const reply = await manager.client.get(`/api/v1/users?${new URLSearchParams(query)}`)
    expect(reply.status, reply.text).toBe(200)
    return reply.data.map((user: Json) => user.email)
  }
  beforeAll(async () => {
    for (const [email, username, full_name] of [
      ['ada.lovelace@find.example', 'countess', 'Ada Lovelace'],
      ['zoe@find.example', 'adalind', 'Zoë Ångström'],
      ['percent@find.example', 'p_rcent', '100% _under\\score'],
      ['plain@find.example', 'pxrcent', '100x xunder'],
    ])
      await root.client.post('/api/v1/users', { email, username, full_name, send_invitation: false })
  })

  it('matches the beginning of a username, an address or a name, in any spelling, each user once', async () => {
    expect(await find({ search: 'ada' })).toEqual(['ada.lovelace@find.example', 'zoe@find.example'])
    expect(await find({ search: 'COUNT' })).toEqual(['ada.lovelace@find.example'])
    expect(await find({ search: 'zoë å' })).toEqual(['zoe@find.example'])
    expect(await find({ search: ' ＡＤＡ.Love ' })).toEqual(['ada.lovelace@find.example'])
    // decomposed (NFD), as some keyboards produce it
    expect(await find({ search: 'zoë ångström' })).toEqual(['zoe@find.example'])
    expect(await find({ search: 'lovelace' })).toEqual([])
    expect(await find({ search: '' })).toContain('zoe@find.example')
    expect(await find({ search: '  ' })).toContain('zoe@find.example')
  })

  it('treats wildcards, patterns and quotes as plain text', async () => {
    expect(await find({ search: '100%' })).toEqual(['percent@find.example'])
    expect(await find({ search: 'p_r' })).toEqual(['percent@find.example'])
    expect(await find({ search: '100% _under\\' })).toEqual(['percent@find.example'])
    for (const search of ['%', '_', '*', '.*', "'", '\\', "' or 1=1 --", '\u{10ffff}'])
      expect(await find({ search })).toEqual([])
  })

  it('combines with every filter', async () => {
    const [zoe] = (await manager.client.get('/api/v1/users?search=zoe@')).data
    await root.client.post(at(zoe.id, '/lock'), { minutes: 5 })
    expect(await find({ search: 'ada', status: 'locked' })).toEqual(['zoe@find.example'])
    expect(await find({ search: 'ada', status: 'active' })).toEqual(['ada.lovelace@find.example'])
    expect(await find({ search: 'ada', role: 'viewer' })).toHaveLength(2)
    expect(await find({ search: 'ada', role: 'manager' })).toEqual([])
    expect(await find({ search: 'ada', created_after: '2031-01-01T00:00:00Z' })).toEqual([])
    expect(await find({ search: 'ada', created_before: '2031-01-01T00:00:00+02:00' })).toHaveLength(2)
    expect(await find({ status: 'locked' })).toEqual(['zoe@find.example'])
    await world.clock.advance('6 minutes')
    await manager.client.signIn(manager.email, PASSWORD)
    expect(await find({ status: 'locked' })).toEqual([])
    expect(await find({ role: 'super_admin' })).toEqual(['root@example.com'])
    expect(await find({ role: 'unknown' })).toEqual([])
    expect(await find({ created_after: '2031-01-01T00:00:00Z' })).toEqual([])
    await root.client.signIn(root.email, PASSWORD)
  })

  it('pages through every user once, in both orders, with every filter', async () => {
    const total = await world.db.tx(
      'system',
      async (tx) => (await tx.selectFrom('users').select('id').execute()).length,
    )
    const walk = async (query: Record<string, string>): Promise<Json[]> => {
      const seen: Json[] = []
      let cursor: string | null = ''
      while (cursor !== null) {
        const parameters: URLSearchParams = new URLSearchParams({
          ...query,
          limit: '3',
          ...(cursor ? { cursor } : {}),
        })
        const reply: Reply = await manager.client.get(`/api/v1/users?${parameters}`)
        expect(reply.status, reply.text).toBe(200)
        seen.push(...reply.data)
        cursor = reply.body.metadata.next_cursor ?? null
      }
      return seen
    }
    const newest = await walk({})
    expect(new Set(newest.map(({ id }) => id)).size).toBe(total)
    expect(newest).toHaveLength(total)
    expect((await walk({ sort: 'created_at' })).map(({ id }) => id)).toEqual(
      newest.map(({ id }) => id).reverse(),
    )
    expect((await walk({ role: 'viewer' })).map(({ id }) => id)).toEqual(
      newest.filter(({ roles }) => roles.includes('viewer')).map(({ id }) => id),
    )
    const found = await walk({ search: 'p' })
    expect(new Set(found.map(({ id }) => id)).size).toBe(found.length)
    expect(found.length).toBeGreaterThan(1)
  })

  it('has a cursor that fits its field after the longest name of any script, and refuses a longer one', async () => {
    // four bytes a character, of which each becomes two in the position of a search
    const name = '\u{1D400}'.repeat(100)
    const full = await manager.client.post('/api/v1/users', {
      email: 'long.one@example.com',
      full_name: name,
    })
    expect(full.status, full.text).toBe(201)
    await manager.client.post('/api/v1/users', { email: 'long.two@example.com', full_name: name })
    const search = encodeURIComponent('\u{1D400}'.repeat(40))
    const first = await manager.client.get(`/api/v1/users?search=${search}&limit=1`)
    const cursor = String(first.body.metadata.next_cursor)
    expect([first.status, first.data.length, cursor.length <= 2048]).toEqual([200, 1, true])
    const second = await manager.client.get(`/api/v1/users?search=${search}&limit=1&cursor=${cursor}`)
    expect([second.status, second.data.length]).toEqual([200, 1])
    expect(second.data[0].id).not.toBe(first.data[0].id)
    for (const [length, code] of [[2048, 'cursor'], [2049, 'too_long']] as const) {
      const { status, body } = await manager.client.get(`/api/v1/users?cursor=${'A'.repeat(length)}`)
      expect([length, status, body.error.details[0]]).toEqual([
        length,
        400,
        expect.objectContaining({ field: 'cursor', code }),
      ])
    } // biome-ignore format: a table
  })

  it('refuses forged cursors, cursors of other lists, and unknown orders and filters', async () => {
    const { body } = await manager.client.get('/api/v1/users?limit=1')
    const cursor = String(body.metadata.next_cursor)
    for (const value of [cursor, ''])
      expect((await manager.client.get(`/api/v1/users?cursor=${value}`)).status).toBe(200)
    for (const query of [
      `cursor=${cursor}x`,
      `cursor=${cursor.slice(1)}`,
      'cursor=usr_1',
      `cursor=${cursor}&sort=created_at`,
      `cursor=${cursor}&search=a`,
      `cursor=${cursor}&role=viewer`,
      'sort=email',
      'sort=created_at;drop',
      'status=admin',
      'limit=0',
      'limit=101',
      'limit=x',
      'created_after=yesterday',
      'search=a&sort=created_at',
    ]) {
      // biome-ignore format: a table
      expect([query, ...outcome(await manager.client.get(`/api/v1/users?${query}`))]).toEqual([query, 400, 'VALIDATION_ERROR'])
    }
    expect(outcome(await manager.client.get(`/api/v1/audit-logs?cursor=${cursor}`))).toEqual([
      403,
      'INSUFFICIENT_PERMISSIONS',
    ])
    expect(outcome(await root.client.get(`/api/v1/audit-logs?cursor=${cursor}`))).toEqual([
      400,
      'VALIDATION_ERROR',
    ])
  })
})
