/** Reading and exporting the audit log: the server's by permission, an organization's by its members. */
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../../base/ids.ts'
import { purgeAudit } from '../../../core/audit/index.ts'
import type { Client, Json, Reply } from '../../../testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
let root: Person
let viewer: Person
let owner: Person
let member: Person
const ORG = newId('org')
const OTHER = newId('org')
const LOG = '/api/v1/audit-logs'

const write = (entries: Record<string, unknown>[]) =>
  world.db.tx('system', async (tx) => {
    for (let from = 0; from < entries.length; from += 1000)
      await tx
        .insertInto('audit_events')
        .values(
          entries.slice(from, from + 1000).map((entry) => ({
            id: newId('aud'),
            at: world.clock.now(),
            event_type: 'user.updated',
            user_id: null,
            username: null,
            ip_address: null,
            user_agent: null,
            session_id: null,
            organization_id: null,
            request_id: null,
            details: '{}',
            ...entry,
          })),
        )
        .execute()
  })
const outcome = ({ status, code }: Reply) => [status, code]
const get = async (client: Client, path: string): Promise<Json[]> => {
  const reply = await client.get(path)
  expect(reply.status, reply.text).toBe(200)
  return reply.data
}
const linesOf = (text: string): Json[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
/** Parses RFC 4180, as a spreadsheet does. */
function cellsOf(csv: string): string[][] {
  const rows: string[][] = [[]]
  for (const [, quoted, plain = '', end] of csv.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    if (end === '' && quoted === undefined && plain === '') break
    rows.at(-1)?.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    if (end === '\r\n') rows.push([])
  }
  return rows.filter((row) => row.length > 0)
}

beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  root = await world.person({ email: 'root@example.com', username: 'rosa' })
  viewer = await world.person({ email: 'viewer@example.com' })
  owner = await world.person({ email: 'owner@example.com' })
  member = await world.person({ email: 'member@example.com' })
  await world.db.tx('system', async (tx) => {
    await tx
      .updateTable('users')
      .set({ roles: ['super_admin'] })
      .where('id', '=', root.id)
      .execute()
    const now = world.clock.now()
    for (const id of [ORG, OTHER])
      await tx
        .insertInto('organizations')
        .values({ id, name: id, slug: id.replace('_', '-'), created_at: now, updated_at: now } as never)
        .execute()
    for (const [user_id, role] of [
      [owner.id, 'owner'],
      [member.id, 'member'],
    ] as const)
      await tx
        .insertInto('memberships')
        .values({ organization_id: ORG, user_id, role, joined_at: now } as never)
        .execute()
  })
  await write([
    { organization_id: ORG, username: 'inside', details: '{"where":"own"}' },
    { organization_id: OTHER, username: 'elsewhere', details: '{"where":"foreign"}' },
  ])
})
afterAll(() => world.stop())

