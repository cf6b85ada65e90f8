/**
 * Four nodes on one database, each with checked credentials in memory: after 1,200 changes of every kind, each node
 * answers by the change within a second of its commit, and at once by the database while its LISTEN connection is
 * down.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sha256 } from '../packages/server/src/base/crypto.ts'
import { makeKey } from '../packages/server/src/features/access/api-keys/format.ts'
import { Client } from '../packages/server/src/testing/client.ts'
import { withoutListener } from '../packages/server/src/testing/connections.ts'
import { type Nodes, startNodes } from '../packages/server/src/testing/nodes.ts'

const NODES = 4
const PEOPLE = 50
const ROUNDS = 20

let nodes: Nodes
const padded = (n: number) => String(n).padStart(32, '0')
const userId = (n: number) => `usr_${padded(n)}`
const tokenOf = (n: number) => `st_${sha256(`session ${n}`).toString('base64url')}`
const keys = Array.from({ length: PEOPLE + 1 }, () => makeKey('lk', 'live').key)
const organizationId = (n: number) => `org_${padded(n)}`

beforeAll(async () => {
  nodes = await startNodes(NODES, { databasePool: 4 }, { pool: 8 })
  for (let n = 1; n <= PEOPLE; n++) await insert(n)
})
afterAll(() => nodes.stop())

async function insert(n: number): Promise<void> {
  const hash = (text: string) => `\\x${sha256(text).toString('hex')}`
  await nodes.db.asOwner((line) =>
    line.plain(`
      insert into latchkey.users (id, username, username_key, full_name, status, roles, created_at, updated_at)
      values ('${userId(n)}', 'u${n}', 'u${n}', 'name', 'active', '{viewer}', now(), now());
      insert into latchkey.organizations (id, name, slug, created_at, updated_at)
      values ('${organizationId(n)}', 'a', 'o${n}', now(), now());
      insert into latchkey.organization_roles (organization_id, name, permissions, created_at, updated_at)
      values ('${organizationId(n)}', 'own', '{}', now(), now());
      insert into latchkey.memberships (organization_id, user_id, role, joined_at)
      values ('${organizationId(n)}', '${userId(n)}', 'own', now());
      insert into latchkey.sessions (id, user_id, token_hash, organization_id, created_at, authenticated_at, last_seen_at, expires_at, idle_seconds, remember, amr)
      values ('ses_${padded(n)}', '${userId(n)}', '${hash(tokenOf(n))}', '${organizationId(n)}', now(), now(), now(), now() + interval '1 day', 86400, false, '{pwd}');
      insert into latchkey.api_keys (id, user_id, name, environment, hint, token_hash, organization_id, created_at)
      values ('key_${padded(n)}', '${userId(n)}', 'k', 'live', 'lk', '${hash(keys[n] ?? '')}', '${organizationId(n)}', now())`),
  )
}

interface Answer {
  status: number
  roles?: string[]
  organization?: string | null
  permissions?: string[]
}
const ask = async (node: number, n: number, by: 'session' | 'key'): Promise<Answer> => {
  const headers: Record<string, string> =
    by === 'session' ? { authorization: `Bearer ${tokenOf(n)}` } : { 'x-api-key': keys[n] ?? '' }
  const { status, data } = await new Client(nodes.urls[node] ?? '', { headers }).get('/api/v1/auth/validate')
  if (status !== 200) return { status }
  return {
    status,
    roles: data.roles,
    organization: data.organization_id,
    permissions: data.organization_permissions,
  }
}

type Change = [
  name: string,
  run: (n: number) => ReturnType<typeof sql>,
  by: ('session' | 'key')[],
  seen: Partial<Answer>,
]
const BOTH: ('session' | 'key')[] = ['session', 'key']
/** Each change, and what is seen of it; in the order in which one user goes through them. */
const CHANGES: Change[] = [
  ['roles are given', (n) => sql`update users set roles = '{staff}' where id = ${userId(n)}`, BOTH, { roles: ['staff'] }],
  ['a role of the organization permits more', (n) => sql`update organization_roles set permissions = '{members:read}' where organization_id = ${organizationId(n)}`, BOTH, { permissions: ['members:read'] }],
  ['a role of the organization permits less', (n) => sql`update organization_roles set permissions = '{}' where organization_id = ${organizationId(n)}`, BOTH, { permissions: [] }],
  ['the organization is deleted', (n) => sql`update organizations set deleted_at = now(), purge_at = now() + interval '1 day' where id = ${organizationId(n)}`, BOTH, { organization: null }],
  ['the organization is restored', (n) => sql`update organizations set deleted_at = null, purge_at = null where id = ${organizationId(n)}`, BOTH, { organization: 'its own' }],
  ['a membership ends', (n) => sql`delete from memberships where user_id = ${userId(n)}`, BOTH, { organization: null }],
  ['a membership begins', (n) => sql`insert into memberships (organization_id, user_id, role, joined_at) values (${organizationId(n)}, ${userId(n)}, 'own', now())`, BOTH, { organization: 'its own' }],
  ['a policy demands a factor at once', (n) => sql`insert into security_policies (organization_id, mode, grace_days, since, updated_at) values (${organizationId(n)}, 'require_any', 0, now(), now())`, BOTH, { organization: null }],
  ['the member is exempt', (n) => sql`update memberships set mfa = 'exempt' where user_id = ${userId(n)}`, BOTH, { organization: 'its own' }],
  ['the override ends', (n) => sql`update memberships set mfa = 'inherit' where user_id = ${userId(n)}`, BOTH, { organization: null }],
  ['the policy demands nothing', (n) => sql`update security_policies set mode = 'optional' where organization_id = ${organizationId(n)}`, BOTH, { organization: 'its own' }],
  ['a session acts in no organization', (n) => sql`update sessions set organization_id = null where user_id = ${userId(n)}`, ['session'], { organization: null }],
  ['a session acts in one', (n) => sql`update sessions set organization_id = ${organizationId(n)} where user_id = ${userId(n)}`, ['session'], { organization: 'its own' }],
  ['the user is locked', (n) => sql`update users set locked_at = now() where id = ${userId(n)}`, ['key'], { status: 401 }],
  ['the lock ends', (n) => sql`update users set locked_at = null where id = ${userId(n)}`, BOTH, { status: 200 }],
  ['the user is disabled', (n) => sql`update users set status = 'disabled' where id = ${userId(n)}`, ['key'], { status: 401 }],
  ['the user is enabled', (n) => sql`update users set status = 'active' where id = ${userId(n)}`, BOTH, { status: 200 }],
  ['a key expires early', (n) => sql`update api_keys set expires_at = now() where user_id = ${userId(n)}`, ['key'], { status: 401 }],
  ['a key lives longer', (n) => sql`update api_keys set expires_at = null where user_id = ${userId(n)}`, ['key'], { status: 200 }],
  ['a key is revoked', (n) => sql`update api_keys set revoked_at = now() where user_id = ${userId(n)}`, ['key'], { status: 401 }],
  ['a session gets a new token', (n) => sql`update sessions set token_hash = sha256('other' || id::bytea) where user_id = ${userId(n)}`, ['session'], { status: 401 }],
  ['a session gets its token back', (n) => sql`update sessions set token_hash = ${sha256(tokenOf(n))} where user_id = ${userId(n)}`, ['session'], { status: 200 }],
  ['a session ends', (n) => sql`update sessions set ended_at = now(), end_reason = 'revoked' where user_id = ${userId(n)}`, ['session'], { status: 401 }],
  ['the user is deleted', (n) => sql`delete from users where id = ${userId(n)}`, BOTH, { status: 401 }],
] // biome-ignore format: a table

