/** What is left of a deleted account: the whole database is searched for what is personal. */
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { enrolAuthenticator } from '../packages/server/src/testing/authenticator-app.ts'
import { PASSWORD, startWorld, type World } from '../packages/server/src/testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ trustedProxies: ['127.0.0.1'] })
})
afterAll(() => world.stop())

/** The tables that contain the text, in any column. */
async function tablesWith(text: string): Promise<string[]> {
  return await world.db.tx('system', async (tx) => {
    const { rows } = await sql<{ name: string }>`
      select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'latchkey' and c.relkind = 'r' and has_table_privilege(c.oid, 'select')`.execute(tx)
    const found: string[] = []
    for (const { name } of rows) {
      const hits = await sql`
        select 1 from ${sql.table(`latchkey.${name}`)} t
        where strpos(lower(t::text), lower(${text})) > 0 limit 1`.execute(tx)
      if (hits.rows.length > 0) found.push(name)
    }
    return found.sort()
  })
}

it.each(['the user', 'an administrator'])('leaves nothing personal where %s deletes it', async (by) => {
  const n = by.length
  const [ip, agent, username] = [`192.0.2.${n}`, `Agent-${n}/1.0 (residue)`, `residue.${n}`]
  const email = `${username}@gone.example`
  const { id } = await world.person({ email, username, signIn: false })
  await world.db.tx('system', (tx) =>
    tx
      .updateTable('users')
      .set({ roles: ['super_admin'] })
      .where('id', '=', id)
      .execute(),
  )
  const headers = { 'x-forwarded-for': ip, 'user-agent': agent }
  const client = world.client({ headers })
  await world.client({ headers }).post('/api/v1/auth/login', { email, password: 'wrong' })
  await client.signIn(email, PASSWORD, { tokens: true })
  await client.patch('/api/v1/users/me', {
    full_name: `Residue ${n} Person`,
    profile: { given_name: `Residue ${n}`, address: { locality: `Residue ${n}` } },
  })
  expect(await tablesWith(`Residue ${n}`)).toContain('user_profiles')
  await client.post('/api/v1/auth/password/forgot', { email })
  await client.post('/api/v1/auth/api-keys', { name: 'k', permissions: ['*'] })
  await enrolAuthenticator(world, client, { name: `Residue ${n} phone` })
  await client.post('/api/v1/auth/mfa/enable', { method: 'totp' })
  await world.person({ roles: ['super_admin'], signIn: false })
  // as an administrator, and as a member and an invited person of others' organizations
  const other = await world.person()
  expect((await client.post(`/api/v1/users/${other.id}/lock`)).status).toBe(200)
  expect((await client.post(`/api/v1/users/${other.id}/unlock`)).status).toBe(200)
  const owner = await world.person()
  for (const [name, answer] of [
    ['Joined', 'accept'],
    ['Declined', 'decline'],
    ['Open', null],
  ] as const) {
    // biome-ignore format: a table
    const organization = await world.organization({ name: `${name} ${n}`, members: [[owner, 'owner']] })
    const path = `/api/v1/organizations/${organization}/invitations`
    const { data } = await owner.client.post(path, { email: email.toUpperCase(), role: 'member' })
    if (answer !== null) {
      const done = await client.post(`/api/v1/users/me/invitations/${data.id}/${answer}`)
      expect(done.status, done.text).toBeLessThan(300)
    }
  }
  await world.mailbox.emailsTo(email)
  expect(await tablesWith(email)).toEqual(expect.arrayContaining(['audit_events', 'emails', 'invitations']))
  expect(await tablesWith(ip)).toEqual(expect.arrayContaining(['audit_events', 'sessions']))
  const ofFactors = ['factors', 'totp_secrets']
  expect(await tablesWith(id)).toEqual(expect.arrayContaining(ofFactors))
  if (by === 'the user') {
    expect((await client.delete('/api/v1/users/me', { password: PASSWORD })).status).toBe(200)
  } else {
    const admin = await world.person({ roles: ['super_admin'] })
    const deleted = await admin.client.delete(`/api/v1/users/${id}`)
    expect(deleted.status, deleted.text).toBe(200)
  }
  for (const text of [email, username, ip, agent, `Residue ${n}`])
    expect({ text, left: await tablesWith(text) }).toEqual({ text, left: [] })
  expect((await tablesWith(id)).filter((table) => ofFactors.includes(table))).toEqual([])
})

