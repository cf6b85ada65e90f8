/** The hosted pages of a user's own passkeys: adding one with the backup codes that come with it, and removing one. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Authenticator } from '../../../testing/authenticator.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { startWorld, type World } from '../../../testing/world.ts'

const LIST = '/account/security/passkeys'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.stop())

const html = { headers: { accept: 'text/html' } }
const send = (client: Client, path: string, fields: Record<string, string> = {}): Promise<Reply> =>
  client.post(path, { csrf_token: client.csrfToken ?? '', ...fields }, { ...html, form: true })
const locationOf = ({ headers }: Reply): string | null => headers.get('location')
const codesIn = ({ text }: Reply): string[] =>
  [...text.matchAll(/<code>([A-Z2-7-]{19})<\/code>/g)].map(([, code = '']) => code)
const codesLeft = async (client: Client): Promise<number> =>
  (await client.get('/api/v1/auth/mfa')).data.backup_codes_remaining

/** The fields of the form that adds a passkey of a new authenticator. */
async function created(client: Client): Promise<{ credential: string }> {
  const { options } = (await client.post('/api/v1/auth/passkeys/register/begin')).data
  return {
    credential: JSON.stringify(new Authenticator().create(options, { origin: world.config.publicUrl })),
  }
}

describe('the page that adds a passkey', () => {
  it('shows backup codes once where the user has none, also as a text file', async () => {
    const { client, id } = await world.person()
    await client.patch('/api/v1/users/me', { full_name: 'Ada' })
    const first = await send(client, `${LIST}/new`, await created(client))
    const codes = codesIn(first)
    expect([first.status, codes.length, await codesLeft(client)]).toEqual([200, 10, 10])
    expect(first.headers.get('cache-control')).toContain('no-store')
    expect(first.text).toContain(`href="${LIST}?done=added"`)
    const file = /href="data:text\/plain;charset=utf-8,([^"]+)" download="backup-codes.txt"/.exec(first.text)
    expect(decodeURIComponent(file?.[1] ?? '').split('\r\n')).toEqual([
      `Backup codes: ${world.config.brandName} · Ada`,
      '',
      ...codes,
      '',
    ])
    const second = await send(client, `${LIST}/new`, await created(client))
    expect([second.status, locationOf(second)]).toEqual([303, `${LIST}?done=added`])
    expect(await world.events(id)).toContain('auth.mfa.backup_codes_created')
  })

  it('shows the codes of one of two that are added at once, which are the valid ones', async () => {
    const { client } = await world.person()
    const forms = [await created(client), await created(client)]
    const replies = await Promise.all(forms.map((fields) => send(client, `${LIST}/new`, fields)))
    const shown = replies.filter((reply) => codesIn(reply).length > 0)
    expect(shown.length).toBeLessThanOrEqual(1)
    expect(await codesLeft(client)).toBe(10)
  })

  it('shows none where the server does not offer them', async () => {
    const other = await startWorld({ mfaMethods: ['passkey'] })
    const { client } = await other.person()
    const { options } = (await client.post('/api/v1/auth/passkeys/register/begin')).data
    const credential = new Authenticator().create(options, { origin: other.config.publicUrl })
    const reply = await send(client, `${LIST}/new`, { credential: JSON.stringify(credential) })
    expect(locationOf(reply)).toBe(`${LIST}?done=added`)
    await other.stop()
  })
})

describe('the removal of a passkey', () => {
  it('says that the backup codes ended with the last one', async () => {
    const { client } = await world.person()
    await send(client, `${LIST}/new`, await created(client))
    const { id } = (await client.get('/api/v1/auth/passkeys')).data[0]
    const removed = await send(client, `${LIST}/${id}/remove`)
    expect(locationOf(removed)).toBe(`${LIST}?done=removed_last`)
    expect((await client.get(locationOf(removed) ?? '', html)).text).toContain('and the backup codes with it')
    expect(await codesLeft(client)).toBe(0)
  })
})
