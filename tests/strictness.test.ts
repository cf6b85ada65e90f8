/**
 * Strict input over the whole route table: no row of the API drops a member silently, `null` is absent for every
 * optional field, and so is an empty query parameter. Every request also has an undeclared member, so that none of them
 * changes anything. A new row is covered without being named here.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { isStrict, type Row, readsQuery } from '../packages/server/src/base/http/row/route.ts'
import type { Client, Json, Reply } from '../packages/server/src/testing/client.ts'
import { type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'

let world: World
let ada: Person
let organization: string
beforeAll(async () => {
  world = await startWorld({ compat: ['tokens-by-password'] })
  ada = await world.person({ email: 'ada@example.com', roles: ['super_admin'] })
  organization = (await ada.client.post('/api/v1/organizations', { name: 'Engines' })).data.id
})
afterAll(() => world.stop())

const strict = () => world.app.rows.filter(isStrict)
const inputOf = (row: Row): Json => z.toJSONSchema(row.input, { io: 'input', unrepresentable: 'any' })
const inPath = (row: Row) => [...row.path.matchAll(/:(\w+)/g)].map(([, name]) => name ?? '')

/** A name that no row declares. */
const STRAY = 'zz_stray'

function send(row: Row, fields: Record<string, unknown>, query = ''): Promise<Reply> {
  const path = (row.organization === undefined ? row.path : row.path.replace(':id', organization))
    .replace(':name', 'some_name')
    .replace(/:(\w+)/g, 'usr_00000000000000000000000000000000')
  // a sign-in is sent by a visitor
  const client: Client = row.open === undefined ? ada.client : world.client()
  if (!readsQuery(row)) return client.send(row.method, path + query, fields)
  const parameters = new URLSearchParams(fields as Record<string, string>)
  const headers = { accept: 'application/json' }
  return client.send(row.method, `${path}?${parameters}`, undefined, { headers })
}

interface Entry {
  field: string
  code: string
}
const entriesOf = ({ body }: Reply): Entry[] => body?.error?.details ?? body
const strayIn = (reply: Reply): boolean =>
  reply.status === 400 &&
  reply.code === 'VALIDATION_ERROR' &&
  entriesOf(reply).some(({ field, code }) => field === STRAY && code === 'unknown')

