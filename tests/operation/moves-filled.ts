/** A database with something of everything, filled through the public surface of a server, for the tests of moves. */
import { sql } from 'kysely'
import { openDatabase } from '../../packages/server/src/base/db/index.ts'
import type { Db, Tx } from '../../packages/server/src/base/db/types.ts'
import type { Config } from '../../packages/server/src/config.ts'
import { createConnectionByOperator } from '../../packages/server/src/features/organizations/connections/index.ts'
import { authorizedCode, type TestApp, testApp } from '../../packages/server/src/testing/apps.ts'
import {
  Authenticator,
  addPasskey,
  signInByPasskey,
} from '../../packages/server/src/testing/authenticator.ts'
import { codeOf, enrolAuthenticator } from '../../packages/server/src/testing/authenticator-app.ts'
import type { Client } from '../../packages/server/src/testing/client.ts'
import { quietLog } from '../../packages/server/src/testing/database.ts'
import { createTestOrganization } from '../../packages/server/src/testing/founding.ts'
import { PASSWORD, type World } from '../../packages/server/src/testing/world.ts'
import { type Node, startNode } from './node.ts'

export const SECRET = 'a secret of the operation tests, thirty-two characters'
const EMAIL = 'ada@example.com'

/** What users and apps have of a server: it must be valid after every move. */
export interface Filled {
  /** The user whom all but the passkey and the factor belong to. */
  userId: string
  session: string
  refresh: string
  apiKey: string
  app: TestApp
  appRefresh: string
  totp: string
  /** How often a code of the app was shown: none is accepted twice. */
  shown: number
  authenticator: Authenticator
}

/** Options of a server that stays the same wherever its data is. */
export const settings = (dataDir: string, port: number): Partial<Config> => ({
  dataDir,
  port,
  publicUrl: `http://localhost:${port}`,
  secret: SECRET,
  emailVerification: 'off',
})

export const startOn = (databaseUrl: string | null, options: Partial<Config>): Promise<Node> =>
  startNode(databaseUrl ?? 'postgres://unused/unused', { ...options, databaseUrl })

const worldOf = ({ app, client }: Node): World =>
  ({ clock: app.tools.clock, db: app.tools.db, client }) as unknown as World

async function register(node: Node, email: string): Promise<Client> {
  const client = node.client()
  const { status, data, text } = await client.post('/api/v1/auth/register', { email, password: PASSWORD })
  if (status !== 201) throw new Error(text)
  client.csrfToken = data.session.csrf_token
  return client
}

