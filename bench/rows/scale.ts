/**
 * The same requests with ten users and with a million (and as many events, memberships in 10,000 organizations, and
 * members of one further organization): reads along an index take equally long. Two servers take turns on one core,
 * each with a separate database; the figure is the 95th percentile of a turn.
 */
import { createHash } from 'node:crypto'
import { type Bench, median, type Row } from '../harness/bench.ts'
import { startLatchkey } from '../harness/latchkey.ts'
import { query } from '../harness/postgres.ts'
import { requestText } from '../harness/wire.ts'

const FEW = 10
const MANY = 1_000_000
const ORGANIZATIONS = 10_000
/** Rows that one statement inserts. */
const PIECE = 100_000
/** The largest accepted ratio of the two sizes. */
const TOLERANCE = 1.2

const digest = (text: string) => createHash('sha256').update(text).digest()
const tokenOf = (n: number) => `st_${digest(`scale ${n}`).toString('base64url')}`
/** `digest(tokenOf(n))` in SQL. */
const TOKEN_HASH = `sha256(convert_to('st_' || rtrim(translate(encode(sha256(convert_to('scale ' || n, 'UTF8')), 'base64'), '+/', '-_'), '='), 'UTF8'))`
/** Sessions that are checked, spread over all of them. */
const CHECKED = 20_000
const hex = (n: string) => `lpad(to_hex(${n}), 32, '0')`
const ID = hex('n')

/** The organization of everybody. */
const LARGE = ORGANIZATIONS + 1
/** Disabled users besides the others, the oldest of their role. */
const DISABLED = 5

/**
 * Users with an address, an event, two memberships and a session each; the first is an administrator.
 * @param run runs a statement as a superuser
 */
export async function populateScaled(run: (text: string) => Promise<unknown>, people: number): Promise<void> {
  // a page of each list is full in either size
  const organizations = Math.min(ORGANIZATIONS, Math.ceil(people / 5))
  await run(`insert into latchkey.organizations (id, name, slug, created_at, updated_at)
    select 'org_' || ${ID}, 'Organization ' || n, 'org-' || n, now(), now() from generate_series(1, ${organizations}) n`)
  await run(`insert into latchkey.organizations (id, name, slug, created_at, updated_at)
    values ('org_' || ${hex(`${LARGE}`)}, 'Everybody', 'everybody', now(), now())`)
  const disabled = `generate_series(${MANY + 1}, ${MANY + DISABLED}) n`
  await run(`insert into latchkey.users (id, username, username_key, status, roles, created_at, updated_at)
    select 'usr_' || ${ID}, 'former' || n, 'former' || n, 'disabled', array['viewer'], now() - interval '1 year', now() from ${disabled}`)
  await run(`insert into latchkey.emails (id, user_id, address, address_key, is_primary, claimed_at, created_at)
    select 'eml_' || ${ID}, 'usr_' || ${ID}, 'former' || n || '@example.com', 'former' || n || '@example.com', true, now(), now() from ${disabled}`)
  for (let from = 1; from <= people; from += PIECE) {
    const range = `generate_series(${from}, ${Math.min(people, from + PIECE - 1)}) n`
    await run(`insert into latchkey.users (id, username, username_key, full_name, name_key, status, roles, created_at, updated_at)
      select 'usr_' || ${ID}, 'person' || n, 'person' || n, 'Name ' || n, 'name ' || n, 'active',
        case n when 1 then array['super_admin'] else array['viewer'] end, now() - n * interval '1 second', now() from ${range}`)
    await run(`insert into latchkey.emails (id, user_id, address, address_key, is_primary, claimed_at, verified_at, created_at)
      select 'eml_' || ${ID}, 'usr_' || ${ID}, 'person' || n || '@example.com', 'person' || n || '@example.com', true, now(), now(), now() from ${range}`)
    await run(`insert into latchkey.memberships (organization_id, user_id, role, joined_at)
      select 'org_' || ${hex(`1 + n % ${organizations}`)}, 'usr_' || ${ID}, 'member', now() from ${range}`)
    await run(`insert into latchkey.memberships (organization_id, user_id, role, joined_at)
      select 'org_' || ${hex(`${LARGE}`)}, 'usr_' || ${ID}, 'member', now() from ${range}`)
    await run(`insert into latchkey.audit_events (id, at, event_type, user_id, username, organization_id, details)
      select 'aud_' || ${ID}, now() - n * interval '1 second', 'auth.login.success', 'usr_' || ${ID}, 'person' || n,
        'org_' || ${hex(`1 + n % ${organizations}`)}, '{}' from ${range}`)
    await run(`insert into latchkey.sessions (id, user_id, token_hash, created_at, authenticated_at, last_seen_at, expires_at, idle_seconds, remember, amr)
      select 'ses_' || ${ID}, 'usr_' || ${ID}, ${TOKEN_HASH}, now(), now(), now(), now() + interval '1 day', 86400, false, '{pwd}' from ${range}`)
  }
  await run('vacuum analyze')
}

