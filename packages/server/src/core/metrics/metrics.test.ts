/** The metrics of the server: who reads them, their format, and which series there are. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { samlPeer } from '../../testing/saml-connection.ts'
import { providerKey } from '../../testing/saml-provider.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../testing/world.ts'
import { ensureConnectionKeys } from '../saml/index.ts'

let world: World
let administrator: Person
let secret: string
beforeAll(async () => {
  world = await startWorld()
  administrator = await world.person({ roles: ['super_admin'] })
  secret = (await administrator.client.apiKey({ permissions: ['metrics:read'] })).secret
})
afterAll(() => world.stop())

const read = (authorization = `Bearer ${secret}`) =>
  fetch(`${world.url}/metrics`, { headers: { authorization } })
const seriesOf = (text: string): Record<string, number> =>
  Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
const expiry = (connection: string, owner: string) =>
  `latchkey_saml_certificate_expires_seconds{connection="${connection}",owner="${owner}"}`
const DAY = 86_400

describe('metrics', () => {
  it('are read with a permission, and with nothing less', async () => {
    const other = await administrator.client.apiKey({ permissions: ['audit:read'] })
    const member = await world.person({})
    const statuses = await Promise.all([
      read().then(({ status }) => status),
      read(`Bearer ${other.secret}`).then(({ status }) => status),
      member.client.get('/metrics').then(({ status }) => status),
      world
        .client()
        .get('/metrics')
        .then(({ status }) => status),
    ])
    expect(statuses).toEqual([200, 403, 403, 401])
  })

  it('are in the text format of Prometheus, with what each means', async () => {
    const answered = await read()
    expect(answered.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    const text = await answered.text()
    expect(text).toMatch(/^# HELP latchkey_saml_certificate_expires_seconds Seconds until .+$/m)
    expect(text).toMatch(/^# TYPE latchkey_saml_certificate_expires_seconds gauge$/m)
    expect(text.endsWith('\n')).toBe(true)
  })
})

const all = async () => seriesOf(await (await read()).text())

describe('requests', () => {
  it('are counted by row and status, and timed; a path that no row answers is one series', async () => {
    const {
      'latchkey_http_requests_total{route="/api/v1/users/:id",method="GET",status="404"}': before = 0,
    } = await all()
    const unknown = await world.client().get('/nothing/of/the/kind')
    expect(unknown.status).toBe(404)
    for (const id of ['usr_1', 'usr_2'])
      expect((await administrator.client.get(`/api/v1/users/${id}`)).status).toBe(404)
    await expect
      .poll(
        async () =>
          (await all())['latchkey_http_requests_total{route="/api/v1/users/:id",method="GET",status="404"}'],
      )
      .toBe(before + 2)
    const series = await all()
    expect(series['latchkey_http_request_seconds_count{route="/api/v1/users/:id"}']).toBeGreaterThanOrEqual(2)
    expect(
      series['latchkey_http_requests_total{route="unmatched",method="any",status="404"}'],
    ).toBeGreaterThan(0)
    // no series has a text that a caller has sent
    expect(JSON.stringify(series)).not.toMatch(/usr_1|of\/the\/kind/)
  })
})

describe('sign-ins', () => {
  const signIns = (outcome: string, reason: string) =>
    `latchkey_sign_ins_total{method="password",outcome="${outcome}",reason="${reason}"}`

  it('are counted by what became of them', async () => {
    const { email } = await world.person({ signIn: false })
    const done = signIns('done', '')
    const wrong = signIns('refused', 'AUTHENTICATION_FAILED')
    const before = await all()
    const signIn = (password: string) =>
      world.client().post('/api/v1/auth/login', { username: email, password })
    expect((await signIn(PASSWORD)).status).toBe(200)
    for (let n = 0; n < 2; n++) expect((await signIn('a wrong one of several words')).status).toBe(401)
    const after = await all()
    expect([(after[done] ?? 0) - (before[done] ?? 0), (after[wrong] ?? 0) - (before[wrong] ?? 0)]).toEqual([
      1, 2,
    ])
  })
})

describe('refresh tokens', () => {
  it('are counted by what became of them', async () => {
    const { email } = await world.person({ signIn: false })
    const client = world.client()
    await client.signIn(email, PASSWORD)
    const { data } = await client.post('/api/v1/auth/tokens')
    const outcome = (name: string) => `latchkey_refresh_total{outcome="${name}"}`
    const before = await all()
    const refresh = (refresh_token: unknown) => world.client().post('/api/v1/auth/refresh', { refresh_token })
    expect((await refresh(data.refresh_token)).status).toBe(200)
    expect((await refresh(data.refresh_token)).status).toBe(200)
    expect((await refresh(`rt_${'x'.repeat(43)}`)).status).toBe(401)
    await world.clock.advance('11 seconds')
    expect((await refresh(data.refresh_token)).status).toBe(401)
    const after = await all()
    const grown = ['rotated', 'grace', 'reuse', 'invalid'].map(
      (name) => (after[outcome(name)] ?? 0) - (before[outcome(name)] ?? 0),
    )
    expect(grown).toEqual([1, 1, 1, 1])
  })
})

describe('the state of the server', () => {
  it('tells of the database, its notifications, jobs, keys and limits', async () => {
    const series = await all()
    expect(series).toMatchObject({
      latchkey_db_pool_waiting: 0,
      latchkey_db_unreachable_total: 0,
      'latchkey_listen_up{channel="changes"}': 1,
      'latchkey_listen_up{channel="revocations"}': 1,
      latchkey_revocation_lag_seconds: 0,
      'latchkey_limits_shared{of="requests"}': 1,
      'latchkey_limits_shared{of="sensitive"}': 1,
      latchkey_metrics_unread: 0,
    })
    for (const of of ['statement', 'transaction'])
      expect(series[`latchkey_db_query_seconds_count{of="${of}"}`]).toBeGreaterThan(0)
    expect(series['latchkey_hash_seconds_bucket{le="+Inf"}']).toBeGreaterThan(0)
    const key = series['latchkey_keys_expire_seconds{line="access_token",algorithm="ES256"}']
    expect(key).toBeLessThanOrEqual(30 * DAY)
  })

  it('counts the jobs that are due and have not begun, and since when', async () => {
    const before = await all()
    const now = world.clock.now()
    const due = (id: string, seconds: number) => ({
      id,
      kind: 'of.a.later.version',
      payload: '{}',
      run_at: new Date(now.getTime() - seconds * 1000),
      created_at: now,
    })
    await world.db.tx('system', (tx) =>
      tx
        .insertInto('jobs')
        .values([due('job_metrics_1', 90), due('job_metrics_2', 30), due('job_metrics_3', -600)])
        .execute(),
    )
    const after = await all()
    expect((after.latchkey_jobs_pending ?? 0) - (before.latchkey_jobs_pending ?? 0)).toBeGreaterThanOrEqual(2)
    expect(after.latchkey_jobs_oldest_seconds).toBeGreaterThanOrEqual(90)
    await world.db.tx('system', (tx) =>
      tx.deleteFrom('jobs').where('kind', '=', 'of.a.later.version').execute(),
    )
  })

  it('counts registrations, jobs and what limits refuse', async () => {
    const before = await all()
    const grown = (after: Record<string, number>, name: string) => (after[name] ?? 0) - (before[name] ?? 0)
    await world.person()
    const after = await all()
    expect(grown(after, 'latchkey_registrations_total{by="password"}')).toBe(1)
    expect(
      Object.keys(after).some((name) => name.startsWith('latchkey_jobs_total{kind="') && after[name]),
    ).toBe(true)
  })

  it('has every metric of the reference, and no other', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../../../docs/reference/metrics.md'), 'utf8')
    const listed = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)
    expect(
      world.app.tools.metrics
        .list()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(listed.sort())
  })
})

describe('the process', () => {
  it('tells its version, its memory and its time', async () => {
    const series = await all()
    expect(Object.keys(series).filter((name) => name.startsWith('latchkey_build_info'))).toEqual([
      `latchkey_build_info{version="0.1.0",node="${process.versions.node}"}`,
    ])
    expect(series.latchkey_processes).toBe(1)
    expect(series.latchkey_process_resident_bytes).toBeGreaterThan(20_000_000)
    expect(series['latchkey_process_cpu_seconds{mode="user"}']).toBeGreaterThan(0)
    expect(series['latchkey_hash_tasks{state="waiting"}']).toBe(0)
    expect(series['latchkey_event_loop_delay_seconds{quantile="0.99"}']).toBeGreaterThanOrEqual(0)
  })
})

describe('the expiry of certificates', () => {
  it('is that of the next in use, of the provider and of this server, and follows each change', async () => {
    const now = world.clock.now()
    const [soon, late] = [20, 400].map((days) => providerKey(now, { days }))
    const certificates = [late?.certificate ?? '', soon?.certificate ?? '']
    const { connection } = await samlPeer(world, { saml: { certificates } })
    await ensureConnectionKeys(world.app.tools, connection, now)
    const first = seriesOf(await (await read()).text())
    expect(first[expiry(connection.id, 'provider')]).toBeLessThanOrEqual(20 * DAY)
    expect(first[expiry(connection.id, 'provider')]).toBeGreaterThan(19 * DAY)
    expect(first[expiry(connection.id, 'server')]).toBeGreaterThan(700 * DAY)

    // the expired one is listed beside its successor
    await world.clock.advance('21 days')
    const later = seriesOf(await (await read()).text())[expiry(connection.id, 'provider')]
    expect(later).toBeGreaterThan(370 * DAY)
    await world.clock.advance('380 days')
    expect(seriesOf(await (await read()).text())[expiry(connection.id, 'provider')]).toBeLessThan(0)
    await world.db.tx('system', (tx) =>
      tx.updateTable('connections').set({ status: 'disabled' }).where('id', '=', connection.id).execute(),
    )
    expect(seriesOf(await (await read()).text())).not.toHaveProperty([expiry(connection.id, 'provider')])
  })

  it('is there for each of more connections than are read at once', async () => {
    const { certificate } = providerKey(world.clock.now(), { days: 30 })
    const { connection } = await samlPeer(world, { saml: { certificates: [certificate] } })
    await world.db.tx('system', async (tx) => {
      const row = await tx
        .selectFrom('connections')
        .selectAll()
        .where('id', '=', connection.id)
        .executeTakeFirstOrThrow()
      for (let n = 0; n < 120; n++) {
        const id = `con_${String(n).padStart(32, '0')}`
        await tx
          .insertInto('connections')
          .values({ ...row, id, slug: `many-${n}`, settings: JSON.stringify(row.settings) })
          .execute()
      }
    })
    const series = Object.keys(seriesOf(await (await read()).text()))
    expect(series.filter((one) => one.includes('owner="provider"'))).toHaveLength(121)
  })
})
