/** Clients and resources in memory beside a real database whose triggers notify, and while the LISTEN connection is down. */
import { CompiledQuery, sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Changes, createChanges } from '../../base/changes.ts'
import { systemClock } from '../../base/clock.ts'
import { sha256 } from '../../base/crypto.ts'
import type { Database } from '../../base/db/database.ts'
import { withoutListener } from '../../testing/connections.ts'
import { openTestDatabase, quietLog, testDatabaseKind } from '../../testing/database.ts'
import { type Client, type Clients, createClients, isUsableClient, type Resource } from './clients.ts'
import { findClientSecret, makeClientSecret } from './secrets.ts'

let db: Database
let changes: Changes
let clients: Clients
let statements = 0
const config = { cachedCredentials: 10_000, clientIdDocuments: 'off' as const }

beforeAll(async () => {
  db = await openTestDatabase()
  changes = createChanges({ db, clock: systemClock(), log: quietLog })
  await changes.open()
  clients = createClients({
    db: {
      hot: db.hot,
      run: (query, parameters) => {
        statements += 1
        return db.run(query, parameters)
      },
    },
    changes,
    config,
  })
})
afterAll(async () => {
  await changes?.close()
  await db?.close()
})

const run = (statement: string): Promise<unknown> =>
  db.tx('system', (tx) => tx.executeQuery(CompiledQuery.raw(statement)))

const client = (id: string, organization: string | null = null): string => `
  insert into clients (id, organization_id, source, name, status, settings, created_at, updated_at)
  values ('${id}', ${organization === null ? 'null' : `'${organization}'`}, 'operator', 'Portal', 'active',
    '{"redirect_uris": ["https://app.example.com/cb"]}', now(), now())`
const secret = (id: string, client: string): string => `
  insert into client_secrets (id, client_id, hash, hint, created_at) values ('${id}', '${client}', '\\x01', 'cs_a', now())`
const resource = (id: string, organization: string | null = null): string => `
  insert into resources (id, identifier, organization_id, name, scopes, claims, created_at, updated_at)
  values ('${id}', 'https://${id}.example.com', ${organization === null ? 'null' : `'${organization}'`}, 'API',
    '[{"name": "read", "description": "Read"}]', 'minimal', now(), now())`

beforeEach(async () => {
  for (const table of ['organizations', 'clients', 'resources']) await run(`delete from ${table}`)
  await run(
    `insert into organizations (id, name, slug, created_at, updated_at) values ('org_a', 'x', 'a', now(), now())`,
  )
})

/** What memory answers, once a change was heard on all connections that listen; a promise would be a statement. */
async function remembered<V extends Client | Resource>(
  find: () => V | null | Promise<V | null>,
): Promise<V | null> {
  await find()
  await expect.poll(() => find() instanceof Promise).toBe(false)
  const before = statements
  const found = find()
  expect([found instanceof Promise, statements]).toEqual([false, before])
  return await found
}
const portal = () => clients.find('portal')
const api = () => clients.findResource('https://res_a.example.com')

it('finds a client with its settings and secrets, again without a statement and without a promise', async () => {
  await run(client('portal'))
  const { secret: text, hash, hint } = makeClientSecret()
  await db.tx('system', (tx) =>
    sql`insert into client_secrets (id, client_id, hash, hint, created_at, expires_at)
        values ('csec_1', 'portal', ${hash}, ${hint}, '2030-01-01', '2030-01-01T12:00:00.5Z')`.execute(tx),
  ) // biome-ignore format: it reads as one line
  const found = await remembered(portal)
  expect(found).toMatchObject({
    id: 'portal',
    organizationId: null,
    source: 'operator',
    name: 'Portal',
    status: 'active',
    settings: { redirect_uris: ['https://app.example.com/cb'], require_pkce: true },
    secrets: [{ id: 'csec_1', hash: sha256(text), expiresAt: new Date('2030-01-01T12:00:00.500Z') }],
  })
  expect(portal()).toBe(found)
  expect(Object.isFrozen(found?.settings.redirect_uris)).toBe(true)
})

it('finds a client as it is after each change of it and of its secrets', async () => {
  await run(client('portal', 'org_a'))
  const observed = async () => {
    const found = await remembered(portal)
    return found && [found.name, found.status, found.secrets.map(({ id }) => id).join()]
  }
  expect(await observed()).toEqual(['Portal', 'active', ''])
  const steps: [string, string[]][] = [
    [`update clients set name = 'New'`, ['New', 'active', '']],
    [secret('csec_1', 'portal'), ['New', 'active', 'csec_1']],
    [secret('csec_2', 'portal'), ['New', 'active', 'csec_1,csec_2']],
    [`delete from client_secrets where id = 'csec_1'`, ['New', 'active', 'csec_2']],
    [`update clients set status = 'disabled'`, ['New', 'disabled', 'csec_2']],
    [`update clients set status = 'active'`, ['New', 'active', 'csec_2']],
    [`update clients set settings = '{"newer": true}'`, ['New', 'disabled', 'csec_2']],
    [`update clients set settings = '{}'`, ['New', 'active', 'csec_2']],
  ]
  for (const [statement, expected] of steps) {
    await run(statement)
    expect([statement, await observed()]).toEqual([statement, expected])
  }
  await run(`update client_secrets set expires_at = '2030-01-01'`)
  expect((await remembered(portal))?.secrets[0]?.expiresAt).toEqual(new Date('2030-01-01'))
})