describe('the audit log', () => {
  it('is refused without the permission, and to keys without the permission', async () => {
    const { id } = (await get(root.client, `${LOG}?limit=1`))[0]
    for (const client of [viewer.client, owner.client])
      for (const path of [LOG, `${LOG}/${id}`, `${LOG}/export`])
        expect([path, ...outcome(await client.get(path))]).toEqual([path, 403, 'INSUFFICIENT_PERMISSIONS'])
    const key = async (permissions: string[]) => (await root.client.apiKey({ permissions })).client
    expect((await (await key(['users:read'])).get(LOG)).status).toBe(403)
    for (const path of [LOG, `${LOG}/${id}`, `${LOG}/export`])
      expect((await (await key(['audit:read'])).get(path)).status).toBe(200)
  })

  it('is filtered by exact values of every field', async () => {
    const entry = {
      user_id: newId('usr'),
      username: 'exact%_',
      ip_address: '2001:db8::1',
      session_id: newId('ses'),
      organization_id: newId('org'),
      request_id: 'trace-1.2',
    }
    await write([
      { ...entry, details: '{"n":1}' },
      { ...entry, username: 'exact', event_type: 'user.locked' },
    ])
    for (const [name, value] of Object.entries(entry)) {
      const found = await get(root.client, `${LOG}?${new URLSearchParams({ [name]: value })}`)
      expect(found.length, name).toBe(name === 'username' ? 1 : 2)
      expect(found.every((event) => event[name] === value)).toBe(true)
      expect(await get(root.client, `${LOG}?${new URLSearchParams({ [name]: value.slice(0, -1) })}`)).toEqual(
        name === 'username' ? [] : [],
      )
      expect(await get(root.client, `${LOG}?${new URLSearchParams({ [name]: '%' })}`)).toEqual([])
      expect(
        await get(
          root.client,
          `${LOG}?${new URLSearchParams({ [name]: value, event_type: 'user.locked,user.unlocked' })}`,
        ),
      ).toHaveLength(name === 'username' ? 0 : 1)
    }
    const [event] = await get(root.client, `${LOG}?username=exact%25_`)
    expect(event).toEqual({
      id: expect.stringMatching(/^aud_/),
      timestamp: expect.any(String),
      event_type: 'user.updated',
      user_agent: null,
      details: { n: 1 },
      ...entry,
    })
    expect((await root.client.get(`${LOG}/${event.id}`)).data).toEqual(event)
    expect(outcome(await root.client.get(`${LOG}/aud_00000000000000000000000000000000`))).toEqual([
      404,
      'NOT_FOUND',
    ])
  })

  it('is filtered by types and by prefixes of types', async () => {
    const types = async (event_type: string) =>
      [
        ...new Set(
          (await get(root.client, `${LOG}?limit=100&event_type=${event_type}`)).map(
            (event) => event.event_type,
          ),
        ),
      ].sort()
    expect(await types('user.registered')).toEqual(['user.registered'])
    expect((await types('auth.*')).every((type) => String(type).startsWith('auth.'))).toBe(true)
    expect(await types('auth.*')).toEqual(
      expect.arrayContaining(['auth.email.verified', 'auth.login.success']),
    )
    expect(await types('user.registered,auth.email.*')).toEqual(['auth.email.verified', 'user.registered'])
    expect(await types('nothing.*')).toEqual([])
    expect(await types('nothing.such')).toEqual([])
    for (const bad of ['*', 'a;b', "'", 'a,,b', '%25', 'auth.%2A%2A'])
      expect([bad, ...outcome(await root.client.get(`${LOG}?event_type=${bad}`))]).toEqual([
        bad,
        400,
        'VALIDATION_ERROR',
      ])
  })

  it('is paged newest first, without gaps or duplicates, also within one instant', async () => {
    const at = new Date('2029-01-01T00:00:00Z')
    await write(
      Array.from({ length: 25 }, (_, n) => ({
        username: 'paged',
        at,
        event_type: n % 2 ? 'user.locked' : 'user.unlocked',
      })),
    )
    for (const filter of [
      'username=paged',
      'event_type=user.locked,user.unlocked&to=2029-06-01T00:00:00Z',
      'from=2029-01-01T00:00:00Z&to=2029-01-01T00:00:01Z',
    ]) {
      const seen: Json[] = []
      let cursor = ''
      do {
        const reply: Reply = await root.client.get(`${LOG}?${filter}&limit=7${cursor && `&cursor=${cursor}`}`)
        seen.push(...reply.data)
        cursor = reply.body.metadata.next_cursor ?? ''
      } while (cursor)
      expect(new Set(seen.map(({ id }) => id)).size, filter).toBe(25)
      expect(seen).toHaveLength(25)
    }
    const { body } = await root.client.get(`${LOG}?username=paged&limit=7`)
    const cursor = body.metadata.next_cursor
    for (const query of [
      `cursor=${cursor}`,
      `username=other&cursor=${cursor}`,
      `username=paged&cursor=${cursor}A`,
      'cursor=aud_1',
      'from=now',
    ])
      expect([query, ...outcome(await root.client.get(`${LOG}?${query}`))]).toEqual([
        query,
        400,
        'VALIDATION_ERROR',
      ])
  })
})

