/** The security page: one list, whose rows open, and the page of the password beside it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PASSWORD, startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const html = { headers: { accept: 'text/html' } }
const rowsOf = (text: string) => [...text.matchAll(/<details id="([\w-]+)"( open)?/g)]

describe('the security page', () => {
  it('lists its rows closed, each with its state', async () => {
    const { client, email } = await world.person()
    const { status, text } = await client.get('/account/security', html)
    expect(status).toBe(200)
    expect(rowsOf(text).map(([, id]) => id)).toEqual(
      expect.arrayContaining(['password', 'email', 'recovery']),
    )
    expect(rowsOf(text).every(([, , open]) => open === undefined)).toBe(true)
    expect(text).toMatch(new RegExp(`<summary>[^/]*E-mail</h2><span class="quiet">${email}</span>`))
  })

  it('opens the row that the address names, and confirms a change only by a name that the row has', async () => {
    const { client } = await world.person()
    const opened = await client.get('/account/security?open=password&notice=changed', html)
    expect(
      rowsOf(opened.text)
        .filter(([, , open]) => open)
        .map(([, id]) => id),
    ).toEqual(['password'])
    expect(opened.text).toContain('Password changed.')
    for (const query of ['open=password&notice=%3Cb%3E', 'open=nothing&notice=changed', 'notice=changed']) {
      const { status, text } = await client.get(`/account/security?${query}`, html)
      expect([status, text.includes('role="status"'), text.includes('%3Cb'), text.includes('<b>')]).toEqual([
        200,
        false,
        false,
        false,
      ])
    }
  })

  it('says that the mailbox signs in, by what the server sends', async () => {
    const sentence = 'You can also sign in without your password, by a link or a code that we send'
    const { client } = await world.person()
    expect((await client.get('/account/security', html)).text.split(sentence)).toHaveLength(3)
    const other = await startWorld({ emailSignIn: ['code'] })
    const { text } = await (await other.person()).client.get('/account/security', html)
    expect(text).toContain('without your password, by a code that we send')
    await other.stop()
  })

  it('speaks German', async () => {
    const { client } = await world.person()
    await client.patch('/api/v1/users/me', { locale: 'de' })
    const { text } = await client.get('/account/security', html)
    expect(text).toContain('Wiederherstellung')
  })

  it('requires a session', async () => {
    const { headers } = await world.client().get('/account/security', html)
    expect(headers.get('location')).toBe('/sign-in?return_to=%2Faccount%2Fsecurity')
  })

  it.each(['/account/security/password', '/account/security'])(
    'changes the password by the form sent to %s, and leads back to the open row',
    async (path) => {
      const { client } = await world.person()
      const form = await client.get('/account/security/password', html)
      const csrf = /name="csrf_token" value="([^"]+)"/.exec(form.text)?.[1] ?? ''
      const next = 'a new one of several other words'
      const fields = {
        csrf_token: csrf,
        current_password: PASSWORD,
        new_password: next,
        new_password_confirm: next,
      }
      const sent = await client.post(path, fields, { form: true })
      expect([sent.status, sent.headers.get('location')]).toEqual([
        303,
        '/account/security?open=password&notice=changed',
      ])
    },
  )
})
