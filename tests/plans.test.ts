/**
 * Query plans of the administration lists on large tables: an index scan in the order of the index, never a
 * sequential scan. The plans are those of the request role under row-level security, both custom (with the values of
 * the query) and generic (as for a prepared statement).
 */
import { CompiledQuery } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Handle } from '../packages/server/src/base/db/handle.ts'
import type { CallerScope, Tx } from '../packages/server/src/base/db/types.ts'
import {
  type People,
  type PeopleFilter,
  type PeopleOrder,
  searchUsers,
} from '../packages/server/src/features/accounts/administration/search.ts'
import { selectEvents } from '../packages/server/src/features/accounts/audit-log/sql.ts'
import {
  claimDueDomains,
  lockRivals,
  selectDomainOwner,
  selectDomains,
} from '../packages/server/src/features/organizations/domains/sql.ts'
import {
  type FoundMembers,
  searchIds,
  searchMembers,
  selectInOrder,
} from '../packages/server/src/features/organizations/members/search.ts'
import { selectMembers } from '../packages/server/src/features/organizations/members/sql.ts'
import { selectCompliance } from '../packages/server/src/features/organizations/policy/members-sql.ts'
import type { Json } from '../packages/server/src/testing/client.ts'
import { startWorld, type World } from '../packages/server/src/testing/world.ts'

const PEOPLE = 20_000
const EVENTS = 40_000
const LARGE = new Set([
  'users',
  'emails',
  'role_holders',
  'memberships',
  'audit_events',
  'sessions',
  'factors',
  'organization_domains',
])
/** How many rows a list may sort, besides rows under a limit. */
const MERGED = 2500

let world: World
const ORGANIZATION = 'org_00000000000000000000000000000001'
const scope: CallerScope = {
  userId: 'usr_00000000000000000000000000000001',
  organizationId: null,
  permissions: ['users:*', 'audit:read'],
}

beforeAll(async () => {
  // a plan also depends on the physical order of rows, and on deleted rows
  world = await startWorld({}, { own: true })
  await world.db.asOwner((line) =>
    line.plain(`
      insert into latchkey.users (id, username, username_key, full_name, name_key, status, roles, created_at, updated_at, locked_at)
      select 'usr_' || lpad(to_hex(n), 32, '0'), 'person' || n, 'person' || n, 'Name ' || n, 'name ' || n,
        case when n % 1000 = 0 then 'disabled' when n % 1000 = 1 then 'pending' else 'active' end,
        case when n % 500 = 0 then array['staff'] else array['viewer'] end,
        timestamptz '2030-01-01' + n * interval '1 minute', now(), case when n % 2000 = 3 then now() end
      from generate_series(1, ${PEOPLE}) n;
      insert into latchkey.emails (id, user_id, address, address_key, is_primary, claimed_at, created_at)
      select 'eml_' || lpad(to_hex(n), 32, '0'), 'usr_' || lpad(to_hex(n), 32, '0'), 'mail' || n || '@example.com',
        'mail' || n || '@example.com', true, now(), now()
      from generate_series(1, ${PEOPLE}) n;
      insert into latchkey.organizations (id, name, slug, created_at, updated_at)
      select 'org_' || lpad(to_hex(n), 32, '0'), 'Organization ' || n, 'org-' || n, now(), now() from generate_series(1, 500) n;
      insert into latchkey.memberships (organization_id, user_id, role, joined_at)
      select 'org_' || lpad(to_hex(case when n % 4 = 0 then 1 else 2 + n % 499 end), 32, '0'),
        'usr_' || lpad(to_hex(n), 32, '0'), 'member', now() from generate_series(1, ${PEOPLE}) n;
      insert into latchkey.factors (id, user_id, kind, created_at, confirmed_at)
      select 'fac_' || lpad(to_hex(n), 32, '0'), 'usr_' || lpad(to_hex(n), 32, '0'), 'totp', now(), now()
      from generate_series(1, ${PEOPLE}, 3) n;
      insert into latchkey.organization_domains (id, organization_id, domain, token, created_at, verified_at, next_check_at)
      select 'dom_' || n, 'org_' || lpad(to_hex(1 + n % 500), 32, '0'), 'd' || n || '.example.com', n::text, now(),
        case when n % 3 = 0 then now() end, timestamptz '2030-01-01' + n * interval '1 second'
      from generate_series(1, ${PEOPLE}) n;
      insert into latchkey.audit_events (id, at, event_type, user_id, username, ip_address, session_id, organization_id, request_id, details)
      select 'aud_' || lpad(to_hex(n), 32, '0'), timestamptz '2030-01-01' + n * interval '1 second',
        case when n % 4000 = 0 then 'user.locked' else 'auth.login.success' end, 'usr_' || lpad(to_hex(n % ${PEOPLE}), 32, '0'),
        'person' || n % ${PEOPLE}, '10.0.' || n % 200 || '.' || n % 50, 'ses_' || n, 'org_' || n % 300, 'req_' || n, '{}'
      from generate_series(1, ${EVENTS}) n`),
  )
  await world.db.asOwner((line) => line.plain('analyze'))
}, 120_000)
afterAll(() => world.stop())