describe('the log of an organization', () => {
  const own = `/api/v1/organizations/${ORG}/audit-logs`

  it('shows only the organization’s events, to members with the permission', async () => {
    const events = await get(owner.client, own)
    expect(events.map(({ organization_id }) => organization_id)).toEqual(events.map(() => ORG))
    expect(events.some(({ username }) => username === 'inside')).toBe(true)
    const file = linesOf((await owner.client.get(`${own}/export`)).text)
    expect(file.every(({ organization_id }) => organization_id === ORG)).toBe(true)
    expect(await get(owner.client, `${own}?username=elsewhere`)).toEqual([])
    // a filter cannot select another organization
    expect((await owner.client.get(`${own}?organization_id=${OTHER}`)).body.error.details).toMatchObject([
      { field: 'organization_id', code: 'unknown' },
    ])
    expect(await get(root.client, `${own}?username=elsewhere`)).toEqual([])
  })

  it('is refused to members without the permission, and NOT_FOUND for other users', async () => {
    for (const path of [own, `${own}/export`]) {
      expect([path, ...outcome(await member.client.get(path))]).toEqual([
        path,
        403,
        'INSUFFICIENT_PERMISSIONS',
      ])
      expect([path, ...outcome(await viewer.client.get(path))]).toEqual([path, 404, 'NOT_FOUND'])
      expect([path, ...outcome(await owner.client.get(path.replace(ORG, OTHER)))]).toEqual([
        path,
        404,
        'NOT_FOUND',
      ])
    }
  })
})

