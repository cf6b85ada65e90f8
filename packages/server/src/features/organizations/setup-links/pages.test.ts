/** The page of set-up links: owners make, see and revoke them; others may not, here and in another organization. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { HTML } from '../../../testing/federation.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
let owner: Person
let admin: Person
let member: Person
let neighbour: Person
let id: string
beforeAll(async () => {
  world = await startWorld()
  owner = await world.person()
  admin = await world.person()
  member = await world.person()
  neighbour = await world.person()
  id = await world.organization({
    name: 'Engines',
    members: [[owner, 'owner'], [admin, 'admin'], [member, 'member']],
  })
  await world.organization({ members: [[neighbour, 'owner']] })
}) // biome-ignore format: members
afterAll(() => world.stop())

const at = (part = '') => `/account/organizations/${id}/connections/setup-links${part}`
const api = () => `/api/v1/organizations/${id}/connections/setup-links`
const NEW = { intent: 'both', provider: '', expires_in: '7d', email: '', locale: 'en' }
const form = { form: true, ...HTML }

const tokenOf = async (client: Client): Promise<string> => (await client.get('/csrf')).data.csrf_token

/** The fields of the form for a new link, with its id and its token. */
async function newForm(client: Client): Promise<Record<string, string>> {
  const { text } = await client.get(at(), HTML)
  const [, link_id = ''] = /name="link_id" value="(lnk_[0-9a-f]{32})"/.exec(text) ?? []
  return { link_id, csrf_token: await tokenOf(client), ...NEW }
}
const linkIn = (text: string): string =>
  /\/setup\/connection\/lnk_[0-9a-f]{32}\.[\w-]{43}/.exec(text)?.[0] ?? ''

describe('the page of set-up links', () => {
  it('makes a link, which it shows once, and lists and revokes it', async () => {
    expect((await owner.client.get(`/account/organizations/${id}/connections`, HTML)).text).toContain(at())
    const made = await owner.client.post(at(), { ...(await newForm(owner.client)), provider: 'entra' }, form)
    expect([made.status, made.headers.get('cache-control')]).toEqual([200, 'no-store'])
    const path = linkIn(made.text)
    expect((await world.client().get(path, HTML)).status).toBe(200)
    const list = (await owner.client.get(at(), HTML)).text
    expect(list).toContain('Microsoft Entra ID')
    expect(list).not.toContain(path.split('.')[1])
    const [link] = (await owner.client.get(api())).data
    expect(list).toContain(`${at(`/${link.id}/revoke`)}"`)
    const csrf_token = await tokenOf(owner.client)
    const revoked = await owner.client.post(at(`/${link.id}/revoke`), { csrf_token }, form)
    expect(revoked.headers.get('location')).toBe(`${at()}?done=setup_revoked`)
    // sent twice
    const again = await owner.client.post(at(`/${link.id}/revoke`), { csrf_token }, form)
    expect([again.status, again.headers.get('location')]).toEqual([303, at()])
    expect((await world.client().get(path, HTML)).status).toBe(410)
  })

  it('makes one link of a form that is sent eight times at once', async () => {
    const fields = await newForm(owner.client)
    const replies = await Promise.all(Array.from({ length: 8 }, () => owner.client.post(at(), fields, form)))
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 303, 303, 303, 303, 303, 303, 303])
    expect(replies.filter(({ text }) => linkIn(text) !== '')).toHaveLength(1)
    expect((await owner.client.get(api())).data).toMatchObject([{ id: fields.link_id }])
    // the id of another organization's link makes none, and shows nothing of it
    const other = await world.person()
    const theirs = await world.organization({ members: [[other, 'owner']] })
    const place = `/account/organizations/${theirs}/connections/setup-links`
    const csrf_token = await tokenOf(other.client)
    const taken = await other.client.post(place, { ...fields, csrf_token }, form)
    expect([taken.status, taken.text]).toEqual([409, expect.stringContaining('No open links.')])
  })

  it('sends it in the language that was chosen, and refuses what is no address', async () => {
    const fields = { ...(await newForm(owner.client)), email: 'it@customer.example', locale: 'de' }
    const { text } = await owner.client.post(at(), fields, form)
    expect(text).toContain('It was sent to it@customer.example.')
    expect((await world.mailbox.emailTo('it@customer.example')).text).toContain('Einrichtung beginnen')
    const wrong = { ...(await newForm(owner.client)), email: 'no address', expires_in: '3d' }
    const refused = await owner.client.post(at(), wrong, form)
    expect(refused.status).toBe(400)
    expect(refused.text).toContain('value="no address"')
    expect((await owner.client.post(at(), { ...wrong, email: '', expires_in: '30d' }, form)).status).toBe(400)
  })

  it('is read without forms by an admin, and not by members and neighbours, who can make and revoke none', async () => {
    const fields = await newForm(owner.client)
    const [link] = (await owner.client.get(api())).data
    const shown = await admin.client.get(at(), HTML)
    expect([shown.status, /<form[^>]*setup-links/.test(shown.text)]).toEqual([200, false])
    expect((await member.client.get(at(), HTML)).status).toBe(403)
    expect((await neighbour.client.get(at(), HTML)).status).toBe(404)
    expect((await world.client().get(at(), HTML)).headers.get('location')).toContain('/sign-in?')
    const before = (await owner.client.get(api())).data
    for (const [{ client }, status] of [[admin, 403], [member, 403], [neighbour, 404]] as const) {
      const csrf_token = await tokenOf(client)
      const forms: [string, object][] = [[at(), { ...fields, link_id: '' }], [at(`/${link.id}/revoke`), {}]]
      for (const [path, sent] of forms)
        expect([path, (await client.post(path, { ...sent, csrf_token }, form)).status]).toEqual([path, status])
    } // biome-ignore format: tables
    expect((await owner.client.get(api())).data).toEqual(before)
  })

  it('says when there are too many', async () => {
    while ((await owner.client.post(api(), {})).status === 201);
    const refused = await owner.client.post(at(), await newForm(owner.client), form)
    expect([refused.status, refused.text]).toEqual([409, expect.stringContaining('too many open links')])
  })
})