/** The custom and the generic plan of each statement of a read. */
async function plansOf(
  read: (tx: Tx) => Promise<unknown>,
  as: CallerScope | 'system' = scope,
): Promise<Json[]> {
  const statements: { text: string; values: readonly unknown[] }[] = []
  const writesDown = new Handle(async (text, values) => {
    if (!text.startsWith('set local')) statements.push({ text, values })
    return { rows: [], command: 'SELECT', rowCount: 0 }
  })
  await read(writesDown as unknown as Tx)
  return await world.db.tx(as, async (tx) => {
    const explain = async (how: string, text: string, values: readonly unknown[]) => {
      const { rows } = await tx.executeQuery<Json>(CompiledQuery.raw(`explain (${how}) ${text}`, [...values]))
      return rows[0]['QUERY PLAN'][0].Plan
    }
    const plans: Json[] = []
    for (const { text, values } of statements) {
      plans.push(await explain('format json', text, values))
      await tx.executeQuery(CompiledQuery.raw('set local plan_cache_mode = force_generic_plan'))
      await tx.executeQuery(CompiledQuery.raw(`prepare for_any as ${text}`))
      const given = values.map(literal).join(', ')
      plans.push(await explain('format json', `execute for_any${given && `(${given})`}`, []))
      await tx.executeQuery(CompiledQuery.raw('deallocate for_any'))
      await tx.executeQuery(CompiledQuery.raw('set local plan_cache_mode = auto'))
    }
    return plans
  })
}

function literal(value: unknown): string {
  if (typeof value === 'number') return String(value)
  if (value instanceof Date) return `'${value.toISOString()}'`
  if (Array.isArray(value)) return `array[${value.map(literal).join(', ')}]`
  return `'${String(value).replaceAll("'", "''")}'`
}

function* nodesOf(plan: Json): Generator<Json> {
  yield plan
  for (const child of plan.Plans ?? []) yield* nodesOf(child)
}

/** Whether the node reads rows of a large table without a limit below it. */
const isUnbounded = (node: Json): boolean =>
  node['Node Type'] !== 'Limit' &&
  (LARGE.has(node['Relation Name']) || (node.Plans ?? []).some((child: Json) => isUnbounded(child)))

async function assertIndexed(
  read: (tx: Tx) => Promise<unknown>,
  as: CallerScope | 'system' = scope,
): Promise<void> {
  const plans = await plansOf(read, as)
  expect(plans.length).toBeGreaterThan(0)
  for (const plan of plans) {
    const nodes = [...nodesOf(plan)]
    const wrong = nodes.filter(
      (node) =>
        (node['Node Type'] === 'Seq Scan' && LARGE.has(node['Relation Name'])) ||
        (node['Node Type'] === 'Sort' && node['Plan Rows'] > MERGED && isUnbounded(node)),
    )
    expect(wrong, JSON.stringify(plan, null, 1)).toEqual([])
    expect(nodes.some((node) => /Index/.test(node['Node Type']))).toBe(true)
  }
}

const NOW = new Date('2030-06-01T00:00:00Z')
const CREATED = {
  createdAfter: new Date('2030-01-02T00:00:00Z'),
  createdBefore: new Date('2030-01-09T00:00:00Z'),
}
const FILTERS: Record<string, PeopleFilter> = {
  'no filter': {},
  'active people': { status: 'active' },
  'disabled people': { status: 'disabled' },
  'pending people': { status: 'pending' },
  'locked people': { status: 'locked' },
  'a common role': { role: 'viewer' },
  'a rare role': { role: 'staff' },
  'a role without holders': { role: 'unused' },
  'a time': CREATED,
  'a common role and a rare status': { role: 'viewer', status: 'disabled' },
  'a common role and a common status': { role: 'viewer', status: 'active' },
  'a common role, locked': { role: 'viewer', status: 'locked' },
  'a role, a status and a time': { role: 'staff', status: 'active', ...CREATED },
}
const ORDERS: Record<string, [PeopleOrder, readonly [string, string]]> = {
  'the newest first': [{ by: 'created', direction: 'desc' }, ['2030-01-05 00:00:00+00', 'usr_1']],
  'the oldest first': [{ by: 'created', direction: 'asc' }, ['2030-01-05 00:00:00+00', 'usr_1']],
  'a search that finds few': [{ by: 'found', prefix: 'person1234' }, ['person1234', 'usr_1']],
  'a search that finds most': [{ by: 'found', prefix: 'p' }, ['person1234', 'usr_1']],
  'a search that finds none': [{ by: 'found', prefix: 'zz' }, ['zz', 'usr_1']],
}

