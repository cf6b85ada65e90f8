/** Whether any domain is routed, in memory beside a real database whose triggers notify, and while it is not reachable. */
import { CompiledQuery, sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Changes, createChanges } from '../base/changes.ts'
import { systemClock } from '../base/clock.ts'
import type { Database } from '../base/db/database.ts'
import { Handle } from '../base/db/handle.ts'
import { withoutListener } from '../testing/connections.ts'
import { openTestDatabase, quietLog, testDatabaseKind } from '../testing/database.ts'
import { createRoutedDomains, type RoutedDomains } from './routed-domains.ts'

let db: Database
let changes: Changes
let routed: RoutedDomains
/** Runs statements of the database, counts them, and holds their results back. */
let hot: Handle
let statements = 0
let held: Promise<void> | null = null

beforeAll(async () => {
  db = await openTestDatabase()
  changes = createChanges({ db, clock: systemClock(), log: quietLog })
  await changes.open()
  hot = new Handle(async (text, values) => {
    statements += 1
    const { rows } = await db.hot.executeQuery(CompiledQuery.raw(text, [...values]))
    await held
    return { rows, command: 'SELECT', rowCount: rows.length }
  })
  routed = createRoutedDomains({ db: { hot }, changes })
})
afterAll(async () => {
  await changes?.close()
  await db?.close()
})

const run = (statement: string): Promise<unknown> => db.tx('system', (tx) => sql.raw(statement).execute(tx))

const connection = (id: string, organization: string | null, status: string): string => `
  insert into connections (id, organization_id, slug, provider, name, status, settings, origin, version, created_at, updated_at)
  values ('${id}', ${organization === null ? 'null' : `'${organization}'`}, '${id}', 'oidc', 'x', '${status}', '{}', 'api', 1, now(), now())`
const domain = (id: string, organization: string, verified: boolean): string => `
  insert into organization_domains (id, organization_id, domain, token, created_at, verified_at)
  values ('${id}', '${organization}', '${id}.example', '', now(), ${verified ? 'now()' : 'null'})`
const organization = (id: string): string => `
  insert into organizations (id, name, slug, created_at, updated_at) values ('${id}', 'x', '${id}', now(), now())`

beforeEach(async () => {
  await run('delete from organizations')
  await run('delete from connections')
  await run(organization('org_a'))
  await run(organization('org_b'))
})

/** What memory answers, once a change was heard on all connections that listen; a promise would be a statement. */
async function remembered(): Promise<boolean> {
  await expect.poll(() => typeof routed.areAny()).toBe('boolean')
  const before = statements
  const answer = routed.areAny()
  expect([typeof answer, statements]).toEqual(['boolean', before])
  return await answer
}

it('is false, then true, as each thing changes that decides it', async () => {
  expect(await remembered()).toBe(false)
  const steps: [string, boolean][] = [
    [domain('dom_a', 'org_a', true), false],
    [connection('con_b', 'org_b', 'active'), false],
    [connection('con_server', null, 'active'), false],
    [connection('con_a', 'org_a', 'draft'), false],
    [`update connections set status = 'active' where id = 'con_a'`, true],
    [`update connections set status = 'disabled' where id = 'con_a'`, false],
    [connection('con_a2', 'org_a', 'active'), true],
    [`update organization_domains set connection_id = 'con_a' where id = 'dom_a'`, false],
    [`update organization_domains set connection_id = 'con_a2' where id = 'dom_a'`, true],
    [`update organization_domains set connection_id = 'con_a' where id = 'dom_a'`, false],
    // the choice of a deleted connection is cleared
    [`delete from connections where id = 'con_a'`, true],
    [`update organization_domains set verified_at = null where id = 'dom_a'`, false],
    [`update organization_domains set verified_at = now() where id = 'dom_a'`, true],
    [`update organizations set deleted_at = now(), purge_at = now() where id = 'org_a'`, false],
    [`update organizations set deleted_at = null, purge_at = null where id = 'org_a'`, true],
    [`delete from organization_domains where id = 'dom_a'`, false],
    [domain('dom_a2', 'org_a', false), false],
    [domain('dom_b', 'org_b', true), true],
    [`delete from connections where id = 'con_b'`, false],
    [`update organization_domains set organization_id = 'org_a' where id = 'dom_b'`, true],
    [`delete from organizations where id = 'org_a'`, false],
  ]
  for (const [statement, expected] of steps) {
    await run(statement)
    // the connections of transactions listen too: the commit returns after its notification
    expect([statement, await routed.areAny()]).toEqual([statement, expected])
    expect(await remembered()).toBe(expected)
  }
})

it('reads nothing again for changes that do not decide it', async () => {
  await run(domain('dom_a', 'org_a', true))
  await run(connection('con_a', 'org_a', 'active'))
  expect(await remembered()).toBe(true)
  const before = statements
  for (const statement of [
    connection('con_draft', 'org_a', 'draft'),
    `update connections set name = 'y', version = 2 where id = 'con_a'`,
    domain('dom_c', 'org_a', false),
    `update organization_domains set checked_at = now(), outcome = 'verified', verified_at = now() where id = 'dom_a'`,
    `update organizations set name = 'y' where id = 'org_a'`,
    `delete from connections where id = 'con_draft'`,
    `delete from organization_domains where id = 'dom_c'`,
  ])
    await run(statement)
  await db.heard()
  await expect.poll(() => changes.isCurrent()).toBe(true)
  expect([routed.areAny(), statements]).toEqual([true, before])
})

it('of a read under way during a change is read again, by those who come after it', async () => {
  await run(domain('dom_a', 'org_a', true))
  let release = () => {}
  held = new Promise((resolve) => {
    release = resolve
  })
  const other = createRoutedDomains({ db: { hot }, changes })
  const first = other.areAny()
  await run(connection('con_a', 'org_a', 'active'))
  const second = other.areAny()
  release()
  held = null
  await first
  expect(await second).toBe(true)
  expect(await other.areAny()).toBe(true)
})

describe.runIf(testDatabaseKind() === 'postgres')('while the LISTEN connection is down', () => {
  it('is read from the database at each request, and afterwards nothing from before counts', async () => {
    await run(domain('dom_a', 'org_a', true))
    expect(await remembered()).toBe(false)
    await withoutListener(db, async () => {
      await expect.poll(() => changes.isCurrent()).toBe(false)
      await run(connection('con_a', 'org_a', 'active'))
      expect(await routed.areAny()).toBe(true)
      await run(`update connections set status = 'disabled' where id = 'con_a'`)
      expect(await routed.areAny()).toBe(false)
      await run(`update connections set status = 'active' where id = 'con_a'`)
    })
    expect(await routed.areAny()).toBe(true)
    expect(await remembered()).toBe(true)
  })
})
