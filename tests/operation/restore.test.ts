/**
 * A backup of pg_dump that is restored with pg_restore brings back credentials that have ended since; one command, the
 * step of the guide after a restoration, ends them.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runThrough } from '../../packages/server/src/commands/through.ts'
import { tokensRevoke } from '../../packages/server/src/commands/tokens.ts'
import { issueKeyByOperator } from '../../packages/server/src/features/access/api-keys/index.ts'
import { Client, type Reply } from '../../packages/server/src/testing/client.ts'
import { mailbox } from '../../packages/server/src/testing/mailbox.ts'
import { PASSWORD } from '../../packages/server/src/testing/world.ts'
import { type Cluster, startCluster } from '../setup/cluster.ts'
import { createDatabase, type Node, startNode, statement } from './node.ts'

const run = promisify(execFile)
const EMAIL = 'ada@example.com'

let cluster: Cluster
let folder: string
let node: Node
beforeAll(async () => {
  cluster = await startCluster()
  folder = await mkdtemp(join(tmpdir(), 'latchkey-restore-'))
})
afterAll(async () => {
  await node?.stop()
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
})

interface Credentials {
  session: string
  access: string
  refresh: string
  key: string
  link: string
}

/** A session, tokens, an API key and a link of a new user. */
async function issueAll(): Promise<Credentials> {
  const client = node.client()
  await client.post('/api/v1/auth/register', { email: EMAIL, password: PASSWORD })
  const token = await mailbox(node.app).tokenFor(EMAIL, /verify-email/)
  expect((await client.post('/api/v1/auth/verify-email', { token })).status).toBe(200)
  const login = { email: EMAIL, password: PASSWORD, tokens: true }
  const browser = node.client()
  const { data } = await browser.post('/api/v1/auth/login', login)
  const issued = await issueKeyByOperator(node.app.tools, EMAIL, { name: 'backup', permissions: [] })
  await node.client().post('/api/v1/auth/password/forgot', { email: EMAIL })
  return {
    session: [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
    access: data.access_token,
    refresh: data.refresh_token,
    key: issued.api_key,
    link: await mailbox(node.app).tokenFor(EMAIL, /reset-password/),
  }
}

const me = (headers: Record<string, string>): Promise<Reply> =>
  new Client(node.url).get('/api/v1/auth/validate', { headers })

let passwords = 0
/** The answer to the use of each credential. A reset repeated with the same password would be answered as the first. */
async function use({ session, access, refresh, key, link }: Credentials): Promise<Record<string, number>> {
  const password = `another correct horse battery staple ${++passwords}`
  const reset = () => node.client().post('/api/v1/auth/password/reset', { token: link, password })
  return {
    session: (await me({ cookie: session })).status,
    access: (await me({ authorization: `Bearer ${access}` })).status,
    key: (await me({ 'x-api-key': key })).status,
    refresh: (await node.client().post('/api/v1/auth/refresh', { refresh_token: refresh })).status,
    // last: it ends the sessions
    link: (await reset()).status,
  }
}

async function revokeAllBefore(databaseUrl: string, values: Record<string, string | boolean>) {
  if (tokensRevoke.on !== 'tools') throw new Error('not a command on the tools')
  const config = { ...node.app.tools.config, databaseUrl }
  return await runThrough(tokensRevoke, { values, positionals: [] }, config)
}

describe('what a restored backup brings back', () => {
  it('is valid, until `tokens revoke --all-before` ends it; what is issued afterwards is not affected', async () => {
    const databaseUrl = await createDatabase(cluster, 'original')
    node = await startNode(databaseUrl, { publicUrl: 'http://localhost:4000' })
    const credentials = await issueAll()
    const file = join(folder, 'backup')
    const to = (database: string) => ['-d', `${cluster.superuserUrl}${database}`]
    await run(join(cluster.bin, 'pg_dump'), ['-Fc', '-f', file, ...to('original')])
    // every credential ends after the backup
    expect(Object.values(await use(credentials))).toEqual([200, 200, 200, 200, 200])
    await revokeAllBefore(databaseUrl, { 'all-before': 'now', 'api-keys': true })
    const over = await use(credentials)
    expect(Object.values(over).every((status) => status >= 400)).toBe(true)
    await node.stop()

    const restored = await createDatabase(cluster, 'restored')
    await run(join(cluster.bin, 'pg_restore'), ['--no-owner', '--role=latchkey', ...to('restored'), file])
    await statement(`${cluster.superuserUrl}restored`, 'analyze')
    node = await startNode(restored, { publicUrl: 'http://localhost:4000' })
    // the replay, of all but the link, which would change the password
    const { session, access, key } = credentials
    const replay = [{ cookie: session }, { authorization: `Bearer ${access}` }, { 'x-api-key': key }]
    for (const headers of replay) expect((await me(headers)).status).toBe(200)

    const outcome = await revokeAllBefore(restored, { 'all-before': 'now' })
    expect(outcome.json).toMatchObject({
      sessions: 1,
      refresh_families: 1,
      links: 1,
      api_keys: 0,
      signing_keys: true,
    })
    await expect
      .poll(() => use(credentials))
      .toEqual({ session: 401, access: 401, key: 200, refresh: 401, link: 401 })
    const login = await node
      .client()
      .post('/api/v1/auth/login', { email: EMAIL, password: PASSWORD, tokens: true })
    expect(login.status).toBe(200)
    expect((await me({ authorization: `Bearer ${login.data.access_token}` })).status).toBe(200)

    const second = await revokeAllBefore(restored, { 'all-before': '2020-01-01', 'api-keys': true })
    expect(second.json).toMatchObject({ sessions: 0, refresh_families: 0, api_keys: 0 })
    const third = await revokeAllBefore(restored, { 'all-before': 'now', 'api-keys': true })
    expect(third.json).toMatchObject({ sessions: 1, api_keys: 1 })
    expect((await me({ 'x-api-key': key })).status).toBe(401)
    const { rows } = await sql<{ details: { before: string } }>`
      select details from latchkey.audit_events where event_type = 'auth.revoked_before' order by id`.execute(
      node.app.tools.db.hot,
    )
    expect(rows).toHaveLength(3)
    expect(rows[1]?.details.before).toBe('2020-01-01T00:00:00.000Z')
  })

  it.each(['tomorrow', '2999-01-01T00:00:00Z', '2026-13-01', ''])(
    'is not ended before %j, which is no past time',
    async (text) => {
      await expect(revokeAllBefore(`${cluster.baseUrl}restored`, { 'all-before': text })).rejects.toThrow(
        '--all-before takes',
      )
    },
  )
})