describe('users are found by an index scan', () => {
  for (const [what, filter] of Object.entries(FILTERS))
    for (const [how, [order, after]] of Object.entries(ORDERS))
      it(`${what}, ${how}`, async () => {
        await assertIndexed((tx) => searchUsers(tx, filter, order, { after: null, limit: 51, now: NOW }))
        await assertIndexed((tx) => searchUsers(tx, filter, order, { after, limit: 51, now: NOW }))
      })
})

describe('a search with a selective filter', () => {
  const walk = async (filter: PeopleFilter, prefix: string, limit: number) => {
    const [names, sizes]: [(string | null)[], number[]] = [[], []]
    let after: People['next'] = null
    do {
      const page: Parameters<typeof searchUsers>[3] = { after, limit, now: NOW }
      const { rows, next }: People = await world.db.tx(scope, (tx) =>
        searchUsers(tx, filter, { by: 'found', prefix }, page),
      )
      names.push(...rows.map(({ username }) => username))
      sizes.push(rows.length)
      after = next
    } while (after !== null)
    return { names, sizes }
  }

  it('returns short pages, which together contain every match once', async () => {
    const { names, sizes } = await walk({ role: 'staff' }, 'p', 5)
    const all = Array.from({ length: PEOPLE / 500 }, (_, n) => `person${(n + 1) * 500}`)
    expect(names).toEqual(all.sort())
    expect(sizes.length).toBeGreaterThan(PEOPLE / 3000)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(5)
  })

  it('without a match ends after empty pages', async () => {
    const { names, sizes } = await walk({ role: 'unused' }, 'person1', 50)
    expect([names, sizes.length > 1]).toEqual([[], true])
  })

  it('without a filter returns full pages, of matches by name and by address', async () => {
    const { names, sizes } = await walk({}, 'name 1999', 3)
    expect(names).toEqual(['person1999', ...Array.from({ length: 10 }, (_, n) => `person1999${n}`)])
    expect(sizes).toEqual([3, 3, 3, 2])
  })
})

describe('members of one organization are found by an index scan', () => {
  const member: CallerScope = {
    userId: 'usr_00000000000000000000000000000004',
    organizationId: ORGANIZATION,
    permissions: [],
    organizationPermissions: ['members:read'],
  }
  const prefixes = ['person1234', 'p', 'zz']
  it('without a search', async () => {
    for (const after of [null, 'usr_1'])
      await assertIndexed((tx) => selectMembers(tx, ORGANIZATION, after, 51), member)
  })
  /** The statistics say that an organization has few members: not all of them may be read. */
  const assertLooksUp = async (read: (tx: Tx) => Promise<unknown>, as: CallerScope | 'system') => {
    await assertIndexed(read, as)
    const plans = await plansOf(read, as)
    const reads = plans
      .flatMap((plan) => [...nodesOf(plan)])
      .filter((node) => node['Relation Name'] === 'memberships')
    expect(reads).not.toEqual([])
    for (const node of reads) expect(node['Index Cond']).toMatch(/\buser_id = (?!ANY)/)
  }
  it.each(prefixes)('in a large one, by %s', async (prefix) => {
    for (const after of [null, ['person1234', 'usr_1']] as const)
      await assertLooksUp((tx) => searchIds(tx, ORGANIZATION, prefix, { after, limit: 51 }), 'system')
    await assertLooksUp((tx) => selectInOrder(tx, ORGANIZATION, ['usr_1', 'usr_2']), member)
  })
  it('returns every match once in a large one, also where most matches are no members', async () => {
    const names: (string | null)[] = []
    let after: Parameters<typeof searchMembers>[3]['after'] = null
    do {
      const page: Parameters<typeof searchMembers>[3] = { after, limit: 500 }
      const { rows, next }: FoundMembers = await world.db.tx(member, (tx) =>
        searchMembers(tx, ORGANIZATION, 'p', page),
      )
      names.push(...rows.map(({ username }) => username))
      after = next
    } while (after !== null)
    expect(names).toEqual(Array.from({ length: PEOPLE / 4 }, (_, n) => `person${4 * (n + 1)}`).sort())
  })
})

