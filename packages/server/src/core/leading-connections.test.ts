/** To which connection a domain is assigned and leads: what the statements say, and what is said of rows that were read. */
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Database } from '../base/db/database.ts'
import { openTestDatabase } from '../testing/database.ts'
import { assignedConnection, assignedOf, firstActiveOf, leadingConnection } from './leading-connections.ts'

let db: Database
beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(() => db?.close())

type Status = 'draft' | 'active' | 'disabled'
interface Row {
  /** By id, in order. */
  connections: Record<string, Status>
  chosen: string | null
  assigned: string | null
  leads: string | null
}
const table: [string, Row][] = [
  ['without a connection', { connections: {}, chosen: null, assigned: null, leads: null }],
  ['the first active one', { connections: { a: 'disabled', b: 'active', c: 'active' }, chosen: null, assigned: 'b', leads: 'b' }],
  ['none active', { connections: { a: 'disabled', b: 'draft' }, chosen: null, assigned: null, leads: null }],
  ['a chosen one', { connections: { a: 'active', b: 'active' }, chosen: 'b', assigned: 'b', leads: 'b' }],
  ['a chosen one that is disabled: the domain leads nowhere', { connections: { a: 'active', b: 'disabled' }, chosen: 'b', assigned: 'b', leads: null }],
  ['a chosen draft', { connections: { a: 'active', b: 'draft' }, chosen: 'b', assigned: 'b', leads: null }],
] // biome-ignore format: a table

it.each(table)('%s', async (_name, { connections, chosen, assigned, leads }) => {
  const rows = await db.tx('system', async (tx) => {
    await sql`delete from organizations`.execute(tx)
    for (const org of ['org_a', 'org_b'])
      await sql`insert into organizations (id, name, slug, created_at, updated_at) values (${org}, 'x', ${org}, now(), now())`.execute(
        tx,
      )
    // the neighbour's is older, and active
    for (const [id, status, org] of [
      ['0', 'active', 'org_b'],
      ...Object.entries(connections).map(([id, status]) => [id, status, 'org_a']),
    ])
      await sql`
        insert into connections (id, organization_id, slug, provider, name, status, settings, origin, version, created_at, updated_at)
        values (${id}, ${org}, ${id}, 'oidc', 'x', ${status}, '{}', 'api', 1, now(), now())`.execute(tx)
    await sql`
      insert into organization_domains (id, organization_id, domain, token, created_at, connection_id)
      values ('dom_a', 'org_a', 'a.example', '', now(), ${chosen})`.execute(tx)
    return await sql<{ assigned: string | null; leads: string | null }>`
      select ${assignedConnection('d')} as assigned, ${leadingConnection('d')} as leads from organization_domains d`.execute(
      tx,
    )
  })
  expect(rows.rows).toEqual([{ assigned, leads }])
  const listed = Object.entries(connections)
    .map(([id, status]) => ({ id, status }))
    .reverse()
  expect(assignedOf({ connection_id: chosen }, listed)).toBe(assigned)
  expect(firstActiveOf(listed)).toBe(
    Object.keys(connections).find((id) => connections[id] === 'active') ?? null,
  )
})
