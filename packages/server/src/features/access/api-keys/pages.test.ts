/** The pages of one's API keys as a browser without a script uses them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stepUp } from '../../../testing/step-up.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const PATH = '/account/api-keys'
const html = { accept: 'text/html' }
const open = ({ client }: Person, path = PATH) => client.get(path, { headers: html })
const send = ({ client }: Person, path: string, fields: Record<string, string>) =>
  client.post(path, { csrf_token: client.csrfToken ?? '', ...fields }, { form: true, headers: html })
const FIELDS = {
  name: 'My program',
  description: '',
  environment: 'live',
  expires_in: '90d',
  access: 'some',
  more_permissions: '',
}
const keyIn = (text: string): string => /lk_(?:live|test)_[0-9A-Za-z]{32}/.exec(text)?.[0] ?? ''
const validate = (key: string) =>
  world.client().get('/api/v1/auth/validate', { headers: { 'x-api-key': key } })

async function staff(): Promise<Person> {
  const person = await world.person()
  await world.db.tx('system', (tx) =>
    tx
      .updateTable('users')
      .set({ roles: ['staff'] })
      .where('id', '=', person.id)
      .execute(),
  )
  return person
}

describe('the page of API keys', () => {
  it('is in the account’s navigation, and offers the user’s permissions', async () => {
    const person = await staff()
    expect((await open(person, '/account')).text).toContain('href="/account/api-keys"')
    const { text } = await open(person)
    for (const permission of ['analytics:read', 'chat:*', 'concerns:*', 'dashboard:read'])
      expect(text).toMatch(
        new RegExp(`name="permission_\\d" type="checkbox" value="${permission.replace('*', '\\*')}"`),
      )
    expect(text).not.toContain('users:*')
  })

  it('creates a key with the selected permissions and shows it once', async () => {
    const person = await staff()
    const made = await send(person, PATH, {
      ...FIELDS,
      permission_1: 'chat:*',
      more_permissions: 'concerns:read, dashboard:read',
    })
    expect([made.status, made.headers.get('cache-control')]).toEqual([200, 'no-store'])
    const key = keyIn(made.text)
    expect((await validate(key)).data.permissions).toEqual(['chat:*', 'concerns:read', 'dashboard:read'])
    const list = await open(person)
    expect(list.text).toContain('My program')
    expect(keyIn(list.text)).toBe('')
    const all = keyIn((await send(person, PATH, { ...FIELDS, access: 'all', expires_in: 'never' })).text)
    expect((await validate(all)).data).toMatchObject({
      expires_at: null,
      permissions: expect.arrayContaining(['analytics:read']),
    })
  })

  it('keeps the input of a form that is refused', async () => {
    const person = await staff()
    const refused = await send(person, PATH, {
      ...FIELDS,
      permission_1: 'chat:*',
      more_permissions: 'users:read',
    })
    expect(refused.status).toBe(403)
    expect(refused.text).toContain('You do not have this permission yourself: users:read')
    expect(refused.text).toContain('value="My program"')
    expect(refused.text).toMatch(/name="permission_1" type="checkbox" value="chat:\*" checked/)
    expect(refused.text).not.toMatch(/name="permission_0"[^>]*checked/)
    const nameless = await send(person, PATH, { ...FIELDS, name: ' ', more_permissions: 'garbage' })
    expect(nameless.text).toContain('href="#field-name"')
    expect(nameless.text).toContain('href="#field-more_permissions"')
  })

  it('replaces and revokes a key', async () => {
    const person = await staff()
    const key = keyIn((await send(person, PATH, FIELDS)).text)
    const id = (await validate(key)).data.key_id
    const page = await open(person, `${PATH}/${id}`)
    expect(page.text).toContain(`action="${PATH}/${id}/rotate"`)
    const rotated = keyIn((await send(person, `${PATH}/${id}/rotate`, { grace: '3600' })).text)
    expect([(await validate(key)).status, (await validate(rotated)).status]).toEqual([200, 200])
    expect((await open(person, `${PATH}/${id}`)).text).not.toContain(`action="${PATH}/${id}/rotate"`)
    const revoked = await send(person, `${PATH}/${id}/revoke`, {})
    expect([revoked.status, revoked.headers.get('location')]).toEqual([303, `${PATH}?revoked=1`])
    expect((await validate(key)).status).toBe(401)
    expect((await open(person, `${PATH}?revoked=1`)).text).toContain('API key revoked.')
    expect((await open(person, `${PATH}/${id}`)).status).toBe(404)
  })

  it('requires a further proof where the last one is too old, and then does what was sent', async () => {
    const person = await staff()
    const key = keyIn((await send(person, PATH, FIELDS)).text)
    const id = (await validate(key)).data.key_id
    await world.clock.advance('11 minutes')
    const { text } = await open(person)
    expect(text).not.toContain('name="access"')
    expect(text).toContain('href="/step-up?return_to=%2Faccount%2Fapi-keys"')
    const late = await send(person, `${PATH}/${id}/rotate`, { grace: '0' })
    expect([late.status, late.headers.get('location')]).toEqual([303, '/step-up'])
    expect((await validate(key)).status).toBe(200)
    const { fields, action } = await stepUp(person.client)
    expect(action).toBe(`${PATH}/${id}/rotate`)
    const rotated = await person.client.post(action, fields, { form: true, headers: html })
    expect([rotated.status, (await validate(keyIn(rotated.text))).status]).toEqual([200, 200])
    expect((await validate(key)).status).toBe(401)
  })

  it('is shown in German', async () => {
    const person = await staff()
    await person.client.patch('/api/v1/users/me', { locale: 'de' })
    expect((await open(person)).text).toContain('Neuer API-Schlüssel')
  })
})