export async function fill(node: Node): Promise<Filled> {
  const ada = await register(node, EMAIL)
  const withPasskey = await register(node, 'grace@example.com')
  const withApp = await register(node, 'edsger@example.com')
  const authenticator = new Authenticator()
  await addPasskey(withPasskey, authenticator)
  const { secret: totp } = await enrolAuthenticator(worldOf(node), withApp)
  const { data: me } = await ada.get('/api/v1/auth/me')
  const { tools } = node.app
  const organization = await createTestOrganization(node.app, {
    name: 'Éléphants & Söhne',
    members: [[{ id: me.user.id }, 'owner']],
  })
  await createConnectionByOperator(tools, organization, {
    provider: 'github',
    client_id: 'client-of-ours',
    client_secret: 'what-github-has-given',
  })
  const login = { email: EMAIL, password: PASSWORD, tokens: true }
  const { data: tokens } = await node.client().post('/api/v1/auth/login', login)
  await node.client().post('/api/v1/auth/login', { email: EMAIL, password: 'a wrong guess of a password' })
  await node.client().post('/api/v1/auth/password/forgot', { email: EMAIL })
  const key = await ada.apiKey({ name: 'moved', permissions: [] })
  const app = await testApp(worldOf(node))
  const code = await authorizedCode(ada, app, { scope: 'openid offline_access', prompt: 'consent' })
  const { body: issued, text } = await app.exchange(code)
  if (!issued.refresh_token) throw new Error(text)
  await oddValues(tools.db)
  await node.app.settle()
  return {
    userId: me.user.id,
    session: [...ada.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
    refresh: tokens.refresh_token,
    apiKey: key.secret,
    app,
    appRefresh: issued.refresh_token,
    totp,
    shown: 0,
    authenticator,
  }
}

/** What a copy could lose: microseconds, null beside empty, quotes, braces, numbers of JSON, large values. */
export const oddValues = (db: Db, count = 3): Promise<unknown> =>
  db.tx('system', async (tx) => {
    await sql`insert into latchkey.jobs (id, kind, payload, run_at, created_at, failed_at)
      select 'job_odd' || ${count}::int || '_' || n, '', jsonb_build_object('a', 1.10::numeric, 'b', 1e300::float8, 'text', E'{"\\\\"}\n\t\u2028 ,NULL 😀',
          'none', null, 'large', (select string_agg(md5(n || '/' || m), '') from generate_series(1, 30000) as m)),
        timestamptz '2999-02-03 04:05:06.123456+07', timestamptz '0001-01-01 00:00:00.000001Z', timestamptz 'infinity'
      from generate_series(1, ${count}::int) as n`.execute(tx)
    await sql`update latchkey.users set full_name = E'{"NULL",\\\\x00} \\r\\n''' where username is null and full_name is null`.execute(
      tx,
    )
  })

/** What is answered to each credential, and to the ways of signing in. */
export async function statuses(node: Node, filled: Filled): Promise<Record<string, number>> {
  const { session, refresh, apiKey, app, appRefresh, totp, authenticator } = filled
  const get = async (headers: Record<string, string>) =>
    (await node.client().get('/api/v1/auth/validate', { headers })).status
  const refreshed = await node.client().post('/api/v1/auth/refresh', { refresh_token: refresh })
  filled.refresh = refreshed.data?.refresh_token
  const ofApp = await app.post('/oidc/token', { grant_type: 'refresh_token', refresh_token: appRefresh })
  filled.appRefresh = ofApp.body.refresh_token
  filled.shown += 1
  const { clock } = node.app.tools
  clock.advance(31_000 * filled.shown)
  const browser = node.client()
  const waiting = await browser.post('/api/v1/auth/login', {
    email: 'edsger@example.com',
    password: PASSWORD,
  })
  const { attempt } = waiting.body.error.details
  const code = codeOf(worldOf(node), totp)
  const verified = await browser.post('/api/v1/auth/mfa/verify', { attempt, method: 'totp', code })
  return {
    password: (await node.client().post('/api/v1/auth/login', { email: EMAIL, password: PASSWORD })).status,
    session: await get({ cookie: session }),
    key: await get({ 'x-api-key': apiKey }),
    refresh: refreshed.status,
    app: ofApp.status,
    passkey: (await signInByPasskey(node.client(), authenticator)).status,
    factor: verified.status,
  }
}

/** Every row of every table as text, sorted; read as the server's role, to which row-level security applies. */
export const everyRow = (
  databaseUrl: string | null,
  dataDir: string | null,
): Promise<Record<string, string[]>> =>
  onDatabase(databaseUrl, dataDir, (db) =>
    db.tx('system', async (tx) => {
      const tables: Record<string, string[]> = {}
      for (const name of await tableNames(tx)) {
        const { rows } = await sql<{ row: string }>`select to_jsonb(t)::text || t::text as row
          from ${sql.table(`latchkey.${name}`)} t`.execute(tx)
        tables[name] = rows.map(({ row }) => row).sort()
      }
      return tables
    }),
  )

/** How many rows of each table a caller sees, without permissions; of tables that callers read at all. */
export const rowsSeenBy = (
  databaseUrl: string | null,
  dataDir: string | null,
  userId: string,
): Promise<Record<string, number>> =>
  onDatabase(databaseUrl, dataDir, (db) =>
    db.tx({ userId, organizationId: null, permissions: [] }, async (tx) => {
      const counts: Record<string, number> = {}
      for (const name of await tableNames(tx, 'latchkey_request')) {
        const { rows } = await sql<{ count: number }>`select count(*)::int as count
          from ${sql.table(`latchkey.${name}`)}`.execute(tx)
        counts[name] = rows[0]?.count ?? 0
      }
      return counts
    }),
  )

async function tableNames(tx: Tx, role = 'latchkey_system'): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select relname as name from pg_catalog.pg_class
    where relnamespace = 'latchkey'::regnamespace and relkind = 'r' and relname not in ('migrations', 'unfinished_move')
      and has_table_privilege(${role}, oid, 'select') order by relname`.execute(tx)
  return rows.map(({ name }) => name)
}

async function onDatabase<T>(
  databaseUrl: string | null,
  dataDir: string | null,
  work: (db: Db) => Promise<T>,
): Promise<T> {
  const options = { pool: 1, guardNesting: false, log: quietLog, evenPromoted: true }
  const db = await openDatabase({ ...options, databaseUrl, dataDir })
  try {
    return await work(db)
  } finally {
    await db.close()
  }
}