describe('every row of the API', () => {
  it('is strict, but for those that give a reason', () => {
    const lenient = world.app.rows.filter((row) => !['page', 'protocol'].includes(row.kind) && !isStrict(row))
    expect(lenient.map(({ name }) => name).sort()).toEqual(LENIENT)
    expect(strict().length).toBeGreaterThan(70)
  })

  it('answers probes with any parameter, and ignores undeclared parameters of pages', async () => {
    for (const path of ['/healthz?t=1', '/readyz?t=1', '/api/health?t=1', '/sign-in?utm_source=x'])
      expect([path, (await world.client().get(path)).status]).toEqual([path, 200])
  })

  it('echoes the version of the API that the request names, and refuses another one; so do pages', async () => {
    const wrong: unknown[] = []
    for (const row of world.app.rows) {
      const path = row.path.replace(/:(\w+)/g, 'x')
      const ask = (version: string) =>
        world.client().send(row.method, path, undefined, {
          headers: { 'x-api-version': version, accept: 'application/json' },
        })
      const [known, unknown] = [row.kind === 'stream' ? null : await ask('v1'), await ask('v2')]
      if (known && known.headers.get('x-api-version') !== 'v1') wrong.push([row.name, known.status])
      if (unknown.status !== 400) wrong.push([row.name, unknown.status])
    }
    expect(wrong).toEqual([])
  })

  it('refuses an undeclared member of its body or query', async () => {
    const wrong: unknown[] = []
    for (const row of strict()) {
      const reply = await send(row, { [STRAY]: 'x' })
      if (!strayIn(reply)) wrong.push([row.name, reply.status, reply.body])
    }
    expect(wrong).toEqual([])
  })

  it('that reads its body refuses an undeclared query parameter', async () => {
    const wrong: unknown[] = []
    for (const row of strict().filter((one) => !readsQuery(one))) {
      const reply = await send(row, {}, `?${STRAY}=x`)
      if (!strayIn(reply)) wrong.push([row.name, reply.status, reply.body])
    }
    expect(wrong).toEqual([])
  })

  it('refuses an undeclared member of every object within its body', async () => {
    const wrong: unknown[] = []
    let objects = 0
    for (const row of strict().filter((one) => !readsQuery(one))) {
      for (const [field, schema] of Object.entries<Json>(inputOf(row).properties ?? {})) {
        const isList = schema.type === 'array' && schema.items?.type === 'object'
        if (!isList && (schema.type !== 'object' || !schema.properties)) continue
        if (OPEN.includes(field)) continue
        objects += 1
        const reply = await send(row, { [field]: isList ? [{ [STRAY]: 1 }] : { [STRAY]: 1 } })
        const at = isList ? `${field}.0.${STRAY}` : `${field}.${STRAY}`
        if (!entriesOf(reply).some((entry) => entry.field === at && entry.code === 'unknown'))
          wrong.push([row.name, reply.body])
      }
    }
    expect(wrong).toEqual([])
    expect(objects).toBeGreaterThan(0)
  })

  it('takes null for absent in every optional field', async () => {
    const wrong: unknown[] = []
    let fields = 0
    for (const row of strict().filter((one) => !readsQuery(one))) {
      const without = entriesOf(await send(row, { [STRAY]: 'x' }))
      for (const field of optionalOf(row)) {
        fields += 1
        const entries = entriesOf(await send(row, { [field]: null, [STRAY]: 'x' }))
        if (JSON.stringify(entries) !== JSON.stringify(without)) wrong.push([row.name, field, entries])
      }
    }
    expect(wrong).toEqual([])
    expect(fields).toBeGreaterThan(30)
  })

  it('says of null in a required field that it is required', async () => {
    const wrong: unknown[] = []
    for (const row of strict().filter((one) => !readsQuery(one))) {
      const { required = [], properties = {} } = inputOf(row)
      for (const field of required.filter((name: string) => !inPath(row).includes(name))) {
        if (properties[field].anyOf?.some(({ type }: Json) => type === 'null')) continue
        const entries = entriesOf(await send(row, { [field]: null, [STRAY]: 'x' }))
        if (!entries.some((entry) => entry.field === field && entry.code === 'required'))
          wrong.push([row.name, field, entries])
      }
    }
    expect(wrong).toEqual([])
  })

  it('takes no direction mark in a text that is displayed', async () => {
    const wrong: unknown[] = []
    let fields = 0
    for (const row of strict().filter((one) => !readsQuery(one))) {
      for (const [field, schema] of Object.entries<Json>(inputOf(row).properties ?? {})) {
        if (!DISPLAYED.has(field) || inPath(row).includes(field)) continue
        fields += 1
        const entries = entriesOf(await send(row, { [field]: 'safe\u202etxt.exe', [STRAY]: 'x' }))
        if (!entries.some((entry) => entry.field === field)) wrong.push([row.name, field, schema])
      }
    }
    expect(wrong).toEqual([])
    expect(fields).toBeGreaterThan(10)
  })

  it('takes an empty query parameter for an absent one', async () => {
    const wrong: unknown[] = []
    let fields = 0
    for (const row of strict().filter(readsQuery)) {
      const without = entriesOf(await send(row, { [STRAY]: 'x' }))
      for (const field of optionalOf(row)) {
        const entries = entriesOf(await send(row, { [field]: '', [STRAY]: 'x' }))
        // a condition, which would be fulfilled
        if (row.notEmpty?.includes(field)) {
          expect(entries).toContainEqual(expect.objectContaining({ field, code: 'empty' }))
          continue
        }
        fields += 1
        if (JSON.stringify(entries) !== JSON.stringify(without)) wrong.push([row.name, field, entries])
      }
    }
    expect(wrong).toEqual([])
    expect(fields).toBeGreaterThan(30)
  })

  const optionalOf = (row: Row): string[] => {
    const { properties = {}, required = [] } = inputOf(row)
    return Object.keys(properties).filter((name) => !required.includes(name) && !inPath(row).includes(name))
  }
})

