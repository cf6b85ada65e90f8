/** The notice about required second factors, on the pages of the account, of its security and of the organization. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { enrolAuthenticator } from '../testing/authenticator-app.ts'
import { type Person, startWorld, type World } from '../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const html = { headers: { accept: 'text/html' } }
const ACCOUNT = ['/account', '/account/security']

/** An organization that requires a second factor, and a member of it who has none. */
async function requiring(policy: object): Promise<{ member: Person; id: string; path: string }> {
  const [owner, member] = (await world.people(2)) as [Person, Person]
  await enrolAuthenticator(world, owner.client)
  const id = await world.organization({
    members: [
      [owner, 'owner'],
      [member, 'member'],
    ],
  })
  const reply = await owner.client.patch(`/api/v1/organizations/${id}/security-policy`, policy)
  expect(reply.status, reply.text).toBe(200)
  return { member, id, path: `/account/organizations/${id}` }
}
const alertOf = (text: string): string =>
  (/<div class="alert info" role="status">(.*?)<\/div>/s.exec(text)?.[1] ?? '').replace(
    /<time[^>]*>|<\/time>/g,
    '',
  )

describe('the notice about a required second factor', () => {
  it('names the organization, what it requires and until when, with a button for each', async () => {
    const { member, id, path } = await requiring({ mode: 'require_any', grace_days: 14 })
    const name = (await member.client.get(`/api/v1/organizations/${id}`)).data.name
    for (const page of [...ACCOUNT, path]) {
      const notice = alertOf((await member.client.get(page, html)).text)
      expect(notice, page).toContain(`${name} requires a passkey or an authenticator app by 15 Jun 2030.`)
      expect(notice).toContain('href="/account/security/passkeys/new"')
      expect(notice).toContain('href="/account/security/totp"')
    }
    await member.client.patch('/api/v1/users/me', { locale: 'de' })
    expect(alertOf((await member.client.get('/account', html)).text)).toContain(
      `${name} verlangt bis 15.06.2030 einen Passkey oder eine Authenticator-App.`,
    )
  })

  it('ends with the factor', async () => {
    const { member, path } = await requiring({
      mode: 'require_totp',
      allowed_methods: ['totp'],
      grace_days: 14,
    })
    expect(alertOf((await member.client.get('/account', html)).text)).not.toContain('passkey')
    await enrolAuthenticator(world, member.client)
    for (const page of [...ACCOUNT, path])
      expect(alertOf((await member.client.get(page, html)).text), page).toBe('')
  })

  it('is about one’s own account: not for a member who complies, nor on another organization’s page', async () => {
    const { member } = await requiring({ mode: 'require_passkey', grace_days: 14 })
    const other = await world.organization({ members: [[member, 'member']] })
    const notice = alertOf((await member.client.get('/account', html)).text)
    expect(notice).toContain('requires a passkey by')
    expect(notice).not.toContain('/account/security/totp')
    expect(alertOf((await member.client.get(`/account/organizations/${other}`, html)).text)).toBe('')
    const stranger = await world.person()
    expect(alertOf((await stranger.client.get('/account', html)).text)).toBe('')
  })

  it('tells that it is due, once the days of grace have ended', async () => {
    const { member } = await requiring({ mode: 'require_any', grace_days: 0, notify_days_before: [] })
    expect(alertOf((await member.client.get('/account', html)).text)).toContain(
      'requires a passkey or an authenticator app from now on.',
    )
  })

  it('escapes the name of an organization', async () => {
    const { member, id } = await requiring({ mode: 'require_any', grace_days: 14 })
    await world.db.tx('system', (tx) =>
      tx.updateTable('organizations').set({ name: '<b>Acme</b>' }).where('id', '=', id).execute(),
    )
    expect(alertOf((await member.client.get('/account', html)).text)).toContain('&lt;b>Acme&lt;/b> requires')
  })
})