describe('an export', () => {
  it('as JSON lines equals the API’s events, and is recorded', async () => {
    await write([
      { username: 'lines', details: JSON.stringify({ text: 'a\nb\u2028"c"', deep: [1, { x: null }] }) },
      { username: 'lines', user_agent: 'ünïcode \u0007' },
    ])
    const reply = await root.client.get(`${LOG}/export?username=lines`)
    expect(reply.headers.get('content-type')).toMatch(/^application\/x-ndjson/)
    expect(reply.headers.get('content-disposition')).toMatch(
      /^attachment; filename="audit-log-[\d-]+\.jsonl"$/,
    )
    expect([reply.headers.get('cache-control'), reply.headers.get('x-content-type-options')]).toEqual([
      'no-store',
      'nosniff',
    ])
    expect(reply.headers.get('x-request-id')).toMatch(/^req_/)
    expect(linesOf(reply.text)).toEqual(await get(root.client, `${LOG}?username=lines`))
    const [event] = await get(root.client, `${LOG}?event_type=audit.exported&limit=1`)
    expect(event).toMatchObject({
      user_id: root.id,
      username: 'rosa',
      organization_id: null,
      details: { format: 'jsonl', username: 'lines' },
    })
  })

  it('as CSV parses back cell by cell, and no cell is a formula', async () => {
    const nasty = [
      '=1+1',
      '+1',
      '-1',
      '@SUM(A1)',
      '\t=1',
      '\r=1',
      '＝1',
      'a,b',
      'say "hi"',
      'two\r\nlines',
      "'quoted",
      'plain =1',
    ]
    await write(nasty.map((user_agent) => ({ username: 'sheet', user_agent })))
    const reply = await root.client.get(`${LOG}/export?username=sheet&format=csv`)
    expect(reply.headers.get('content-type')).toMatch(/^text\/csv/)
    expect(reply.text.startsWith('id,timestamp,')).toBe(true)
    const [head = [], ...rows] = cellsOf(reply.text)
    expect(rows).toHaveLength(nasty.length)
    expect(rows.every((row) => row.length === head.length)).toBe(true)
    const agents = rows.map((row) => row[head.indexOf('user_agent')] ?? '')
    expect(agents.map((text) => text.replace(/^'(?!quoted)/, '')).sort()).toEqual([...nasty].sort())
    for (const row of rows) for (const text of row) expect(text).not.toMatch(/^[=+\-@\t\r＝]/)
    const marked = await fetch(`${world.url}${LOG}/export?username=sheet&format=csv&bom=true`, {
      headers: { cookie: [...root.client.cookies].map((pair) => pair.join('=')).join('; ') },
    })
    expect(Buffer.from(await marked.arrayBuffer()).subarray(0, 3)).toEqual(Buffer.from('\ufeff'))
    // no events: the header line alone
    expect(cellsOf((await root.client.get(`${LOG}/export?username=unknown&format=csv`)).text)).toEqual([head])
    expect((await root.client.get(`${LOG}/export?username=unknown`)).text).toBe('')
    expect(outcome(await root.client.get(`${LOG}/export?format=xml`))).toEqual([400, 'VALIDATION_ERROR'])
  })

  it('contains each of many events once, in chunks', async () => {
    await write(
      Array.from({ length: 5500 }, (_, n) => ({ username: 'many', details: JSON.stringify({ n }) })),
    )
    const lines = linesOf((await root.client.get(`${LOG}/export?username=many`)).text)
    expect(lines).toHaveLength(5500)
    expect(new Set(lines.map(({ details }) => details.n)).size).toBe(5500)
  })

  it('stops reading from the database when the client disconnects or does not read', async () => {
    await write(Array.from({ length: 30_000 }, () => ({ username: 'endless', user_agent: 'x'.repeat(400) })))
    const { db } = world.app.tools
    let pieces = 0
    const tx = db.tx
    db.tx = ((scope: never, work: never) => {
      if (typeof scope === 'object') pieces += 1
      return tx(scope, work)
    }) as typeof tx
    /** How many chunks were read once reading stops. */
    const standstill = async (): Promise<number> => {
      for (let before = -1; before !== pieces; ) {
        before = pieces
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
      return pieces
    }
    try {
      const socket = connect(Number(new URL(world.url).port), '127.0.0.1')
      const cookie = [...root.client.cookies].map((pair) => pair.join('=')).join('; ')
      socket.write(`GET ${LOG}/export?username=endless HTTP/1.1\r\nhost: x\r\ncookie: ${cookie}\r\n\r\n`)
      await new Promise((resolve) => socket.once('data', resolve))
      socket.pause()
      const taken = await standstill()
      // thirteen megabytes; only what fits into the sockets' buffers is read
      expect(taken).toBeLessThan(25)
      socket.destroy()
      expect(await standstill()).toBeLessThanOrEqual(taken + 1)
    } finally {
      db.tx = tx
    }
  })

  it('aborts when the credential ends or loses the permission', async () => {
    const second = world.client()
    const { data } = await second.signIn(root.email, PASSWORD)
    const socket = connect(Number(new URL(world.url).port), '127.0.0.1')
    socket.write(
      `GET ${LOG}/export?username=endless HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${data.token}\r\n\r\n`,
    )
    await new Promise((resolve) => socket.once('data', resolve))
    socket.pause()
    await second.post('/api/v1/auth/logout')
    let text = ''
    socket.on('data', (chunk) => {
      text = (text + chunk).slice(-20)
    })
    socket.resume()
    await new Promise((resolve) => socket.once('close', resolve))
    expect(text.endsWith('0\r\n\r\n')).toBe(false)
  })
})

describe('events past their retention', () => {
  it('are deleted in bounded batches, and no others', async () => {
    const before = new Date('2020-01-01T00:00:00Z')
    await write(
      Array.from({ length: 25 }, (_, n) => ({ username: 'old', at: new Date(before.getTime() - 1 - n) })),
    )
    await write([{ username: 'old', at: before }])
    expect(await purgeAudit(world.db, before, 10)).toBe(25)
    expect(await get(root.client, `${LOG}?username=old`)).toHaveLength(1)
    expect(await purgeAudit(world.db, before, 10)).toBe(0)
  })

  it('follow the configured retention', async () => {
    await write([{ username: 'aged' }])
    const days = Math.round(world.config.auditRetention / 86_400_000)
    await world.clock.advance(`${days - 1} days`)
    await root.client.signIn(root.email, PASSWORD)
    expect(await get(root.client, `${LOG}?username=aged`)).toHaveLength(1)
    await world.clock.advance('2 days')
    await root.client.signIn(root.email, PASSWORD)
    expect(await get(root.client, `${LOG}?username=aged`)).toEqual([])
  })
})