const DISPLAYED: ReadonlySet<string> = new Set([
  'name',
  'full_name',
  'organization_name',
  'description',
  'reason',
])

const LENIENT: readonly string[] = [
  'keys.published',
  'keys.published.oidc',
  'oidc.discovery.oauth',
  'oidc.discovery.openid',
  'passkeys.origins',
]

/** Objects of a standard, to which browsers add members. */
const OPEN: readonly string[] = ['credential']

/** Fields of a change that no answer has. */
const NEVER_SHOWN: ReadonlySet<string> = new Set(['client_secret'])

describe('null in a PATCH', () => {
  it('clears every field that may be null, and changes no other', async () => {
    const other = await world.person({ email: 'ben@example.com' })
    await ada.client.post('/api/v1/roles', { name: 'editor', description: 'Edits' })
    const roles = `/api/v1/organizations/${organization}/roles`
    await ada.client.post(roles, { name: 'editor', description: 'Edits', permissions: [], inherits: 'guest' })
    const domains = `/api/v1/organizations/${organization}/domains`
    const domain = (await ada.client.post(domains, { domain: 'example.com' })).data
    const connections = `/api/v1/organizations/${organization}/connections`
    const connection = async (path: string) =>
      `${path}/${(await ada.client.post(path, { provider: 'oidc' })).data.id}`
    const app = { name: 'App', settings: { redirect_uris: ['https://app.example.com/'] } }
    const made = async (path: string, body: object) => {
      const { data } = await ada.client.post(path, body)
      return `${path}/${data.client_id ?? data.id}`
    }
    const places: Readonly<Record<string, string>> = {
      'connections.update': await connection('/api/v1/connections'),
      'organizations.connections.update': await connection(connections),
      'oidc.clients.update': await made('/api/v1/oidc/clients', app),
      'organizations.clients.update': await made(`/api/v1/organizations/${organization}/clients`, app),
      'oidc.resources.update': await made('/api/v1/oidc/resources', {
        identifier: 'https://api.example.com',
        name: 'API',
        token_lifetime: 600,
      }),
      'users.me.update': '/api/v1/users/me',
      'users.update': `/api/v1/users/${other.id}`,
      'roles.update': '/api/v1/roles/editor',
      'organizations.roles.update': `${roles}/editor`,
      'organizations.domains.change': `${domains}/${domain.id}`,
      'organizations.update': `/api/v1/organizations/${organization}`,
      'organizations.security_policy.update': `/api/v1/organizations/${organization}/security-policy`,
    }
    for (const row of strict().filter(({ method }) => method === 'PATCH')) {
      const fields: [string, Json][] = Object.entries(inputOf(row).properties ?? {})
      const body = fields.filter(([name]) => !inPath(row).includes(name)).map(([name]) => [name, null])
      const mayBeNull = fields.filter(([, { anyOf }]) => anyOf?.some(({ type }: Json) => type === 'null'))
      const place = places[row.name]
      if (!place) {
        expect(mayBeNull, `${row.name} needs an entry above`).toEqual([])
        continue
      }
      const before = (await ada.client.patch(place, {})).data
      const reply = await ada.client.patch(place, Object.fromEntries(body))
      expect([row.name, reply.status, reply.body.error]).toEqual([row.name, 200, undefined])
      for (const [name] of body) {
        const isCleared = mayBeNull.some(([field]) => field === name)
        if (NEVER_SHOWN.has(String(name))) continue
        expect([row.name, name, reply.data[`${name}`]]).toEqual([
          row.name,
          name,
          isCleared ? null : before[`${name}`],
        ])
      }
    }
  })
})