const commit = (change: ReturnType<typeof sql>): Promise<unknown> =>
  nodes.db.tx('system', (tx) => change.execute(tx))

describe('what is no change of a credential', () => {
  it('is not notified: last-seen timestamps, a sign-in, a refresh, what follows a deleted row', async () => {
    const n = PEOPLE + 10
    keys[n] = makeKey('lk', 'live').key
    await insert(n)
    const heard: string[] = []
    const stop = await nodes.db.listen('latchkey_changes', (id) => void heard.push(id))
    await commit(sql`update sessions set last_seen_at = now(), expires_at = greatest(expires_at, created_at)`)
    await commit(sql`update api_keys set last_used_at = now()`)
    await commit(sql`update users set last_login_at = now(), updated_at = now()`)
    await nodes.db.heard()
    expect(heard).toEqual([])
    await commit(sql`delete from organizations where id = ${organizationId(n)}`)
    await commit(sql`delete from users where id = ${userId(n)}`)
    await nodes.db.heard()
    await stop()
    expect(new Set(heard)).toEqual(new Set([organizationId(n), userId(n)]))
  })
})

describe('four nodes', () => {
  it('answer by each of 1,200 changes within a second of its commit', { timeout: 600_000 }, async () => {
    expect(CHANGES.length * PEOPLE).toBe(1200)
    const late: string[] = []
    for (const [name, change, by, seen] of CHANGES) {
      // each node has seen each credential
      for (let n = 1; n <= PEOPLE; n++)
        await Promise.all(nodes.urls.map((_, node) => Promise.all(BOTH.map((kind) => ask(node, n, kind)))))
      for (let from = 1; from <= PEOPLE; from += ROUNDS) {
        const people = Array.from({ length: Math.min(ROUNDS, PEOPLE + 1 - from) }, (_, i) => from + i)
        await Promise.all(people.map((n) => commit(change(n))))
        const committed = performance.now()
        for (const kind of by) {
          await Promise.all(
            nodes.urls.flatMap((_, node) =>
              people.map(async (n) => {
                for (;;) {
                  const asked = performance.now() - committed
                  const answer = await ask(node, n, kind)
                  try {
                    expect(answer).toMatchObject(
                      seen.organization ? { organization: organizationId(n) } : seen,
                    )
                    return
                  } catch (error) {
                    if (asked > 1000)
                      return late.push(`${name}, node ${node}, user ${n} by ${kind}: ${error}`)
                    await pause(5)
                  }
                }
              }),
            ),
          )
        }
      }
    }
    expect(late).toEqual([])
  })

  it('answer from the database while the LISTEN connections are down, and never by older rows afterwards', async () => {
    for (let n = PEOPLE + 1; n <= PEOPLE + 4; n++) {
      keys[n] = makeKey('lk', 'live').key
      await insert(n)
    }
    const people = [1, 2, 3, 4].map((n) => PEOPLE + n)
    const statuses = () =>
      Promise.all(
        nodes.urls.flatMap((_, node) =>
          people.flatMap((n) => BOTH.map(async (by) => (await ask(node, n, by)).status)),
        ),
      )
    const all = (status: number) => Array.from({ length: NODES * people.length * 2 }, () => status)
    expect(await statuses()).toEqual(all(200))
    await withoutListener(nodes.db, async () => {
      await expect.poll(() => nodes.apps.some((app) => app.tools.changes.isCurrent())).toBe(false)
      expect(await statuses()).toEqual(all(200))
      for (const n of people) await commit(sql`update users set status = 'disabled' where id = ${userId(n)}`)
      // at once: nothing may be read from memory
      expect((await statuses()).every((status) => status >= 400)).toBe(true)
    })
    await expect.poll(() => nodes.apps.every((app) => app.tools.changes.isCurrent())).toBe(true)
    expect((await statuses()).every((status) => status >= 400)).toBe(true)
  })
})
