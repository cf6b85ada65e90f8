/**
 * Every statement that the preceding run on PostgreSQL recorded is prepared on PGlite, as its role. So matrices and
 * fuzz tests need not run on both databases. The generic plans of the server's statements must use an index: a
 * constant that a partial index needs, sent as a parameter, makes PostgreSQL plan the statement at each run, or read
 * whole tables.
 */
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Database } from '../packages/server/src/base/db/database.ts'
import { openTestDatabase } from '../packages/server/src/testing/database.ts'
import { executedStatements } from '../packages/server/src/testing/statements.ts'

/** Tests of the driver run on PGlite as well, and execute what cannot be prepared: savepoints, tables that they create. */
const OF_THE_DRIVER = /\/base\/db\/[^/]+\.test\.ts$/
const executed = executedStatements(join(import.meta.dirname, '../.cache/statements')).filter(
  ({ file }) => !OF_THE_DRIVER.test(file),
)
/** Statements that are planned, which checks privileges on tables and columns; others are only parsed. */
const PLANNED = /^\s*(?:select|insert|update|delete|with|values|merge)\b/i
/** A setting cannot be prepared: it is made, until the rollback. */
const SETTING = /^\s*set local\b/i

let db: Database
beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(() => db.close())

it('finds the record of a run on PostgreSQL', () => {
  expect(new Set(executed.map(({ role }) => role))).toEqual(new Set(['system', 'caller']))
  expect(executed.length, 'run the project postgres first').toBeGreaterThan(50)
})

it('prepares every distinct statement of that run, as its role', async () => {
  const refused: string[] = []
  await db.asOwner(async (line) => {
    for (const { text, role, file } of executed) {
      await line.plain(
        `begin; set local role ${role === 'system' ? 'latchkey_system' : 'latchkey_request'}; set local search_path = latchkey`,
      )
      try {
        if (SETTING.test(text)) await line.plain(text)
        else if (PLANNED.test(text)) await line.plain(`explain (generic_plan) ${text}`)
        else await line.plain(`prepare a_statement as ${text}`)
      } catch (error) {
        refused.push(`${role}, ${file}: ${error}\n  ${text}`)
      }
      await line.plain('rollback')
    }
  })
  expect(refused.join('\n')).toBe('')
})

interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Index Cond'?: string
  Filter?: string
  Plans?: PlanNode[]
}
/** The tables that the test fills: of an empty one the whole of an index costs as little as a part. */
const FILLED = new Set(['users', 'emails', 'sessions', 'attempts', 'organizations', 'invitations'])
/** The nodes that read a table from end to end, without a limit above them. */
function wholeReads(node: PlanNode): PlanNode[] {
  const { 'Node Type': type, 'Relation Name': table, Plans = [] } = node
  if (type === 'Limit') return []
  const isWholeIndex = /^Index/.test(type) && node['Index Cond'] === undefined && FILLED.has(table ?? '')
  return [...(type === 'Seq Scan' || isWholeIndex ? [node] : []), ...Plans.flatMap(wholeReads)]
}

async function wholeReadsOf(role: string, text: string): Promise<PlanNode[]> {
  const scope = `set local role ${role === 'system' ? 'latchkey_system' : 'latchkey_request'}; set local search_path = latchkey`
  return await db.asOwner(async (line) => {
    await line.plain(
      `begin; ${scope}; set local enable_seqscan = off; set local plan_cache_mode = force_generic_plan`,
    )
    const { rows } = await line.plain(`explain (generic_plan, format json) ${text}`)
    await line.plain('rollback')
    const [{ 'QUERY PLAN': plan }] = rows as [{ 'QUERY PLAN': string | [{ Plan: PlanNode }] }]
    const [{ Plan: top }] = typeof plan === 'string' ? (JSON.parse(plan) as [{ Plan: PlanNode }]) : plan
    return wholeReads(top)
  })
}

/** Tables of a few rows each; the canary is one row. */
const SMALL = new Set(['roles', 'permissions', 'signing_keys', 'recurring', 'migrations', 'secret_canary'])
/**
 * What reads a whole table by intent: sweeps, at most once an hour, what the development outbox alone sends, the
 * deletion of an account, which searches the open jobs for its identifiers, and the end of everything after a
 * restoration (`latchkey tokens revoke --all-before`), which most rows are of.
 */
const WHOLE: [table: string, text: RegExp][] = [
  ['devices', /^delete from "devices" where "last_used_at" </],
  ['jobs', /^delete from latchkey\.jobs where failed_at </],
  ['jobs', /^delete from latchkey\.jobs j where exists/],
  ['letters', /^delete from latchkey\.letters where status <> 'waiting' and created_at </],
  ['letters', /from latchkey\.letters\s+where status = 'sent'/],
  ['refresh_tokens', /^delete from "refresh_tokens" where "used_at" </],
  ['links', /^update "links" set "used_at" = \$1 where "created_at" <= \$2 and "used_at" is null$/],
  ['token_families', /^update "token_families" set .* where "created_at" <= \$3 and "revoked_at" is null$/],
  ['organization_roles', /^update organization_roles set permissions = array_remove/],
  ['sessions', /select id from sessions\s+where ended_at/],
  ['users', /select id from sessions\s+where ended_at/],
  // at the start, and by `latchkey doctor`
  ['users', /^select \(select count\(\*\)::int from users where mfa_required\)/],
]

