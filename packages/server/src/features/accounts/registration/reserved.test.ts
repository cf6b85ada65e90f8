/** Reserved usernames, and the set-up link beside sample users. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createApp } from '../../../app.ts'
import { openTestDatabase, quietLog } from '../../../testing/database.ts'
import { freePort, PASSWORD, startWorld, type World } from '../../../testing/world.ts'
import { createUserByOperator } from './index.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const csrfOf = (text: string) => /name="csrf_token" value="([^"]+)"/.exec(text)?.[1] ?? ''

describe('a reserved username', () => {
  it('is refused at registration and in the profile, in every spelling', async () => {
    const { client, id } = await world.person({ username: 'ordinary' })
    for (const username of ['admin', 'ADMIN', 'r00t', 'Supp0rt', 'post.master']) {
      const body = { email: `${username}@example.com`, password: PASSWORD, username }
      const refusals = [
        await world.client().post('/api/v1/auth/register', body),
        await client.patch('/api/v1/users/me', { username }),
      ]
      for (const { status, body } of refusals)
        expect([status, body.error.details]).toEqual([
          400,
          [expect.objectContaining({ field: 'username', code: 'reserved' })],
        ])
    }
    const page = await client.get('/account')
    client.csrfToken = null
    const save = (fields: Record<string, string>) =>
      client.post('/account', { csrf_token: csrfOf(page.text), ...fields }, { form: true })
    const shown = await save({ username: 'administrator' })
    expect([shown.status, shown.text.includes('This name is reserved')]).toEqual([400, true])
    // what an administrator gave is kept when the profile is saved
    await world.db.tx('system', (tx) =>
      tx.updateTable('users').set({ username: 'root', username_key: 'root' }).where('id', '=', id).execute(),
    )
    expect((await save({ username: 'root', full_name: 'Rosa' })).status).toBe(303)
  })

  it('may be given by an administrator and by the operator', async () => {
    const admin = await world.person({ roles: ['super_admin'] })
    const made = await admin.client.post('/api/v1/users', {
      email: 'help@example.com',
      password: PASSWORD,
      username: 'help',
    })
    expect([made.status, made.data.username]).toEqual([201, 'help'])
    const changed = await admin.client.patch(`/api/v1/users/${made.data.id}`, { username: 'support' })
    expect(changed.data.username).toBe('support')
    const account = { email: 'abuse@example.com', password: PASSWORD, username: 'abuse', verified: true }
    expect((await createUserByOperator(world.app.tools, account)).username).toBe('abuse')
  })

  it('is the first administrator’s by LATCHKEY_ADMIN_USERNAME, who signs in with it', async () => {
    const database = await openTestDatabase()
    const admin = {
      adminEmail: 'ops@example.com',
      adminUsername: 'admin',
      adminPassword: 'from the environment, long',
    }
    const config = { ...world.config, ...admin, port: await freePort() }
    const app = await createApp({ config, log: quietLog, database })
    try {
      const { url } = await app.start()
      const reply = await fetch(`${url}/api/v1/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username: 'admin', password: admin.adminPassword }),
      })
      const { data } = (await reply.json()) as { data: { user: { username: string; role: string } } }
      expect(data.user).toMatchObject({ username: 'admin', role: 'super_admin' })
    } finally {
      await app.stop()
    }
  })
})

describe('the set-up link', () => {
  const sample = { email: 'ines@northwind.example', password: PASSWORD, role: 'super_admin', verified: true }

  it('still works beside sample administrators, and is printed again', async () => {
    const fresh = await startWorld()
    try {
      const link = new URL(String(await fresh.app.setupLink())).pathname
      await createUserByOperator(fresh.app.tools, { ...sample, sample: true })
      const client = fresh.client()
      const page = await client.get(link)
      expect(page.status).toBe(200)
      const again = new URL(String(await fresh.app.setupLink())).pathname
      const form = await client.get(again)
      const fields = { email: 'first@example.com', password: PASSWORD, password_confirm: PASSWORD }
      const made = await client.post(again, { csrf_token: csrfOf(form.text), ...fields }, { form: true })
      expect(made.status).toBe(303)
      expect(await fresh.app.setupLink()).toBeNull()
    } finally {
      await fresh.stop()
    }
  })

  it('says at once that there is an administrator', async () => {
    const fresh = await startWorld()
    try {
      const link = new URL(String(await fresh.app.setupLink())).pathname
      await createUserByOperator(fresh.app.tools, sample)
      const { status, text } = await fresh.client().get(link)
      expect([status, text.includes('An administrator exists already.')]).toEqual([401, true])
      expect(text).not.toContain('<form method="post" action="/setup')
    } finally {
      await fresh.stop()
    }
  })
})