it('leaves nothing of requests by an API key, ended sessions, failed jobs, an import, earlier names, or sign-ins that found no account', async () => {
  const [agent, ip, username, email] = [
    'Residue-Key/2.0',
    '198.51.100.77',
    'residue.late',
    'residue.late@gone.example',
  ]
  const headers = { 'x-forwarded-for': ip, 'user-agent': agent }
  // before the account exists, its identifiers are those of no account
  for (const identifier of [email.toUpperCase(), ` ${username} `, 'another.identifier'])
    await world.client({ headers }).post('/api/v1/auth/login', { username: identifier, password: 'wrong' })
  const { id } = await world.person({ email, username, signIn: false })
  await world.db.tx('system', (tx) =>
    tx
      .updateTable('users')
      .set({ roles: ['super_admin'] })
      .where('id', '=', id)
      .execute(),
  )
  const client = world.client({ headers })
  await client.signIn(email, PASSWORD)
  const other = await world.person()
  const { data: key } = await client.post('/api/v1/auth/api-keys', { name: 'k', permissions: ['*'] })
  const byKey = world.client({ headers: { ...headers, authorization: `Bearer ${key.api_key}` } })
  expect((await byKey.patch(`/api/v1/users/${other.id}`, { full_name: 'Changed' })).status).toBe(200)
  expect((await client.post(`/api/v1/users/${other.id}/lock`)).status).toBe(200)
  // an earlier name and an earlier address, and a change that waits
  await client.patch('/api/v1/users/me', { username: 'residue.new' })
  const moved = 'residue.moved@gone.example'
  await client.post('/api/v1/users/me/email', { email: moved, password: PASSWORD })
  const token = await world.mailbox.tokenFor(moved, /email-change\?/)
  expect((await world.client().post('/api/v1/auth/email-change', { token })).status).toBe(200)
  await client.post('/api/v1/users/me/email', { email: 'residue.next@gone.example', password: PASSWORD })
  await other.client.post('/api/v1/users/me/email', { email: moved, password: PASSWORD })
  await world.mailbox.emailsTo(email)
  await world.db.tx('system', async (tx) => {
    const at = world.clock.now()
    const failed = { kind: 'emails.resend', run_at: at, created_at: at, failed_at: at, last_error: 'x' }
    await tx
      .insertInto('jobs')
      .values([
        {
          id: 'job_residue_1',
          payload: JSON.stringify({ email: 'Residue.Moved@gone.example', locale: 'en' }),
          ...failed,
        },
        { id: 'job_residue_2', payload: JSON.stringify({ user_id: id }), ...failed },
      ])
      .execute()
    await tx
      .insertInto('imported_users')
      .values({ source: 'csv', external_id: email, user_id: id, digest: Buffer.alloc(32), imported_at: at })
      .execute()
    // as the purge of ended sessions does, later
    await tx.deleteFrom('sessions').where('user_id', '=', id).execute()
  })
  expect(await tablesWith(ip)).toEqual(['audit_events', 'devices'])
  expect(await tablesWith(email)).toEqual(['audit_events', 'emails', 'imported_users'])
  expect(await tablesWith(moved)).toEqual(expect.arrayContaining(['audit_events', 'emails', 'jobs', 'links']))
  const admin = await world.person({ roles: ['super_admin'] })
  expect((await admin.client.delete(`/api/v1/users/${id}`)).status).toBe(200)
  for (const text of [email, moved, 'residue.'])
    expect({ text, left: await tablesWith(text) }).toEqual({ text, left: [] })
  // what names no deleted account stays until the end of the retention
  expect(await tablesWith('another.identifier')).toEqual(['audit_events'])
  expect((await tablesWith(id)).filter((name) => name === 'jobs')).toEqual([])
})