it('plans every statement of the server with an index, for any parameters', async () => {
  // enough rows that an index which fits is cheaper than one that is read from end to end
  await db.asOwner((line) =>
    line.plain(`
      insert into latchkey.users (id, username, username_key, status, roles, created_at, updated_at)
      select 'usr_' || n, 'u' || n, 'u' || n, (array['active', 'pending', 'disabled'])[1 + n % 3], '{viewer}', now(), now() from generate_series(1, 3000) n;
      insert into latchkey.emails (id, user_id, address, address_key, is_primary, claimed_at, created_at)
      select 'eml_' || n, 'usr_' || n, n || '@x', n || '@x', true, case when n % 3 <> 1 then now() end, now() from generate_series(1, 3000) n;
      insert into latchkey.emails (id, user_id, address, address_key, is_primary, claimed_at, created_at)
      select 'eml_k' || n, 'usr_' || n, 'k' || n || '@x', 'k' || n || '@x', false, now(), now() from generate_series(1, 3000) n;
      insert into latchkey.sessions (id, user_id, token_hash, created_at, authenticated_at, last_seen_at, expires_at, idle_seconds, remember, amr)
      select 'ses_' || n, 'usr_' || n, sha256(n::text::bytea), now(), now(), now(), now(), 1, false, '{pwd}' from generate_series(1, 3000) n;
      insert into latchkey.attempts (id, secret_hash, user_id, step, proofs, remember, created_at, expires_at)
      select 'sgn_' || n, '', 'usr_' || n, 'x', '[]', false, now(), now() from generate_series(1, 3000) n;
      insert into latchkey.organizations (id, name, slug, created_at, updated_at)
      select 'org_' || n, 'o' || n, 'o' || n, now(), now() from generate_series(1, 3000) n;
      insert into latchkey.memberships (organization_id, user_id, role, joined_at)
      select 'org_' || n, 'usr_' || n, 'owner', now() from generate_series(1, 3000) n;
      insert into latchkey.invitations (id, organization_id, address, address_key, role, secret_hash, created_at, sent_at, sent_count, expires_at)
      select 'inv_' || n, 'org_' || n, n || '@y', n || '@y', 'member', '', now(), now(), 1, now() from generate_series(1, 3000) n`),
  )
  await db.asOwner((line) => line.plain('analyze'))
  const own = executed.filter(({ text, origin }) => origin === 'server' && PLANNED.test(text))
  expect(own.length, 'run the project postgres first').toBeGreaterThan(50)
  const wrong: string[] = []
  for (const { text, role, file } of own) {
    for (const node of await wholeReadsOf(role, text)) {
      const table = node['Relation Name'] ?? ''
      if (SMALL.has(table) || WHOLE.some(([of, form]) => of === table && form.test(text.trim()))) continue
      wrong.push(`${table} where ${node.Filter}, ${role}, ${file}\n  ${text}`)
    }
  }
  expect(wrong.join('\n')).toBe('')
  expect(await wholeReadsOf('system', 'select * from emails where user_id = $1 and is_primary = $2')).toEqual(
    [],
  )
  const byAddress = (condition: string) =>
    wholeReadsOf('system', `select user_id from emails where address_key = $1 ${condition}`)
  expect(await byAddress('')).toHaveLength(1)
  expect(await byAddress('and (claimed_at is null) = $2')).toHaveLength(1)
  expect(await byAddress('and claimed_at is null')).toEqual([])
})

it('finds the rows that refer to a deleted one by an index that is not partial', async () => {
  const { rows } = await db.asOwner((line) =>
    line.plain(`
      select conrelid::regclass::text || ' (' || string_agg(a.attname, ', ') || ')' as key
      from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = any(c.conkey)
      where c.contype = 'f' and c.connamespace = 'latchkey'::regnamespace and not exists (
        select from pg_index i where i.indrelid = c.conrelid and i.indkey[0] = any(c.conkey)
          and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) = '(' || quote_ident(a.attname) || ' IS NOT NULL)'))
      group by c.oid, c.conrelid`),
  )
  expect(rows).toEqual([])
})

it('fails for a statement that PGlite refuses, and for one that its role may not execute', async () => {
  const as = (role: string, text: string) =>
    db.asOwner((line) =>
      line.plain(
        `begin; set local role ${role}; set local search_path = latchkey; explain (generic_plan) ${text}`,
      ),
    )
  await expect(as('latchkey_system', 'select nothing_there from users')).rejects.toThrow('nothing_there')
  await expect(as('latchkey_request', 'select * from passwords where user_id = $1')).rejects.toThrow(
    'permission denied',
  )
  expect(await sql`select 1 as one`.execute(db.hot)).toMatchObject({ rows: [{ one: 1 }] })
})

it('has no statement whose result changes when a later version adds a column to any table', async () => {
  const own = executed.filter(({ text, origin }) => origin === 'server' && PLANNED.test(text))
  const refused: string[] = []
  await db.asOwner(async (line) => {
    const prepared: { name: string; file: string; text: string; values: string }[] = []
    await line.plain('set search_path = latchkey')
    for (const [at, { text, file }] of own.entries()) {
      const name = `before_${at}`
      await line.plain(`prepare ${name} as ${text}`)
      const count = Math.max(0, ...[...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number)))
      prepared.push({
        name,
        file,
        text,
        values: count > 0 ? `(${Array(count).fill('null').join(', ')})` : '',
      })
    }
    const { rows } = await line.plain(
      "select relname from pg_class where relnamespace = 'latchkey'::regnamespace and relkind in ('r', 'p') and not relispartition",
    )
    for (const { relname } of rows as { relname: string }[])
      await line.plain(`alter table latchkey."${relname}" add column later_version text`)
    for (const { name, file, text, values } of prepared) {
      try {
        await line.plain(`explain execute ${name}${values}`)
      } catch (error) {
        refused.push(`${file}: ${error}\n  ${text}`)
      }
    }
  })
  expect(refused.join('\n')).toBe('')
})
