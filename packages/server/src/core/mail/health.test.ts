/** What administrators and `doctor` learn about e-mails that are not delivered. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startWorld, type World } from '../../testing/world.ts'
import { findMailFault } from './index.ts'

let world: World
beforeAll(async () => {
  // no server listens on the discard port
  world = await startWorld({ smtpUrl: 'smtp://127.0.0.1:9?tls=off' })
})
afterAll(() => world.stop())

const fault = (profile: 'production' | 'testing', smtpUrl: string | null) =>
  findMailFault(world.db.hot, { profile, smtpUrl })
const write = (rows: readonly ['sent' | 'waiting' | 'failed', number, string | null][]) =>
  world.db.tx('system', async (tx) => {
    await tx.deleteFrom('letters').execute()
    for (const [n, [status, attempts, last_error]] of rows.entries()) {
      const at = new Date(world.clock.now().getTime() + n * 1000)
      const id = `ltr_${String(n).padStart(32, '0')}`
      const row = {
        id,
        sealed: null,
        status,
        attempts,
        next_at: at,
        created_at: at,
        sent_at: null,
        last_error,
        user_id: null,
      }
      await tx.insertInto('letters').values(row).execute()
    }
  })

it('is a fault in production without a mail server, and none elsewhere', async () => {
  expect(await fault('production', null)).toEqual({ reason: 'not_configured' })
  expect(await fault('testing', null)).toBeNull()
})

it('is a fault where none of the latest e-mails was delivered', async () => {
  const smtp = 'smtp://mail.example.com'
  await write([])
  expect(await fault('production', smtp)).toBeNull()
  await write([['sent', 1, null], ['waiting', 2, 'refused'], ['failed', 10, 'timed out']]) // biome-ignore format: a table
  expect(await fault('production', smtp)).toBeNull()
  await write([['sent', 1, null], ['waiting', 1, 'a'], ['waiting', 1, 'b'], ['waiting', 2, 'c'], ['waiting', 0, null]]) // biome-ignore format: a table
  expect(await fault('production', smtp)).toEqual({ reason: 'failing', error: 'c' })
})

it.each([
  ['en', 'could not be delivered', 'users cannot confirm an address'],
  ['de', 'konnten nicht zugestellt werden', 'Bis dahin kann niemand'],
])(
  'is on the account page of administrators only, with what to do, in %s',
  async (locale, sentence, consequence) => {
    await write([['waiting', 2, 'connect ECONNREFUSED 127.0.0.1:9']])
    const [admin, user] = await world.people([{ roles: ['super_admin'] }, {}])
    if (!admin || !user) throw new Error('no users')
    for (const { client } of [admin, user]) {
      await client.patch('/api/v1/users/me', { locale })
      client.headers.accept = 'text/html'
    }
    const { text } = await admin.client.get('/account')
    for (const part of [sentence, 'ECONNREFUSED', 'latchkey doctor', consequence])
      expect(text).toContain(part)
    expect((await user.client.get('/account')).text).not.toContain(sentence)
    await write([['sent', 1, null]])
    expect((await admin.client.get('/account')).text).not.toContain(sentence)
  },
)