describe('the compliance of the members of one organization', () => {
  it.each([null, 'usr_00000000000000000000000000000f00'])(
    'is read by index scans, after %s',
    async (after) => {
      const page = { states: ['past_due'], after, examined: 51, now: NOW }
      await assertIndexed((tx) => selectCompliance(tx, ORGANIZATION, page), 'system')
    },
  )
})

it('domains are found by an index scan', async () => {
  const due = new Date('2030-01-01T00:00:30Z')
  for (const read of [
    (tx: Tx) => selectDomains(tx, ORGANIZATION),
    (tx: Tx) => lockRivals(tx, 'd300.example.com'),
    (tx: Tx) => selectDomainOwner(tx, 'd300.example.com'),
    (tx: Tx) => claimDueDomains(tx, 10, due, due),
  ])
    await assertIndexed(read, 'system')
})

describe('events are found by an index scan', () => {
  const TIME = { from: new Date('2030-01-01T01:00:00Z'), to: new Date('2030-01-01T05:00:00Z') }
  it.each([
    ['all', {}],
    ['a time', TIME],
    ['a common type', { types: ['auth.login.success'] }],
    ['rare types', { types: ['user.locked', 'user.unlocked'] }],
    ['types and a time', { types: ['user.locked', 'auth.login.success'], ...TIME }],
    ['a person', { user_id: 'usr_00000000000000000000000000000005' }],
    ['a person and types', { user_id: 'usr_00000000000000000000000000000005', types: ['user.locked'] }],
    ['a username', { username: 'person5' }],
    ['an address', { ip_address: '10.0.5.5' }],
    ['a session', { session_id: 'ses_5' }],
    ['an organization', { organization_id: 'org_5' }],
    ['a request', { request_id: 'req_5' }],
    ['all together', { types: ['user.locked'], user_id: 'usr_5', username: 'x', ip_address: '10.0.5.5', session_id: 'ses_5', organization_id: 'org_5', request_id: 'req_5', ...TIME }],
  ])('%s', async (_what, filter) => {
    await assertIndexed((tx) => selectEvents(tx, filter, null, 51))
    await assertIndexed((tx) => selectEvents(tx, filter, ['2030-01-01 03:00:00+00', 'aud_5'], 51))
  }) // biome-ignore format: a table
})

describe('a rare value is found by its own index, even if the statistics say that all rows are alike', () => {
  beforeAll(() =>
    world.db.asOwner(async (line) => {
      await line.plain(`
        delete from latchkey.audit_events where event_type <> 'auth.login.success';
        update latchkey.audit_events set user_id = 'usr_1', username = 'one', ip_address = '10.0.0.1', session_id = 'ses_1',
          organization_id = 'org_1', request_id = 'req_1';
        update latchkey.users set status = 'active', locked_at = null`)
      await line.plain('analyze')
    }),
  )
  const indexesOf = async (read: (tx: Tx) => Promise<unknown>): Promise<Set<string>> =>
    new Set((await plansOf(read)).flatMap((plan) => [...nodesOf(plan)].map((node) => node['Index Name'])))

  it.each([
    ['types', { types: ['user.locked', 'user.unlocked'] }],
    ['a person', { user_id: 'usr_2' }],
    ['a username', { username: 'two' }],
    ['an address', { ip_address: '10.0.0.2' }],
    ['a session', { session_id: 'ses_2' }],
    ['an organization', { organization_id: 'org_2' }],
    ['a request', { request_id: 'req_2' }],
  ])('events by %s', async (_what, filter) => {
    for (const after of [null, ['2030-01-01 03:00:00+00', 'aud_5']] as const)
      expect(await indexesOf((tx) => selectEvents(tx, filter, after, 6))).not.toContain('audit_events_at')
  })

  it.each(['disabled', 'pending', 'locked'] as const)('%s people, of a role as well', async (status) => {
    for (const direction of ['asc', 'desc'] as const)
      for (const after of [null, ['2030-01-05 00:00:00+00', 'usr_1']] as const) {
        const page = { after, limit: 6, now: NOW }
        const read = (role?: string) => (tx: Tx) =>
          searchUsers(tx, { status, role }, { by: 'created', direction }, page)
        expect(await indexesOf(read())).not.toContain('users_created')
        const ofRole = await indexesOf(read('viewer'))
        expect(ofRole).toContain(status === 'locked' ? 'role_holders_locked' : 'role_holders_status')
      }
  })
})