it('reads nothing again when a client was used, or another one changed', async () => {
  await run(client('portal'))
  await run(client('other'))
  await run(secret('csec_1', 'portal'))
  await remembered(portal)
  const before = statements
  await run(`update clients set last_used_at = now(), updated_at = now() where id = 'portal'`)
  await run(`update client_secrets set last_used_at = now()`)
  await run(`delete from clients where id = 'other'`)
  await db.heard()
  await expect.poll(() => changes.isCurrent()).toBe(true)
  expect([portal() instanceof Promise, statements]).toEqual([false, before])
})

it.each([
  ['deleted', `delete from clients where id = 'portal'`],
  ['of a deleted organization', `update organizations set deleted_at = now(), purge_at = now()`],
  ['of a purged organization', `delete from organizations`],
])('does not find a client that is %s', async (_, statement) => {
  await run(client('portal', 'org_a'))
  await run(secret('csec_1', 'portal'))
  await run(resource('res_a', 'org_a'))
  expect(await remembered(portal)).not.toBeNull()
  expect(await remembered(api)).not.toBeNull()
  await run(statement)
  expect(await portal()).toBeNull()
  if (!statement.includes('clients')) expect(await api()).toBeNull()
})

it('finds a client of a restored organization, and a new one of the same id', async () => {
  await run(client('portal', 'org_a'))
  await remembered(portal)
  await run(`update organizations set deleted_at = now(), purge_at = now()`)
  expect(await portal()).toBeNull()
  await run(`update organizations set deleted_at = null, purge_at = null`)
  expect(await portal()).not.toBeNull()
  await run(`delete from clients`)
  await run(client('portal'))
  expect((await remembered(portal))?.organizationId).toBeNull()
})

it('finds a resource by its identifier as text, as it is after each change', async () => {
  await run(resource('res_a'))
  expect(await remembered(api)).toMatchObject({
    id: 'res_a',
    scopes: [{ name: 'read', description: 'Read' }],
    claims: 'minimal',
    tokenLifetime: null,
  })
  await run(`update resources set claims = 'full', token_lifetime_seconds = 60`)
  expect(await remembered(api)).toMatchObject({ claims: 'full', tokenLifetime: 60 })
  expect(await clients.findResource('https://res_a.example.com/')).toBeNull()
  await run(`update resources set identifier = 'https://new.example.com'`)
  expect(await api()).toBeNull()
  await run(`delete from resources`)
  expect(await clients.findResource('https://new.example.com')).toBeNull()
})

it('answers names that can be none without a statement', () => {
  const before = statements
  for (const name of ['a'.repeat(2001), 'a\0', '\ud800'])
    expect([clients.find(name), clients.findResource(name)]).toEqual([null, null])
  expect(statements).toBe(before)
})

it('holds no more rows than it may', async () => {
  const few = createClients({ db, changes, config, most: 4 })
  for (let n = 0; n < 9; n += 1) await run(client(`many${n}`))
  await expect
    .poll(async () => {
      for (let n = 0; n < 9; n += 1) await few.find(`many${n}`)
      return few.find('many8') instanceof Promise
    })
    .toBe(false)
  expect(few.find('many0')).toBeInstanceOf(Promise)
})

describe.runIf(testDatabaseKind() === 'postgres')('while the LISTEN connection is down', () => {
  it('reads the database, and afterwards nothing from before counts', async () => {
    await run(client('portal'))
    await remembered(portal)
    await withoutListener(db, async () => {
      await expect.poll(() => changes.isCurrent()).toBe(false)
      await run(`update clients set status = 'disabled'`)
      expect((await portal())?.status).toBe('disabled')
      await run(`update clients set name = 'New'`)
      expect((await portal())?.name).toBe('New')
    })
    expect((await remembered(portal))?.name).toBe('New')
  })
})

it('tells valid secrets from expired, removed and other ones', () => {
  const now = new Date('2030-01-01')
  const [one, two] = [makeClientSecret(), makeClientSecret()]
  expect(one.secret).toMatch(/^cs_[A-Za-z0-9_-]{43}$/)
  expect(one.secret.startsWith(one.hint)).toBe(true)
  const secrets = [
    { id: 'csec_1', hash: one.hash, expiresAt: null },
    { id: 'csec_2', hash: two.hash, expiresAt: new Date(now.getTime() + 1) },
  ]
  expect(findClientSecret(secrets, one.secret, now)?.id).toBe('csec_1')
  expect(findClientSecret(secrets, two.secret, now)?.id).toBe('csec_2')
  expect(findClientSecret(secrets, two.secret, new Date(now.getTime() + 1))).toBeNull()
  for (const sent of ['', 'cs_', makeClientSecret().secret, `${one.secret} `, one.secret.repeat(5)])
    expect(findClientSecret(secrets, sent, now)).toBeNull()
  expect(findClientSecret([], one.secret, now)).toBeNull()
})

it('permits nothing to clients that are disabled or have expired', () => {
  const now = new Date('2030-01-01')
  const one = (status: 'active' | 'disabled', expiresAt: Date | null) =>
    isUsableClient({ status, expiresAt } as Client, now)
  expect([one('active', null), one('disabled', null), one('active', now)]).toEqual([true, false, false])
})