const EVERYBODY = `org_${LARGE.toString(16).padStart(32, '0')}`
const ORGANIZATION = `org_${'2'.padStart(32, '0')}`
/** Requests of the administrator; their answers have the same length in both sizes. */
const LISTS: readonly [what: string, path: string][] = [
  ['user search', '/api/v1/users?search=person&limit=5'],
  ['user search for one', '/api/v1/users?search=person10@&limit=5'],
  ['list of people', '/api/v1/users?limit=5'],
  ['list by role', '/api/v1/users?role=viewer&limit=5'],
  ['list by role and a rare status', '/api/v1/users?role=viewer&status=disabled&limit=5'],
  ['audit page', '/api/v1/audit-logs?event_type=auth.*&limit=5'],
  ['audit page of an organization', `/api/v1/organizations/${ORGANIZATION}/audit-logs?limit=5`],
  ['member list', `/api/v1/organizations/${ORGANIZATION}/members?limit=5`],
  ['member list of a large organization', `/api/v1/organizations/${EVERYBODY}/members?limit=5`],
  ['member search', `/api/v1/organizations/${EVERYBODY}/members?search=person&limit=5`],
  ['member search for one', `/api/v1/organizations/${EVERYBODY}/members?search=person10@&limit=5`],
]

async function sized(bench: Bench, people: number): Promise<{ pid: number; port: number }> {
  const { url, superuserUrl } = await (await bench.postgres()).makeDatabase()
  // one administrator sends all requests
  const env = { LATCHKEY_PROFILE: 'testing', LATCHKEY_RATE_LIMITS: 'off' }
  const dataDir = await bench.folder()
  const server = await startLatchkey({ core: bench.cores.server, databaseUrl: url, dataDir, env })
  bench.onClose(() => server.stop())
  bench.say(`Making ${people.toLocaleString('en')} people …`)
  await populateScaled((text) => query(superuserUrl, text, []), people)
  return server
}

export const scale: Row = {
  name: 'scale',
  title: 'Lists and checks with ten people and with a million',
  async measure(bench) {
    const [few, many] = [await sized(bench, FEW), await sized(bench, MANY)]
    const measured = []
    const figures = []
    const asked = (n: number, path: string) =>
      requestText('GET', path, { authorization: `Bearer ${tokenOf(n)}` })
    const checks = (people: number) =>
      Array.from({ length: Math.min(people, CHECKED) }, (_, at) =>
        asked(1 + Math.floor((at * people) / Math.min(people, CHECKED)), '/api/v1/auth/validate'),
      )
    const plans: [what: string, few: string[], many: string[]][] = [
      ['session check', checks(FEW), checks(MANY)],
      ...LISTS.map(([what, path]): [string, string[], string[]] => [
        what,
        [asked(1, path)],
        [asked(1, path)],
      ]),
    ]
    for (const [what, ofFew, ofMany] of plans) {
      const ratios: number[] = []
      const rounds = []
      await bench.order({ plan: `${what} few`, port: few.port, requests: ofFew })
      await bench.order({ plan: `${what} many`, port: many.port, requests: ofMany })
      for (let round = 0; round <= bench.options.rounds; round++) {
        const small = await bench.round(few.pid, `${what} few`)
        const large = await bench.round(many.pid, `${what} many`)
        // the first turn is a warm-up
        if (round === 0) continue
        ratios.push(large.tally.latency.p95 / small.tally.latency.p95)
        rounds.push(large)
      }
      measured.push({
        contender: `${what}, a million`,
        cpuMicroseconds: median(rounds.map(({ cpu, all }) => cpu / all)),
        perSecond: median(rounds.map(({ completed, seconds }) => completed / seconds)),
        p50: median(rounds.map(({ tally }) => tally.latency.p50)),
        p99: median(rounds.map(({ tally }) => tally.latency.p99)),
      })
      figures.push({
        what: `${what}: p95 of a million ÷ of ten`,
        value: median(ratios),
        unit: '',
        atMost: TOLERANCE,
      } as const)
    }
    return { measured, figures, notes: [] }
  },
}
